#!/usr/bin/env bash
# Builds every family of datasets with the ball's radius and centre: 2 colours x (legacy: 3 cameras, segmentation:
# bottom camera) x 3 borders x 2 sizes.
#
# Usage:  ./create_datasets.sh ROOTS OUTPUT_DIR [more options of create_datasets.py]
#   ROOTS       folder with legacy_border0/, legacy_border10/, ..., segmentation_border20/, each with top/ and bottom/;
#               missing folders are skipped with a message
#   OUTPUT_DIR  folder in which detection/ is created
#
# Example: ./create_datasets.sh ~/naoth_patches ~/datasets --tk03 ~/tk03.pkl
# For each root, it takes about a minute per 100,000 patches on two cores.
set -euo pipefail

if [[ $# -lt 2 || $1 == -* || $2 == -* ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$(command -v python3 || command -v python || echo "$here/../../.venv/bin/python")
roots=$1
output=$2
shift 2

exec "$python" "$here/create_datasets.py" --naoth "$roots" --output-dir "$output" \
  --color yuv422_y_only_pil yuv422_pil \
  --type legacy segmentation \
  --border 0 10 20 \
  --camera combined top bottom \
  --size 16 32 \
  "$@"
