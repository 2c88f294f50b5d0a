"""Checks what must be true of every function that draws objects."""

import numpy as np

from dataset_tools.synthetic.shapes import SHAPE, Canvas, paint, place

CANVAS = Canvas(48, 8)


def check(draw, n=200):
    """Checks that the drawn objects are valid shapes, that they differ, and that they depend on the seed."""
    table = draw(np.random.default_rng(0), n)
    assert table.dtype == SHAPE
    assert table.shape[0] == n
    for name in SHAPE.names:
        assert np.isfinite(table[name]).all(), name
    assert (table["a"] > 0).all()
    assert (table["b"] > 0).all()
    assert (table["round"] <= np.minimum(table["a"], table["b"]) * 1.001).all()  # otherwise the corners would overlap
    for name, high in (("alpha", 1), ("bulge", 1), ("squash", 1), ("grating", 1), ("soft", 1), ("colour", 3)):
        assert 0 <= table[name].min() <= table[name].max() <= high, name
    assert np.array_equal(draw(np.random.default_rng(0), n), table)
    other = draw(np.random.default_rng(1), n)
    assert not np.array_equal(other, table)
    assert len({row.tobytes() for row in table}) == n
    assert draw(np.random.default_rng(0), 0).shape[1:] == table.shape[1:]
    return table


def painted(table, **where):
    """Paints the shapes on a grey background, in the middle of the patch: float32 [n, 64, 64]."""
    image = np.full((len(table), 3, CANVAS.side, CANVAS.side), 0.3, np.float32)
    paint(image, place(table.copy(), **where) if where else table, CANVAS)
    assert np.isfinite(image).all()
    assert image.min() >= 0
    return image[:, 0]
