#!/usr/bin/env bash
# Compares network sizes, each with and without augmentation and dropout: 64 runs, 30 to 60 min on the default family
# on two cores, minutes on a GPU server. The same command resumes an interrupted grid.
#
#   bash train_grid.sh [OPTION...]     options are passed to every run and replace the array of the same name
#   bash train_grid.sh --dry-run       shows what would run; bash train_grid.sh --help explains everything
set -euo pipefail
AUGMENT=(on off)
REGULARIZE=(on off)
FILTERS=("4 4 4 4" "4 4 8 8" "8 8 16 16" "8 16 32 64")
DENSE=(16 32 64 128)

exec bash "$(dirname "$0")/../grid_search/start.sh" classifier_cnn.train \
  --augment "${AUGMENT[@]}" --regularize "${REGULARIZE[@]}" --filters "${FILTERS[@]}" --dense "${DENSE[@]}" \
  --export keras "$@"
