"""How pictures of a clip move: dense optical flow and block matching on small grey frames.

Both give displacements from each frame to the next in pixels, right and down, as :attr:`goodsense.types.Clip.motion`
does in its own unit; :func:`as_motion` brings them to that unit.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Image

__all__ = ["as_motion", "block_motion", "grey_frames", "optical_flow", "warp"]

Greys: TypeAlias = NDArray[np.uint8]  # (t, h, w)
Flow: TypeAlias = NDArray[np.float32]  # (t - 1, rows, columns, 2): right, down

_FIRM = 1.02  # how much better than the best so far a farther block must match, so that even ground stays at rest


def grey_frames(frames: NDArray[np.uint8], side: int | None = None) -> Greys:
    """Frames ``(t, h, w, 3)`` as grey ones ``(t, h', w')``, the longer side at most ``side`` pixels."""
    import cv2

    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or frames.size == 0:
        raise ValueError(f"frames have shape {frames.shape} and type {frames.dtype}; expected (t, h, w, 3) uint8")
    height, width = frames.shape[1:3]
    scale = min(1.0, side / max(height, width)) if side is not None else 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    greys = np.empty((len(frames), size[1], size[0]), dtype=np.uint8)
    for i, frame in enumerate(frames):
        grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        greys[i] = cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    return greys


def optical_flow(frames: Greys, *, window: int = 11, levels: int = 3) -> Flow:
    """The dense flow of Farneback (2003): ``(t, h, w)`` uint8 to ``(t - 1, h, w, 2)`` float32 pixels, right and down.

    What stands at ``(x, y)`` in frame ``i`` stands at ``(x, y) + flow[i, y, x]`` in the next one.

    Parameters
    ----------
    window
        Pixels that are averaged over; a larger one sees faster movement and blurs its edges.
    levels
        Sizes of the picture that are looked at, each half the one before.
    """
    import cv2

    frames = _checked(frames)
    if window < 3 or levels < 1:
        raise ValueError(f"window is {window} and levels {levels}; expected at least 3 and 1")
    found = np.zeros((max(len(frames) - 1, 0), *frames.shape[1:], 2), dtype=np.float32)
    if min(frames.shape[1:]) < 5:  # too small for its polynomials
        return found
    for i in range(len(found)):
        cv2.calcOpticalFlowFarneback(frames[i], frames[i + 1], found[i], 0.5, levels, window, 3, 5, 1.1, 0)
    return found


def block_motion(frames: Greys, *, block: int = 8, reach: int = 4) -> Flow:
    """Block matching by full search: ``(t, h, w)`` uint8 to ``(t - 1, h // block, w // block, 2)`` float32 pixels.

    Each block of a frame is sought in the next one, at most ``reach`` pixels away, by the sum of absolute differences.
    Of like matches the nearest counts, so what has no texture rests. Faster and coarser than :func:`optical_flow`, and
    blind to parts of a pixel. Sides below one block give no rows or columns.
    """
    import cv2

    frames = _checked(frames)
    if not 1 <= block <= 256 or reach < 0:
        raise ValueError(f"block is {block} and reach {reach}; expected 1 to 256 and at least 0")
    rows, columns = frames.shape[1] // block, frames.shape[2] // block
    found = np.zeros((max(len(frames) - 1, 0), rows, columns, 2), dtype=np.float32)
    if found.size == 0:
        return found
    here = np.ascontiguousarray(frames[:-1, : rows * block, : columns * block])
    there = np.pad(frames[1:], ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    best = np.full(found.shape[:3], np.inf, dtype=np.float32)
    for right, down in _nearest_first(reach):
        moved = np.ascontiguousarray(there[:, reach + down :, reach + right :][:, : rows * block, : columns * block])
        differences = cv2.absdiff(here.reshape(-1, columns * block), moved.reshape(-1, columns * block))
        cost = _block_sums(differences.reshape(here.shape), block)
        better = cost * _FIRM < best
        best[better] = cost[better]
        found[better] = (right, down)
    return found


def _block_sums(differences: NDArray[np.uint8], block: int) -> NDArray[np.float32]:
    """Sums over blocks, ``(t, rows * block, columns * block)`` to ``(t, rows, columns)``: rows first, which is fast."""
    count, height, width = differences.shape
    lines = differences.reshape(count, height // block, block, width).sum(axis=2, dtype=np.uint16)
    sums = lines.reshape(count, height // block, width // block, block).sum(axis=3, dtype=np.uint32)
    return np.asarray(sums, dtype=np.float32)


def _nearest_first(reach: int) -> list[tuple[int, int]]:
    shifts = [(right, down) for down in range(-reach, reach + 1) for right in range(-reach, reach + 1)]
    return sorted(shifts, key=lambda shift: (shift[0] ** 2 + shift[1] ** 2, shift))


def as_motion(flow: Flow, times: NDArray[np.float64], *, size: tuple[int, int], grid: tuple[int, int]) -> Flow:
    """Displacements in the unit of :attr:`goodsense.types.Clip.motion`: shares of width and height per second.

    Parameters
    ----------
    flow
        ``(t - 1, h, w, 2)`` pixels.
    times
        ``(t,)`` ascending seconds.
    size
        (height, width) in pixels of the frames that the flow was read from.
    grid
        (rows, columns) of the answer; areas are averaged.

    Returns
    -------
    NDArray
        ``(t, rows, columns, 2)``: at each frame how things moved since the one before; at the first nothing.
    """
    import cv2

    if len(flow) + 1 != len(times):
        raise ValueError(f"there are {len(flow)} displacements and {len(times)} times; expected one time more")
    found = np.zeros((len(times), *grid, 2), dtype=np.float32)
    share = np.array([size[1], size[0]], dtype=np.float32)
    for i, moved in enumerate(flow):
        passed = max(float(times[i + 1] - times[i]), 1e-6)
        coarse = cv2.resize(moved, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)
        found[i + 1] = coarse / (share * np.float32(passed))
    return found


def warp(image: Image, flow: NDArray[np.float32]) -> Image:
    """Look up each pixel ``(x, y)`` at ``(x, y) + flow[y, x]``; what lies outside is taken from the edge."""
    import cv2

    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    across, down = columns + flow[..., 0], rows + flow[..., 1]
    return np.asarray(cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _checked(frames: Greys) -> Greys:
    if not isinstance(frames, np.ndarray) or frames.ndim != 3 or frames.dtype != np.uint8:
        found = f"{frames.shape} {frames.dtype}" if isinstance(frames, np.ndarray) else type(frames).__name__
        raise ValueError(f"frames are {found}; expected a (t, h, w) uint8 array of grey frames")
    return np.ascontiguousarray(frames)
