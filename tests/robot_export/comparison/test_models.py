"""Checks that only models for the same patches are compared, and that warnings say why a result is doubtful."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.datasets.patch_file import BLOCK, Patches
from common.errors import UserError
from robot_export import onnx_file
from robot_export.comparison.models import answers_of, notes, open_models
from robot_export.folded_network import Joint, fold

from ..jobs import write_model_json
from ..models import patches, random_model

NOTHING = SimpleNamespace(input_scale=1.0, input_offset=[0.0], input_columns=False, outputs=None, sampling="centres")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Writes a classifier, a classifier for larger patches, a detector, a file with both models, and a run."""
    folder = tmp_path_factory.mktemp("models")
    models = {"ball": random_model(1), "large": random_model(2, side=32), "circle": random_model(3, head="linear")}
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
    joint = Joint((fold(models["ball"]), fold(models["circle"])))
    onnx_file.write(folder / "both.onnx", joint)
    (folder / "run").mkdir()
    models["ball"].save(folder / "run" / "model.keras")
    write_model_json(folder / "run")
    return folder, models


def data(side=16, recordings=12, **known) -> Patches:
    X = patches(5, 60, (side, side, 1))
    recording = np.array([f"game{i % recordings}" for i in range(60)]) if recordings else None
    return Patches(X, np.zeros(60, np.float32), recording=recording, **known)


def opened(folder, names: list[str], outputs: int, threshold=0.5, part=None):
    arguments = SimpleNamespace(**vars(NOTHING), threshold=threshold)
    return open_models([folder / name for name in names], arguments, outputs, part or data())


@pytest.mark.parametrize(("name", "outputs"), [("ball", 1), ("circle", 3)])
def test_a_file_with_both_models_can_be_used_as_either(files, name, outputs):
    folder, models = files
    X = data().X
    single, both = opened(folder, [f"{name}.keras", "both.onnx"], outputs)
    wanted = models[name](X.astype(np.float32)).numpy()
    for model in (single, both):
        np.testing.assert_allclose(answers_of(model, X, outputs), wanted, atol=1e-5)


def test_patches_are_read_in_blocks(files):
    class Stored:
        """Imitates pixels in a file; it is an error to read more than one block of pixels at once."""

        shape = (2 * BLOCK + 3, 16, 16, 1)

        def __len__(self):
            return self.shape[0]

        def __getitem__(self, part):
            numbers = np.arange(len(self))[part]
            assert len(numbers) <= BLOCK
            return np.broadcast_to((numbers % 251).astype(np.uint8)[:, None, None, None], (len(numbers), 16, 16, 1))

    folder, _ = files
    (model,) = opened(folder, ["ball.keras"], 1)
    found = answers_of(model, Stored(), 1)
    assert found.shape == (2 * BLOCK + 3, 1)
    np.testing.assert_allclose(found[BLOCK + 2], model.predict(Stored()[BLOCK + 2 : BLOCK + 3])[0], atol=1e-6)


@pytest.mark.parametrize(
    ("names", "outputs", "words"),
    [
        (["ball.keras", "circle.keras"], 1, "circle.keras: not a classifier or combined classifier and detector"),
        (["circle.keras", "ball.keras"], 3, "ball.keras: not a detector or combined classifier and detector"),
        (["ball.keras", "large.keras"], 1, "take different patches. Received: ball: 16x16x1"),
        (
            ["large.keras", "large.keras"],
            1,
            "the models take 32x32x1 patches, but those in the files differ. Received: 16x16x1",
        ),
    ],
)
def test_unsuitable_models_are_refused(files, names, outputs, words):
    with pytest.raises(UserError) as refused:
        opened(files[0], names, outputs)
    assert words in str(refused.value)


def test_the_threshold_of_the_command_line_is_only_for_models_without_one(files):
    models = opened(files[0], ["run", "ball.keras", "both.onnx"], 1, threshold=0.75)
    assert [model.threshold for model in models] == [0.5, 0.75, 0.75]
    (detector,) = opened(files[0], ["circle.keras"], 3, threshold=None)
    assert detector.threshold is None


def model(name="m", rule="centres", trained_on=None):
    return SimpleNamespace(name=name, rule=rule, trained_on=trained_on)


def test_notes_mention_training_patches_and_different_sampling_rules():
    part = data()
    assert notes([model(), model()], part) == []
    (first,) = notes([model("mine", trained_on=part.digest), model(trained_on="0" * 64)], part)
    assert first == "mine was trained on these patches; use other patches for a comparison"
    (second,) = notes([model(), model(rule="area")], part)
    assert "sampled with different rules" in second


@pytest.mark.parametrize(
    ("recordings", "words"),
    [
        (0, "the files name no recordings: "),
        (1, "only one recording: "),
        (2, "only 2 recordings"),
        (9, "only 9 recordings"),
    ],
)
def test_few_or_no_recordings_give_a_note(recordings, words):
    (note,) = notes([model()], data(recordings=recordings))
    assert note.startswith(words)
