"""The numbers, pictures and rows of one scored set of patches."""

from pathlib import Path

from classifier_cnn import metrics, plots
from classifier_cnn.options import CONFIDENCE
from common.runs.evaluation import brightness_class, mean_brightness, size_class, write_rows


def report(
    folder: Path, patches, scores, threshold: float, name: str = "", files=None, confidence: float = CONFIDENCE
) -> dict:
    """Computes every number of one set of patches, draws its pictures and writes one row per patch.

    Args:
        folder: an existing folder.
        patches: common.datasets.patch_file.Patches.
        scores: float32 [n].
        threshold: the one that is shipped.
        name: `validation`, `test`: comes before the names of the files and into the titles.
        files: str [n], the file of each patch, where several are scored as one.
        confidence: of the band in the ROC curve.

    Returns:
        `metrics` (flat, baseline included), `groups` (per file, camera, recording, side, brightness),
        and `notes`, sentences for the model card.
    """
    groups = {"file": files, "camera": patches.camera, "recording": patches.recording}
    by_class = {"side": size_class(patches.side), "brightness": brightness_class(mean_brightness(patches.X))}
    by_light = groups | by_class
    numbers = metrics.evaluate(patches.y, scores, threshold) | metrics.baseline(patches.y, patches.X)
    numbers |= metrics.false_positive_interval(patches.y, scores, threshold, patches.recording)
    result = {
        "metrics": numbers,
        "groups": metrics.evaluate_groups(patches.y, scores, threshold, **by_light),
        "notes": notes(numbers),
    }
    plots.write_all(folder, patches.X, patches.y, scores, threshold, patches.recording, name, confidence)
    columns = {"index": range(len(scores)), "label": patches.y.astype(int), "score": scores, **groups}
    write_rows(Path(folder) / f"{name}{'_' if name else ''}scores.csv", columns)
    return result


def notes(numbers: dict[str, float]) -> list[str]:
    """What the numbers mean in a game, in sentences."""
    if "false_positive_rate_high" not in numbers:
        return []
    keys = ("false_positive_rate", "false_positive_rate_low", "false_positive_rate_high")
    rate, low, high = (numbers[key] * metrics.CANDIDATES_PER_MINUTE for key in keys)
    return [
        f"{rate:,.0f} false balls per minute (95 % interval {low:,.0f} to {high:,.0f}) at 25 candidates x 2 cameras x "
        "30 Hz, if the robot's candidates resembled these patches without a ball."
    ]
