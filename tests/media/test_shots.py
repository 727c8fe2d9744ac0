from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goodsense.media import shots
from goodsense.types import Clip

from .moving import clip_of, clip_with_cuts, shot, texture


def starts(clip: Clip, **options: Any) -> list[int]:
    return [found.first for found in shots.find_shots(clip, **options)]


@pytest.mark.parametrize(("noise", "flicker"), [(0, 0), (8, 0), (0, 0.2), (12, 0.2)])
def test_cuts_are_found_where_they_are(noise: float, flicker: float) -> None:
    assert starts(clip_with_cuts([10, 7, 12, 3], noise=noise, flicker=flicker)) == [0, 10, 17, 29]


def test_a_pan_a_fast_thing_and_a_fade_are_no_cuts() -> None:
    ground = texture(64, 400, seed=5)
    for speed in (3, 8, 16):
        assert starts(clip_of(np.stack([ground[:, i * speed : i * speed + 64] for i in range(20)]))) == [0]
    assert starts(clip_of(shot(1, count=8, speed=6))) == [0]
    before, after = shot(1, count=1)[0].astype(float), shot(2, count=1)[0].astype(float)
    faded = [before + (after - before) * np.clip(i / 10 - 0.5, 0, 1) for i in range(20)]
    assert starts(clip_of(np.stack(faded).astype(np.uint8))) == [0]


def test_even_fields_of_other_colours_are_shots() -> None:
    frames = np.concatenate([np.full((4, 32, 32, 3), colour, np.uint8) for colour in ((20, 20, 200), (200, 20, 20))])
    assert starts(clip_of(frames)) == [0, 4]


def test_shots_are_the_whole_clip_and_know_their_seconds() -> None:
    clip = clip_with_cuts([4, 8])
    found = shots.find_shots(clip)
    assert [(one.first, one.stop, one.begin, one.end) for one in found] == [(0, 4, 0, 0.5), (4, 12, 0.5, 1.5)]
    assert [len(one) for one in found] == [4, 8]
    parts = shots.shot_clips(clip)
    np.testing.assert_array_equal(np.concatenate([part.frames for part in parts]), clip.frames)
    assert [part.seconds for part in parts] == [0.5, 1.0]


def test_shots_last_as_long_as_asked() -> None:
    clip = clip_with_cuts([8, 2, 8])
    assert starts(clip) == [0, 8, 10]
    assert len(starts(clip, shortest=0.5)) == 2
    assert starts(clip, shortest=3) == [0]


def test_one_frame_is_one_shot() -> None:
    clip = Clip(np.zeros((1, 1, 1, 3), np.uint8), np.zeros(1), 0.0)
    assert starts(clip) == [0]
    assert shots.changes(clip).shape == (0,)
    assert shots.key_frames(clip) == (0,)
    assert len(shots.shot_clips(clip)) == 1


def test_key_frames_stand_for_their_shots() -> None:
    clip = clip_with_cuts([10, 7, 12])
    first, second, third = shots.key_frames(clip)
    assert first < 10 <= second < 17 <= third
    many = shots.key_frames(clip, per_shot=3)
    assert list(many) == sorted(set(many))
    assert 6 < len(many) <= 9
    still = clip_of(np.repeat(shot(1, count=1), 9, axis=0))
    assert len(shots.key_frames(still, per_shot=5)) == 1


def test_a_blurred_frame_stands_for_nothing() -> None:
    import cv2

    frames = np.repeat(shot(1, count=1), 5, axis=0)
    for row in (0, 2, 3, 4):
        frames[row] = cv2.GaussianBlur(frames[row], (0, 0), 2.5)
    assert shots.key_frames(clip_of(frames)) == (1,)


def test_segments_cover_the_clip() -> None:
    clip = clip_of(shot(1, count=20), sound=True)  # 2.5 seconds
    assert [part.seconds for part in shots.segments(clip, 1.0)] == [1, 1, 0.5]
    assert [part.seconds for part in shots.segments(clip, 1.1)] == pytest.approx([1.1, 1.1])
    assert len(shots.segments(clip, 1.0, hop=0.5)) == 5
    assert [part.seconds for part in shots.segments(clip, 60)] == [2.5]
    np.testing.assert_array_equal(np.concatenate([part.frames for part in shots.segments(clip, 1.0)]), clip.frames)
    assert all(part.sound is not None for part in shots.segments(clip, 1.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda clip: shots.find_shots(clip, sensitivity=0),
        lambda clip: shots.find_shots(clip, least=2),
        lambda clip: shots.key_frames(clip, per_shot=0),
        lambda clip: shots.segments(clip, 0),
        lambda clip: shots.segments(clip, 1, hop=-1),
        lambda clip: shots.changes(Clip(clip.frames[:0], clip.times[:0], 0.0)),
    ],
)
def test_mistakes_are_named(call: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        call(clip_of(shot(1)))
