"""How the animals, the doll and the robot are drawn."""

from __future__ import annotations

from random import Random

from goodsense.demo.canvas import Canvas, Palette, shade
from goodsense.demo.vocabulary import RGB

SKINS: tuple[RGB, ...] = ((250, 216, 188), (228, 180, 140), (160, 110, 80))


def bear(c: Canvas, p: Palette, rng: Random) -> None:
    """A sitting bear from the front: round ears, pale belly and muzzle."""
    pale = shade(p.main, 1.55)
    for side in (-1, 1):
        c.ellipse(side * 0.52, 0.2, 0.17, 0.3, p.main, turn=side * -30)
        c.ellipse(side * 0.36, -0.78, 0.18, 0.18, p.main)
        c.ellipse(side * 0.36, -0.77, 0.09, 0.09, pale)
    c.ellipse(0, 0.36, 0.5, 0.5, p.main)
    c.ellipse(0, 0.4, 0.3, 0.34, pale)
    for side in (-1, 1):
        c.ellipse(side * 0.44, 0.74, 0.24, 0.2, p.main)
        c.ellipse(side * 0.46, 0.76, 0.13, 0.11, pale)
    c.ellipse(0, -0.42, 0.5, 0.44, p.main)
    c.ellipse(0, -0.28, 0.22, 0.17, pale)
    c.ellipse(0, -0.36, 0.09, 0.06, p.ink)
    c.smile(0, -0.34, 0.12)
    for side in (-1, 1):
        c.eye(side * 0.2, -0.5, 0.055)
    if rng.random() < 0.5:
        c.poly([(0, 0.02), (-0.22, -0.08), (-0.22, 0.14)], p.accent)
        c.poly([(0, 0.02), (0.22, -0.08), (0.22, 0.14)], p.accent)
        c.ellipse(0, 0.03, 0.06, 0.06, p.accent)


def rabbit(c: Canvas, p: Palette, rng: Random) -> None:
    """A rabbit from the front: two long ears, a small round body, front teeth."""
    inner = (244, 190, 196)
    flop = rng.uniform(6, 22)
    for side in (-1, 1):
        c.ellipse(side * 0.22, -0.62, 0.14, 0.38, p.main, turn=side * flop)
        c.ellipse(side * 0.22, -0.6, 0.06, 0.27, inner, turn=side * flop)
    c.ellipse(0, 0.5, 0.36, 0.42, p.main)
    c.ellipse(0, 0.54, 0.21, 0.28, shade(p.main, 1.5))
    for side in (-1, 1):
        c.ellipse(side * 0.3, 0.86, 0.19, 0.11, p.main)
        c.ellipse(side * 0.3, 0.36, 0.1, 0.2, p.main, turn=side * 28)
    c.ellipse(0, -0.1, 0.4, 0.35, p.main)
    for side in (-1, 1):
        c.eye(side * 0.17, -0.16, 0.055)
        c.ellipse(side * 0.25, 0.02, 0.07, 0.045, (246, 170, 178), edge=False, gleam=False)
        for slope in (-0.05, 0.03):
            c.line([(side * 0.14, 0.02), (side * 0.48, 0.02 + slope)], 0.014, p.ink)
    c.ellipse(0, -0.03, 0.05, 0.035, (226, 110, 126))
    c.box(-0.045, 0.05, 0.045, 0.14, (255, 255, 255), corner=0.02)
    if rng.random() < 0.5:
        c.poly([(-0.3, 0.72), (0, 0.4), (0.02, 0.5), (-0.2, 0.78)], (240, 132, 44))
        c.line([(0, 0.42), (0.12, 0.3)], 0.05, (84, 160, 70))


def duck(c: Canvas, p: Palette, rng: Random) -> None:
    """A bath duck from the side: flat bill, a wing, a turned-up tail."""
    c.blob(
        [(-0.94, -0.1), (-0.7, 0.06), (-0.4, 0.02), (0.1, 0.0), (0.46, 0.1), (0.6, 0.42), (0.36, 0.74), (-0.3, 0.78),
         (-0.74, 0.52)],
        p.main,
        rounded=True,
    )  # fmt: skip
    c.ellipse(0.3, -0.32, 0.4, 0.4, p.main)
    c.blob([(-0.56, 0.22), (-0.2, 0.14), (0.12, 0.3), (-0.06, 0.52), (-0.4, 0.5)], shade(p.main, 0.9))
    bill = (240, 128, 40) if p.main[1] < 180 or p.main[2] > 100 else (224, 84, 36)
    c.blob([(0.6, -0.38), (0.78, -0.36), (0.96, -0.26), (0.8, -0.18), (0.6, -0.18)], bill)
    c.line([(0.64, -0.26), (0.88, -0.26)], 0.02, shade(bill, 0.6))
    c.eye(0.42, -0.42, 0.07)
    if rng.random() < 0.35:
        c.poly([(0.08, -0.6), (0.6, -0.66), (0.44, -0.94), (0.16, -0.9)], p.accent)
    if rng.random() < 0.4:
        c.blob([(-0.06, 0.04), (0.3, 0.14), (0.58, 0.08), (0.5, 0.2), (0.24, 0.24), (-0.06, 0.14)], p.accent)


def fish(c: Canvas, p: Palette, rng: Random) -> None:
    """A fish from the side: oval body, forked tail, fins and scales."""
    c.blob([(-0.5, 0), (-0.72, -0.28), (-0.96, -0.46), (-0.86, 0), (-0.96, 0.46), (-0.72, 0.28)], p.accent)
    c.blob([(-0.28, -0.34), (0.0, -0.68), (0.3, -0.62), (0.3, -0.36)], p.accent)
    c.blob([(-0.1, 0.34), (-0.1, 0.62), (0.2, 0.58), (0.2, 0.34)], p.accent)
    c.blob([(-0.66, 0), (-0.3, -0.36), (0.2, -0.46), (0.66, -0.3), (0.88, 0.02), (0.66, 0.32), (0.2, 0.44),
            (-0.3, 0.34)], p.main, rounded=True)  # fmt: skip
    if rng.random() < 0.5:
        for x in (-0.2, 0.14):
            c.blob([(x, -0.38), (x + 0.13, -0.4), (x + 0.17, 0), (x + 0.13, 0.38), (x, 0.36), (x + 0.05, 0)], p.pale)
    else:
        for row, y in enumerate((-0.16, 0.02, 0.2)):
            for step in range(3):
                x = -0.36 + 0.2 * step + 0.1 * (row % 2)
                c.line([(x, y - 0.09), (x + 0.08, y), (x, y + 0.09)], 0.025, shade(p.main, 0.7))
    c.blob([(0.1, 0.06), (-0.12, 0.0), (-0.18, 0.2), (0.0, 0.22)], shade(p.accent, 0.95))
    c.ellipse(0.56, -0.1, 0.13, 0.13, (255, 255, 255))
    c.eye(0.59, -0.09, 0.07)
    c.smile(0.76, 0.06, 0.09)


def dinosaur(c: Canvas, p: Palette, rng: Random) -> None:
    """A standing dinosaur from the side: heavy tail, back plates, short arms."""
    ridge = ((-0.74, 0.2), (-0.5, -0.06), (-0.24, -0.3), (-0.06, -0.54), (0.12, -0.76), (0.34, -0.88))
    for x, y in ridge:
        c.poly([(x - 0.13, y + 0.12), (x - 0.12, y - 0.13), (x + 0.13, y + 0.02)], p.accent)
    c.ellipse(0.28, 0.62, 0.14, 0.26, shade(p.main, 0.8), turn=-6)
    c.blob(
        [(-0.97, 0.5), (-0.66, 0.2), (-0.34, -0.16), (-0.02, -0.46), (0.08, -0.72), (0.34, -0.86), (0.66, -0.8),
         (0.86, -0.62), (0.82, -0.48), (0.5, -0.42), (0.42, -0.2), (0.44, 0.2), (0.3, 0.56), (-0.1, 0.66),
         (-0.5, 0.54)],
        p.main,
    )  # fmt: skip
    c.blob([(0.38, -0.2), (0.42, 0.16), (0.28, 0.5), (0.06, 0.56), (0.14, 0.2), (0.26, -0.1)], shade(p.main, 1.45))
    c.ellipse(-0.06, 0.56, 0.24, 0.3, p.main, turn=12)
    for x in (-0.02, 0.34):
        c.ellipse(x, 0.86, 0.2, 0.08, shade(p.main, 0.9))
    c.line([(0.3, -0.06), (0.56, 0.02), (0.6, -0.04)], 0.09, shade(p.main, 0.72))
    c.line([(0.54, -0.54), (0.7, -0.55), (0.82, -0.6)], 0.025, p.ink)
    for x in (0.6, 0.68, 0.76):
        c.poly([(x, -0.56), (x + 0.05, -0.57), (x + 0.025, -0.5)], (255, 255, 255), edge=False)
    c.eye(0.5, -0.7, 0.065)
    if rng.random() < 0.6:
        for x, y in ((-0.4, 0.3), (-0.16, 0.06), (0.02, -0.2), (-0.58, 0.42)):
            c.ellipse(x, y, 0.06, 0.05, shade(p.main, 0.7), edge=False, gleam=False)


def doll(c: Canvas, p: Palette, rng: Random) -> None:
    """A doll from the front: round head, hair, a wide dress in the toy's colour."""
    skin = rng.choice(SKINS)
    hair = rng.choice(((92, 54, 34), (196, 140, 62), (44, 36, 36), (170, 74, 40)))
    c.ellipse(0, -0.5, 0.4, 0.4, hair)
    if rng.random() < 0.6:
        for side in (-1, 1):
            c.ellipse(side * 0.46, -0.36, 0.13, 0.22, hair, turn=side * -20)
            c.ellipse(side * 0.38, -0.52, 0.07, 0.07, p.accent)
    for side in (-1, 1):
        c.line([(side * 0.15, 0.6), (side * 0.15, 0.86)], 0.15, skin)
        c.ellipse(side * 0.18, 0.9, 0.15, 0.075, p.ink)
        c.line([(side * 0.22, 0.04), (side * 0.5, 0.28)], 0.14, skin)
        c.ellipse(side * 0.24, 0.03, 0.14, 0.13, shade(p.main, 1.1))
    c.blob([(-0.2, -0.12), (0.2, -0.12), (0.26, 0.2), (0.58, 0.64), (0.3, 0.74), (0, 0.72), (-0.3, 0.74), (-0.58, 0.64),
            (-0.26, 0.2)], p.main)  # fmt: skip
    c.poly([(-0.22, 0.12), (0.22, 0.12), (0.25, 0.21), (-0.25, 0.21)], p.accent)
    for x in (-0.36, -0.12, 0.12, 0.36):
        c.ellipse(x, 0.58, 0.045, 0.045, p.pale, edge=False)
    c.ellipse(0, -0.43, 0.31, 0.31, skin)
    c.blob(
        [(-0.34, -0.44), (-0.24, -0.74), (0, -0.82), (0.24, -0.74), (0.34, -0.44), (0.14, -0.62), (-0.12, -0.6)], hair
    )
    for side in (-1, 1):
        c.eye(side * 0.12, -0.42, 0.045)
        c.ellipse(side * 0.19, -0.32, 0.055, 0.04, (240, 150, 150), edge=False, gleam=False)
    c.smile(0, -0.36, 0.1, (190, 60, 70))


def robot(c: Canvas, p: Palette, rng: Random) -> None:
    """A robot from the front: boxes, an antenna, lamps for eyes, a dial on its chest."""
    c.line([(0, -0.74), (0, -0.9)], 0.04, p.ink)
    c.ellipse(0, -0.9, 0.07, 0.07, (232, 64, 56))
    for side in (-1, 1):
        c.line([(side * 0.46, -0.08), (side * 0.68, 0.1), (side * 0.66, 0.36)], 0.13, p.trim)
        c.ellipse(side * 0.66, 0.42, 0.12, 0.12, p.accent)
        c.box(min(side * 0.14, side * 0.34), 0.5, max(side * 0.14, side * 0.34), 0.8, p.trim)
        c.box(min(side * 0.08, side * 0.44), 0.76, max(side * 0.08, side * 0.44), 0.94, p.main, corner=0.06)
        c.box(min(side * 0.36, side * 0.48), -0.6, max(side * 0.36, side * 0.48), -0.36, p.trim)
    c.box(-0.48, -0.18, 0.48, 0.56, p.main, corner=0.07)
    c.box(-0.12, -0.26, 0.12, -0.14, p.trim)
    c.box(-0.4, -0.76, 0.4, -0.22, p.main, corner=0.08)
    c.box(-0.32, -0.66, 0.32, -0.42, p.ink, corner=0.06)
    for side in (-1, 1):
        c.ellipse(side * 0.16, -0.54, 0.09, 0.09, (255, 232, 120))
    for x in (-0.16, -0.06, 0.04, 0.14):
        c.line([(x, -0.36), (x, -0.29)], 0.03, p.ink)
    c.box(-0.36, -0.06, 0.36, 0.3, p.pale)
    c.ellipse(-0.17, 0.12, 0.12, 0.12, (255, 255, 255))
    c.line([(-0.17, 0.12), (-0.1, 0.05)], 0.025, (210, 50, 50))
    colours: tuple[RGB, ...] = ((226, 70, 60), (84, 178, 84), (66, 120, 216))
    for row, colour in enumerate(colours):
        c.box(0.06, -0.01 + 0.1 * row, 0.3, 0.06 + 0.1 * row, colour, corner=0.02)
    if rng.random() < 0.5:
        for x in (-0.4, 0.4):
            c.ellipse(x, 0.46, 0.035, 0.035, p.ink)
