"""Steps on clips as plain functions: rate, noise, size, part, stretch.

Every function takes a :class:`goodsense.types.Clip`, leaves it untouched and gives a new one; motion vectors and the
sound track go along where that makes sense, and each function says so where they do not. A clip without a frame, or
with times that do not ascend, is refused with a ``ValueError``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Box, Clip, Sound

__all__ = [
    "between",
    "checked",
    "crop",
    "denoise_spatial",
    "denoise_temporal",
    "resample",
    "resize",
    "scale_to_fit",
    "select",
]

Resizing: TypeAlias = Literal["area", "bilinear", "bicubic"]


def checked(clip: Clip) -> Clip:
    """The clip itself, if it is one.

    Raises
    ------
    ValueError
        If frames, times and motion do not fit together, or there is no frame.
    """
    frames, times = clip.frames, clip.times
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or frames.size == 0:
        raise ValueError(f"frames have shape {frames.shape} and type {frames.dtype}; expected (t, h, w, 3) uint8")
    if times.shape != frames.shape[:1]:
        raise ValueError(f"there are {len(frames)} frames and times of shape {times.shape}; expected one time each")
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("the times of the frames do not ascend; expected finite, ascending seconds")
    if clip.motion is not None and len(clip.motion) != len(frames):
        raise ValueError(f"there are {len(frames)} frames and {len(clip.motion)} motions; expected one each")
    return clip


# ---- time


def select(clip: Clip, rows: NDArray[np.intp] | list[int]) -> Clip:
    """The frames ``rows``, ascending; length and sound of the clip stay."""
    checked(clip)
    chosen = np.asarray(rows, dtype=np.intp)
    motion = None if clip.motion is None else clip.motion[chosen]
    return checked(replace(clip, frames=clip.frames[chosen], times=clip.times[chosen], motion=motion))


def resample(clip: Clip, fps: float) -> Clip:
    """Frames at an even rate: at every ``1 / fps`` seconds the frame that is seen then.

    A clip with fewer frames shows some twice, as a player would; :func:`goodsense.media.augment_clip.interpolate` makes
    frames in between instead.
    """
    checked(clip)
    if not 0 < fps <= 1_000:
        raise ValueError(f"fps is {fps!r}; expected frames per second above 0, at most 1000")
    begin = float(clip.times[0])
    end = max(clip.seconds, float(clip.times[-1]))
    count = max(1, int(np.floor((end - begin) * fps * (1 - 1e-9))) + 1) if end > begin else 1
    times = begin + np.arange(count) / fps
    rows = np.maximum(np.searchsorted(clip.times, times + 1e-9, side="right") - 1, 0)
    motion = None if clip.motion is None else clip.motion[rows]
    return replace(clip, frames=clip.frames[rows], times=times, motion=motion)


def between(clip: Clip, begin: float, end: float) -> Clip:
    """What is seen and heard from ``begin`` to ``end`` seconds, with times from the new beginning.

    The frame that stands when it begins belongs to it, so there is always one.
    """
    checked(clip)
    if not begin < end:
        raise ValueError(f"the stretch is {begin} to {end} seconds; expected a beginning before its end")
    first = max(int(np.searchsorted(clip.times, begin + 1e-9, side="right")) - 1, 0)
    stop = max(int(np.searchsorted(clip.times, end - 1e-9, side="left")), first + 1)
    rows = slice(first, stop)
    return Clip(
        frames=clip.frames[rows].copy(),
        times=np.maximum(clip.times[rows] - begin, 0.0) if begin > 0 else clip.times[rows].copy(),
        seconds=max(min(end, clip.seconds) - max(begin, 0.0), 0.0),
        sound=None if clip.sound is None else _heard(clip.sound, begin, end),
        motion=None if clip.motion is None else clip.motion[rows].copy(),
    )


def _heard(sound: Sound, begin: float, end: float) -> Sound:
    first, stop = (max(round(second * sound.rate), 0) for second in (begin, end))
    return replace(sound, samples=sound.samples[first:stop].copy())


# ---- noise


def denoise_spatial(clip: Clip, size: int = 3) -> Clip:
    """Each frame's median over ``size`` x ``size`` pixels: against specks; edges stay sharp."""
    from goodsense.media.preprocess import denoise_median

    frames = np.stack([denoise_median(frame, size) for frame in checked(clip).frames])
    return replace(clip, frames=frames)


def denoise_temporal(clip: Clip, *, radius: int = 2, tolerance: float = 24.0) -> Clip:
    """Each pixel's mean over the frames ``radius`` before and after, where it looks alike: against sensor noise.

    What moves stays sharp: a frame counts where a pixel's neighbourhood there differs from here by less than about
    ``tolerance`` levels, less the more it differs (a bilateral filter over time).
    """
    import cv2

    frames = checked(clip).frames
    if radius < 0 or not 0 < tolerance <= 255:
        raise ValueError(f"radius is {radius} and tolerance {tolerance}; expected at least 0 and above 0, at most 255")
    found = np.empty_like(frames)
    for i, frame in enumerate(frames):
        total, weights = frame.astype(np.float32), np.ones((*frame.shape[:2], 1), dtype=np.float32)
        for other in frames[max(i - radius, 0) : i + radius + 1]:
            if other is not frame:
                apart = cv2.GaussianBlur(cv2.absdiff(frame, other), (0, 0), 1.5).max(axis=2)
                weight = np.exp(-((apart.astype(np.float32) / tolerance * 2) ** 2))[..., None]
                total, weights = total + weight * other, weights + weight
        found[i] = np.rint(total / weights)
    return replace(clip, frames=found)


# ---- size


def resize(clip: Clip, size: tuple[int, int], *, method: Resizing = "bilinear") -> Clip:
    """Every frame at (height, width) ``size``, proportions as they come; motion, in shares, stays what it is.

    Parameters
    ----------
    method
        ``area`` averages, and is best on the way down; ``bilinear`` and ``bicubic`` interpolate.
    """
    import cv2

    methods = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
    if method not in methods:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(methods)}")
    height, width = size
    if min(height, width) < 1:
        raise ValueError(f"size is {height} x {width}; expected at least one pixel")
    scaled = [cv2.resize(frame, (width, height), interpolation=methods[method]) for frame in checked(clip).frames]
    return replace(clip, frames=np.stack(scaled))


def scale_to_fit(clip: Clip, side: int, *, enlarge: bool = True) -> Clip:
    """Scale in proportion until the longer side has ``side`` pixels; smaller clips grow only with ``enlarge``."""
    height, width = checked(clip).frames.shape[1:3]
    scale = side / max(height, width)
    if scale == 1 or (scale > 1 and not enlarge):
        return replace(clip, frames=clip.frames.copy())
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return resize(clip, size, method="area" if scale < 1 else "bicubic")


def crop(clip: Clip, box: Box | tuple[int, int]) -> Clip:
    """The part of every frame in a box, or the middle of (height, width); motion is that of the part.

    Raises
    ------
    ValueError
        If the part does not lie within the frames.
    """
    height, width = checked(clip).frames.shape[1:3]
    if isinstance(box, Box):
        top, left, high, wide = (round(side) for side in (box.top, box.left, box.height, box.width))
    else:
        high, wide = box
        top, left = (height - high) // 2, (width - wide) // 2
    if min(top, left) < 0 or min(high, wide) < 1 or top + high > height or left + wide > width:
        raise ValueError(
            f"the part is {high} x {wide} at row {top}, column {left}; expected one within {height} x {width}"
        )
    frames = clip.frames[:, top : top + high, left : left + wide].copy()
    motion = None if clip.motion is None else _part_of(clip.motion, (top, left, high, wide), (height, width))
    return replace(clip, frames=frames, motion=motion)


def _part_of(
    motion: NDArray[np.float32], part: tuple[int, int, int, int], size: tuple[int, int]
) -> NDArray[np.float32]:
    """The motion of a part on a grid as fine as before, in shares of the part's own sides."""
    (top, left, high, wide), (height, width) = part, size
    rows = ((np.arange(motion.shape[1]) + 0.5) / motion.shape[1] * high + top) / height * motion.shape[1]
    columns = ((np.arange(motion.shape[2]) + 0.5) / motion.shape[2] * wide + left) / width * motion.shape[2]
    found = motion[:, rows.astype(np.intp)][:, :, columns.astype(np.intp)]
    return found * np.array([width / wide, height / high], dtype=np.float32)
