#!/usr/bin/env bash
# The last line of every grid script calls this: it runs the grid of ARGUMENTS from any working directory. Any python3
# will do; it restarts itself in the right environment.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$(command -v python3 || command -v python || echo "$root/.venv/bin/python")
exec "$python" "$root/grid_search" "$@"
