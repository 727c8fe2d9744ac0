"""Baskets cut from histories, and the network that says the next one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend import histories_of
from goodsense.recommend.baskets import Baskets, HeldBaskets

pytest.importorskip("torch")

from goodsense.learning.backend import torch
from goodsense.recommend.next_basket import BasketLesson, BasketNetwork, NextBasket

WEEKS = (("a", "b"), ("c", "d", "e"), ("f",))
QUICK: dict[str, Any] = {
    "dim": 16,
    "hidden": 16,
    "epochs": 40,
    "batch": 16,
    "patience": None,
    "rate": 3e-2,
    "dropout": 0.0,
}


def visits(begin: int, count: int) -> tuple[list[str], list[float]]:
    """Baskets of three weeks in turn, a day apart; items of one basket have one time."""
    chosen = [WEEKS[(begin + step) % 3] for step in range(count)]
    items = [item for own in chosen for item in own]
    return items, [86_400.0 * day for day, own in enumerate(chosen) for _ in own]


def log(*parts: tuple[list[str], list[float]]) -> Interactions:
    return histories_of([items for items, _ in parts], times=[times for _, times in parts])


@pytest.fixture(scope="module")
def learned() -> NextBasket:
    parts = [visits(begin, count) for begin in range(3) for count in (2, 3, 4, 5) for _ in range(3)]
    return NextBasket(**QUICK).fit(log(*parts))


def test_the_whole_next_basket_comes_first(learned: NextBasket) -> None:
    asked = log(visits(0, 1), visits(0, 2), visits(1, 2), visits(2, 2))
    found = learned.recommend(asked, 6, exclude_seen=False)
    assert set(found.ids(0)[:3]) == {"c", "d", "e"}
    assert found.ids(1)[0] == "f"
    assert set(found.ids(2)[:2]) == {"a", "b"}
    assert set(found.ids(3)[:3]) == {"c", "d", "e"}


def test_scores_are_probabilities_of_being_in_the_basket(learned: NextBasket) -> None:
    scores = learned.score(log(visits(0, 1), visits(0, 2)), ["a", "b", "c", "d", "e", "f"])
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[0, 2:5].min() > 0.5  # all three: one of them alone would have a third each
    assert scores[1, 5] > 0.6
    assert scores[1, :5].max() < 0.5


def test_a_history_among_longer_ones_is_answered_as_alone(learned: NextBasket) -> None:
    parts = [visits(0, 1), visits(1, 5), ([], []), visits(2, 3)]
    together = learned.score(log(*parts), list("abcdef"))
    alone = np.vstack([learned.score(log(own), list("abcdef")) for own in parts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not together[2].any()


def test_it_comes_back_from_disk(learned: NextBasket, tmp_path: Any) -> None:
    learned.save(tmp_path)
    again = NextBasket.load(tmp_path)
    asked = log(visits(0, 2))
    np.testing.assert_array_equal(again.score(asked, list("abcdef")), learned.score(asked, list("abcdef")))


# ---- the lesson


def test_the_loss_is_that_of_a_loop() -> None:
    """One basket {2, 0} after the history {1}: each step counts what is left, then the end."""
    torch.manual_seed(0)
    network = BasketNetwork(None, 4, 5, 0.0)
    vectors = torch.randn(3, 4)
    network.table = lambda rows: vectors[rows]  # type: ignore[assignment]
    network.table.count, network.table.touched = 3, torch.ones(3)  # type: ignore[union-attr]
    before, wanted = torch.tensor([[[1]]]), torch.tensor([[2, 0]])
    there, asked = torch.ones_like(before, dtype=torch.bool), torch.ones_like(wanted, dtype=torch.bool)
    old = torch.tensor([[0.0, 1.0, 0.0]])
    state, given, total = network.read(vectors, before, there), network.begin[None], 0.0
    for right, barred, said in (([0, 2], [], 2), ([0], [2], 0), ([3], [0, 2], None)):
        state = network.saying(given, state)
        scores = network.logits(state[0], vectors, old)[0]
        kept = [place for place in range(4) if place not in barred]
        norm = torch.logsumexp(scores[kept], dim=0)
        total += sum((norm - scores[place]).item() for place in right) / len(right)
        given = vectors[said][None] * 2.0 if said is not None else given
    assert network.loss(BasketLesson(before, there, wanted, asked)).item() == pytest.approx(total / 3, rel=1e-5)


def test_probabilities_are_those_of_all_baskets() -> None:
    """Over all ways to say a basket of at most two of three items; paths enough that the mean is near."""
    torch.manual_seed(1)
    network, vectors = BasketNetwork(None, 4, 5, 0.0), torch.randn(3, 4)
    state = (torch.randn(1, 5), torch.randn(1, 5))
    old, blind = torch.zeros(1, 3), torch.zeros(3, dtype=torch.bool)
    with torch.no_grad():
        found = network.chances(vectors, state, old, blind, largest=2, paths=20_000)[0]
        one = network.saying(network.begin[None], state)
        first = network.logits(one[0], vectors, old)[0, :3].softmax(dim=0)
        wanted = first.clone()
        for item in range(3):
            scores = network.logits(network.saying(vectors[item][None] * 2.0, one)[0], vectors, old)[0]
            scores[item] = -torch.inf
            wanted += first[item] * scores.softmax(dim=0)[:3]
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=0.01)


# ---- baskets


def test_baskets_are_cut_where_time_passes() -> None:
    own = histories_of([["a", "b", "a", "c"], ["a", "a"]], times=[[0.0, 10.0, 15.0, 100.0], [0.0, 0.0]])
    found = Baskets.of(own, gap_s=20.0)
    baskets = [
        found.items[start:stop].tolist() for start, stop in zip(found.bounds[:-1], found.bounds[1:], strict=True)
    ]
    assert baskets == [[0, 1], [2], [0]]
    assert found.starts.tolist() == [0, 2, 3]
    spans, of_history = found.lessons(5)
    assert spans.tolist() == [[0, 1]]
    assert of_history.tolist() == [0]


def test_events_without_a_time_are_baskets_of_their_own() -> None:
    own = histories_of([["a", "b", "c"]], times=[[float("nan")] * 3])
    assert Baskets.of(own, gap_s=1e9).sizes.tolist() == [1, 1, 1]


def test_padded_baskets_are_those_of_a_loop() -> None:
    own = log(visits(0, 4), visits(1, 1), ([], []))
    found = Baskets.of(own, 0.0)
    rows, there = found.padded(found.newest(3))
    assert rows.shape == there.shape == (3, 3, 3)
    said = [[{own.items[item] for item in rows[b, t][there[b, t]]} for t in range(3)] for b in range(3)]
    assert said == [[set("cde"), set("f"), set("ab")], [set("cde"), set(), set()], [set(), set(), set()]]


def test_held_out_baskets_are_the_last_ones_and_judged_as_by_hand() -> None:
    held = HeldBaskets.of(log(*(visits(0, 3) for _ in range(8)), visits(1, 1)), 0.0, seed=0)
    assert len(held) == 2
    assert [held.histories.history(user)[0] for user in held.histories.users] == [tuple("abcde")] * 2
    assert len(held.train) == 8 * 6 + 3 - 2
    assert held.wanted.items.tolist() == [5, 5]
    scores = np.tile(np.array([5.0, 0.0, 0.0, 0.0, 0.0, 3.0], np.float32), (2, 1))
    assert held.ndcg(lambda _: scores) == pytest.approx(1 / np.log2(3))


@pytest.mark.parametrize("options", [{"gap_s": -1.0}, {"largest": 0}, {"hidden": 0}, {"hide": 1.0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        NextBasket(**options)
