from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goodsense.media import clip_steps as steps
from goodsense.types import Box, Clip

from .moving import clip_of, shot

STEPS: dict[str, Callable[[Clip], Clip]] = {
    "select": lambda clip: steps.select(clip, [0, 3]),
    "resample": lambda clip: steps.resample(clip, 3),
    "between": lambda clip: steps.between(clip, 0.2, 0.9),
    "spatial": steps.denoise_spatial,
    "temporal": steps.denoise_temporal,
    "resize": lambda clip: steps.resize(clip, (20, 30)),
    "fit": lambda clip: steps.scale_to_fit(clip, 32),
    "crop": lambda clip: steps.crop(clip, (20, 30)),
}


@pytest.fixture
def clip() -> Clip:
    made = clip_of(shot(1, count=8), sound=True)
    return replace(made, motion=np.random.default_rng(0).normal(size=(8, 4, 6, 2)).astype(np.float32))


@pytest.mark.parametrize("name", STEPS)
def test_every_step_gives_a_new_clip_and_leaves_its_input(name: str, clip: Clip) -> None:
    before = clip.frames.copy()
    found = steps.checked(STEPS[name](clip))
    assert not np.shares_memory(found.frames, clip.frames)
    np.testing.assert_array_equal(clip.frames, before)
    assert found.motion is not None
    assert found.sound is not None


@pytest.mark.parametrize("name", ["resample", "between", "spatial", "temporal", "fit"])
def test_one_frame_of_one_pixel_is_a_clip(name: str) -> None:
    tiny = Clip(np.full((1, 1, 1, 3), 9, np.uint8), np.zeros(1), 1.0)
    assert (STEPS[name](tiny).frames == 9).all()


def test_resampling_shows_what_a_player_shows(clip: Clip) -> None:
    numbered = replace(clip, frames=np.arange(8, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3), motion=None)
    assert steps.resample(numbered, 8).frames[:, 0, 0, 0].tolist() == list(range(8))
    half = steps.resample(numbered, 4)
    assert half.frames[:, 0, 0, 0].tolist() == [0, 2, 4, 6]
    assert half.times.tolist() == [0, 0.25, 0.5, 0.75]
    assert steps.resample(numbered, 16).frames[:, 0, 0, 0].tolist() == [i // 2 for i in range(16)]
    uneven = Clip(numbered.frames[:3], np.array([0.0, 0.1, 0.9]), 1.0)
    assert steps.resample(uneven, 4).frames[:, 0, 0, 0].tolist() == [0, 1, 1, 1]
    assert len(steps.resample(uneven, 0.1).frames) == 1


def test_a_stretch_has_its_frames_and_its_sound(clip: Clip) -> None:
    found = steps.between(clip, 0.25, 0.75)
    np.testing.assert_array_equal(found.frames, clip.frames[2:6])
    np.testing.assert_allclose(found.times, [0, 0.125, 0.25, 0.375])
    assert found.seconds == pytest.approx(0.5)
    assert found.sound is not None
    np.testing.assert_allclose(found.sound.samples[[0, -1], 0], [0.25, 0.75], atol=2e-3)
    inside = steps.between(clip, 0.3, 0.35)  # between two frames: the one that stands
    np.testing.assert_array_equal(inside.frames, clip.frames[2:3])
    whole = steps.between(clip, 0, 9)
    np.testing.assert_array_equal(whole.frames, clip.frames)
    assert whole.seconds == clip.seconds


def test_specks_vanish_and_grain_averages_out(clip: Clip) -> None:
    rng = np.random.default_rng(4)
    truth = np.repeat(clip.frames[:1], 7, axis=0)
    grainy = np.clip(truth + rng.normal(0, 8, truth.shape), 0, 255).astype(np.uint8)
    found = steps.denoise_temporal(clip_of(grainy), radius=3, tolerance=60).frames
    assert np.abs(found.astype(int) - truth).mean() < 0.6 * np.abs(grainy.astype(int) - truth).mean()
    specked = truth.copy()
    specked[rng.random(truth.shape[:3]) < 0.02] = 255
    found = steps.denoise_spatial(clip_of(specked)).frames
    assert np.abs(found.astype(int) - truth).mean() < 0.7 * np.abs(specked.astype(int) - truth).mean()


def test_what_moves_stays_sharp() -> None:
    black = np.zeros((6, 40, 60, 3), np.uint8)
    for i in range(6):
        black[i, 10:30, 5 + 8 * i : 13 + 8 * i] = 255
    found = steps.denoise_temporal(clip_of(black)).frames
    assert np.abs(found.astype(int) - black).max() <= 2


def test_sizes_and_parts(clip: Clip) -> None:
    assert steps.resize(clip, (20, 30), method="bicubic").frames.shape == (8, 20, 30, 3)
    assert steps.scale_to_fit(clip, 32).frames.shape == (8, 32, 32, 3)
    assert steps.scale_to_fit(clip, 128, enlarge=False).frames.shape == (8, 64, 64, 3)
    np.testing.assert_array_equal(steps.crop(clip, (20, 30)).frames, clip.frames[:, 22:42, 17:47])
    np.testing.assert_array_equal(steps.crop(clip, Box(5, 6, 10, 12)).frames, clip.frames[:, 6:18, 5:15])


def test_motion_of_a_part_is_in_shares_of_the_part() -> None:
    """The left half moves right by a tenth of the width; that is a fifth of the half's width."""
    motion = np.zeros((2, 4, 4, 2), np.float32)
    motion[:, :, :2, 0] = 0.1
    made = Clip(np.zeros((2, 40, 80, 3), np.uint8), np.arange(2.0), 2.0, motion=motion)
    found = steps.crop(made, Box(0, 0, 40, 40)).motion
    assert found is not None
    np.testing.assert_allclose(found[..., 0], 0.2)
    right = steps.crop(made, Box(40, 0, 40, 40)).motion
    assert right is not None
    assert not right.any()


@pytest.mark.parametrize(
    "call",
    [
        lambda clip: steps.resample(clip, 0),
        lambda clip: steps.between(clip, 1, 1),
        lambda clip: steps.denoise_temporal(clip, tolerance=0),
        lambda clip: steps.resize(clip, (0, 4)),
        lambda clip: steps.resize(clip, (4, 4), method="best"),
        lambda clip: steps.crop(clip, (65, 10)),
        lambda clip: steps.crop(clip, Box(-4, 0, 10, 10)),
        lambda clip: steps.select(clip, [3, 1]),
        lambda clip: steps.select(clip, []),
        lambda clip: steps.checked(replace(clip, times=clip.times[:-1])),
        lambda clip: steps.checked(replace(clip, frames=clip.frames.astype(float))),
        lambda clip: steps.checked(replace(clip, motion=clip.motion[:2])),
    ],
)
def test_mistakes_are_named(call: Callable[[Any], Any], clip: Clip) -> None:
    with pytest.raises(ValueError, match="expected"):
        call(clip)
