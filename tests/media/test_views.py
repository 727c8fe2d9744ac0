from __future__ import annotations

import numpy as np
import pytest

from goodsense.demo.drawing import photograph, reshoot
from goodsense.media.views import choose_views, perceptual_hash, sharpness

from .scenes import disc


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def test_repeats_go_and_the_best_of_them_stays() -> None:
    """Two views of a robot, the first of them four times: reshot, blurred, and made smaller."""
    import cv2

    front, side = photograph("robot", "red", seed="v1", look="r"), photograph("robot", "red", seed="v2", look="r")
    small = np.asarray(cv2.resize(front, (90, 90), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = choose_views([blurred(front, 2), front, side, small, reshoot(front, seed="x")])
    assert {view.index for view in found if view.kept} in ({1, 2}, {4, 2})
    best = next(view.index for view in found if view.kept and view.index != 2)
    for view in found[2:]:
        assert not view.kept
        assert view.like == best
        assert view.why == f"shows the same as photo {best}, which shows more"


def test_the_order_is_by_what_is_shown() -> None:
    good, _, _ = disc(centre=(100, 100), radius=60, size=(200, 200))
    tiny, _, _ = disc(centre=(30, 150), radius=8, size=(200, 200))
    noisy, _, _ = disc(centre=(90, 60), radius=40, size=(200, 200), ground="patterned")
    found = choose_views([blurred(noisy, 3), tiny, good])
    assert found[0].index == 2
    assert all(view.kept for view in found)
    assert [view.score for view in found] == sorted((view.score for view in found), reverse=True)
    assert all(0 <= part <= 1 for view in found for part in (view.score, view.sharp, view.filled, view.plain))
    assert "before a plain ground" in found[0].why
    two = choose_views([blurred(noisy, 3), tiny, good], most=2)
    assert [view.kept for view in two] == [True, True, False]
    assert two[2].why == "shows less than 2 others"


def test_another_colour_is_another_photo() -> None:
    red, inside, _ = disc()
    other = red.copy()
    other[inside] = 255 - red[inside]
    assert [view.kept for view in choose_views([red, other])] == [True, True]


def test_none_and_one_and_tiny_photos() -> None:
    assert choose_views([]) == ()
    pixel = np.zeros((1, 1, 3), np.uint8)
    assert [view.kept for view in choose_views([pixel, pixel])] == [True, False]
    with pytest.raises(ValueError, match="most is 0"):
        choose_views([pixel], most=0)


def test_hashes_survive_scaling_and_tell_mirrors_apart() -> None:
    import cv2

    image = photograph("train", "blue", seed="h")
    small = np.asarray(cv2.resize(image, (80, 80), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    assert perceptual_hash(image).shape == (64,)
    assert (perceptual_hash(image) != perceptual_hash(small)).sum() <= 4
    assert (perceptual_hash(image) != perceptual_hash(np.ascontiguousarray(image[:, ::-1]))).sum() > 16
    assert sharpness(image) > 5 * sharpness(blurred(image, 2))
