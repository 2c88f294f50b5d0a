"""Tests model.json before the export: the model's input, its training data, and the constants for headers."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from classifier_cnn import exporting
from common.cli.training_options import TrainingOptions
from common.datasets.load import Splits
from common.datasets.patch_file import Patches
from common.datasets.sampling_rules import RULES
from robot_export.fill_model_json import (
    NORMALISED,
    RAW,
    describe_files,
    describe_input,
    describe_model,
    describe_run,
    header_constants,
)

from .jobs import make_job
from .models import patches, random_model

KNOWN = {"project": "classifier_cnn", "target": exporting.TARGET}


def part(seed: int, count: int, **known) -> Patches:
    return Patches(patches(seed, count, (16, 16, 1)), np.zeros(count, np.float32), **known)


@pytest.mark.parametrize(("channels", "words"), [(1, "Y of YUV422"), (2, "V (odd columns)")])
def test_the_input_description_comes_from_the_model(channels, words):
    model = random_model(3, channels=channels, side=32)
    given = describe_input(model, normalised=False, sampling="corners")
    assert given.shape == (32, 32, channels)
    assert given.scale == pytest.approx(1 / 255)
    assert len(given.mean) == channels
    assert all(0.3 <= mean <= 0.6 for mean in given.mean)  # random_model draws the mean from this range
    np.testing.assert_allclose(-np.ravel(model.get_layer(index=1).offset), given.mean)
    assert words in given.colour
    assert (given.sampling_rule, given.sampling) == ("corners", RULES["corners"])
    assert (given.normalised, given.range) == (False, RAW)


def test_patches_with_an_unknown_sampling_rule_are_described_with_the_robots_rule():
    given = describe_input(random_model(3), normalised=True)
    assert (given.sampling_rule, given.sampling) == (None, RULES["centres"])
    assert (given.normalised, given.range) == (True, NORMALISED)


def test_a_model_without_a_run_is_described_with_the_files_that_the_user_gave():
    parts = {"train": part(1, 30, files=("a.h5", "b.h5")), "validation": part(2, 20, files=("c.h5",), sampling="area")}
    told = describe_model(random_model(3), parts, normalised=False, **KNOWN)
    assert (told.status, told.options, told.synthetic_fallback) == ("exported", None, False)
    assert told.input.sampling_rule == "area"  # the sampling rule of the validation patches
    assert told.datasets["train"] == describe_files(parts["train"])
    assert told.datasets["train"]["name"] == "a.h5, b.h5"
    assert [each["patches"] for each in told.datasets.values()] == [30, 20]
    assert told.datasets["validation"]["digest"] == parts["validation"].digest
    assert told.cost["parameters"] == random_model(3).count_params()


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_is_described_by_its_options_and_the_names_of_its_datasets(stopped):
    parts = {"train": part(1, 30, sampling="naoth"), "validation": part(2, 20)}
    names, origin = dict.fromkeys(parts, "family"), {split: f"https://{split}" for split in parts}
    splits = Splits("family", **parts, test=None, names=names, origin=origin, substituted=True)
    run = SimpleNamespace(stop=lambda: stopped, provenance={"commit": "of the start"})
    options = TrainingOptions(input="normalised")
    told = describe_run(random_model(3), options, splits, run, **KNOWN, metrics={"validation": {"recall": 0.5}})
    assert told.metrics["validation"]["recall"] == 0.5
    assert told.status == ("killed" if stopped else "finished")
    assert told.provenance == {"commit": "of the start"}
    assert told.synthetic_fallback
    assert told.options == options.as_json()
    assert (told.input.normalised, told.input.sampling_rule) == (True, "naoth")
    assert told.datasets["validation"] == {
        "name": "family",
        "source": "https://validation",
        "digest": parts["validation"].digest,
        "patches": 20,
    }


def test_the_constants_of_a_header(tmp_path):
    manifest = make_job(tmp_path, "classifier").source.manifest
    constants = header_constants(manifest)
    assert constants["contract_version"] == 1
    assert constants["input_mean"] == f"{manifest.input.mean[0]:.9g}"
    assert constants["input_scale"] == manifest.input.scale
    assert (constants["git_commit"], constants["train_digest"]) == ("unknown", "0" * 64)
    assert "threshold_promise" not in constants
    numbers = {"false_positive_bound": 0.01, "false_positive_rate_high": 1, "recall": 0.5}
    choice = {"promise": "at most 1 %"}
    more = header_constants(dataclasses.replace(manifest, threshold_choice=choice, metrics={"validation": numbers}))
    assert more == constants | {
        "threshold_promise": "at most 1 %",
        "false_positive_bound": 0.01,
        "false_positive_rate_high": 1.0,
    }
    assert isinstance(more["false_positive_rate_high"], float)  # a constant of another type would not compile
