"""What stands behind, beside and in front of a toy in its photo: backdrops, props, stickers."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

import numpy as np
from numpy.typing import NDArray

from goodsense.demo.canvas import Canvas, Pixels, ring_points, to_pixels
from goodsense.demo.vocabulary import RGB

TINTS: tuple[RGB, ...] = (
    (250, 240, 214), (216, 234, 246), (250, 222, 226), (222, 242, 222), (232, 224, 246), (254, 232, 206),
    (206, 222, 214), (236, 228, 216), (180, 204, 222), (214, 190, 168), (166, 186, 150), (120, 132, 150),
    (238, 200, 132), (188, 164, 196),
)  # fmt: skip
PROP_COLOURS: tuple[RGB, ...] = (
    (214, 92, 78), (238, 190, 80), (104, 164, 112), (96, 140, 196), (240, 170, 180), (168, 130, 96), (210, 206, 196),
    (150, 120, 176),
)  # fmt: skip
KINDS: dict[str, int] = {
    "studio": 54, "colour": 15, "wood": 8, "stripes": 5, "dots": 4, "checks": 3, "carpet": 4, "shelf": 7,
}  # fmt: skip


def backdrop(rng: Random, size: int, *, away_from: RGB) -> Pixels:
    """A backdrop ``(size, size, 3)`` whose tint is not the toy's own colour."""
    (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
    tints = [tint for tint in TINTS if sum(abs(a - b) for a, b in zip(tint, away_from, strict=True)) > 110]
    tint, other = rng.sample(tints, 2)
    if kind == "studio":
        picture = _plain(size, (254, 254, 254), (240, 241, 243))
    elif kind == "colour":
        picture = _plain(size, tint, _mix(tint, (90, 90, 100), 0.25))
    elif kind == "wood":
        picture = _wood(rng, size)
    elif kind == "carpet":
        picture = _carpet(rng, size, tint)
    elif kind == "shelf":
        picture = _shelf(rng, size, tint, other)
    else:
        picture = _pattern(rng, size, kind, (tint, _mix(tint, other, 0.55)))
    return picture


def _mix(one: RGB, two: RGB, share: float) -> RGB:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, two, strict=True))
    return red, green, blue


def _plain(size: int, middle: RGB, rim: RGB) -> Pixels:
    y, x = np.mgrid[-1:1:32j, -1:1:32j].astype(np.float32)
    share = np.clip((x * x + (y - 0.1) ** 2) / 1.8, 0, 1)[..., None]
    return _grown(to_pixels(np.asarray(middle, np.float32) * (1 - share) + np.asarray(rim, np.float32) * share), size)


def _grown(picture: Pixels, size: int) -> Pixels:
    import cv2

    grown: Pixels = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
    return grown


def _noise(rng: Random, height: int, width: int) -> NDArray[np.float32]:
    generator = np.random.default_rng(rng.getrandbits(32))
    return generator.standard_normal((height, width), dtype=np.float32)


def _wood(rng: Random, size: int) -> Pixels:
    import cv2

    planks = rng.randint(3, 5)
    base = rng.choice(((196, 152, 104), (222, 190, 146), (150, 108, 74), (232, 214, 190)))
    grain = cv2.resize(_noise(rng, 60, 4), (size, size), interpolation=cv2.INTER_CUBIC)
    tone = np.repeat([rng.uniform(-12, 12) for _ in range(planks)], -(-size // planks))[:size].astype(np.float32)
    height = grain * 7 + tone[:, None]
    seams = (np.arange(size) % (size / planks)) < 2
    height[seams] -= 46
    wood = to_pixels(np.asarray(base, np.float32) + height[..., None])
    return np.ascontiguousarray(wood.transpose(1, 0, 2)) if rng.random() < 0.3 else wood


def _carpet(rng: Random, size: int, tint: RGB) -> Pixels:
    import cv2

    fine = cv2.resize(_noise(rng, size // 2, size // 2), (size, size), interpolation=cv2.INTER_LINEAR)
    coarse = cv2.resize(_noise(rng, 8, 8), (size, size), interpolation=cv2.INTER_CUBIC)
    return to_pixels(np.asarray(tint, np.float32) - 12 + (fine * 13 + coarse * 6)[..., None])


def _shelf(rng: Random, size: int, wall: RGB, ground: RGB) -> Pixels:
    picture = _plain(size, wall, _mix(wall, (80, 80, 90), 0.2))
    line = round(size * rng.uniform(0.6, 0.76))
    fade = np.linspace(0.82, 1.0, size - line, dtype=np.float32)[:, None, None]
    picture[line:] = (np.asarray(ground, np.float32) * fade).astype(np.uint8)
    return picture


def _pattern(rng: Random, size: int, kind: str, colours: tuple[RGB, RGB]) -> Pixels:
    y, x = np.mgrid[0 : size // 2, 0 : size // 2].astype(np.float32)
    step = rng.uniform(11, 23)
    angle = rng.choice((0, pi / 2, pi / 4, -pi / 4))
    u, v = x * cos(angle) + y * sin(angle), -x * sin(angle) + y * cos(angle)
    if kind == "stripes":
        inside = np.sin(2 * pi * u / step)
    elif kind == "dots":
        inside = np.cos(2 * pi * u / step) + np.cos(2 * pi * v / step) - 1
    else:
        inside = np.sin(pi * u / step) * np.sin(pi * v / step)
    share = np.clip(inside * 5 + 0.5, 0, 1)[..., None]
    one, two = (np.asarray(colour, np.float32) for colour in colours)
    return _grown(to_pixels(one + (two - one) * share), size)


def props(rng: Random, size: int, count: int, *, reach: tuple[float, float]) -> Canvas:
    """A layer of small things that are no toy of the shop; ``reach`` is their distance from the middle."""
    layer = Canvas(size)
    for _ in range(count):
        angle, far = rng.uniform(0, 2 * pi), rng.uniform(*reach)
        x, y = far * cos(angle), far * sin(angle)
        r, colour = rng.uniform(0.09, 0.2), rng.choice(PROP_COLOURS)
        kind = rng.choice(("pebble", "leaf", "card", "star", "ribbon"))
        turn = rng.uniform(0, 180)
        if kind == "pebble":
            layer.ellipse(x, y, r, r * 0.7, colour, turn=turn)
        elif kind == "leaf":
            layer.ellipse(x, y, r * 1.5, r * 0.5, colour, turn=turn, gleam=False)
        elif kind == "card":
            layer.poly(ring_points(x, y, r * 1.2, r * 1.2, turn=turn, steps=4), colour)
        elif kind == "star":
            points = ring_points(x, y, r, r, turn=turn, steps=10)
            inner = [(x + (a - x) * 0.45, y + (b - y) * 0.45) for a, b in points]
            layer.poly([inner[k] if k % 2 else points[k] for k in range(10)], colour)
        else:
            layer.line([(x - r, y), (x - r / 3, y + r / 2), (x + r / 3, y - r / 2), (x + r, y)], 0.06, colour)
    return layer


def sticker(rng: Random, picture: Pixels) -> None:
    """Put a round badge into a corner, in place."""
    import cv2

    size = picture.shape[0]
    x, y = rng.choice((0.14, 0.86)) * size, rng.choice((0.14, 0.86)) * size
    centre, r = (round(x), round(y)), round(size * 0.115)
    cv2.circle(picture, centre, r, rng.choice(PROP_COLOURS), -1, cv2.LINE_AA)
    cv2.circle(picture, centre, r - 2, (255, 255, 255), 1, cv2.LINE_AA)
    text = rng.choice(("NEW", "HOT", "-20%", "TOP", "9.9"))
    place = (round(x - 5.0 * len(text) * size / 240), round(y + 4 * size / 160))
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.33 * size / 160, (255, 255, 255), 1, cv2.LINE_AA)


def watermark(rng: Random, picture: Pixels) -> None:
    """Write a shop's name faintly across the picture, in place."""
    import cv2

    over = picture.copy()
    place = (round(picture.shape[1] * rng.uniform(0.02, 0.2)), round(picture.shape[0] * rng.uniform(0.4, 0.9)))
    text = rng.choice(("toybox", "sample photo", "(c) studio", "TOYMALL"))
    cv2.putText(
        over, text, place, cv2.FONT_HERSHEY_DUPLEX, 0.7, rng.choice(((255, 255, 255), (70, 70, 80))), 1, cv2.LINE_AA
    )
    picture[:] = cv2.addWeighted(over, 0.45, picture, 0.55, 0)
