"""Tests an export job: its namespace, its test vectors, and what its headers contain."""

import dataclasses

import numpy as np
import pytest

from robot_export.export_job import VECTORS

from .jobs import make_job


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return make_job(tmp_path_factory.mktemp("jobs") / "20260131-8 8 (new)", "classifier")


def with_outputs(job, outputs):
    outputs = np.float32(outputs)[:, None]
    return dataclasses.replace(job, source=dataclasses.replace(job.source, outputs=outputs))


def test_the_namespace_names_project_size_and_run_unless_the_user_chooses_one(job):
    assert job.namespace == "ball_classifier_cnn_16_20260131_8_8_new"
    assert dataclasses.replace(job, name="ours").namespace == "ours"


def test_the_test_vectors_are_spread_over_all_outputs(job):
    outputs = np.random.default_rng(0).permutation(np.linspace(0.25, 1, 500))
    chosen = with_outputs(job, outputs).vectors
    assert len(chosen) == VECTORS
    np.testing.assert_allclose(outputs[chosen], np.linspace(0.25, 1, VECTORS), atol=0.002)


@pytest.mark.parametrize("outputs", [[0.5] * 20, [0.1] * 19 + [0.9]])
def test_no_patch_is_chosen_twice_if_outputs_are_equal(job, outputs):
    chosen = with_outputs(job, outputs).vectors
    assert len(set(chosen.tolist())) == VECTORS
    assert (19 in chosen) == (outputs[-1] == 0.9)


def test_few_patches_are_used_more_than_once(job):
    chosen = with_outputs(job, [0.2, 0.4, 0.9]).vectors
    assert len(chosen) == VECTORS
    assert set(chosen.tolist()) == {0, 1, 2}


def test_a_header_gets_the_test_vectors_and_the_facts_of_the_run(job):
    about = job.about(0.25)
    assert (about.name, about.threshold) == (job.namespace, 0.25)
    np.testing.assert_array_equal(about.patches, job.source.validation.X[job.vectors])
    np.testing.assert_array_equal(about.expected, job.source.outputs[job.vectors])
    assert about.facts["target_order"] == ", ".join(job.source.manifest.target["order"])


def test_files_are_compared_with_the_labels_the_outputs_and_the_threshold_of_the_run(job):
    reference = job.reference
    np.testing.assert_array_equal(reference.y, job.source.validation.y)
    np.testing.assert_array_equal(reference.outputs, job.source.outputs)
    assert reference.threshold == job.source.manifest.threshold["keras"]
