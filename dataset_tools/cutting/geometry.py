"""Which patches are cut from a picture: around each ball as the robot's candidates lie, and where there is none."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from dataset_tools.building.pixels import positions
from dataset_tools.cutting.scene import Scene

SIDE_MIN = 8  # pixels; the robot looks at nothing smaller
PARTIAL_EVERY = 4  # one of so many patches of a ball shows only a part of it
ANYWHERE_EVERY = 4  # one of so many negatives lies anywhere, the others where something is to be seen
TRIES = 6  # places looked at per negative
CONTRAST_MIN = 6.0  # standard deviation in gray levels; the robot's detector looks at nothing flatter
STEP = 8  # pixels between the samples in which edges are looked for
USUAL_DIAMETERS = np.geomspace(0.02, 0.2, 16)  # in widths of the picture, where a source has no ball at all


@dataclass(frozen=True)
class Geometry:
    """How patches are cut; the field names are those of the options.

    scale: smallest and largest side, in diameters of the ball; jitter: largest offset of a patch's middle from the
    ball's, in sides; border: by which a patch grows on every side, in its own radii.
    """

    scale: tuple[float, float] = (1.0, 1.7)
    jitter: float = 0.15
    border: float = 0.0
    per_ball: int = 4
    negatives: int = 8


def around_balls(scene: Scene, geometry: Geometry, rng: np.random.Generator) -> np.ndarray:
    """Patches of the balls of a picture: int [n, 3], left, top, side in pixels, all inside the picture."""
    shape = (len(scene.balls), geometry.per_ball)
    circles = np.array([ball[:3] for ball in scene.balls]).reshape(-1, 1, 3)
    diameters = rng.uniform(*geometry.scale, shape)
    offsets = rng.uniform(-geometry.jitter, geometry.jitter, (*shape, 2))
    # In a partial view the patch's edge passes near the ball's middle, at 0.5 sides from its own.
    angle, beyond = rng.uniform(0, 2 * np.pi, shape), rng.uniform(-0.2, 0.35, shape) / diameters
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    aside = direction / np.abs(direction).max(axis=-1, keepdims=True) * (0.5 + beyond[..., None])
    partial = np.arange(geometry.per_ball) % PARTIAL_EVERY == PARTIAL_EVERY - 1
    offsets[:, partial] = aside[:, partial]
    sides = _sides(2 * circles[..., 0] * diameters, geometry, scene)
    return _inside(circles[..., 1:] + offsets * sides[..., None], sides, scene).reshape(-1, 3)


def _sides(sides: np.ndarray, geometry: Geometry, scene: Scene) -> np.ndarray:
    grown = np.rint(sides * (1 + geometry.border)).astype(int)
    return np.clip(grown, min(SIDE_MIN, scene.width, scene.height), min(scene.width, scene.height))


def _inside(middles: np.ndarray, sides: np.ndarray, scene: Scene) -> np.ndarray:
    """Patches [..., 3] around the middles [..., 2], moved into the picture: the robot's candidates never leave it."""
    corners = np.rint(middles - sides[..., None] / 2).astype(int)
    corners = np.clip(corners, 0, np.array([scene.width, scene.height]) - sides[..., None])
    return np.concatenate([corners, sides[..., None]], axis=-1)


def without_balls(
    scene: Scene, image: Image.Image, geometry: Geometry, diameters: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Patches that certainly show no ball: int [n, 3], none from a picture whose balls are not all known.

    Three of four lie where something is to be seen: on robots, penalty marks and other annotated objects, or on edges,
    such as lines.

    Args:
        scene: what is in the picture.
        image: the picture, RGB.
        geometry: how patches are cut.
        diameters: of the balls of all pictures, in widths of their picture: sizes are drawn from these.
        rng: of the choice.
    """
    tries, found = TRIES * geometry.negatives, []
    if not scene.free or not tries:
        return np.empty((0, 3), int)
    drawn = rng.choice(diameters if len(diameters) else USUAL_DIAMETERS, tries) * scene.width
    sides = _sides(drawn * rng.uniform(*geometry.scale, tries), geometry, scene)
    anywhere = rng.uniform(0, (scene.width, scene.height), (tries, 2))
    patches = _inside(np.stack([_of_something(scene, image, anywhere, rng), anywhere]), np.stack([sides, sides]), scene)
    free = _free(patches.reshape(-1, 3), scene.avoid).reshape(2, tries)
    patches = patches.tolist()
    for index in range(tries):
        if len(found) == geometry.negatives:
            break
        kind = int(len(found) % ANYWHERE_EVERY == ANYWHERE_EVERY - 1)
        patch = patches[kind][index]
        if free[kind, index] and not _repeats(patch, found) and _contrast(image, patch) >= CONTRAST_MIN:
            found.append(patch)
    return np.array(found, int).reshape(-1, 3)


def _of_something(scene: Scene, image: Image.Image, otherwise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places [n, 2] where something is to be seen: on annotated objects, half of them, and on edges."""
    count, found = len(otherwise), otherwise.copy()
    small = image.resize((-(-scene.width // STEP), -(-scene.height // STEP)), Image.Resampling.NEAREST)
    green = np.asarray(small)[..., 1].astype(np.int32)
    edges = np.zeros_like(green)
    edges[:, 1:] += np.abs(np.diff(green, axis=1))
    edges[1:] += np.abs(np.diff(green, axis=0))
    mean = edges.mean()
    weights = np.cumsum(np.maximum(edges - 2 * mean, 0).ravel())  # twice the mean: lines and objects, not the noise
    cells, inside = rng.random(count), rng.random((count, 2))
    if weights[-1] > 0:
        cells = np.searchsorted(weights, cells * weights[-1], side="right")
        found = (np.stack([cells % green.shape[1], cells // green.shape[1]], axis=-1) + inside) * STEP
    objects = np.concatenate([scene.robots, scene.penalties, scene.others])
    if len(objects):
        boxes = objects[rng.integers(len(objects), size=count)]
        found[::2] = (boxes[:, :2] + inside * (boxes[:, 2:] - boxes[:, :2]))[::2]
    return found


def _free(patches: np.ndarray, avoid: np.ndarray) -> np.ndarray:
    """bool [n]: touches none of the boxes."""
    left, top, side = patches.T[:, :, None]
    apart = (avoid[:, 0] >= left + side) | (avoid[:, 2] <= left) | (avoid[:, 1] >= top + side) | (avoid[:, 3] <= top)
    return apart.all(axis=1)


def _repeats(patch: list[int], found: list[list[int]]) -> bool:
    """Whether a patch's middle lies in the inner half of an earlier one."""
    left, top, side = patch
    return any(
        max(abs(left + side / 2 - x - other / 2), abs(top + side / 2 - y - other / 2)) < other / 4
        for x, y, other in found
    )


def _contrast(image: Image.Image, patch: list[int]) -> float:
    left, top, side = patch
    pixels = np.frombuffer(image.crop((left, top, left + side, top + side)).tobytes(), np.uint8)
    seen = positions(side, 16)  # of what the network sees: two that it sees as flat would be exact duplicates
    return float(pixels.reshape(side, side, 3)[seen][:, seen, 1].std())
