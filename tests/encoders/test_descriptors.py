from __future__ import annotations

import numpy as np
import pytest
from skimage import color, feature

from goodsense.encoders import descriptor_blocks as blocks
from goodsense.encoders import outlines
from goodsense.encoders.decomposition import principal
from goodsense.encoders.descriptors import BLOCKS, DescriptorsEncoder, describe, describe_blocks, raw_slices, shared_out
from goodsense.errors import DataError, UsageError
from tests.encoders import samples


def shaken(height: int = 48, width: int = 48, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=(height, width, 3)).astype(np.uint8)


def test_lab_agrees_with_skimage() -> None:
    image = shaken()
    expected = color.rgb2lab(image)
    found = blocks.to_lab(image).astype(np.float64)
    np.testing.assert_allclose(found[..., 0] / 2.55, expected[..., 0], atol=1)
    np.testing.assert_allclose(found[..., 1:] - 128, expected[..., 1:], atol=2)


def test_channel_histograms_match_a_plain_loop() -> None:
    lab = blocks.to_lab(shaken(8, 8))
    found = blocks.channel_histograms(blocks.channel_counts(lab, grid=2), bins=4, grids=(2,)).reshape(3, 2, 2, 4)
    expected = np.zeros((2, 2, 4))
    for row in range(8):
        for column in range(8):
            place = lab[row, column, 0] / 255 * 3
            for b in range(4):
                expected[row // 4, column // 4, b] += max(0.0, 1 - abs(place - b)) / 64
    np.testing.assert_allclose(found[0], np.sqrt(expected), atol=1e-6)


def test_joint_histogram_matches_a_plain_loop() -> None:
    lab = blocks.to_lab(shaken(6, 6))
    weights = np.random.default_rng(1).random((6, 6)).astype(np.float32)
    found = blocks.joint_histogram(blocks.FineColours.of(lab), weights, bins=(2, 3, 3))
    expected = np.zeros((2, 3, 3))
    for pixel, weight in zip((lab.reshape(-1, 3) >> 3 << 3) + 4, weights.ravel(), strict=True):
        levels = [pixel[0] / 255, *np.clip((pixel[1:].astype(float) - 128) / 140 + 0.5, 0, 1)]
        shares = [
            np.maximum(0, 1 - np.abs(level * (n - 1) - np.arange(n)))
            for level, n in zip(levels, (2, 3, 3), strict=True)
        ]
        expected += weight * np.einsum("i,j,k->ijk", *shares)
    np.testing.assert_allclose(found, np.sqrt(expected.ravel() / expected.sum()), atol=1e-5)


def test_gradients_match_a_plain_loop() -> None:
    grey = np.random.default_rng(3).random((16, 24)).astype(np.float32)
    padded = np.pad(grey.astype(np.float64), 1, mode="edge")
    cells = np.zeros((2, 3, 9))
    for row in range(16):
        for column in range(24):
            across = padded[row + 1, column + 2] - padded[row + 1, column]
            down = padded[row + 2, column + 1] - padded[row, column + 1]
            place = np.degrees(np.arctan2(down, across)) % 180 / 20
            lower = int(place)
            cells[row // 8, column // 8, lower % 9] += np.hypot(across, down) * (1 - place + lower)
            cells[row // 8, column // 8, (lower + 1) % 9] += np.hypot(across, down) * (place - lower)
    expected = []
    for c in range(2):
        block = np.concatenate([cells[0, c], cells[0, c + 1], cells[1, c], cells[1, c + 1]])
        block = np.minimum(block / np.sqrt((block**2).sum() + 1e-2), 0.2)
        expected.append(block / np.sqrt((block**2).sum() + 1e-2))
    np.testing.assert_allclose(blocks.oriented_gradients(grey), np.concatenate(expected), atol=2e-3)


def test_gradients_do_not_tell_light_from_dark() -> None:
    grey = np.random.default_rng(3).random((48, 48)).astype(np.float32)
    np.testing.assert_allclose(blocks.oriented_gradients(grey), blocks.oriented_gradients(1 - grey), atol=1e-3)


def test_an_edge_votes_for_its_own_orientation() -> None:
    ramp = np.tile(np.arange(32, dtype=np.float32) / 32, (32, 1))
    cells = blocks.oriented_gradients(ramp).reshape(3, 3, 4, 9)
    assert (cells[..., 0] > 0.3).all()
    assert np.abs(cells[..., 1:]).max() < 1e-5
    falling = blocks.oriented_gradients(np.ascontiguousarray(ramp.T)).reshape(3, 3, 4, 9)
    assert (falling[..., 4:6] > 0.1).all()  # 90 degrees lies between two of nine bins


def test_binary_patterns_match_a_plain_loop() -> None:
    grey = np.random.default_rng(2).integers(0, 256, size=(9, 9)).astype(np.uint8)
    found = blocks.binary_patterns(grey, radius=2)
    padded = np.pad(grey, 2, mode="edge")
    counts = np.zeros(59)
    for row in range(9):
        for column in range(9):
            bits = [int(padded[row + 2 + 2 * r, column + 2 + 2 * c] >= grey[row, column]) for r, c in blocks.RING]
            counts[blocks.UNIFORM[sum(bit << i for i, bit in enumerate(bits))]] += 1
    np.testing.assert_allclose(found[:59], np.sqrt(counts / 81), atol=1e-6)
    np.testing.assert_allclose((found[59:].reshape(9, 59) ** 2).sum(axis=0), counts / 81, atol=1e-6)


def test_uniform_patterns_are_58() -> None:
    assert len(set(blocks.UNIFORM.tolist())) == 59
    assert (blocks.UNIFORM == 58).sum() == 256 - 58


def test_co_occurrence_agrees_with_skimage() -> None:
    grey = np.random.default_rng(4).integers(0, 256, size=(20, 24)).astype(np.uint8)
    found = blocks.co_occurrence(grey, steps=(1,)).reshape(6, 4)
    matrices = feature.graycomatrix(
        grey // 16, [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], levels=16, symmetric=True, normed=True
    )
    for row, name in ((0, "energy"), (3, "homogeneity"), (4, "correlation")):
        np.testing.assert_allclose(found[row], feature.graycoprops(matrices, name)[0], atol=1e-4, err_msg=name)
    np.testing.assert_allclose(found[1], np.sqrt(feature.graycoprops(matrices, "contrast")[0]) / 16, atol=1e-4)
    np.testing.assert_allclose(found[2], feature.graycoprops(matrices, "dissimilarity")[0] / 16, atol=1e-4)


def test_colour_moments_of_a_plain_picture() -> None:
    lab = blocks.to_lab(np.full((8, 8, 3), 128, dtype=np.uint8))
    moments = blocks.colour_moments(blocks.weighted_counts(lab, np.ones((8, 8), dtype=np.float32)))
    np.testing.assert_allclose(moments, [lab[0, 0, 0] / 255, 0.5, 0.5, 0, 0, 0, 0, 0, 0], atol=1e-3)


def test_the_foreground_is_the_thing_on_the_ground() -> None:
    image = np.full((64, 64, 3), 240, dtype=np.uint8)
    image[20:40, 10:30] = (180, 20, 20)
    found = outlines.foreground(blocks.to_lab(image))
    assert found[22:38, 12:28].min() > 0.95
    assert found[:18].max() < 0.1


def test_a_busy_border_falls_back_to_the_middle() -> None:
    found = outlines.foreground(blocks.to_lab(shaken(64, 64)))
    assert found[28:36, 28:36].mean() > found[:8, :8].mean() + 0.3


def test_outlines_ignore_place_and_size_but_not_shape() -> None:
    rows, columns = np.mgrid[:64, :64]

    def of(mask: np.ndarray) -> np.ndarray:
        outline = outlines.largest_outline(mask.astype(np.uint8))
        assert outline is not None
        return outlines.outline_shape(outline)

    disc, small = (rows - 30) ** 2 + (columns - 30) ** 2 < 400, (rows - 20) ** 2 + (columns - 40) ** 2 < 120
    bar = (np.abs(rows - 30) < 6) & (np.abs(columns - 30) < 28)
    assert np.linalg.norm(of(disc) - of(small)) < 0.5 * np.linalg.norm(of(disc) - of(bar))


def test_region_measures_of_a_bar() -> None:
    mask = np.zeros((64, 64), dtype=np.float32)
    mask[24:40, 8:56] = 1
    area, extent, solidity, eccentricity, aspect, across, down, _, height = outlines.shape_measures(mask)[7:16]
    assert area == pytest.approx(16 * 48 / 64**2)
    assert extent > 0.9
    assert solidity == pytest.approx(1)
    assert eccentricity == pytest.approx(np.sqrt(1 - (16 / 48) ** 2), abs=0.01)
    assert aspect == pytest.approx(np.log(16 / 48) / 3)
    assert (across, down) == (pytest.approx(31.5 / 64 - 0.5), pytest.approx(31.5 / 64 - 0.5))
    assert height == pytest.approx(16 / 64)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (400, 5), (160, 120)])
def test_pictures_of_any_shape_have_descriptors(shape: tuple[int, int]) -> None:
    for image in (shaken(*shape), np.zeros((*shape, 3), dtype=np.uint8), np.full((*shape, 3), 255, dtype=np.uint8)):
        found = describe(image)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert len(found) == max(place.stop for place in raw_slices().values())


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(DataError, match="expected uint8"):
        describe(image)


def test_every_block_is_known_and_described() -> None:
    assert set(describe_blocks(shaken())) == set(BLOCKS) == set(raw_slices())


def test_likeness_follows_kind_and_colour() -> None:
    images = samples.pictures(copies=4)  # 12 groups of 4
    vectors = DescriptorsEncoder(dim=64).fit(images, seed=0).encode(images)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    nearest = np.argsort(-scores, axis=1)[:, :3]
    assert (nearest // 4 == np.arange(48)[:, None] // 4).mean() > 0.97


def test_rows_are_of_unit_length() -> None:
    images = samples.pictures()
    vectors = DescriptorsEncoder().fit(images, seed=0).encode(images)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_blocks_can_be_told_apart() -> None:
    images = samples.pictures()
    encoder = DescriptorsEncoder(dim=64, weights={"colour": 3.0}).fit(images, seed=0)
    vectors, weights = encoder.encode(images), {name: block.weight for name, block in BLOCKS.items()} | {"colour": 3.0}
    assert [place.stop for place in encoder.slices.values()][-1] == 64
    for name, place in encoder.slices.items():
        expected = np.sqrt(weights[name] / sum(weights.values()))
        np.testing.assert_allclose(np.linalg.norm(vectors[:, place], axis=1), expected, atol=1e-4, err_msg=name)


def test_a_block_of_weight_zero_is_left_out() -> None:
    images = samples.pictures()
    only = {name: 0.0 for name in BLOCKS if name not in {"colour", "palette"}}
    encoder = DescriptorsEncoder(dim=40, weights=only).fit(images, seed=0)
    grey = [np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) for image in images]
    mirrored = encoder.encode([np.ascontiguousarray(image[::-1]) for image in images])
    assert (encoder.encode(images) * mirrored).sum(axis=1).mean() > (encoder.encode(images) * encoder.encode(grey)).sum(
        axis=1
    ).mean()
    with pytest.raises(UsageError, match="leaves out every block"):
        DescriptorsEncoder(weights=dict.fromkeys(BLOCKS, 0.0))


def test_one_picture_and_no_picture_can_be_fitted() -> None:
    for images in (samples.pictures()[:1], []):
        found = DescriptorsEncoder(dim=32).fit(images, seed=0).encode(samples.pictures()[:2])
        assert found.shape == (2, 32)
        assert np.isfinite(found).all()


def test_columns_are_dealt_out_exactly() -> None:
    for dim in (9, 64, 256, 512, 640):
        lengths = shared_out(dim, {name: block.share for name, block in BLOCKS.items()})
        assert sum(lengths.values()) == dim
        assert min(lengths.values()) >= 1


def test_principal_components_match_the_full_decomposition() -> None:
    random = np.random.default_rng(6)
    raw = (random.normal(size=(80, 3)) @ random.normal(size=(3, 20)) + 5).astype(np.float32)
    projection = principal(raw, 5, seed=0)
    found = projection.apply(raw)
    assert (found**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-3)
    assert not found[:, 3:].any()
    gram, expected = found @ found.T, (raw - raw.mean(axis=0)) @ (raw - raw.mean(axis=0)).T
    np.testing.assert_allclose(gram / np.trace(gram), expected / np.trace(expected), atol=1e-5)
    whitened = principal(raw, 3, seed=0, whiten=1.0).apply(raw)
    np.testing.assert_allclose(whitened.T @ whitened / 80, np.eye(3) / 3, atol=1e-4)
