"""The model card: README.md of a run folder and report.html, the page to read before a model goes onto a robot."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.atomic_files import write_text
from common.runs.page import write_page
from robot_export import snippets
from robot_export.robot_card import header_to_take, robots

_OUTPUTS = (
    "Nothing else: code that reads [no ball, ball], a confidence beside the circle or another order reads beyond it. "
    "`--robot NAME` writes the file for it."
)
PAIRED = 4  # pictures
_PARITY = (
    ("largest difference", "max_difference", ".2g"),
    ("mean", "mean_difference", ".2g"),
    ("flips", "flips", ".0f"),
    ("threshold", "threshold", ".6g"),
    ("recall", "recall", ".2%"),
    ("false positives", "false_positive_rate", ".2%"),
    ("AUROC", "auroc", ".4f"),
    ("recall at the limit", "recall_at_limit", ".2%"),
    ("centre error, median px", "median_center_error_px", ".3f"),
    ("mean px", "mean_center_error_px", ".3f"),
    ("mean IoU", "mean_iou", ".4f"),
)


def write_card(
    folder: Path,
    contract: dict,
    purpose: str,
    numbers: str,
    weak: str,
    slices: str,
    pictures: Sequence[tuple[str, str]],
    notes: Sequence[str] = (),
) -> Path:
    """Writes README.md, and report.html: the same with every slice.

    Args:
        folder: of the run; pictures that are not in it are left out.
        contract: what model.json says.
        purpose: one sentence, what the model does.
        numbers: the table of the splits, as text.
        weak: the worst recordings, cameras and brightnesses, as text.
        slices: all of them, as text.
        pictures: (file, what it shows).
        notes: what the numbers mean, one sentence each.
    """
    shown = [f"![{words}]({name})" for name, words in pictures if (folder / name).is_file()]
    # Two beside one another, or they were most of the page; the wide ones, which come last, would be too small.
    pairs = [[*shown[i : min(i + 2, PAIRED)], ""][:2] for i in range(0, min(len(shown), PAIRED), 2)]
    parts = [
        f"# {folder.resolve().name}",
        head(contract, purpose, numbers),
        "\n".join(f"- {note}" for note in notes) or None,
        _table(pairs, 2) if pairs else None,
        *shown[PAIRED:],
        "## Forms",
        _forms(contract),
        header_to_take(contract),
        *robots(contract),
        "## Known weaknesses",
        f"Most errors first:\n\n```\n{weak.strip() or 'the files name neither recordings nor cameras'}\n```",
        "## Loading it",
        snippets.loading(contract),
        "",
    ]
    path = folder / "README.md"
    text = "\n\n".join(part for part in parts if part is not None)
    write_text(path, text)
    write_page(folder / "report.html", f"{text}## All slices\n\n```\n{slices}\n```\n")
    return path


def head(contract: dict, purpose: str, numbers: str) -> str:
    """What the model is, its data and its numbers, without raw HTML; the description of the run on MLflow, too."""
    parts = [
        f"{purpose} Project `{contract['project']}`; what is said here is in `model.json`, too, for programs.",
        _warnings(contract),
        _what(contract),
        "## Data",
        _data(contract),
        "## Numbers",
        f"```\n{numbers}\n```",
    ]
    return "\n\n".join(part for part in parts if part is not None)


def summary(contract: dict) -> str:
    """The forms in a terminal: one line each."""
    lines = []
    for name, entry in contract["forms"].items():
        parity, times = entry["parity"] or {}, entry["latency_us"] or {}
        numbers = f"{entry['bytes']:>8,} bytes {times.get('median', float('nan')):8.1f} us"
        line = f"{name:8} {entry['file']:22} {numbers}   difference {parity.get('max_difference', float('nan')):.2g}"
        verdict = {True: "", False: "   rejected: ", None: "   "}[entry["fit"]]
        lines.append(line + verdict + "; ".join(entry["unfit"] if verdict else ()))
    return "\n".join(lines)


def _warnings(contract: dict) -> str | None:
    lines = []
    if contract["status"] == "killed":
        lines.append("**The training was stopped before its end.**")
    if contract["synthetic_fallback"]:
        lines.append("**Trained on the SYNTHETIC FALLBACK: the dataset it was meant for could not be reached.**")
    for entry in contract["forms"].values():
        if not entry["fit"]:
            what = "is rejected" if entry["fit"] is False else "is not proven"
            lines.append(f"**`{entry['file']}` {what}**: {'; '.join(entry['unfit'])}.")
    return "\n\n".join(lines) or None


def _what(contract: dict) -> str:
    given, cost = contract["input"], contract["cost"]
    sides = "x".join(str(given[side]) for side in ("height", "width", "channels"))
    mean = ", ".join(f"{value:.6f}" for value in given["mean"])
    lines = [
        f"- Input: {sides}, {given['layout']}, {given['colour']}. **{given['range']}** (mean {mean}).",
        f"- Sampling: {given['sampling']}.",
        f"- Output: {', '.join(contract['target']['order'])}, {contract['target']['units']}. {_OUTPUTS}",
        f"- Cost: {cost['multiply_accumulates']:,} multiply-accumulates, {cost['parameters']:,} parameters.",
    ]
    if "threshold" in contract:
        shipped = contract["threshold"]["keras"]
        lines.append(f"- Threshold {shipped:.6g}, of each form below: a score at or above it, as float32, is a ball.")
        if promise := contract.get("threshold_choice", {}).get("promise"):
            lines.append(f"- False positives: {promise}. The guarantee is for patches like those of validation.")
    return "\n".join(lines)


def _data(contract: dict) -> str:
    rows = ["| split | dataset | patches | sha256 of the patches |", "| --- | --- | --- | --- |"]
    for split, data in contract["datasets"].items():
        rows.append(f"| {split} | {data['name']} | {data['patches']} | `{data['digest'][:16]}` |")
    made = contract["provenance"]
    rows.append(f"\nTrained at commit `{made['commit'][:12]}`, {made.get('device', 'device unknown')}.")
    return "\n".join(rows)


def _forms(contract: dict) -> str:
    """What each form is, costs and does; columns of the second table that no form has a number for are left out."""
    forms, thresholds = contract["forms"], contract.get("threshold", {})
    cost = [("form", "file", "bytes", "peak memory, bytes", "us per patch, median", "95 %")]
    for name, entry in forms.items():
        times = entry["latency_us"] or {}
        took = [f"{times[key]:.1f}" if times else "not timed" for key in ("median", "p95")]
        cost.append((name, f"`{entry['file']}`", f"{entry['bytes']:,}", f"{entry['peak_activation_bytes']:,}", *took))
    numbers = {
        name: ({"threshold": thresholds[name]} if name in thresholds else {}) | (entry["parity"] or {})
        for name, entry in forms.items()
    }
    columns = [column for column in _PARITY if any(column[1] in each for each in numbers.values())]
    parity = [("form", *(title for title, _, _ in columns), "fit")]
    for name, entry in forms.items():
        cells = (_cell(numbers[name], key, form) for _, key, form in columns)
        parity.append((name, *cells, {True: "yes", False: "**NO**", None: "**not run**"}[entry["fit"]]))
    versions = sorted({entry["runtime_version"] for entry in forms.values() if "runtime_version" in entry})
    if "onnx" in forms:
        versions.append(f"the ONNX file is of opset {forms['onnx']['opset']}")
    how = f"One thread, called from Python on {contract['cost']['timed_on']}; {', '.join(versions)}."
    patches = contract["datasets"]["validation"]["patches"]
    held = f"Held against Keras on all {patches:,} patches of validation, each by its own runtime:"
    check = "`python3 robot_export/verify.py FOLDER`, from the top of the repository, checks the files again anywhere."
    return "\n\n".join([_table(cost, 2), how, held, _table(parity, 1), check])


def _table(rows: Sequence[Sequence[str]], names: int) -> str:
    """A table in Markdown; the first row is its head, the first columns are names, the others numbers, ranged right."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * names}{' ---: |' * (len(rows[0]) - names)}")
    return "\n".join(lines)


def _cell(numbers: Mapping[str, float], key: str, form: str) -> str:
    return format(numbers[key], form) if key in numbers else "-"
