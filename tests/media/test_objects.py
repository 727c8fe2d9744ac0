from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.media.objects import main_object, propose_objects, saliency
from goodsense.types import Box

from .scenes import BLUE, disc, with_shadow


@pytest.mark.parametrize("ground", ["plain", "patterned"])
@pytest.mark.parametrize(
    ("centre", "radius", "size"),
    [((60, 80), 30, (120, 160)), ((40, 110), 22, (120, 160)), ((200, 150), 90, (400, 360)), ((30, 30), 14, (60, 64))],
)
def test_a_disc_is_boxed(ground: str, centre: Any, radius: int, size: Any) -> None:
    image, _, box = disc(centre=centre, radius=radius, size=size, ground=ground)
    found = propose_objects(image)
    assert found[0].overlap(box) > 0.85
    assert found[0].score > 0.5
    assert all(one.left >= 0 and one.left + one.width <= size[1] for one in found)


def test_a_shadow_is_no_part_of_the_thing() -> None:
    image, inside, box = disc()
    assert main_object(with_shadow(image, inside)).overlap(box) > 0.9


def test_several_things_have_a_box_each() -> None:
    image, _, box = disc(centre=(60, 40), radius=25)
    image[40:90, 100:140] = BLUE
    found = propose_objects(image, k=3)
    assert len(found) == 2
    assert max(one.overlap(box) for one in found) > 0.9
    assert max(one.overlap(Box(100, 40, 40, 50)) for one in found) > 0.9
    assert len(propose_objects(image, k=1)) == 1
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_nothing_stands_out_of_nothing() -> None:
    flat = np.full((50, 70, 3), 120, np.uint8)
    assert propose_objects(flat) == ()
    assert main_object(flat) == Box(0, 0, 70, 50, 0.0)
    assert not saliency(flat).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 3), (2, 700)])
def test_any_size_is_looked_at(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert len(propose_objects(image)) <= 3
    assert saliency(image).shape == size


def test_answers_repeat_and_inputs_stay() -> None:
    for ground in ("plain", "patterned"):
        image, _, _ = disc(ground=ground)
        before = image.copy()
        first = propose_objects(image)
        np.random.default_rng(1).random(3)
        assert propose_objects(image) == first
        np.testing.assert_array_equal(image, before)


def test_saliency_is_highest_on_the_thing() -> None:
    image, inside, _ = disc(ground="patterned")
    found = saliency(image)
    assert 0 <= found.min() <= found.max() <= 1
    assert found[inside].mean() > 4 * found[~inside].mean()


@pytest.mark.parametrize(("wrong", "k"), [(np.zeros((4, 4)), 3), (np.zeros((4, 4, 3), np.uint8), 0)])
def test_mistakes_are_named(wrong: Any, k: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        propose_objects(wrong, k=k)
