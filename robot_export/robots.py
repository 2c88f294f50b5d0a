"""Lists the files that each team's robot code reads, with one row for each loader.

The rows describe the teams' public code from 2024 to November 2026. A file with the wrong layout runs, but its outputs
are nonsense. So each row describes the whole layout: the file format, the size and sampling rule of the patches, the
type, scale and order of the input, whether the code subtracts a mean, and the outputs with their units.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from common.errors import UserError

UNIT = 1 / 255


@dataclass(frozen=True)
class Robot:
    """The part of one team's code that loads a ball network.

    name: a value of --robot. loader: the team, and the part of its code. format: the file's format, a key of `FORMATS`.
    sizes: possible sides of the patches in pixels. sampling: a key of `common.datasets.sampling_rules.RULES`.
    outputs: kind of model -> the outputs that the code reads, named as in `layout.py`. The code cannot load a kind that
        `outputs` does not contain. The kind "joint" means a classifier and a detector in one file.
    scale: the input is Y times this factor, minus the mean if `subtracts_mean`. dtype: the dtype of the input.
    columns: whether the code fills the input column by column.
    """

    name: str
    loader: str
    format: str
    sizes: tuple[int, ...]
    sampling: str
    outputs: dict[str, tuple[str, ...]]
    scale: float = 1.0
    subtracts_mean: bool = False
    dtype: str = "float32"
    columns: bool = False


_BALL = {"classifier": ("ball",)}
_EITHER = _BALL | {"detector": ("radius", "x", "y")}
_HULKS = _BALL | {"detector": ("x", "y", "2 radius")}
_NAOTH_H5 = {"joint": ("radius", "x", "y", "ball")}
_NAOTH_TFLITE = {
    "classifier": ("1 - ball", "ball"),
    "detector": ("radius", "0", "x", "y"),
    "joint": ("radius", "ball", "x", "y"),
}
_B_HUMAN = {"joint": ("1 - ball", "0", "ball", "x px", "y px", "radius px")}
_LOGIT, _LOGIT_OF_THREE = {"classifier": ("logit",)}, {"classifier": ("logit", "0", "0")}
_ROWS = (
    Robot("naoth", "NaoTH, an AbstractCNNFinder compiled into it, like Fy1500_Conf", "cpp", (16, 32), "naoth", _EITHER),
    Robot(
        "naoth-tflite",
        "NaoTH, TFLiteModelNaoTH and TFLiteModelNaoTH32",
        "float32",
        (16, 32),
        "naoth",
        _NAOTH_TFLITE,
        scale=UNIT,
        subtracts_mean=True,
        columns=True,
    ),
    Robot("naoth-h5", "NaoTH, FrugallyDeep", "h5", (16,), "naoth", _NAOTH_H5, scale=UNIT, subtracts_mean=True),
    Robot(
        "b-human", "B-Human, BallAndPenaltyMarkPerceptor (CompiledNN)", "h5", (32,), "centres", _B_HUMAN, dtype="uint8"
    ),
    Robot("hulks", "HULKs' NAO code, ball_detection (compiled-nn)", "h5", (32,), "corners", _HULKS),
    Robot("runswift", "rUNSWift (CompiledNN)", "h5", (32,), "centres", _EITHER, scale=UNIT),
    Robot(
        "nao-devils",
        "NaoDevils, CLIPBallPerceptor (TensorFlow Lite 2.10)",
        "uint8",
        (32,),
        "area",
        _LOGIT_OF_THREE,
        dtype="uint8",
    ),
    Robot("nomadz", "NomadZ, TfLiteBallPerceptor", "float32", (16, 32), "centres", _BALL),
    Robot("spqr", "SPQR (ONNX Runtime 1.18)", "onnx", (32,), "centres", _EITHER),
    Robot("dutch-nao-team", "Dutch Nao Team (OpenVINO, ONNX Runtime)", "onnx", (32,), "centres", _LOGIT, dtype="uint8"),
)
ROBOTS = {row.name: row for row in _ROWS}


def file_kinds(names: Iterable[str], kind: str, detector: bool = False) -> dict[str, str]:
    """Returns the kind of each robot's file: "joint" if a detector is joined with the classifier, otherwise `kind`.

    Needs only the command line, so it can be called first. detector: whether --detector is given.

    Raises:
        UserError: no robot has this name, it cannot load this kind, or no robot reads both models from one file.
    """
    kinds = {name: "joint" if detector and "joint" in _robot(name).outputs else kind for name in names}
    for name, made in kinds.items():
        _check_kind(_robot(name), made)
    if detector and "joint" not in kinds.values():
        joining = ", ".join(name for name, robot in ROBOTS.items() if "joint" in robot.outputs)
        raise UserError(
            f"--detector is only for robots that read both models from one file: {joining}. "
            f"Received: {' '.join(kinds) or 'no --robot'}."
        )
    return kinds


def _robot(name: str) -> Robot:
    if name not in ROBOTS:
        raise UserError(f"--robot must be one of {', '.join(ROBOTS)}. Received: {name}.")
    return ROBOTS[name]


def _check_kind(robot: Robot, kind: str) -> None:
    who = f"--robot {robot.name}: {robot.loader}"
    if kind not in robot.outputs and "joint" in robot.outputs:
        raise UserError(
            f"{who} reads only files with both a classifier and a detector. Received: only a {kind}. Export "
            "the classifier with --detector RUN, the run of a detector."
        )
    if kind not in robot.outputs:
        raise UserError(f"{who} cannot load a {kind}. Received: a {kind}.")


def check(name: str, kind: str, shape: tuple[int, int, int], sampling: str | None, accept_sampling: bool) -> None:
    """Refuses a model that the code of this robot cannot use.

    kind: "classifier", "detector" or "joint". shape: (height, width, channels) of a patch. sampling: the sampling rule
    of the patches, None if unknown. accept_sampling: whether the user accepts patches sampled with another rule.

    Raises:
        UserError: no robot has this name, or its code cannot load the model; the message says why.
    """
    robot, (_, size, channels) = _robot(name), shape
    who = f"--robot {name}: {robot.loader}"
    if size not in robot.sizes or channels != 1:
        taken = " and ".join(f"{side}x{side}" for side in robot.sizes)
        received = f"{size}x{size}, {channels} channel{'s' * (channels > 1)}"
        raise UserError(f"{who} takes {taken} patches of Y only. Received: {received}.")
    _check_kind(robot, kind)
    # These two rules differ only if the patch is not larger than the network's input, and only in the last index.
    same = {"centres", "naoth"}
    if sampling not in (None, robot.sampling) and {sampling, robot.sampling} != same and not accept_sampling:
        raise UserError(
            f"{who} uses the sampling rule {robot.sampling}. Received: patches with the sampling rule {sampling}. "
            f"Build the dataset with --sampling {robot.sampling}, or pass --accept-sampling."
        )


def check_all(kinds: dict[str, str], shape: tuple[int, int, int], sampling: str | None, accept_sampling: bool) -> None:
    """Calls `check` for each robot and the kind of its file, from `file_kinds`."""
    for name, kind in kinds.items():
        check(name, kind, shape, sampling, accept_sampling)


def add_robot_options(parser) -> None:
    """Adds --robot and --accept-sampling to a parser or an argument group."""
    text = f"also write the file that the code of these robots loads: {', '.join(ROBOTS)} (docs/robots.md)"
    parser.add_argument("--robot", nargs="+", action="extend", choices=ROBOTS, metavar="NAME", help=text)
    text = "write the robot's file even if the training patches were sampled in a different way"
    parser.add_argument("--accept-sampling", action="store_true", help=text)
