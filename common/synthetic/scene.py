"""One synthetic recording: a game with its own field, light, ball and camera, and candidate patches from it."""

from dataclasses import dataclass

import numpy as np

from common.synthetic import objects
from common.synthetic.backdrop import LUMA, ground, paint_hall
from common.synthetic.ball import CLASSIC, PATTERNS, paint_balls, random_rotations
from common.synthetic.camera import Optics, develop, expose, luma_and_chroma
from common.synthetic.shapes import Canvas, paint, place, shape, stack

BATCH = 50  # patches painted at once: their canvases fit into the cache of a core
# share of the candidates without a ball: thing in view -> weight
THINGS = {
    "nothing": 0.26,
    "penalty_mark": 0.08,
    "foot": 0.1,
    "limb": 0.1,
    "head": 0.1,
    "torso": 0.08,
    "figure": 0.08,
    "person": 0.07,
    "goal": 0.07,
    "blob": 0.06,
}


@dataclass(frozen=True)
class World:
    """What stays the same through a recording: colours are linear RGB, see `Optics` for the camera's fields."""

    turf: np.ndarray
    line: np.ndarray
    turf_contrast: float
    clutter: float
    pattern: int
    white: np.ndarray
    black: np.ndarray
    gloss: float
    ambient: float
    gain: float
    gamma: float
    contrast: float
    level: float
    noise: float
    sharpen: float
    halo: float
    focus: float
    motion: float


def random_world(rng: np.random.Generator) -> World:
    """Draws the conditions of one recording."""
    warm = np.exp(rng.normal(0, 0.12, 3))  # white balance that is a little off
    turf = objects.luminous(rng, 1, 0.025, 0.22, 0.1)[0] * [0.55, 1.25, 0.5]
    classic = rng.random() < 0.45
    return World(
        turf=turf * warm,
        line=objects.luminous(rng, 1, 0.3, 0.95, 0.03)[0] * warm,
        turf_contrast=rng.uniform(0.03, 0.35),
        clutter=rng.uniform(0.2, 0.7),
        pattern=int(rng.integers(CLASSIC) if classic else rng.integers(CLASSIC, PATTERNS)),
        white=objects.luminous(rng, 1, 0.5, 0.95, 0.05)[0] * warm,
        black=objects.luminous(rng, 1, 0.008, 0.1, 0.2)[0] * warm,
        gloss=rng.uniform(0, 0.3),
        ambient=rng.uniform(0.35, 0.95),
        gain=np.exp(rng.normal(0, 0.45)),
        gamma=1 / rng.uniform(1.7, 2.5),
        contrast=rng.uniform(0, 0.7),
        level=rng.uniform(0, 0.06),
        noise=rng.uniform(0.005, 0.04),
        sharpen=rng.uniform(0, 2.5),
        halo=rng.uniform(0.7, 2.5),
        focus=rng.uniform(0.25, 0.8),
        motion=rng.uniform(0.2, 1.5),
    )


def draw_balls(rng: np.random.Generator, n: int) -> np.ndarray:
    """Where balls lie in candidate patches: [radius, center_x, center_y] in fractions, float32 [n, 3].

    A candidate is centred on the ball by a rough search: mostly close, sometimes far off. Balls with less than half
    of their disc inside the patch are left out.
    """
    ring, turn = np.sqrt((np.arange(64) + 0.5) / 64), np.arange(64) * 2.39996  # 64 points evenly over a disc
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


def _shadow(rng: np.random.Generator, n: int, p: float) -> np.ndarray:
    """A soft shadow over part of the ground, SHAPE [n]."""
    return shape(
        n,
        x=rng.normal(0.5, 0.6, n),
        y=rng.normal(0.5, 0.6, n),
        a=rng.uniform(0.2, 1, n),
        b=rng.uniform(0.1, 0.6, n),
        round=0.1,
        angle=rng.uniform(0, np.pi, n),
        soft=rng.uniform(0.02, 0.5, n),
        alpha=rng.uniform(0.2, 0.8, n),
        present=rng.random(n) < p,
    )


def _paint_background(rng, world: World, image: np.ndarray, clutter: np.ndarray, canvas: Canvas) -> None:
    """Lines and shadows on the field, the hall or a wall beyond its end, and things standing there; in place.

    clutter: probability that no field is in view [n].
    """
    n, colours = len(image), image.shape[1]
    marks = objects.lines(rng, n, world.line * rng.uniform(0.7, 1.1, (n, 1)))
    marks["present"] &= (rng.random(n) < 0.45)[:, None]
    paint(image, _with_luma(stack(marks, _shadow(rng, n, 0.3)), colours), canvas)
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
        colour=objects.anything(rng, n),
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
        colour=objects.anything(rng, n),
        present=horizon & (rng.random(n) < 0.6),
    )
    things = objects.clutter(rng, n)
    things["present"] &= (indoors & (rng.random(n) < 0.5))[:, None]
    paint(image, _with_luma(stack(wall, band, things), colours), canvas)


def _thing(rng: np.random.Generator, world: World, name: str, n: int) -> np.ndarray:
    """One kind of thing, placed in view; SHAPE [n, k]."""
    if name == "penalty_mark":
        return objects.penalty_mark(rng, n, world.line * rng.uniform(0.7, 1.1, (n, 1)))
    parts = getattr(objects, name)(rng, n)
    scale = np.exp(rng.normal(0.1, 0.5, n))
    fallen = np.where(rng.random(n) < 0.12, rng.choice([-1.5, 1.5], n), 0)
    where = rng.normal(0.5, 0.1 + 0.2 * scale.clip(0.5, 1.5), (2, n))
    return place(parts, *where, scale, rng.normal(0, 0.2, n) + fallen)


def _paint_things(rng, world: World, image: np.ndarray, canvas: Canvas) -> None:
    """Puts one or two things that are not balls into each image, in place."""
    names, weights = list(THINGS), list(THINGS.values())
    for weight in (1.0, 0.25):
        chosen = rng.choice(len(names), len(image), p=weights)
        chosen[rng.random(len(image)) > weight] = 0
        for k, name in enumerate(names[1:], 1):
            here = np.flatnonzero(chosen == k)
            if len(here):
                part = image[here]
                paint(part, _with_luma(_thing(rng, world, name, len(here)), image.shape[1]), canvas)
                image[here] = part


def _paint_ball_scene(rng, world: World, image: np.ndarray, target: np.ndarray, canvas: Canvas) -> None:
    """Shadow, ball, and sometimes a robot's foot or limb behind or before it, in place."""
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
    """A robot's foot or limb at the ball's rim: it hides little of the ball where gap (in radii) is near 1."""
    radius, x, y = target.T
    foot = rng.random(n) < 0.5
    feet, limbs = objects.foot(rng, n), objects.limb(rng, n)
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
    """The table as it is for RGB; for one colour with the luminance in the first one."""
    if colours == 1:
        table["colour"][..., 0] = table["colour"] @ LUMA
    return table


def random_optics(rng: np.random.Generator, world: World, n: int) -> Optics:
    """Distance (so the candidate's size), blur, exposure and noise of n candidates."""
    far = rng.random(n) < 0.12
    side = np.where(far, rng.uniform(9, 24, n), np.exp(rng.normal(np.log(50), 0.35, n))).round().clip(9, 120)
    lost = np.where(rng.random(n) < 0.2, rng.uniform(0.005, 0.05, n), 0)
    length = np.where(rng.random(n) < 0.4, rng.exponential(0.05, n) * world.motion, 0).clip(0, 0.3)
    way = rng.normal(0, 0.7, n)

    def same(value):
        return np.full(n, value)

    return Optics(
        side=side,
        focus=np.hypot(world.focus * rng.uniform(0.7, 1.3, n) / side, lost),
        motion_x=length * np.cos(way),
        motion_y=length * np.sin(way),
        sharpen=same(world.sharpen),
        halo=same(world.halo),
        gain=world.gain * np.exp(rng.normal(0, 0.15, n)),
        gamma=same(world.gamma),
        contrast=same(world.contrast),
        black=same(world.level),
        noise=same(world.noise),
        read_noise=same(world.noise * 0.15),
    )


def render_recording(
    seed: tuple[int, ...], ball: np.ndarray, size: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Renders one recording; the same seed gives the same bytes.

    Args:
        seed: of the random numbers.
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
