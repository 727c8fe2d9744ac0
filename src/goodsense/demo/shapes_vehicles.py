"""How the toys with an engine, a sail or pedals are drawn."""

from __future__ import annotations

from random import Random

from goodsense.demo.canvas import Canvas, Palette, ring_points, shade


def car(c: Canvas, p: Palette, rng: Random) -> None:
    """A small car from the side: body, cabin, windows, two wheels."""
    roof = rng.uniform(-0.48, -0.38)
    c.poly([(-0.52, -0.06), (-0.34, roof), (0.3, roof), (0.56, -0.06)], shade(p.main, 1.06))
    c.poly([(-0.4, -0.08), (-0.27, roof + 0.08), (-0.04, roof + 0.08), (-0.04, -0.08)], p.glass)
    c.poly([(0.04, -0.08), (0.04, roof + 0.08), (0.25, roof + 0.08), (0.42, -0.08)], p.glass)
    c.blob(
        [(-0.88, 0.3), (-0.9, 0.04), (-0.7, -0.08), (0, -0.1), (0.62, -0.06), (0.9, 0.06), (0.92, 0.3), (0.5, 0.36),
         (-0.5, 0.36)],
        p.main,
    )  # fmt: skip
    c.line([(0, -0.04), (0, 0.3)], 0.02, shade(p.main, 0.6))
    c.line([(0.08, 0.04), (0.2, 0.04)], 0.035, shade(p.main, 0.5))
    c.ellipse(0.82, 0.08, 0.07, 0.08, (255, 240, 180))
    c.box(-0.9, 0.05, -0.8, 0.17, (214, 60, 50))
    if rng.random() < 0.4:
        c.box(-0.3, roof - 0.12, 0.2, roof - 0.03, p.accent)
    for x in (-0.5, 0.5):
        c.ellipse(x, 0.34, 0.27, 0.27, shade(p.main, 0.45), edge=False, gleam=False)
        c.wheel(x, 0.36, 0.23, p.trim)


def train(c: Canvas, p: Palette, rng: Random) -> None:
    """A steam engine: cab, boiler, chimney with smoke, a row of wheels."""
    for step in range(rng.randint(2, 3)):
        c.ellipse(0.5 - 0.14 * step, -0.72 - 0.09 * step, 0.1 + 0.03 * step, 0.08 + 0.03 * step, (226, 228, 232))
    c.poly([(0.42, -0.25), (0.38, -0.62), (0.66, -0.62), (0.62, -0.25)], p.ink)
    c.box(0.34, -0.66, 0.7, -0.56, p.accent)
    c.ellipse(0.08, -0.27, 0.13, 0.15, p.accent)
    c.box(-0.35, -0.28, 0.76, 0.24, p.main, corner=0.1)
    for x in (-0.02, 0.34):
        c.box(x, -0.28, x + 0.07, 0.24, p.accent, corner=0.01)
    c.ellipse(0.76, -0.02, 0.08, 0.25, shade(p.main, 0.6))
    c.box(-0.86, -0.62, -0.3, 0.26, p.main)
    c.box(-0.74, -0.48, -0.42, -0.12, p.glass)
    c.box(-0.95, -0.74, -0.22, -0.6, p.accent)
    c.box(-0.92, 0.22, 0.82, 0.38, p.ink)
    c.poly([(0.78, 0.22), (0.98, 0.56), (0.7, 0.56)], p.trim)
    c.wheel(-0.56, 0.44, 0.26, p.accent)
    for x in (0.0, 0.32, 0.6):
        c.wheel(x, 0.52, 0.17, p.accent)
    c.line([(-0.56, 0.46), (0.32, 0.54)], 0.05, p.trim)


def plane(c: Canvas, p: Palette, rng: Random) -> None:
    """An aeroplane in flight: long body, wings in perspective, tail fin, portholes."""
    c.poly([(0.1, -0.06), (-0.16, -0.52), (-0.32, -0.52), (-0.16, -0.04)], shade(p.accent, 0.8))
    c.poly([(-0.66, -0.06), (-0.94, -0.54), (-0.72, -0.54), (-0.38, -0.1)], p.accent)
    c.blob(
        [(-0.95, -0.12), (-0.5, -0.2), (0.3, -0.22), (0.74, -0.14), (0.95, 0.04), (0.74, 0.18), (0.2, 0.2),
         (-0.5, 0.1)],
        p.main,
        rounded=True,
    )  # fmt: skip
    c.poly([(0.62, -0.13), (0.8, -0.08), (0.88, -0.02), (0.64, -0.01)], p.glass)
    for step in range(rng.randint(4, 5)):
        c.ellipse(-0.44 + 0.2 * step, -0.06, 0.055, 0.06, p.glass)
    c.poly([(0.26, 0.08), (-0.3, 0.66), (-0.52, 0.66), (-0.18, 0.06)], p.accent)
    c.poly([(-0.6, 0.0), (-0.9, 0.18), (-0.98, 0.16), (-0.82, -0.02)], shade(p.accent, 0.85))
    c.ellipse(-0.06, 0.36, 0.17, 0.08, p.trim, turn=-4)
    if rng.random() < 0.5:
        c.ellipse(0.97, 0.03, 0.03, 0.3, shade(p.trim, 0.8), gleam=False)
        c.ellipse(0.97, 0.03, 0.06, 0.06, p.accent)


def boat(c: Canvas, p: Palette, rng: Random) -> None:
    """A sailing boat: hull, mast, two sails, a pennant."""
    c.line([(0.0, -0.9), (0.0, 0.3)], 0.05, (120, 84, 54))
    c.poly([(0.0, -0.92), (-0.3, -0.84), (0.0, -0.76)], p.accent)
    c.blob([(0.06, -0.72), (0.4, -0.3), (0.66, 0.14), (0.36, 0.2), (0.06, 0.18), (0.1, -0.2)], p.pale)
    c.blob(
        [(-0.06, -0.6), (-0.1, -0.1), (-0.06, 0.18), (-0.3, 0.2), (-0.54, 0.14), (-0.28, -0.28)], shade(p.pale, 0.94)
    )
    if rng.random() < 0.6:
        c.poly([(0.1, -0.2), (0.45, -0.2), (0.56, -0.04), (0.1, -0.04)], p.main)
    c.blob(
        [(-0.92, 0.24), (-0.4, 0.3), (0.4, 0.3), (0.95, 0.2), (0.72, 0.6), (0.5, 0.72), (-0.5, 0.72), (-0.72, 0.58)],
        p.main,
    )
    c.poly([(-0.8, 0.42), (0.82, 0.4), (0.77, 0.5), (-0.75, 0.51)], p.pale)
    for x in (-0.4, 0.0, 0.4):
        c.ellipse(x, 0.6, 0.06, 0.06, p.glass)


def digger(c: Canvas, p: Palette, rng: Random) -> None:
    """An excavator: tracks, cab, boom, stick and bucket."""
    lift = rng.uniform(-0.1, 0.06)
    boom = [(-0.1, 0.02), (0.34, -0.72 + lift), (0.5, -0.7 + lift), (0.14, 0.12)]
    c.poly(boom, shade(p.main, 1.04))
    c.poly([(0.34, -0.74 + lift), (0.5, -0.74 + lift), (0.86, 0.06 + lift), (0.74, 0.1 + lift)], p.main)
    c.ellipse(0.42, -0.7 + lift, 0.07, 0.07, p.ink)
    c.poly(
        [(0.62, 0.02 + lift), (0.98, 0.02 + lift), (0.92, 0.34 + lift), (0.5, 0.4 + lift), (0.68, 0.22 + lift)], p.trim
    )
    for x in (0.5, 0.6, 0.7):
        c.poly([(x, 0.38 + lift), (x + 0.07, 0.37 + lift), (x, 0.5 + lift)], p.ink)
    c.box(-0.9, -0.16, 0.24, 0.24, p.main, corner=0.08)
    c.box(-0.5, -0.66, 0.08, 0.02, p.main, corner=0.08)
    c.poly([(-0.38, -0.56), (-0.02, -0.56), (0.0, -0.14), (-0.38, -0.14)], p.glass)
    for y in (-0.06, 0.02, 0.1):
        c.line([(-0.82, y), (-0.6, y)], 0.03, p.ink)
    c.box(-0.92, 0.26, 0.3, 0.64, (52, 50, 54), corner=0.19)
    for step in range(4):
        c.wheel(-0.73 + 0.28 * step, 0.45, 0.13, p.trim, tyre=(86, 84, 88))


def rocket(c: Canvas, p: Palette, rng: Random) -> None:
    """A round-bellied rocket with fins, a porthole and a flame."""
    c.blob([(-0.16, 0.56), (0.16, 0.56), (0.22, 0.76), (0, 0.98), (-0.22, 0.76)], (250, 160, 40), edge=False)
    c.blob([(-0.08, 0.56), (0.08, 0.56), (0.1, 0.7), (0, 0.84), (-0.1, 0.7)], (255, 232, 120), edge=False)
    for side in (-1, 1):
        c.blob(
            [(side * 0.22, 0.06), (side * 0.46, 0.28), (side * 0.56, 0.72), (side * 0.4, 0.62), (side * 0.2, 0.5)],
            p.accent,
        )
    c.blob([(0, -0.96), (0.24, -0.56), (0.33, -0.1), (0.3, 0.3), (0.2, 0.58), (-0.2, 0.58), (-0.3, 0.3), (-0.33, -0.1),
            (-0.24, -0.56)], p.main, rounded=True)  # fmt: skip
    c.blob([(0, -0.96), (0.13, -0.76), (0.22, -0.56), (0, -0.52), (-0.22, -0.56), (-0.13, -0.76)], p.accent)
    c.ellipse(0, -0.2, 0.18, 0.18, p.trim)
    c.ellipse(0, -0.2, 0.13, 0.13, p.glass)
    if rng.random() < 0.5:
        c.ellipse(0, 0.18, 0.1, 0.1, p.glass)
    c.box(-0.27, 0.38, 0.27, 0.47, p.accent, corner=0.03)
    c.blob([(-0.05, 0.2), (0.05, 0.2), (0.07, 0.6), (0, 0.76), (-0.07, 0.6)], shade(p.accent, 0.9))


def bicycle(c: Canvas, p: Palette, rng: Random) -> None:
    """A child's bicycle: two spoked wheels, a bright frame, saddle and handlebar."""
    for x in (-0.54, 0.54):
        c.line([*ring_points(x, 0.32, 0.36, 0.36), (x + 0.36, 0.32)], 0.085, (46, 46, 50))
        c.line([*ring_points(x, 0.32, 0.29, 0.29), (x + 0.29, 0.32)], 0.025, p.trim)
        for angle_x, angle_y in ((0.29, 0), (0.2, 0.2), (0, 0.29), (-0.2, 0.2)):
            c.line([(x - angle_x, 0.32 - angle_y), (x + angle_x, 0.32 + angle_y)], 0.012, (176, 178, 184))
    frame = ((-0.54, 0.32), (-0.24, -0.26), (0.34, -0.3), (-0.04, 0.36), (-0.54, 0.32))
    for width, colour in ((0.13, shade(p.main, 0.6)), (0.1, p.main)):
        c.line(list(frame), width, colour)
        c.line([(-0.04, 0.36), (-0.28, -0.4)], width, colour)
        c.line([(0.54, 0.32), (0.3, -0.52)], width, colour)
    c.line([(0.3, -0.52), (0.14, -0.66)], 0.06, p.trim)
    c.line([(0.14, -0.66), (0.02, -0.6)], 0.1, p.ink)
    c.blob([(-0.48, -0.46), (-0.2, -0.5), (-0.08, -0.42), (-0.3, -0.38)], p.ink)
    c.ellipse(-0.04, 0.36, 0.11, 0.11, p.trim)
    c.line([(-0.04, 0.36), (0.08, 0.54)], 0.04, p.ink)
    c.line([(0.02, 0.55), (0.16, 0.55)], 0.06, p.ink)
    if rng.random() < 0.5:
        c.box(0.34, -0.52, 0.66, -0.22, p.accent, corner=0.05)
        for y in (-0.42, -0.32):
            c.line([(0.36, y), (0.64, y)], 0.02, shade(p.accent, 0.6))
    else:
        for x in (-0.86, -0.22):
            c.wheel(x, 0.58, 0.1, p.accent)
