"""How the building sets, instruments, outdoor toys and kitchen toys are drawn."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

from goodsense.demo.canvas import Canvas, Palette, ring_points, shade
from goodsense.demo.vocabulary import RGB


def _cube(c: Canvas, x: float, y: float, side: float, colour: RGB) -> None:
    depth = side * 0.32
    c.poly([(x, y), (x + depth, y - depth), (x + side + depth, y - depth), (x + side, y)], shade(colour, 1.3))
    c.poly([(x + side, y), (x + side + depth, y - depth), (x + side + depth, y + side - depth), (x + side, y + side)],
           shade(colour, 0.72))  # fmt: skip
    c.poly([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], colour)


def blocks(c: Canvas, p: Palette, rng: Random) -> None:
    """A pyramid of cubes, most in the toy's colour, some pale, with a roof block on top."""
    side = 0.46
    for row, count in enumerate((3, 2)):
        for step in range(count):
            x = -0.82 + step * 0.53 + row * 0.27 + rng.uniform(-0.02, 0.02)
            plain = (row + step) % 3 != 1
            _cube(c, x, 0.36 - row * side, side, p.main if plain else p.pale)
            if plain:
                c.ellipse(x + side / 2, 0.36 - row * side + side / 2, 0.12, 0.12, p.pale, gleam=False)
            else:
                c.poly(
                    [(x + 0.1, 0.72 - row * side), (x + 0.23, 0.45 - row * side), (x + 0.36, 0.72 - row * side)], p.main
                )
    c.poly([(-0.3, -0.14), (0.0, -0.66), (0.3, -0.14)], p.main)
    c.poly([(0.3, -0.14), (0.0, -0.66), (0.13, -0.76), (0.43, -0.26)], shade(p.main, 0.7))


def _piece(cx: float, cy: float, r: float) -> list[tuple[float, float]]:
    """A jigsaw piece: knobs above and on the right, sockets below and on the left, so that pieces fit."""
    sides = (((0, -1), (1, 0), 1), ((1, 0), (0, 1), 1), ((0, 1), (-1, 0), -1), ((-1, 0), (0, -1), -1))
    points = []
    for (nx, ny), (tx, ty), sign in sides:
        arc = [pi * (k - 6) / 7.2 for k in range(13)]
        outline = [(1.0, -1.0), *((1 + sign * (0.2 + 0.26 * cos(a)), 0.26 * sin(a)) for a in arc)]
        points += [(cx + r * (nx * out + tx * along), cy + r * (ny * out + ty * along)) for out, along in outline]
    return points


def puzzle(c: Canvas, p: Palette, rng: Random) -> None:
    """Jigsaw pieces with knobs and sockets: three that fit, one lying apart."""
    r = 0.31
    for column, row in ((0, 1), (1, 1), (0, 0)):
        colour = p.main if column == row else shade(p.main, 0.82)
        c.poly(
            _piece(-0.52 + column * 2 * r, 0.0 + row * 2 * r, r), shade(colour, 1.25) if row + column == 2 else colour
        )
    c.poly(_piece(0.36 + rng.uniform(-0.03, 0.06), -0.5 + rng.uniform(-0.04, 0.04), r), p.main)
    for x, y in ((-0.52, 0.62), (0.4, -0.5)):
        c.ellipse(x, y, 0.1, 0.1, p.accent)


def castle(c: Canvas, p: Palette, rng: Random) -> None:
    """A castle: two towers with pointed roofs, battlements, a gate and flags."""
    wall = p.main
    c.box(-0.5, -0.12, 0.5, 0.8, wall, corner=0.01)
    for step in range(4):
        c.box(-0.46 + step * 0.26, -0.26, -0.32 + step * 0.26, -0.1, wall, corner=0.01)
    for x in (-0.62, 0.62):
        c.box(x - 0.24, -0.4, x + 0.24, 0.82, wall, corner=0.02)
        c.poly([(x - 0.32, -0.38), (x, -0.84), (x + 0.32, -0.38)], p.accent)
        c.line([(x, -0.8), (x, -0.97)], 0.03, p.ink)
        c.poly([(x, -0.97), (x + 0.17, -0.92), (x, -0.87)], p.accent)
        c.box(x - 0.07, -0.18, x + 0.07, 0.08, p.ink, corner=0.07)
        for y in (0.3, 0.55):
            c.line([(x - 0.18, y), (x - 0.04, y)], 0.02, shade(wall, 0.7))
            c.line([(x + 0.04, y + 0.1), (x + 0.18, y + 0.1)], 0.02, shade(wall, 0.7))
    c.box(-0.22, 0.24, 0.22, 0.98, (110, 74, 46), corner=0.22)
    c.box(-0.32, 0.8, 0.32, 0.97, shade(wall, 0.85), corner=0.02)
    for x in (-0.09, 0.03, 0.14):
        c.line([(x, 0.36), (x, 0.8)], 0.018, (70, 46, 28))
    if rng.random() < 0.5:
        c.ellipse(0, 0.06, 0.09, 0.09, p.glass)


def guitar(c: Canvas, p: Palette, rng: Random) -> None:
    """A guitar standing upright: waisted body, sound hole, neck, six strings."""
    c.blob([(0.28, 0.2), (0.36, 0.46), (0.46, 0.66), (0.28, 0.94), (0, 0.98), (-0.28, 0.94), (-0.46, 0.66),
            (-0.36, 0.46), (-0.28, 0.2), (-0.36, 0.02), (-0.22, -0.16), (0, -0.16), (0.22, -0.16), (0.36, 0.02)],
           p.main)  # fmt: skip
    if rng.random() < 0.5:
        c.blob([(0.1, 0.3), (0.26, 0.4), (0.3, 0.66), (0.12, 0.62)], shade(p.main, 0.6))
    c.ellipse(0, 0.22, 0.17, 0.17, p.pale)
    c.ellipse(0, 0.22, 0.13, 0.13, (50, 36, 30))
    c.box(-0.07, -0.68, 0.07, 0.12, (96, 62, 40), corner=0.01)
    for y in (-0.56, -0.42, -0.29, -0.17, -0.06):
        c.line([(-0.06, y), (0.06, y)], 0.016, (216, 210, 190))
    c.box(-0.12, -0.97, 0.12, -0.66, (70, 44, 30), corner=0.04)
    for side in (-1, 1):
        for y in (-0.9, -0.82, -0.74):
            c.ellipse(side * 0.16, y, 0.045, 0.03, p.trim)
    c.box(-0.16, 0.62, 0.16, 0.7, (70, 44, 30), corner=0.02)
    for x in (-0.04, -0.013, 0.013, 0.04):
        c.line([(x, -0.7), (x, 0.64)], 0.01, (236, 232, 220))


def drum(c: Canvas, p: Palette, rng: Random) -> None:
    """A drum seen slightly from above, zigzag cords, two sticks."""
    c.poly([(-0.72, -0.2), (0.72, -0.2), (0.72, 0.5), (0.5, 0.68), (0.2, 0.76), (-0.2, 0.76), (-0.5, 0.68),
            (-0.72, 0.5)], p.main)  # fmt: skip
    c.blob([(-0.74, 0.46), (-0.5, 0.62), (0, 0.72), (0.5, 0.62), (0.74, 0.46), (0.74, 0.58), (0.5, 0.76), (0, 0.84),
            (-0.5, 0.76), (-0.74, 0.58)], p.accent)  # fmt: skip
    low, high = ((-0.66, 0.56), (-0.3, 0.72), (0.02, 0.76), (0.34, 0.72), (0.66, 0.56)), (-0.48, -0.15, 0.18, 0.5)
    for index, x in enumerate(high):
        c.line([low[index], (x, 0.02), low[index + 1]], 0.03, p.pale)
    c.ellipse(0, -0.2, 0.75, 0.27, p.accent, gleam=False)
    c.ellipse(0, -0.23, 0.67, 0.22, (250, 244, 228), gleam=False)
    lift = rng.uniform(-0.06, 0.06)
    for start, end in (((-0.1, -0.16), (-0.78, -0.8 + lift)), ((0.16, -0.16), (0.74, -0.86 - lift))):
        c.line([start, end], 0.07, (186, 132, 78))
        c.ellipse(start[0], start[1], 0.09, 0.08, (206, 152, 96))


def piano(c: Canvas, p: Palette, rng: Random) -> None:
    """A little upright piano: cabinet, music stand, white and black keys, legs."""
    for x in (-0.78, 0.66):
        c.box(x, 0.3, x + 0.13, 0.94, shade(p.main, 0.8), corner=0.02)
    c.box(-0.82, -0.74, 0.82, 0.24, p.main, corner=0.04)
    c.box(-0.9, -0.84, 0.9, -0.7, shade(p.main, 1.15), corner=0.03)
    c.box(-0.6, -0.58, 0.6, -0.14, shade(p.main, 0.78), corner=0.03)
    if rng.random() < 0.6:
        c.poly([(-0.26, -0.52), (0.26, -0.52), (0.3, -0.1), (-0.3, -0.1)], (252, 250, 240))
        for y in (-0.42, -0.33, -0.24):
            c.line([(-0.2, y), (0.2, y)], 0.014, (90, 90, 96))
    c.box(-0.94, 0.02, 0.94, 0.46, p.main, corner=0.03)
    keys = 10
    width = 1.72 / keys
    for key in range(keys):
        x = -0.86 + key * width
        c.poly([(x, 0.06), (x + width, 0.06), (x + width, 0.36), (x, 0.36)], (252, 252, 250))
    for key in (0, 1, 3, 4, 5, 7, 8):
        x = -0.86 + (key + 0.7) * width
        c.poly([(x, 0.06), (x + width * 0.6, 0.06), (x + width * 0.6, 0.25), (x, 0.25)], (40, 40, 44))


def ball(c: Canvas, p: Palette, rng: Random) -> None:
    """A ball with pale panels bent round it, shaded as a sphere."""
    c.ellipse(0, 0, 0.84, 0.84, p.main)
    turn = rng.uniform(-20, 20)
    if rng.random() < 0.55:
        for offset in (-0.42, 0.42):
            lens = [(offset + 0.16 * cos(pi * k / 10), -0.7 + 0.14 * k) for k in range(11)]
            back = [
                (x * 1.0 + (0.26 if offset > 0 else -0.26) * sin(pi * k / 10) * 0.8, y) for k, (x, y) in enumerate(lens)
            ]
            c.poly([*lens, *reversed(back)], p.pale)
        c.ellipse(0, -0.8, 0.18, 0.06, p.accent)
    else:
        c.poly(_star(0, 0.02, 0.46, turn), p.pale)
        for k in range(5):
            a = 2 * pi * (k + 0.5) / 5 - pi / 2
            c.ellipse(0.6 * cos(a), 0.6 * sin(a), 0.08, 0.08, p.accent)
    c.ellipse(-0.34, -0.42, 0.17, 0.1, (255, 255, 255), turn=-40, edge=False)


def _star(cx: float, cy: float, r: float, turn: float) -> list[tuple[float, float]]:
    spin = turn * pi / 180 - pi / 2
    radii = (r, r * 0.45)
    return [(cx + radii[k % 2] * cos(spin + k * pi / 5), cy + radii[k % 2] * sin(spin + k * pi / 5)) for k in range(10)]


def kite(c: Canvas, p: Palette, rng: Random) -> None:
    """A diamond kite with crossed spars and a tail of bows."""
    tail = [(0.1, 0.42), (0.0, 0.56), (0.12, 0.7), (0.3, 0.78), (0.38, 0.92)]
    c.line(tail, 0.03, p.ink)
    for (x, y), colour in zip(tail[1:], (p.accent, p.main, p.accent, p.main), strict=True):
        c.poly([(x, y), (x - 0.13, y - 0.07), (x - 0.13, y + 0.07)], colour)
        c.poly([(x, y), (x + 0.13, y - 0.07), (x + 0.13, y + 0.07)], colour)
    top, right, low, left, mid = (0.0, -0.94), (0.6, -0.38), (0.1, 0.44), (-0.56, -0.28), (0.02, -0.34)
    c.poly([top, right, mid], p.main)
    c.poly([right, low, mid], shade(p.main, 0.8))
    c.poly([low, left, mid], p.main)
    c.poly([left, top, mid], shade(p.main, 1.3))
    c.line([top, low], 0.03, (120, 84, 54))
    c.line([left, right], 0.03, (120, 84, 54))
    if rng.random() < 0.5:
        c.eye(-0.16, -0.46, 0.07)
        c.eye(0.2, -0.5, 0.07)
        c.smile(0.03, -0.3, 0.16)
    else:
        c.ellipse(mid[0], mid[1], 0.14, 0.14, p.accent)


def top(c: Canvas, p: Palette, rng: Random) -> None:
    """A spinning top: knob, wide striped belly, pointed foot."""
    c.line([(0, -0.86), (0, -0.3)], 0.1, (176, 126, 76))
    c.ellipse(0, -0.86, 0.13, 0.1, p.accent)
    c.blob([(-0.12, 0.5), (0.12, 0.5), (0.04, 0.92), (-0.04, 0.92)], (150, 152, 158))
    c.blob([(-0.84, 0.0), (-0.6, -0.3), (0, -0.42), (0.6, -0.3), (0.84, 0.0), (0.56, 0.36), (0.16, 0.62), (-0.16, 0.62),
            (-0.56, 0.36)], p.main)  # fmt: skip
    c.poly([*ring_points(0, 0.0, 0.82, 0.14)[:21], *reversed(ring_points(0, 0.12, 0.74, 0.14)[:21])], p.pale)
    c.poly([*ring_points(0, 0.3, 0.58, 0.12)[:21], *reversed(ring_points(0, 0.38, 0.48, 0.12)[:21])], p.accent)
    c.ellipse(0, -0.3, 0.5, 0.11, shade(p.main, 1.2), gleam=False)
    if rng.random() < 0.5:
        for x in (-0.4, -0.14, 0.14, 0.4):
            c.ellipse(x, -0.12, 0.06, 0.06, p.pale)


def teapot(c: Canvas, p: Palette, rng: Random) -> None:
    """A round teapot: spout, handle, lid with a knob."""
    c.line([(-0.5, -0.2), (-0.82, -0.24), (-0.92, 0.06), (-0.76, 0.34), (-0.46, 0.42)], 0.16, shade(p.main, 0.55))
    c.line([(-0.5, -0.2), (-0.82, -0.24), (-0.92, 0.06), (-0.76, 0.34), (-0.46, 0.42)], 0.12, shade(p.main, 0.9))
    c.blob([(0.4, 0.1), (0.62, 0.02), (0.74, -0.28), (0.94, -0.34), (0.9, -0.16), (0.8, 0.2), (0.5, 0.46)], p.main)
    c.ellipse(0, 0.2, 0.6, 0.54, p.main)
    c.box(-0.34, 0.66, 0.34, 0.78, shade(p.main, 0.8))
    c.blob([(-0.4, -0.26), (-0.22, -0.42), (0, -0.46), (0.22, -0.42), (0.4, -0.26), (0, -0.2)], shade(p.main, 1.15))
    c.ellipse(0, -0.52, 0.1, 0.1, p.accent)
    kind = rng.random()
    if kind < 0.4:
        for k in range(5):
            a = 2 * pi * k / 5
            c.ellipse(0.13 * cos(a), 0.24 + 0.13 * sin(a), 0.09, 0.09, p.accent)
        c.ellipse(0, 0.24, 0.07, 0.07, (250, 214, 90))
    elif kind < 0.75:
        c.poly([*ring_points(0, 0.16, 0.58, 0.12)[:21], *reversed(ring_points(0, 0.26, 0.58, 0.12)[:21])], p.accent)


def cake(c: Canvas, p: Palette, rng: Random) -> None:
    """A two-tiered cake on a stand: icing, dots, lit candles."""
    c.ellipse(0, 0.8, 0.92, 0.14, (230, 232, 236), gleam=False)
    for x in (-0.24, 0.0, 0.24)[: rng.randint(2, 3)]:
        c.line([(x, -0.4), (x, -0.68)], 0.06, p.accent)
        c.blob([(x, -0.88), (x + 0.06, -0.76), (x, -0.69), (x - 0.06, -0.76)], (255, 196, 60))
    for half, high, low in ((0.72, 0.16, 0.76), (0.46, -0.36, 0.16)):
        c.poly([(-half, high), (half, high), (half, low), (half * 0.6, low + 0.08), (-half * 0.6, low + 0.08),
                (-half, low)], p.main)  # fmt: skip
        drips = [(-half + half * 2 * (k + 0.5) / 7, high + (0.2 if k % 2 else 0.1)) for k in range(7)]
        drips = [(-half, high - 0.02), *drips]
        drips += [(half, high - 0.02), (half * 0.6, high - 0.1), (0, high - 0.12), (-half * 0.6, high - 0.1)]
        c.blob(drips, (254, 248, 238))
        for k in range(5):
            c.ellipse(-half * 0.8 + half * 1.6 * k / 4, low - 0.08, 0.05, 0.05, p.accent)
