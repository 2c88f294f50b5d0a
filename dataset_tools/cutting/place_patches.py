"""Chooses the patches of a picture: some around each ball, placed like the robot's candidates, and some without a ball.

A picture has a dozen patches, so plain numbers are faster than arrays here. A patch is (left, top, side) in pixels.
`Geometry` in options.py says how many patches are cut and how much larger they are than the ball.
"""

import math
from itertools import chain, product
from operator import mul
from random import Random

import numpy as np

from dataset_tools.cutting.circles_and_boxes import Scene
from dataset_tools.cutting.options import Geometry

SIDE_MIN = 8  # pixels; the robot ignores smaller candidates
PARTIAL_EVERY = 4  # every fourth patch of a ball shows only a part of the ball
ANYWHERE_EVERY = 4  # every fourth negative is placed anywhere; the other negatives are placed at objects or edges
TRIES = 6  # maximum number of positions that are tried per negative
CONTRAST_MIN = 6.0  # standard deviation in grey levels; the robot ignores flatter candidates
STEP = 8  # pixels between the samples for finding edges
USUAL_DIAMETERS = np.geomspace(0.02, 0.2, 16)  # fractions of the picture's width, used if no picture shows a ball

Patch = tuple[int, int, int]


def around_balls(scene: Scene, geometry: Geometry, rng: Random) -> list[Patch]:
    """Returns patches around the balls of a picture; all patches are inside the picture."""
    found, jitter = [], geometry.jitter
    for ball, index in product(scene.balls, range(geometry.per_ball)):
        diameters = rng.uniform(*geometry.scale)
        side = _side(2 * ball.radius * diameters, scene, geometry)
        if index % PARTIAL_EVERY == PARTIAL_EVERY - 1:
            # The patch's edge, which is half a side away from the patch's centre, passes near the ball's centre.
            angle, aside = rng.uniform(0, math.tau), 0.5 + rng.uniform(-0.2, 0.35) / diameters
            x, y = math.cos(angle), math.sin(angle)
            longer = max(abs(x), abs(y))
            x, y = x / longer * aside, y / longer * aside
        else:
            x, y = rng.uniform(-jitter, jitter), rng.uniform(-jitter, jitter)
        found.append(_inside(ball.x + x * side, ball.y + y * side, side, scene))
    return found


def _side(side: float, scene: Scene, geometry: Geometry) -> int:
    most = min(scene.width, scene.height)
    return min(max(round(side * (1 + geometry.border)), SIDE_MIN), most)


def _inside(x: float, y: float, side: int, scene: Scene) -> Patch:
    """Returns a patch around a point, moved into the picture because the robot's candidates are always inside it."""
    left, top = round(x - side / 2), round(y - side / 2)
    return min(max(left, 0), scene.width - side), min(max(top, 0), scene.height - side), side


def without_balls(
    scene: Scene, pixels: np.ndarray, geometry: Geometry, diameters: np.ndarray, rng: Random
) -> list[Patch]:
    """Returns patches that certainly show no ball; none if the picture may contain a ball without a box.

    Three out of four patches show something: a robot, a penalty mark, another annotated object, or an edge such as a
    line.

    Args:
        scene: the objects in the picture.
        pixels: the picture, uint8 [height, width, 3].
        geometry: how patches are cut.
        diameters: ball diameters in all pictures, as fractions of the picture's width; sizes are drawn from these.
        rng: random generator for the choice.
    """
    found: list[Patch] = []
    if not scene.free or not geometry.negatives:
        return found
    green = pixels[..., 1]
    edges = _edges(green)
    sizes = diameters if len(diameters) else USUAL_DIAMETERS
    for _ in range(TRIES * geometry.negatives):
        if len(found) == geometry.negatives:
            break
        size = float(sizes[rng.randrange(len(sizes))]) * scene.width
        side = _side(size * rng.uniform(*geometry.scale), scene, geometry)
        if len(found) % ANYWHERE_EVERY == ANYWHERE_EVERY - 1:
            x, y = rng.random() * scene.width, rng.random() * scene.height
        else:
            x, y = _of_something(scene, edges, rng)
        patch = _inside(x, y, side, scene)
        if not _touches(patch, scene.avoid) and not _repeats(patch, found) and _contrast(green, patch) >= CONTRAST_MIN:
            found.append(patch)
    return found


def _edges(green: np.ndarray) -> np.ndarray:
    """Returns the running sum of the strong brightness changes between cells of STEP pixels.

    Only the part of a change that exceeds twice the mean change counts: noise hardly ever exceeds this limit, but lines
    and objects do.
    The result is float [rows, columns]; its last value is the total.
    """
    small = green[STEP // 2 :: STEP, STEP // 2 :: STEP].astype(np.int32)
    edges = np.zeros_like(small)
    edges[:, 1:] += np.abs(small[:, 1:] - small[:, :-1])
    edges[1:] += np.abs(small[1:] - small[:-1])
    return np.maximum(edges - 2 * edges.mean(), 0).cumsum().reshape(edges.shape) if edges.size else edges


def _of_something(scene: Scene, edges: np.ndarray, rng: Random) -> tuple[float, float]:
    """Chooses a point at an edge or, with a probability of one half, in an annotated object if there is one."""
    x, y = rng.random(), rng.random()
    objects = [*chain.from_iterable(scene.objects.values())]
    if objects and rng.random() < 0.5:
        left, top, right, bottom = objects[rng.randrange(len(objects))]
        return left + x * (right - left), top + y * (bottom - top)
    if edges.size and edges[-1, -1] > 0:
        row, column = divmod(int(edges.ravel().searchsorted(rng.random() * edges[-1, -1], "right")), edges.shape[1])
        return (column + x) * STEP, (row + y) * STEP
    return x * scene.width, y * scene.height


def _touches(patch: Patch, boxes: list[tuple[float, float, float, float]]) -> bool:
    left, top, side = patch
    return any(box[0] < left + side and box[2] > left and box[1] < top + side and box[3] > top for box in boxes)


def _repeats(patch: Patch, found: list[Patch]) -> bool:
    """Returns whether a patch's centre is in the inner half of an earlier patch."""
    left, top, side = patch
    return any(
        max(abs(left + side / 2 - x - other / 2), abs(top + side / 2 - y - other / 2)) < other / 4
        for x, y, other in found
    )


def _contrast(green: np.ndarray, patch: Patch) -> float:
    """Returns the contrast of a patch: the standard deviation of 8 x 8 sampled pixels."""
    left, top, side = patch
    step = -(-side // 8)
    seen = green[top + step // 2 : top + side : step, left + step // 2 : left + side : step].tobytes()
    mean = sum(seen) / len(seen)
    return math.sqrt(max(sum(map(mul, seen, seen)) / len(seen) - mean * mean, 0))
