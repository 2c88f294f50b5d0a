import numpy as np
import pytest
from PIL import Image

from common.datasets.patch_file import Patches
from common.runs import plots


def patches(n, channels=1, size=16):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, channels), np.uint8)


def size_of(path):
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


def test_y_alone_is_shown_in_grey_with_unchanged_values():
    X = np.full((1, 4, 4, 1), 100, np.uint8)
    X[0, 0, 0] = 130
    rgb = plots.as_rgb(X)
    assert rgb.shape == (1, 4, 4, 3)
    assert rgb[0, 0, 0].tolist() == [130] * 3
    assert rgb[0, 1, 1].tolist() == [100] * 3


def test_colour_survives_the_conversion_to_yuv422_and_back():
    rgb = np.empty((2, 4, 4, 3), np.uint8)
    rgb[0], rgb[1] = (200, 40, 30), (30, 90, 220)
    ycc = np.stack([np.asarray(Image.fromarray(image).convert("YCbCr")) for image in rgb])
    X = np.stack([ycc[..., 0], ycc[..., 1]], axis=3)
    X[:, :, 1::2, 1] = ycc[:, :, 1::2, 2]  # U in even columns, V in odd columns
    assert np.abs(plots.as_rgb(X).astype(int) - rgb).max() <= 3


@pytest.mark.parametrize(("n", "channels"), [(0, 1), (1, 2), (7, 1), (20, 2)])
def test_a_gallery_grows_with_its_rows(tmp_path, n, channels):
    plots.gallery(tmp_path / "g.png", patches(n, channels), [f"0.9  #{i}\nlog $1_a$" for i in range(n)], "Title", "how")
    width, height = size_of(tmp_path / "g.png")
    assert width == 1050
    assert height == pytest.approx(121 + (-(-n // 5) * 270 if n else 150), abs=10)


def test_a_gallery_shows_the_pixels_it_was_given(tmp_path):
    X = np.full((1, 16, 16, 1), 100, np.uint8)
    X[0, :, 8:] = 140
    plots.gallery(tmp_path / "g.png", X, ["caption"], "Title")
    with Image.open(tmp_path / "g.png") as image:
        colours = {colour[0] for count, colour in image.convert("RGB").getcolors(1 << 20) if count > 5000}
    assert colours == {255, 100, 140}  # the contrast is not stretched, and the pixels are not smoothed


def test_one_caption_per_patch(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        plots.gallery(tmp_path / "g.png", patches(2), ["one"], "Title")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 12, 100])
def test_training_curves(tmp_path, count):
    epochs = [{"loss": 1 / (i + 1), "val_loss": 0.5, "val_recall_at_fpr_0.01": i / 100} for i in range(count)]
    if count > 1:
        del epochs[0]["val_recall_at_fpr_0.01"]
    names = ("loss", "recall_at_fpr_0.01", "absent", "auroc")
    plots.training_curves(tmp_path / "t.png", epochs, names, "A long title. " * 10, best=count - 1)
    width, height = size_of(tmp_path / "t.png")
    assert 1000 < width < 1500
    assert 600 < height < 1100


def test_the_same_drawing_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        plots.training_curves(tmp_path / name, [{"loss": 1.0}, {"loss": 0.5}], ["loss"], "Title")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_figure_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), plots.figure(tmp_path / "f.png"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["short", "2019-07-05_11-45-00_half2"])
def test_names_are_cut_in_the_middle(name):
    cut = plots.shortened(name)
    assert len(cut) <= 13
    assert (cut[:3], cut[-3:]) == (name[:3], name[-3:])


@pytest.mark.parametrize("length", [8, 13])
def test_names_of_synthetic_recordings_show_their_numbers(length):
    names = [plots.shortened(f"synthetic_{i:07d}", length) for i in (0, 12, 1234)]
    assert names == ["syn 0", "syn 12", "syn 1234"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_panels_fill_the_picture(tmp_path, monkeypatch, count):
    axes = []
    monkeypatch.setattr(plots, "_curve_panel", lambda panel, *_: axes.append(panel))
    plots.training_curves(tmp_path / "t.png", [], [f"m{i}" for i in range(count)], "Title")
    grid = axes[0].get_gridspec()
    places = [spot.colspan for spot in (panel.get_subplotspec() for panel in axes)]
    assert sum(map(len, places)) == grid.nrows * grid.ncols


def test_a_limit_is_shown_as_a_percentage(tmp_path, monkeypatch):
    assert [plots.percent(rate) for rate in (0.001, 0.01, 0.29, 1)] == ["0.1 %", "1 %", "29 %", "100 %"]
    with plots.figure(tmp_path / "f.png") as drawing:
        axes = drawing.subplots()
        plots._curve_panel(axes, [{"val_recall_at_fpr_0.01": 0.5}], "recall_at_fpr_0.01", None)
        assert axes.get_title(loc="left") == "recall at 1 % false positives"


def test_captions_end_with_the_name_of_the_picture_if_the_patch_file_has_it():
    X, y = np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.uint8)
    patches = Patches(X, y, source=np.array([b"a.zip/top/1.png", b"a.zip/frame0034_imageset_431.jpg"]))
    told = plots.with_pictures(["first", "second"], patches, np.array([1, 0]))
    assert [caption.split("\n", 1)[1].replace("\n", "") for caption in told] == ["frame0034_imageset_431", "1"]
    assert plots.with_pictures(["first"], Patches(X, y), np.array([0])) == ["first"]
