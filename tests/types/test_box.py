from __future__ import annotations

import numpy as np
import pytest

from goodsense.types import Box


def test_overlap_by_hand() -> None:
    box = Box(0, 0, 10, 10)
    assert box.overlap(box) == 1
    assert box.overlap(Box(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert box.overlap(Box(2, 2, 5, 5)) == Box(2, 2, 5, 5).overlap(box) == pytest.approx(0.25)
    assert box.overlap(Box(10, 0, 4, 4)) == 0
    assert box.overlap(Box(50, 50, 4, 4)) == 0


def test_what_lies_in_a_box_is_cut_out() -> None:
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    found = Box(2, 1, 4, 3).cut(image)
    np.testing.assert_array_equal(found, image[1:4, 2:6])
    assert not np.shares_memory(found, image)
    np.testing.assert_array_equal(Box(-5, -5, 50, 50).cut(image), image)
    np.testing.assert_array_equal(Box(6.6, 4.4, 9, 9).cut(image), image[4:, 7:])
    for outside in (Box(40, 40, 2, 2), Box(-9, -9, 2, 2), Box(3, 3, 0.1, 0.1)):
        assert outside.cut(image).shape == (1, 1, 3)


@pytest.mark.parametrize("wrong", [(0, 0, 0, 1), (0, 0, 1, -1), (float("nan"), 0, 1, 1), (0, 0, 1, float("inf"))])
def test_impossible_boxes_are_refused(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected finite numbers and sides above 0"):
        Box(*wrong)
