"""--drop and --relabel find listed patches by source or, for older files, by digest, and reject ambiguous entries."""

import json

import h5py
import numpy as np
import pytest

from common.errors import UserError
from dataset_tools.building import corrections
from dataset_tools.sources import labels
from dataset_tools.sources.patch_keys import digests, keys
from tests.dataset_tools.helpers import family, joined

NAOTH = ("--origins", "naoth")


def test_dropped_patches_are_removed_and_relabelled_ones_changed(build, tmp_path):
    assert build("classification", *NAOTH) == 0
    before = joined(tmp_path / "out")
    names = np.array([name.decode() for name in before.source])
    drop, relabel = names[::7], names[1::7]
    (tmp_path / "drop.txt").write_text("\n".join(drop))
    rows = [f'"{name}",{"no ball" if before.y[1 + 7 * at] else "ball"},0.3' for at, name in enumerate(relabel)]
    (tmp_path / "relabel.csv").write_text("\n".join(["source,label,score", *rows]))
    lists = ("--drop", tmp_path / "drop.txt", "--relabel", tmp_path / "relabel.csv")
    assert build("classification", *NAOTH, *lists, output=tmp_path / "new") == 0
    after = joined(tmp_path / "new")
    new = {name.decode(): y for name, y in zip(after.source, after.y, strict=True)}
    old = dict(zip(names, before.y, strict=True))
    assert new.keys() == old.keys() - set(drop)
    assert {name for name in new if new[name] != old[name]} == set(relabel)
    with h5py.File(tmp_path / "new" / family().file("train")) as file:
        settings = json.loads(file.attrs["settings"])
    assert (settings["drop"]["patches"], settings["relabel"]["patches"]) == (len(drop), len(relabel))
    assert len(settings["drop"]["sha256"]) == 64


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_patches_from_older_files_are_found_by_digest(task, build, tmp_path):
    assert build(task, *NAOTH) == 0
    before = joined(tmp_path / "out", task)
    wanted = list(digests(before.X, before.y))[5:9]
    assert keys(before.X[5:9], before.y[5:9], None) == wanted
    (tmp_path / "drop.txt").write_text("sha256\n" + "\n".join(wanted))
    assert build(task, *NAOTH, "--drop", tmp_path / "drop.txt", output=tmp_path / "new") == 0
    after = joined(tmp_path / "new", task)
    assert {*digests(before.X, before.y)} - {*digests(after.X, after.y)} == set(wanted)


def test_an_entry_that_matches_several_patches_is_refused(build, tmp_path, naoth, png, zip_of, capsys):
    same = {f"{number}.png": png(20, seed=1, p_max_x=20, p_max_y=20) for number in range(2)}
    zip_of(naoth / "top" / "twins.zip", same)
    assert build("classification", *NAOTH) == 0
    patches = joined(tmp_path / "out")
    twins = [key for key, name in zip(digests(patches.X, patches.y), patches.source, strict=True) if b"twins" in name]
    assert twins[0] == twins[1]
    (tmp_path / "drop.txt").write_text(twins[0])
    assert build("classification", *NAOTH, "--drop", tmp_path / "drop.txt", output=tmp_path / "new") == 1
    assert "matches several patches" in capsys.readouterr().out
    assert not list((tmp_path / "new").rglob("*.h5"))


@pytest.mark.parametrize(
    ("drop", "relabel", "message"),
    [
        ("gone.png", None, "1 of 1 entries match no patch"),
        (None, "top/a.png,maybe", "a label must be ball or no ball"),
        ("top/log_01/patches/000.png", "top/log_01/patches/000.png,ball", "name the same patch"),
    ],
)
def test_nothing_is_built_if_a_list_cannot_be_applied(drop, relabel, message, build, tmp_path, capsys):
    options = []
    for name, content in (("--drop", drop), ("--relabel", relabel)):
        if content:
            (tmp_path / name).write_text(content)
            options += [name, tmp_path / name]
    assert build("classification", *NAOTH, *options) == 1
    assert message in capsys.readouterr().out
    assert not list((tmp_path / "out").rglob("*.h5"))


@pytest.mark.parametrize("content", ["", "\n\n", "source,label\n", "\udcff"])
def test_files_that_are_not_lists(content, tmp_path):
    path = tmp_path / "list"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"contains no patch|cannot be read as a list"):
        corrections.read(path, False)


def test_commas_and_quotes_in_names(tmp_path):
    path = tmp_path / "list"
    path.write_text("top/a,b/c.png\ntop/d.png\n")
    assert corrections.read(path, False) == dict.fromkeys(["top/a,b/c.png", "top/d.png"], labels.DROPPED)
    path.write_text('label,source\nball,"top/a,b/c.png"\n')
    assert corrections.read(path, True) == {"top/a,b/c.png": labels.BALL}
    path.write_text("top/a,b/c.png,no ball\n")
    assert corrections.read(path, True) == {"top/a,b/c.png": labels.NO_BALL}
