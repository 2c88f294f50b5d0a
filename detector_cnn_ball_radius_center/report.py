"""The numbers, pictures and rows of one scored set of patches."""

from pathlib import Path

from common.runs.evaluation import brightness_class, mean_brightness, size_class, write_rows
from detector_cnn_ball_radius_center import metrics, plots


def report(folder: Path, patches, circles, mean_circle, name: str = "", files=None) -> dict:
    """Computes every number of one set of patches, draws its pictures and writes one row per patch.

    Args:
        folder: an existing folder.
        patches: common.datasets.patch_file.Patches.
        circles: float32 [n, 3], predicted.
        mean_circle: the mean of the training circles: the trivial baseline.
        name: `validation`, `test`: comes before the names of the files and into the titles.
        files: str [n], the file of each patch, where several are scored as one.

    Returns:
        `metrics` (flat, baseline included) and `groups` (per radius class, file, camera, recording, side, brightness).
    """
    size = patches.X.shape[2]
    groups = {"file": files, "camera": patches.camera, "recording": patches.recording}
    by_class = {"side": size_class(patches.side), "brightness": brightness_class(mean_brightness(patches.X))}
    by_light = groups | by_class
    numbers = metrics.evaluate(patches.y, circles, size) | metrics.baseline(patches.y, mean_circle, size)
    plots.write_all(folder, patches.X, patches.y, circles, patches.recording, name)
    columns = {"index": range(len(circles))}
    for prefix, values in (("true", patches.y), ("predicted", circles)):
        columns |= {f"{prefix}_{what}": values[:, i] for i, what in enumerate(("radius", "center_x", "center_y"))}
    columns |= {"iou": metrics.circle_iou(patches.y, circles), **groups}
    write_rows(Path(folder) / f"{name}{'_' if name else ''}circles.csv", columns)
    return {"metrics": numbers, "groups": metrics.evaluate_groups(patches.y, circles, size, **by_light)}
