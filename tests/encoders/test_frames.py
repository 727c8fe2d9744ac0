"""``frames``: which frames are read, how they are pooled, and what is learned from products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goodsense.encoders.discriminants import discriminant
from goodsense.encoders.frame_choice import DescribeFrames, cells, even_frames, key_frames, without_bars
from goodsense.encoders.frame_pooling import Vlad, fit_vlad, k_means, max_pool, mean_pool, sharpness
from goodsense.encoders.frames import FramesEncoder
from goodsense.errors import DataError, UsageError
from goodsense.types import Clip, Labels, normalise
from tests.encoders import clip_samples


@pytest.fixture(scope="module")
def shown() -> tuple[list[Clip], list[Labels]]:
    return clip_samples.showing(2, frames=2)


@pytest.mark.parametrize("pool", ["mean", "max", "vlad", "action-vlad"])
def test_other_clips_of_a_product_are_found(pool: str, shown: tuple[list[Clip], list[Labels]], tmp_path: Path) -> None:
    clips, labels = shown[0][:16], shown[1][:16]
    encoder = FramesEncoder(pool=pool, dim=32, frames=2, clusters=2, local_dim=16, grid=2)
    encoder.fit_described([encoder.describe(clip) for clip in clips], labels=labels, seed=0)
    found = encoder.encode(clips)
    names = [label["id"] for label in labels]
    assert clip_samples.nearest(found[::2], found[1::2], names[1::2]) == names[::2]
    encoder.save(tmp_path)
    np.testing.assert_allclose(FramesEncoder.load(tmp_path).encode(clips[:3]), found[:3], atol=5e-6)
    assert FramesEncoder.load(tmp_path).fingerprint == encoder.fingerprint


@pytest.mark.parametrize("image", ["fisher", "descriptors+fisher"])
def test_image_encoders_that_describe_otherwise_after_their_fit(
    image: str, shown: tuple[list[Clip], list[Labels]]
) -> None:
    clips, tiny = shown[0][:8], {"dim": 16, "components": 2, "side": 32}
    options = tiny if image == "fisher" else {"fisher": tiny, "descriptors": {"dim": 24}}
    encoder = FramesEncoder(image=image, image_options=options, dim=8, frames=2)
    before = encoder.describe
    raw = [before(clip) for clip in clips]
    encoder.fit_described(raw, seed=0)
    found = encoder.encode(clips)
    assert found.any(axis=1).all()
    np.testing.assert_array_equal(encoder.project(encoder.redescribed(raw)), found)


def test_a_picture_is_a_clip_of_one_frame(shown: tuple[list[Clip], list[Labels]]) -> None:
    clips, _ = shown
    encoder = FramesEncoder(dim=16, frames=2).fit(clips[:8], seed=0)
    assert encoder.accepts == {"video", "image"}
    picture = clips[3].frames[0]
    alone = Clip(picture[None], np.zeros(1), 0.1)
    np.testing.assert_array_equal(encoder.encode_query([picture]), encoder.encode([alone]))
    assert FramesEncoder(pool="vlad").accepts == {"video"}


def test_another_image_encoder_beside_it_is_noticed(shown: tuple[list[Clip], list[Labels]], tmp_path: Path) -> None:
    clips, _ = shown
    FramesEncoder(dim=16, frames=1).fit(clips[:6], seed=0).save(tmp_path / "one")
    FramesEncoder(dim=16, frames=1).fit(clips[6:12], seed=0).save(tmp_path / "two")
    for file in (tmp_path / "two" / "image").iterdir():
        file.replace(tmp_path / "one" / "image" / file.name)
    with pytest.raises(DataError, match="not the image encoder"):
        FramesEncoder.load(tmp_path / "one")


@pytest.mark.parametrize(
    "options",
    [
        {"pool": "median"},
        {"frames": 0},
        {"dim": 1},
        {"clusters": True},
        {"grid": 0},
        {"select": "best"},
        {"discriminant": "yes"},
        {"image": "descriptorz"},
        {"image_options": {"dims": 2}},
    ],
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        FramesEncoder(**options)  # type: ignore[arg-type]


def test_what_is_no_clip_is_refused() -> None:
    with pytest.raises(DataError, match=r"float64 \(1, 4, 4\)"):
        FramesEncoder().describe(np.zeros((4, 4)))  # type: ignore[arg-type]


def test_clips_without_frames_teach_nothing() -> None:
    with pytest.raises(UsageError, match="no frames to learn from"):
        FramesEncoder().fit([clip_samples.nothing()], seed=0)


def test_even_frames_are_the_middles_of_equal_shares() -> None:
    assert even_frames(3, 8).tolist() == [0, 1, 2]
    assert even_frames(9, 3).tolist() == [1, 4, 7]
    assert even_frames(24, 1).tolist() == [12]


def test_key_frames_show_every_shot_however_short() -> None:
    long, short = clip_samples.showing(1, frames=9)[0][0], clip_samples.showing(1, frames=3)[0][9]
    cut = Clip(np.concatenate([long.frames, short.frames]), np.arange(12) / 4.0, 3.0)
    found = key_frames(cut, 2)
    assert len(found) == 2
    assert found[0] < 9 <= found[1]
    assert key_frames(cut.frames[0], 2).tolist() == [0]
    assert FramesEncoder(select="key", frames=4).wish.max_frames == 12


def test_frames_of_one_clip_are_described_in_one_shape() -> None:
    """Bars are cut from each frame, and some image encoders keep a picture's shape."""
    frames = np.zeros((2, 40, 40, 3), dtype=np.uint8)
    frames[0, 10:30] = 99
    frames[1, 12:30] = 99
    assert DescribeFrames(np.asarray, 2)(Clip(frames, np.arange(2) / 4.0, 0.5)).shape == (2, 1, 20, 40, 3)


def test_black_bars_are_cut_away_but_not_a_dark_picture() -> None:
    picture = np.zeros((40, 60, 3), dtype=np.uint8)
    picture[10:30, 5:50] = 120
    assert without_bars(picture).shape == (20, 45, 3)
    dark = np.full((40, 60, 3), 9, dtype=np.uint8)
    assert without_bars(dark).shape == dark.shape


def test_cells_overlap_and_cover_the_picture() -> None:
    picture = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3) % 251
    parts = cells(picture.astype(np.uint8), 3)
    assert [part.shape for part in parts] == [(20, 30, 3)] * 9
    np.testing.assert_array_equal(parts[0], picture[:20, :30])
    np.testing.assert_array_equal(parts[8], picture[20:, 30:])


# ---- pooling


def test_vlad_is_the_sum_of_differences_from_centres() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(30, 4)).astype(np.float32)
    centres = random.normal(size=(3, 4)).astype(np.float32)
    found = Vlad.around(centres, 2.0).pool(rows)
    expected = np.zeros((3, 4))
    for row in rows:
        weights = np.exp([-2.0 * ((row - centre) ** 2).sum() for centre in centres])
        for k, share in enumerate(weights / weights.sum()):
            expected[k] += share * (row - centres[k])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected.ravel() / np.linalg.norm(expected), atol=1e-5)


def test_vlad_begins_as_sharp_as_the_paper_says() -> None:
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    vlad = fit_vlad(rows, 4, seed=0)
    shares = np.sort(vlad.assign(rows), axis=1)
    ratio = np.log(shares[:, -1].astype(np.float64) / np.maximum(shares[:, -2], 1e-30))
    assert np.exp(ratio.mean()) == pytest.approx(100, rel=0.05)
    assert sharpness(rows, rows[:1]) == 1.0


def test_k_means_finds_separate_heaps_and_no_more_centres_than_rows() -> None:
    heaps = np.array([[0, 0], [9, 0], [0, 9]], dtype=np.float32)
    rows = (heaps[np.arange(60) % 3] + np.random.default_rng(2).normal(0, 0.1, (60, 2))).astype(np.float32)
    found = k_means(rows, 3, seed=0)
    np.testing.assert_allclose(found[np.lexsort(found.round().T)], heaps[np.lexsort(heaps.T)], atol=0.1)
    assert len(k_means(rows[:1].repeat(5, axis=0), 4, seed=0)) == 1
    assert fit_vlad(rows[:1].repeat(5, axis=0), 4, seed=0).pool(rows).shape == (8,)
    with pytest.raises(ValueError, match="no rows"):
        fit_vlad(rows[:0], 2, seed=0)


def test_trained_centres_bring_the_clips_of_a_product_together() -> None:
    pytest.importorskip("torch")
    from goodsense.encoders.vlad_training import train_vlad

    random = np.random.default_rng(3)
    groups = np.repeat(np.arange(4), 4)
    own = np.eye(4, dtype=np.float32)[groups]
    clips = [(row + random.normal(0, 0.5, (6, 4))).astype(np.float32) for row in own]
    before = fit_vlad(np.concatenate(clips), 3, seed=0)
    after = train_vlad(before, clips, groups, seed=0)

    def apart(vlad: Vlad) -> float:
        found = np.stack([vlad.pool(clip) for clip in clips])
        alike, same = found @ found.T, groups[:, None] == groups[None, :]
        return float(alike[same].mean() - alike[~same].mean())

    assert apart(after) > apart(before) + 0.01
    again = train_vlad(before, clips, groups, seed=0)
    for name, value in vars(after).items():
        np.testing.assert_array_equal(vars(again)[name], value)


def test_mean_and_maximum() -> None:
    rows = np.array([[1, -2], [3, -4]], dtype=np.float32)
    assert mean_pool(rows).tolist() == [2, -3]
    assert max_pool(rows).tolist() == [3, -2]


# ---- what tells products apart


def heaps(classes: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes that differ a little along the first two columns and vary a lot along the others."""
    random = np.random.default_rng(seed)
    centres = np.zeros((classes, 6))
    centres[:, :2] = random.normal(0, 1, (classes, 2))
    numbers = np.repeat(np.arange(classes), 12)
    spread = np.array([0.1, 0.1, 1.5, 1.5, 1.5, 1.5])
    return (centres[numbers] + random.normal(size=(len(numbers), 6)) * spread).astype(np.float32), numbers


@pytest.mark.parametrize("steady_only", [False, True])
def test_a_discriminant_sees_through_what_varies_within_a_class(steady_only: bool) -> None:
    rows, numbers = heaps(20, seed=0)
    learned = discriminant(rows, numbers, 6, seed=0, steady_only=steady_only)
    new, classes = heaps(20, seed=1)  # other classes than those of the fit

    def right(vectors: np.ndarray) -> float:
        alike = vectors @ vectors.T
        np.fill_diagonal(alike, -9)
        return float((classes[alike.argmax(axis=1)] == classes).mean())

    assert right(learned.apply(new)) > right(normalise(new - new.mean(axis=0))) * 1.15


def test_a_discriminant_of_classes_of_one_row_is_finite() -> None:
    rows = np.eye(5, dtype=np.float32)
    assert np.isfinite(discriminant(rows, np.arange(5), 4, seed=0).apply(rows)).all()
    with pytest.raises(ValueError, match="one class for each row"):
        discriminant(rows, np.arange(4), 4, seed=0)
