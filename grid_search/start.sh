#!/usr/bin/env bash
# The last line of every grid script calls this script, which starts a grid with its arguments from any directory. Any
# python3 will do, because the grid restarts itself in the right environment.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$(command -v python3 || command -v python || echo "$root/.venv/bin/python")
exec "$python" "$root/grid_search" "$@"
