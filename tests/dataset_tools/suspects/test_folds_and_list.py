"""create_datasets.py applies the list from suspects.py; it finds patches by source or, for older files, by digest."""

import csv
from pathlib import Path

import numpy as np
import pytest

from classifier_cnn import find_suspects, suspects
from dataset_tools.building.patch_writer import write_patches
from tests.dataset_tools.helpers import joined

NAOTH = ("--origins", "naoth")


def listed(folder: Path, patches, wrong, monkeypatch, named: bool) -> list[str]:
    """Writes suspects.csv as if networks had found the `wrong` labels. Returns the sources or digests in the file."""
    file = folder / "patches.h5"
    write_patches(file, patches.X, patches.y, recording=patches.recording, source=patches.source if named else None)
    scores = np.where(np.isin(np.arange(len(patches)), wrong), 1 - patches.y, patches.y).astype(np.float32)
    monkeypatch.setattr(find_suspects, "answers_by_fold", lambda *_: scores[:, None])
    suspects.main([str(file), "--output-dir", str(folder / "suspects")])
    with (folder / "suspects" / "suspects.csv").open(newline="") as rows:
        return [row["source" if named else "sha256"] for row in csv.DictReader(rows)]


@pytest.mark.parametrize("named", [True, False], ids=["by source", "by digest"])
@pytest.mark.parametrize("option", ["--relabel", "--drop"])
def test_the_list_is_applied(option, named, build, tmp_path, monkeypatch):
    assert build("classification", *NAOTH) == 0
    before, wrong = joined(tmp_path / "out"), [2, 11, 40]
    assert len(listed(tmp_path, before, wrong, monkeypatch, named)) == 3
    lists = (option, tmp_path / "suspects" / "suspects.csv")
    assert build("classification", *NAOTH, *lists, output=tmp_path / "new") == 0
    after = joined(tmp_path / "new")
    new, old = (dict(zip(part.source, part.y, strict=True)) for part in (after, before))
    changed = {before.source[index] for index in wrong}
    if option == "--drop":
        assert new.keys() == old.keys() - changed
    else:
        assert {name for name in old if new[name] != old[name]} == changed
