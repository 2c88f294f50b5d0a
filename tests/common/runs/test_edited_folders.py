"""Reads many edited and damaged run folders: every reader accepts them or refuses them with a one-line error."""

import json
import random
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from classifier_cnn.options import Options
from common.cli.find_run import read_config
from common.cli.option import from_json
from common.errors import UserError
from common.runs.finished import is_finished
from common.tracking import journal, server_state
from common.tracking.server_state import missing, targets
from common.training import epochs_and_checkpoints, safe_keras_file
from common.training.find_model import find_model, read_threshold
from grid_search.plan import read_plan
from grid_search.ranking import _costs
from grid_search.run_folders import read_rows
from mlflow_mirror import sync_and_status
from robot_export import model_json

from ...tiny import ROOT, classification_file, environment

ODD = [None, [], {}, "", "x", "\x1b[2J", "../x", True, -5, 0, 7, 1e30, -1e-300, float("nan"), float("inf"), 10**400]
ODD += [[[]], {"a": 1}, [1, "2"], "\ud800", [None], "9" * 5000]


BULK = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Returns the folder of a small finished run."""
    folder = tmp_path_factory.mktemp("runs")
    for name, n in (("train", 90), ("validation", 60)):
        classification_file(folder / f"{name}.h5", n=n)
    command = [sys.executable, "-m", "classifier_cnn.train", "--data-train", folder / "train.h5"]
    command += ["--data-val", folder / "validation.h5", "--filters", 2, "--dense", 4, "--epochs", 2, "--export", "none"]
    command += ["--tracking", "local", "--output-dir", folder / "out", "--run-name", "run"]
    subprocess.run(list(map(str, command)), cwd=ROOT, env=environment(), check=True, capture_output=True)
    (run,) = [path for path in (folder / "out").glob("*_run*") if path.is_dir()]
    return run


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return shutil.copytree(finished, tmp_path / finished.name)


def edited(rng: random.Random, value):
    """Returns a JSON value with one part replaced, left out or repeated."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.9:
        value = value.copy()
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if rng.random() < 0.1:
            del value[key]
        else:
            value[key] = edited(rng, value[key])
        return value
    return rng.choice(ODD)


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Returns a copy of the bytes in which some are replaced, cut off or repeated."""
    content = bytearray(content)
    kind = rng.random()
    if kind < 0.3:
        return bytes(content[: rng.randrange(len(content) + 1)])
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(content))
        content[at] = rng.randrange(256)
    if kind > 0.9:
        at = rng.randrange(len(content))
        content[at:at] = content[: rng.randrange(200)]
    return bytes(content)


def mutant(rng: random.Random, content: bytes) -> bytes:
    if rng.random() < 0.25:
        return damaged(rng, content)
    lines = content.decode().split("\n") if content.count(b"\n{") else [content.decode()]
    at = rng.randrange(len(lines))
    value = edited(rng, json.loads(lines[at] or "0"))
    lines[at] = json.dumps(value)
    return "\n".join(lines).encode("utf-8", "replace")


def bulk(path: Path, times: int, read, mutate=mutant) -> int:
    """Reads a file `times` times, each time with a different edit; returns how many edited files were refused.

    Only UserErrors may be raised.
    """
    original, rng, refused = path.read_bytes(), random.Random(path.name), 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(times):
        content = mutate(rng, original)
        path.write_bytes(content)
        try:
            read()
        except UserError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"mutant {number} of {path.name}: {error!r}: {content[:3000]!r}") from error
    path.write_bytes(original)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kB
    return refused


@pytest.mark.parametrize("times", [60, pytest.param(4000, marks=BULK)])
def test_edited_settings_are_read_or_refused(run, times):
    def read():
        from_json(Options, read_config(run)["options"])

    assert bulk(run / "config.json", times, read) > times // 10


@pytest.mark.parametrize("times", [60, pytest.param(2000, marks=[BULK, pytest.mark.timeout(1800)])])
def test_an_edited_record_of_the_model_is_read_or_refused(run, times):
    def read():
        is_finished(run)
        _costs(json.loads(path.read_text()) if is_dict(path) else {})
        read_threshold(run / "model.keras", None)
        model_json.read(run)

    path = run / "model.json"
    assert bulk(path, times, read) > times // 10


def is_dict(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except (ValueError, RecursionError):
        return False


@pytest.mark.parametrize("times", [60, pytest.param(3000, marks=BULK)])
def test_damaged_numbers_of_the_epochs_are_read_or_refused(run, times):
    bulk(run / "metrics.csv", times, lambda: read_rows(run), damaged)


@pytest.mark.parametrize("times", [60, pytest.param(2000, marks=BULK)])
def test_an_edited_journal_is_read_or_refused(run, times, capsys):
    def read():
        sync_and_status.status([run] if journal.begun(run) else [])

    bulk(journal.journal_path(run), times, read)


@pytest.mark.parametrize("times", [60, pytest.param(2000, marks=BULK)])
def test_an_edited_mark_of_a_server_is_read_or_refused(run, times):
    target = journal.servers(run)[0]
    bulk(server_state.mark_path(run, target), times, lambda: [missing(run, each) for each in targets(run)])


@pytest.mark.parametrize("times", [60, pytest.param(2000, marks=BULK)])
def test_a_damaged_checkpoint_is_read_or_refused(run, times):
    with np.load(run / "checkpoint.npz") as saved:
        shapes = [saved[key].shape for key in sorted(saved) if key.startswith("best")]
    average = SimpleNamespace(get_weights=lambda: [np.zeros(shape) for shape in shapes])
    trainer = SimpleNamespace(average=average, restore=lambda _: None)
    assert len(epochs_and_checkpoints._restore(trainer, run / "checkpoint.npz").epochs) == 2
    bulk(
        run / "checkpoint.npz", times, lambda: epochs_and_checkpoints._restore(trainer, run / "checkpoint.npz"), damaged
    )


@pytest.mark.parametrize("times", [60, pytest.param(3000, marks=BULK)])
def test_an_edited_plan_of_a_grid_is_read_or_refused(tmp_path, times):
    run = {"index": 0, "varies": {"dense": "8"}, "run_name": "x", "options": {}}
    plan = {"module": "m", "experiment": "e", "metric": "val_loss", "varies": {"dense": ["8", "9"]}}
    for key in ("trainings", "runs"):  # the old and the current name of the list
        (tmp_path / "plan.json").write_text(json.dumps(plan | {key: [run, run | {"index": 1}]}))
        assert [one.index for one in read_plan(tmp_path).runs] == [0, 1]
    assert bulk(tmp_path / "plan.json", times, lambda: read_plan(tmp_path)) > times // 10


def of_a_member(rng: random.Random, content: bytes) -> bytes:
    """Returns a .keras file in which one member, or the archive itself, was changed."""
    if rng.random() < 0.3:
        return damaged(rng, content)
    whole = Path(of_a_member.folder) / "m.zip"
    whole.write_bytes(content)
    with zipfile.ZipFile(whole) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(parts))
    parts[name] = (damaged if name.endswith("h5") else mutant)(rng, parts[name])
    with zipfile.ZipFile(whole, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return whole.read_bytes()


@pytest.mark.parametrize("times", [40, pytest.param(2000, marks=[BULK, pytest.mark.timeout(1800)])])
def test_an_edited_model_is_read_or_refused(run, times, tmp_path):
    of_a_member.folder = tmp_path
    path = run / "model.keras"
    assert bulk(path, times, lambda: safe_keras_file.load(find_model(path)), of_a_member) > times // 4


def test_a_name_that_is_too_long_gives_a_one_line_error():
    with pytest.raises(UserError, match=r"--init takes an existing \.keras file"):
        Options(init=Path("9" * 5000))
