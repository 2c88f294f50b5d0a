"""Leaves out each venue in turn, trains on the other venues, and writes the model's scores for the venue left out."""

import re
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from classifier_cnn.data import load_data
from classifier_cnn.metrics import curve, evaluate, false_positive_interval, recall_at_fpr
from classifier_cnn.options import Options
from classifier_cnn.threshold import choose_threshold
from classifier_cnn.training import build, prepare
from common.atomic_files import new_folder, write_json
from common.cli.printable import printable
from common.datasets.patch_file import concatenate
from common.datasets.validation_split import split_validation
from common.errors import UserError
from common.runs.bootstrap import bootstrap_interval
from common.training import devices_and_seeds
from common.training.epochs_and_checkpoints import fit
from common.training.predictor import make_predictor

BALLS, NEGATIVES = 30, 100  # venues with fewer balls or fewer negatives are pooled
POOLED = "(the others)"


def leave_each_out(options: Options, pattern: str) -> None:
    """Trains one network per venue on all other venues, prints the results and writes scores.json.

    The venue with the worst result is printed first.

    `pattern` finds the venue in the name of a recording.

    Raises:
        UserError: the patches cannot be used, or there are fewer than two venues.
    """
    patches = concatenate(list(load_data(options).parts.values()))
    told = find_venues(patches.y, patches.recording, pattern)
    folder = new_folder(options.output_dir / "venues")
    tf.get_logger().setLevel("ERROR")  # otherwise TensorFlow warns that every venue compiles its own network
    rows = []
    for venue in sorted(set(told.tolist()) - {""}):
        inside = told == venue
        print(f"without {printable(venue)}: {inside.sum():,} of {len(patches):,} patches are left out")
        rows.append({"venue": venue} | _left_out(options, patches.take(~inside), patches.take(inside)))
        rows.sort(key=lambda row: row["recall_at_limit"])
        write_json(folder / "scores.json", {"options": options.as_json(), "digest": patches.digest, "venues": rows})
    print("\n" + table(rows, options.max_fpr))
    print(f"all numbers: {folder / 'scores.json'}")


def find_venues(labels, recording, pattern: str):
    """Returns the venue of each patch, str [n].

    Venues with too few patches are `POOLED`, and so are recordings that do not match the pattern. If even the pool has
    too few patches, the venue of its patches is "", and they are always used for training.

    Raises:
        UserError: the recordings are unknown, or there are fewer than two venues with enough patches.
    """
    if recording is None:
        raise UserError("The files name no recordings, so the venues of the patches are unknown. Received: --group.")
    names, members = np.unique(recording, return_inverse=True)
    found = [re.search(pattern, str(name)) for name in names]
    told = np.array([(match and match[1]) or POOLED for match in found])[members.reshape(-1)]
    balls = np.asarray(labels).reshape(-1) == 1
    for others in (POOLED, ""):  # small venues are pooled; if the pool is still too small, it is never left out
        for venue in set(told.tolist()):
            there = told == venue
            if (there & balls).sum() < BALLS or (there & ~balls).sum() < NEGATIVES:
                told = np.where(there, others, told)
    if len(set(told.tolist()) - {""}) < 2:
        raise UserError(
            f"--group finds fewer than two venues with {BALLS} balls and {NEGATIVES} patches without a ball. "
            f"Received: {pattern}, for {len(names)} recordings such as {names[0]}."
        )
    return told


def _left_out(options: Options, rest, there) -> dict:
    """Trains a model and chooses its threshold and epoch on `rest`, then scores it on `there`, the venue left out."""
    devices_and_seeds.prepare(options.seed, options.threads, options.require_gpu)
    train, validation, _ = split_validation(rest, seed=options.seed)
    splits = SimpleNamespace(train=train, validation=validation)
    trainer, validate = prepare(*build(options, splits), splits)
    with tempfile.TemporaryDirectory() as folder:
        fit(trainer, validate, Path(folder), lambda *_: None, lambda: False)
    predict = make_predictor(trainer.average)
    scores = predict(there.X)[:, 0]
    chosen = choose_threshold(validation.y, predict(validation.X)[:, 0], options.max_fpr, options.confidence)
    found, passed = (false_positive_interval(y, scores, chosen.value, there.recording) for y in (1 - there.y, there.y))

    def at_limit(y, scores):
        return recall_at_fpr(curve(y, scores), options.max_fpr)

    recordings = len(set(there.recording.tolist()))
    groups = there.recording if recordings > 1 else None
    return evaluate(there.y, scores, chosen.value) | {
        "recordings": recordings,
        "recall_at_limit": at_limit(there.y, scores),
        "recall_at_limit_interval": bootstrap_interval(at_limit, there.y, scores, groups=groups),
        "recall_interval": list(found.values()),  # same method as for the false positive rate
        "false_positive_rate_interval": list(passed.values()),
        "promise": chosen.promise,
    }


def table(rows: list[dict], max_fpr: float) -> str:
    """Returns a table with one line per venue, in the order of `rows`."""
    titles = (f"recall at {max_fpr * 100:.4g} %", "recall at threshold", "false positives there")
    keys = ("recall_at_limit", "recall", "false_positive_rate")
    lines = [f"{'patches':>8}{'balls':>7}" + "".join(f"{title:>25}" for title in titles) + "  left out"]
    for row in rows:
        cells = ("{:.1%} [{:.1%}, {:.1%}]".format(row[key], *row[f"{key}_interval"]) for key in keys)
        numbers = f"{row['patches']:>8,}{row['balls']:>7,}" + "".join(f"{cell:>25}" for cell in cells)
        lines.append(f"{numbers}  {printable(row['venue'])}")
    return "\n".join([*lines, "Brackets contain 95 % intervals; each threshold was chosen without the venue."])
