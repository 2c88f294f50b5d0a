"""Writes the model card: the files README.md and report.html, to be read before a model is copied to a robot."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from common.atomic_files import write_text
from common.runs.page import write_page
from robot_export import snippets
from robot_export.export_job import Job
from robot_export.model_json import Manifest
from robot_export.robot_card import header_to_take, robots

_OUTPUTS = (
    "There are no other outputs. Robot code that expects [no ball, ball], a confidence in addition to the circle, "
    "or another order cannot use these files; `--robot NAME` writes a file for such code."
)
PAIRED = 4  # how many pictures at the start of the card are shown side by side
WEAKEST, SLICES = 4, 200  # maximum number of groups of each kind, such as camera, on the card and in report.html
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


def write_card(job: Job, manifest: Manifest, new: Path) -> None:
    """Writes README.md, and report.html with the same text and all groups of patches, to the folder `new`.

    Pictures that exist only in the job's folder are copied to `new`; missing pictures are left out.
    """
    split, folder = "test" if "test" in job.results else "validation", job.folder
    result = {"groups": (), "notes": ()} | job.results.get(split, {})
    weak, slices = (split + "\n" + job.project.group_table(result["groups"], n).strip("\n") for n in (WEAKEST, SLICES))
    pictures = [(f"{split}_{kind}.png", f"{words}, {split}") for kind, words in job.project.pictures]
    pictures.insert(len(pictures) - 1, ("training_curves.png", "the metrics of every epoch"))  # before the heat map
    for name, _ in pictures:
        if (folder / name).is_file() and not (new / name).exists():
            shutil.copyfile(folder / name, new / name)
    shown = [f"![{words}]({name})" for name, words in pictures if (new / name).is_file()]
    # The first pictures are shown side by side to save space. The last pictures are too wide for this.
    small = [*shown[:PAIRED], ""]
    pairs = list(zip(small[::2], small[1::2], strict=False))
    parts = [
        f"# {folder.resolve().name}",
        head(job, manifest),
        "\n".join(f"- {note}" for note in result["notes"]) or None,
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
    text = "\n\n".join(part for part in parts if part is not None)
    write_text(new / "README.md", text)
    write_page(new / "report.html", f"{text}## By recording, camera and brightness\n\n```\n{slices}\n```\n")


def head(job: Job, manifest: Manifest) -> str:
    """Returns the part of the card about the model, its data and its metrics, as Markdown without raw HTML.

    The same text is the description of the run in MLflow.
    """
    numbers = job.project.table({split: result["metrics"] for split, result in job.results.items()})
    parts = [
        f"{job.project.purpose} Project `{manifest.project}`. "
        "`model.json` contains the same information in machine-readable form.",
        _warnings(manifest),
        _what(manifest),
        "## Data",
        _data(manifest),
        "## Numbers",
        f"```\n{numbers}\n```",
    ]
    return "\n\n".join(part for part in parts if part is not None)


def summary(manifest: Manifest) -> str:
    """Returns text for the terminal, with one line about each file."""
    lines = []
    for name, file in manifest.formats.items():
        took, off = (file.latency_us or {}).get("median", math.nan), (file.parity or {}).get("max_difference", math.nan)
        line = f"{name:8} {file.file:22} {file.bytes:>8,} bytes {took:8.1f} us   difference {off:.2g}"
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
        meaning = "a score at or above it means that there is a ball. A format may have its own threshold; see below."
        lines.append(f"- Threshold {shipped}: {meaning}")
        choice = manifest.threshold_choice or {}
        if promise := choice.get("promise"):
            covers = " The guarantee holds for patches like the validation patches." if choice.get("guaranteed") else ""
            lines.append(f"- {promise[0].upper()}{promise[1:]}.{covers}")
        if sides := choice.get("sides"):
            lines.append(f"- {sides}")
    return "\n".join(lines)


def _data(manifest: Manifest) -> str:
    rows = [("split", "dataset", "patches", "sha256 of the patches")]
    for split, data in manifest.datasets.items():
        rows.append((split, data["name"], str(data["patches"]), f"`{data['digest'][:16]}`"))
    made = manifest.provenance
    trained = f"Trained at commit `{made['commit'][:12]}` on {made.get('device', 'an unknown device')}."
    return f"{_table(rows, 4)}\n\n{trained}"


def _formats(manifest: Manifest) -> str:
    """Builds two tables: the cost and the quality of each format. Empty columns of the second table are left out."""
    files, thresholds = manifest.formats, manifest.threshold or {}
    cost = [("format", "file", "bytes", "peak memory, bytes", "us per patch, median", "95th percentile")]
    for name, file in files.items():
        times = file.latency_us
        took = [f"{times[key]:.1f}" if times else "not timed" for key in ("median", "p95")]
        cost.append((name, f"`{file.file}`", f"{file.bytes:,}", f"{file.peak_activation_bytes:,}", *took))
    numbers = {name: {"threshold": thresholds.get(name)} | (file.parity or {}) for name, file in files.items()}
    columns = [column for column in _PARITY if any(each.get(column[1]) is not None for each in numbers.values())]
    parity = [("format", *(title for title, _, _ in columns), "accepted")]
    for name, file in files.items():
        found = [(numbers[name].get(key), style) for _, key, style in columns]
        cells = ("-" if value is None else format(value, style) for value, style in found)
        parity.append((name, *cells, _VERDICTS[file.accepted]))
    versions = sorted({file.runtime_version for file in files.values() if file.runtime_version})
    if "onnx" in files:
        versions.append(f"the ONNX file has opset {files['onnx'].opset}")
    how = f"Timed in one thread on {manifest.cost['timed_on']}, called from Python. Versions: {', '.join(versions)}."
    patches = manifest.datasets["validation"]["patches"]
    compared = f"Each file was run in its own runtime on all {patches:,} validation patches and compared with Keras:"
    again = "`python3 robot_export/verify.py FOLDER`, from the top of the repository, checks the files on any machine."
    return "\n\n".join([_table(cost, 2), how, compared, _table(parity, 1), again])


def _table(rows: Sequence[Sequence[str]], names: int) -> str:
    """Builds a Markdown table from a header and rows; the first `names` columns are text, the others are numbers."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * names}{' ---: |' * (len(rows[0]) - names)}")
    return "\n".join(lines)
