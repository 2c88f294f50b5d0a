"""What each team's robot code reads: one row per loader, from public code between 2024 and November 2026.

A file with the wrong layout runs, but its outputs are nonsense. So a row contains the whole layout: format, type and
range of the input, its order, the mean, the size, the sampling rule, the outputs with their units, and the sign of a
brightness offset.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from common.errors import UserError

UNIT = 1 / 255


@dataclass(frozen=True)
class Robot:
    """The part of one team's code that loads a ball network.

    name: for --robot. loader: whose code, and which part of it. format: of its file, a key of `FORMATS`.
    sizes: sides of its patches in pixels. sampling: its rule, a key of `common.datasets.sampling_rules.RULES`.
    outputs: the outputs that it reads, named as in `layout.py`, from a classifier, a detector, or both in one file; it
        cannot load a kind that is missing here.
    scale: its input is Y times this, minus the mean if `subtracts_mean`. dtype: of the input.
    columns: it fills the input column by column. steps: instructions for the card, "Put it on this robot".
    """

    name: str
    loader: str
    format: str
    sizes: tuple[int, ...]
    sampling: str
    outputs: dict[str, tuple[str, ...]]
    steps: tuple[str, ...]
    scale: float = 1.0
    subtracts_mean: bool = False
    dtype: str = "float32"
    columns: bool = False


_BALL, _CIRCLE = ("ball",), ("radius", "x", "y")
_COMPILED_NN = (
    "CompiledNN approximates the sigmoid, off by up to 0.01; with `useExpApproxInSigmoid = false` it does not."
)
_ROWS = (
    Robot(
        "naoth",
        "NaoTH, an AbstractCNNFinder compiled in, as Fy1500_Conf",
        "cpp",
        (16, 32),
        "naoth",
        {"classifier": _BALL, "detector": _CIRCLE},
        (
            "Copy `model.h` of both runs, as `ball_classifier.h` and `ball_detector.h`, and `naoth_finder.h` beside "
            "`Fy1500_Conf.h`, and register `NaothFinder` in `CNNBallDetector.cpp` as the others are.",
            "`meanBrightnessOffset` stays 0: the mean is inside. A positive one makes a patch darker, as with theirs.",
            "It reads patches of 5-byte pixels, column by column, without a copy. Thresholds: theirs, or `isBall()`.",
        ),
    ),
    Robot(
        "naoth-tflite",
        "NaoTH, TFLiteModelNaoTH and TFLiteModelNaoTH32",
        "float32",
        (16, 32),
        "naoth",
        {
            "classifier": ("1 - ball", "ball"),
            "detector": ("radius", "0", "x", "y"),
            "joint": ("radius", "ball", "x", "y"),
        },
        (
            'Copy `{file}` to `Config/` and register `TFLiteModelNaoTH{suffix}("{file}", {flags})`.',
            "This loader ADDS the mean: its `meanBrightnessOffset` is **{minus_mean}**, negative.",
            "It fills the input column by column; the file is made for that. Upright patches would swap x and y.",
        ),
        scale=UNIT,
        subtracts_mean=True,
        columns=True,
    ),
    Robot(
        "naoth-h5",
        "NaoTH, FrugallyDeep",
        "h5",
        (16,),
        "naoth",
        {"joint": ("radius", "x", "y", "ball")},
        (
            "With TensorFlow 2.15 and frugally-deep 0.15: `python convert_model.py {file} fdeep_model.json`.",
            "Copy `fdeep_model.json` to `Config/`; `meanBrightnessOffset` is **{mean}**: it is subtracted.",
        ),
        scale=UNIT,
        subtracts_mean=True,
    ),
    Robot(
        "b-human",
        "B-Human, BallAndPenaltyMarkPerceptor (CompiledNN)",
        "h5",
        (32,),
        "centres",
        {"joint": ("1 - ball", "0", "ball", "x px", "y px", "radius px")},
        (
            "Copy `{file}` to `Config/NeuralNets/BallAndPenaltyMarkPerceptor/` and name it in `multiheadName`.",
            "`useFloat` is false, `useGrayScaledImage` true. The score of a penalty mark is always 0.",
            "They evaluate patches whose side is 3.5 times the ball's radius (`ballAreaFactor`): train on such.",
            _COMPILED_NN,
        ),
        dtype="uint8",
    ),
    Robot(
        "hulks",
        "HULKs' NAO code, ball_detection (compiled-nn)",
        "h5",
        (32,),
        "corners",
        {"classifier": _BALL, "detector": ("x", "y", "2 radius")},
        (
            "Copy `{file}` as `etc/neural_networks/{hulks}.hdf5`; `preclassifier.hdf5` takes a classifier, too.",
            "The radius counts half sides of the patch. Outside of the image they feed 128.",
            _COMPILED_NN,
        ),
    ),
    Robot(
        "runswift",
        "rUNSWift (CompiledNN)",
        "h5",
        (32,),
        "centres",
        {"classifier": _BALL, "detector": _CIRCLE},
        (
            "Copy `{file}` to the folder of the robot's networks. It is fed Y / 255, no mean is subtracted.",
            _COMPILED_NN,
        ),
        scale=UNIT,
    ),
    Robot(
        "nao-devils",
        "NaoDevils, CLIPBallPerceptor (TensorFlow Lite 2.10)",
        "uint8",
        (32,),
        "area",
        {"classifier": ("logit", "0", "0")},
        (
            "Copy `{file}` to `Config/` in place of the network with position. It takes bytes and answers in float.",
            "They apply the sigmoid to all three outputs: 0 becomes 0.5, so the centre remains that of the candidate.",
        ),
        dtype="uint8",
    ),
    Robot(
        "nomadz",
        "NomadZ, TfLiteBallPerceptor",
        "float32",
        (16, 32),
        "centres",
        {"classifier": _BALL},
        ("Copy `{file}` and name it in `pathToModel`; `applyNormalization` is false, `useRadiusRegression` false.",),
    ),
    Robot(
        "spqr",
        "SPQR (ONNX Runtime 1.18)",
        "onnx",
        (32,),
        "centres",
        {"classifier": _BALL, "detector": _CIRCLE},
        ("Copy `{file}` to `Config/NeuralNets/BallPerceptor/`. It is fed raw float values, 0 to 255.",),
    ),
    Robot(
        "dutch-nao-team",
        "Dutch Nao Team (OpenVINO, ONNX Runtime)",
        "onnx",
        (32,),
        "centres",
        {"classifier": ("logit",)},
        (
            "Copy `{file}` to the folder of the networks. It takes bytes; their code applies the sigmoid.",
            "OpenVINO on processors with AMX computes in bf16, off by 0.006: `INFERENCE_PRECISION_HINT` f32 is exact.",
        ),
        dtype="uint8",
    ),
)
ROBOTS = {row.name: row for row in _ROWS}


def find(name: str) -> Robot:
    """The row of a robot.

    Raises:
        UserError: no robot has this name.
    """
    if name not in ROBOTS:
        raise UserError(f"--robot must be one of {', '.join(ROBOTS)}. Received: {name}.")
    return ROBOTS[name]


def check(robot: Robot, kind: str, shape: tuple[int, int, int], sampling: str | None, accept_sampling: bool) -> None:
    """Refuses a model that this robot's code cannot use.

    Args:
        kind: "classifier", "detector" or "joint".
        shape: (height, width, channels) of its patches.
        sampling: the sampling rule of its patches; None if their files do not record it.
        accept_sampling: the user accepts a different rule from the robot's.

    Raises:
        UserError: the message names the robot and what it cannot load.
    """
    _, size, channels = shape
    taken = " and ".join(f"{side}x{side}" for side in robot.sizes)
    if size not in robot.sizes or channels != 1:
        received = f"{size}x{size}, {channels} channel{'s' * (channels > 1)}"
        raise UserError(f"--robot {robot.name}: {robot.loader} takes {taken} patches of Y only. Received: {received}.")
    if kind not in robot.outputs:
        if "joint" in robot.outputs and kind != "joint":
            raise UserError(
                f"--robot {robot.name}: {robot.loader} reads one file with classifier and detector. Received: only a "
                f"{kind}. Export the classifier with --detector RUN, the run of a detector."
            )
        raise UserError(f"--robot {robot.name}: {robot.loader} loads no {kind}. Received: a {kind}.")
    same = {"centres", "naoth"}  # except for the last index in patches of at most the network's size
    if sampling not in (None, robot.sampling) and {sampling, robot.sampling} != same and not accept_sampling:
        raise UserError(
            f"--robot {robot.name}: {robot.loader} samples patches by the rule {robot.sampling}. Received: patches "
            f"sampled by {sampling}. Build the dataset with --sampling {robot.sampling}, or pass --accept-sampling."
        )


def check_all(names: Iterable[str], kind: str, patches, accept_sampling: bool) -> None:
    """Refuses, before a run, robots whose code cannot load its model; `patches` are the run's Patches.

    Raises:
        UserError: as in `find` and `check`.
    """
    for name in names:
        check(find(name), kind, patches.X.shape[1:], patches.sampling, accept_sampling)


def add_robot_options(parser) -> None:
    """Adds --robot and --accept-sampling to a parser or an argument group."""
    parser.add_argument(
        "--robot",
        nargs="+",
        action="extend",
        choices=ROBOTS,
        metavar="NAME",
        help=f"also write the file that the code of these robots loads: {', '.join(ROBOTS)} (docs/robots.md)",
    )
    parser.add_argument(
        "--accept-sampling",
        action="store_true",
        help="write a robot's file even if the patches were sampled by another rule",
    )
