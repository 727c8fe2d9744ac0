"""Draw docs/images/augment-image.png, preprocessing-video.png and augment-video.png: what the steps do, on drawn toys.

Run: ``python docs/make_augment_pictures.py``. The pictures are the same on every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Picture

from goodsense.demo.drawing import photograph
from goodsense.media import augment_clip, augment_image, clip_steps, shots
from goodsense.media.flow import grey_frames, optical_flow
from goodsense.types import Clip, Image

IMAGES = Path(__file__).parent / "images"
INK, FAINT, PAPER, GREEN = (38, 42, 51), (110, 116, 128), (255, 255, 255), (40, 170, 90)
SIDE, GAP, HEAD = 96, 8, 26


# ---- what is shown


def turning(toy: str, colour: str, *, count: int, seed: str) -> list[Image]:
    """A toy that swings and goes right, before the ground of its own photo."""
    photo = photograph(toy, colour, seed=seed)
    high, wide = photo.shape[:2]
    frames = []
    for i in range(count):
        share = i / max(count - 1, 1) - 0.5
        matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), 40 * share, 1 + 0.15 * share)
        matrix[0, 2] += 30 * share
        moved = cv2.warpAffine(photo, matrix, (wide, high), borderMode=cv2.BORDER_REFLECT_101)
        frames.append(np.asarray(moved, dtype=np.uint8))
    return frames


def clip_of(frames: Sequence[Image], *, fps: float = 8.0) -> Clip:
    return Clip(np.stack(list(frames)), np.arange(len(frames)) / fps, len(frames) / fps)


def grainy(clip: Clip, *, sigma: float = 26.0) -> Clip:
    noise = np.random.default_rng(1).normal(0, sigma, clip.frames.shape)
    return Clip(np.clip(clip.frames + noise, 0, 255).astype(np.uint8), clip.times, clip.seconds)


def specked(clip: Clip) -> Clip:
    frames, chance = clip.frames.copy(), np.random.default_rng(2).random(clip.frames.shape[:3])
    frames[chance < 0.03] = 0
    frames[chance > 0.97] = 255
    return Clip(frames, clip.times, clip.seconds)


def flow_painted(clip: Clip) -> list[Image]:
    """Direction as hue and speed as strength, on each frame but the first."""
    found = []
    for frame, moved in zip(clip.frames[1:], optical_flow(grey_frames(clip.frames)), strict=True):
        size, angle = cv2.cartToPolar(moved[..., 0], moved[..., 1], angleInDegrees=True)
        strength = np.clip(size / 6, 0, 1)[..., None]
        hsv = np.stack([angle / 2, np.full_like(angle, 230), np.full_like(angle, 235)], axis=2).astype(np.uint8)
        colours = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        found.append((frame * (1 - strength) * 0.6 + 90 * (1 - strength) + colours * strength).astype(np.uint8))
    return found


def framed(frames: Sequence[Image], marked: Sequence[int]) -> list[Image]:
    """Frames with a line around those that are marked."""
    found = [frame.copy() for frame in frames]
    for i in marked:
        high, wide = found[i].shape[:2]
        cv2.rectangle(found[i], (1, 1), (wide - 2, high - 2), GREEN, max(3, high // 28))
    return found


# ---- sheets


def sheet(rows: Sequence[tuple[str, Sequence[Image]]], *, columns: int, side: int = SIDE) -> Image:
    """One line of frames below each title; a frame is fitted into a square."""
    height = GAP + len(rows) * (HEAD + side + GAP * 2)
    canvas = np.full((height, GAP * 2 + columns * (side + GAP), 3), PAPER, dtype=np.uint8)
    for number, (title, frames) in enumerate(rows):
        top = GAP + number * (HEAD + side + GAP * 2)
        cv2.putText(canvas, title, (GAP + 2, top + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
        for column, frame in enumerate(frames[:columns]):
            place(canvas, frame, top=top + HEAD, left=GAP + column * (side + GAP), side=side)
    return canvas


def place(canvas: Image, frame: Image, *, top: int, left: int, side: int) -> None:
    scale = side / 160  # as large as it is beside a whole photo
    size = tuple(max(1, round(n * scale)) for n in frame.shape[1::-1])
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    small = small[:side, :side]
    down, right = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    canvas[top + down : top + down + small.shape[0], left + right : left + right + small.shape[1]] = small


def pictures() -> Image:
    photo = photograph("train", "green", seed="augment 2")
    steps = {
        "RandomCrop()": augment_image.RandomCrop(),
        "FlipHorizontal()": augment_image.FlipHorizontal(),
        "FlipVertical()": augment_image.FlipVertical(),
        "ColourJitter(0.4, 0.4, 0.4, 0.06)": augment_image.ColourJitter(0.4, 0.4, 0.4, 0.06),
        "Turn(20, 0.1, fill='mirror')": augment_image.Turn(20, 0.1, fill="mirror"),
        "Blur((0.5, 2.5))": augment_image.Blur((0.5, 2.5)),
        "Erase()": augment_image.Erase(),
        "mild()": augment_image.mild(),
        "strong()": augment_image.strong(),
    }
    rows = []
    for title, step in steps.items():
        count = 1 if title.startswith("Flip") else 7
        rows.append((title, [photo, *(step(photo, np.random.default_rng(seed)) for seed in range(count))]))
    return sheet(rows, columns=8)


def preprocessing() -> Image:
    toys = [("bear", "brown", 5), ("train", "blue", 4), ("duck", "yellow", 5)]
    frames = [frame for toy, colour, count in toys for frame in turning(toy, colour, count=count, seed=f"shot {toy}")]
    whole = clip_of(frames)
    one = clip_of(turning("robot", "red", count=14, seed="clip 3"))
    cuts = [shot.first for shot in shots.find_shots(whole)]
    rows = [
        ("a clip at 8 frames per second", one.frames),
        ("resample(clip, 3)", clip_steps.resample(one, 3).frames),
        ("with specks", specked(one).frames),
        ("denoise_spatial(clip)", clip_steps.denoise_spatial(specked(one)).frames),
        ("with the grain of little light", grainy(one).frames),
        ("denoise_temporal(clip, tolerance=80)", clip_steps.denoise_temporal(grainy(one), tolerance=80).frames),
        ("scale_to_fit(clip, 110)", clip_steps.scale_to_fit(one, 110).frames),
        ("crop(clip, (100, 100))", clip_steps.crop(one, (100, 100)).frames),
        ("optical_flow(grey_frames(clip.frames)): direction as hue", flow_painted(one)),
        ("find_shots(clip): where a shot begins", framed(whole.frames, cuts)),
        ("key_frames(clip)", framed(whole.frames, shots.key_frames(whole))),
    ]
    return sheet(rows, columns=14, side=72)


def augmented() -> Image:
    clip = clip_of(turning("plane", "blue", count=9, seed="clip 4"))
    few = clip_steps.select(clip, [0, 2, 4, 6, 8])

    def drawn(step: augment_clip.Step[Clip], seed: int = 0) -> Clip:
        return step(clip, np.random.default_rng(seed))

    strong = augment_clip.EveryFrame(augment_image.strong())
    rows = [
        ("a clip", clip.frames),
        ("Stretch((0.5, 0.5))", drawn(augment_clip.Stretch((0.5, 0.5)), 1).frames),
        ("SampleFrames(4)", drawn(augment_clip.SampleFrames(4), 3).frames),
        ("every other frame", few.frames),
        ("interpolate(..., 2, method='blend')", augment_clip.interpolate(few, 2, method="blend").frames),
        ("interpolate(..., 2, method='flow')", augment_clip.interpolate(few, 2, method="flow").frames),
        (
            "Speed((2, 2)), then resample(clip, 8)",
            clip_steps.resample(drawn(augment_clip.Speed((2, 2))), 8).frames,
        ),
        ("DropFrames(0.4)", drawn(augment_clip.DropFrames(0.4), 2).frames),
        ("DropFrames(0.4, frozen=True)", drawn(augment_clip.DropFrames(0.4, frozen=True), 2).frames),
        ("Resized((0.2, 0.2), 'bilinear')", drawn(augment_clip.Resized((0.2, 0.2), "bilinear")).frames),
        ("Resized((0.2, 0.2), 'bicubic')", drawn(augment_clip.Resized((0.2, 0.2), "bicubic")).frames),
        ("EveryFrame(strong())", drawn(strong, 5).frames),
    ]
    return sheet(rows, columns=9)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    made = {"augment-image": pictures, "preprocessing-video": preprocessing, "augment-video": augmented}
    for name, draw in made.items():
        drawn = Picture.fromarray(draw())
        if name.endswith("video"):  # a third of the bytes; other colours are not what these show
            drawn = drawn.quantize(256)
        drawn.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
