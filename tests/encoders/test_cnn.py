"""The small network: what it sees, what it learns from, and that it learns."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from goodsense.encoders import cnn  # noqa: E402
from goodsense.encoders.cnn import CnnEncoder, Letterbox  # noqa: E402
from goodsense.encoders.cnn_augment import STRENGTHS, augmented, mixed, to_batch  # noqa: E402
from goodsense.encoders.cnn_network import TEMPERATURE, contrast, label_loss, residual_network  # noqa: E402
from goodsense.errors import DataError, UsageError  # noqa: E402
from goodsense.learning.checkpoints import kept_in  # noqa: E402
from tests.encoders import samples  # noqa: E402

PICTURES = samples.pictures()
LABELS = [{"kind": kind} for kind in samples.KINDS for _ in range(12)]
STILL = replace(
    STRENGTHS["mild"], least_area=1.0, aspect=1.0, turn=0.0, light=0.0, colour=0.0, erase=0.0, mix=0.0, flip=False
)
BATCH = np.random.default_rng(1).integers(0, 256, size=(6, 24, 24, 3)).astype(np.uint8)


def tiny(**options: Any) -> CnnEncoder:
    return CnnEncoder(**{"side": 32, "width": 4, "epochs": 2, **options})


# ---- what it sees


def test_a_picture_lies_in_the_middle_of_a_square_of_its_borders_colour() -> None:
    picture = np.full((40, 80, 3), 250, dtype=np.uint8)
    picture[10:30, 20:60] = (200, 0, 0)
    found = Letterbox(32)(picture)
    assert found.shape == (32, 32, 3)
    assert (found[0] == 250).all()
    assert found[16, 16].tolist() == [200, 0, 0]
    red = (found[..., 1] < 125).sum()
    assert red == pytest.approx(16 * 8, abs=16)
    with pytest.raises(DataError, match="expected uint8"):
        Letterbox(32)(picture[..., 0])


def test_no_augmentation_at_all_is_the_picture_itself() -> None:
    found = augmented(BATCH, STILL, np.random.default_rng(0), side=24)
    np.testing.assert_allclose(found.numpy(), to_batch(BATCH).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", list(STRENGTHS))
def test_augmentation_follows_its_generator_and_stays_in_range(name: str) -> None:
    one, two, other = (augmented(BATCH, STRENGTHS[name], np.random.default_rng(seed), side=16) for seed in (0, 0, 1))
    assert one.shape == (6, 3, 16, 16)
    assert 0 <= float(one.min()) <= float(one.max()) <= 1
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_mirror_and_a_crop_go_where_they_should() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 24).astype(np.uint8)[None, None, :, None], (40, 24, 24, 3)).copy()
    for flip in (False, True):
        found = augmented(ramp, replace(STILL, flip=flip), np.random.default_rng(0), side=24)
        rising = (found[:, 0, 0, -1] > found[:, 0, 0, 0]).tolist()
        assert all(rising) != flip
        assert any(rising)
    crops = augmented(ramp, replace(STILL, least_area=0.25), np.random.default_rng(0), side=24)
    spans = (crops[:, 0, 0, -1] - crops[:, 0, 0, 0]).numpy()
    assert 0.4 < spans.min() < 0.7
    assert spans.max() > 0.85


def test_mixed_pictures_have_the_share_that_is_said() -> None:
    black, white = np.zeros((1, 24, 24, 3), np.uint8), np.full((1, 24, 24, 3), 255, np.uint8)
    batch = to_batch(np.concatenate([black, white] * 3))
    kinds = set()
    for seed in range(12):
        found, shares, partner = mixed(batch, replace(STILL, mix=1.0), np.random.default_rng(seed))
        own = batch.mean(dim=(1, 2, 3))
        expected = own * shares + own[partner] * (1 - shares)
        np.testing.assert_allclose(found.mean(dim=(1, 2, 3)), expected, atol=1e-5)
        kinds.add(len(found.unique()) > 2)
    assert kinds == {False, True}  # windows of whole pixels, and blends
    same, shares, partner = mixed(batch, STILL, np.random.default_rng(0))
    assert torch.equal(same, batch)
    assert shares.tolist() == [1.0] * 6
    assert partner.tolist() == list(range(6))


# ---- what it learns from


def test_the_contrast_is_what_a_loop_finds() -> None:
    rows = np.random.default_rng(2).normal(size=(7, 5)).astype(np.float32)
    groups = [0, 1, 0, 2, 1, 0, 3]  # 2 and 3 are alone
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    losses = []
    for i in range(7):
        friends = [j for j in range(7) if j != i and groups[j] == groups[i]]
        below = math.log(sum(math.exp(unit[i] @ unit[j] / TEMPERATURE) for j in range(7) if j != i))
        if friends:
            losses.append(-sum(unit[i] @ unit[j] / TEMPERATURE - below for j in friends) / len(friends))
    found = contrast(torch.from_numpy(rows), torch.tensor(groups))
    assert found.shape == ()
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-5)
    assert float(contrast(torch.from_numpy(rows), torch.arange(7))) == 0.0


def test_the_label_loss_leaves_out_what_has_no_label() -> None:
    network = residual_network(4, {"a": 3, "b": 2}).eval()
    features = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    codes = {"a": torch.tensor([0, 1, -1, 2, -1]), "b": torch.tensor([1, 0, 0, 1, -1])}
    partner = torch.tensor([1, 0, 3, 4, 2])
    shares = torch.tensor([0.7, 0.7, 0.7, 0.7, 0.7])
    expected = []
    for head, name in zip(network.heads, "ab", strict=True):
        total = known = 0.0
        for row in range(5):
            for which, share in ((row, 0.7), (int(partner[row]), 0.3)):
                if codes[name][which] >= 0:
                    scores, truth = head(features[row : row + 1]), codes[name][which : which + 1]
                    loss = torch.nn.functional.cross_entropy(scores, truth, label_smoothing=0.1)
                    total, known = total + share * float(loss.detach()), known + share
        expected.append(total / known)
    found = label_loss(network, features, codes, shares, partner)
    assert float(found.detach()) == pytest.approx(np.mean(expected), rel=1e-5)


def test_partners_are_other_photos_of_the_same_product() -> None:
    squares = [Letterbox(32)(picture) for picture in PICTURES[:9]]
    labels = [{"id": "abc"[row // 3] if row < 6 else str(row)} for row in range(9)]
    lesson = cnn._Lesson.of(np.stack(squares), labels, None, STRENGTHS["mild"], 32)
    rng = np.random.default_rng(0)
    found = np.array([lesson.products.partners(np.arange(9), rng) for _ in range(20)])
    assert set(found[:, 0]) == {1, 2}
    assert set(found[:, 4]) == {3, 5}
    assert set(found[:, 8]) == {8}
    batches = list(lesson.batches(0, rng))
    assert all(batch.paired for batch in batches)
    assert [len(batch.pictures) for batch in batches] == [18]  # eight and the one that would be left alone, twice


@pytest.mark.parametrize("count", [1, 2, 17])
def test_few_pictures_are_enough(count: int) -> None:
    labels = [{"kind": "ab"[row % 2]} for row in range(count)]
    raw = [np.ascontiguousarray(Letterbox(24)(picture)) for picture in PICTURES[:count]]
    encoder = tiny(side=24, epochs=1).fit_described(raw, labels=labels, seed=0)
    assert np.isfinite(encoder.project(raw)).all()


# ---- that it learns


def test_it_learns_to_tell_what_the_labels_tell_apart() -> None:
    learn = [row for row in range(36) if row % 3]
    encoder = tiny(width=8, epochs=30, augment="mild")
    raw = [encoder.describe(picture) for picture in PICTURES]
    encoder.fit_described([raw[row] for row in learn], labels=[LABELS[row] for row in learn], seed=0)
    truth = np.array([sorted(samples.KINDS).index(label["kind"]) for label in LABELS])
    held_out = np.arange(0, 36, 3)
    scores = encoder.scores([raw[row] for row in held_out])["kind"]
    assert (scores.argmax(axis=1) == truth[held_out]).mean() >= 0.9
    vectors = encoder.project(raw)
    nearest = np.array(learn)[(vectors[held_out] @ vectors[learn].T).argmax(axis=1)]
    assert (truth[nearest] == truth[held_out]).mean() >= 0.9


def test_a_mirror_image_has_the_same_vector() -> None:
    encoder = tiny().fit(PICTURES[:8], seed=0)
    left = [Letterbox(32)(picture) for picture in PICTURES[:4]]
    right = [np.ascontiguousarray(square[:, ::-1]) for square in left]
    np.testing.assert_allclose(encoder.project(left), encoder.project(right), atol=2e-6)


def test_labels_change_what_is_learned_and_must_fit_the_pictures() -> None:
    encoder = tiny()
    raw = [encoder.describe(picture) for picture in PICTURES[:12]]
    labels = [{"colour": "ab"[row % 2]} for row in range(12)]
    plain = tiny().fit_described(raw, seed=0)
    assert encoder.fit_described(raw, labels=labels, seed=0).fingerprint != plain.fingerprint
    assert set(encoder.scores(raw[:2])) == {"colour"}
    assert plain.scores(raw[:2]) == {}
    with pytest.raises(UsageError, match="2 labels for 12 pictures"):
        tiny().fit_described(raw, labels=labels[:2], seed=0)


def test_a_killed_fit_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    whole = tiny(epochs=4).fit(PICTURES[:8], seed=0)

    def killed(stage: str, done: int, total: int | None, *, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    raw = [Letterbox(32)(picture) for picture in PICTURES[:8]]
    with kept_in(tmp_path, key="pictures", every=1):
        with pytest.raises(KeyboardInterrupt):
            tiny(epochs=4).fit_described(raw, seed=0, progress=killed)
        again = tiny(epochs=4).fit_described(raw, seed=0)
    assert again.fingerprint == whole.fingerprint


@pytest.mark.parametrize("options", [{"side": 8}, {"width": 0}, {"epochs": 0}, {"epochs": True}, {"augment": "some"}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        CnnEncoder(**options)
