"""Photos of toys, made by code: a drawn toy under a varied view, light, backdrop and clutter."""

from __future__ import annotations

from collections.abc import Callable
from colorsys import hsv_to_rgb, rgb_to_hsv
from math import cos, radians, sin
from random import Random
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from goodsense.demo import shapes_animals, shapes_things, shapes_vehicles
from goodsense.demo.backdrops import backdrop, props, sticker, watermark
from goodsense.demo.canvas import Canvas, Palette, Pixels, to_pixels
from goodsense.demo.vocabulary import RGB, RGB_OF, TOYS

Shape = Callable[[Canvas, Palette, Random], None]

SIDE = 160  # of a finished photo, in pixels
_SPRITE = 208
_SCENE = 208
_TILTED = frozenset({"kite", "rocket", "fish", "guitar", "plane", "ball", "puzzle"})  # seen at any angle
_ACCENTS: tuple[RGB, ...] = (
    (246, 196, 70),
    (238, 232, 220),
    (90, 150, 200),
    (232, 120, 84),
    (120, 180, 130),
    (84, 88, 100),
)
_MODULES: tuple[ModuleType, ...] = (shapes_vehicles, shapes_animals, shapes_things)


def shape(toy: str) -> Shape:
    """The function that draws a toy type."""
    found: Shape = next(getattr(module, toy) for module in _MODULES if hasattr(module, toy))
    return found


SHAPES: dict[str, Shape] = {toy: shape(toy) for toy in TOYS}


def palette(colour: str, rng: Random) -> Palette:
    """A palette around a colour name, a little off every time as dyes are."""
    hue, saturation, value = rgb_to_hsv(*(channel / 255 for channel in RGB_OF[colour]))
    hue = (hue + rng.uniform(-0.012, 0.012)) % 1
    saturation = min(1.0, saturation * rng.uniform(0.9, 1.08))
    value = min(1.0, value * rng.uniform(0.9, 1.06))
    red, green, blue = (round(channel * 255) for channel in hsv_to_rgb(hue, saturation, value))
    main = (red, green, blue)
    fitting = [a for a in _ACCENTS if sum(abs(x - y) for x, y in zip(a, main, strict=True)) > 150]
    return Palette(main, rng.choice(fitting), rng.choice(((180, 184, 190), (206, 200, 188), (150, 156, 166))))


def photograph(toy: str, colour: str, *, seed: str, look: str = "", by_shopper: bool = False) -> Pixels:
    """One photo of a toy, ``(160, 160, 3)`` uint8 RGB.

    Parameters
    ----------
    toy, colour
        Keys of the vocabulary.
    seed
        Everything about the view (angle, light, backdrop, clutter) follows from it.
    look
        What belongs to the article itself (its exact dye, number of windows); equal for two photos of one product.
    by_shopper
        A snapshot: never with the badge or the watermark that a seller puts on.
    """
    import cv2

    rng, own = Random(f"view {seed}"), Random(f"look {look or seed}")
    colours = palette(colour, own)
    sprite = Canvas(_SPRITE)
    SHAPES[toy](sprite, colours, own)
    scene = backdrop(rng, _SCENE, away_from=colours.main)
    if rng.random() < 0.24:
        _lay(scene, *_of(props(rng, _SCENE, rng.randint(1, 4), reach=(0.75, 1.1))))
    matrix = _view(rng, steep=34 if toy in _TILTED else 12)
    rgb = cv2.warpPerspective(sprite.rgb, matrix, (_SCENE, _SCENE), flags=cv2.INTER_LINEAR)
    alpha = cv2.warpPerspective(sprite.alpha, matrix, (_SCENE, _SCENE), flags=cv2.INTER_LINEAR)
    _shadow(rng, scene, alpha)
    _lay(scene, rgb, alpha)
    if rng.random() < 0.14:
        _lay(scene, *_of(props(rng, _SCENE, rng.randint(1, 2), reach=(0.4, 0.75))))
    picture = _light(rng, cv2.resize(scene, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    if rng.random() < 0.12 and not by_shopper:
        sticker(rng, picture)
    if rng.random() < 0.1 and not by_shopper:
        watermark(rng, picture)
    return picture


def reshoot(picture: Pixels, *, seed: str) -> Pixels:
    """The same photo as another seller would upload it: cropped a little, its light changed."""
    import cv2

    rng = Random(f"reshoot {seed}")
    left, upper = rng.randint(0, 5), rng.randint(0, 5)
    cropped = picture[upper : SIDE - rng.randint(0, 5), left : SIDE - rng.randint(0, 5)]
    resized = cv2.resize(cropped, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return to_pixels(resized.astype(np.float32) * rng.uniform(0.94, 1.05) + rng.uniform(-6, 8))


def jpeg(picture: Pixels) -> bytes:
    """The picture as a JPEG file of quality 85."""
    import cv2

    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return bytes(data.tobytes())


def _of(canvas: Canvas) -> tuple[Pixels, Pixels]:
    return canvas.rgb, canvas.alpha


def _view(rng: Random, *, steep: float) -> NDArray[np.float32]:
    """Turn, scale, mirror, shift and skew: where the sprite's corners come to lie in the scene."""
    import cv2

    angle = radians(rng.gauss(0, steep / 2))
    scale, mirror = rng.uniform(0.74, 1.0), rng.choice((-1, 1))
    dx, dy = (rng.uniform(-0.13, 0.13) * (1.25 - scale) * 4 for _ in range(2))
    squeeze = rng.uniform(0.86, 1.0)
    corners = []
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        u, v = x * scale * mirror * squeeze + rng.uniform(-0.07, 0.07), y * scale + rng.uniform(-0.07, 0.07)
        corners.append((u * cos(angle) - v * sin(angle) + dx * 0.5, u * sin(angle) + v * cos(angle) + dy * 0.5))
    target = (np.asarray(corners, np.float32) + 1) * (_SCENE / 2)
    source = np.asarray([(0, 0), (_SPRITE, 0), (_SPRITE, _SPRITE), (0, _SPRITE)], np.float32)
    matrix: NDArray[np.float32] = cv2.getPerspectiveTransform(source, target.astype(np.float32))
    return matrix


def _shadow(rng: Random, scene: Pixels, alpha: Pixels) -> None:
    import cv2

    shift = np.float32([[1, 0, rng.uniform(-14, 14)], [0, 1, rng.uniform(3, 12)]])  # type: ignore[arg-type]
    small = cv2.resize(cv2.warpAffine(alpha, shift, (_SCENE, _SCENE)), (_SCENE // 4, _SCENE // 4))
    soft = cv2.resize(cv2.blur(small, (5, 5)), (_SCENE, _SCENE))
    dark = (256 - soft.astype(np.uint16) * round(rng.uniform(40, 110)) // 256)[..., None]
    scene[:] = (scene * dark >> 8).astype(np.uint8)


def _lay(scene: Pixels, rgb: Pixels, alpha: Pixels) -> None:
    """Blend a layer over the scene, in place."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not rows.size:
        return
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cover = alpha[window][..., None].astype(np.uint16)
    scene[window] = ((rgb[window] * cover + scene[window] * (255 - cover) + 127) // 255).astype(np.uint8)


def _light(rng: Random, picture: Pixels) -> Pixels:
    """A falling-off light, a gamma, a colour temperature and a little sensor noise."""
    import cv2

    gamma, angle, fall = rng.uniform(0.84, 1.18), rng.uniform(0, 6.28), rng.uniform(0.0, 0.16)
    warm = rng.uniform(-0.05, 0.05)
    axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
    slope = 1.02 - fall * 0.2 + fall * (axis[:, None] * sin(angle) + axis[None, :] * cos(angle)) * 0.7
    curve = (np.linspace(0, 1, 256, dtype=np.float32) ** gamma) * 255
    table = curve[:, None] * np.asarray((1 + warm, 1.0, 1 - warm), np.float32)  # (256, 3)
    lit: NDArray[np.float32] = cv2.LUT(picture, table[None].astype(np.float32))
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal((SIDE, SIDE, 1), dtype=np.float32)
    lit *= slope.astype(np.float32)[..., None]
    lit += 2 * noise
    return to_pixels(lit)
