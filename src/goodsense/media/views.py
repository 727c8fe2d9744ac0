"""Which of several photos of one product to keep: near-duplicates go, and what shows most comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from goodsense.media.preprocess import estimate_background, scale_to_fit, to_grey, to_lab
from goodsense.types import Image

__all__ = ["View", "choose_views", "perceptual_hash", "sharpness"]

_SIDE = 256  # pixels of the longer side that is measured
_BITS = 64
_ALIKE = 12  # bits of 64 in which two photos of one view may differ
_COLOUR = 32.0  # levels of CIELAB by which the least alike quarter of their thumbnails may
_LIGHT = 12.0  # levels of lightness that count as exposure, not as likeness
_CENTRES = (1.0, 0.95, 0.9, 0.85)  # shares of a photo that are compared with the other as a whole: crops are likes too
_THUMB = 24
_SHARP = 600.0  # a variance of the Laplacian that shows all detail


@dataclass(frozen=True)
class View:
    """One photo, and what becomes of it.

    ``like`` is the photo that it repeats, None if none; ``score``, 0 to 1, is how much it shows: the mean of its
    sharpness, of how much of it the product fills, and of how plain the ground is, each 0 to 1. ``why`` says in words
    why it is kept or not.
    """

    index: int
    kept: bool
    why: str
    score: float
    sharp: float
    filled: float
    plain: float
    like: int | None = None


def choose_views(images: Sequence[Image], *, most: int | None = None) -> tuple[View, ...]:
    """Every photo once, the kept ones first, in the order in which they show most.

    Two photos are near-duplicates if their perceptual hashes differ in few bits and their colours hardly, as a whole or
    cropped a little, whatever the exposure; the one that shows more is kept.

    Parameters
    ----------
    most
        How many are kept at most; None keeps all that are no duplicates.

    Raises
    ------
    ValueError
        If ``most`` is below 1.
    """
    if most is not None and most < 1:
        raise ValueError(f"most is {most}; expected at least 1, or None")
    measured = [_measured(i, image) for i, image in enumerate(images)]
    order = sorted(measured, key=lambda view: (-view.score, view.index))
    looks = [_looks(image) for image in images]
    kept: list[View] = []
    left: list[View] = []
    for view in order:
        like = next((other.index for other in kept if _alike(looks[view.index], looks[other.index])), None)
        if like is not None:
            left.append(replace(view, kept=False, like=like, why=f"shows the same as photo {like}, which shows more"))
        elif most is not None and len(kept) == most:
            left.append(replace(view, kept=False, why=f"shows less than {most} others"))
        else:
            kept.append(view)
    return (*kept, *left)


def perceptual_hash(image: Image) -> NDArray[np.bool_]:
    """The signs of the 64 lowest frequencies of a cosine transform against their median (pHash; Zauner, 2010)."""
    import cv2

    grey = cv2.resize(to_grey(image).astype(np.float32), (32, 32), interpolation=cv2.INTER_AREA)
    found = cv2.dct(grey)[:9, :9].ravel()[1 : _BITS + 1]
    return np.asarray(found > np.median(found))


def sharpness(image: Image) -> float:
    """The variance of the Laplacian (Pech-Pacheco et al., 2000); low for blurred pictures."""
    import cv2

    return float(cv2.Laplacian(to_grey(image), cv2.CV_32F).var())


def _measured(index: int, image: Image) -> View:
    small = scale_to_fit(image, _SIDE, enlarge=False)
    ground = estimate_background(small)
    enlarged = min(max(image.shape[:2]) / _SIDE, 1.0)  # a small photo is as sharp, but shows less
    sharp = min(sharpness(small) / _SHARP, 1.0) ** 0.5 * enlarged
    seen = float(1 - ground.mask.mean()) if ground.sure >= 0.5 else 0.5
    filled = min(seen / 0.5, 1.0) * min((1 - seen) / 0.1, 1.0) if seen < 1 else 0.0
    score = (sharp + filled + ground.sure) / 3
    strong = [name for name, part in (("sharp", sharp), ("filled", filled), ("before a plain ground", ground.sure))
              if part >= 0.6]  # fmt: skip
    return View(index, True, ", ".join(strong) or "no other shows the same", score, sharp, filled, ground.sure)


@dataclass(frozen=True, eq=False)
class _Look:
    """Hash ``(64,)`` and thumbnail ``(_THUMB, _THUMB, 3)`` of a photo's part."""

    bits: NDArray[np.bool_]
    thumb: NDArray[np.float32]


def _looks(image: Image) -> list[_Look]:
    """The whole photo and centres of it."""
    import cv2

    found = []
    for share in _CENTRES:
        height, width = (max(1, round(side * share)) for side in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        part = np.ascontiguousarray(image[top : top + height, left : left + width])
        thumb = to_lab(np.asarray(cv2.resize(part, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA), dtype=np.uint8))
        found.append(_Look(perceptual_hash(part), thumb.astype(np.float32)))
    return found


def _alike(first: list[_Look], second: list[_Look]) -> bool:
    """Whether one as a whole, or a part of it, looks like the other as a whole."""
    pairs = [(one, second[0]) for one in first] + [(first[0], other) for other in second[1:]]
    return any(
        (one.bits != other.bits).sum() <= _ALIKE and _colours_apart(one, other) <= _COLOUR for one, other in pairs
    )


def _colours_apart(first: _Look, second: _Look) -> float:
    """How far the least alike quarter of two thumbnails lies apart: most of a product photo is often its ground."""
    differences = first.thumb - second.thumb
    differences[..., 0] -= np.clip(differences[..., 0].mean(), -_LIGHT, _LIGHT)
    distances = np.sort(np.linalg.norm(differences, axis=2).ravel())
    return float(distances[-(len(distances) // 4) :].mean())
