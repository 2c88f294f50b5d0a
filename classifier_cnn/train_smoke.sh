#!/usr/bin/env bash
# Checks that everything works: 2 x 2 short runs on the synthetic dataset, tracked locally; about two minutes on a
# laptop, without an internet connection.
#
#   bash train_smoke.sh [OPTION...]     options are passed to every run
set -euo pipefail
FILTERS=("4 4 8 8" "8 8 16 16")
DENSE=(16 32)

exec bash "$(dirname "$0")/../grid_search/start.sh" classifier_cnn.train \
  --filters "${FILTERS[@]}" --dense "${DENSE[@]}" \
  --dataset synthetic --tracking local --experiment classifier_cnn_smoke --epochs 3 --export none "$@"
