"""Draw docs/images/preprocessing.png: what each image step does, on pictures drawn here.

Run: ``python docs/make_preprocessing_pictures.py``. The picture is the same on every run.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from goodsense.demo.drawing import photograph, reshoot
from goodsense.media import preprocess as steps
from goodsense.media.background import remove_background
from goodsense.media.objects import propose_objects, saliency
from goodsense.media.views import choose_views
from goodsense.types import Image

TARGET = Path(__file__).parent / "images" / "preprocessing.png"
SCALE = 4  # shapes are drawn so much larger and then averaged, for smooth edges
TILE = 200  # pixels of a panel's side
INK, FAINT, PAPER, GREEN = (38, 42, 51), (110, 116, 128), (255, 255, 255), (40, 170, 90)


def kettle(height: int = 200, width: int = 200) -> Image:
    """A red kettle with a white label before a light wall."""
    big = np.full((height * SCALE, width * SCALE, 3), 243, dtype=np.uint8)
    unit = width * SCALE / 200

    def at(*numbers: float) -> tuple[int, ...]:
        return tuple(round(number * unit) for number in numbers)

    cv2.ellipse(big, at(100, 168), at(62, 7), 0, 0, 360, (222, 222, 224), -1, cv2.LINE_AA)
    cv2.ellipse(big, at(100, 74), at(44, 44), 0, 180, 360, (52, 54, 60), *at(8), cv2.LINE_AA)
    spout = np.array([at(140, 104), at(182, 76), at(188, 86), at(150, 140)], dtype=np.int32)
    cv2.fillPoly(big, [spout], (168, 34, 40), cv2.LINE_AA)
    body = np.array([at(58, 78), at(142, 78), at(160, 166), at(40, 166)], dtype=np.int32)
    cv2.fillPoly(big, [body], (200, 44, 48), cv2.LINE_AA)
    shine = np.array([at(66, 84), at(80, 84), at(70, 160), at(52, 160)], dtype=np.int32)
    cv2.fillPoly(big, [shine], (228, 98, 96), cv2.LINE_AA)
    cv2.ellipse(big, at(100, 78), at(42, 9), 0, 0, 360, (150, 28, 34), -1, cv2.LINE_AA)
    cv2.circle(big, at(100, 66), at(8)[0], (52, 54, 60), -1, cv2.LINE_AA)
    cv2.rectangle(big, at(84, 108), at(134, 138), (246, 246, 246), -1)
    for row in (116, 123, 130):
        cv2.line(big, at(90, row), at(128 if row < 130 else 112, row), (90, 94, 104), *at(2), cv2.LINE_AA)
    return np.asarray(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def grainy(image: Image) -> Image:
    noise = np.random.default_rng(1).normal(0, 24, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def specked(image: Image) -> Image:
    chance = np.random.default_rng(2).random(image.shape[:2])
    found = image.copy()
    found[chance < 0.03] = 0
    found[chance > 0.97] = 255
    return found


def half_in_shade(image: Image) -> Image:
    light = np.linspace(0.25, 0.95, image.shape[1])[None, :, None]
    texture = np.random.default_rng(3).normal(0, 1.5, (*image.shape[:2], 1))
    return np.clip((image * 0.6 + 60) * light + texture, 0, 255).astype(np.uint8)


def dim(image: Image) -> Image:
    return (image * 0.4 + 30).astype(np.uint8)


def background_painted(image: Image) -> Image:
    """The mask of the background in green, as a checked pattern."""
    found = steps.estimate_background(image)
    rows, columns = np.indices(found.mask.shape)
    pattern = np.where((rows // 8 + columns // 8) % 2 == 0, 200, 228)[..., None] * np.array([0.75, 1.0, 0.8])
    return np.where(found.mask[..., None], pattern, image).astype(np.uint8)


def toy(kind: str, colour: str, seed: str) -> Image:
    """A toy at a panel's size."""
    return steps.scale_to_fit(photograph(kind, colour, seed=seed, look="one"), TILE)


def outlined(image: Image) -> Image:
    """The boxes of the objects, the best one bold."""
    found = image.copy()
    for i, box in reversed(list(enumerate(propose_objects(image)))):
        corners = [(round(box.left), round(box.top)), (round(box.left + box.width), round(box.top + box.height))]
        cv2.rectangle(found, *corners, GREEN, 3 if i == 0 else 1)
    return found


def photos() -> list[Image]:
    """Two views of one toy, the first of them again and out of focus."""
    first, second = (photograph("robot", "blue", seed=seed, look="one") for seed in ("docs a", "docs d"))
    return [cv2.GaussianBlur(first, (0, 0), 2.2), second, first, reshoot(first, seed="again")]


def gallery(images: list[Image], kept: dict[int, bool] | None = None) -> Image:
    """Four photos in a square; with ``kept``, those that go are faint and those that stay framed."""
    side = TILE // 2 - 4
    found = np.full((TILE, TILE, 3), PAPER, dtype=np.uint8)
    for i, image in enumerate(images):
        part = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        if kept is not None and not kept[i]:
            part = (part * 0.25 + 191).astype(np.uint8)
        top, left = i // 2 * (side + 8), i % 2 * (side + 8)
        found[top : top + side, left : left + side] = part
        if kept is not None and kept[i]:
            cv2.rectangle(found, (left, top), (left + side - 1, top + side - 1), GREEN, 3)
    return found


def kept_of(images: list[Image]) -> dict[int, bool]:
    return {view.index: view.kept for view in choose_views(images)}


def panels() -> list[tuple[str, Image, Image]]:
    """(step, before, after) in the order of the page."""
    plain = kettle()
    wide = plain[22:180]
    dark, shade = dim(plain), half_in_shade(plain)
    on_wood, among_others = toy("car", "red", "docs 15"), toy("kite", "red", "docs b")
    return [
        ("denoise_gaussian(image, 1.5)", grainy(plain), steps.denoise_gaussian(grainy(plain), 1.5)),
        ("denoise_median(image, 3)", specked(plain), steps.denoise_median(specked(plain), 3)),
        ("scale_to_fit(image, 120)", wide, steps.scale_to_fit(wide, 120)),
        ("pad_to(image, (200, 200), 'background')", wide, steps.pad_to(wide, (200, 200), "background")),
        ("centre_crop(image, 120)", plain, steps.centre_crop(plain, 120)),
        (
            "adjust_brightness_contrast(brightness=75, contrast=2)",
            dark,
            steps.adjust_brightness_contrast(dark, brightness=75, contrast=2),
        ),
        ("equalise_histogram(image)", dark, steps.equalise_histogram(dark)),
        ("clahe(image)", shade, steps.clahe(shade)),
        ("to_grey(image)", plain, steps.to_rgb(steps.to_grey(plain))),
        ("estimate_background(image).mask", plain, background_painted(plain)),
        ("remove_background(image).image", on_wood, remove_background(on_wood).image),
        ("saliency(image)", on_wood, steps.to_rgb((saliency(on_wood) * 255).astype(np.uint8))),
        ("propose_objects(image)", among_others, outlined(among_others)),
        ("choose_views(images)", gallery(photos()), gallery(photos(), kept_of(photos()))),
    ]


def framed(image: Image) -> Image:
    """The image at its own size in the middle of a tile, with a thin line around it."""
    tile = np.full((TILE, TILE, 3), 255, dtype=np.uint8)
    height, width = image.shape[:2]
    top, left = (TILE - height) // 2, (TILE - width) // 2
    tile[top : top + height, left : left + width] = image
    cv2.rectangle(tile, (left, top), (left + width - 1, top + height - 1), (205, 208, 214), 1)
    return tile


def written(
    canvas: NDArray[np.uint8], text: str, *, left: int, base: int, size: float, ink: tuple[int, int, int]
) -> None:
    cv2.putText(canvas, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)


def page(columns: int = 2) -> Image:
    """All panels on one sheet: the step's call above its picture before and after."""
    shown = panels()
    gap, head, wide = 28, 34, 2 * TILE + 36
    rows = -(-len(shown) // columns)
    height, width = gap + rows * (head + TILE + gap), gap + columns * (wide + gap)
    canvas = np.full((height, width, 3), PAPER, dtype=np.uint8)
    for number, (title, before, after) in enumerate(shown):
        top = gap + (number // columns) * (head + TILE + gap)
        left = gap + (number % columns) * (wide + gap)
        written(canvas, title, left=left, base=top + 18, size=0.52, ink=INK)
        body = top + head
        canvas[body : body + TILE, left : left + TILE] = framed(before)
        canvas[body : body + TILE, left + TILE + 36 : left + wide] = framed(after)
        middle = body + TILE // 2
        cv2.arrowedLine(
            canvas, (left + TILE + 6, middle), (left + TILE + 30, middle), FAINT, 2, cv2.LINE_AA, tipLength=0.4
        )
    return canvas


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(TARGET), cv2.cvtColor(page(), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
