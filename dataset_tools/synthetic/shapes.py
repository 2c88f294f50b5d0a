"""Paints everything in a scene except the ball from one primitive: a shaded, rounded box with anti-aliased edges.

Depending on its fields, a rounded box is a disc, a capsule, a strip, a half plane or (hollow) a ring. Therefore a
few array operations paint a whole batch of different scenes: one table of shapes, painted from back to front.
Lengths are in patch widths, and (0, 0) is the top left corner of the patch. Light is linear; 1 is the white of paper.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SHAPE = np.dtype(
    [
        ("present", bool),
        # centre, rotation in radians, half the side lengths, corner radius
        *[(name, np.float32) for name in ("x", "y", "angle", "a", "b", "round")],
        ("squash", np.float32),  # foreshortening of marks on the ground: factor by which heights shrink
        ("hollow", np.float32),  # half the width of the outline if only the outline is drawn; otherwise 0
        ("soft", np.float32),  # width of the edge, for shadows and objects out of focus
        ("alpha", np.float32),  # opacity
        ("bulge", np.float32),  # darkening towards the edge, for round parts such as limbs and heads
        ("slope_x", np.float32),  # shading along the box's own axes, from one side to the other
        ("slope_y", np.float32),
        ("grating", np.float32),  # contrast of the bars across the box, for nets, keyboards and folds
        ("bars_x", np.float32),  # bars per patch width along the box's own axes
        ("bars_y", np.float32),
        ("colour", np.float32, 3),
    ]
)


@dataclass(frozen=True)
class Canvas:
    """The raster on which a patch is painted: the patch, `patch` pixels wide, and `margin` pixels on each side.

    The margin supplies the light that blur carries across the patch's edge, and keeps the wrap-around of the Fourier
    transform outside the patch.
    """

    patch: int
    margin: int

    @property
    def side(self) -> int:
        """Width and height in pixels, including margins."""
        return self.patch + 2 * self.margin

    @cached_property
    def coordinate(self) -> np.ndarray:
        """Centres of the pixels in patch widths, float32 [side]."""
        return ((np.arange(self.side) + 0.5 - self.margin) / self.patch).astype(np.float32)


def shape(n: int, **fields) -> np.ndarray:
    """Makes one shape for each of n scenes, SHAPE [n]; fields are scalars or arrays [n] (colour [3] or [n, 3])."""
    out = np.zeros(n, SHAPE)
    out["present"], out["squash"], out["alpha"], out["bars_x"] = True, 1, 1, 1
    for name, value in fields.items():
        out[name] = value
    return out


def place(parts: np.ndarray, x, y, scale, angle=0.0, squash=1.0) -> np.ndarray:
    """Scales and rotates an object that is built around (0, 0), then moves it to (x, y) in the patch.

    Args:
        parts: SHAPE [n, k], changed in place and returned.
        x, y, scale, angle, squash: scalars or [n].
    """
    x, y, scale, angle, squash = (np.broadcast_to(v, len(parts))[:, None] for v in (x, y, scale, angle, squash))
    cos, sin = np.cos(angle), np.sin(angle)
    old_x, old_y = parts["x"].copy(), parts["y"].copy()
    parts["x"] = x + scale * (cos * old_x - sin * old_y)
    parts["y"] = y + scale * squash * (sin * old_x + cos * old_y)
    parts["angle"] += angle
    parts["squash"] *= squash
    for name in ("a", "b", "round", "hollow", "soft"):
        parts[name] *= scale
    parts["bars_x"] /= scale
    parts["bars_y"] /= scale
    return parts


def stack(*layers: np.ndarray) -> np.ndarray:
    """Joins shapes and groups of shapes ([n] or [n, k]) into one table [n, K]; the first is at the back."""
    return np.concatenate([layer if layer.ndim == 2 else layer[:, None] for layer in layers], 1)


def paint(image: np.ndarray, table: np.ndarray, canvas: Canvas) -> None:
    """Paints a table of shapes over images, in place.

    Args:
        image: float32 [n, colours, side, side], linear light; if there is only one colour, it is the luminance.
        table: SHAPE [n, K], painted in the order of the second axis.
    """
    for layer in table.T:
        here = np.flatnonzero(layer["present"])
        if len(here) == len(layer):
            _paint_layer(image, layer, canvas)
        elif len(here):
            part = image[here]
            _paint_layer(part, layer[here], canvas)
            image[here] = part


def _paint_layer(image: np.ndarray, layer: np.ndarray, canvas: Canvas) -> None:
    """Paints one shape on each image, in place."""

    def column(name):
        return layer[name][:, None, None]

    u = canvas.coordinate[None, None, :] - column("x")
    v = (canvas.coordinate[None, :, None] - column("y")) / column("squash")
    cos, sin = np.cos(column("angle")), np.sin(column("angle"))
    x, y = cos * u + sin * v, cos * v - sin * u
    distance = _distance(x, y, column)
    light = _light(x, y, distance, column) if np.any(layer["bulge"] + layer["grating"] != 0) else None
    edge = column("soft") + (1.0 / canvas.patch) / np.sqrt(column("squash"))
    distance /= -edge
    distance += 0.5
    np.clip(distance, 0, 1, out=distance)
    distance *= column("alpha")
    for c in range(image.shape[1]):
        colour = layer["colour"][:, c, None, None]
        image[:, c] += distance * ((colour if light is None else colour * light) - image[:, c])


def _distance(x, y, column) -> np.ndarray:
    """Returns the signed distance to the rounded box's edge, negative inside: [n, side, side]."""
    outside_x = np.abs(x)
    outside_x -= column("a") - column("round")
    outside_y = np.abs(y)
    outside_y -= column("b") - column("round")
    inside = np.minimum(np.maximum(outside_x, outside_y), 0)
    np.maximum(outside_x, 0, out=outside_x)
    np.maximum(outside_y, 0, out=outside_y)
    outside_x *= outside_x
    outside_y *= outside_y
    outside_x += outside_y
    distance = np.sqrt(outside_x, out=outside_x)
    distance += inside
    distance -= column("round")
    hollow = column("hollow")
    if np.any(hollow):
        return np.where(hollow > 0, np.abs(distance) - hollow, distance)
    return distance


def _light(x, y, distance, column) -> np.ndarray:
    """Returns the shading inside the box, as a factor [n, side, side]."""
    a, b = column("a"), column("b")
    depth = 1 + np.clip(distance / np.minimum(a, b), -1, 0)  # 0 on the axis, 1 on the edge
    light = 1 - column("bulge") * depth * depth
    light *= 1 + np.clip(x * (column("slope_x") / a) + y * (column("slope_y") / b), -0.9, 0.9)
    bars = column("grating")
    if np.any(bars):
        wave = np.sin(2 * np.pi * column("bars_x") * x) + np.sin(2 * np.pi * column("bars_y") * y)
        light *= 1 + bars * np.clip(2 * wave, -1, 1)
    return light
