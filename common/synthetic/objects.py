"""What is not a ball: field lines and marks, robots, people, goals and clutter, as tables of shapes (see shapes.py).

Every function draws n random instances and returns SHAPE [n, k] in patch coordinates. Robot parts are built around
(0, 0) with a length of about one and then placed, often larger than the patch: a candidate shows a piece of them.
"""

import numpy as np

from common.synthetic.shapes import place, shape, stack


def luminous(rng: np.random.Generator, n: int, low: float, high: float, chroma: float = 0.1) -> np.ndarray:
    """Random colours, linear RGB [n, 3]: brightness log-uniform in low..high, `chroma` how far from gray."""
    light = np.exp(rng.uniform(np.log(low), np.log(high), n))
    tint = np.exp(rng.normal(0, chroma, (n, 3)))
    return light[:, None] * tint / (tint @ [0.299, 0.587, 0.114])[:, None]


def anything(rng: np.random.Generator, n: int) -> np.ndarray:
    """Colours of a hall, linear RGB [n, 3]: dark, middling and white things, a few strongly coloured."""
    kind = rng.choice(3, n, p=[0.42, 0.4, 0.18])
    light = np.where(kind == 0, 0, np.where(kind == 1, 1, 2))
    dark, middle, white = (
        luminous(rng, n, *range_, chroma)
        for range_, chroma in (((0.008, 0.08), 0.3), ((0.08, 0.35), 0.35), ((0.4, 1.2), 0.1))
    )
    return np.choose(light[:, None], [dark, middle, white])


def plastic(rng: np.random.Generator, n: int) -> np.ndarray:
    """Robot shell, linear RGB [n, 3]: white to gray, sometimes yellowed."""
    return luminous(rng, n, 0.22, 0.85, 0.06)


def _dark(rng: np.random.Generator, n: int) -> np.ndarray:
    return luminous(rng, n, 0.01, 0.08, 0.15)


def _chance(rng: np.random.Generator, n: int, p: float) -> np.ndarray:
    return rng.random(n) < p


def lines(rng: np.random.Generator, n: int, paint: np.ndarray) -> np.ndarray:
    """A field line, T-, L- or X-junction, two parallel lines or a circle's arc; paint is linear RGB [n, 3]."""
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
    """A penalty mark, cross or dot, in the middle of a patch."""
    dot = _chance(rng, n, 0.4)
    length, half = rng.uniform(0.22, 0.42, n), rng.uniform(0.05, 0.12, n)
    common = {"colour": paint, "soft": rng.uniform(0, 0.03, n)}
    one = shape(n, a=half, b=length, present=~dot, **common)
    other = shape(n, a=length, b=half, present=~dot, **common)
    size = rng.uniform(0.1, 0.4, n)
    spot = shape(n, a=size, b=size, round=size, present=dot, **common)
    where = rng.normal(0.5, 0.08, (2, n))
    return place(stack(one, other, spot), *where, 1, rng.uniform(0, np.pi, n), rng.uniform(0.3, 0.9, n))


def capsule(rng: np.random.Generator, n: int, a, b, colour, **fields) -> np.ndarray:
    """A limb: rounded, darker towards its edge."""
    fields = {"bulge": rng.uniform(0.1, 0.7, n), "slope_x": rng.normal(0, 0.25, n), **fields}
    return shape(n, a=a, b=b, round=np.minimum(a, b) * 0.95, colour=colour, **fields)


def foot(rng: np.random.Generator, n: int) -> np.ndarray:
    """A robot's foot with ankle and shin."""
    white, tall = plastic(rng, n), rng.uniform(0.25, 0.45, n)
    shin = capsule(rng, n, rng.uniform(0.15, 0.28, n), 0.7, white, y=-0.75, x=rng.normal(0, 0.1, n))
    gap = shape(n, a=rng.uniform(0.15, 0.3, n), b=rng.uniform(0.03, 0.12, n), y=-0.2, colour=_dark(rng, n))
    shoe = shape(
        n,
        a=0.5,
        b=tall / 2,
        round=tall * 0.45,
        colour=white * rng.uniform(0.7, 1.2, (n, 1)),
        bulge=rng.uniform(0, 0.5, n),
        slope_y=rng.uniform(-0.6, 0.1, n),
    )
    sole = shape(n, a=0.48, b=0.04, y=tall / 2, colour=_dark(rng, n), present=_chance(rng, n, 0.6))
    hole = shape(
        n, a=0.06, b=0.06, round=0.06, x=rng.normal(0, 0.2, n), colour=_dark(rng, n), present=_chance(rng, n, 0.4)
    )
    return stack(shin, gap, shoe, sole, hole)


def limb(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two segments of an arm or a leg with a dark joint, and a hand."""
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
    joint = shape(n, a=size, b=size, round=size, colour=_dark(rng, n), bulge=0.3, present=_chance(rng, n, 0.8))
    size = rng.uniform(0.1, 0.2, n)
    hand = shape(
        n,
        a=size,
        b=size * 1.3,
        round=size,
        x=-0.95 * np.sin(bend),
        y=0.95 * np.cos(bend),
        colour=np.where(_chance(rng, n, 0.5)[:, None], white, _dark(rng, n)),
        bulge=0.3,
    )
    return stack(upper, lower, joint, hand)


def head(rng: np.random.Generator, n: int) -> np.ndarray:
    """A robot's head: neck, skull, ears, visor and eyes."""
    white, wide = plastic(rng, n), rng.uniform(0.32, 0.5, n)
    neck = shape(
        n,
        a=rng.uniform(0.1, 0.3, n),
        b=0.4,
        y=0.6,
        colour=np.where(_chance(rng, n, 0.5)[:, None], _dark(rng, n), white),
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
        present=_chance(rng, n, 0.6),
    )
    turn, level = rng.normal(0, 0.12, n), rng.uniform(-0.2, 0.1, n)
    visor = shape(
        n,
        a=wide * rng.uniform(0.5, 0.95, n),
        b=rng.uniform(0.05, 0.2, n),
        round=0.05,
        x=turn,
        y=level,
        colour=np.where(_chance(rng, n, 0.7)[:, None], _dark(rng, n), luminous(rng, n, 0.1, 0.4, 0.6)),
        present=_chance(rng, n, 0.55),
    )
    eyes = []
    size, gap = rng.uniform(0.04, 0.12, n), rng.uniform(0.1, 0.22, n)
    iris = np.where(_chance(rng, n, 0.6)[:, None], _dark(rng, n), luminous(rng, n, 0.3, 1.0, 0.3))
    for side in (-1, 1):
        eyes.append(
            shape(
                n, a=size, b=size, round=size, x=turn + side * gap, y=level, colour=iris, present=_chance(rng, n, 0.7)
            )
        )
    mouth = shape(
        n,
        a=rng.uniform(0.03, 0.15, n),
        b=0.03,
        x=turn,
        y=level + 0.25,
        colour=_dark(rng, n),
        present=_chance(rng, n, 0.5),
    )
    return stack(neck, ear, skull, visor, *eyes, mouth)


def torso(rng: np.random.Generator, n: int) -> np.ndarray:
    """A robot's body: shoulders, chest, gaps, button, jersey."""
    white = plastic(rng, n)
    shell = np.where(_chance(rng, n, 0.35)[:, None], luminous(rng, n, 0.02, 0.4, 0.6), white)
    arms = [capsule(rng, n, rng.uniform(0.08, 0.16, n), 0.45, white, x=side * 0.48, y=0.05) for side in (-1, 1)]
    chest = shape(n, a=rng.uniform(0.3, 0.42, n), b=0.5, round=0.15, colour=shell, bulge=rng.uniform(0, 0.5, n))
    shoulders = [
        shape(n, a=0.14, b=0.14, round=0.14, x=side * 0.42, y=-0.32, colour=white, bulge=0.3) for side in (-1, 1)
    ]
    belt = shape(n, a=0.35, b=rng.uniform(0.02, 0.1, n), y=rng.uniform(0.1, 0.5, n), colour=_dark(rng, n))
    size = rng.uniform(0.04, 0.09, n)
    button = shape(n, a=size, b=size, round=size, y=-0.12, colour=anything(rng, n), present=_chance(rng, n, 0.6))
    mark = shape(
        n,
        a=0.12,
        b=rng.uniform(0.02, 0.15, n),
        y=rng.normal(-0.1, 0.1, n),
        x=rng.normal(0, 0.1, n),
        colour=anything(rng, n),
        present=_chance(rng, n, 0.4),
    )
    return stack(*arms, chest, *shoulders, belt, button, mark)


def figure(rng: np.random.Generator, n: int) -> np.ndarray:
    """A whole robot, small."""
    white = plastic(rng, n)
    body = shape(
        n,
        a=0.15,
        b=0.22,
        round=0.08,
        colour=np.where(_chance(rng, n, 0.4)[:, None], luminous(rng, n, 0.02, 0.4, 0.6), white),
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
        colour=_dark(rng, n),
        present=_chance(rng, n, 0.7),
    )
    parts = [body, skull, face]
    shoe = np.where(_chance(rng, n, 0.5)[:, None], white, _dark(rng, n))
    for side in (-1, 1):
        spread = side * rng.uniform(0.05, 0.18, n)
        parts.append(capsule(rng, n, 0.055, 0.26, white, x=spread, y=0.42, angle=-side * rng.uniform(0, 0.2, n)))
        parts.append(shape(n, a=0.06, b=0.04, x=spread, y=0.42, colour=_dark(rng, n), present=_chance(rng, n, 0.5)))
        parts.append(shape(n, a=0.1, b=0.05, round=0.04, x=spread * 1.3, y=0.7, colour=shoe))
        parts.append(capsule(rng, n, 0.045, 0.22, white, x=side * 0.22, y=0.02, angle=-side * rng.uniform(0, 0.5, n)))
    return stack(*parts)


def person(rng: np.random.Generator, n: int) -> np.ndarray:
    """Legs in trousers and shoes."""
    cloth = np.where(_chance(rng, n, 0.75)[:, None], _dark(rng, n), luminous(rng, n, 0.08, 0.5, 0.3))
    leather = np.where(_chance(rng, n, 0.5)[:, None], _dark(rng, n), luminous(rng, n, 0.2, 0.9, 0.2))
    parts = []
    for side in (-1, 1):
        x, shown = side * rng.uniform(0.12, 0.35, n), _chance(rng, n, 0.85)
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
                present=shown & _chance(rng, n, 0.6),
            )
        )
    return stack(*parts)


def goal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Posts, crossbar, stay and net of a goal."""
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
        present=_chance(rng, n, 0.4),
    )
    post = capsule(rng, n, half, 4, white, y=rng.choice([-3.0, 0, 3.8], n))
    bar = capsule(rng, n, half, 4, white, x=3.9, angle=np.pi / 2, present=_chance(rng, n, 0.45))
    stay = capsule(
        rng, n, half * 0.6, 4, white * 0.8, x=2.5, y=2.0, angle=rng.uniform(0.5, 1.2, n), present=_chance(rng, n, 0.3)
    )
    return stack(net, stay, bar, post)


def blob(rng: np.random.Generator, n: int) -> np.ndarray:
    """A white rounded thing without a pattern: the back of a head, a helmet, a bin, a lamp."""
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
    """A hall seen without focus on anything: overlapping things of all sizes.

    Occlusion with power-law sizes gives the statistics of natural pictures (Lee, Mumford, Huang 2001, "Occlusion models
    for natural images", IJCV 41).
    """
    layers = []
    upright = _chance(rng, n, 0.6)
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
                present=_chance(rng, n, 0.85),
                grating=np.where(_chance(rng, n, 0.12), rng.uniform(0.1, 0.6, n), 0),
                bars_x=rng.uniform(1, 9, n),
                bars_y=rng.uniform(0, 9, n),
            )
        )
    return stack(*layers)
