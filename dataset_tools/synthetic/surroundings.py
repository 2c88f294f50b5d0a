"""Draws objects on and around the field (lines, marks, goals and clutter) as tables of shapes (see shapes.py).

Every function draws n random instances and returns SHAPE [n, k].
"""

import numpy as np

from dataset_tools.synthetic.bodies import capsule
from dataset_tools.synthetic.materials import anything, chance, luminous
from dataset_tools.synthetic.shapes import place, shape, stack


def lines(rng: np.random.Generator, n: int, paint: np.ndarray) -> np.ndarray:
    """Draws a field line, a T-, L- or X-junction, two parallel lines or an arc; paint is linear RGB [n, 3]."""
    kind = rng.choice(6, n, p=[0.38, 0.12, 0.14, 0.08, 0.08, 0.2])  # straight, T, L, X, parallel, arc
    half = np.exp(rng.normal(np.log(0.11), 0.5, n)).clip(0.03, 0.35)
    soft = rng.uniform(0, 0.02, n)
    common = {"colour": paint, "soft": soft, "alpha": rng.uniform(0.6, 1, n)}
    long = np.where(kind == 2, 2.0, 4.0)
    first = shape(n, a=half, b=long, y=np.where(kind == 2, 2 - half, 0), present=kind != 5, **common)
    middle = np.isin(kind, (3, 4))
    second = shape(
        n,
        a=half,
        b=np.where(middle, 4.0, 2.0),
        x=np.where(middle, np.where(kind == 4, half * rng.uniform(3, 6, n), 0), 2.0 * rng.choice([-1, 1], n)),
        angle=np.where(kind == 4, 0, np.pi / 2),
        present=np.isin(kind, (1, 2, 3, 4)),
        **common,
    )
    radius = np.exp(rng.uniform(np.log(0.5), np.log(4), n))
    arc = shape(n, a=radius, b=radius, round=radius, x=radius, hollow=half, present=kind == 5, **common)
    where = rng.normal(0.5, 0.3, (2, n))
    return place(stack(first, second, arc), *where, 1, rng.uniform(0, 2 * np.pi, n), rng.uniform(0.35, 1, n))


def penalty_mark(rng: np.random.Generator, n: int, paint: np.ndarray) -> np.ndarray:
    """Draws a penalty mark, a cross or a dot, in the middle of a patch."""
    dot = chance(rng, n, 0.4)
    length, half = rng.uniform(0.22, 0.42, n), rng.uniform(0.05, 0.12, n)
    common = {"colour": paint, "soft": rng.uniform(0, 0.03, n)}
    one = shape(n, a=half, b=length, present=~dot, **common)
    other = shape(n, a=length, b=half, present=~dot, **common)
    size = rng.uniform(0.1, 0.4, n)
    spot = shape(n, a=size, b=size, round=size, present=dot, **common)
    where = rng.normal(0.5, 0.08, (2, n))
    return place(stack(one, other, spot), *where, 1, rng.uniform(0, np.pi, n), rng.uniform(0.3, 0.9, n))


def goal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws the post, crossbar, stay and net of a goal."""
    white = luminous(rng, n, 0.35, 1.0, 0.05)
    half = rng.uniform(0.06, 0.2, n)
    net = shape(
        n,
        a=2,
        b=2,
        x=2,
        y=2,
        colour=luminous(rng, n, 0.1, 0.9),
        alpha=rng.uniform(0.1, 0.6, n),
        grating=rng.uniform(0.3, 0.9, n),
        bars_x=rng.uniform(2, 9, n),
        bars_y=rng.uniform(2, 9, n),
        present=chance(rng, n, 0.4),
    )
    post = capsule(rng, n, half, 4, white, y=rng.choice([-3.0, 0, 3.8], n))
    bar = capsule(rng, n, half, 4, white, x=3.9, angle=np.pi / 2, present=chance(rng, n, 0.45))
    stay = capsule(
        rng, n, half * 0.6, 4, white * 0.8, x=2.5, y=2.0, angle=rng.uniform(0.5, 1.2, n), present=chance(rng, n, 0.3)
    )
    return stack(net, stay, bar, post)


def blob(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws a white rounded object without a pattern: the back of a head, a helmet, a bin, a lamp."""
    a, b = rng.uniform(0.15, 0.6, n), rng.uniform(0.15, 0.6, n)
    return stack(
        shape(
            n,
            a=a,
            b=b,
            round=np.minimum(a, b) * rng.uniform(0.3, 1, n),
            colour=luminous(rng, n, 0.2, 1.1, 0.1),
            angle=rng.uniform(0, 3, n),
            bulge=rng.uniform(0, 0.7, n),
            slope_y=rng.uniform(-0.5, 0.2, n),
            slope_x=rng.normal(0, 0.2, n),
        )
    )


def clutter(rng: np.random.Generator, n: int, count: int = 8) -> np.ndarray:
    """Draws nearby objects that hide each other; their sizes follow a power law (see `backdrop.halls`)."""
    layers = []
    upright = chance(rng, n, 0.6)
    for k in range(count):
        size = (1.3 * np.exp(rng.normal(0, 0.4, n)) / (k + 1) ** 0.7).clip(0.05)
        aspect = np.exp(rng.normal(0, 0.8, n))
        a, b = size * aspect**0.5, size / aspect**0.5
        rounded = rng.choice([0.02, 0.3, 0.95], n, p=[0.6, 0.2, 0.2])
        angle = np.where(upright, rng.normal(0, 0.06, n), rng.uniform(0, np.pi, n))
        layers.append(
            shape(
                n,
                a=a,
                b=b,
                x=rng.uniform(-0.3, 1.3, n),
                y=rng.uniform(-0.3, 1.3, n),
                angle=angle,
                round=np.minimum(a, b) * rounded,
                colour=anything(rng, n),
                bulge=rng.uniform(0, 0.5, n) * (rounded > 0.1),
                slope_x=rng.normal(0, 0.2, n),
                slope_y=rng.normal(0, 0.2, n),
                soft=rng.exponential(0.02, n),
                present=chance(rng, n, 0.85),
                grating=np.where(chance(rng, n, 0.12), rng.uniform(0.1, 0.6, n), 0),
                bars_x=rng.uniform(1, 9, n),
                bars_y=rng.uniform(0, 9, n),
            )
        )
    return stack(*layers)


def shadow(rng: np.random.Generator, n: int, p: float) -> np.ndarray:
    """Draws a soft shadow over part of the ground, SHAPE [n]."""
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
