#!/usr/bin/env bash
# What every grid script ends with: the grid of ARGUMENTS, from wherever it is started. Whatever python3 this is, it
# starts again in the right environment.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$(command -v python3 || command -v python || echo "$root/.venv/bin/python")
exec "$python" "$root/grid_search" "$@"
