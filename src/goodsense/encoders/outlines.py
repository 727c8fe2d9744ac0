"""Where the product is in its picture, and the shape of its outline."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.descriptor_blocks import Flat, Lab, Weights

Mask = NDArray[np.uint8]  # (h, w), 0 or 1
Outline = NDArray[np.int32]  # (n, 1, 2), across and down

EDGE, SOFTNESS, BUSY = 16.0, 4.0, 24.0  # sums of eight-bit Lab differences
REGION_MEASURES = 16
OUTLINE_SAMPLES = 64
OUTLINE_KEPT = 12


@cache
def centre_prior(height: int, width: int) -> Weights:
    """A wide bell over the middle of the picture, 1 at its top."""
    rows = (np.arange(height, dtype=np.float32) + 0.5) / height - 0.5
    columns = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    bell: Weights = np.exp(-(rows[:, None] ** 2 + columns**2) / np.float32(2 * 0.3**2)).astype(np.float32)
    return bell


def foreground(lab: Lab) -> Weights:
    """How surely each pixel belongs to the product, 0 to 1, judged by its distance from the colours of the border.

    Catalog pictures have a plain background, so the border's median colour stands for it. The busier the border,
    the more the answer falls back to the middle of the picture.
    """
    border = np.concatenate(
        [lab[:3].reshape(-1, 3), lab[-3:].reshape(-1, 3), lab[:, :3].reshape(-1, 3), lab[:, -3:].reshape(-1, 3)]
    )
    background = np.sort(border, axis=0)[len(border) // 2].astype(np.int16)
    spread = float(np.sort(np.abs(border - background).sum(axis=1))[len(border) // 2])
    distance = np.abs(lab - background).sum(axis=2, dtype=np.int16)
    edge, softness = EDGE + 2 * spread, SOFTNESS + spread / 2
    sure = _ramp(edge, softness)[distance]
    plain = np.float32(np.exp(-spread / BUSY))
    mixed: Weights = plain * sure + (1 - plain) * centre_prior(*lab.shape[:2])
    return mixed


def _ramp(edge: float, softness: float) -> NDArray[np.float32]:
    """A soft step over all 766 distances between two eight-bit colours."""
    distances = np.arange(766, dtype=np.float32)
    ramp: NDArray[np.float32] = 1 / (1 + np.exp(np.clip((edge - distances) / np.float32(softness), -30, 30)))
    return ramp


def silhouette(weights: Weights, *, side: int = 12) -> Flat:
    """The foreground as a thumbnail."""
    import cv2

    return np.asarray(cv2.resize(weights, (side, side), interpolation=cv2.INTER_AREA), np.float32).ravel()


def shape_measures(weights: Weights) -> Flat:
    """:func:`region_shape` and :func:`outline_shape` of the foreground's surest part."""
    mask = (weights > 0.5).astype(np.uint8)
    outline = largest_outline(mask)
    if outline is None:
        return np.zeros(REGION_MEASURES + 2 * OUTLINE_KEPT, dtype=np.float32)
    return np.concatenate([region_shape(mask, outline), outline_shape(outline)])


def region_shape(mask: Mask, outline: Outline) -> Flat:
    """Hu's seven moments (signed logarithm) and nine plain measures of the region.

    The nine: area, extent, solidity, eccentricity, aspect, centre across and down, roundness, height.
    """
    import cv2

    height, width = mask.shape
    moments = cv2.moments(mask, binaryImage=True)
    hu = cv2.HuMoments(moments).ravel()
    logs = -np.sign(hu) * np.log10(np.maximum(np.abs(hu), 1e-12)) / 12
    area = max(moments["m00"], 1.0)
    _, _, box_width, box_height = cv2.boundingRect(outline)
    hull = max(cv2.contourArea(cv2.convexHull(outline)), 1.0)
    inner = max(cv2.contourArea(outline), 1.0)
    length = max(cv2.arcLength(outline, True), 1.0)
    second = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / area
    minor, major = np.sqrt(np.maximum(np.linalg.eigvalsh(second), 1e-6))
    rest = [
        area / (height * width),
        inner / (box_width * box_height),
        min(inner / hull, 1.0),
        math.sqrt(max(1 - (minor / major) ** 2, 0.0)),
        math.log(box_height / box_width) / 3,
        moments["m10"] / area / width - 0.5,
        moments["m01"] / area / height - 0.5,
        min(4 * math.pi * inner / length**2, 1.0),
        box_height / height,
    ]
    return np.concatenate([logs, rest]).astype(np.float32)


def largest_outline(mask: Mask) -> Outline | None:
    """The outer contour of the largest area ``(n, 1, 2)``, or None when there is none worth the name."""
    import cv2

    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    best = max(outlines, key=cv2.contourArea, default=None)
    return best if best is not None and len(best) >= 8 else None


def outline_shape(outline: Outline) -> Flat:
    """Fourier descriptors of an outline: magnitudes without position, size, turn and starting point."""
    points = outline[:, 0, :].astype(np.float64)
    places = np.arange(OUTLINE_SAMPLES) * (len(points) / OUTLINE_SAMPLES)
    known = np.arange(len(points) + 1)
    closed = np.concatenate([points, points[:1]])
    samples = np.interp(places, known, closed[:, 0]) + 1j * np.interp(places, known, closed[:, 1])
    spectrum = np.abs(np.fft.fft(samples))
    scale = max(spectrum[1], spectrum[-1], 1e-6)
    kept = np.concatenate([spectrum[1 : OUTLINE_KEPT + 1], spectrum[-OUTLINE_KEPT:]])
    magnitudes: Flat = np.sqrt(kept / scale).astype(np.float32)
    return magnitudes
