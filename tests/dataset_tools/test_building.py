"""create_datasets.py from sources to files: what they hold, what happens when something fails, that bytes repeat."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.archive import Unreachable
from common.cli import UserError
from common.families import DEFAULT_STEMS, Family, parse_stem
from common.patches import read_patches
from dataset_tools import building, publishing
from dataset_tools.ball_classification_datasets import create_datasets as classification
from dataset_tools.ball_detection_datasets import create_datasets as detection
from dataset_tools.selection import file_name

ROOT = Path(__file__).resolve().parents[2]
ALL = ["--size", "16", "32", "--camera", "combined", "top", "bottom", "--color", "yuv422_pil", "yuv422_y_only_pil"]


@pytest.fixture
def build(tmp_path, naoth, devils, tk03):
    """A function (task, extra options) -> exit status; builds into tmp_path / "out" in this process."""

    def run(task, *more, output=tmp_path / "out", sources=True):
        given = [
            "--naoth",
            str(naoth),
            "--tk03",
            str(tk03[0]),
            *(["--devils", str(devils)] if task == "classification" else []),
        ]
        main = {"classification": classification, "detection": detection}[task].main
        # random pictures and 14 recordings: chance likeness is no leak here
        return main(
            [
                *(given if sources else []),
                "--output-dir",
                str(output),
                "--jobs",
                "1",
                "--max-leaks",
                "1",
                *map(str, more),
            ]
        )

    return run


def family(task="classification", **change):
    default = parse_stem(DEFAULT_STEMS[task], task)
    return Family(**{**{name: getattr(default, name) for name in default.__dataclass_fields__}, **change})


def load(output, part, chosen=None):
    chosen = chosen or family()
    return read_patches(output / file_name(chosen, part), chosen.task)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_classification_files_hold_what_their_names_say(tmp_path, build, tk03):
    assert build("classification", *ALL) == 0
    output = tmp_path / "out"
    parts = {part: load(output, part) for part in ("train", "validation", "test", "naoth", "devils", "tk03")}
    assert {
        part: (len(found), int(found.y.sum())) for part, found in parts.items() if part in ("naoth", "devils", "tk03")
    } == {
        "naoth": (140, 56),
        "devils": (30, 12),
        "tk03": (6, 4),
    }
    for part in ("naoth", "devils", "tk03"):
        assert set(parts[part].origin) == {part}
    assert sum(len(parts[part]) for part in ("train", "validation", "test")) == 176
    recordings = [set(parts[part].recording) for part in ("train", "validation", "test")]
    assert not recordings[0] & recordings[1] | recordings[0] & recordings[2] | recordings[1] & recordings[2]
    assert set(parts["train"].origin) == {"naoth", "devils", "tk03"}
    assert "tk03" not in set(parts["validation"].origin) | set(parts["test"].origin)
    assert np.array_equal(parts["tk03"].X[..., 0], tk03[1])
    assert set(parts["naoth"].camera) == {"top", "bottom"}
    assert set(parts["tk03"].camera) == {""}


def test_cameras_sizes_and_colours_are_views_of_the_same_patches(tmp_path, build):
    assert build("classification", *ALL) == 0
    output = tmp_path / "out"
    combined = load(output, "naoth", family(colour="yuv422_pil", size=32))
    assert combined.X.shape == (140, 32, 32, 2)
    for camera in ("top", "bottom"):
        alone = load(output, "naoth", family(colour="yuv422_y_only_pil", size=32, camera=camera))
        assert set(alone.camera) == {camera}
        assert np.array_equal(alone.X, combined.X[combined.camera == camera][..., :1])
    assert not list(output.rglob("*32x32_tk03*"))
    assert not list(output.rglob("*top_16x16_tk03*"))


def test_detection_has_balls_only_in_three_splits_and_the_same_sides(tmp_path, build):
    assert build("detection") == 0
    assert build("classification") == 0
    output = tmp_path / "out"
    sides = {}
    for task in ("classification", "detection"):
        for part in ("train", "validation", "test"):
            found = load(output, part, family(task))
            for name in set(found.recording[found.origin == "naoth"]):
                sides.setdefault(name, set()).add(part)
    assert len(sides) == 14
    assert all(len(parts) == 1 for parts in sides.values())
    parts = [load(output, part, family("detection")) for part in ("train", "validation", "test")]
    y = np.concatenate([part.y for part in parts])
    assert len(y) == 14 * 4 + 4  # TK03 has no zeros where it shows no ball
    assert np.allclose(np.concatenate([part.y[part.origin == "naoth"] for part in parts]), [0.4, 0.45, 0.55], atol=1e-6)


def test_partial_balls_count_as_negative_on_demand_and_move_no_recording(tmp_path, build):
    assert build("classification", output=tmp_path / "ignore") == 0
    assert build("classification", "--partial", "negative", output=tmp_path / "negative") == 0
    ignored, negative = (load(tmp_path / name, "naoth") for name in ("ignore", "negative"))
    assert (len(ignored), len(negative)) == (140, 154)
    assert ignored.y.sum() == negative.y.sum()
    for part in ("validation", "test"):
        assert set(load(tmp_path / "ignore", part).recording) == set(load(tmp_path / "negative", part).recording)


def test_equal_input_gives_equal_bytes_whatever_the_jobs_and_what_else_is_built(tmp_path, build):
    assert build("classification", *ALL, output=tmp_path / "one") == 0
    assert build("classification", *ALL, "--jobs", 2, output=tmp_path / "two") == 0
    assert build("classification", output=tmp_path / "alone") == 0
    one, two, alone = (contents(tmp_path / name) for name in ("one", "two", "alone"))
    assert one == two
    files = {name: content for name, content in alone.items() if name.endswith(".h5")}
    assert len(files) == 6
    assert all(one[name] == content for name, content in files.items())


def test_attributes(tmp_path, build, png, zip_of):
    zip_of(tmp_path / "naoth" / "top" / "zz.zip", {"1.png": png(20)[:50]})
    assert build("classification", "--color", "yuv422_pil", "--seed", 3) == 0
    chosen = family(colour="yuv422_pil")
    with h5py.File(tmp_path / "out" / file_name(chosen, "train")) as file:
        attributes = dict(file.attrs)
        X = file["X"][:]
    assert attributes["color"] == "yuv422_pil"
    assert (attributes["type"], attributes["border"], attributes["size"]) == ("legacy", 0, 16)
    assert attributes["mean"] == pytest.approx((X[..., 0] / 255).mean())
    assert attributes["mean_u"] == pytest.approx((X[:, :, 0::2, 1] / 255).mean())
    assert attributes["mean_v"] == pytest.approx((X[:, :, 1::2, 1] / 255).mean())
    found = load(tmp_path / "out", "train", chosen)
    assert json.loads(attributes["classes"]) == {"ball": found.y.sum(), "no ball": len(found) - found.y.sum()}
    assert set(json.loads(attributes["sources"])) == {"naoth", "devils"}
    assert json.loads(attributes["skipped"]) == {"naoth: truncated PNG": 1}
    assert json.loads(attributes["settings"])["seed"] == 3
    assert attributes["tool"].startswith("ball-models ")


def test_source_digests_follow_the_content(tmp_path, build, naoth, png, zip_of):
    def digest():
        assert build("classification", "--origins", "naoth") == 0
        with h5py.File(tmp_path / "out" / file_name(family(), "naoth")) as file:
            return json.loads(file.attrs["sources"])["naoth"]

    first = digest()
    assert digest() == first
    zip_of(naoth / "top" / "another.zip", {"1.png": png(20, seed=77)})
    assert digest() != first


def test_nearest_is_another_dataset(tmp_path, build):
    assert build("classification", output=tmp_path / "robot") == 0
    assert build("classification", "--sampling", "nearest", output=tmp_path / "nearest") == 0
    robot, nearest = (load(tmp_path / name, "naoth") for name in ("robot", "nearest"))
    assert not np.array_equal(robot.X, nearest.X)
    assert np.array_equal(load(tmp_path / "robot", "tk03").X, load(tmp_path / "nearest", "tk03").X)


def test_pinned_test_recordings_and_other_shares(tmp_path, build, capsys):
    assert build("classification", "--test-recordings", "log_0[1-3]", "0?", "--split", 80, 20, 0) == 0
    found = load(tmp_path / "out", "test")
    assert set(found.recording) == {"log_01", "log_02", "log_03", *(f"{number:02d}" for number in range(6))}
    assert build("classification", "--test-recordings", "nothing*") == 1
    assert "matches no recording. Received: 'nothing*'" in capsys.readouterr().out


def test_sums_are_those_of_the_files_and_the_archive_client_accepts_them(tmp_path, build, serve):
    from common.archive import fetch, sha256_of

    assert build("classification", "--camera", "combined", "top") == 0
    folder = tmp_path / "out" / family().folder
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {path.name: sha256_of(path) for path in folder.glob("*.h5")}
    assert len(lines) == 11
    with serve(tmp_path / "out") as url:
        assert fetch(file_name(family(), "train"), tmp_path / "cache", url).is_file()
        (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().replace(lines[0][0], "0" * 64))
        wrong = f"{family().folder}/{lines[0][1]}"
        with pytest.raises(UserError):
            fetch(wrong, tmp_path / "cache", url)


def test_check_published(tmp_path, build, serve, capsys, monkeypatch):
    assert build("classification") == 0
    published = tmp_path / "published"
    build("classification", output=published)
    with serve(published) as url:
        check = lambda *more: build("classification", "--check-published", url, *more, sources=False)  # noqa: E731
        assert check() == 0
        assert "same     6 files" in capsys.readouterr().out
        assert check("--camera", "combined", "top") == 1
        assert "not built here" in capsys.readouterr().out
        build("classification", "--seed", 1)
        capsys.readouterr()
        assert check() == 1
        assert "other bytes: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        (published / family().folder / "SHA256SUMS").unlink()
        assert check() == 1
        assert "other bytes: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        for path in published.rglob("*_test_*"):
            path.unlink()
        assert check() == 1
        assert "not published: test_ball_no_ball_X_y.h5" in capsys.readouterr().out

    def silent(*arguments):
        raise Unreachable("no answer")

    monkeypatch.setattr(publishing, "listing", silent)
    assert check() == 1
    assert "failed   no answer" in capsys.readouterr().out


def test_a_failed_build_leaves_everything_as_it_was(tmp_path, build, naoth, monkeypatch, capsys):
    assert build("classification") == 0
    before = contents(tmp_path / "out")
    original, calls = building.writing.write, []

    def fails_late(job):
        calls.append(job)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return original(job)

    with monkeypatch.context() as patch:
        patch.setattr(building.writing, "write", fails_late)
        assert build("classification", "--seed", 1) == 1
    assert "No space left" in capsys.readouterr().out
    (naoth / "top" / "log_01.zip").write_bytes(b"broken")
    assert build("classification", "--strict") == 1
    out, err = capsys.readouterr()
    assert "--strict: 1 patches would be skipped" in out
    assert "not a readable zip file, such as " in err
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before if name.endswith(".h5")} == {
        name: content for name, content in before.items() if name.endswith(".h5")
    }
    assert not list((tmp_path / "out").rglob(".build-*"))


def test_files_that_a_family_has_no_more_are_removed(tmp_path, build):
    assert build("classification") == 0
    assert build("classification", "--origins", "naoth", "--split", 1, 1, 0) == 0
    names = sorted(path.name.split("16x16_")[1].split("_")[0] for path in (tmp_path / "out").rglob("*.h5"))
    assert names == ["naoth", "train", "validation"]
    sums = (tmp_path / "out" / family().folder / "SHA256SUMS").read_text()
    assert len(sums.splitlines()) == 3


def test_leaks_above_the_limit_fail_and_the_picture_shows_them(tmp_path, build, naoth, zip_of, png, capsys):
    twins = {f"{index}.png": png(30, seed=900 + index) for index in range(40)}
    for log in ("twin_a", "twin_b"):
        zip_of(naoth / "top" / f"{log}.zip", twins)
    apart = ["--no-keep-linked", "--test-recordings", "twin_b", "--max-leaks", "0.01"]
    assert build("classification", *apart) == 1
    out, err = capsys.readouterr()
    assert "leak: 100.00% of a split have a duplicate in another" in out
    assert "40 of 40 patches have a duplicate (100.00%), 40 exact" in err
    assert not list((tmp_path / "out").rglob("*.h5"))
    picture = tmp_path / "out" / "classification" / "reports" / "legacy_border0_leaks.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert build("classification") == 0
    parts = {
        part
        for part in ("train", "validation", "test")
        if {"twin_a", "twin_b"} & set(load(tmp_path / "out", part).recording)
    }
    assert len(parts) == 1


def test_combinations_that_cannot_exist_or_have_no_patches_are_said(tmp_path, naoth, build, capsys):
    roots = tmp_path / "roots"
    (roots / "segmentation_border10").mkdir(parents=True)
    (roots / "legacy_border0").symlink_to(naoth)
    wanted = ["--naoth", roots, "--type", "legacy", "segmentation", "--border", "0", "10", "--camera", "bottom", "top"]
    assert build("classification", *wanted) == 1
    lines = capsys.readouterr().out.splitlines()
    said = {line.split()[0].removeprefix("yuv422_y_only_pil_"): line.split(maxsplit=2)[1:] for line in lines[:-1]}
    assert said["legacy_border0_top_16x16"][0] == "built"
    assert said["legacy_border10_top_16x16"][1].startswith("no patches: there is no ")
    assert said["segmentation_border0_top_16x16"] == [
        "skipped",
        "cannot exist: segmentation patches are of the bottom camera only",
    ]
    assert said["segmentation_border10_bottom_16x16"][0] == "failed"
    assert "no logs found" in said["segmentation_border10_bottom_16x16"][1]
    assert lines[-1] == "classification: 2 built, 1 failed, 5 skipped"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--naoth ROOT is missing"),
        (["--naoth", "nowhere"], "--naoth must be a folder. Received: nowhere"),
        (["--naoth", ".", "--devils", "nowhere.zip"], "--devils must be a file"),
        (["--naoth", ".", "--split", "0", "1", "1"], "--split needs three shares"),
        (["--naoth", ".", "--max-leaks", "2"], "--max-leaks is a share"),
        (["--naoth", ".", "--jobs", "0"], "--jobs must be at least 1"),
        (["--naoth", ".", "--origins", "naoth", "dutch"], "Received: dutch"),
        (["--naoth", ".", "--type", "segmentation", "--camera", "top"], "nothing to build"),
        (["--naoth", ".", "--origins", "naoth"], "nothing to build. Received: no patches: there is no legacy_border0"),
    ],
)
def test_wrong_arguments(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        classification.main(arguments)
    assert message in str(caught.value)


def test_one_root_is_of_one_type_and_border(build):
    with pytest.raises(UserError, match="--naoth is one root"):
        build("classification", "--border", 0, 10)


def test_sources_come_from_the_archive_without_a_path(tmp_path, naoth, devils, tk03, serve):
    archive = tmp_path / "archive"
    for path, name in ((devils, building.DEVILS_NAME), (tk03[0], building.TK03_NAME)):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_bytes(path.read_bytes())
    common = ["--naoth", str(naoth), "--output-dir", str(tmp_path / "out"), "--data-root", str(tmp_path / "data")]
    with serve(archive) as url:
        assert classification.main([*common, "--jobs", "1", "--max-leaks", "1", "--archive-url", url]) == 0
    assert len(load(tmp_path / "out", "devils")) == 30
    assert len(load(tmp_path / "out", "tk03")) == 6
    assert classification.main([*common, "--jobs", "1", "--max-leaks", "1", "--offline"]) == 0  # cached now


@pytest.mark.parametrize("project", ["ball_classification_datasets", "ball_detection_datasets"])
def test_runs_as_a_script_in_its_folder_and_as_a_module(project):
    folder = ROOT / "dataset_tools" / project
    script = subprocess.run(
        [sys.executable, "create_datasets.py", "--help"], cwd=folder, capture_output=True, text=True, check=True
    )
    module = [sys.executable, "-m", f"dataset_tools.{project}.create_datasets", "--naoth", "nowhere"]
    failed = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "--check-published" in script.stdout
    assert failed.returncode == 2
    assert failed.stderr == "error: --naoth must be a folder. Received: nowhere.\n"


def test_help_and_wrong_arguments_load_nothing_heavy():
    code = (
        "import sys; from dataset_tools.options import parse_args\n"
        "try: parse_args('classification', ['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'h5py', 'PIL', 'requests', 'tensorflow'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("project", ["ball_classification_datasets", "ball_detection_datasets"])
def test_the_shell_script_builds_all_combinations(tmp_path, naoth, devils, tk03, project):
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "segmentation_border20").symlink_to(naoth)
    script = ROOT / "dataset_tools" / project / "create_datasets.sh"
    more = ["--tk03", tk03[0], *(["--devils", devils] if "class" in project else []), "--jobs", "1", "--max-leaks", "1"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PATH": path}
    shell = partial(subprocess.run, capture_output=True, text=True, check=False, env=environment)
    done = shell([script, roots, tmp_path / "out", *more])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(": 4 built, 68 skipped")
    usage = shell([script])
    assert usage.returncode == 2
    assert "Usage:" in usage.stderr


def test_an_interrupted_build_leaves_nothing_behind(tmp_path, naoth):
    command = [sys.executable, "-m", "dataset_tools.ball_classification_datasets.create_datasets", "--naoth", naoth]
    command += ["--origins", "naoth", "--jobs", "2", "--output-dir", tmp_path / "out"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/classification/.build-*")):
        assert time.monotonic() < deadline, "the build never began"
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().endswith("interrupted")
    assert not list((tmp_path / "out").rglob("*.h5"))
    assert not list((tmp_path / "out").rglob(".build-*"))
