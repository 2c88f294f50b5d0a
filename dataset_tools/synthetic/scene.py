"""Renders a synthetic recording: candidate patches of a game with its own field, light, ball and camera."""

from collections.abc import Callable

import numpy as np

from dataset_tools.synthetic import bodies, surroundings
from dataset_tools.synthetic.backdrop import LUMA, ground, paint_hall
from dataset_tools.synthetic.ball import paint_balls, random_rotations
from dataset_tools.synthetic.camera import develop, expose, luma_and_chroma
from dataset_tools.synthetic.materials import anything
from dataset_tools.synthetic.random_conditions import World, random_optics, random_world
from dataset_tools.synthetic.shapes import Canvas, paint, place, shape, stack

BATCH = 50  # patches painted at once: their canvases fit into a core's cache
# Objects in patches without a ball, each with its probability.
THINGS = (
    (0.26, None),
    (0.08, surroundings.penalty_mark),
    (0.10, bodies.foot),
    (0.10, bodies.limb),
    (0.10, bodies.head),
    (0.08, bodies.torso),
    (0.08, bodies.figure),
    (0.07, bodies.person),
    (0.07, surroundings.goal),
    (0.06, surroundings.blob),
)


def draw_balls(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws the balls' positions in candidate patches: [radius, center_x, center_y] in fractions, float32 [n, 3].

    The robot's search for candidates is rough: the candidate's centre is usually near the ball's centre, but sometimes
    far away. At least half of each ball's disc is inside the patch.
    """
    ring, turn = np.sqrt((np.arange(64) + 0.5) / 64), np.arange(64) * 2.39996  # 64 points spread evenly over a disc
    out = np.empty((0, 3))
    while len(out) < n:
        radius = 0.29 + 0.22 * rng.beta(1.2, 1.8, n)
        spread = np.where(rng.random(n) < 0.65, 0.06, 0.18)
        centre = 0.5 + rng.normal(size=(n, 2)) * spread[:, None]
        x = centre[:, :1] + radius[:, None] * ring * np.cos(turn)
        y = centre[:, 1:] + radius[:, None] * ring * np.sin(turn)
        inside = ((x > 0) & (x < 1) & (y > 0) & (y < 1)).mean(1)
        out = np.concatenate([out, np.column_stack([radius, centre])[inside > 0.5]])
    return out[:n].astype(np.float32)


def _paint_background(rng, world: World, image: np.ndarray, clutter: np.ndarray, canvas: Canvas) -> None:
    """Paints the background of the patches, in place.

    The background is the field with lines and shadows and, beyond it, the hall, a wall or objects.

    clutter: probability that no part of the field is visible [n].
    """
    n, colours = len(image), image.shape[1]
    marks = surroundings.lines(rng, n, world.line * rng.uniform(0.7, 1.1, (n, 1)))
    marks["present"] &= (rng.random(n) < 0.45)[:, None]
    paint(image, _with_luma(stack(marks, surroundings.shadow(rng, n, 0.3)), colours), canvas)
    kind = rng.random(n)
    indoors, horizon = kind < clutter, (kind >= clutter) & (kind < clutter + 0.2)
    tilt, edge = rng.normal(0, 0.15, n), np.where(indoors, 3, rng.normal(0.35, 0.25, n))
    here = np.flatnonzero(indoors | horizon)
    part = image[here]
    paint_hall(rng, part, edge[here], tilt[here], canvas)
    image[here] = part
    wall = shape(
        n,
        a=4,
        b=4,
        x=0.5,
        y=edge - 4,
        angle=tilt,
        colour=anything(rng, n),
        slope_y=rng.normal(0, 0.1, n),
        present=horizon & (rng.random(n) < 0.5),
    )
    band = shape(
        n,
        a=4,
        b=rng.uniform(0.03, 0.3, n),
        x=0.5,
        y=edge - rng.uniform(0, 0.4, n),
        angle=tilt,
        colour=anything(rng, n),
        present=horizon & (rng.random(n) < 0.6),
    )
    things = surroundings.clutter(rng, n)
    things["present"] &= (indoors & (rng.random(n) < 0.5))[:, None]
    paint(image, _with_luma(stack(wall, band, things), colours), canvas)


def _place_thing(rng, world: World, draw: Callable, n: int) -> np.ndarray:
    """Draws objects of one kind and places them in the patches: SHAPE [n, k]."""
    if draw is surroundings.penalty_mark:
        return draw(rng, n, world.line * rng.uniform(0.7, 1.1, (n, 1)))
    parts = draw(rng, n)
    scale = np.exp(rng.normal(0.1, 0.5, n))
    fallen = np.where(rng.random(n) < 0.12, rng.choice([-1.5, 1.5], n), 0)
    where = rng.normal(0.5, 0.1 + 0.2 * scale.clip(0.5, 1.5), (2, n))
    return place(parts, *where, scale, rng.normal(0, 0.2, n) + fallen)


def _paint_things(rng, world: World, image: np.ndarray, canvas: Canvas) -> None:
    """Paints up to two objects that are not balls into each image, in place."""
    shares = [share for share, _ in THINGS]
    for probability in (1.0, 0.25):
        chosen = rng.choice(len(THINGS), len(image), p=shares)
        chosen[rng.random(len(image)) > probability] = 0
        for k, (_, draw) in enumerate(THINGS):
            here = np.flatnonzero(chosen == k)
            if draw is not None and len(here):
                part = image[here]
                paint(part, _with_luma(_place_thing(rng, world, draw, len(here)), image.shape[1]), canvas)
                image[here] = part


def _paint_ball_scene(rng, world: World, image: np.ndarray, target: np.ndarray, canvas: Canvas) -> None:
    """Paints in place: a shadow, a ball, and sometimes a robot's foot or limb in front of or behind the ball."""
    n, colours = len(image), image.shape[1]
    radius, x, y = target.T
    low = rng.uniform(0.6, 1.0, n)
    shadow = shape(
        n,
        x=x + rng.normal(0, 0.3, n) * radius,
        y=y + radius * low,
        a=radius * rng.uniform(0.7, 1.3, n),
        b=radius * rng.uniform(0.15, 0.4, n),
        round=radius * 0.15,
        soft=radius * rng.uniform(0.1, 0.6, n),
        alpha=rng.uniform(0.2, 0.9, n),
        present=rng.random(n) < 0.75,
    )
    behind, before = (_beside(rng, n, target, p, gap) for p, gap in ((0.2, 0.5), (0.12, 0.95)))
    paint(image, _with_luma(stack(behind, shadow), colours), canvas)
    direction = rng.normal(0, 0.6, (n, 3)) + np.array([0, -1.0, 0.7])
    white = world.white * np.exp(rng.normal(0, 0.15, (n, 1)))
    black = world.black * np.exp(rng.normal(0, 0.3, (n, 1)))
    if colours == 1:
        white, black = (v @ LUMA[:, None] for v in (white, black))
    balls = {
        "radius": radius,
        "x": x,
        "y": y,
        "rotation": random_rotations(rng, n),
        "pattern": np.full(n, world.pattern),
        "white": white.astype(np.float32),
        "black": black.astype(np.float32),
        "gloss": (world.gloss * rng.random(n)).astype(np.float32),
        "sun": direction / np.linalg.norm(direction, axis=1, keepdims=True),
        "ambient": np.clip(world.ambient + rng.normal(0, 0.1, n), 0.2, 1).astype(np.float32),
    }
    paint_balls(image, balls, canvas)
    paint(image, _with_luma(before, colours), canvas)


def _beside(rng: np.random.Generator, n: int, target: np.ndarray, p: float, gap: float) -> np.ndarray:
    """Draws a robot's foot or limb at the ball's edge; it hides little of the ball if `gap` (in radii) is near 1."""
    radius, x, y = target.T
    foot = rng.random(n) < 0.5
    feet, limbs = bodies.foot(rng, n), bodies.limb(rng, n)
    shown = rng.random(n) < p
    feet["present"] &= (foot & shown)[:, None]
    limbs["present"] &= (~foot & shown)[:, None]
    scale = rng.uniform(0.6, 1.6, n)
    way = rng.uniform(0, 2 * np.pi, n)
    distance = radius * gap + scale * np.where(foot, 0.45, 0.25)
    return place(
        stack(feet, limbs), x + distance * np.cos(way), y + distance * np.sin(way), scale, rng.normal(0, 0.3, n)
    )


def _with_luma(table: np.ndarray, colours: int) -> np.ndarray:
    """Returns the table unchanged for RGB; for one colour channel, replaces the first component with the luminance."""
    if colours == 1:
        table["colour"][..., 0] = table["colour"] @ LUMA
    return table


def render_recording(
    seed: tuple[int, ...], ball: np.ndarray, size: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Renders one recording; the same seed gives the same bytes.

    Args:
        seed: seed of the random numbers.
        ball: bool [n], which patches show a ball.
        size: width and height of the patches.
        channels: 1 (Y) or 2 (Y and the interleaved U/V of YUV422).

    Returns:
        X uint8 [n, size, size, channels] and targets float32 [n, 3], NaN where there is no ball.
    """
    rng = np.random.default_rng(seed)
    world = random_world(rng)
    canvas = Canvas(48, 8) if size <= 16 else Canvas(72, 12)
    parts, targets = [], []
    for start in range(0, len(ball), BATCH):
        here = ball[start : start + BATCH]
        n, colours = len(here), 1 if channels == 1 else 3
        image = ground(rng, world.turf if colours == 3 else world.turf @ LUMA[:, None], world.turf_contrast, n, canvas)
        target = draw_balls(rng, n)
        target[~here] = np.nan
        clutter = np.where(here, 0.12, world.clutter)
        _paint_background(rng, world, image, clutter, canvas)
        for shown, painter in ((here, _paint_ball_scene), (~here, _paint_things)):
            if shown.any():
                part = image[shown]
                arguments = (target[shown], canvas) if painter is _paint_ball_scene else (canvas,)
                painter(rng, world, part, *arguments)
                image[shown] = part
        optics = random_optics(rng, world, n)
        picture = develop(expose(image, optics, canvas, size), optics, rng)
        parts.append(np.moveaxis(picture, 1, -1) if channels == 1 else luma_and_chroma(picture))
        targets.append(target)
    return np.concatenate(parts), np.concatenate(targets)
