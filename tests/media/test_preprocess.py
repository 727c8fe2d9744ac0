from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goodsense.media import preprocess as steps

from .pictures import drawn

Step = Callable[[Any], Any]

STEPS: dict[str, Step] = {
    "gaussian": steps.denoise_gaussian,
    "median": steps.denoise_median,
    "scale": lambda image: steps.scale_to_fit(image, 20),
    "pad": lambda image: steps.pad_to(image, (60, 60)),
    "crop": lambda image: steps.centre_crop(image, 8),
    "light": lambda image: steps.adjust_brightness_contrast(image, brightness=20, contrast=1.2),
    "equalise": steps.equalise_histogram,
    "clahe": steps.clahe,
    "lab": steps.to_lab,
    "hsv": steps.to_hsv,
    "from_lab": steps.from_lab,
    "from_hsv": steps.from_hsv,
    "rgb": steps.to_rgb,
}


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (30, 44, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", STEPS)
def test_every_step_returns_a_new_image_and_leaves_its_input(name: str, noise: np.ndarray) -> None:
    before = noise.copy()
    found = STEPS[name](noise)
    assert found.dtype == np.uint8
    assert found.ndim == 3
    assert found.shape[2] == 3
    assert not np.shares_memory(found, noise)
    assert np.array_equal(noise, before)
    assert np.array_equal(STEPS[name](noise[::1]), found)


@pytest.mark.parametrize("name", [*STEPS, "grey", "background"])
def test_every_step_takes_any_layout_and_one_pixel(name: str, noise: np.ndarray) -> None:
    step = (
        STEPS.get(name)
        or {"grey": steps.to_grey, "background": lambda image: steps.estimate_background(image).mask}[name]
    )
    flipped = noise[::-1, ::-1]
    assert np.array_equal(step(flipped), step(flipped.copy()))
    if name != "crop":
        assert step(np.full((1, 1, 3), 70, np.uint8)).size >= 1


@pytest.mark.parametrize("name", [*STEPS, "grey", "background"])
@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
        "a.jpg",
    ],
    ids=["float", "four channels", "float64", "empty", "text"],
)
def test_wrong_inputs_are_named(name: str, wrong: Any) -> None:
    step = STEPS.get(name) or {"grey": steps.to_grey, "background": steps.estimate_background}[name]
    with pytest.raises(ValueError, match="expected"):
        step(wrong)


def test_gaussian_averages_and_median_removes_specks() -> None:
    flat = np.full((21, 21, 3), 100, np.uint8)
    assert np.array_equal(steps.denoise_gaussian(flat, 3), flat)
    speck = flat.copy()
    speck[10, 10] = 255
    assert np.array_equal(steps.denoise_median(speck), flat)
    blurred = steps.denoise_gaussian(speck, 1.0)
    assert 100 < blurred[10, 10, 0] < 130
    assert np.array_equal(steps.denoise_gaussian(speck, 0), speck)
    edge = np.zeros((9, 9, 3), np.uint8)
    edge[:, 5:] = 200
    assert np.array_equal(steps.denoise_median(edge), edge)


@pytest.mark.parametrize(
    ("size", "enlarge", "expected"),
    [
        (18, True, (12, 18)),
        (72, True, (48, 72)),
        (72, False, (24, 36)),
        ((12, 100), True, (12, 18)),
        ((100, 9), True, (6, 9)),
        (36, True, (24, 36)),
        (1, True, (1, 1)),
    ],
)
def test_scale_to_fit(size: Any, enlarge: bool, expected: tuple[int, int]) -> None:
    assert steps.scale_to_fit(drawn(24, 36), size, enlarge=enlarge).shape[:2] == expected


def test_scaling_down_averages_areas() -> None:
    board = np.indices((8, 8)).sum(axis=0) % 2 * 200
    found = steps.scale_to_fit(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8), 4)
    assert np.array_equal(found, np.full((4, 4, 3), 100))


def test_pad_to_centres_on_the_wanted_colour() -> None:
    image = np.full((2, 4, 3), 9, np.uint8)
    for value, colour in ((255, [255] * 3), ((1, 2, 3), [1, 2, 3]), ("background", [9] * 3)):
        found = steps.pad_to(image, (5, 8), value)  # type: ignore[arg-type]
        assert found.shape == (5, 8, 3)
        assert np.array_equal(found[1:3, 2:6], image)
        assert found[0, 0].tolist() == colour
        assert found[4, 7].tolist() == colour
    with pytest.raises(ValueError, match="scale_to_fit"):
        steps.pad_to(image, (5, 3))


def test_centre_crop_takes_the_middle() -> None:
    image = np.zeros((5, 7, 3), np.uint8)
    image[2, 3] = 1
    assert steps.centre_crop(image, 1).tolist() == [[[1, 1, 1]]]
    assert steps.centre_crop(image, (3, 5))[1, 2].tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="5 x 7"):
        steps.centre_crop(image, 6)


def test_brightness_and_contrast_by_hand() -> None:
    image = np.array([[[0, 100, 255], [127, 128, 200]]], np.uint8)
    assert np.array_equal(steps.adjust_brightness_contrast(image), image)
    assert steps.adjust_brightness_contrast(image, brightness=60).tolist() == [[[60, 160, 255], [187, 188, 255]]]
    assert steps.adjust_brightness_contrast(image, contrast=2).tolist() == [[[0, 72, 255], [126, 128, 255]]]
    assert len(np.unique(steps.adjust_brightness_contrast(image, contrast=0))) == 1


@pytest.mark.parametrize("step", [steps.equalise_histogram, lambda image: steps.clahe(image, tiles=1, clip_limit=40)])
def test_equalising_spreads_the_light_and_keeps_grey_grey(step: Step) -> None:
    dull = np.repeat(np.tile(np.arange(100, 140, dtype=np.uint8), (40, 1))[:, :, None], 3, axis=2)
    found = step(dull)
    assert np.ptp(found.astype(int)) > 2 * np.ptp(dull.astype(int))
    assert np.abs(found.astype(int) - found[..., :1]).max() <= 2
    assert (np.diff(found[0, :, 0].astype(int)) >= 0).all()


def test_colour_spaces_have_their_documented_ranges() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]], np.uint8)
    assert steps.to_hsv(colours)[0].tolist() == [[0, 255, 255], [60, 255, 255], [120, 255, 255], [0, 0, 255], [0, 0, 0]]
    lab = steps.to_lab(colours)[0]
    assert lab[3].tolist() == [255, 128, 128]
    assert lab[4].tolist() == [0, 128, 128]
    assert steps.to_grey(colours)[0].tolist() == [76, 150, 29, 255, 0]
    assert steps.to_rgb(steps.to_grey(colours)).shape == (1, 5, 3)


@pytest.mark.parametrize(("there", "back"), [(steps.to_lab, steps.from_lab), (steps.to_hsv, steps.from_hsv)])
def test_colour_spaces_and_back(there: Step, back: Step, noise: np.ndarray) -> None:
    error = np.abs(back(there(noise)).astype(int) - noise)
    assert error.mean() < 2


def product_picture() -> tuple[np.ndarray, np.ndarray]:
    """A blue cup with a white label before a nearly white wall; and where the cup is."""
    rng = np.random.default_rng(3)
    image = rng.integers(244, 253, (80, 100, 1)).repeat(3, axis=2).astype(np.uint8)
    image[20:70, 30:70] = (30, 60, 160)
    image[35:50, 40:60] = 248
    inside = np.zeros((80, 100), bool)
    inside[20:70, 30:70] = True
    return image, inside


def test_a_plain_background_is_found() -> None:
    image, inside = product_picture()
    found = steps.estimate_background(image)
    assert found.colour == pytest.approx((248, 248, 248), abs=2)
    assert np.array_equal(found.mask, ~inside)  # the label within the cup belongs to the cup
    assert found.sure == 1.0


def test_a_product_that_touches_the_edge_lowers_the_certainty() -> None:
    image, inside = product_picture()
    cut = image[:70]  # the cup stands on the lower edge
    found = steps.estimate_background(cut)
    assert np.array_equal(found.mask, ~inside[:70])
    assert 0.8 < found.sure < 1.0


def test_no_plain_background_is_said_to_be_none(noise: np.ndarray) -> None:
    assert steps.estimate_background(noise).sure < 0.3
    assert steps.estimate_background(drawn(40, 40)).sure < 0.7


@pytest.mark.parametrize(
    "call",
    [
        lambda image: steps.denoise_gaussian(image, -1),
        lambda image: steps.denoise_gaussian(image, float("nan")),
        lambda image: steps.denoise_median(image, 4),
        lambda image: steps.denoise_median(image, 257),
        lambda image: steps.scale_to_fit(image, 0),
        lambda image: steps.scale_to_fit(image, (1, 2, 3)),
        lambda image: steps.scale_to_fit(image, 10**6),
        lambda image: steps.pad_to(image, (99, 99), 256),
        lambda image: steps.pad_to(image, (99, 99), "white"),
        lambda image: steps.centre_crop(image, (0, 1)),
        lambda image: steps.adjust_brightness_contrast(image, brightness=300),
        lambda image: steps.adjust_brightness_contrast(image, contrast=-1),
        lambda image: steps.clahe(image, clip_limit=-1),
        lambda image: steps.clahe(image, tiles=0),
    ],
)
def test_wrong_options_are_named(call: Step) -> None:
    with pytest.raises(ValueError, match="expected"):
        call(drawn())


def test_to_rgb_and_from_spaces_refuse_other_shapes() -> None:
    with pytest.raises(ValueError, match="expected"):
        steps.to_rgb(np.zeros(4, np.uint8))
    with pytest.raises(ValueError, match="expected"):
        steps.from_lab(np.zeros((2, 2), np.uint8))
