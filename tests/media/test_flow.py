from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.media import flow


def texture(height: int = 64, width: int = 80, *, seed: int = 1) -> NDArray[np.uint8]:
    """Smooth noise, which has one best match everywhere."""
    import cv2

    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)


def shifted(right: int, down: int, *, count: int = 3) -> NDArray[np.uint8]:
    """A window that looks at a texture which moves ``right`` and ``down`` by so many pixels from frame to frame."""
    ground = texture(120, 140)
    return np.stack([ground[30 - down * i : 94 - down * i, 30 - right * i : 110 - right * i] for i in range(count)])


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 2), (-2, 1), (0, 0)])
def test_a_shifted_pattern_moves_by_its_shift(right: int, down: int) -> None:
    frames = shifted(right, down)
    dense = flow.optical_flow(frames)
    assert dense.shape == (2, 64, 80, 2)
    assert dense.dtype == np.float32
    np.testing.assert_allclose(np.median(dense, axis=(1, 2)), [(right, down)] * 2, atol=0.1)
    blocks = flow.block_motion(frames, block=8, reach=4)
    assert blocks.shape == (2, 8, 10, 2)
    assert (blocks[:, 1:-1, 1:-1] == (right, down)).all()


def test_what_moves_moves_alone() -> None:
    before = np.full((64, 64), 120, np.uint8)
    after = before.copy()
    before[16:32, 16:32] = texture(16, 16)
    after[16:32, 19:35] = before[16:32, 16:32]
    found = flow.block_motion(np.stack([before, after]))[0]
    assert (found[2:4, 2:4] == (3, 0)).all()
    assert not found[5:].any()  # no texture: at rest


def test_too_few_frames_and_too_small_ones_rest() -> None:
    assert flow.optical_flow(texture()[None]).shape == (0, 64, 80, 2)
    assert flow.block_motion(texture()[None]).shape == (0, 8, 10, 2)
    tiny = np.zeros((2, 3, 4), np.uint8)
    assert not flow.optical_flow(tiny).any()
    assert flow.block_motion(tiny, block=8).shape == (1, 0, 0, 2)


def test_motion_has_the_unit_of_a_clip() -> None:
    """Six pixels of sixty in half a second are a fifth of the width per second."""
    moved = np.zeros((1, 40, 60, 2), np.float32)
    moved[..., 0], moved[..., 1] = 6, -2
    found = flow.as_motion(moved, np.array([1.0, 1.5]), size=(40, 60), grid=(4, 5))
    assert found.shape == (2, 4, 5, 2)
    assert not found[0].any()
    np.testing.assert_allclose(found[1], np.broadcast_to([0.2, -0.1], (4, 5, 2)), rtol=1e-6)
    with pytest.raises(ValueError, match="one time more"):
        flow.as_motion(moved, np.array([1.0]), size=(40, 60), grid=(4, 5))


def test_warping_back_undoes_a_shift() -> None:
    frames = np.repeat(shifted(3, -2, count=2)[..., None], 3, axis=3)
    moved = np.broadcast_to(np.float32([3, -2]), (64, 80, 2))
    found = flow.warp(frames[1], np.ascontiguousarray(moved))
    np.testing.assert_array_equal(found[4:-4, 4:-4], frames[0][4:-4, 4:-4])


def test_grey_frames_are_scaled_down_only() -> None:
    frames = np.full((2, 40, 60, 3), 77, np.uint8)
    assert flow.grey_frames(frames, 30).shape == (2, 20, 30)
    assert flow.grey_frames(frames, 90).shape == (2, 40, 60)
    assert (flow.grey_frames(frames) == 77).all()


@pytest.mark.parametrize("wrong", [np.zeros((2, 8, 8)), np.zeros((8, 8), np.uint8), "clip"])
def test_other_frames_are_refused(wrong: object) -> None:
    for step in (flow.optical_flow, flow.block_motion):
        with pytest.raises(ValueError, match="expected a \\(t, h, w\\) uint8"):
            step(wrong)  # type: ignore[arg-type]
