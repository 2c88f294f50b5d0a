"""Checks that files of any layout give our networks' outputs if inputs and outputs are converted to the layout."""

import dataclasses

import numpy as np
import pytest

from robot_export.folded_network import fold
from robot_export.layout import OWN, TERMS, Layout, term
from robot_export.model_json import ExportedFile

from .cpp.reference import forward
from .jobs import PROJECTS
from .models import patches, random_model

X = patches(1, 40, (16, 16, 1))
HEADS = {"ball": ("sigmoid",), "circle": ("linear",), "both": ("sigmoid", "linear")}
LAYOUTS = {
    "ball": (None, ("ball",), ("1 - ball", "ball"), ("logit",), ("logit", "0", "0")),
    "circle": (None, ("x", "y", "2 radius"), ("radius", "0", "x", "y"), ("radius px", "y px", "x px")),
    "both": (None, ("radius", "x", "y", "ball"), ("1 - ball", "0", "ball", "x px", "y px", "radius px")),
}
CASES = [(kind, outputs) for kind, layouts in LAYOUTS.items() for outputs in layouts]


def computed(joint, values) -> np.ndarray:
    """Computes the outputs of a file that contains this network, for the given input values."""
    found = np.concatenate([forward(branch, values) for branch in joint.branches], axis=1)
    return found if joint.mix is None else found @ joint.mix.weights + joint.mix.bias


@pytest.mark.parametrize(("scale", "offset", "columns"), [(1.0, 0.0, False), (1 / 255, -0.4, True), (0.5, 3.0, True)])
@pytest.mark.parametrize(("kind", "outputs"), CASES)
def test_feed_and_read_give_the_outputs_of_our_networks(kind, outputs, scale, offset, columns):
    networks = [fold(random_model(3 + i, head=head)) for i, head in enumerate(HEADS[kind])]
    layout = Layout(scale, (offset,), columns=columns, outputs=outputs)
    found = computed(layout.network(*networks), layout.feed(X))
    assert found.shape[1] == len(outputs or OWN[sum(network.outputs for network in networks)])
    wanted = np.concatenate([forward(network, X) for network in networks], axis=1)
    np.testing.assert_allclose(layout.read(found, 16), wanted, atol=1e-5)


def test_each_of_two_channels_has_its_own_offset():
    network, pixels = fold(random_model(3, side=32, channels=2)), patches(1, 20, (32, 32, 2))
    layout = Layout(1 / 255, (-0.25, -0.5), columns=True)
    fed = layout.feed(pixels)
    np.testing.assert_allclose(fed[:, 3, 5], pixels[:, 5, 3] / 255 - [0.25, 0.5], atol=1e-6)
    np.testing.assert_allclose(computed(layout.network(network), fed), forward(network, pixels), atol=1e-5)


def test_bytes_are_rounded_and_clamped():
    fed = Layout(1.6, (-3.0,), "uint8").feed(np.array([0, 10, 12, 200], np.uint8).reshape(1, 2, 2, 1))
    assert fed.dtype == np.uint8
    assert fed.ravel().tolist() == [0, 13, 16, 255]


def test_our_own_outputs_need_no_further_layer():
    network = fold(random_model(3, head="linear"))
    assert Layout(outputs=("radius", "x", "y")).network(network).mix is None
    assert Layout(outputs=("x", "radius", "y")).network(network).mix is not None


def test_a_second_score_is_one_minus_the_first_and_a_logit_is_the_value_before_the_sigmoid():
    network = fold(random_model(3))
    scores = forward(network, X)[:, 0]
    found = computed(Layout(outputs=("1 - ball", "ball", "0")).network(network), X)
    np.testing.assert_allclose(found, np.stack([1 - scores, scores, 0 * scores], axis=1), atol=1e-6)
    logits = computed(Layout(outputs=("logit",)).network(network), X)[:, 0]
    np.testing.assert_allclose(logits, np.log(scores / (1 - scores)), atol=1e-5)


def test_a_length_in_pixels_grows_with_the_patch():
    assert term("x px", 32) == ("x", 32, 0)
    assert term("2 radius", 32) == ("radius", 2, 0)
    assert {name: term(name, 32) for name in TERMS} == TERMS


def file_entry(entry: Layout, **older) -> ExportedFile:
    known = {"file": "f", "runtime": "r", "sha256": "", "bytes": 1, "peak_activation_bytes": 1, "tolerance": 0.1}
    known |= {"accepted": True, "reasons": [], "parity": None, "latency_us": None, "quantised": None}
    known |= {"normalised": entry.scale != 1, "input_type": entry.dtype, "layout": entry.as_json()}
    return ExportedFile(**known | older)


@pytest.mark.parametrize("layout", [Layout(), Layout(0.25, (1.0, 2.0), "uint8", True, ("x px", "0"))])
def test_a_layout_survives_model_json(layout, classifier):
    assert Layout.of(file_entry(layout), classifier[2].input) == layout


def test_the_layout_of_older_files_follows_from_other_fields(classifier):
    given = classifier[2].input
    fed = X.astype(np.float32) * np.float32(given.scale) + np.float32(given.offset)
    normalised = Layout.of(file_entry(Layout(), layout=None, normalised=True), given)
    np.testing.assert_allclose(normalised.feed(X), fed, atol=1e-6)
    quantised = {"scale": 1 / 255, "zero_point": 7}
    older = file_entry(Layout(), layout=None, normalised=True, input_type="uint8", quantised=quantised)
    np.testing.assert_array_equal(Layout.of(older, given).feed(X), np.clip(np.round(fed * 255 + 7), 0, 255))
    raw = Layout.of(file_entry(Layout(), layout=None, normalised=False), dataclasses.replace(given, mean=[0.1]))
    np.testing.assert_array_equal(raw.feed(X), X)


def test_every_project_names_its_outputs_as_the_layouts_do():
    for kind, count in (("classifier", 1), ("detector", 3)):
        assert len(PROJECTS[kind][0].TARGET["order"]) == count == len(OWN[count])
