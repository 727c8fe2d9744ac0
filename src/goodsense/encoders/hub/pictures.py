"""Pictures as pretrained models want them, by what their ``preprocessor_config.json`` says; Pillow and numpy alone.

The geometry (:class:`PictureSteps`) gives 8 bits per channel and is done by worker processes; the numbers
(:class:`Scaling`) follow in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.families import Family
from goodsense.encoders.hub.loading import PROCESSORS, ModelFolder
from goodsense.errors import DataError
from goodsense.types import Image

BILINEAR, BICUBIC = 2, 3  # as Pillow numbers them
_METHODS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LONGEST = 4  # times the shorter side: what is longer is cut from the middle before it is resized and cropped anyhow
_BY_SHARE = ("resnet", "regnet", "convnext", "convnextv2")  # crop a share of the picture
_WARPED = 384  # ConvNeXT's sides from which pictures are no longer cropped


@dataclass(frozen=True)
class PictureSteps:
    """A picture to ``(h, w, 3)`` uint8, as a model wants it.

    Parameters
    ----------
    height, width
        What the picture becomes, whatever its shape was; 0 where another rule holds.
    shortest, longest
        What the shorter side becomes, while the longer one stays within ``longest``; 0 for none.
    crop
        ``(height, width)`` cut from the middle; black where the picture is smaller.
    resample
        Pillow's number of the method.
    multiple
        Sides are multiples of so many pixels.
    patch, patches
        Squares of ``patch`` pixels, as many as possible within ``patches``, in the picture's own shape.
    square
        Filled up with grey to a square first, below and to the right.
    """

    height: int = 0
    width: int = 0
    shortest: int = 0
    longest: int = 0
    crop: tuple[int, int] | None = None
    resample: int = BILINEAR
    multiple: int = 1
    patch: int = 0
    patches: int = 0
    square: bool = False

    def __call__(self, image: Image) -> NDArray[np.uint8]:
        picture = _checked(image)
        if self.square:
            picture = _squared(picture)
        if self.crop is not None and self.shortest:
            picture = _shortened(picture)
        height, width = self.size(*picture.shape[:2])
        if (height, width) != picture.shape[:2]:
            picture = _resized(picture, height, width, self.resample)
        return picture if self.crop is None else _cropped(picture, *self.crop)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """What a picture of this height and width is resized to."""
        if self.patches:
            return _within_patches(height, width, self.patch, self.patches)
        if self.height:
            return self.height, self.width
        if not self.shortest:
            return height, width
        return _by_sides(height, width, self.shortest, self.longest, self.multiple)

    @property
    def max_side(self) -> int:
        """Pixels of the longer side that suffice for a picture that is decoded for these steps."""
        sides = (self.height, self.width, self.longest, _LONGEST * self.shortest if not self.longest else 0)
        return max(*sides, self.patch * self.patches, 64) * (2 if self.height else 1)


@dataclass(frozen=True)
class Scaling:
    """Bytes to the numbers that a network wants: ``(value * factor + offset - mean) / std`` per channel."""

    factor: float = 1 / 255
    offset: float = 0.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """``(..., h, w, 3)`` to ``(..., h, w, 3)`` float32."""
        std = np.asarray(self.std, dtype=np.float64)
        shift = (self.offset - np.asarray(self.mean)) / std
        values = pictures.astype(np.float32)
        values *= (self.factor / std).astype(np.float32)
        values += shift.astype(np.float32)
        return values


def channels_first(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(..., h, w, 3)`` to ``(..., 3, h, w)``."""
    return np.ascontiguousarray(np.moveaxis(pictures, -1, -3))


def read_steps(folder: ModelFolder) -> tuple[PictureSteps, Scaling]:
    """What a model's folder says about pictures.

    Raises
    ------
    DataError
        If it says nothing of use; names file and key.
    """
    if "pretrained_cfg" in folder.config:
        return _by_training(folder.config["pretrained_cfg"])
    settings = folder.settings(*PROCESSORS)
    for inner in ("image_processor", "video_processor"):  # newer files hold several processors
        if isinstance(settings.get(inner), Mapping):
            settings = dict(settings[inner])
            break
    try:
        return _steps(settings, folder), _scaling(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder.path / PROCESSORS[0]} does not say how pictures are prepared: {error}.",
            fix="Copy the file from the model's repository.",
        ) from error


def _steps(settings: Mapping[str, Any], folder: ModelFolder) -> PictureSteps:
    family = folder.family
    usual = BICUBIC if "clip" in folder.model_type else BILINEAR
    more: dict[str, Any] = {
        "resample": int(settings["resample"]) if settings.get("resample") is not None else usual,
        "multiple": family.multiple,
        "square": family.square,
    }
    if settings.get("max_num_patches"):
        return PictureSteps(patch=int(settings["patch_size"]), patches=int(settings["max_num_patches"]), **more)
    crops = settings.get("do_center_crop", False) and settings.get("crop_size") is not None
    crop = _pair(settings["crop_size"]) if crops else None
    if not settings.get("do_resize", True):
        return PictureSteps(crop=crop, **more)
    size = settings["size"]
    if isinstance(size, list):
        size = {"height": size[0], "width": size[1]}
    elif isinstance(size, int):
        size = _plain(size, settings, family)
    if "height" in size:
        return PictureSteps(int(size["height"]), int(size["width"]), crop=crop, **more)
    shortest = int(size["shortest_edge"])
    share = settings.get("crop_pct", 0.875) if folder.model_type in _BY_SHARE else None
    if share is not None and shortest >= _WARPED:
        return PictureSteps(shortest, shortest, **more)
    if share is not None:
        return PictureSteps(shortest=int(shortest / share), crop=(shortest, shortest), **more)
    if crop is None and family.interface != "objects":  # pictures of one batch have one shape
        crop = (shortest, shortest)
    return PictureSteps(shortest=shortest, longest=int(size.get("longest_edge") or 0), crop=crop, **more)


def _plain(size: int, settings: Mapping[str, Any], family: Family) -> dict[str, int]:
    """What a size of one number means, in older files."""
    if family.interface == "objects" and family.plain_size == "shortest":
        return {"shortest_edge": size, "longest_edge": int(settings.get("max_size") or 1_333)}
    return {"shortest_edge": size} if family.plain_size == "shortest" else {"height": size, "width": size}


def _scaling(settings: Mapping[str, Any]) -> Scaling:
    factor = float(settings.get("rescale_factor", 1 / 255)) if settings.get("do_rescale", True) else 1.0
    offset = -1.0 if settings.get("rescale_offset") or settings.get("offset") else 0.0
    mean, std = settings.get("image_mean") or _IMAGENET[0], settings.get("image_std") or _IMAGENET[1]
    if not settings.get("do_normalize", True):
        mean, std = (0.0,) * 3, (1.0,) * 3
    centre, spread = tuple(float(value) for value in mean), tuple(float(value) for value in std)
    if settings.get("include_top"):  # EfficientNet divides twice
        spread = tuple(value * value for value in spread)
    return Scaling(factor, offset, centre, spread)


def _by_training(settings: Mapping[str, Any]) -> tuple[PictureSteps, Scaling]:
    """From the facts of training that models of other collections state."""
    _, height, width = settings.get("input_size", (3, 224, 224))
    share = float(settings.get("crop_pct") or 0.875)
    method = _METHODS.get(str(settings.get("interpolation", "bilinear")), BILINEAR)
    steps = PictureSteps(shortest=math.floor(min(height, width) / share), crop=(height, width), resample=method)
    mean, std = settings.get("mean", _IMAGENET[0]), settings.get("std", _IMAGENET[1])
    return steps, Scaling(mean=tuple(map(float, mean)), std=tuple(map(float, std)))


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    return int(size["height"]), int(size["width"])


# ---- geometry


def _checked(image: Image) -> NDArray[np.uint8]:
    picture = np.asarray(image)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise DataError(f"a picture is {picture.dtype} {picture.shape}; expected uint8 (height, width, 3).")
    return picture


def _squared(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    side = max(height, width)
    return np.pad(picture, ((0, side - height), (0, side - width), (0, 0)), constant_values=128)


def _shortened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a very long picture; the rest would be cropped away, but only after it had been enlarged."""
    height, width = picture.shape[:2]
    most = _LONGEST * min(height, width)
    return _cropped(picture, min(height, most), min(width, most))


def _resized(picture: NDArray[np.uint8], height: int, width: int, resample: int) -> NDArray[np.uint8]:
    from PIL import Image as Pillow

    made = Pillow.fromarray(picture).resize((width, height), resample=Pillow.Resampling(resample))
    return np.asarray(made)


def _cropped(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The middle, on black where the picture is smaller."""
    missing = [max(0, height - picture.shape[0]), max(0, width - picture.shape[1])]
    if any(missing):
        # Rounded as transformers does, so that what is odd goes to the same side.
        before = [math.ceil(length / 2) for length in missing]
        picture = np.pad(
            picture, [(start, length - start) for start, length in zip(before, missing, strict=True)] + [(0, 0)]
        )
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _by_sides(height: int, width: int, shortest: int, longest: int, multiple: int) -> tuple[int, int]:
    short, long = min(height, width), max(height, width)
    wished: float = shortest
    if longest and long / short * shortest > longest:
        wished = longest * short / long
        shortest = round(wished)
    other = int(wished * long / short) if longest else int(shortest * long / short)
    sizes: Sequence[int] = (shortest, max(other, 1)) if height <= width else (max(other, 1), shortest)
    rows, columns = (max(multiple, size - size % multiple) if multiple > 1 else max(1, size) for size in sizes)
    return rows, columns


def _within_patches(height: int, width: int, patch: int, patches: int) -> tuple[int, int]:
    """The largest scale at which the picture, rounded up to whole patches, has at most so many (SigLIP 2, 2025)."""

    def scaled(scale: float) -> tuple[int, int]:
        rows, columns = (max(patch, math.ceil(side * scale / patch) * patch) for side in (height, width))
        return rows, columns

    low, high = 1e-6, 100.0
    while high - low >= 1e-5:
        middle = (low + high) / 2
        rows, columns = scaled(middle)
        if (rows // patch) * (columns // patch) <= patches:
            low = middle
        else:
            high = middle
    return scaled(low)


def into_patches(picture: NDArray[np.float32], patch: int) -> NDArray[np.float32]:
    """``(h, w, 3)`` to ``(rows * columns, patch * patch * 3)``, row by row."""
    rows, columns = picture.shape[0] // patch, picture.shape[1] // patch
    cut = picture.reshape(rows, patch, columns, patch, 3).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(cut).reshape(rows * columns, -1)
