import numpy as np
import pytest
from PIL import Image

from classifier_cnn import plots
from classifier_cnn.metrics import Scored
from common.datasets.patch_file import Patches
from common.runs import plots as common_pictures

PARTS = ["curves", "scores", "worst_false_positives", "worst_false_negatives"]


def sample(n=60, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    return random.integers(0, 256, (n, 16, 16, 1), np.uint8), labels, random.random(n).astype(np.float32)


@pytest.mark.parametrize(
    ("labels", "scores", "threshold"),
    [
        ([1, 0, 1, 0], [0.9, 0.1, 0.8, 0.2], 0.5),  # no wrong predictions, so both galleries are empty
        ([1, 0, 1, 0], [0.1, 0.9, 0.2, 0.8], 0.5),  # only errors
        ([1, 1, 1], [0.9, 0.1, 0.8], 0.5),  # only one class, so there are no curves
        ([0, 0, 0], [0.9, 0.1, 0.8], 0.5),
        ([1, 0], [0.5, 0.5], 0.75),  # all scores are equal, and nothing is detected
        ([1, 0], [1.0, 1.0], 1.0000001192092896),  # saturated scores, threshold above 1
    ],
)
def test_every_plot_is_drawn_for_any_scores(tmp_path, labels, scores, threshold):
    X = np.zeros((len(labels), 16, 16, 1), np.uint8)
    plots.write_all(tmp_path, Scored(Patches(X, np.array(labels)), np.array(scores, np.float32), threshold))
    assert {file.name for file in tmp_path.iterdir()} == {f"{part}.png" for part in PARTS}
    for file in tmp_path.iterdir():
        with Image.open(file) as image:
            image.load()
            assert image.size[0] == 1050
            assert 200 < image.size[1] < 2000


def test_file_names_start_with_the_name_of_the_set(tmp_path):
    X, labels, scores = sample()
    plots.write_all(tmp_path, Scored(Patches(X, labels, np.array(["log"] * 60)), scores, 0.5, "test"))
    assert {file.name for file in tmp_path.iterdir()} == {f"test_{part}.png" for part in PARTS}


@pytest.fixture
def shown(monkeypatch):
    """Records the arguments of each gallery: (patches, captions, title)."""
    calls = []
    monkeypatch.setattr(
        common_pictures, "gallery", lambda path, X, captions, title, subtitle: calls.append((X, captions, title))
    )
    return calls


def test_the_worst_come_first_with_score_index_and_recording(tmp_path, shown):
    labels = np.array([0, 0, 1, 1, 0, 1])
    scores = np.array([0.6, 0.95, 0.4, 0.1, 0.2, 0.5], np.float32)
    X = np.arange(6, dtype=np.uint8).repeat(256).reshape(6, 16, 16, 1)
    recording = np.array([f"log{i}" for i in range(6)])
    plots.worst_false_positives(tmp_path / "p.png", Scored(Patches(X, labels, recording), scores, 0.5))
    plots.worst_false_negatives(tmp_path / "n.png", Scored(Patches(X, labels), scores, 0.5))
    (alarms, alarm_captions, alarm_title), (missed, missed_captions, missed_title) = shown
    assert alarms[:, 0, 0, 0].tolist() == [1, 0]
    assert alarm_captions == ["0.950  #1\nlog1", "0.600  #0\nlog0"]
    assert missed[:, 0, 0, 0].tolist() == [3, 2]  # a ball exactly at the threshold is found
    assert missed_captions == ["0.100  #3", "0.400  #2"]
    assert alarm_title.startswith("2 patches")
    assert missed_title.startswith("2 patches")


def test_a_gallery_is_limited_and_says_how_many_patches_there_are(tmp_path, shown):
    X, labels, scores = sample(200)
    plots.worst_false_positives(tmp_path / "p.png", Scored(Patches(X, labels), scores, 0.1))
    [(images, captions, title)] = shown
    wrong = int(np.sum((labels == 0) & (scores >= 0.1)))
    assert len(images) == len(captions) == plots.WORST
    assert title.startswith(f"{wrong} patches")
