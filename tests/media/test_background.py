from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.media.background import remove_background
from goodsense.types import Box

from .scenes import RED, disc, with_shadow


def overlap(first: Any, second: Any) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("ground", ["plain", "patterned"])
def test_a_disc_is_cut_loose_with_its_label(ground: str) -> None:
    image, inside, _ = disc(ground=ground)
    found = remove_background(image, fill=(0, 255, 0))
    assert overlap(found.mask, inside) > 0.93
    assert found.mask[60, 80]  # the label has the wall's colour, and belongs to the thing
    assert found.sure > 0.6
    assert found.image[0, 0].tolist() == [0, 255, 0]
    np.testing.assert_array_equal(found.image[60, 60:70], image[60, 60:70])


def test_large_pictures_keep_their_size() -> None:
    image, inside, _ = disc(centre=(300, 400), radius=160, size=(600, 820))
    found = remove_background(image)
    assert found.mask.shape == (600, 820)
    assert overlap(found.mask, inside) > 0.95


def test_the_shadow_goes_with_the_wall() -> None:
    image, inside, _ = disc()
    assert overlap(remove_background(with_shadow(image, inside)).mask, inside) > 0.9


def test_pieces_belong_together_before_a_plain_wall() -> None:
    image, inside, _ = disc(centre=(60, 40), radius=25)
    image[45:75, 100:130] = RED
    inside[45:75, 100:130] = True
    assert overlap(remove_background(image).mask, inside) > 0.93


def test_a_box_says_which_thing() -> None:
    image, _, _ = disc(centre=(60, 40), radius=25)
    image[40:90, 100:140] = (40, 70, 190)
    found = remove_background(image, box=Box(92, 32, 56, 66))
    assert overlap(found.mask, np.pad(np.ones((50, 40), bool), ((40, 30), (100, 20)))) > 0.9
    with pytest.raises(ValueError, match="outside the picture"):
        remove_background(image, box=Box(500, 500, 10, 10))


@pytest.mark.parametrize("size", [(1, 1), (40, 50), (1, 60)])
def test_where_nothing_is_found_nothing_is_removed(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), 130, np.uint8)
    found = remove_background(flat)
    assert found.sure == 0
    assert found.mask.all()
    np.testing.assert_array_equal(found.image, flat)


def test_noise_is_not_cut_with_confidence() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (45, 60, 3), dtype=np.uint8)
    before = noise.copy()
    assert remove_background(noise).sure < 0.5
    np.testing.assert_array_equal(noise, before)
    np.testing.assert_array_equal(remove_background(noise).mask, remove_background(noise).mask)
