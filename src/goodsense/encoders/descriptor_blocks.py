"""Classical descriptors of one picture: colour, gradients and texture, all without a fitted part.

Every function takes one small canonical picture and returns one flat float32 array. The pictures are small on purpose:
what tells a shirt from a shoe, or an apple from a pear, survives 96 pixels. Eight-bit channels are counted first and
spread over soft bins afterwards, by tables, so that hundreds of pictures a second fit on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (h, w)
Lab = NDArray[np.uint8]  # (h, w, 3): L * 2.55, a + 128, b + 128
Weights = NDArray[np.float32]  # (h, w), how much a pixel counts
Flat = NDArray[np.float32]

COLOUR_REACH = 70.0  # a and b beyond this do not occur in shop pictures
FINE = 32  # levels per channel of the joint count, before it is spread


def to_lab(image: NDArray[np.uint8]) -> Lab:
    """CIE Lab (D65) in eight bits per channel."""
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))


@cache
def _levels(channel: int) -> NDArray[np.float32]:
    """Where each of the 256 values of a Lab channel lies between 0 and 1."""
    values = np.arange(256, dtype=np.float32)
    if channel == 0:
        return values * np.float32(1 / 255)
    scaled: NDArray[np.float32] = np.clip((values - 128) / np.float32(2 * COLOUR_REACH) + np.float32(0.5), 0.0, 1.0)
    return scaled


def vividness(lab: Lab) -> Weights:
    """How strong the colour of each pixel is: from .1 for grey to 1.1 for anything clearly coloured."""
    across, down = lab[:, :, 1].astype(np.float32) - 128, lab[:, :, 2].astype(np.float32) - 128
    strength: Weights = np.minimum(np.sqrt(across**2 + down**2) / np.float32(20), np.float32(1)) + np.float32(0.1)
    return strength


@cache
def _soft_bins(channel: int, bins: int) -> NDArray[np.float32]:
    """Shares of each of the 256 values in the two nearest bins: ``(256, bins)``, rows sum to 1."""
    place = _levels(channel) * (bins - 1)
    shares: NDArray[np.float32] = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(bins))).astype(np.float32)
    return shares


@cache
def _joint_bins(bins: tuple[int, int, int]) -> NDArray[np.float32]:
    """Shares of every fine colour in the joint bins: ``(FINE ** 3, bins)`` as one matrix per channel, multiplied."""
    step = 256 // FINE
    axes = [_soft_bins(c, bins[c])[step // 2 :: step] for c in range(3)]
    joint: NDArray[np.float32] = np.einsum("ai,bj,ck->abcijk", *axes).reshape(FINE**3, -1)
    return joint


@cache
def _cells(height: int, width: int, grid: int) -> NDArray[np.int32]:
    """Which cell of a grid each pixel lies in: ``(h, w)``."""
    rows, columns = np.arange(height) * grid // height, np.arange(width) * grid // width
    return (rows[:, None] * grid + columns).astype(np.int32)


def channel_counts(lab: Lab, *, grid: int) -> NDArray[np.float32]:
    """Shares of each value in each cell: ``(3, grid, grid, 256)``."""
    height, width = lab.shape[:2]
    offset = _cells(height, width, grid) * 256
    size = grid * grid * 256
    counts = [np.bincount((offset + lab[:, :, c]).ravel(), minlength=size) for c in range(3)]
    shares = np.stack(counts).reshape(3, grid, grid, 256).astype(np.float32)
    return shares * np.float32(1 / (height * width))


def channel_histograms(counts: NDArray[np.float32], *, bins: int, grids: tuple[int, ...]) -> Flat:
    """Soft histograms of each channel in the cells of each grid, square-rooted (Hellinger).

    ``counts`` stand on a grid that every other grid divides. Each grid as a whole has unit energy per channel.
    """
    soft = np.stack([counts[c] @ _soft_bins(c, bins) for c in range(3)])  # (3, g, g, bins)
    return np.concatenate([np.sqrt(_pooled(soft, grid)).ravel() for grid in grids])


def _pooled(cells: NDArray[np.float32], grid: int) -> NDArray[np.float32]:
    channels, finest, _, bins = cells.shape
    step = finest // grid
    pooled: NDArray[np.float32] = cells.reshape(channels, grid, step, grid, step, bins).sum(axis=(2, 4))
    return pooled


@dataclass(frozen=True, eq=False)
class FineColours:
    """The fine colours that a picture has, and which of them each pixel is."""

    used: NDArray[np.int64]  # (u,) numbers below FINE ** 3
    pixels: NDArray[np.int64]  # (h * w,) places in ``used``

    @classmethod
    def of(cls, lab: Lab) -> FineColours:
        fine = (lab >> 3).astype(np.int32)
        codes = ((fine[:, :, 0] * FINE + fine[:, :, 1]) * FINE + fine[:, :, 2]).ravel()
        places = np.zeros(FINE**3, dtype=np.int64)
        places[codes] = 1
        used = np.flatnonzero(places)
        places[used] = np.arange(len(used))
        return cls(used, places[codes])


def joint_histogram(
    colours: FineColours, weights: Weights | None = None, *, bins: tuple[int, int, int] = (5, 8, 8)
) -> Flat:
    """One soft histogram over all three channels at once, square-rooted; unit energy."""
    flat = None if weights is None else weights.ravel()
    counts = np.bincount(colours.pixels, weights=flat, minlength=len(colours.used))
    spread = counts.astype(np.float32) @ _joint_bins(bins)[colours.used]
    found: Flat = np.sqrt(spread / max(float(spread.sum()), 1e-6))
    return found


def weighted_counts(lab: Lab, weights: Weights) -> NDArray[np.float32]:
    """Weighted shares of each value over the whole picture: ``(3, 256)``."""
    flat = weights.ravel()
    counts = np.stack([np.bincount(lab[:, :, c].ravel(), weights=flat, minlength=256) for c in range(3)])
    return (counts / max(float(flat.sum()), 1e-6)).astype(np.float32)


def value_histograms(shares: NDArray[np.float32], *, bins: int) -> Flat:
    """Soft square-rooted histograms of each channel from ``(3, 256)`` shares."""
    found: Flat = np.sqrt(np.concatenate([shares[c] @ _soft_bins(c, bins) for c in range(3)]))
    return found


def colour_moments(shares: NDArray[np.float32]) -> Flat:
    """Mean, deviation and (signed cube root) skewness of every channel, from ``(3, 256)`` shares."""
    levels = np.stack([_levels(c) for c in range(3)])
    mean = (shares * levels).sum(axis=1)
    difference = levels - mean[:, None]
    deviation = np.sqrt((shares * difference**2).sum(axis=1))
    skewness = np.cbrt((shares * difference**3).sum(axis=1))
    return np.concatenate([mean, deviation, skewness]).astype(np.float32)


@cache
def _zigzag(side: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = sorted(((r, c) for r in range(side) for c in range(side)), key=lambda rc: (rc[0] + rc[1], rc[0]))
    rows, columns = zip(*order[:count], strict=True)
    return np.array(rows), np.array(columns)


def colour_layout(lab: Lab, *, side: int = 8, kept: tuple[int, int] = (21, 10)) -> Flat:
    """Low frequencies of an 8 x 8 thumbnail per channel, as the colour layout descriptor of MPEG-7 has it.

    ``kept`` counts coefficients of lightness and of each colour channel, in zigzag order.
    """
    import cv2

    small = cv2.resize(lab, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    spectra = (cv2.dct(np.ascontiguousarray(small[:, :, c])) for c in range(3))
    counts = (kept[0], kept[1], kept[1])
    return np.concatenate([spectrum[_zigzag(side, n)] for spectrum, n in zip(spectra, counts, strict=True)])


def oriented_gradients(image: NDArray[np.float32], *, cell: int = 8, orientations: int = 9) -> Flat:
    """Histograms of oriented gradients in 2 x 2 blocks with L2-Hys norm (Dalal and Triggs, 2005).

    ``image`` is ``(h, w)`` or ``(h, w, 3)``; of several channels each pixel follows the one with the strongest
    gradient. Pixels vote for the two nearest orientations.
    """
    import cv2

    across = cv2.filter2D(image, -1, np.array([[-1, 0, 1]], np.float32), borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(image, -1, np.array([[-1], [0], [1]], np.float32), borderType=cv2.BORDER_REPLICATE)
    if image.ndim == 3:
        strongest = np.argmax(across**2 + down**2, axis=2)[:, :, None]
        across = np.take_along_axis(across, strongest, axis=2)[:, :, 0]
        down = np.take_along_axis(down, strongest, axis=2)[:, :, 0]
    size, angle = cv2.cartToPolar(across, down)
    place = angle * np.float32(orientations / np.pi)  # half circle: opposite directions are one orientation
    lower = place.astype(np.int32)
    upper_votes = size * (place - lower)
    lower %= orientations
    height, width = size.shape
    rows, columns = height // cell, width // cell
    base = _tiles(height, width, cell) * (orientations + 1) + lower
    length = rows * columns * (orientations + 1)
    inside = (slice(0, rows * cell), slice(0, columns * cell))
    flat = base[inside].ravel()
    counts = np.bincount(flat, weights=(size - upper_votes)[inside].ravel(), minlength=length)
    counts[1:] += np.bincount(flat, weights=upper_votes[inside].ravel(), minlength=length)[:-1]
    cells = counts.astype(np.float32).reshape(rows, columns, orientations + 1)
    cells[:, :, 0] += cells[:, :, orientations]  # the last bin's upper neighbour is the first
    return _blocks(cells[:, :, :orientations])


@cache
def _tiles(height: int, width: int, cell: int) -> NDArray[np.int32]:
    """Which whole cell each pixel lies in; pixels of a rest at the edge get numbers that are cut off."""
    return ((np.arange(height) // cell)[:, None] * (width // cell) + np.arange(width) // cell).astype(np.int32)


def _blocks(cells: NDArray[np.float32]) -> Flat:
    """L2-Hys over overlapping 2 x 2 blocks: ``(r, c, o) -> ((r - 1) * (c - 1) * 4 * o,)``."""
    blocks = np.concatenate([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2)
    blocks /= np.sqrt((blocks**2).sum(axis=2, keepdims=True) + np.float32(1e-2))
    np.minimum(blocks, 0.2, out=blocks)
    blocks /= np.sqrt((blocks**2).sum(axis=2, keepdims=True) + np.float32(1e-2))
    return blocks.ravel()


def _uniform_codes() -> NDArray[np.uint8]:
    """Code of each of the 256 eight-bit patterns: 58 with at most two changes around the circle, one for the rest."""
    codes = np.full(256, 58, dtype=np.uint8)
    uniform = [p for p in range(256) if bin(p ^ ((p << 1 | p >> 7) & 255)).count("1") <= 2]
    codes[uniform] = np.arange(len(uniform))
    return codes


RING = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))  # down, across; around the circle
UNIFORM = _uniform_codes()
PATTERNS = 59


def binary_patterns(grey: Grey, *, radius: int, grid: int = 3) -> Flat:
    """Uniform local binary patterns (Ojala et al., 2002) of the picture and of each cell of a grid, square-rooted.

    The eight neighbours stand on a square ring, so no value is interpolated; the edge of the picture is repeated.
    """
    import cv2

    height, width = grey.shape
    padded = cv2.copyMakeBorder(grey, radius, radius, radius, radius, cv2.BORDER_REPLICATE)
    codes = np.zeros(grey.shape, dtype=np.uint8)
    for bit, (down, across) in enumerate(RING):
        top, left = radius * (1 + down), radius * (1 + across)
        neighbour = padded[top : top + height, left : left + width]
        codes |= (neighbour >= grey).view(np.uint8) << np.uint8(bit)
    place = _cells(height, width, grid) * PATTERNS + UNIFORM[codes]
    counts = np.bincount(place.ravel(), minlength=grid * grid * PATTERNS).astype(np.float32)
    whole = counts.reshape(grid * grid, PATTERNS).sum(axis=0)
    found: Flat = np.sqrt(np.concatenate([whole, counts]) / np.float32(height * width))
    return found


def co_occurrence(grey: Grey, *, levels: int = 16, steps: tuple[int, ...] = (1, 2)) -> Flat:
    """Haralick's texture measures (1973) of grey-level co-occurrence in four directions at each distance.

    Energy, contrast, dissimilarity, homogeneity, correlation and entropy of each, all of the size of 1.
    """
    quantised = (grey.astype(np.int32) * levels) >> 8
    offsets = [place for step in steps for place in ((0, step), (step, step), (step, 0), (step, -step))]
    return _measures(np.stack([_pairs(quantised, down, across, levels) for down, across in offsets]))


def _pairs(quantised: NDArray[np.int32], down: int, across: int, levels: int) -> NDArray[np.float32]:
    """How often two levels stand at an offset from each other, both ways, as shares: ``(levels, levels)``."""
    height, width = quantised.shape
    first = quantised[: height - down, max(0, -across) : width - max(0, across)]
    second = quantised[down:, max(0, across) : width + min(0, across)]
    counts = np.bincount((first * levels + second).ravel(), minlength=levels * levels).reshape(levels, levels)
    return ((counts + counts.T) / (2 * first.size)).astype(np.float32)


def _measures(pairs: NDArray[np.float32]) -> Flat:
    """Six measures of each co-occurrence matrix: ``(m, levels, levels) -> (6 * m,)``."""
    levels = pairs.shape[1]
    place = np.arange(levels, dtype=np.float32)
    difference = np.abs(place[:, None] - place)
    share = pairs.sum(axis=2)  # (m, levels)
    mean = share @ place
    variance = share @ place**2 - mean**2
    covariance = np.einsum("mij,i,j->m", pairs, place, place) - mean**2
    logs = np.log(np.maximum(pairs, 1e-12))
    measures = [
        np.sqrt((pairs**2).sum(axis=(1, 2))),
        np.sqrt((pairs * difference**2).sum(axis=(1, 2))) / levels,
        (pairs * difference).sum(axis=(1, 2)) / levels,
        (pairs / (1 + difference**2)).sum(axis=(1, 2)),
        np.where(variance > 1e-4, covariance / np.maximum(variance, 1e-4), 1.0),
        -(pairs * logs).sum(axis=(1, 2)) / np.log(levels**2),
    ]
    return np.concatenate(measures).astype(np.float32)
