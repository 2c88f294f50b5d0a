"""The card's part for each robot that was named: how to put the model on it."""

from common.datasets.sampling import RULES
from robot_export.layout import OWN
from robot_export.robots import find

_LOADS = {
    "classifier": "",
    "detector": "true, true, false",
    "joint": "true, true, true",
}  # has radius, center, confidence


def robots(manifest: dict) -> list[str]:
    """Paragraphs of Markdown, none where no robot was named."""
    parts = []
    for name, told in manifest.get("robots", {}).items():
        robot, entry, given = find(name), manifest["forms"][told["form"]], manifest["input"]
        layout, size, mean = entry["layout"], given["width"], given["mean"][0]
        fed = f"Y * {layout['scale']:.9g}" + (f" - {mean:.9g}" if any(layout["offset"]) else "")
        order = "[column][row]" if layout["columns"] else "[row][column]"
        outputs = layout["outputs"] or OWN[1 if told["kind"] == "classifier" else 3]
        words = {
            "file": entry["file"],
            "mean": f"{mean:.9g}",
            "minus_mean": f"{-mean:.9g}",
            "suffix": "32" if size == 32 else "",
            "flags": _LOADS[told["kind"]],
            "hulks": "classifier" if told["kind"] == "classifier" else "positioner",
        }
        rule = given.get("sampling_rule")
        sampled = (
            "" if rule == robot.sampling else f" **This model's patches were sampled by {rule or 'an unknown rule'}.**"
        )
        lines = [
            *(step.format(**words) for step in robot.steps),
            f"Fed: {size}x{size}, {order}, {entry['input_type']}, {fed}.",
            f"Answers: {', '.join(outputs)}" + ("; px are pixels of the patch." if "px" in str(outputs) else "."),
            f"Sampled by {robot.sampling}: {RULES[robot.sampling]}.{sampled}",
            _proof(manifest, told["form"]),
        ]
        parts += [f"### {name}: {robot.loader}", "\n".join(f"- {line}" for line in lines)]
    return ["## Put it on this robot", *parts] if parts else []


def _proof(manifest: dict, form: str) -> str:
    parity = manifest["forms"][form]["parity"]
    if not parity:
        return "**Not proven here**: `python3 robot_export/verify.py FOLDER` runs it where its runtime is."
    difference = f"{parity['max_difference']:.2g}"
    line = f"Read like this, the {parity['patches']:,} patches of validation differ from Keras by {difference}"
    threshold = f"; threshold {manifest['threshold'][form]:.6g}" if "threshold" in manifest else ""
    return f"{line} at most{threshold}."


def header_to_take(contract: dict) -> str | None:
    """Which of the two C++ headers to put on the robot, and why; None if there are not both."""
    forms = contract["forms"]
    if "cpp" not in forms or "int16" not in forms:
        return None
    whole, exact = forms["int16"], forms["cpp"]
    if whole["fit"] is None:
        return "Take `model.h` for the robot: `model_int16.h` was not run here."
    if not whole["fit"]:
        return f"Take `model.h` for the robot: `model_int16.h` is rejected ({'; '.join(whole['unfit'])})."
    numbers, fast, slow = whole["parity"], whole["latency_us"]["median"], exact["latency_us"]["median"]
    changed = f", {numbers['flips']} decisions change at Keras's threshold" if "flips" in numbers else ""
    clamped, of = (sum(counts) for counts in zip(*whole["clamped"].values(), strict=True))
    return (
        "Take **`model_int16.h`** for the robot. It computes in int16, on the NAO's processor twice as fast as "
        f"`model.h`; on this machine it took {fast:.2f} us per patch instead of {slow:.2f}. On validation its answers "
        f"differ from Keras's by at most {numbers['max_difference']:.2g}{changed}, and {clamped:,} of {of:,} "
        "activations were clamped. `model.h` has the same functions and computes in float32."
    )
