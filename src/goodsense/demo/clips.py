"""Short clips of toys, made by code: the drawn toy moves as its kind does, before one backdrop."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.demo.backdrops import backdrop, props
from goodsense.demo.canvas import Canvas, Pixels
from goodsense.demo.drawing import SHAPES, palette

SIDE = 112  # of a frame, in pixels
FPS = 12
SECONDS = 2.0
_SPRITE = 144
_MARGIN = 0.16  # shares of the frame that a toy on its way may be cut off by


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a toy is, in shares of the frame from its usual place, right and down; turned clockwise by degrees; and how
    much wider and taller than usual it looks (negative: seen from behind)."""

    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0
    wide: float = 1.0
    tall: float = 1.0


Move: TypeAlias = Callable[[float], Pose]  # beats since the beginning -> pose


def bouncing(beat: float) -> Pose:
    """Up and down once a beat, flattened where it lands."""
    height = abs(sin(pi * beat))
    flat = max(0.0, 0.25 - height)
    return Pose(y=0.16 - 0.4 * height, turn=14 * beat, wide=1 + flat, tall=1 - flat)


def hopping(beat: float) -> Pose:
    """To and fro in leaps, two a beat."""
    leap = abs(sin(2 * pi * beat))
    return Pose(x=0.16 * sin(pi * beat / 2), y=0.1 - 0.2 * leap, turn=-6 * cos(2 * pi * beat), tall=0.94 + 0.08 * leap)


def rolling(beat: float) -> Pose:
    """Across the frame in two beats, in at one side and out at the other, with a little rumble."""
    return Pose(x=_across(beat / 2), y=0.08 + 0.008 * sin(9 * pi * beat), turn=1.2 * sin(7 * pi * beat))


def puffing(beat: float) -> Pose:
    """Across the frame in four beats, in even pushes."""
    return Pose(x=_across(beat / 4 + 0.05 * sin(2 * pi * beat)), y=0.08, wide=1 + 0.03 * sin(4 * pi * beat))


def digging(beat: float) -> Pose:
    """Forth, a dip, and back."""
    return Pose(x=0.12 * sin(pi * beat), y=0.06, turn=10 * max(0.0, sin(2 * pi * beat)))


def flying(beat: float) -> Pose:
    """In a lying eight, leaning into its bends."""
    return Pose(x=0.22 * sin(pi * beat), y=0.1 * sin(2 * pi * beat), turn=14 * cos(pi * beat))


def rising(beat: float) -> Pose:
    """From the ground up and out, faster and faster, trembling; then again."""
    share = beat / 2 % 1
    return Pose(x=0.008 * sin(22 * pi * beat), y=0.2 - 0.95 * share**2)


def swaying(beat: float) -> Pose:
    """As if it hung in the wind."""
    return Pose(x=0.12 * sin(pi * beat), y=0.07 * sin(2 * pi * beat + 0.6), turn=24 * sin(pi * beat + 0.4))


def rocking(beat: float) -> Pose:
    """On slow waves."""
    return Pose(x=0.05 * sin(pi * beat / 2), y=0.06 + 0.05 * sin(pi * beat), turn=12 * sin(pi * beat + 1.2))


def swimming(beat: float) -> Pose:
    """Across with a beating tail."""
    return Pose(
        x=_across(beat / 3), y=0.05 * sin(pi * beat), turn=7 * sin(4 * pi * beat), wide=0.92 + 0.08 * cos(4 * pi * beat)
    )


def waddling(beat: float) -> Pose:
    """From one foot to the other."""
    return Pose(x=0.1 * sin(pi * beat / 2), y=0.06 - 0.03 * abs(sin(2 * pi * beat)), turn=12 * sin(2 * pi * beat))


def stomping(beat: float) -> Pose:
    """Heavy steps: up slowly, down at once."""
    step = beat * 2 % 1
    return Pose(x=0.07 * sin(pi * beat / 2), y=0.06 - 0.1 * step, turn=4 if beat % 1 < 0.5 else -4)


def marching(beat: float) -> Pose:
    """Stiff turns by steps, as machines do."""
    step = int(beat * 4) % 4
    return Pose(x=(0.0, 0.07, 0.0, -0.07)[step], y=0.05, turn=(0, 8, 0, -8)[step])


def turning(beat: float) -> Pose:
    """Once around in two beats, on a turntable."""
    return Pose(y=0.03, wide=_edge(cos(pi * beat)))


def whirling(beat: float) -> Pose:
    """So fast around that it shimmers, its axis nodding in a circle."""
    return Pose(
        x=0.07 * cos(pi * beat),
        y=0.04 + 0.02 * sin(pi * beat),
        turn=11 * sin(pi * beat),
        wide=0.94 + 0.06 * cos(8 * pi * beat),
    )


def beating(beat: float) -> Pose:
    """A throb, two to a beat, as if someone played it."""
    throb = (1 - beat * 2 % 1) ** 2
    return Pose(y=0.03 + 0.03 * throb, wide=1 + 0.09 * throb, tall=1 - 0.13 * throb)


def tumbling(beat: float) -> Pose:
    """Falls in from above, lands with a turn, and lies; then again."""
    fall = min(1.0, beat / 2 % 1 * 2.5)
    return Pose(y=0.06 - 0.6 * (1 - fall**2), turn=150 * (1 - fall))


def _across(share: float) -> float:
    """Where something is that comes in on the left, goes out on the right, and comes again."""
    return ((share + 0.35) % 1 - 0.5) * (1 + 2 * _MARGIN)


def _edge(wide: float) -> float:
    """A turning thing has some depth: even from the side it is not thin."""
    return (0.4 + 0.6 * abs(wide)) * (1 if wide >= 0 else -1)


MOVES: dict[str, tuple[Move, float]] = {  # toy -> how it moves, and beats per second
    "car": (rolling, 1.5),
    "bicycle": (rolling, 1.0),
    "train": (puffing, 1.5),
    "digger": (digging, 0.8),
    "plane": (flying, 0.8),
    "rocket": (rising, 1.4),
    "kite": (swaying, 1.0),
    "boat": (rocking, 1.0),
    "fish": (swimming, 1.0),
    "bear": (waddling, 1.0),
    "duck": (waddling, 1.7),
    "rabbit": (hopping, 1.0),
    "dinosaur": (stomping, 1.0),
    "robot": (marching, 1.0),
    "ball": (bouncing, 1.5),
    "top": (whirling, 1.0),
    "drum": (beating, 1.5),
    "piano": (beating, 0.8),
    "guitar": (swaying, 0.6),
    "blocks": (tumbling, 1.2),
    "puzzle": (tumbling, 0.8),
    "castle": (turning, 0.6),
    "doll": (turning, 1.2),
    "teapot": (turning, 0.9),
    "cake": (turning, 0.75),
}


def film(toy: str, colour: str, *, seed: str, look: str = "", by_shopper: bool = False) -> bytes:
    """A clip of a toy as an MP4 file: 2 seconds at 12 frames per second, 112 x 112 pixels, H.264, without sound.

    The same arguments give the same bytes.

    Parameters
    ----------
    toy, colour
        Keys of the vocabulary.
    seed
        Everything about the view (backdrop, size, pace, light) follows from it.
    look
        What belongs to the article itself; equal for photos and clips of one product.
    by_shopper
        Filmed by hand: other sizes, things lying about, and a camera that is not quite still.
    """
    return encode(frames(toy, colour, seed=seed, look=look, by_shopper=by_shopper))


def frames(toy: str, colour: str, *, seed: str, look: str = "", by_shopper: bool = False) -> Pixels:
    """The pictures of :func:`film`, ``(24, 112, 112, 3)`` uint8 RGB."""
    import cv2

    rng, own = Random(f"clip {seed}"), Random(f"look {look or seed}")
    colours = palette(colour, own)
    canvas = Canvas(_SPRITE)
    SHAPES[toy](canvas, colours, own)
    scene = backdrop(rng, SIDE, away_from=colours.main)
    if by_shopper:
        lying = props(rng, SIDE, rng.randint(1, 3), reach=(0.8, 1.1))
        scene = _over(scene, lying.rgb, lying.alpha)
    size = SIDE * (rng.uniform(0.5, 0.82) if by_shopper else rng.uniform(0.56, 0.68)) / _SPRITE
    move, pace = MOVES[toy]
    pace, start = pace * rng.uniform(0.92, 1.08), rng.uniform(0, 4)
    mirror = rng.choice((-1, 1))
    shake = rng.uniform(0.004, 0.012) if by_shopper else 0.0
    table = _light(rng)
    shadow = cv2.blur(canvas.alpha, (17, 17))
    shot = []
    for i in range(round(FPS * SECONDS)):
        pose = move(start + pace * i / FPS)
        matrix = _placed(pose, size, mirror)
        dark = cv2.warpAffine(shadow, matrix + np.array([[0, 0, 3], [0, 0, 5]]), (SIDE, SIDE))
        rgb = cv2.warpAffine(canvas.rgb, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        alpha = cv2.warpAffine(canvas.alpha, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        picture = cv2.LUT(_over(_shaded(scene, dark), rgb, alpha), table)
        shot.append(_shaken(picture, rng, shake) if shake else picture)
    return np.stack(shot)


def _placed(pose: Pose, size: float, mirror: int) -> NDArray[np.float64]:
    """Where the sprite's pixels come to lie in the frame: ``(2, 3)``; the way goes where the toy looks."""
    angle = pose.turn * mirror * pi / 180
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    linear = turn @ np.diag([pose.wide * mirror * size, pose.tall * size])
    middle = np.array([0.5 + pose.x * mirror, 0.5 + pose.y]) * SIDE
    return np.column_stack([linear, middle - linear @ np.full(2, _SPRITE / 2)])


def _shaded(scene: Pixels, shadow: Pixels) -> Pixels:
    shaded: Pixels = (scene * (256 - (shadow.astype(np.uint16) * 70 >> 8))[..., None] >> 8).astype(np.uint8)
    return shaded


def _over(scene: Pixels, rgb: Pixels, alpha: Pixels) -> Pixels:
    cover = alpha[..., None].astype(np.uint16)
    laid: Pixels = ((rgb * cover + scene * (255 - cover) + 127) // 255).astype(np.uint8)
    return laid


def _light(rng: Random) -> Pixels:
    """A gamma and a colour temperature, as a table ``(1, 256, 3)``."""
    gamma, warm = rng.uniform(0.86, 1.16), rng.uniform(-0.05, 0.05)
    curve = (np.linspace(0, 1, 256) ** gamma) * 255
    table: Pixels = np.clip(curve[:, None] * np.array((1 + warm, 1.0, 1 - warm)), 0, 255).astype(np.uint8)[None]
    return table


def _shaken(picture: Pixels, rng: Random, much: float) -> Pixels:
    import cv2

    off = np.array([[1, 0, rng.gauss(0, much) * SIDE], [0, 1, rng.gauss(0, much) * SIDE]])
    shaken: Pixels = cv2.warpAffine(picture, off, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return shaken


def encode(pictures: Pixels) -> bytes:
    """Frames ``(t, h, w, 3)`` as an MP4 file: H.264 in one thread and without dates, so that equal frames give equal
    bytes."""
    import av
    import cv2

    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = pictures.shape[2], pictures.shape[1], "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "veryfast", "crf": "25", "flags": "+bitexact", "bf": "0"}
        for picture in pictures:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return file.getvalue()
