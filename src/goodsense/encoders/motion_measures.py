"""What a moving thing does, as numbers: from velocities on a grid, and from what its pictures look like over time.

Velocities are ``(t, rows, columns, 2)`` float32, right and down, in shares of the frame per second, one for each frame
after the first; so the same movement gives the same numbers at any size and rate.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import descriptor_blocks as blocks

Velocities: TypeAlias = NDArray[np.float32]  # (t, rows, columns, 2)
Flat: TypeAlias = NDArray[np.float32]
Series: TypeAlias = NDArray[np.float64]  # (t, k)

DIRECTIONS = 8
SLOW, FAST = 0.05, 0.4  # shares of the frame per second: below, a thing rests; above, it is fast
CUTS = ((1, 1), (2, 1), (1, 2), (2, 2))  # parts in time, and along each side in space
BEATS = (0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)  # per second
_SHAPE_SIDE = 48


def orientation_histograms(motion: Velocities) -> Flat:
    """How much moves in which direction, slowly and fast, over space and time (Laptev & others, 2008).

    Square roots of shares; what rests has a bin of its own. Directions are shared between the two nearest bins.
    """
    speed = np.hypot(motion[..., 0], motion[..., 1])
    weights = [
        (speed < SLOW).astype(np.float32)[..., None],
        _directions(motion, ((speed >= SLOW) & (speed < FAST)).astype(np.float32)),
        _directions(motion, (speed >= FAST).astype(np.float32)),
    ]
    return np.sqrt(_cut_means(np.concatenate(weights, axis=-1)))


def boundary_histograms(motion: Velocities) -> Flat:
    """Where neighbours move differently: motion boundary histograms (Dalal & others, 2006).

    A camera that moves over a scene at rest leaves them empty. Square roots, so that strong edges do not drown others.
    """
    if len(motion) == 0:
        return np.sqrt(_cut_means(np.zeros((0, *motion.shape[1:3], 2 * DIRECTIONS), dtype=np.float32)))
    found = []
    for part in (motion[..., 0], motion[..., 1]):
        across, down = np.gradient(part, axis=2), np.gradient(part, axis=1)
        gradient = np.stack([across, down], axis=-1)
        found.append(_directions(gradient, np.hypot(gradient[..., 0], gradient[..., 1])))
    return np.sqrt(_cut_means(np.concatenate(found, axis=-1)))


def _directions(vectors: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(..., 2)`` to weights on direction bins ``(..., DIRECTIONS)``; the first bin is to the right, the next down."""
    angle = np.arctan2(vectors[..., 1], vectors[..., 0]) / (2 * np.pi) * DIRECTIONS
    apart = np.abs((angle[..., None] - np.arange(DIRECTIONS) + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
    found: NDArray[np.float32] = np.maximum(1 - apart, 0).astype(np.float32) * weights[..., None]
    return found


def _cut_means(values: NDArray[np.float32]) -> Flat:
    """Means of ``(t, rows, columns, bins)`` over the parts of every cut, one after the other."""
    found = []
    for in_time, in_space in CUTS:
        for span in np.array_split(values, in_time, axis=0):
            for band in np.array_split(span, in_space, axis=1):
                for part in np.array_split(band, in_space, axis=2):
                    flat = part.reshape(-1, values.shape[-1])
                    found.append(flat.mean(axis=0) if len(flat) else np.zeros(values.shape[-1], dtype=np.float32))
    return np.concatenate(found).astype(np.float32)


def courses(motion: Velocities) -> Series:
    """Movement as a whole at each time ``(t, 9)``.

    Mean velocity right and down of what moves, speed, growth, turning, the moving area's middle (2) and its extent (2).
    Growth and turning are the divergence and rotation of the least-squares affine field.
    """
    count, rows, columns = motion.shape[:3]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    speed = np.hypot(motion[..., 0], motion[..., 1]).astype(np.float64)
    weight = np.where(speed >= SLOW, speed, 0.0)
    total = weight.sum(axis=(1, 2))
    safe = np.maximum(total, 1e-9)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((weight * values).sum(axis=(1, 2)) / safe)

    right, down = motion[..., 0].astype(np.float64), motion[..., 1].astype(np.float64)
    mean_x, mean_y = mean(np.broadcast_to(x, speed.shape)), mean(np.broadcast_to(y, speed.shape))
    off_x, off_y = x - mean_x[:, None, None], y - mean_y[:, None, None]
    wide, tall = mean(off_x**2), mean(off_y**2)
    floor = 0.01  # of squared extent: what moves at one spot neither grows nor turns
    growth = mean(off_x * right) / (wide + floor) + mean(off_y * down) / (tall + floor)
    turning = mean(off_x * down) / (wide + floor) - mean(off_y * right) / (tall + floor)
    found = [mean(right), mean(down), speed.mean(axis=(1, 2)), growth, turning, mean_x, mean_y]
    return np.stack([*found, np.sqrt(wide), np.sqrt(tall)], axis=1).reshape(count, 9)


def summary(series: Series) -> Flat:
    """Mean, deviation, mean size and largest size of every column: ``(t, k)`` to ``(4 k,)``."""
    if len(series) == 0:
        return np.zeros(4 * series.shape[1], dtype=np.float32)
    size = np.abs(series)
    return np.concatenate([series.mean(0), series.std(0), size.mean(0), size.max(0)]).astype(np.float32)


def rhythm(series: Series, times: NDArray[np.float64]) -> Flat:
    """What share of each column's variation beats how often: ``(t, k)`` at ``times`` to ``(k * len(BEATS),)``.

    Beats faster than half the frame rate are not seen and are 0.
    """
    found = np.zeros((series.shape[1], len(BEATS)))
    if len(series) >= 4:
        off = series - series.mean(axis=0)
        energy = (off**2).mean(axis=0)
        fastest = 0.5 / max(float(np.median(np.diff(times))), 1e-6)
        for i, beat in enumerate(BEATS):
            if beat <= fastest:
                wave = np.exp(-2j * np.pi * beat * times)
                found[:, i] = 2 * np.abs((off * wave[:, None]).mean(axis=0)) ** 2 / np.maximum(energy, 1e-4)
    return np.sqrt(found).reshape(-1).astype(np.float32)


def looks(frames: NDArray[np.uint8], greys: NDArray[np.uint8]) -> tuple[Flat, Series]:
    """Colour, texture and shape of frames ``(t, h, w, 3)`` and ``(t, h', w')``.

    Returns
    -------
    tuple
        The mean histogram of colours ``(joint,)``, and a series ``(t, 17)``: the mean of each Lab channel, the change
        of the histogram, edges by direction (8) and their sum, and the silhouette's area, middle and sides (4).
    """
    import cv2

    shown = [cv2.resize(frame, (_SHAPE_SIDE, _SHAPE_SIDE), interpolation=cv2.INTER_AREA) for frame in frames]
    labs = [blocks.to_lab(frame) for frame in shown]
    colours = np.stack([blocks.joint_histogram(blocks.FineColours.of(lab)) for lab in labs])
    change = np.zeros(len(frames))
    change[1:] = ((colours[1:] - colours[:-1]) ** 2).sum(axis=1)
    means = np.stack([lab.reshape(-1, 3).mean(axis=0) for lab in labs])
    edges = np.stack([_edges(grey) for grey in greys])
    series = [means, change[:, None], edges, edges.sum(axis=1, keepdims=True), silhouettes(greys)]
    return colours.mean(axis=0).astype(np.float32), np.concatenate(series, axis=1).astype(np.float64)


def _edges(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    across, down = np.gradient(grey.astype(np.float32) / 255, axis=(1, 0))
    strength = np.hypot(across, down)
    angle = (np.arctan2(down, across) / np.pi * DIRECTIONS).astype(np.int64) % DIRECTIONS
    return np.bincount(angle.ravel(), strength.ravel(), DIRECTIONS) / grey.size


def silhouettes(greys: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Area, height of the middle, width and height of what differs from the clip's median picture ``(t, 4)``."""
    _, rows, columns = greys.shape
    off = np.abs(greys.astype(np.int16) - np.median(greys, axis=0).astype(np.int16)) > 24
    y, x = np.linspace(-1, 1, rows), np.linspace(-1, 1, columns)
    area = off.mean(axis=(1, 2))
    by_row, by_column = off.sum(axis=2) / np.maximum(off.sum(axis=(1, 2)), 1)[:, None], off.sum(axis=1)
    by_column = by_column / np.maximum(by_column.sum(axis=1), 1)[:, None]
    middle_y, middle_x = by_row @ y, by_column @ x
    tall = np.sqrt(np.maximum(by_row @ y**2 - middle_y**2, 0))
    wide = np.sqrt(np.maximum(by_column @ x**2 - middle_x**2, 0))
    return np.stack([area, middle_y, wide, tall], axis=1)
