from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goodsense.augmentation import chain
from goodsense.media import augment_image as steps

from .pictures import drawn

STEPS: dict[str, Any] = {
    "crop": steps.RandomCrop(),
    "flip": steps.FlipHorizontal(),
    "flip over": steps.FlipVertical(),
    "jitter": steps.ColourJitter(),
    "turn": steps.Turn(),
    "turn, mirrored": steps.Turn(40, 0.2, (0.8, 1.2), "mirror"),
    "turn, white": steps.Turn(fill=(255, 255, 255)),
    "blur": steps.Blur(),
    "erase": steps.Erase(),
    "erase by the mean": steps.Erase(fill="mean"),
    "mild": steps.mild(),
    "strong": steps.strong(),
}
AT_REST: dict[str, Any] = {
    "crop": steps.RandomCrop((1, 1), (1, 1)),
    "jitter": steps.ColourJitter(0, 0, 0, 0),
    "turn": steps.Turn(0, 0),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def noise() -> np.ndarray:
    return rng(5).integers(0, 256, (30, 44, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", STEPS)
def test_steps_keep_size_and_input_and_follow_their_seed(name: str, noise: np.ndarray) -> None:
    before = noise.copy()
    found = STEPS[name](noise, rng(3))
    assert found.shape == noise.shape
    assert found.dtype == np.uint8
    assert not np.shares_memory(found, noise)
    np.testing.assert_array_equal(noise, before)
    np.testing.assert_array_equal(STEPS[name](noise, rng(3)), found)
    assert not np.array_equal(found, noise)


@pytest.mark.parametrize("name", STEPS)
def test_any_layout_and_one_pixel(name: str, noise: np.ndarray) -> None:
    turned = noise[::-1, ::-1]
    np.testing.assert_array_equal(STEPS[name](turned, rng(1)), STEPS[name](turned.copy(), rng(1)))
    for size in ((1, 1), (1, 60), (60, 1)):
        assert STEPS[name](np.full((*size, 3), 70, np.uint8), rng()).shape == (*size, 3)


@pytest.mark.parametrize("name", AT_REST)
def test_a_step_at_rest_changes_nothing(name: str, noise: np.ndarray) -> None:
    np.testing.assert_array_equal(AT_REST[name](noise, rng(2)), noise)


def test_chances_of_none_and_one(noise: np.ndarray) -> None:
    never, always = chain((steps.FlipHorizontal(), 0.0)), chain((steps.FlipHorizontal(), 1.0))
    for seed in range(20):
        np.testing.assert_array_equal(never(noise, rng(seed)), noise)
        np.testing.assert_array_equal(always(noise, rng(seed)), noise[:, ::-1])


def test_flips_twice_are_nothing(noise: np.ndarray) -> None:
    for flip in (steps.FlipHorizontal(), steps.FlipVertical()):
        np.testing.assert_array_equal(flip(flip(noise, rng()), rng()), noise)
    assert drawn()[0, 0].tolist() == steps.FlipHorizontal()(drawn(), rng())[0, -1].tolist()
    assert drawn()[0, 0].tolist() == steps.FlipVertical()(drawn(), rng())[-1, 0].tolist()


def test_a_crop_keeps_the_wanted_share() -> None:
    """On a slope the range of what is seen tells how much was kept."""
    slope = np.repeat(np.tile(np.arange(200, dtype=np.uint8), (200, 1))[..., None], 3, axis=2)
    kept = [np.ptp(steps.RandomCrop((0.25, 0.25), (1, 1))(slope, rng(seed))[..., 0].astype(int)) for seed in range(30)]
    assert all(97 <= width <= 100 for width in kept)
    sides = [np.ptp(steps.RandomCrop((0.25, 1.0), (1, 1))(slope, rng(seed))[..., 0].astype(int)) for seed in range(60)]
    assert min(sides) >= 97
    assert min(sides) < 120
    assert max(sides) > 180


def test_jitter_by_hand() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    grey[:2] = 50
    lights = {int(steps.ColourJitter(0.5, 0, 0, 0)(grey, rng(seed))[3, 3, 0]) for seed in range(40)}
    assert min(lights) >= 50
    assert max(lights) <= 150
    assert len(lights) > 20
    for seed in range(10):
        flat = steps.ColourJitter(0, 1, 0, 0)(grey, rng(seed)).astype(int)
        assert abs(flat[..., 0].mean() - 75) <= 1  # contrast keeps the mean
        hued = steps.ColourJitter(0, 0, 1, 0.5)(grey, rng(seed)).astype(int)
        assert np.abs(hued - grey).max() <= 1  # grey has no hue
    red = np.full((2, 2, 3), (150, 110, 110), np.uint8)
    turned = [steps.ColourJitter(0, 0, 0, 0.5)(red, rng(seed))[0, 0].astype(int) for seed in range(30)]
    luma = [np.dot(colour, (0.299, 0.587, 0.114)) for colour in turned]
    assert np.ptp(luma) < 3
    assert {int(np.argmax(colour)) for colour in turned} == {0, 1, 2}


def test_a_turn_moves_as_it_says() -> None:
    spot = np.zeros((61, 61, 3), np.uint8)
    spot[28:33, 28:33] = 255
    for seed in range(10):
        turned = steps.Turn(180, 0, fill=(0, 0, 0))(spot, rng(seed))
        np.testing.assert_allclose(_middle(turned), (30, 30), atol=0.2)
    moved = np.array([_middle(steps.Turn(0, 0.25, fill=(0, 0, 0))(spot, rng(seed))) for seed in range(40)]) - 30
    assert np.abs(moved).max() <= 0.25 * 61 + 0.5
    assert np.abs(moved).max(axis=0).min() > 8
    sums = [steps.Turn(0, 0, (2, 2), (0, 0, 0))(spot, rng(seed))[..., 0].sum() / 255 for seed in range(3)]
    np.testing.assert_allclose(sums, 100, rtol=0.1)  # four times 25 pixels


def _middle(image: np.ndarray) -> Any:
    weights = image[..., 0].astype(float)
    rows, columns = np.indices(weights.shape)
    return (columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()


def test_blur_keeps_what_is_even_and_erase_covers_its_share() -> None:
    flat = np.full((50, 80, 3), 90, np.uint8)
    np.testing.assert_array_equal(steps.Blur()(flat, rng()), flat)
    for seed in range(20):
        found = steps.Erase((0.1, 0.1), (1, 1), (0, 0, 0))(flat, rng(seed))
        assert (found == 0).all(axis=2).mean() == pytest.approx(0.1, abs=0.015)
        np.testing.assert_array_equal(steps.Erase(fill="mean")(flat, rng(seed)), flat)


@pytest.mark.parametrize(
    "call",
    [
        lambda: steps.RandomCrop((0, 1)),
        lambda: steps.RandomCrop((0.8, 0.4)),
        lambda: steps.RandomCrop((0.5, 1.2)),
        lambda: steps.RandomCrop(aspect=(1, float("inf"))),
        lambda: steps.ColourJitter(brightness=1.5),
        lambda: steps.ColourJitter(hue=float("nan")),
        lambda: steps.Turn(degrees=-1),
        lambda: steps.Turn(fill="wall"),  # type: ignore[arg-type]
        lambda: steps.Turn(fill=(0, 0, 300)),
        lambda: steps.Blur((0, 1)),
        lambda: steps.Erase(fill="red"),  # type: ignore[arg-type]
        lambda: steps.Erase(fill=(0, 0, 300)),
        lambda: steps.FlipHorizontal()(np.zeros((4, 4), np.uint8), rng()),
        lambda: steps.FlipHorizontal()(np.zeros((4, 0, 3), np.uint8), rng()),
        lambda: steps.Blur()("a.jpg", rng()),  # type: ignore[arg-type]
    ],
)
def test_impossible_ranges_and_values_are_named(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        call()
