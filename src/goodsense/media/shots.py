"""What a clip consists of: its shots, the frames that stand for them, and segments.

A cut is where the picture changes much more than it does around there. Change is measured by colours and by edges
(Lienhart, 1999), since light alone changes the first and small movement alone the second. The threshold follows the
neighbourhood, so a shaken clip has no more cuts than a still one; a slow fade is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from goodsense.media.clip_steps import between, checked, select
from goodsense.types import Clip

__all__ = ["Shot", "changes", "find_shots", "key_frames", "segments", "shot_clips"]

_SIDE = 64  # pixels of the frames that are compared
_EDGES = 16  # edges are compared on so many fields in each direction
_EVEN = 40.0  # edges weaker than this, all together, are grain
_FIELDS = 2  # histograms are made of so many fields in each direction
_NEIGHBOURS = 6  # frames before and after that say how much change is usual


@dataclass(frozen=True)
class Shot:
    """Frames ``first`` to ``stop`` (without it), seen from ``begin`` to ``end`` seconds."""

    first: int
    stop: int
    begin: float
    end: float

    def __len__(self) -> int:
        return self.stop - self.first


def changes(clip: Clip) -> NDArray[np.float32]:
    """How much the picture changes from each frame to the next, ``(t - 1,)``, 0 to 1.

    The geometric mean of two: half the distance of local colour histograms, each picture brought to one light, and
    how little the edges of the two correlate.
    """
    small = _small(checked(clip).frames)
    histograms = np.stack([_histogram(frame) for frame in small])
    colours = np.abs(np.diff(histograms, axis=0)).sum(axis=1) / 2
    edges = np.array([_apart(before, after) for before, after in pairwise([_edges(frame) for frame in small])])
    return np.asarray(np.sqrt(np.clip(colours * edges.reshape(colours.shape), 0, 1)), dtype=np.float32)


def find_shots(clip: Clip, *, sensitivity: float = 4.0, least: float = 0.3, shortest: float = 0.0) -> tuple[Shot, ...]:
    """Where the shots of a clip begin and end; together they are the whole clip.

    Parameters
    ----------
    sensitivity
        How many usual deviations (of the neighbours' median change) a cut stands out by; a lower number finds more.
    least
        The change below which nothing is a cut, 0 to 1.
    shortest
        Seconds that a shot lasts at least; of cuts that lie closer the strongest stays.
    """
    if not sensitivity > 0 or not 0 <= least <= 1 or not shortest >= 0:
        raise ValueError(
            f"sensitivity is {sensitivity}, least {least}, shortest {shortest}; expected above 0, 0 to 1, at least 0"
        )
    change = changes(clip)
    cuts = [i for i in range(len(change)) if change[i] >= max(least, _usual(change, i, sensitivity))]
    kept: list[int] = []
    for cut in sorted(cuts, key=lambda i: (-change[i], i)):
        at = clip.times[cut + 1]
        edges = [clip.times[0], *(clip.times[other + 1] for other in kept), max(clip.seconds, clip.times[-1])]
        if shortest == 0 or min(abs(at - edge) for edge in edges) >= shortest - 1e-9:
            kept.append(cut)
    starts = [0, *sorted(cut + 1 for cut in kept)]
    stops = [*starts[1:], len(clip.frames)]
    end = max(clip.seconds, float(clip.times[-1]))
    return tuple(
        Shot(first, stop, float(clip.times[first]), float(clip.times[stop]) if stop < len(clip.frames) else end)
        for first, stop in zip(starts, stops, strict=True)
    )


def key_frames(clip: Clip, *, per_shot: int = 1, shots: tuple[Shot, ...] | None = None) -> tuple[int, ...]:
    """The frames that stand for a clip, ascending: of each shot the most typical ones, sharp rather than blurred.

    The first of a shot lies nearest to its middle look; each further one is the most unlike those taken before.
    Frames that look just like one taken already are left out, so a still shot has one.
    """
    import cv2

    if per_shot < 1:
        raise ValueError(f"per_shot is {per_shot}; expected at least 1")
    small = _small(checked(clip).frames)
    looks = np.stack([_histogram(frame) for frame in small])
    sharp = np.array([cv2.Laplacian(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std() for f in small])
    chosen: list[int] = []
    for shot in find_shots(clip) if shots is None else shots:
        rows = slice(shot.first, shot.stop)
        found = _typical(looks[rows], sharp[rows] / max(float(sharp[rows].max()), 1e-6), per_shot)
        chosen += [shot.first + row for row in found]
    return tuple(sorted(chosen))


def shot_clips(clip: Clip, shots: tuple[Shot, ...] | None = None) -> tuple[Clip, ...]:
    """One clip per shot, with its part of the sound."""
    return tuple(
        between(clip, shot.begin, shot.end) if shot.end > shot.begin else select(clip, [shot.first])
        for shot in (find_shots(clip) if shots is None else shots)
    )


def segments(clip: Clip, seconds: float, *, hop: float | None = None) -> tuple[Clip, ...]:
    """Stretches of equal length, one beginning every ``hop`` seconds (None: one after the other).

    A shorter rest at the end is a segment if at least half as long, or if it is all there is.
    """
    checked(clip)
    step = seconds if hop is None else hop
    if not seconds > 0 or not step > 0:
        raise ValueError(f"seconds is {seconds} and hop {hop}; expected numbers above 0")
    begins = np.arange(0, max(clip.seconds - seconds / 2, 0) + 1e-9, step)
    return tuple(between(clip, float(begin), float(begin) + seconds) for begin in begins)


def _usual(change: NDArray[np.float32], i: int, sensitivity: float) -> float:
    """The threshold at ``i``: the neighbours' median and so many of their (robust) deviations above it."""
    around = np.concatenate((change[max(i - _NEIGHBOURS, 0) : i], change[i + 1 : i + 1 + _NEIGHBOURS]))
    if len(around) == 0:
        return 0.0
    middle = float(np.median(around))
    return middle + sensitivity * max(1.4826 * float(np.median(np.abs(around - middle))), 0.02)


def _small(frames: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    import cv2

    return [np.asarray(cv2.resize(f, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8) for f in frames]


def _histogram(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Soft colour histograms of the picture's fields in CIELAB, of sum 1, brought to middle light."""
    import cv2

    light = min(128 / max(float(np.mean(frame)), 16.0), 4.0)
    lab = cv2.cvtColor(cv2.convertScaleAbs(frame, alpha=light), cv2.COLOR_RGB2LAB)
    side = _SIDE // _FIELDS
    parts = [lab[r : r + side, c : c + side] for r in range(0, _SIDE, side) for c in range(0, _SIDE, side)]
    whole = np.concatenate([_channels(part) for part in parts])
    return np.asarray(whole / whole.sum(), dtype=np.float32)


def _channels(part: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Histograms of L, a and b; neighbouring bins share, so that a little more light is a little change."""
    import cv2

    ranges = ((0, 256, 16), (64, 192, 16), (64, 192, 16))
    found = [
        cv2.calcHist([part], [channel], None, [bins], [low, high]).ravel()
        for channel, (low, high, bins) in enumerate(ranges)
    ]
    return np.concatenate([np.convolve(np.pad(bins, 1, mode="edge"), (0.25, 0.5, 0.25), "valid") for bins in found])


def _edges(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where the picture's edges are, coarsely, so that grain and a pixel's movement matter little; ``(256,)``."""
    import cv2

    grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    strength = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.resize(strength, (_EDGES, _EDGES), interpolation=cv2.INTER_AREA), dtype=np.float32).ravel()


def _apart(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """One less the correlation, 0 to 1, whatever the light; pictures without edges leave it to the colours."""
    first, second = first - first.mean(), second - second.mean()
    lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if min(lengths) < _EVEN:
        return 1.0
    return float(np.clip(1 - first @ second / (lengths[0] * lengths[1]), 0, 1))


def _typical(looks: NDArray[np.float32], sharp: NDArray[np.float64], count: int) -> list[int]:
    """Rows of the most typical look, then of those farthest from the ones taken; blurred frames stand back."""
    apart = np.abs(looks - np.median(looks, axis=0)).sum(axis=1)
    taken = [int(np.argmin(apart + 0.5 * (1 - sharp)))]
    while len(taken) < min(count, len(looks)):
        nearest = np.min([np.abs(looks - looks[row]).sum(axis=1) for row in taken], axis=0)
        row = int(np.argmax(nearest * (0.5 + 0.5 * sharp)))
        if nearest[row] < 0.02:
            break
        taken.append(row)
    return taken
