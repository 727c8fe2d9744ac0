"""The product without what lies around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.media import objects
from goodsense.media.grabcut import Seed, Seeds, cut
from goodsense.types import Box, Image

__all__ = ["Cutout", "remove_background"]

_SIDE = 256  # pixels of the longer side at which the outline is drawn
_PIECE = 0.1  # of the largest piece's area, from which a piece before a plain ground belongs to the product
_UNSURE = 0.02  # of the longer side: how far the outline may lie from where it was first seen


@dataclass(frozen=True, eq=False, slots=True)
class Cutout:
    """What is left of a picture.

    ``image`` has another ground; ``mask`` is ``(h, w)`` bool, True where the product is. ``sure`` says how far the cut
    can be trusted, 0 to 1: how plain the ground is, or how much of what stands out the product has to itself, and how
    unlike its rim is to the ground beside it. 0 means that nothing was found, and then nothing is removed.
    """

    image: Image
    mask: NDArray[np.bool_]
    sure: float


def remove_background(image: Image, *, box: Box | None = None, fill: tuple[int, int, int] = (255, 255, 255)) -> Cutout:
    """Cut the product loose by GrabCut (Rother, Kolmogorov and Blake, 2004).

    Where the product is follows from the plain ground, or else from what stands out
    (:mod:`goodsense.media.objects`); or it is said by a box that surrounds it.

    Parameters
    ----------
    box
        Outside it all is ground.
    fill
        The colour of the new ground.

    Raises
    ------
    ValueError
        If the box lies outside the picture, or the image is no ``(h, w, 3)`` uint8 array.
    """
    import cv2

    small = objects.shrunk(image, _SIDE)
    seeds, clear = _seeds(small) if box is None else (_seeds_of(box, small.shape[:2], image.shape), 1.0)
    thing = cut(small, seeds, rounds=2 if box is None else 5)
    size = image.shape[1], image.shape[0]
    soft = cv2.GaussianBlur(thing.astype(np.float32), (0, 0), 0.7)
    soft = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)
    mask = np.asarray(soft > 0.5)
    if not mask.any():
        return Cutout(image.copy(), np.ones(image.shape[:2], dtype=np.bool_), 0.0)
    cover = np.clip(soft * 2 - 0.5, 0, 1)[..., None]  # a rim of half a pixel blends
    blended = image * cover + np.array(fill, dtype=np.float32) * (1 - cover)
    return Cutout(np.rint(blended).astype(np.uint8), mask, clear * _rim_contrast(small, thing))


def _seeds(small: Image) -> tuple[Seeds, float]:
    """Seeds from the objects found: sure within and without, open along the outline; and how clear the objects are."""
    import cv2

    seen = objects.shrunk(small)
    found, plain = objects.things(seen, most=12)
    pieces = [one for one in found[1:] if plain and one.sum() >= _PIECE * found[0].sum()]
    thing = np.logical_or.reduce([*found[:1], *pieces, np.zeros(seen.shape[:2], dtype=np.bool_)])
    whole = cv2.resize(thing.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    near = np.ones((3, 3), np.uint8)
    steps = max(2, round(_UNSURE * max(small.shape)))
    seeds = np.where(cv2.dilate(whole, near, iterations=steps) > 0, Seed.PERHAPS_GROUND, Seed.GROUND)
    seeds[whole > 0] = Seed.PERHAPS_THING
    seeds[cv2.erode(whole, near, iterations=steps) > 0] = Seed.THING
    stands_out = objects.saliency(seen)
    clear = plain or float(stands_out[thing].sum() / max(float(stands_out.sum()), 1e-6))
    return seeds.astype(np.uint8), clear


def _seeds_of(box: Box, size: tuple[int, ...], whole: tuple[int, ...]) -> Seeds:
    height, width = size
    down, across = height / whole[0], width / whole[1]
    rows = slice(max(round(box.top * down), 0), max(round((box.top + box.height) * down), 0))
    columns = slice(max(round(box.left * across), 0), max(round((box.left + box.width) * across), 0))
    seeds = np.full((height, width), Seed.GROUND, dtype=np.uint8)
    seeds[rows, columns] = Seed.PERHAPS_THING
    if not (seeds == Seed.PERHAPS_THING).any():
        raise ValueError(f"{box} lies outside the picture of {whole[0]} x {whole[1]} pixels; expected one within")
    return seeds


def _rim_contrast(small: Image, thing: NDArray[np.bool_]) -> float:
    """How unlike the colours just inside the outline are to those just outside; 1 from a CIELAB distance of 30."""
    import cv2

    mask = thing.astype(np.uint8)
    near = np.ones((5, 5), np.uint8)
    within, without = (thing & (cv2.erode(mask, near) == 0)), (~thing & (cv2.dilate(mask, near) > 0))
    if not within.any() or not without.any():
        return 0.0
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    inner, outer = (
        cv2.blur(lab * side[..., None], (9, 9)) / np.maximum(cv2.blur(side.astype(np.float32), (9, 9)), 1e-3)[..., None]
        for side in (within, without)
    )
    return float(np.clip(np.linalg.norm(inner - outer, axis=2)[within].mean() / 30, 0, 1))
