"""Image steps as plain functions on arrays, by OpenCV.

Every function takes an ``(h, w, 3)`` uint8 sRGB image, as :func:`goodsense.media.decode_image` returns it, leaves it
untouched and returns a new array; each refuses anything else with a ``ValueError`` that names the shape and type it
found. The functions compose: ``pad_to(scale_to_fit(image, 224), (224, 224), "background")``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Image

__all__ = [
    "Background",
    "adjust_brightness_contrast",
    "centre_crop",
    "clahe",
    "denoise_gaussian",
    "denoise_median",
    "equalise_histogram",
    "estimate_background",
    "from_hsv",
    "from_lab",
    "pad_to",
    "scale_to_fit",
    "to_grey",
    "to_hsv",
    "to_lab",
    "to_rgb",
]

Grey: TypeAlias = NDArray[np.uint8]  # (h, w)
Colour: TypeAlias = tuple[int, int, int]

_NEAR = 12.0  # CIELAB distance within which two colours of a background count as one
_LARGEST = 32_767  # pixels of a side; OpenCV's limit
_BORDER = 0.04  # of the shorter side: how wide the frame is that is taken for background


def _checked(image: Image) -> Image:
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image is a {type(image).__name__}; expected an (h, w, 3) uint8 array")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"image has shape {image.shape} and type {image.dtype}; expected a non-empty (h, w, 3) uint8")
    return np.ascontiguousarray(image)


def _positive_odd(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1 or value % 2 == 0:
        raise ValueError(f"{name} is {value!r}; expected an odd number of at least 1, such as 3 or 5")
    return int(value)


def _in_range(value: float, low: float, high: float, *, name: str) -> float:
    if not low <= value <= high:  # NaN fails too
        raise ValueError(f"{name} is {value!r}; expected {low:g} to {high:g}")
    return float(value)


# --- noise ----------------------------------------------------------------------------------------------------------


def denoise_gaussian(image: Image, sigma: float = 1.0) -> Image:
    """Blur with a Gaussian of ``sigma`` pixels (0 to 100; 0 changes nothing): against fine, even noise."""
    import cv2

    image = _checked(image)
    if _in_range(sigma, 0, 100, name="sigma") == 0:
        return image.copy()
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def denoise_median(image: Image, size: int = 3) -> Image:
    """Take the median of each ``size`` x ``size`` neighbourhood (odd, to 255): against specks; edges stay sharp."""
    import cv2

    size = int(_in_range(_positive_odd(size, "size"), 1, 255, name="size"))
    return np.asarray(cv2.medianBlur(_checked(image), size), dtype=np.uint8)


# --- size -----------------------------------------------------------------------------------------------------------


def scale_to_fit(image: Image, size: int | tuple[int, int], *, enlarge: bool = True) -> Image:
    """Scale in proportion until the image just fits.

    Parameters
    ----------
    size
        The longer side in pixels, or a (height, width) to fit into.
    enlarge
        Whether smaller images grow; otherwise they come back as they are.

    Returns
    -------
    Image
        Sides of at least one pixel. Areas are averaged on the way down, bicubic interpolation is used on the way up.
    """
    import cv2

    image = _checked(image)
    box_height, box_width = _box(size)
    height, width = image.shape[:2]
    scale = min(box_height / height, box_width / width)
    if scale == 1 or (scale > 1 and not enlarge):
        return image.copy()
    target = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, target, interpolation=method), dtype=np.uint8)


def pad_to(image: Image, size: tuple[int, int], value: Colour | int | Literal["background"] = 255) -> Image:
    """Centre the image on a canvas of (height, width) ``size``.

    Parameters
    ----------
    value
        A grey value, an RGB colour, or ``"background"`` for the colour that :func:`estimate_background` finds.

    Raises
    ------
    ValueError
        If the image is larger than the canvas.
    """
    image = _checked(image)
    height, width = _box(size)
    free_height, free_width = height - image.shape[0], width - image.shape[1]
    if free_height < 0 or free_width < 0:
        raise ValueError(
            f"image is {image.shape[0]} x {image.shape[1]}; expected at most {height} x {width}: use scale_to_fit first"
        )
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = _colour(value, image)
    top, left = free_height // 2, free_width // 2
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas


def centre_crop(image: Image, size: int | tuple[int, int]) -> Image:
    """Cut the middle out: a square of ``size`` or (height, width), at most as large as the image."""
    image = _checked(image)
    height, width = _box(size)
    if not (1 <= height <= image.shape[0] and 1 <= width <= image.shape[1]):
        raise ValueError(
            f"size is {height} x {width}; expected 1 x 1 to the image's {image.shape[0]} x {image.shape[1]}"
        )
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width].copy()


def _box(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size that is given as one number or as two."""
    sides = (size, size) if isinstance(size, (int, np.integer)) else tuple(size)
    if len(sides) != 2 or not all(isinstance(n, (int, np.integer)) and 1 <= n <= _LARGEST for n in sides):
        raise ValueError(f"size is {size!r}; expected whole pixels, 1 to {_LARGEST}: one number or (height, width)")
    return int(sides[0]), int(sides[1])


def _colour(value: Colour | int | str, image: Image) -> Colour:
    if isinstance(value, str):
        if value != "background":
            raise ValueError(f"value is {value!r}; expected a grey value, an RGB colour or 'background'")
        return estimate_background(image).colour
    red, green, blue = (value, value, value) if isinstance(value, int) else value
    for part in (red, green, blue):
        _in_range(part, 0, 255, name="value")
    return int(red), int(green), int(blue)


# --- light ----------------------------------------------------------------------------------------------------------


def adjust_brightness_contrast(image: Image, *, brightness: float = 0.0, contrast: float = 1.0) -> Image:
    """Stretch around middle grey by ``contrast`` (0 to 10), then add ``brightness`` (-255 to 255); clipped."""
    image = _checked(image)
    _in_range(brightness, -255, 255, name="brightness")
    _in_range(contrast, 0, 10, name="contrast")
    levels = (np.arange(256) - 127.5) * contrast + 127.5 + brightness
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.asarray(table[image], dtype=np.uint8)


def equalise_histogram(image: Image) -> Image:
    """Spread the luminance over its whole range, in YCrCb, so that hues stay."""
    import cv2

    parts = cv2.cvtColor(_checked(image), cv2.COLOR_RGB2YCrCb)
    parts[..., 0] = cv2.equalizeHist(parts[..., 0])
    return np.asarray(cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB), dtype=np.uint8)


def clahe(image: Image, *, clip_limit: float = 2.0, tiles: int = 8) -> Image:
    """Equalise the lightness locally with limited contrast (Zuiderveld, 1994), in CIELAB, so that hues stay.

    Parameters
    ----------
    clip_limit
        How much more often than on average a level may count, 0 to 40; more gives more contrast and more noise.
    tiles
        The image is divided into ``tiles`` x ``tiles`` fields, 1 to 64.
    """
    import cv2

    parts = to_lab(image)
    _in_range(clip_limit, 0, 40, name="clip_limit")
    fields = int(_in_range(tiles, 1, 64, name="tiles"))
    parts[..., 0] = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(fields, fields)).apply(parts[..., 0])
    return from_lab(parts)


# --- colour spaces --------------------------------------------------------------------------------------------------


def to_grey(image: Image) -> Grey:
    """Luma of ITU-R BT.601, ``(h, w)`` uint8: .299 R + .587 G + .114 B."""
    import cv2

    return np.asarray(cv2.cvtColor(_checked(image), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def to_rgb(grey: Grey) -> Image:
    """A grey ``(h, w)`` uint8 image as ``(h, w, 3)``; an image that has three channels comes back as a copy."""
    if isinstance(grey, np.ndarray) and grey.ndim == 3:
        return _checked(grey).copy()
    if not isinstance(grey, np.ndarray) or grey.ndim != 2 or grey.dtype != np.uint8 or grey.size == 0:
        raise ValueError(f"expected a non-empty (h, w) or (h, w, 3) uint8 array; found {_described(grey)}")
    return np.repeat(grey[:, :, None], 3, axis=2)


def _described(value: object) -> str:
    return f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__


def to_lab(image: Image) -> Image:
    """CIELAB (D65) as ``(h, w, 3)`` uint8: L of 0-100 as 0-255, a and b with 128 for neutral."""
    import cv2

    return np.asarray(cv2.cvtColor(_checked(image), cv2.COLOR_RGB2LAB), dtype=np.uint8)


def from_lab(lab: Image) -> Image:
    """Back from :func:`to_lab`; rounding may move a value by a few levels."""
    import cv2

    return np.asarray(cv2.cvtColor(_checked(lab), cv2.COLOR_LAB2RGB), dtype=np.uint8)


def to_hsv(image: Image) -> Image:
    """Hue, saturation, value as ``(h, w, 3)`` uint8: hue in steps of two degrees, 0-179; the others 0-255."""
    import cv2

    return np.asarray(cv2.cvtColor(_checked(image), cv2.COLOR_RGB2HSV), dtype=np.uint8)


def from_hsv(hsv: Image) -> Image:
    """Back from :func:`to_hsv`; rounding may move a value by a few levels."""
    import cv2

    return np.asarray(cv2.cvtColor(_checked(hsv), cv2.COLOR_HSV2RGB), dtype=np.uint8)


# --- background -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Background:
    """What lies around the product.

    ``colour`` is the middle colour of the frame. ``mask`` is ``(h, w)`` bool, True where the background is. ``sure``
    says how plain it is, 0 to 1: the share of the frame's pixels that have the colour. Near 1 the mask can be
    trusted; below about .7 the picture has no plain background.
    """

    colour: Colour
    mask: NDArray[np.bool_]
    sure: float


def estimate_background(image: Image) -> Background:
    """Find the plain background of a product picture from its frame.

    The colour is the median of a frame of 4 % of the shorter side (at least one pixel); background is what lies
    within a CIELAB distance of 12 of it and hangs together with the edge of the picture, so a white label on a product
    before a white wall stays product.
    """
    import cv2

    image = _checked(image)
    lab = cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)  # (h, w, 3), L 0-100
    frame = _frame(image.shape[0], image.shape[1])
    near = np.linalg.norm(lab - np.median(lab[frame], axis=0), axis=2) <= _NEAR
    _, parts = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
    edge = np.concatenate((parts[0], parts[-1], parts[:, 0], parts[:, -1]))
    mask = np.isin(parts, np.unique(edge[edge > 0]))
    red, green, blue = np.rint(np.median(image[frame], axis=0)).astype(int).tolist()
    return Background((red, green, blue), mask, float(near[frame].mean()))


def _frame(height: int, width: int) -> NDArray[np.bool_]:
    wide = max(1, round(min(height, width) * _BORDER))
    frame = np.ones((height, width), dtype=np.bool_)
    frame[wide : height - wide, wide : width - wide] = False
    return frame
