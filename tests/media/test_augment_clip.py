from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goodsense.augmentation import chain
from goodsense.media import augment_clip as steps
from goodsense.media import augment_image, clip_steps
from goodsense.types import Clip

from .moving import clip_of, shot, texture

STEPS: dict[str, Any] = {
    "interpolate by flow": steps.Interpolate(2, "flow"),
    "interpolate by blending": steps.Interpolate(3, "blend"),
    "stretch": steps.Stretch(),
    "sample": steps.SampleFrames(4),
    "speed": steps.Speed(),
    "drop": steps.DropFrames(0.5),
    "freeze": steps.DropFrames(0.5, frozen=True),
    "resized": steps.Resized(),
    "every frame": steps.EveryFrame(augment_image.strong()),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def clip() -> Clip:
    made = clip_of(shot(1, count=12), sound=True)
    return replace(made, motion=rng().normal(size=(12, 4, 6, 2)).astype(np.float32))


@pytest.mark.parametrize("name", STEPS)
def test_steps_leave_their_input_and_follow_their_seed(name: str, clip: Clip) -> None:
    before = clip.frames.copy(), clip.times.copy()
    found, again = STEPS[name](clip, rng(3)), STEPS[name](clip, rng(3))
    clip_steps.checked(found)
    assert not np.shares_memory(found.frames, clip.frames)
    np.testing.assert_array_equal(clip.frames, before[0])
    np.testing.assert_array_equal(clip.times, before[1])
    np.testing.assert_array_equal(again.frames, found.frames)
    np.testing.assert_array_equal(again.times, found.times)
    assert found.sound is not None
    assert found.sound.rate == 1000
    assert abs(found.sound.seconds - found.seconds) < 0.03


@pytest.mark.parametrize("name", STEPS)
def test_one_frame_stays_one(name: str) -> None:
    for seconds in (0.0, 1.0):
        tiny = Clip(np.full((1, 1, 1, 3), 9, np.uint8), np.zeros(1), seconds)
        assert STEPS[name](tiny, rng()).frames.shape == (1, 1, 1, 3)


def test_chances_of_none_and_one(clip: Clip) -> None:
    never, always = chain((steps.Stretch((0.5, 0.5)), 0.0)), chain((steps.Stretch((0.5, 0.5)), 1.0))
    for seed in range(10):
        assert never(clip, rng(seed)) is clip
        assert always(clip, rng(seed)).seconds == pytest.approx(0.75)


def test_the_clip_is_among_its_interpolated_frames(clip: Clip) -> None:
    for method in ("blend", "flow"):
        found = steps.interpolate(clip, 3, method=method)  # type: ignore[arg-type]
        assert len(found.frames) == 34
        np.testing.assert_array_equal(found.frames[::3], clip.frames)
        np.testing.assert_allclose(found.times, np.arange(34) / 24)
    np.testing.assert_array_equal(steps.interpolate(clip, 1).frames, clip.frames)


def test_blending_is_the_mean_and_flow_moves() -> None:
    """In between, what moves stands half way, rather than twice and faintly."""
    ground = texture(64, 100, seed=5)
    pan = np.stack([ground[:, 3 * i : 3 * i + 64] for i in range(9)])
    for whole, least in ((shot(1, count=9, speed=2), 0.5), (pan, 0.1)):
        clip = clip_of(whole[::2])
        blended, moved = (steps.interpolate(clip, 2, method=method).frames for method in ("blend", "flow"))
        means = (clip.frames[:-1].astype(int) + clip.frames[1:]) / 2
        assert np.abs(blended[1::2] - means).max() <= 0.5
        errors = [np.abs(made[1::2].astype(int) - whole[1::2]).mean() for made in (blended, moved)]
        assert errors[1] < least * errors[0]


def test_a_stretch_lies_in_the_clip_with_its_sound(clip: Clip) -> None:
    begins = set()
    for seed in range(30):
        found = steps.Stretch((0.3, 0.6))(clip, rng(seed))
        assert 0.3 * 1.5 <= found.seconds <= 0.6 * 1.5
        assert found.sound is not None
        heard = found.sound.samples[[0, -1], 0] * 1.5  # the slope tells the second
        assert heard[1] - heard[0] == pytest.approx(found.seconds, abs=5e-3)
        first = next(i for i in range(12) if np.array_equal(found.frames[0], clip.frames[i]))
        assert first == int(heard[0] * 8 + 1e-3)
        begins.add(first)
    assert len(begins) > 4


def test_samples_come_one_from_each_part(clip: Clip) -> None:
    for seed in range(10):
        found = steps.SampleFrames(4)(clip, rng(seed))
        assert (np.rint(found.times * 8) // 3).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(steps.SampleFrames(40)(clip, rng()).frames, clip.frames)


def test_speed_is_one_factor_for_all(clip: Clip) -> None:
    found = steps.Speed((2, 2))(clip, rng())
    np.testing.assert_allclose(found.times, clip.times / 2)
    assert found.seconds == clip.seconds / 2
    assert found.motion is not None
    assert clip.motion is not None
    np.testing.assert_allclose(found.motion, clip.motion * 2)
    assert found.sound is not None
    assert found.sound.seconds == pytest.approx(0.75)
    np.testing.assert_allclose(found.sound.samples[50:-50, 0], np.linspace(0, 1, 750)[50:-50], atol=0.01)
    factors = [clip.seconds / steps.Speed((0.5, 2))(clip, rng(seed)).seconds for seed in range(200)]
    assert 0.5 <= min(factors) <= max(factors) <= 2
    assert np.mean(np.array(factors) > 1) == pytest.approx(0.5, abs=0.1)


def test_lost_frames_are_gone_or_frozen(clip: Clip) -> None:
    np.testing.assert_array_equal(steps.DropFrames(0)(clip, rng()).frames, clip.frames)
    counts = [len(steps.DropFrames(0.25)(clip, rng(seed)).frames) for seed in range(100)]
    assert np.mean(counts) == pytest.approx(9, abs=0.5)
    assert min(len(steps.DropFrames(0.99)(clip, rng(seed)).frames) for seed in range(50)) == 1
    frozen = steps.DropFrames(0.5, frozen=True)(clip, rng(1))
    np.testing.assert_array_equal(frozen.times, clip.times)
    same = [i for i in range(12) if np.array_equal(frozen.frames[i], clip.frames[i])]
    assert 0 < len(same) < 12
    for i in set(range(same[0] + 1, 12)) - set(same):
        np.testing.assert_array_equal(frozen.frames[i], frozen.frames[i - 1])
        assert frozen.motion is not None
        assert not frozen.motion[i].any()


def test_resizing_loses_detail_only(clip: Clip) -> None:
    for method in ("bilinear", "bicubic"):
        lost = steps.Resized((0.5, 0.5), method)(clip, rng()).frames.astype(int)  # type: ignore[arg-type]
        assert lost.shape == clip.frames.shape
        assert 0.2 < np.abs(lost - clip.frames).mean() < 12
        np.testing.assert_array_equal(steps.Resized((1, 1), method)(clip, rng()).frames, clip.frames)  # type: ignore[arg-type]


def test_every_frame_is_changed_alike() -> None:
    still = clip_of(np.repeat(shot(1, count=1), 5, axis=0))
    found = steps.EveryFrame(augment_image.strong())(still, rng(4))
    assert not np.array_equal(found.frames[0], still.frames[0])
    for frame in found.frames[1:]:
        np.testing.assert_array_equal(frame, found.frames[0])


@pytest.mark.parametrize(
    "call",
    [
        lambda clip: steps.interpolate(clip, 0),
        lambda clip: steps.interpolate(clip, 2, method="dream"),
        lambda _: steps.Stretch((0, 1)),
        lambda _: steps.Stretch((0.5, 1.5)),
        lambda _: steps.SampleFrames(0),
        lambda _: steps.Speed((1.2, 0.8)),
        lambda _: steps.DropFrames(1),
        lambda _: steps.Resized((0.5, 2)),
        lambda _: steps.Resized(method="area"),  # type: ignore[arg-type]
    ],
)
def test_mistakes_are_named(call: Callable[[Any], Any], clip: Clip) -> None:
    with pytest.raises(ValueError, match="expected"):
        call(clip)
