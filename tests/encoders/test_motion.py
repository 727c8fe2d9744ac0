"""``motion``: what moves how is told apart, whatever it looks like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goodsense.encoders import motion_measures as measures
from goodsense.encoders.motion import BLOCKS, GRID, MotionEncoder, describe_blocks, velocities
from goodsense.errors import DataError, UsageError
from goodsense.media.flow import grey_frames
from goodsense.types import Clip
from tests.encoders import clip_samples
from tests.encoders.samples import COLOURS


def field(right: float, down: float, *, count: int = 6) -> np.ndarray:
    return np.broadcast_to(np.array([right, down], dtype=np.float32), (count, GRID, GRID, 2)).copy()


@pytest.mark.parametrize("source", ["flow", "blocks"])
def test_the_move_is_found_again_in_another_colour(source: str) -> None:
    clips, names = [], []
    for colour in ("red", "blue"):
        for name, place in clip_samples.MOVES.items():
            clips.append(clip_samples.clip(place, colour=COLOURS[colour], seed=len(clips)))
            names.append(name)
    encoder = MotionEncoder(dim=48, source=source, weights={"colour": 0.0}).fit(clips, seed=0)
    found = encoder.encode(clips)
    assert clip_samples.nearest(found[:4], found[4:], names[4:]) == names[:4]


def test_the_codecs_vectors_are_taken_where_they_are_there() -> None:
    still = clip_samples.clip(clip_samples.resting, frames=6)
    motion = np.zeros((6, 3, 3, 2), dtype=np.float32)
    motion[1:, :, :, 0] = 0.5
    told, greys = replace(still, motion=motion), grey_frames(still.frames)
    np.testing.assert_allclose(velocities(told, greys, "codec"), field(0.5, 0.0, count=5), atol=1e-6)
    assert not velocities(still, greys, "codec").any()  # matched block by block: nothing moves
    assert MotionEncoder(source="codec").wish.motion


def test_speed_does_not_depend_on_rate_and_size() -> None:
    fast = clip_samples.clip(clip_samples.rolling, frames=16)
    large = clip_samples.clip(clip_samples.rolling, frames=16, side=96, radius=14)
    seldom = Clip(fast.frames[::2], fast.times[::2], fast.seconds)
    speeds = []
    for clip in (fast, large, seldom):
        course = measures.courses(velocities(clip, grey_frames(clip.frames, 64), "flow"))
        speeds.append(course[:, 0].mean())
    assert speeds == pytest.approx([0.3] * 3, rel=0.3)


def test_directions_fall_into_their_bins() -> None:
    bins = measures.DIRECTIONS
    for place, (right, down) in enumerate([(0.2, 0.0), (0.15, 0.15), (0.0, 0.2)]):
        found = measures.orientation_histograms(field(right, down))[: 1 + 2 * bins]
        assert np.flatnonzero(found > 0.01).tolist() == [1 + place]
    assert measures.orientation_histograms(field(0.0, 0.0))[0] == 1.0
    fast = measures.orientation_histograms(field(0.9, 0.0))[: 1 + 2 * bins]
    assert np.flatnonzero(fast > 0.01).tolist() == [1 + bins]


def test_a_moving_camera_has_no_motion_boundaries() -> None:
    assert not measures.boundary_histograms(field(0.4, 0.1)).any()
    half = field(0.4, 0.0)
    half[:, :, :8] = 0
    assert measures.boundary_histograms(half).any()


def test_growth_and_turning_are_read_from_the_field() -> None:
    y, x = np.mgrid[-1 : 1 : GRID * 1j, -1 : 1 : GRID * 1j]
    growing = measures.courses(np.stack([x, y], axis=-1)[None].astype(np.float32))[0]
    turning = measures.courses(np.stack([-y, x], axis=-1)[None].astype(np.float32))[0]
    assert growing[3] == pytest.approx(2.0, rel=0.1)
    assert growing[4] == pytest.approx(0.0, abs=1e-6)
    assert turning[4] == pytest.approx(2.0, rel=0.1)
    assert turning[3] == pytest.approx(0.0, abs=1e-6)


def test_rhythm_tells_the_beat() -> None:
    times = np.arange(24) / 12
    wave = np.stack([np.sin(2 * np.pi * 2.0 * times), np.zeros(24)], axis=1)
    found = measures.rhythm(wave, times).reshape(2, -1)
    assert measures.BEATS[int(found[0].argmax())] == 2.0
    assert found[0].max() == pytest.approx(1.0, abs=0.01)
    assert not found[1].any()
    assert not measures.rhythm(wave[:2], times[:2]).any()


def test_faster_beats_than_frames_are_not_guessed() -> None:
    times = np.arange(12) / 2  # nothing beyond one beat per second can be seen
    found = measures.rhythm(np.random.default_rng(0).normal(size=(12, 1)), times)
    assert not found[np.array(measures.BEATS) > 1].any()


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_clips_are_described(frames: int) -> None:
    clip = clip_samples.clip(clip_samples.rolling, frames=frames)
    found = describe_blocks(clip, "flow")
    assert set(found) == set(BLOCKS)
    assert all(np.isfinite(block).all() for block in found.values())
    assert np.concatenate(list(found.values())).any()


@pytest.mark.parametrize(
    "options", [{"source": "radar"}, {"dim": 3}, {"frames": 1}, {"weights": {"flows": 1}}, {"weights": {"flow": -1}}]
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        MotionEncoder(**options)  # type: ignore[arg-type]


def test_what_is_no_clip_is_refused() -> None:
    grey = Clip(np.zeros((3, 8, 8), dtype=np.uint8), np.arange(3) / 4, 1.0)
    with pytest.raises(DataError, match=r"\(3, 8, 8\)"):
        MotionEncoder().describe(grey)
