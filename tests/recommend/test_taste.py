"""Who goes by pictures is found to; who did little is taken to be as all others."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.recommend import Content, histories_of
from goodsense.recommend.by_taste import ByTaste
from goodsense.recommend.taste import global_preference, modality_preference
from goodsense.types import Embeddings

N, USERS = 120, 40


def content() -> Content:
    """Items of 6 looks, 6 wordings and sounds that say nothing, all independent of one another."""
    rng = np.random.default_rng(0)
    ids = tuple(f"i{row:03}" for row in range(N))
    looks, words = rng.integers(6, size=N), rng.integers(6, size=N)
    blocks = {
        "image": np.eye(6)[looks] + 0.05 * rng.normal(size=(N, 6)),
        "text": np.eye(6)[words] + 0.05 * rng.normal(size=(N, 6)),
        "audio": rng.normal(size=(N, 6)),
    }
    return Content(ids, {name: Embeddings.of_products(ids, rows.astype(np.float32)) for name, rows in blocks.items()})


def chosen(goods: Content, block: str, count: int, rng: np.random.Generator) -> list[str]:
    """Items of one cluster of a modality."""
    kinds = goods.blocks[block].vectors.argmax(axis=1)
    own = np.flatnonzero(kinds == rng.integers(6))
    return [goods.ids[row] for row in rng.choice(own, min(count, len(own)), replace=False)]


def crowd(goods: Content) -> list[list[str]]:
    """Half of them choose by pictures, half by words."""
    rng = np.random.default_rng(1)
    return [chosen(goods, "image" if user < USERS // 2 else "text", 10, rng) for user in range(USERS)]


def test_who_chooses_by_pictures_is_found_to() -> None:
    goods = content()
    found = modality_preference(histories_of(crowd(goods)), goods)
    image, text, audio = (found.weights[:, found.modalities.index(name)] for name in ("image", "text", "audio"))
    assert np.allclose(found.weights.sum(axis=1), 1)
    assert (image > text).tolist() == [True] * (USERS // 2) + [False] * (USERS // 2)
    assert image[: USERS // 2].mean() > 0.75 < text[USERS // 2 :].mean()
    assert audio.mean() < 0.1
    assert found.of(0)["image"] == image[0]
    shared = global_preference(histories_of(crowd(goods)), goods)
    assert abs(shared["image"] - shared["text"]) < 0.15
    assert shared["audio"] < 0.15


def test_who_did_little_is_taken_to_be_as_all_others() -> None:
    goods = content()
    rng = np.random.default_rng(2)
    own = [
        *crowd(goods),
        chosen(goods, "image", 10, rng),
        chosen(goods, "image", 2, rng),
        [goods.ids[0]],
        [],
        ["unknown"],
    ]
    found = modality_preference(histories_of(own), goods)
    many, few, one, none, unknown = found.weights[USERS:]
    column = found.modalities.index("image")
    assert many[column] > few[column] > found.shared[column]
    assert found.trust[USERS, column] > found.trust[USERS + 1, column] > 0
    for row in (one, none, unknown):
        assert row == pytest.approx(found.shared)


def test_shoppers_who_do_not_differ_are_not_taken_to() -> None:
    """Their own figures scatter by chance; most of that is taken for what it is."""
    goods, rng = content(), np.random.default_rng(3)
    found = modality_preference(histories_of([chosen(goods, "image", 8, rng) for _ in range(60)]), goods)
    for column in range(3):
        assert found.tells[:, column].std() < 0.4 * found.raw[:, column].std()
    assert found.weights[:, found.modalities.index("image")].min() > 0.8


def test_one_history_is_drawn_to_what_is_known_of_many() -> None:
    goods = content()
    known = modality_preference(histories_of(crowd(goods)), goods)
    alone = modality_preference(
        histories_of([chosen(goods, "text", 10, np.random.default_rng(5))]), goods, spread=known.spread
    )
    assert alone.of(0)["text"] > 0.6
    assert modality_preference(histories_of([[]]), goods, spread=known.spread).weights[0] == pytest.approx(known.shared)


def test_choices_are_told_from_what_was_passed_over() -> None:
    """All shown items look alike, so looks tell nothing of what was chosen among them."""
    goods = content()
    kinds = goods.blocks["image"].vectors.argmax(axis=1)
    words = goods.blocks["text"].vectors.argmax(axis=1)
    shown = np.flatnonzero(kinds == 0)
    taken = [goods.ids[row] for row in shown if words[row] in (0, 1)]
    left = [goods.ids[row] for row in shown if words[row] not in (0, 1)]
    own = histories_of([taken], users=["ann"])
    told = modality_preference(own, goods, passed_over=histories_of([left], users=["ann"]))
    naive = modality_preference(own, goods)
    column = told.modalities.index("image")
    assert naive.raw[0, column] > 0.9
    assert told.raw[0, column] < 0.75
    assert told.raw[0, told.modalities.index("text")] > 0.6


def test_missing_vectors_and_no_vectors() -> None:
    goods = content()
    present = np.zeros(N, bool)
    blank = Embeddings.of_products(goods.ids, np.zeros((N, 3), np.float32), present)
    found = modality_preference(
        histories_of(crowd(goods)), Content(goods.ids, {"image": goods.blocks["image"], "video": blank})
    )
    assert found.weights[0, found.modalities.index("video")] == 0
    with pytest.raises(UsageError, match="no modality"):
        modality_preference(histories_of([["a"]]), Content(("a",)))


def test_recommendations_follow_what_a_shopper_goes_by() -> None:
    """Of two products, one looks like the history and one reads like it: each shopper gets the own one first."""
    goods = content()
    model = ByTaste().fit(histories_of(crowd(goods)), goods)
    rng = np.random.default_rng(7)
    for block, other in (("image", "text"), ("text", "image")):
        own = histories_of([chosen(goods, block, 10, rng)])
        kinds = {name: goods.blocks[name].vectors.argmax(axis=1) for name in (block, other)}
        best = {name: kinds[name][[int(id[1:]) for id in model.recommend(own, 5).ids()]] for name in kinds}
        theirs = kinds[block][[int(id[1:]) for id in own.items]][0]
        assert (best[block] == theirs).mean() > 0.8
        assert model.preference(own).of(0)[block] > 0.6
    empty = model.recommend(histories_of([[]]), 3)
    assert len(empty.ids()) == 3


def test_without_content_there_is_nothing_to_go_by() -> None:
    with pytest.raises(DataError, match="nothing is known"):
        ByTaste().fit(histories_of([["a", "b"]]))
