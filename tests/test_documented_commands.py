"""Runs every command in the shell blocks of the documentation as printed, with a small archive on this machine."""

import functools
import re
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from common.datasets.families import parse_stem
from dataset_tools.building.choose_patches import files_of

from .tiny import ROOT, classification_file, detection_file, environment

PAGES = ["README.md", "classifier_cnn/README.md", "detector_cnn_ball_radius_center/README.md"]
PAGES += [f"docs/{name}.md" for name in ("export", "grid", "robots", "reliability", "loop", "speed")]
# Commands that are not run here: `make image-check` tests the images, tests/grid_search tests two nodes, and
# tests/dataset_tools/test_readme_pages.py tests how pictures are cut; benchmarks are for developers.
ELSEWHERE = ("docker ", "make ", "export RAY", ".venv/bin/ray", "mkdir ", "python3 -m http.server", "docs/")
ELSEWHERE += (
    "benchmarks/",
    "--address",
    "export.json",
    "--naoth",
    "--data-root own",
    "theirs.",
    "label-studio",
    "venues.py",
)
STEMS = {
    "classification": ["classification_patches_yuv422_y_only_pil_legacy_border0_combined_16x16",
                       "classification_patches_yuv422_y_only_pil_legacy_border0_combined_32x32",
                       "classification_patches_yuv422_pil_legacy_border10_combined_32x32"],
    "detection": ["ball_radius_center_patches_yuv422_y_only_pil_legacy_border0_combined_16x16",
                  "ball_radius_center_patches_yuv422_y_only_pil_legacy_border0_combined_32x32"],
}  # fmt: skip
SHORT = ("--epochs", "1")
SMALL_GRID = (*SHORT, "--filters", "4", "--dense", "8", "--export", "none")


def printed() -> list[tuple[str, str]]:
    """Returns (page, line) for all shell blocks, without comments and duplicates; a `cd` applies to the lines below."""
    found = []
    for page in PAGES:
        if not (ROOT / page).exists():
            continue
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE):
            folder = ""
            for raw in re.sub(r"\\\n\s*", " ", block).splitlines():
                for line in re.sub(r"\s+#.*| *\[--.*\]", "", raw).strip().split("; "):
                    if line.startswith("cd ") and "&&" not in line:
                        folder = line + " && "
                    elif line and not any(word in line for word in ELSEWHERE):
                        found.append((page, folder + line))
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Creates what the commands need: an archive, an environment that points to it, and a run of each project."""
    folder = tmp_path_factory.mktemp("place")
    for task, make in (("classification", classification_file), ("detection", detection_file)):
        for stem in STEMS[task]:
            family = parse_stem(stem, task)
            for seed, name in enumerate(files_of(family)):
                path = folder / "archive" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                make(path, seed=seed, size=family.size, channels=family.channels)
    for number, name in enumerate(("pictures/1", "pictures/2", "game/1", "game/2", "empty_field/1")):
        (folder / name).parent.mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (120, 160, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder / "archive")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = environment() | {
            "BALL_ARCHIVE_URL": f"http://127.0.0.1:{server.server_port}",
            "BALL_DATA_ROOT": str(folder / "data"),
            "BALL_OUTPUT_DIR": str(folder / "runs"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        }
        words = {}
        for project, word in (("classifier_cnn", "CLASSIFIER"), ("detector_cnn_ball_radius_center", "DETECTOR")):
            # docs/robots.md combines the classifier and the detector, which must have the same mean
            small = "--epochs 1 --filters 4 --dense 8 --mean 0.43"
            ran(f"cd {project} && python3 train.py {small} --run-name {word}", ROOT, settings)
            (words[word],) = (folder / "runs").glob(f"*_{word}")
        words["OTHER"] = shutil.copytree(words["CLASSIFIER"], folder / "other")  # a run cannot be compared with itself
        yield folder, settings, words
        server.shutdown()


def ran(line: str, folder, settings) -> str:
    ended = subprocess.run(
        ["bash", "-ec", line], cwd=folder, env=settings, capture_output=True, text=True, check=False, timeout=900
    )
    assert ended.returncode == 0, f"{line}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout


def concrete(page: str, line: str, folder, words: dict) -> str:
    """Replaces the placeholders in a line with existing files and runs, and reduces any training to one epoch."""
    detector = page.startswith("detector") or "cd detector" in line
    task = "detection" if detector or "detector_cnn_ball_radius_center/export" in line else "classification"
    families = {name: parse_stem(stems[0], name) for name, stems in STEMS.items()}
    files = {name: folder / "archive" / family.file("validation") for name, family in families.items()}
    first = folder / "archive" / families[task].file("train")
    run = words["DETECTOR" if task == "detection" else "CLASSIFIER"]
    for pattern, value in (
        (r"(?:\.\./)?runs/(?:CLASSIFIER|TODAY)\b", words["CLASSIFIER"]),
        (r"(?:\.\./)?runs/(?:OTHER|TOMORROW)\b", words["OTHER"]),
        (r"(?:\.\./)?runs/A\b", run),
        (r"(?:\.\./)?runs/B\b", run / "model_float32.tflite"),
        (r"~/pictures", folder / "pictures"),
        (r"\bgame\.log", folder / "game"),
        (r"\bempty_field\.log", folder / "empty_field"),
        (r"--negatives patches", f"--negatives {folder}/patches"),
        (r"(?:\.\./)?runs/DETECTOR\b", words["DETECTOR"]),
        (r"(?:\.\./)?runs/NAME\b", run),
        (r"--resume NAME", f"--resume {run}"),
        (r"\bMODEL\.keras", run / "model.keras"),
        (r"\b(?:classification|TEST_ball_no_ball_X_y)\.h5", files["classification"]),
        (r"\b(?:detection|VALIDATION_ball_radius_center_X_y)\.h5", files["detection"]),
        (r"\b(?:some_patches|new_patches|patches|VALIDATION)\.h5", files[task]),
        (r"(?:data/classification/FAMILY/)?\b(?:venue|train|TRAIN)\.h5", first),
    ):
        line = re.sub(pattern, str(value), line)
    line = re.sub(r"--epochs \d+", "", line)
    if re.search(r"\btrain\.py(?! --(?:list|resume))", line):
        line = " ".join((line, *SHORT))
    if "suspects.py" in line:
        line += " --epochs 1 --folds 2"
    if re.search(r"train_\w+\.sh", line):
        line = " ".join((line, *SMALL_GRID))
    if "grid_search " in line:
        line = re.sub(r'--filters ".*on off', "--filters 4 --dense 8", line) + " " + " ".join((*SHORT, "--export none"))
    start = f"cd {page.partition('/')[0]} && " if page.startswith(("classifier", "detector")) else ""
    return start + line


def test_commands_are_found_on_the_pages():
    assert len(printed()) > 30


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("page", "line"), printed(), ids=lambda value: value.replace("/", " ")[:60])
def test_a_documented_command_runs_as_printed(page, line, place):
    folder, settings, words = place
    ran(concrete(page, line, folder, words), ROOT, settings)
