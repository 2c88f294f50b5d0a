"""Paints the ball: a white sphere with black panels, randomly rotated, lit from above.

The classic pattern is the truncated icosahedron (12 black pentagons, 20 white hexagons). Robots also play with match
balls that have fewer, larger and irregular dark panels, so some recordings use such balls. The patterns are stored in
an atlas of octahedral maps, one map per pattern; the colour of every pixel of a ball is looked up there.
"""

from functools import cache

import numpy as np

from dataset_tools.synthetic.shapes import Canvas

MAP_SIDE = 160  # texels; about two per canvas pixel on the largest ball
CLASSIC, PATTERNS = 4, 28  # number of maps of the 32-panel ball (worn, with seams, ...), and of all maps


def pentagon_axes() -> np.ndarray:
    """Returns unit vectors to the 12 black pentagons, float64 [12, 3]: the corners of an icosahedron."""
    golden = (1 + 5**0.5) / 2
    corners = [(0, s, t * golden) for s in (-1, 1) for t in (-1, 1)]
    axes = np.array([np.roll(corner, turn) for turn in range(3) for corner in corners])
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def hexagon_axes() -> np.ndarray:
    """Returns unit vectors to the 20 white hexagons, float64 [20, 3]: the corners of a dodecahedron."""
    golden = (1 + 5**0.5) / 2
    cube = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    rest = [(0, s * golden, t / golden) for s in (-1, 1) for t in (-1, 1)]
    axes = np.array(cube + [np.roll(corner, turn) for turn in range(3) for corner in rest])
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def panels(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which points of the unit sphere are on a black panel, and their distance to the nearest other panel.

    In a truncated icosahedron with edge length 1, the pentagons are 2.3274 from the centre, and the hexagons 2.2673.
    On the sphere, a point belongs to the face whose plane is met first by the ray from the centre through the point.

    Args:
        points: [..., 3].

    Returns:
        black (bool [...]) and this distance [...]: 0 on a seam, about 0.1 in the middle of a panel.
    """
    height = np.concatenate([points @ pentagon_axes().T / 2.32744, points @ hexagon_axes().T / 2.26728], -1)
    best = np.partition(height, -2, axis=-1)
    black = height[..., :12].max(-1) >= best[..., -1]
    return black, (best[..., -1] - best[..., -2]) * 2.3


def octahedral_points(side: int) -> np.ndarray:
    """Returns the unit vectors of the texels of an octahedral map: [side, side, 3]."""
    grid = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(grid, grid)
    z = 1 - np.abs(x) - np.abs(y)
    fold = np.maximum(-z, 0)
    points = np.stack([x - np.sign(x) * fold, y - np.sign(y) * fold, z], -1)
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


def _harmonics(points: np.ndarray, rng: np.random.Generator, waves: int, frequency: float) -> np.ndarray:
    """Returns a smooth random function on the sphere with a variance of about 1: a sum of plane waves."""
    direction = rng.normal(size=(waves, 3))
    direction *= frequency / np.linalg.norm(direction, axis=1, keepdims=True)
    return np.sin(points @ direction.T + rng.uniform(0, 2 * np.pi, waves)).sum(-1) * (2 / waves) ** 0.5


def _spots(points: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draws the dark panels of a modern match ball: evenly spaced spots with three to five rounded, twisted arms."""
    axes = {12: pentagon_axes(), 20: hexagon_axes(), 6: np.concatenate([np.eye(3), -np.eye(3)])}[count]
    near = points @ axes.T
    nearest = near.argmax(-1)
    axis = axes[nearest]
    side = np.cross(axis, np.roll(axis, 1, -1) + np.array([0.3, 0.1, -0.2]))
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    turn = np.arctan2((points * np.cross(axis, side)).sum(-1), (points * side).sum(-1))
    angle = np.arccos(np.clip(near.max(-1), -1, 1))
    size = {12: 0.36, 20: 0.25, 6: 0.52}[count] * rng.uniform(0.85, 1.3)
    arms, depth, twist = rng.integers(3, 6), rng.uniform(0.1, 0.5), rng.uniform(-2, 2)
    edge = size * (1 + depth * np.cos(arms * turn + twist * angle / size + rng.uniform(0, 6, count)[nearest]))
    edge *= rng.uniform(0.7, 1.2, count)[nearest]  # no two panels alike
    return 1 / (1 + np.exp(np.clip((angle - edge) / 0.025, -30, 30)))


def _swirls(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws dark ribbons along the seams of a six-panel ball."""
    field = _harmonics(points, rng, 8, rng.uniform(2.5, 5.0))
    width = rng.uniform(0.15, 0.4)
    return np.clip(1.5 - np.abs(field) / width, 0, 1)


@cache
def atlas() -> np.ndarray:
    """Returns the patterns, always the same: fraction of dark paint, float32 [PATTERNS, MAP_SIDE, MAP_SIDE]."""
    points = octahedral_points(MAP_SIDE)
    rng = np.random.default_rng(32)
    maps = []
    black, margin = panels(points)
    for k in range(CLASSIC):
        seams = np.clip(1 - margin / 0.008, 0, 1) * (~black) * (0.35 if k % 2 else 0.0)
        wear = np.clip(_harmonics(points, rng, 12, 7) - 1.2, 0, 1) * 0.5 * (k > 1)
        maps.append(np.maximum(black * (1 - wear), seams))
    while len(maps) < PATTERNS:
        kind = len(maps) % 4
        if kind == 3:
            maps.append(_swirls(points, rng))
        else:
            maps.append(_spots(points, rng, (12, 20, 6)[kind]))
    return np.stack(maps).astype(np.float32)


def random_rotations(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws uniform rotations, float32 [n, 3, 3], from random unit quaternions (Shoemake 1992, Graphics Gems III)."""
    w, x, y, z = (q := rng.normal(size=(n, 4))).T / np.linalg.norm(q, axis=1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows, np.float32), -1, 0)


def look_up(points: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Looks up the fraction of dark paint at points of the sphere.

    Args:
        points: [n, 3, pixels], unit vectors.
        pattern: [n], indices into the atlas.
    """
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    scale = 1 / np.maximum(np.abs(x) + np.abs(y) + np.abs(z), 1e-6)
    fold = np.maximum(-z, 0) * scale
    column = x * scale + np.copysign(fold, x)
    row = y * scale + np.copysign(fold, y)
    column = ((column + 1) * (MAP_SIDE / 2)).astype(np.int32).clip(0, MAP_SIDE - 1)
    row = ((row + 1) * (MAP_SIDE / 2)).astype(np.int32).clip(0, MAP_SIDE - 1)
    return atlas().ravel().take((pattern.astype(np.int32)[:, None] * MAP_SIDE + row) * MAP_SIDE + column)


def paint_balls(image: np.ndarray, balls: dict[str, np.ndarray], canvas: Canvas) -> None:
    """Paints one ball onto each image, in place.

    Args:
        image: float32 [n, colours, side, side], linear light.
        balls: radius, x, y [n] in patch widths; rotation [n, 3, 3]; pattern [n]; white, black [n, colours];
            sun [n, 3] (direction towards the light, x right, y down, z towards the camera), ambient, gloss [n].
    """
    n, side = len(image), canvas.side
    radius = balls["radius"][:, None, None]
    x = np.broadcast_to((canvas.coordinate[None, None, :] - balls["x"][:, None, None]) / radius, (n, side, side))
    y = np.broadcast_to((canvas.coordinate[None, :, None] - balls["y"][:, None, None]) / radius, (n, side, side))
    squared = x * x + y * y
    cover = np.clip((1 - np.sqrt(squared)) * radius * canvas.patch + 0.5, 0, 1)
    z = np.sqrt(np.maximum(1 - squared, 0))
    normal = np.stack([x, y, z], 1).reshape(n, 3, -1).astype(np.float32)
    dark = look_up(balls["rotation"] @ normal, balls["pattern"])
    sun = (balls["sun"].astype(np.float32)[:, None] @ normal)[:, 0]
    ambient = balls["ambient"][:, None]
    sky = 0.5 - 0.5 * normal[:, 1]  # ambient light is strongest from above
    light = ambient * (0.35 + 0.65 * sky) + (1 - ambient) * np.maximum(sun, 0)
    shine = balls["gloss"][:, None] * np.maximum(sun, 0) ** 24
    for c in range(image.shape[1]):
        white, black = balls["white"][:, c, None], balls["black"][:, c, None]
        seen = ((white + dark * (black - white)) * light + shine).reshape(n, side, side)
        image[:, c] += cover * (seen - image[:, c])
