"""Draws robots of several makes, and people, as tables of shapes (see shapes.py).

Every function draws n random instances and returns SHAPE [n, k], built around (0, 0) with a length of about one. The
objects are placed later and are often larger than the patch, so a candidate shows only part of an object.
"""

import numpy as np

from dataset_tools.synthetic.materials import anything, chance, dark, luminous, plastic
from dataset_tools.synthetic.shapes import shape, stack


def capsule(rng: np.random.Generator, n: int, a, b, colour, **fields) -> np.ndarray:
    """Draws a rounded limb, darker towards its edge."""
    fields = {"bulge": rng.uniform(0.1, 0.7, n), "slope_x": rng.normal(0, 0.25, n), **fields}
    return shape(n, a=a, b=b, round=np.minimum(a, b) * 0.95, colour=colour, **fields)


def foot(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws a robot's foot with ankle and shin."""
    white, tall = plastic(rng, n), rng.uniform(0.25, 0.45, n)
    shin = capsule(rng, n, rng.uniform(0.15, 0.28, n), 0.7, white, y=-0.75, x=rng.normal(0, 0.1, n))
    gap = shape(n, a=rng.uniform(0.15, 0.3, n), b=rng.uniform(0.03, 0.12, n), y=-0.2, colour=dark(rng, n))
    shoe = shape(
        n,
        a=0.5,
        b=tall / 2,
        round=tall * 0.45,
        colour=white * rng.uniform(0.7, 1.2, (n, 1)),
        bulge=rng.uniform(0, 0.5, n),
        slope_y=rng.uniform(-0.6, 0.1, n),
    )
    sole = shape(n, a=0.48, b=0.04, y=tall / 2, colour=dark(rng, n), present=chance(rng, n, 0.6))
    hole = shape(
        n, a=0.06, b=0.06, round=0.06, x=rng.normal(0, 0.2, n), colour=dark(rng, n), present=chance(rng, n, 0.4)
    )
    return stack(shin, gap, shoe, sole, hole)


def limb(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws an arm or a leg: two segments, a dark joint and a hand."""
    white, bend = plastic(rng, n), rng.normal(0, 0.8, n)
    upper = capsule(rng, n, rng.uniform(0.12, 0.26, n), 0.5, white, y=-0.45)
    lower = capsule(
        rng,
        n,
        rng.uniform(0.12, 0.26, n),
        0.5,
        white * rng.uniform(0.6, 1.2, (n, 1)),
        x=-0.45 * np.sin(bend),
        y=0.45 * np.cos(bend),
        angle=bend,
    )
    size = rng.uniform(0.06, 0.2, n)
    joint = shape(n, a=size, b=size, round=size, colour=dark(rng, n), bulge=0.3, present=chance(rng, n, 0.8))
    size = rng.uniform(0.1, 0.2, n)
    hand = shape(
        n,
        a=size,
        b=size * 1.3,
        round=size,
        x=-0.95 * np.sin(bend),
        y=0.95 * np.cos(bend),
        colour=np.where(chance(rng, n, 0.5)[:, None], white, dark(rng, n)),
        bulge=0.3,
    )
    return stack(upper, lower, joint, hand)


def head(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws a robot's head: neck, skull, ears, visor and eyes."""
    white, wide = plastic(rng, n), rng.uniform(0.32, 0.5, n)
    neck = shape(
        n,
        a=rng.uniform(0.1, 0.3, n),
        b=0.4,
        y=0.6,
        colour=np.where(chance(rng, n, 0.5)[:, None], dark(rng, n), white),
    )
    tall = rng.uniform(0.38, 0.55, n)
    skull = shape(
        n,
        a=wide,
        b=tall,
        round=np.minimum(wide, tall),
        colour=white,
        bulge=rng.uniform(0.1, 0.6, n),
        slope_y=rng.uniform(-0.5, 0.1, n),
    )
    size, out = rng.uniform(0.08, 0.18, n), rng.choice([-1, 1], n)
    ear = shape(
        n,
        a=size * 0.6,
        b=size,
        round=size * 0.6,
        x=out * wide * rng.uniform(0.5, 1, n),
        colour=luminous(rng, n, 0.05, 0.5, 0.4),
        present=chance(rng, n, 0.6),
    )
    turn, level = rng.normal(0, 0.12, n), rng.uniform(-0.2, 0.1, n)
    visor = shape(
        n,
        a=wide * rng.uniform(0.5, 0.95, n),
        b=rng.uniform(0.05, 0.2, n),
        round=0.05,
        x=turn,
        y=level,
        colour=np.where(chance(rng, n, 0.7)[:, None], dark(rng, n), luminous(rng, n, 0.1, 0.4, 0.6)),
        present=chance(rng, n, 0.55),
    )
    eyes = []
    size, gap = rng.uniform(0.04, 0.12, n), rng.uniform(0.1, 0.22, n)
    iris = np.where(chance(rng, n, 0.6)[:, None], dark(rng, n), luminous(rng, n, 0.3, 1.0, 0.3))
    for side in (-1, 1):
        eyes.append(
            shape(n, a=size, b=size, round=size, x=turn + side * gap, y=level, colour=iris, present=chance(rng, n, 0.7))
        )
    mouth = shape(
        n,
        a=rng.uniform(0.03, 0.15, n),
        b=0.03,
        x=turn,
        y=level + 0.25,
        colour=dark(rng, n),
        present=chance(rng, n, 0.5),
    )
    return stack(neck, ear, skull, visor, *eyes, mouth)


def torso(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws a robot's body: shoulders, chest, gaps, button and jersey."""
    white = plastic(rng, n)
    shell = np.where(chance(rng, n, 0.35)[:, None], luminous(rng, n, 0.02, 0.4, 0.6), white)
    arms = [capsule(rng, n, rng.uniform(0.08, 0.16, n), 0.45, white, x=side * 0.48, y=0.05) for side in (-1, 1)]
    chest = shape(n, a=rng.uniform(0.3, 0.42, n), b=0.5, round=0.15, colour=shell, bulge=rng.uniform(0, 0.5, n))
    shoulders = [
        shape(n, a=0.14, b=0.14, round=0.14, x=side * 0.42, y=-0.32, colour=white, bulge=0.3) for side in (-1, 1)
    ]
    belt = shape(n, a=0.35, b=rng.uniform(0.02, 0.1, n), y=rng.uniform(0.1, 0.5, n), colour=dark(rng, n))
    size = rng.uniform(0.04, 0.09, n)
    button = shape(n, a=size, b=size, round=size, y=-0.12, colour=anything(rng, n), present=chance(rng, n, 0.6))
    mark = shape(
        n,
        a=0.12,
        b=rng.uniform(0.02, 0.15, n),
        y=rng.normal(-0.1, 0.1, n),
        x=rng.normal(0, 0.1, n),
        colour=anything(rng, n),
        present=chance(rng, n, 0.4),
    )
    return stack(*arms, chest, *shoulders, belt, button, mark)


def figure(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws a small robot, from head to feet."""
    white = plastic(rng, n)
    body = shape(
        n,
        a=0.15,
        b=0.22,
        round=0.08,
        colour=np.where(chance(rng, n, 0.4)[:, None], luminous(rng, n, 0.02, 0.4, 0.6), white),
        bulge=0.3,
    )
    size = rng.uniform(0.09, 0.14, n)
    skull = shape(n, a=size, b=size, round=size, y=-0.34, colour=white, bulge=0.3)
    face = shape(
        n,
        a=size * 0.7,
        b=size * 0.4,
        y=-0.35,
        x=rng.normal(0, 0.03, n),
        colour=dark(rng, n),
        present=chance(rng, n, 0.7),
    )
    parts = [body, skull, face]
    shoe = np.where(chance(rng, n, 0.5)[:, None], white, dark(rng, n))
    for side in (-1, 1):
        spread = side * rng.uniform(0.05, 0.18, n)
        parts.append(capsule(rng, n, 0.055, 0.26, white, x=spread, y=0.42, angle=-side * rng.uniform(0, 0.2, n)))
        parts.append(shape(n, a=0.06, b=0.04, x=spread, y=0.42, colour=dark(rng, n), present=chance(rng, n, 0.5)))
        parts.append(shape(n, a=0.1, b=0.05, round=0.04, x=spread * 1.3, y=0.7, colour=shoe))
        parts.append(capsule(rng, n, 0.045, 0.22, white, x=side * 0.22, y=0.02, angle=-side * rng.uniform(0, 0.5, n)))
    return stack(*parts)


def person(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws a person's legs in trousers and shoes."""
    cloth = np.where(chance(rng, n, 0.75)[:, None], dark(rng, n), luminous(rng, n, 0.08, 0.5, 0.3))
    leather = np.where(chance(rng, n, 0.5)[:, None], dark(rng, n), luminous(rng, n, 0.2, 0.9, 0.2))
    parts = []
    for side in (-1, 1):
        x, shown = side * rng.uniform(0.12, 0.35, n), chance(rng, n, 0.85)
        parts.append(capsule(rng, n, rng.uniform(0.12, 0.2, n), 1.2, cloth, x=x, y=-1.1, present=shown))
        toe = x + rng.normal(0, 0.1, n)
        parts.append(
            shape(
                n,
                a=rng.uniform(0.15, 0.3, n),
                b=0.11,
                round=0.09,
                x=toe,
                y=0.08,
                colour=leather,
                bulge=rng.uniform(0, 0.4, n),
                present=shown,
            )
        )
        parts.append(
            shape(
                n,
                a=rng.uniform(0.15, 0.3, n),
                b=0.025,
                x=toe,
                y=0.18,
                colour=luminous(rng, n, 0.2, 1.0),
                present=shown & chance(rng, n, 0.6),
            )
        )
    return stack(*parts)
