"""The main objects of a picture, found without having learned any: what stands out, cut loose from its ground.

What stands out is a product of two maps: how unlike a colour is to those along the picture's edges, and where the
picture is less regular than its own spectrum lets expect (the spectral residual of Hou and Zhang, 2007). Each of the
fields that stand out is cut loose by GrabCut, and the box is that of the cut. Before a plain ground none of this is
needed: there an object is what hangs together and is neither the ground nor a shadow on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goodsense.media.grabcut import Seed, cut
from goodsense.types import Box, Image

if TYPE_CHECKING:
    from goodsense.media.preprocess import Background

__all__ = ["main_object", "propose_objects", "saliency"]

_SIDE = 128  # pixels of the longer side that is looked at
_TINY = 8  # pixels of the shorter side below which nothing is sought
_RESIDUAL = 64
_CLUSTERS = 4  # colours along the edges
_FAINT = 6.0  # CIELAB distance from the edges' colours below which nothing stands out
_TINT = 8.0  # CIELAB distance in colour alone, within which a shadow has its ground's colour
_SOFT = 4.0  # levels of lightness a pixel; where a shadow changes, it changes no faster
_LEVELS = (0.35, 0.55, 0.75)  # of the strongest saliency: fields are sought at each
PLAIN = 0.8  # the share of the frame that has one colour, from which a ground is plain
_LEAST = 0.004  # of the picture that an object covers
_SAME = 0.6  # overlap from which two boxes are one


def propose_objects(image: Image, *, k: int = 3) -> tuple[Box, ...]:
    """At most ``k`` boxes of what stands out, the best first; none where nothing does.

    ``score``, 0 to 1, grows with how much the box stands out, with its size and its nearness to the middle. Boxes
    have no label.

    Raises
    ------
    ValueError
        If ``k`` is below 1 or the image no ``(h, w, 3)`` uint8 array.
    """
    if k < 1:
        raise ValueError(f"k is {k}; expected at least 1")
    small = shrunk(image)
    stands_out = _saliency(small)
    found: list[Box] = []
    for thing in things(small, most=2 * k)[0]:
        box = _box_of(thing, stands_out)
        if box is not None and all(box.overlap(other) < _SAME for other in found):
            found.append(box)
    best = sorted(found, key=lambda box: -box.score)[:k]
    return tuple(_enlarged(box, small.shape, image.shape) for box in best)


def main_object(image: Image) -> Box:
    """The best of :func:`propose_objects`; the whole picture with score 0 where nothing stands out."""
    found = propose_objects(image, k=1)
    return found[0] if found else Box(0, 0, image.shape[1], image.shape[0], 0.0)


def saliency(image: Image) -> NDArray[np.float32]:
    """How much each pixel stands out, ``(h, w)``, 0 to 1; all 0 where nothing does."""
    import cv2

    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.resize(_saliency(shrunk(image)), size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def shrunk(image: Image, side: int = _SIDE) -> Image:
    """The image at most ``side`` pixels long, as objects are sought in it."""
    from goodsense.media.preprocess import scale_to_fit

    return scale_to_fit(image, side, enlarge=False)


def _saliency(small: Image) -> NDArray[np.float32]:
    import cv2

    height, width = small.shape[:2]
    if min(height, width) < _TINY:
        return np.zeros((height, width), dtype=np.float32)
    contrast = _contrast(small)
    strongest = float(np.percentile(contrast, 99))
    if strongest < _FAINT:
        return np.zeros((height, width), dtype=np.float32)
    contrast = np.clip(contrast / strongest, 0, 1)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    middle = np.exp(-(rows**2 + columns**2) / 1.6)
    whole = contrast * (0.45 + 0.55 * _residual(small)) * middle
    whole = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), max(height, width) / 60)
    return np.asarray(np.clip(whole / max(float(np.percentile(whole, 99.5)), 1e-6), 0, 1), dtype=np.float32)


def _contrast(small: Image) -> NDArray[np.float32]:
    """CIELAB distance to the nearest of the colours along the picture's edges, each with a spread of its own."""
    import cv2

    lab = _lab(cv2.GaussianBlur(small, (0, 0), 1.0))
    wide = max(1, round(min(small.shape[:2]) * 0.05))
    frame = np.ones(small.shape[:2], dtype=np.bool_)
    frame[wide:-wide, wide:-wide] = False
    edge = lab[frame]
    cv2.setRNGSeed(1)
    count = min(_CLUSTERS, len(edge))
    _, labels, centres = cv2.kmeans(edge, count, None, (3, 12, 0.5), 1, cv2.KMEANS_PP_CENTERS)
    nearest = np.full(small.shape[:2], np.inf, dtype=np.float32)
    for label, centre in enumerate(centres):
        members = edge[labels.ravel() == label]
        if len(members) < 0.06 * len(edge):  # what only touches the edge belongs to the object
            continue
        spread = float(np.linalg.norm(members - centre, axis=1).mean())
        nearest = np.minimum(nearest, np.maximum(np.linalg.norm(lab - centre, axis=2) - spread, 0))
    return nearest


def _residual(small: Image) -> NDArray[np.float32]:
    """The spectral residual of the lightness and both colour channels, 0 to 1."""
    import cv2

    lab = cv2.cvtColor(cv2.resize(small, (_RESIDUAL, _RESIDUAL), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    total = np.zeros((_RESIDUAL, _RESIDUAL), dtype=np.float32)
    for channel in np.moveaxis(lab.astype(np.float32), 2, 0):
        spectrum = np.fft.fft2(channel)
        logs = np.log(np.abs(spectrum) + 1e-3).astype(np.float32)
        residual = logs - cv2.blur(logs, (3, 3), borderType=cv2.BORDER_REFLECT_101)
        back = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
        total += cv2.GaussianBlur(back.astype(np.float32), (0, 0), 3.5) * float(channel.std())
    total -= total.min()
    total = np.clip(total / max(float(np.percentile(total, 98)), 1e-9), 0, 1)
    size = small.shape[1], small.shape[0]
    return np.asarray(cv2.resize(total, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def things(small: Image, *, most: int) -> tuple[list[NDArray[np.bool_]], float]:
    """Where the objects of a small picture are, ``(h, w)`` each, at most so many; and how plain the ground is, or 0."""
    from goodsense.media.preprocess import estimate_background

    ground = estimate_background(small)
    if ground.sure >= PLAIN:
        return _before_plain_ground(small, ground)[:most], ground.sure
    return _cut_loose(small, _saliency(small), most), 0.0


def _before_plain_ground(small: Image, ground: Background) -> list[NDArray[np.bool_]]:
    """What hangs together before a plain ground, the largest first."""
    import cv2

    closed = cv2.morphologyEx((~ground.mask).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, parts = cv2.connectedComponents(closed)
    found = [parts == part for part in range(1, count)]
    found = [thing for thing in found if thing.mean() >= _LEAST]
    apart = _lab(small) - _lab(np.array([[ground.colour]], dtype=np.uint8))
    return [_without_shadow(small, thing, apart) for thing in sorted(found, key=lambda thing: -thing.sum())]


def _without_shadow(small: Image, thing: NDArray[np.bool_], apart: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The thing less the shadow around it, by GrabCut; all of it if little else were left.

    A shadow is soft, a little darker than the ground, of its colour, and reaches the ground. ``apart`` is the picture's
    CIELAB less the ground's.
    """
    import cv2

    distance = np.linalg.norm(apart, axis=2)
    strong = float(np.percentile(distance[thing], 80))
    coloured = np.linalg.norm(apart[..., 1:], axis=2) > _TINT
    lightness = cv2.GaussianBlur(np.ascontiguousarray(apart[..., 0]), (0, 0), 1.0)
    slope = cv2.magnitude(cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1)) / 8
    edged = cv2.dilate((slope > _SOFT).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    seeds = np.full(thing.shape, Seed.GROUND, dtype=np.uint8)
    seeds[thing] = Seed.PERHAPS_THING
    seeds[thing & (distance < 0.45 * strong) & (apart[..., 0] < 0) & ~coloured & ~edged] = Seed.PERHAPS_GROUND
    seeds[thing & (distance > 0.8 * strong)] = Seed.THING
    _, parts = cv2.connectedComponents((~cut(small, seeds)).astype(np.uint8), connectivity=4)
    around = np.unique(parts[~thing & (parts > 0)])
    found = thing & ~np.isin(parts, around)
    return found if found.sum() >= 0.5 * thing.sum() else thing


def _lab(image: Image) -> NDArray[np.float32]:
    """CIELAB with L from 0 to 100."""
    import cv2

    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _cut_loose(small: Image, stands_out: NDArray[np.float32], most: int) -> list[NDArray[np.bool_]]:
    """The objects of the fields that stand out, at most so many; a field within one found already is a part of it."""
    found: list[NDArray[np.bool_]] = []
    taken = np.zeros(stands_out.shape, dtype=np.bool_)
    for field in _fields(stands_out):
        if len(found) < most and (field & taken).sum() <= 0.5 * field.sum():
            found.append(_refined(small, field, stands_out))
            taken |= found[-1]
    return found


def _fields(stands_out: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """Connected fields at several levels, those that stand out most first."""
    import cv2

    found: list[tuple[float, NDArray[np.bool_]]] = []
    for level in _LEVELS:
        count, parts = cv2.connectedComponents((stands_out >= level).astype(np.uint8))
        for part in range(1, count):
            field = parts == part
            if field.mean() >= _LEAST:
                found.append((float(stands_out[field].sum()), field))
    return [field for _, field in sorted(found, key=lambda one: -one[0])]


def _refined(small: Image, field: NDArray[np.bool_], stands_out: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The object that a field belongs to: GrabCut within the field's surroundings."""
    import cv2

    rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))
    high, wide = len(range(rows[0], rows[-1] + 1)), len(range(columns[0], columns[-1] + 1))
    near = np.zeros(field.shape, dtype=np.uint8)
    grow_y, grow_x = max(2, round(high * 0.25)), max(2, round(wide * 0.25))
    near[max(rows[0] - grow_y, 0) : rows[-1] + grow_y + 1, max(columns[0] - grow_x, 0) : columns[-1] + grow_x + 1] = 1
    seeds = np.where(near > 0, Seed.PERHAPS_GROUND, Seed.GROUND).astype(np.uint8)
    seeds[cv2.dilate(field.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = Seed.PERHAPS_THING
    seeds[field & (stands_out >= 0.85)] = Seed.THING
    loose = cut(small, seeds)
    _, parts = cv2.connectedComponents(loose.astype(np.uint8))
    held = np.unique(parts[loose & field])
    kept: NDArray[np.bool_] = np.isin(parts, held[held > 0])
    return kept if kept.sum() >= 0.3 * field.sum() else field


def _box_of(thing: NDArray[np.bool_], stands_out: NDArray[np.float32]) -> Box | None:
    """The box around a thing, without stray pixels at its rim, and its score."""
    rows, columns = (np.flatnonzero(thing.sum(axis=axis) >= 2) for axis in (1, 0))
    if len(rows) < 2 or len(columns) < 2 or thing.mean() < _LEAST:
        return None
    top, left, high, wide = int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    shown = float(stands_out[thing].mean())
    share = float(stands_out[thing].sum() / max(stands_out.sum(), 1e-6))  # of all that stands out
    return Box(left, top, wide, high, float(np.clip(np.sqrt(shown * share), 0, 1)))


def _enlarged(box: Box, small: tuple[int, ...], whole: tuple[int, ...]) -> Box:
    down, across = whole[0] / small[0], whole[1] / small[1]
    return Box(box.left * across, box.top * down, box.width * across, box.height * down, box.score)
