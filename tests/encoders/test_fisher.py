"""Local patches, mixtures and what is pooled from them, against naive loops and numeric derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from goodsense.encoders.fisher import FisherEncoder
from goodsense.encoders.gaussians import Mixture
from goodsense.encoders.local_patches import FLAT, colour_patches, gradient_patches, orb_patches
from goodsense.errors import DataError, UsageError
from tests.encoders import samples

PICTURES = samples.pictures()
KINDS = [f"{kind} {colour}" for kind in samples.KINDS for colour in samples.COLOURS for _ in range(3)]
NOISE = np.random.default_rng(2).integers(0, 256, size=(32, 40, 3)).astype(np.uint8)
BOX = np.array([1, 2, 2, 2, 2, 1]) / 10  # of a cell and a pixel around it


def small(**options: Any) -> FisherEncoder:
    return FisherEncoder(**{"dim": 32, "components": 6, "side": 48, **options})


@pytest.fixture(scope="module")
def encoder() -> FisherEncoder:
    return small().fit(PICTURES, seed=0)


# ---- patches


def naive_gradients(image: Any, top: int, left: int) -> Any:
    """The patch of 16 x 16 pixels there, pixel by pixel."""
    import cv2

    grey = np.sqrt(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) / 255)
    found = np.zeros((8, 4, 4))
    for row in range(4):
        for column in range(4):
            for y, tall in enumerate(BOX, start=top + 4 * row - 1):
                for x, wide in enumerate(BOX, start=left + 4 * column - 1):
                    near = grey[y - 1 : y + 2, x - 1 : x + 2]
                    right = ((near[:, 2] - near[:, 0]) * [1, 2, 1]).sum() / 4
                    down = ((near[2] - near[0]) * [1, 2, 1]).sum() / 4
                    place = math.atan2(down, right) % (2 * math.pi) * 8 / (2 * math.pi)
                    lower, share = int(place), place - int(place)
                    length = math.hypot(right, down) * tall * wide
                    found[lower % 8, row, column] += length * (1 - share)
                    found[(lower + 1) % 8, row, column] += length * share
    return np.sqrt(found / (found.sum() + FLAT)).ravel()


def test_gradient_patches_are_what_a_loop_over_pixels_finds() -> None:
    found = gradient_patches(NOISE, side=40)
    assert found.descriptors.shape[1] == 128
    columns = 40 // 4 - 3
    for row, column in ((1, 1), (2, 4), (3, 2)):
        expected = naive_gradients(NOISE, 4 * row, 4 * column)
        np.testing.assert_allclose(found.descriptors[row * columns + column], expected, atol=2e-3)


def test_colour_patches_are_means_and_spreads_of_cells() -> None:
    import cv2

    lab = cv2.cvtColor(NOISE, cv2.COLOR_RGB2LAB).astype(np.float64) / 255 - 0.5
    found = colour_patches(NOISE, side=40).descriptors[1 * 7 + 2].reshape(6, 4, 4)
    weight = np.outer(BOX, BOX)[..., None]
    cell = lab[4 + 8 - 1 : 4 + 8 + 5, 8 + 4 - 1 : 8 + 4 + 5]  # third row, second column of the patch
    mean = (cell * weight).sum(axis=(0, 1))
    np.testing.assert_allclose(found[:3, 2, 1], mean, atol=1e-4)
    spread = np.sqrt((cell**2 * weight).sum(axis=(0, 1)) - mean**2)
    np.testing.assert_allclose(found[3:, 2, 1], spread, atol=1e-4)


def test_places_run_over_the_picture_at_two_sizes() -> None:
    places = gradient_patches(NOISE, side=40).places
    large, smaller = 7 * 5, (24 // 4 - 3) * (20 // 4 - 3)
    assert len(places) == large + smaller
    np.testing.assert_allclose(places[0], [2 / 10 * 2 - 1, 2 / 8 * 2 - 1], atol=1e-6)
    np.testing.assert_allclose(places[large - 1], -places[0], atol=1e-6)


def test_a_flat_picture_has_short_gradients_and_no_corners() -> None:
    flat = np.full((60, 50, 3), 90, dtype=np.uint8)
    assert np.abs(gradient_patches(flat, side=48).descriptors).max() < 1e-3
    assert orb_patches(flat, side=48).descriptors.shape == (0, 256)
    assert len(orb_patches(NOISE, side=64).places) > 5


# ---- mixtures


MIXTURE = Mixture(
    np.array([0.3, 0.7], np.float32),
    np.array([[0.0, 1.0, -1.0], [1.0, 0.5, 0.0]], np.float32),
    np.array([[1.0, 0.5, 2.0], [0.4, 1.5, 1.0]], np.float32),
)
ROWS = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)


def mean_log_likelihood(means: Any, variances: Any) -> float:
    rows = ROWS.astype(np.float64)[:, None, :]
    density = np.exp(-((rows - means) ** 2) / (2 * variances)) / np.sqrt(2 * np.pi * variances)
    return float(np.log((density.prod(axis=2) * MIXTURE.weights).sum(axis=1)).mean())


def test_the_shares_are_those_of_a_reference() -> None:
    from sklearn.mixture import GaussianMixture

    other = GaussianMixture(2, covariance_type="diag")
    other.weights_, other.means_, other.covariances_ = (np.float64(MIXTURE.weights), MIXTURE.means, MIXTURE.variances)
    other.precisions_cholesky_ = 1 / np.sqrt(MIXTURE.variances)
    np.testing.assert_allclose(MIXTURE.shares(ROWS), other.predict_proba(ROWS), atol=1e-5)


def test_a_fisher_vector_is_the_scaled_gradient_of_the_likelihood() -> None:
    means, variances = MIXTURE.means.astype(np.float64), MIXTURE.variances.astype(np.float64)
    by_mean, by_deviation = MIXTURE.fisher_vector(ROWS).reshape(2, 2, 3)
    step = 1e-5
    for k in range(2):
        for j in range(3):
            change = np.zeros((2, 3))
            change[k, j] = step
            slope = (mean_log_likelihood(means + change, variances) - mean_log_likelihood(means, variances)) / step
            root = math.sqrt(MIXTURE.weights[k])
            assert by_mean[k, j] == pytest.approx(slope * math.sqrt(variances[k, j]) / root, abs=1e-3)
            wider = (np.sqrt(variances) + change) ** 2
            slope = (mean_log_likelihood(means, wider) - mean_log_likelihood(means, variances)) / step
            expected = slope * math.sqrt(variances[k, j]) / (root * math.sqrt(2))
            assert by_deviation[k, j] == pytest.approx(expected, abs=1e-3)


def test_vlad_is_what_a_loop_finds() -> None:
    expected = np.zeros((2, 3))
    for row in ROWS:
        nearest = int(((MIXTURE.means - row) ** 2).sum(axis=1).argmin())
        expected[nearest] += (row - MIXTURE.means[nearest]) / np.sqrt(MIXTURE.variances.mean(axis=0))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(MIXTURE.vlad(ROWS), expected.ravel(), atol=1e-5)


def test_a_fit_finds_the_components_that_made_the_rows() -> None:
    random = np.random.default_rng(4)
    rows = np.concatenate([random.normal(-3, 0.5, (300, 2)), random.normal(2, 1.0, (100, 2))]).astype(np.float32)
    found = Mixture.fitted(rows, 2, seed=0)
    low, high = np.argsort(found.means[:, 0])
    np.testing.assert_allclose(found.weights[[low, high]], [0.75, 0.25], atol=0.02)
    np.testing.assert_allclose(found.means[[low, high]], [[-3, -3], [2, 2]], atol=0.25)
    np.testing.assert_allclose(found.variances[low], 0.25, atol=0.1)


def test_nothing_pooled_is_zero() -> None:
    none = np.zeros((0, 3), np.float32)
    assert not MIXTURE.fisher_vector(none).any()
    assert not MIXTURE.vlad(none).any()


# ---- the encoder


@pytest.mark.parametrize("options", [{}, {"pool": "vlad"}, {"patches": "orb"}])
def test_the_most_alike_picture_shows_the_same_product(options: dict[str, Any]) -> None:
    vectors = small(**options).fit(PICTURES, seed=0).encode(PICTURES)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1)
    nearest = alike.argmax(axis=1)
    assert sum(KINDS[row] == KINDS[at] for row, at in enumerate(nearest)) >= 33  # of 36


def test_blocks_have_their_places_and_weights(encoder: FisherEncoder) -> None:
    vectors = encoder.encode(PICTURES)
    assert list(encoder.slices) == ["gradients", "colours"]
    energy = [(vectors[:, place] ** 2).sum(axis=1) for place in encoder.slices.values()]
    np.testing.assert_allclose(energy[0] / energy[1], 0.65, rtol=1e-4)
    alone = small(weights={"gradients": 0}).fit(PICTURES[:8], seed=0)
    assert dict(alone.slices) == {"colours": slice(0, 32)}


def test_a_picture_without_corners_is_known_by_its_colours() -> None:
    encoder = small(patches="orb").fit(PICTURES, seed=0)
    (found,) = encoder.encode([np.full((40, 40, 3), 128, dtype=np.uint8)])
    assert not found[encoder.slices["gradients"]].any()
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_what_is_no_picture_is_refused(encoder: FisherEncoder) -> None:
    with pytest.raises(DataError, match="expected uint8"):
        encoder.encode([np.zeros((5, 5), dtype=np.uint8)])


@pytest.mark.parametrize(
    "options",
    [{"dim": 1}, {"components": 0}, {"side": 8}, {"pool": "mean"}, {"patches": "surf"}]
    + [{"weights": weights} for weights in ({"shape": 1}, {"colours": -1}, {"colours": 0, "gradients": 0})],
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        FisherEncoder(**options)
