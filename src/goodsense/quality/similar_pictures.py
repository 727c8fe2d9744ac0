"""Products that show nearly the same picture: found by perceptual hash, made sure by laying one over the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.progress import Progress, silent
from goodsense.quality.census import Census
from goodsense.quality.fingerprints import CHROMA, THUMB, VIEWS
from goodsense.quality.groups import Group, Pair, grouped
from goodsense.quality.hashing import near_pairs, packed
from goodsense.quality.pictures import PictureFacts

BLANK = 3.0  # standard deviation of a thumbnail, in grey levels, below which a picture shows nothing
_BITS_APART = 12  # of 64: a small crop changes up to ten
_COSINE = 0.88  # of the frequencies, each divided by its spread in the catalog
_MOST = 4  # pictures that one picture is laid over, the likeliest first
_COLOURS_APART = 6.0  # mean difference in a and b of CIELAB before, and
_COLOUR = 9.0  # difference that nine tenths of the fields keep to after the alignment
_CORRELATION = 0.985  # of the aligned thumbnails
_GREY = 16.0  # levels by which all but 1 % of the aligned pixels differ at most
_BRIGHTER = 6.0  # levels between the means
_BLUR = 0.8  # pixels; seams that lie half a pixel apart are no difference
_OVERLAP = 0.6  # of the thumbnail's pixels
_SCALES = (0.8, 1.25)  # of the alignment: a crop takes a tenth of either side, or two
_SHEAR = 0.05
_STEPS = (12, 25)  # of the alignment, at half the size and at the whole
_WORTH_IT = 0.955  # correlation at half the size
_PRIOR = 30.0  # pictures; the spread in a smaller catalog is drawn towards a general one
_THREADS = 2  # the alignment releases Python's lock
_BATCH = 500

PicturePairs = list[tuple[int, int, float]]


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """A thumbnail in grey and its colours on a coarser grid: ``(THUMB, THUMB)`` and ``(CHROMA, CHROMA, 2)``."""

    grey: NDArray[np.float32]
    chroma: NDArray[np.float32]


def _look(facts: PictureFacts, row: int) -> Look:
    record = facts.records[row]
    return Look(record["thumbnail"].astype(np.float32), record["chroma"].astype(np.float32))


def similar_pictures(
    census: Census, facts: PictureFacts | None, placeholders: Mapping[str, str], pairs: PicturePairs
) -> list[Group]:
    """Groups of products that show the same picture or nearly the same; placeholders do not count.

    Parameters
    ----------
    pairs
        What :func:`picture_pairs` found.
    """
    showing: defaultdict[str, list[int]] = defaultdict(list)
    for picture in census.pictures:
        if picture.sha256 and picture.sha256 not in placeholders and not _is_blank(facts, picture.sha256):
            showing[picture.sha256].append(picture.row)

    def product_pairs() -> Iterator[Pair]:
        for sha256, rows in showing.items():
            for row in rows[1:]:
                if row != rows[0]:
                    yield Pair(rows[0], row, 1.0, (sha256, sha256))
        if facts is None:
            return
        for one, other, score in pairs:
            a, b = facts.hashes[one], facts.hashes[other]
            for row in showing.get(b, ())[:1]:
                yield from (Pair(first, row, score, (a, b)) for first in showing.get(a, ())[:1] if first != row)

    return grouped(product_pairs(), census.ids)


def _is_blank(facts: PictureFacts | None, sha256: str) -> bool:
    at = None if facts is None else facts.rows.get(sha256)
    return at is not None and facts is not None and bool(facts.records["contrast"][at] < BLANK)


def picture_pairs(facts: PictureFacts, *, progress: Progress = silent) -> PicturePairs:
    """Pairs of pictures (by record) that show the same, resized, recompressed or cropped a little, with a score."""
    seen = np.flatnonzero((facts.records["readable"] == 1) & (facts.records["contrast"] >= BLANK))
    if len(seen) < 2:
        return []
    one, other = _candidates(facts.records["views"][seen].astype(np.float32))
    one, other = seen[one], seen[other]
    coloured = facts.records["chroma"]
    alike = np.concatenate(
        [_colour_distance(coloured, one[at : at + 4096], other[at : at + 4096]) for at in range(0, len(one), 4096)]
        or [np.zeros(0)]
    )
    one, other = one[alike <= _COLOURS_APART], other[alike <= _COLOURS_APART]
    return list(_verified(facts, one, other, progress))


def _colour_distance(
    chroma: NDArray[np.uint8], one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.float64]:
    difference = np.abs(chroma[one].astype(np.int16) - chroma[other].astype(np.int16))
    return np.asarray(difference.mean(axis=(1, 2, 3)))


def _candidates(views: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of pictures of which some view of one looks like some view of the other. ``(n, VIEWS, BITS)``."""
    n = len(views)
    whole = views[:, 0]
    weight = n / (n + _PRIOR)
    centre = np.median(whole, axis=0) * weight
    spread = np.sqrt(weight * whole.var(axis=0) + (1 - weight) / whole.shape[1]).astype(np.float32)
    flat = (views.reshape(n * VIEWS, -1) - centre) / spread
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-6))
    found: list[NDArray[np.float64]] = []
    for a, b in near_pairs(packed(flat, np.zeros(flat.shape[1], np.float32)), within=_BITS_APART):
        apart = a // VIEWS != b // VIEWS
        a, b = a[apart], b[apart]
        cosine = np.einsum("nd,nd->n", flat[a], flat[b])
        near = cosine >= _COSINE
        a, b = a[near] // VIEWS, b[near] // VIEWS
        found.append(np.stack((np.minimum(a, b), np.maximum(a, b), cosine[near]), axis=1))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return _likeliest(np.concatenate(found), n)


def _likeliest(pairs: NDArray[np.float64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs, each once, that are among the best of either picture."""
    pairs = pairs[np.lexsort((-pairs[:, 2], pairs[:, 1], pairs[:, 0]))]
    first = np.ones(len(pairs), dtype=np.bool_)
    first[1:] = (pairs[1:, 0] != pairs[:-1, 0]) | (pairs[1:, 1] != pairs[:-1, 1])
    pairs = pairs[first]
    kept = np.zeros(len(pairs), dtype=np.bool_)
    for side in (0, 1):
        order = np.lexsort((-pairs[:, 2], pairs[:, side]))
        starts = np.searchsorted(pairs[order, side], np.arange(n))
        place = np.arange(len(pairs)) - starts[pairs[order, side].astype(np.int64)]
        kept[order[place < _MOST]] = True
    return pairs[kept, 0].astype(np.int64), pairs[kept, 1].astype(np.int64)


# ---- one picture laid over the other


def _verified(
    facts: PictureFacts, one: NDArray[np.int64], other: NDArray[np.int64], progress: Progress
) -> Iterator[tuple[int, int, float]]:
    chosen = list(zip(one.tolist(), other.tolist(), strict=True))

    def scores(start: int) -> list[tuple[int, int, float]]:
        batch = chosen[start : start + _BATCH]
        return [(a, b, score) for a, b in batch if (score := overlap(_look(facts, a), _look(facts, b))) > 0]

    with ThreadPoolExecutor(_THREADS) as pool:
        for start, found in zip(range(0, len(chosen), _BATCH), pool.map(scores, range(0, len(chosen), _BATCH)),
                                strict=True):  # fmt: skip
            progress("similar pictures", min(start + _BATCH, len(chosen)), len(chosen))
            yield from found


def overlap(one: Look, other: Look) -> float:
    """How well two pictures agree once one is moved and scaled to lie over the other; 0 if they show other things.

    The alignment maximises the enhanced correlation coefficient (Evangelidis and Psarakis, 2008). The correlation of
    what overlaps is returned if it is high and no part differs in grey or colour: two shirts of one cut correlate
    highly, but their seams lie elsewhere.
    """
    warp = _alignment(one.grey, other.grey)
    if warp is None:
        return 0.0
    grey, found = _laid_over(one.grey, other.grey, warp)
    if len(grey) < _OVERLAP * one.grey.size or abs(float(grey.mean() - found.mean())) > _BRIGHTER:
        return 0.0
    x, y = grey - grey.mean(), found - found.mean()
    correlation = float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-6))
    if correlation < _CORRELATION or float(np.percentile(np.abs(x - y), 99)) > _GREY:
        return 0.0
    coarse = warp.copy()  # the same on the coarser grid of the colours, whose first field is centred elsewhere
    ratio = THUMB / CHROMA
    shift = (ratio - 1) / 2
    coarse[:, 2] = (warp[:, :2] @ np.array([shift, shift], np.float32) + warp[:, 2] - shift) / ratio
    colour, wanted = _laid_over(one.chroma, other.chroma, coarse)
    apart = np.linalg.norm(colour - wanted, axis=-1)
    return round(correlation, 4) if len(apart) and float(np.percentile(apart, 90)) <= _COLOUR else 0.0


def _alignment(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Where each pixel of ``other`` lies in ``one``; None if they cannot be aligned by a crop and a resize."""
    import cv2

    half_one, half_other = (
        cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for grey in (one, other)
    )
    warp = np.eye(2, 3, dtype=np.float32)
    try:
        near, warp = cv2.findTransformECC(half_other, half_one, warp, cv2.MOTION_AFFINE, _until(_STEPS[0]), None, 1)
        if near < _WORTH_IT:
            return None
        warp[:, 2] = 2 * warp[:, 2] + 0.5 - warp[:, :2].sum(axis=1) / 2  # pixel centres of the finer grid
        _, warp = cv2.findTransformECC(other, one, warp, cv2.MOTION_AFFINE, _until(_STEPS[1]), None, 1)
    except cv2.error:  # no correlation to climb
        return None
    scaled = all(_SCALES[0] <= warp[axis, axis] <= _SCALES[1] for axis in (0, 1))
    return np.asarray(warp) if scaled and max(abs(warp[0, 1]), abs(warp[1, 0])) <= _SHEAR else None


def _until(steps: int) -> tuple[int, int, float]:
    import cv2

    return cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, steps, 1e-4


def _laid_over(
    one: NDArray[np.float32], other: NDArray[np.float32], warp: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The values of both where they overlap, blurred a little, without the outermost ring."""
    import cv2

    a, b = cv2.GaussianBlur(one, (0, 0), _BLUR), cv2.GaussianBlur(other, (0, 0), _BLUR)
    size = other.shape[1::-1]
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    both = cv2.warpAffine(np.ones(one.shape[:2], np.float32), warp, size, flags=how) > 0.999
    both[[0, -1]] = both[:, [0, -1]] = False
    return cv2.warpAffine(a, warp, size, flags=how)[both], b[both]
