#!/usr/bin/env bash
# Trains on the team's default family, tracked in an experiment of the same name: 16 runs, 8 to 20 min on two cores.
# The same command resumes an interrupted grid.
#
#   bash train_yuv422_y_only_16x16_combined.sh [OPTION...]     options are passed to every run
set -euo pipefail
DATASET=classification_patches_yuv422_y_only_pil_legacy_border0_combined_16x16
FILTERS=("4 4 4 4" "4 4 8 8" "8 8 16 16" "8 16 32 64")
DENSE=(16 32 64 128)

exec bash "$(dirname "$0")/../grid_search/start.sh" classifier_cnn.train \
  --filters "${FILTERS[@]}" --dense "${DENSE[@]}" \
  --dataset "$DATASET" --experiment "$DATASET" --export keras "$@"
