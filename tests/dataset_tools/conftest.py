"""Makes small sources of patches in the robots' formats."""

import io
import pickle
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from dataset_tools.ball_classification_datasets import create_datasets as classification
from dataset_tools.ball_detection_datasets import create_datasets as detection

from .annotations import scenes


@pytest.fixture
def png():
    """A function that makes a PNG from pixels (or a size) and text chunks; by default, the label is "no ball"."""

    def make(pixels=20, seed=0, mode=None, labelled=True, **text):
        if isinstance(pixels, int | tuple):
            width, height = (pixels, pixels) if isinstance(pixels, int) else pixels
            generator = np.random.default_rng([seed, width, height])
            # Low frequencies make patches with different seeds look different.
            coarse = generator.integers(0, 256, (5, 5, 3), dtype=np.uint8)
            pixels = np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        info = PngImagePlugin.PngInfo()
        for key, value in (text or ({"ball_intersect": 0} if labelled else {})).items():
            info.add_text(key, str(value))
        buffer = io.BytesIO()
        image = Image.fromarray(pixels)
        (image.convert(mode) if mode else image).save(buffer, "PNG", pnginfo=info)
        return buffer.getvalue()

    return make


@pytest.fixture
def zip_of():
    """A function that writes a zip file with the given names and contents."""

    def make(path, files, compression=zipfile.ZIP_STORED):
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path

    return make


@pytest.fixture
def naoth(tmp_path, png, zip_of):
    """A root with 14 logs. Each log has 12 patches: 4 balls, 6 without a ball, 1 partial ball and 1 ambiguous patch."""
    root = tmp_path / "naoth"
    for log in range(14):
        files = {}
        for number in range(12):
            side = 17 + (5 * log + number) % 40
            text = {"p_min_x": 5, "p_min_y": 6, "p_max_x": 5 + side, "p_max_y": 6 + side}
            overlap = [0.9] * 4 + [0] * 6 + [0.3, 0.8]
            if overlap[number]:
                text |= {"ball_intersect": overlap[number], "ball_radius": side * 0.4}
                text |= {"ball_center_x": side * 0.45, "ball_center_y": side * 0.55}
            if number == 11:
                text["robot_intersect"] = 0.7
            files[f"patches/{number:03d}.png"] = png(side, seed=100 * log + number, **text)
        zip_of(root / ("top" if log % 2 else "bottom") / f"log_{log:02d}.zip", files)
    return root


@pytest.fixture
def devils(tmp_path, png, zip_of):
    """A Nao Devils zip file of 6 recordings, each with 5 patches, 2 of which show a ball."""
    files = {}
    for recording in range(6):
        for number in range(5):
            name = f"{number:06d}_{'upper' if number % 2 else 'lower'}.png"
            label = "1.00" if number < 2 else "0.00"
            files[f"patches/{recording:02d}/{label}/{name}"] = png(32, seed=5000 + 10 * recording + number)
    return zip_of(tmp_path / "devils.zip", files)


@pytest.fixture
def tk03(tmp_path):
    """A TK03 pickle of 6 patches, 4 of which show a ball; returns its path and the grey values."""
    generator = np.random.default_rng(9)
    gray = generator.integers(0, 256, (6, 16, 16)).astype(np.uint8)
    images = (gray / 255).astype(np.float32)
    mean = float(images.mean())
    targets = np.zeros((6, 4), np.float32)
    targets[:4] = [0.4, 0.5, 0.45, 1]
    path = tmp_path / "tk03.pkl"
    with path.open("wb") as stream:
        for part in (mean, images - np.float32(mean), targets, [f"tk03/{index}.png" for index in range(6)]):
            pickle.dump(part, stream, protocol=4)
    return path, gray


@pytest.fixture
def serve():
    """A context manager that serves a folder over HTTP on loopback and yields the URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    @contextmanager
    def serving(folder):
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    return serving


@pytest.fixture
def build(tmp_path, naoth, devils, tk03):
    """A function that builds datasets in tmp_path / "out", in this process: (task, extra options) -> exit status."""

    def run(task, *more, output=tmp_path / "out", sources=True):
        given = [
            "--naoth",
            str(naoth),
            "--tk03",
            str(tk03[0]),
            *(["--devils", str(devils)] if task == "classification" else []),
        ]
        main = {"classification": classification, "detection": detection}[task].main
        # random pictures in 14 recordings may be similar by chance, which is not a leak
        return main(
            [
                *(given if sources else []),
                "--output-dir",
                str(output),
                "--jobs",
                "1",
                "--max-leaks",
                "1",
                *map(str, more),
            ]
        )

    return run


@pytest.fixture
def pictures(tmp_path):
    """A folder with the drawn pictures of `scenes.SCENES`, without annotations."""
    return scenes.write_pictures(tmp_path / "pictures")
