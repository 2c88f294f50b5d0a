"""The numbers, pictures and rows of one scored set of patches."""

from pathlib import Path

from classifier_cnn import metrics, plots
from common.runs.evaluation import brightness_class, mean_brightness, write_rows


def report(folder: Path, patches, scores, threshold: float, name: str = "", files=None) -> dict:
    """Computes every number of one set of patches, draws its pictures and writes one row per patch.

    Args:
        folder: an existing folder.
        patches: common.datasets.patch_file.Patches.
        scores: float32 [n].
        threshold: the one that is shipped.
        name: `validation`, `test`: comes before the names of the files and into the titles.
        files: str [n], the file of each patch, where several are scored as one.

    Returns:
        `metrics` (flat, baseline included) and `groups` (per file, camera and recording, where known, and brightness).
    """
    groups = {"file": files, "camera": patches.camera, "recording": patches.recording}
    by_light = groups | {"brightness": brightness_class(mean_brightness(patches.X))}
    result = {
        "metrics": metrics.evaluate(patches.y, scores, threshold) | metrics.baseline(patches.y, patches.X),
        "groups": metrics.evaluate_groups(patches.y, scores, threshold, **by_light),
    }
    plots.write_all(folder, patches.X, patches.y, scores, threshold, patches.recording, name)
    columns = {"index": range(len(scores)), "label": patches.y.astype(int), "score": scores, **groups}
    write_rows(Path(folder) / f"{name}{'_' if name else ''}scores.csv", columns)
    return result
