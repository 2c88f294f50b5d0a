"""Records are stored on disk, so memory use hardly grows with the number of records."""

import os
import subprocess
import sys
import tracemalloc

import pytest

from dataset_tools.annotations.record import Box, Record
from dataset_tools.cutting.record_store import RecordStore
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.helpers import ROOT


def test_records_are_returned_in_the_order_of_their_numbers_and_take_little_memory(tmp_path):
    boxes = tuple(Box("ball", n, 2.5, n + 30, 40) for n in range(40))
    tracemalloc.start()
    with (tmp_path / "records").open("w+b") as file:
        store = RecordStore(file)
        for index in reversed(range(10_000)):
            store.add(Record(f"frame{index}.png", boxes, True, (640, 480)), "top", "game")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 << 20  # in memory, the boxes alone would take 90 MB
        assert len(store.diameters()) <= 8192
        first, second, *_, last = (store.read(at) for at in store.offsets(("top", "game"), 1))
    assert (first.name, second.name, last.name) == ("frame0.png", "frame1.png", "frame9999.png")
    assert first.boxes == boxes


@pytest.mark.slow
def test_a_million_annotations_are_cut_with_little_memory(tmp_path):
    pictures = tmp_path / "pictures"
    base = scenes.write_pictures(tmp_path / "base", {f"{n}.png": [] for n in range(4)}, (64, 48))
    pictures.mkdir()
    with (tmp_path / "boxes.json").open("w") as stream:
        stream.write('{"categories": [{"id": 1, "name": "ball"}], "images": [{"id": -1, "file_name": "none.png"}')
        for index in range(100_000):
            os.link(base / f"{index % 4}.png", pictures / f"{index}.png")
            stream.write(f', {{"id": {index}, "file_name": "{index}.png", "width": 64, "height": 48}}')
        stream.write('], "annotations": [{"image_id": 0, "category_id": 1, "bbox": [1, 2, 9, 9]}')
        for index in range(1_000_000):
            box = f"[{index % 50}.25, {index % 37}.5, 10.5, 10.75]"
            stream.write(f', {{"id": {index}, "image_id": {index // 10}, "category_id": 1, "bbox": {box}}}')
        stream.write("]}")
    command = [sys.executable, "-m", "dataset_tools.cut", tmp_path / "boxes.json", "--pictures", pictures]
    command += ["--output", tmp_path / "out", "--every", "1000", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    assert used.ru_maxrss < 300 << (
        20 if sys.platform == "darwin" else 10
    )  # ru_maxrss is in bytes on macOS and in kB on other systems; NumPy and other libraries take about 60 MB
