#!/usr/bin/env bash
# What every grid script ends with: `python -m grid_search ARGUMENTS`, from wherever it is started, with the active
# environment, else the repository's .venv (grid_search finds it), else the python of an image.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$(command -v python || command -v python3 || true)
[ -n "$python" ] || python=$root/.venv/bin/python
[ -x "$python" ] || { echo "error: there is no python. Run make setup in $root first." >&2; exit 2; }
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -P -m grid_search "$@"
