"""The command line of create_datasets is checked before any large library is imported."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.datasets.families import all_families
from common.errors import UserError
from dataset_tools.building.options import parse_args


def test_help_and_wrong_arguments_load_nothing_heavy():
    code = (
        "import sys; from dataset_tools.building.options import parse_args\n"
        "try: parse_args('classification', ['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'h5py', 'PIL', 'requests', 'tensorflow'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--naoth ROOT is missing"),
        (["--naoth", "nowhere"], "--naoth must be a folder. Received: nowhere"),
        (["--naoth", ".", "--devils", "nowhere.zip"], "--devils must be a file"),
        (["--naoth", ".", "--split", "0", "1", "1"], "--split needs three numbers"),
        (["--naoth", ".", "--split", "nan", "1", "1"], "Received: nan 1 1"),
        (["--naoth", ".", "--seed", "-1"], "--seed must be at least 0"),
        (["--naoth", ".", "--max-leaks", "2"], "--max-leaks must be a fraction"),
        (["--naoth", ".", "--jobs", "0"], "--jobs must be at least 1"),
        (["--naoth", ".", "--archive-url", "ftp://x"], "must be http(s)://SERVER[/PATH]. Received: 'ftp://x'"),
        (["--check-published", "archive"], "must be http(s)://SERVER[/PATH]. Received: 'archive'"),
        (["--naoth", ".", "--origins", "naoth", "dutch"], "Received: dutch"),
    ],
)
def test_wrong_arguments(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        parse_args("classification", arguments)
    assert message in str(caught.value)


shares = st.floats(0, allow_infinity=False)


@given(st.tuples(shares, shares, shares))
def test_relative_sizes_are_scaled_to_a_sum_of_one_unless_training_is_zero(split):
    arguments = ["--origins", "tk03", "--split", *map(repr, split)]
    if split[0] == 0 or sum(split) == math.inf:
        with pytest.raises(UserError, match="--split needs three numbers"):
            parse_args("classification", arguments)
        return
    scaled = parse_args("classification", arguments).shares
    assert sum(scaled) == pytest.approx(1)
    assert all(a * sum(split) == pytest.approx(b) for a, b in zip(scaled, split, strict=True))


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_each_family_of_the_archive_is_one_combination_of_options(task):
    every = "--color yuv422_y_only_pil yuv422_pil --camera combined top bottom --size 16 32 --type legacy segmentation"
    chosen = parse_args(task, [*every.split(), "--border", "0", "10", "20", "--origins", "tk03"])
    found, impossible = [], []
    for patch_type in chosen.type:
        for border in chosen.border:
            possible, others = chosen.families(patch_type, border)
            found += possible
            impossible += others
    assert len(found) == len(all_families(task))
    assert set(found) == set(all_families(task))
    assert len(found) + len(impossible) == 2 * 2 * 3 * 3 * 2
    assert all("segmentation" in name and "only from the bottom camera" in reason for name, reason in impossible)


def test_a_value_given_twice_counts_once():
    words = "--origins tk03 tk03 --size 32 16 32 --test-recordings b a b"
    chosen = parse_args("classification", words.split())
    assert (chosen.origins, chosen.size, chosen.test_recordings) == (("tk03",), (32, 16), ("b", "a"))


def test_detection_does_not_use_the_devils_patches():
    assert parse_args("detection", ["--naoth", "."]).devils is None
    with pytest.raises(UserError, match=r"must be in naoth, tk03\. Received: devils"):
        parse_args("detection", ["--origins", "tk03", "devils"])
