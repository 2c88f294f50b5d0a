"""create_datasets.py builds the right files from the sources, and identical input gives identical bytes."""

import json

import h5py
import numpy as np
import pytest

from common.errors import UserError
from dataset_tools.ball_classification_datasets import create_datasets as classification

from ..helpers import ALL, contents, family, joined, load


def test_classification_files_contain_what_their_names_say(tmp_path, build, tk03):
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


def test_detection_contains_only_balls_and_is_split_like_classification(tmp_path, build):
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
    assert len(y) == 14 * 4 + 4  # the TK03 patches that show no ball are left out
    assert np.allclose(np.concatenate([part.y[part.origin == "naoth"] for part in parts]), [0.4, 0.45, 0.55], atol=1e-6)


def test_partial_balls_count_as_negative_on_request_and_the_split_stays_the_same(tmp_path, build):
    assert build("classification", output=tmp_path / "ignore") == 0
    assert build("classification", "--partial", "negative", output=tmp_path / "negative") == 0
    ignored, negative = (load(tmp_path / name, "naoth") for name in ("ignore", "negative"))
    assert (len(ignored), len(negative)) == (140, 154)
    assert ignored.y.sum() == negative.y.sum()
    for part in ("validation", "test"):
        assert set(load(tmp_path / "ignore", part).recording) == set(load(tmp_path / "negative", part).recording)


def test_the_same_input_gives_the_same_bytes_with_any_number_of_jobs_and_whatever_else_is_built(tmp_path, build):
    assert build("classification", *ALL, output=tmp_path / "one") == 0
    assert build("classification", *ALL, "--jobs", 2, output=tmp_path / "two") == 0
    assert build("classification", output=tmp_path / "alone") == 0
    one, two, alone = (contents(tmp_path / name) for name in ("one", "two", "alone"))
    assert one == two
    files = {name: content for name, content in alone.items() if name.endswith(".h5")}
    assert len(files) == 6
    assert all(one[name] == content for name, content in files.items())


def test_equivalent_options_give_the_same_bytes(tmp_path, build, devils):
    assert build("classification", output=tmp_path / "one") == 0
    devils = devils.rename(tmp_path / "renamed.zip")
    words = ["--split", 0.70, 0.15, 0.15, "--origins", "tk03", "naoth", "devils", "--devils", devils]
    assert build("classification", *words, output=tmp_path / "two") == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_attributes_describe_the_content_and_the_settings(tmp_path, build, png, zip_of):
    zip_of(tmp_path / "naoth" / "top" / "zz.zip", {"1.png": png(20)[:50]})
    assert build("classification", "--color", "yuv422_pil", "--seed", 3) == 0
    chosen = family(colour="yuv422_pil")
    with h5py.File(tmp_path / "out" / chosen.file("train")) as file:
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


def test_penalty_marks_and_robots_among_the_negatives_are_counted(tmp_path, build, png, zip_of, capsys):
    texts = [
        {"penalty_intersect": 0.76},
        {"penalty_intersect": 0.75},
        {"robot_intersect": 0.41},
        {"robot_intersect": 0.4},
    ]
    texts.append({"penalty_intersect": 0.9, "ball_intersect": 0.9})
    files = {f"{index}.png": png(20, seed=index, **text) for index, text in enumerate(texts)}
    zip_of(tmp_path / "naoth" / "top" / "zz.zip", files)
    assert build("classification", "--origins", "naoth") == 0
    assert "naoth without a ball: 1 with a penalty mark, 1 with a robot\n" in capsys.readouterr().err
    with h5py.File(tmp_path / "out" / family().file("naoth")) as file:
        assert json.loads(file.attrs["no_ball_shows"]) == {"penalty mark": 1, "robot": 1}


def test_source_digests_follow_the_content(tmp_path, build, naoth, png, zip_of):
    def digest():
        assert build("classification", "--origins", "naoth") == 0
        with h5py.File(tmp_path / "out" / family().file("naoth")) as file:
            return json.loads(file.attrs["sources"])["naoth"]

    first = digest()
    assert digest() == first
    zip_of(naoth / "top" / "another.zip", {"1.png": png(20, seed=77)})
    assert digest() != first


def test_another_sampling_rule_gives_another_dataset_and_is_recorded(tmp_path, build):
    rules = ("centres", "corners", "area")
    for rule in rules:
        assert build("classification", "--sampling", rule, output=tmp_path / rule) == 0
    found = {rule: load(tmp_path / rule, "naoth") for rule in rules}
    assert [part.sampling for part in found.values()] == list(rules)
    assert not np.array_equal(found["centres"].X, found["corners"].X)
    assert not np.array_equal(found["centres"].X, found["area"].X)
    assert np.array_equal(load(tmp_path / "centres", "tk03").X, load(tmp_path / "area", "tk03").X)


def test_pinned_test_recordings_and_other_shares(tmp_path, build, capsys):
    assert build("classification", "--test-recordings", "log_0[1-3]", "0?", "--split", 80, 20, 0) == 0
    found = load(tmp_path / "out", "test")
    assert set(found.recording) == {"log_01", "log_02", "log_03", *(f"{number:02d}" for number in range(6))}
    assert build("classification", "--test-recordings", "nothing*") == 1
    assert "matches no recording. Received: 'nothing*'" in capsys.readouterr().out


def test_combinations_that_cannot_exist_or_have_no_patches_are_reported(tmp_path, naoth, build, capsys):
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
        "cannot exist: segmentation patches come only from the bottom camera",
    ]
    assert said["segmentation_border10_bottom_16x16"][0] == "failed"
    assert "no logs found" in said["segmentation_border10_bottom_16x16"][1]
    assert lines[-1] == "classification: 2 built, 1 failed, 5 skipped"


def test_one_root_has_one_type_and_border(build):
    with pytest.raises(UserError, match="--naoth is a root"):
        build("classification", "--border", 0, 10)


def test_sides_and_sources_are_in_the_files_and_are_kept_when_splitting(build, tmp_path):
    assert build("classification") == 0
    patches = joined(tmp_path / "out")
    names = [name.decode() for name in patches.source]
    assert len(set(names)) == len(names)
    mine = patches.origin == "naoth"
    assert [name.split("/")[0] for name in np.array(names)[mine]] == patches.camera[mine].tolist()
    assert patches.side.dtype == np.float32
    assert ((patches.side[mine] >= 17) & (patches.side[mine] <= 56)).all()
    assert np.isnan(patches.side[~mine]).all()  # these patches were subsampled before they were saved
    taken = patches.take(np.arange(3, 9))
    assert taken.source.tolist() == patches.source[3:9].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--type", "segmentation", "--camera", "top"], "nothing to build"),
        (["--origins", "naoth"], "nothing to build. Received: no patches: there is no legacy_border0"),
    ],
)
def test_nothing_to_build(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        classification.main(["--naoth", ".", *arguments])
    assert message in str(caught.value)


def test_positions_in_a_root_with_a_border_are_corrected_in_the_file(tmp_path, build, zip_of, png):
    for log in range(6):
        files = {}
        for index in range(5):
            side, left, top = 30, 100 + 20 * index, 150 + log
            box = {"p_min_x": left - 10, "p_min_y": top - 10, "p_max_x": left + side, "p_max_y": top + side}
            ball = {"ball_intersect": 1, "ball_center_x": 12, "ball_center_y": 15, "ball_radius": 11}
            files[f"{index}.png"] = png(side + 10, seed=50 * log + index, **box, **ball)
        zip_of(tmp_path / "grown" / "top" / f"log{log}.zip", files)
    assert build("detection", "--naoth", str(tmp_path / "grown"), "--border", "10", "--origins", "naoth") == 0
    y = load(tmp_path / "out", "train", family("detection", border=10)).y
    assert np.allclose(y, [11 / 40, 22 / 40, 25 / 40])


def test_a_split_with_too_few_balls_causes_a_warning(tmp_path, build, zip_of, png, capsys):
    ball = {"ball_intersect": 1, "ball_center_x": 12, "ball_center_y": 15, "ball_radius": 11}
    box = {"p_min_x": 100, "p_min_y": 100, "p_max_x": 130, "p_max_y": 130}
    for log, balls in (("a", 40), ("b", 30), ("c", 1)):
        files = {f"{index}.png": png(30, seed=ord(log) * 100 + index, **box, **ball) for index in range(balls)}
        zip_of(tmp_path / "small" / "top" / f"{log}.zip", files)
    small = ("--naoth", str(tmp_path / "small"), "--origins", "naoth", "--camera", "combined", "--size", 16)
    assert build("detection", *small, "--test-recordings", "c", "--split", 50, 50, 0) == 0
    out, err = capsys.readouterr()
    assert "0 balls), test 1 (1 ball)\n" in out
    (line,) = (line for line in err.splitlines() if "warning" in line)
    assert "fewer than 30 balls, so metrics on them are unreliable: test 1. Add recordings" in line
