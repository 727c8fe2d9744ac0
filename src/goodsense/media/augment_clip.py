"""Steps that change a clip a little: another stretch of it, another speed, frames lost or made in between.

Each is a frozen value that is called as ``step(clip, rng)``, leaves the clip untouched and gives a new one; they
compose by :func:`goodsense.augmentation.chain`. :class:`EveryFrame` takes a picture's step to all frames alike. For
training only, but for :func:`interpolate`, which draws nothing and is of use elsewhere too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.augmentation import Step
from goodsense.media import clip_steps
from goodsense.media.flow import grey_frames, optical_flow, warp
from goodsense.types import Clip, Image, Sound

__all__ = ["DropFrames", "EveryFrame", "Interpolate", "Resized", "SampleFrames", "Speed", "Stretch", "interpolate"]

Between: TypeAlias = Literal["blend", "flow"]
Span: TypeAlias = tuple[float, float]


def interpolate(clip: Clip, factor: int = 2, *, method: Between = "flow") -> Clip:
    """Frames in between: ``factor - 1`` after each but the last.

    Parameters
    ----------
    method
        ``blend`` fades one frame into the next; ``flow`` moves both along the optical flow towards where things would
        be, and blends those.

    Returns
    -------
    Clip
        With ``(t - 1) * factor + 1`` frames; those of the clip are among them. Motion vectors are repeated.
    """
    if factor < 1 or method not in get_args(Between):
        raise ValueError(f"factor is {factor} and method {method!r}; expected at least 1, and 'blend' or 'flow'")
    frames, times = clip_steps.checked(clip).frames, clip.times
    if factor == 1 or len(frames) == 1:
        return replace(clip, frames=frames.copy())
    greys = grey_frames(frames) if method == "flow" else None
    window = min(max(max(frames.shape[1:3]) // 10, 9), 25)  # what moves fast in large frames is found by a large one
    made: list[Image] = []
    for i in range(len(frames) - 1):
        flows = None
        if greys is not None:
            pair = greys[i : i + 2]
            flows = optical_flow(pair, window=window)[0], optical_flow(pair[::-1], window=window)[0]
        made.append(frames[i])
        made += [_at(frames[i], frames[i + 1], step / factor, flows) for step in range(1, factor)]
    places = np.arange(len(made) + 1) / factor
    motion = None if clip.motion is None else clip.motion[np.ceil(places).astype(np.intp)]
    whole = np.stack([*made, frames[-1]])
    return replace(clip, frames=whole, times=np.interp(places, np.arange(len(times)), times), motion=motion)


def _at(
    before: Image, after: Image, share: float, flows: tuple[NDArray[np.float32], NDArray[np.float32]] | None
) -> Image:
    """The picture a ``share`` of the way from one frame to the next."""
    import cv2

    if flows is not None:
        forward, backward = flows  # neither is known for the time in between: mixed as by Jiang et al. (2018)
        rest = 1 - share
        before = warp(before, np.float32(share * share) * backward - np.float32(share * rest) * forward)
        after = warp(after, np.float32(rest * rest) * forward - np.float32(share * rest) * backward)
    return np.asarray(cv2.addWeighted(before, 1 - share, after, share, 0), dtype=np.uint8)


@dataclass(frozen=True)
class Interpolate:
    """:func:`interpolate` as a step."""

    factor: int = 2
    method: Between = "flow"

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        return interpolate(clip, self.factor, method=self.method)


@dataclass(frozen=True)
class Stretch:
    """A random stretch of the clip, with its part of the sound; ``share`` of its seconds is drawn."""

    share: Span = (0.5, 1.0)

    def __post_init__(self) -> None:
        _check_span(self.share, "share", most=1)

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        whole = max(clip_steps.checked(clip).seconds, float(clip.times[-1]))
        length = whole * rng.uniform(*self.share)
        begin = rng.uniform(0, whole - length) if length < whole else 0.0
        return clip_steps.between(clip, begin, begin + length) if length > 0 else clip_steps.select(clip, [0])


@dataclass(frozen=True)
class SampleFrames:
    """``count`` frames, one from a random place of each of as many equal parts (Wang et al., 2016).

    A clip with fewer frames keeps all it has.
    """

    count: int = 8

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count is {self.count}; expected at least 1")

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        total = len(clip_steps.checked(clip).frames)
        if total <= self.count:
            return replace(clip, frames=clip.frames.copy())
        edges = np.linspace(0, total, self.count + 1).astype(np.intp)
        return clip_steps.select(clip, rng.integers(edges[:-1], edges[1:]))


@dataclass(frozen=True)
class Speed:
    """Faster or slower, sound and all, as a tape would be; the factor is drawn, twice as likely as half."""

    factor: Span = (0.8, 1.25)

    def __post_init__(self) -> None:
        _check_span(self.factor, "factor", most=10)

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        factor = float(np.exp(rng.uniform(*np.log(self.factor))))
        return Clip(
            frames=clip_steps.checked(clip).frames.copy(),
            times=clip.times / factor,
            seconds=clip.seconds / factor,
            sound=None if clip.sound is None else _faster(clip.sound, factor),
            motion=None if clip.motion is None else clip.motion * np.float32(factor),
        )


@dataclass(frozen=True)
class DropFrames:
    """Each frame is lost with a chance of ``share``, but never all: gone, or ``frozen``, so the one before stays."""

    share: float = 0.2
    frozen: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share is {self.share}; expected at least 0, below 1")

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        kept = rng.random(len(clip_steps.checked(clip).frames)) >= self.share
        kept[int(rng.integers(len(kept)))] |= not kept.any()
        rows = np.flatnonzero(kept)
        if not self.frozen:
            return clip_steps.select(clip, rows)
        seen = rows[np.maximum(np.searchsorted(rows, np.arange(len(kept)), side="right") - 1, 0)]
        motion = None if clip.motion is None else np.where(kept[:, None, None, None], clip.motion, np.float32(0))
        return replace(clip, frames=clip.frames[seen], motion=motion)


@dataclass(frozen=True)
class Resized:
    """Fewer pixels and back again: the loss of a small or badly compressed upload.

    Parameters
    ----------
    share
        Of each side that is left in between.
    method
        How the way back is interpolated.
    """

    share: Span = (0.4, 0.9)
    method: Literal["bilinear", "bicubic"] = "bicubic"

    def __post_init__(self) -> None:
        _check_span(self.share, "share", most=1)
        if self.method not in ("bilinear", "bicubic"):
            raise ValueError(f"method is {self.method!r}; expected 'bilinear' or 'bicubic'")

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        height, width = clip_steps.checked(clip).frames.shape[1:3]
        share = rng.uniform(*self.share)
        small = max(1, round(height * share)), max(1, round(width * share))
        return clip_steps.resize(clip_steps.resize(clip, small, method="area"), (height, width), method=self.method)


@dataclass(frozen=True)
class EveryFrame:
    """A step of :mod:`goodsense.media.augment_image`, drawn once and done to every frame alike.

    Motion vectors are dropped, since a picture's step does not say how it moves things.
    """

    step: Step[Image]

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        seed = int(rng.integers(2**63))
        frames = [self.step(frame, np.random.default_rng(seed)) for frame in clip_steps.checked(clip).frames]
        return replace(clip, frames=np.stack(frames), motion=None)


def _faster(sound: Sound, factor: float) -> Sound:
    """The sound in a ``factor``-th of the time at the same rate; pitches rise with it."""
    from scipy.signal import resample_poly

    ratio = Fraction(1 / factor).limit_denominator(64)
    if ratio == 1 or len(sound.samples) == 0:
        return replace(sound, samples=sound.samples.copy())
    samples = resample_poly(sound.samples, ratio.numerator, ratio.denominator, axis=0, padtype="edge")
    return replace(sound, samples=np.clip(samples, -1, 1).astype(np.float32))


def _check_span(span: Span, name: str, *, most: float) -> None:
    if len(span) != 2 or not 0 < span[0] <= span[1] <= most:
        raise ValueError(f"{name} is {span!r}; expected (lowest, highest), above 0 and at most {most:g}")
