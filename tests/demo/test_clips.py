"""Clips of toys: the same every time, and moving as their kind does."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.demo.clips import FPS, MOVES, SIDE, encode, film, frames
from goodsense.demo.vocabulary import TOYS
from goodsense.media.reading import ClipWish, read_medium
from goodsense.types import Clip


def middles(pictures: np.ndarray) -> np.ndarray:
    """Where the middle of what moves is, ``(t, 2)``: right and down, in shares of the frame."""
    off = np.abs(pictures.astype(np.int16) - np.median(pictures, axis=0)).sum(axis=3) > 60
    places = np.arange(SIDE) / SIDE
    total = np.maximum(off.sum(axis=(1, 2)), 1)
    return np.stack([(off.sum(axis=1) @ places) / total, (off.sum(axis=2) @ places) / total], axis=1)


def travel(pictures: np.ndarray) -> tuple[float, float]:
    """How far that goes on average between frames, right or left and up or down."""
    right, down = np.abs(np.diff(middles(pictures), axis=0)).mean(axis=0)
    return float(right), float(down)


def test_every_toy_has_its_move() -> None:
    assert set(MOVES) == set(TOYS)


def test_the_same_arguments_give_the_same_file() -> None:
    one = film("train", "blue", seed="7", look="thomas")
    np.testing.assert_array_equal(*(frames("train", "blue", seed="7", look="thomas") for _ in range(2)))
    assert one != film("train", "blue", seed="8", look="thomas")
    assert one != film("train", "blue", seed="7", look="thomas", by_shopper=True)


def test_a_file_is_a_clip_of_two_seconds() -> None:
    shown = frames("ball", "red", seed="1")
    clip = read_medium(encode(shown), ClipWish(fps=FPS, max_frames=64, max_side=None))
    assert isinstance(clip, Clip)
    assert clip.frames.shape == shown.shape == (24, SIDE, SIDE, 3)
    assert clip.seconds == pytest.approx(2.0, abs=0.1)
    assert np.abs(clip.frames.astype(np.int16) - shown).mean() < 8  # compressed, but the same pictures


def test_a_file_says_neither_when_nor_by_whom_it_was_made() -> None:
    data = film("cake", "pink", seed="2")
    assert b"Lavf" not in data
    assert len(data) < 40_000


@pytest.mark.parametrize("toy", ["car", "train", "bicycle", "fish"])
def test_vehicles_cross_the_frame(toy: str) -> None:
    right, down = travel(frames(toy, "green", seed="3"))
    assert right > 2 * down


@pytest.mark.parametrize("toy", ["ball", "rocket"])
def test_balls_and_rockets_go_up(toy: str) -> None:
    right, down = travel(frames(toy, "green", seed="3"))
    assert down > 2 * right


def test_a_turning_thing_stays_where_it_is() -> None:
    for beat in np.linspace(0, 4, 9):
        pose = MOVES["castle"][0](float(beat))
        assert (pose.x, pose.turn, pose.tall) == (0.0, 0.0, 1.0)
        assert 0.4 <= abs(pose.wide) <= 1.0


@pytest.mark.parametrize("toy", sorted(TOYS))
def test_every_toy_moves_and_is_seen_at_some_time(toy: str) -> None:
    move, _ = MOVES[toy]
    poses = [move(beat / 4) for beat in range(16)]
    assert len({(round(pose.x, 3), round(pose.y, 3), round(pose.turn, 1), round(pose.wide, 2)) for pose in poses}) > 1
    assert sum(abs(pose.x) < 0.35 and abs(pose.y) < 0.35 for pose in poses) >= 8


def test_pace_and_backdrop_follow_from_the_seed_and_colour_from_the_look() -> None:
    one, two = (frames("drum", "red", seed=seed, look="same") for seed in ("4", "5"))
    assert np.abs(one[:, :8, :8].astype(np.int16) - two[:, :8, :8]).mean() > 2
    for shown in (one, two):
        red = (shown[..., 0] > 120) & (shown[..., 1] < 90)
        assert red.mean() > 0.01
