"""Pictures drawn by code, and their files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS = ("jpeg", "png", "webp", "gif")


def drawn(height: int = 24, width: int = 36) -> NDArray[np.uint8]:
    """Four quarters: red, green, blue, grey; (h, w, 3)."""
    picture = np.full((height, width, 3), 128, dtype=np.uint8)
    picture[: height // 2, : width // 2] = (200, 30, 30)
    picture[: height // 2, width // 2 :] = (30, 180, 40)
    picture[height // 2 :, : width // 2] = (20, 40, 210)
    return picture


def encoded(picture: NDArray[np.uint8] | Image.Image, format_name: str, **options: Any) -> bytes:
    """The picture as a file; lossless where the format can be."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    if format_name == "jpeg":
        options = {"quality": 95, "subsampling": 0} | options
    if format_name == "webp":
        options = {"lossless": True, "exact": True} | options
    file = io.BytesIO()
    picture.save(file, format_name.upper(), **options)
    return file.getvalue()
