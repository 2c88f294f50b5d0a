"""Writes the model card, README.md and report.html of a run folder, to read before a model is copied to a robot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.atomic_files import write_text
from common.runs.page import write_page
from robot_export import snippets
from robot_export.model_json import Manifest
from robot_export.robot_card import header_to_take, robots

_OUTPUTS = (
    "There are no other outputs: robot code that reads [no ball, ball], a confidence besides the circle or another "
    "order reads beyond them. `--robot NAME` writes the file for such code."
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
_VERDICTS = {True: "yes", False: "**NO**", None: "**not run**"}


@dataclass(frozen=True)
class Findings:
    """What a project says about its model.

    purpose: one sentence. numbers: the table of the splits. weak: the worst recordings, cameras and brightnesses.
    slices: all of these. pictures: (file, what it shows). notes: what the numbers mean, one sentence each.
    """

    purpose: str
    numbers: str
    weak: str
    slices: str = ""
    pictures: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def write_card(folder: Path, manifest: Manifest, findings: Findings) -> Path:
    """Writes README.md, and report.html with the same text and all slices; missing pictures are left out."""
    shown = [f"![{words}]({name})" for name, words in findings.pictures if (folder / name).is_file()]
    # Two side by side, so that they do not fill the page; the wide ones, at the end, would be too small.
    pairs = [[*shown[i : min(i + 2, PAIRED)], ""][:2] for i in range(0, min(len(shown), PAIRED), 2)]
    weak = findings.weak.strip() or "the files contain neither recordings nor cameras"
    parts = [
        f"# {folder.resolve().name}",
        head(manifest, findings.purpose, findings.numbers),
        "\n".join(f"- {note}" for note in findings.notes) or None,
        _table(pairs, 2) if pairs else None,
        *shown[PAIRED:],
        "## Export formats",
        _formats(manifest),
        header_to_take(manifest),
        *robots(manifest),
        "## Known weaknesses",
        f"Most errors first:\n\n```\n{weak}\n```",
        "## Loading it",
        snippets.loading(manifest),
        "",
    ]
    path = folder / "README.md"
    text = "\n\n".join(part for part in parts if part is not None)
    write_text(path, text)
    write_page(folder / "report.html", f"{text}## All slices\n\n```\n{findings.slices}\n```\n")
    return path


def head(manifest: Manifest, purpose: str, numbers: str) -> str:
    """The model, its data and its numbers, without raw HTML; also the description of the run on MLflow."""
    parts = [
        f"{purpose} Project `{manifest.project}`. `model.json` has the same facts for programs.",
        _warnings(manifest),
        _what(manifest),
        "## Data",
        _data(manifest),
        "## Numbers",
        f"```\n{numbers}\n```",
    ]
    return "\n\n".join(part for part in parts if part is not None)


def summary(manifest: Manifest) -> str:
    """Describes the files for a terminal, one line each."""
    lines = []
    for name, file in manifest.formats.items():
        parity, times = file.parity or {}, file.latency_us or {}
        numbers = f"{file.bytes:>8,} bytes {times.get('median', float('nan')):8.1f} us"
        line = f"{name:8} {file.file:22} {numbers}   difference {parity.get('max_difference', float('nan')):.2g}"
        verdict = {True: "", False: "   rejected: ", None: "   "}[file.accepted]
        lines.append(line + verdict + "; ".join(file.reasons if verdict else ()))
    return "\n".join(lines)


def _warnings(manifest: Manifest) -> str | None:
    lines = []
    if manifest.status == "killed":
        lines.append("**This run was stopped early.**")
    if manifest.synthetic_fallback:
        lines.append("**Trained on the SYNTHETIC FALLBACK: the chosen dataset could not be reached.**")
    for file in manifest.formats.values():
        if not file.accepted:
            what = "is rejected" if file.accepted is False else "has not been checked"
            lines.append(f"**`{file.file}` {what}**: {'; '.join(file.reasons)}.")
    return "\n\n".join(lines) or None


def _what(manifest: Manifest) -> str:
    given, target, cost = manifest.input, manifest.target, manifest.cost
    sides, mean = "x".join(map(str, given.shape)), ", ".join(f"{value:.6f}" for value in given.mean)
    lines = [
        f"- Input: {sides}, {given.layout}, {given.colour}. **{given.range}** (mean {mean}).",
        f"- Sampling: {given.sampling}.",
        f"- Output: {', '.join(target['order'])}, {target['units']}. {_OUTPUTS}",
        f"- Cost: {cost['multiply_accumulates']:,} multiply-accumulates, {cost['parameters']:,} parameters.",
    ]
    if manifest.threshold:
        shipped = f"{manifest.trained_threshold:.6g}"
        lines.append(f"- Threshold {shipped}: a score at or above it is a ball. A format may have its own, see below.")
        choice = manifest.threshold_choice or {}
        if promise := choice.get("promise"):
            lines.append(f"- False positives: {promise}. The guarantee covers patches like the validation patches.")
        if sides := choice.get("sides"):
            lines.append(f"- {sides}")
    return "\n".join(lines)


def _data(manifest: Manifest) -> str:
    rows = [("split", "dataset", "patches", "sha256 of the patches")]
    for split, data in manifest.datasets.items():
        rows.append((split, data["name"], str(data["patches"]), f"`{data['digest'][:16]}`"))
    made = manifest.provenance
    trained = f"Trained at commit `{made['commit'][:12]}`, {made.get('device', 'device unknown')}."
    return f"{_table(rows, 4)}\n\n{trained}"


def _formats(manifest: Manifest) -> str:
    """The cost and the quality of each format; empty columns of the second table are left out."""
    files, thresholds = manifest.formats, manifest.threshold or {}
    cost = [("format", "file", "bytes", "peak memory, bytes", "us per patch, median", "95 %")]
    for name, file in files.items():
        times = file.latency_us
        took = [f"{times[key]:.1f}" if times else "not timed" for key in ("median", "p95")]
        cost.append((name, f"`{file.file}`", f"{file.bytes:,}", f"{file.peak_activation_bytes:,}", *took))
    numbers = {
        name: ({"threshold": thresholds[name]} if name in thresholds else {}) | (file.parity or {})
        for name, file in files.items()
    }
    columns = [column for column in _PARITY if any(column[1] in each for each in numbers.values())]
    parity = [("format", *(title for title, _, _ in columns), "accepted")]
    for name, file in files.items():
        cells = (_cell(numbers[name], key, style) for _, key, style in columns)
        parity.append((name, *cells, _VERDICTS[file.accepted]))
    versions = sorted({file.runtime_version for file in files.values() if file.runtime_version})
    if "onnx" in files:
        versions.append(f"the ONNX file has opset {files['onnx'].opset}")
    how = f"One thread, called from Python on {manifest.cost['timed_on']}; {', '.join(versions)}."
    patches = manifest.datasets["validation"]["patches"]
    compared = f"Each file was run in its own runtime on all {patches:,} validation patches and compared with Keras:"
    again = "`python3 robot_export/verify.py FOLDER`, from the top of the repository, checks the files on any machine."
    return "\n\n".join([_table(cost, 2), how, compared, _table(parity, 1), again])


def _table(rows: Sequence[Sequence[str]], names: int) -> str:
    """A Markdown table; the first row is the header, the first columns are names, the others right-aligned numbers."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * names}{' ---: |' * (len(rows[0]) - names)}")
    return "\n".join(lines)


def _cell(numbers: Mapping[str, float], key: str, style: str) -> str:
    return format(numbers[key], style) if key in numbers else "-"
