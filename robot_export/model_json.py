"""The contract of a model, model.json version 1: checked against its JSON Schema before it is written or believed."""

import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator

from common.atomic_files import read_json
from common.errors import UserError

SCHEMA = Path(__file__).with_name("model.schema.json")
# How far a form may be from its own test vectors on another machine: float32 in another order of additions; the
# quantised forms where a runtime's kernels round differently.
TOLERANCE = {"exact": 1e-4, "quantised": 0.02}


def schema() -> dict:
    """The JSON Schema of model.json."""
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def check(contract: dict, where: str = "model.json", exported: bool = True) -> None:
    """Checks a contract.

    Args:
        where: names it in the error.
        exported: False for a run that was not exported yet: it has no formats and no test vectors.

    Raises:
        UserError: it does not follow the schema; the line names the place.
    """
    rules = schema()
    if not exported:
        rules["required"] = [name for name in rules["required"] if name not in ("forms", "vectors")]
    errors = sorted(Draft202012Validator(rules).iter_errors(contract), key=lambda error: len(error.path))
    if errors:
        place = ".".join(map(str, errors[0].path)) or "the whole"
        raise UserError(f"{where} is no contract of version 1: {place}: {errors[0].message[:300]}.")


def text(contract: dict) -> str:
    """The contract as JSON that people can read, too: lists of numbers on one line each."""
    plain = json.dumps(contract, indent=2, allow_nan=False)
    return re.sub(r"\[[-+.,\s\de]+\]", lambda match: " ".join(match[0].split()), plain) + "\n"


def read(folder: Path) -> dict:
    """Reads and checks the contract of a run folder.

    Raises:
        UserError: there is none, or it cannot be believed.
    """
    path = Path(folder) / "model.json"
    try:
        contract = read_json(path)
    except UserError as error:
        raise UserError(f"no contract can be read. {error} Name the folder of a run.") from None
    check(contract, str(path))
    return contract


def facts(description: dict) -> dict[str, str | int | float]:
    """The fields of the contract that become constants of the C++ header."""
    told = {
        "contract_version": description["version"],
        "input_range": "raw 0..255; scale and mean are inside",
        "input_scale": description["input"]["scale"],
        "input_mean": ", ".join(f"{mean:.9g}" for mean in description["input"]["mean"]),
        "input_layout": description["input"]["layout"],
        "input_colour": description["input"]["colour"],
        "sampling_rule": description["input"]["sampling"],
        "target_order": ", ".join(description["target"]["order"]),
        "target_units": description["target"]["units"],
        "git_commit": description["provenance"]["commit"],
    }
    if promise := description.get("threshold_choice", {}).get("promise"):
        told["threshold_promise"] = promise
    return told | {f"{split}_digest": data["digest"] for split, data in description["datasets"].items()}


def scaling(contract: dict) -> tuple[float, list[float]]:
    """Factor and summands per channel that turn raw values into normalised ones."""
    return contract["input"]["scale"], [-mean for mean in contract["input"]["mean"]]
