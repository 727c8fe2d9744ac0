"""Joint training against frozen encoders: both begin alike, and each changes what it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from goodsense.encoders.bag import BagEncoder
from goodsense.encoders.cnn import CnnEncoder, Letterbox
from goodsense.errors import DataError, UsageError
from goodsense.fusion.end_to_end import PicturesTexts, compare_end_to_end, retrieval
from goodsense.fusion.joint_network import JointNetwork
from goodsense.learning.memory import peak_memory, resident_bytes
from goodsense.learning.networks import seeded, weights_of
from goodsense.learning.schedules import Schedule
from tests.encoders import samples

SIDE = 24
NONE = Schedule(epochs=0, batch=12, rate=1e-3)
HEAD, JOINT = Schedule(epochs=25, batch=12, rate=1e-2), Schedule(epochs=4, batch=12, rate=3e-3)
TITLES = [f"{colour} {kind}" for kind in samples.KINDS for colour in samples.COLOURS for _ in range(3)]


def pairs(*copies: int) -> PicturesTexts:
    """Those of three photos of twelve things that are asked for, and what they show."""
    rows = [row for row in range(36) if row % 3 in copies]
    seen = [Letterbox(SIDE)(picture) for picture in samples.pictures(copies=3)]
    return PicturesTexts.of(np.stack([seen[row] for row in rows]), [TITLES[row] for row in rows])


LEARNED, TESTED = pairs(0, 1), pairs(2)


@pytest.fixture(scope="module")
def encoders() -> dict[str, Any]:
    image = CnnEncoder(side=SIDE, width=4, epochs=1).fit_described(list(LEARNED.pictures), seed=0)
    text = BagEncoder(dim=8, epochs=1).fit([{"title": title} for title in LEARNED.texts], seed=0)
    return {"image": image, "text": text, "dim": 8}


@pytest.fixture(scope="module")
def found(encoders: dict[str, Any]) -> Any:
    return compare_end_to_end(LEARNED, TESTED, **encoders, head=HEAD, joint=JOINT)


def bits(network: Any, part: str = "") -> bytes:
    return b"".join(value.tobytes() for name, value in weights_of(network).items() if name.startswith(part))


def test_a_network_begins_with_the_encoders_own_vectors(encoders: dict[str, Any]) -> None:
    network = JointNetwork(encoders["image"], encoders["text"], dim=8).eval()
    texts = [*TITLES[:4], "", "zzqqxx"]
    with torch.inference_mode():
        seen, read = network.picture_vectors(TESTED.pictures), network.text_vectors(texts)
    np.testing.assert_allclose(seen.numpy(), encoders["image"].project(list(TESTED.pictures)), atol=1e-5)
    np.testing.assert_allclose(read.numpy(), encoders["text"].encode(texts), atol=1e-6)
    assert not read[4:].any()
    rows = network.encode_pictures(TESTED.pictures)
    assert rows.shape == (12, 8)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert network.encode_pictures(TESTED.pictures[:0]).shape == (0, 8)


def test_without_training_both_ways_are_the_same(encoders: dict[str, Any]) -> None:
    found = compare_end_to_end(LEARNED, TESTED, **encoders, head=NONE, joint=NONE)
    assert found.frozen.text_to_picture == found.joint.text_to_picture
    assert found.frozen.picture_to_text == found.joint.picture_to_text
    assert bits(found.frozen.network) == bits(found.joint.network)
    assert found.encoder_seconds == 0
    assert found.frozen.parameters < found.joint.parameters


def test_frozen_encoders_stay_and_joint_ones_learn(encoders: dict[str, Any], found: Any) -> None:
    with seeded(0):
        begun = JointNetwork(encoders["image"], encoders["text"], dim=8)
    for part in ("trunk", "bag"):
        assert bits(found.frozen.network, part) == bits(begun, part)
        assert bits(found.joint.network, part) != bits(begun, part)
    for way in (found.frozen, found.joint):
        assert bits(way.network, "head") != bits(begun, "head")
        assert way.history.losses[-1] < way.history.losses[0]
        assert way.seconds >= way.history.seconds
    assert found.frozen.parameters == sum(value.numel() for value in begun.head.parameters())
    assert bits(encoders["image"].network()) == bits(begun.trunk)  # the encoders that were given are as they were


def test_what_is_learned_holds_for_other_pictures(encoders: dict[str, Any], found: Any) -> None:
    before = compare_end_to_end(LEARNED, TESTED, **encoders, head=NONE, joint=NONE).frozen
    assert found.frozen.text_to_picture.mrr > before.text_to_picture.mrr
    assert found.joint.text_to_picture.mrr > before.text_to_picture.mrr
    assert found.frozen.text_to_picture.queries == found.frozen.picture_to_text.queries == 12


def test_a_seed_repeats_both_ways(encoders: dict[str, Any], found: Any) -> None:
    again = compare_end_to_end(LEARNED, TESTED, **encoders, head=HEAD, joint=JOINT)
    for way, other in ((again.frozen, found.frozen), (again.joint, found.joint)):
        assert bits(way.network) == bits(other.network)
        assert way.history == other.history
        assert (way.text_to_picture, way.picture_to_text) == (other.text_to_picture, other.picture_to_text)


# ---- figures


def test_retrieval_is_the_loop_over_queries() -> None:
    rng = np.random.default_rng(0)
    queries, items = rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(50, 4)).astype(np.float32)
    asked, there = rng.integers(0, 12, 30), rng.integers(2, 12, 50)
    ranks = []
    for query, group in zip(queries, asked, strict=True):
        order = np.argsort(-(items @ query))
        hits = [place for place, item in enumerate(order) if there[item] == group]
        wrong = [place for place, item in enumerate(order) if there[item] != group]
        if hits:
            ranks.append(1 + sum(place < hits[0] for place in wrong))
    assert len(ranks) < 30
    found = retrieval(queries, items, asked, there)
    assert found.queries == len(ranks)
    assert found.recall_1 == pytest.approx(np.mean(np.array(ranks) == 1))
    assert found.recall_10 == pytest.approx(np.mean(np.array(ranks) <= 10))
    assert found.mrr == pytest.approx(np.mean(1 / np.array(ranks)))


def test_rows_that_are_all_alike_find_nothing() -> None:
    same = np.ones((20, 3), dtype=np.float32)
    found = retrieval(same, same, np.arange(20), np.arange(20))
    assert (found.recall_1, found.recall_10, found.mrr) == (0, 0, pytest.approx(1 / 20))
    assert retrieval(same, same, np.arange(20), np.arange(20) + 50).queries == 0
    assert retrieval(same[:0], same, np.arange(0), np.arange(20)).queries == 0


def test_memory_is_what_was_held_at_most() -> None:
    with peak_memory() as idle:
        pass
    with peak_memory() as busy:
        held = np.ones(60_000_000, dtype=np.uint8)
    assert busy.bytes > 50_000_000 > idle.bytes
    assert held[-1] == 1
    assert resident_bytes() > 60_000_000


# ---- input


def test_the_same_text_is_one_group() -> None:
    made = PicturesTexts.of(np.zeros((4, 8, 8, 3), np.uint8), ["Red shoe", "mug", " red  SHOE ", "hat"])
    assert made.groups[0] == made.groups[2]
    assert len(set(made.groups.tolist())) == 3


def test_bad_input_is_refused(encoders: dict[str, Any]) -> None:
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    for wrong in (pictures[:1], pictures.astype(np.float32), pictures[:, :4], pictures[..., 0]):
        with pytest.raises(DataError, match="expected uint8"):
            PicturesTexts.of(wrong, ["a", "b"])
    with pytest.raises(DataError, match="groups are"):
        PicturesTexts.of(pictures, ["a", "b"], np.arange(3))
    with pytest.raises(DataError, match="expects 24"):
        compare_end_to_end(PicturesTexts.of(pictures, ["a", "b"]), TESTED, **encoders)
    nothing = PicturesTexts.of(LEARNED.pictures[:3], ["", "zzqqxx", "red shoe"])
    with pytest.raises(DataError, match="1 have a known word"):
        compare_end_to_end(nothing, TESTED, **encoders)
    with pytest.raises(UsageError, match="augment is 'none'"):
        compare_end_to_end(LEARNED, TESTED, **encoders, augment="none")
    with pytest.raises(UsageError, match="not fitted"):
        JointNetwork(CnnEncoder(side=SIDE, width=4), encoders["text"], dim=8)
