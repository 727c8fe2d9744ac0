"""Who took what: histories before an example, items that were not taken, and pairs that are held out."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.events import Interactions
from goodsense.recommend import histories_of
from goodsense.recommend.drawing import Taken
from goodsense.recommend.held_out import HeldOut

pytest.importorskip("torch")


def timed() -> Interactions:
    return histories_of([["c", "a", "b", "a"], ["b"], ["d", "c"]])


def untimed() -> Interactions:
    lists = [["c", "a", "b"], ["b"], ["d", "c"]]
    return histories_of(lists, times=[[np.nan] * len(own) for own in lists])


def told(taken: Taken, places: np.ndarray, there: np.ndarray) -> list[list[int]]:
    return [taken.items[own[mask]].tolist() for own, mask in zip(places, there, strict=True)]


def test_pairs_come_in_the_order_of_their_first_time() -> None:
    taken = Taken.of(timed())
    assert taken.items.tolist() == [2, 0, 1, 1, 3, 2]
    assert taken.strengths.tolist() == [1, 2, 1, 1, 1, 1]  # a came twice
    assert taken.starts.tolist() == [0, 3, 4, 6]
    np.testing.assert_allclose(taken.shares, [1 / 6, 2 / 6, 2 / 6, 1 / 6])


def test_with_times_a_history_is_what_was_before_the_newest_first() -> None:
    taken = Taken.of(timed())
    assert taken.timed
    examples = taken.examples()
    assert examples.tolist() == [1, 2, 5]
    assert told(taken, *taken.histories(examples, 10)) == [[2], [0, 2], [3]]
    assert told(taken, *taken.histories(examples, 1)) == [[2], [0], [3]]


def test_without_times_it_is_all_else() -> None:
    taken = Taken.of(untimed())
    assert not taken.timed
    examples = taken.examples()
    assert examples.tolist() == [0, 1, 2, 4, 5]
    found = [sorted(own) for own in told(taken, *taken.histories(examples, 10))]
    assert found == [[1, 2], [0, 2], [0, 1], [3], [2]]
    assert [len(own) for own in told(taken, *taken.histories(examples, 1))] == [1] * 5


def test_the_newest_of_all() -> None:
    rows, there, strengths = Taken.of(timed()).newest(2)
    assert [own[mask].tolist() for own, mask in zip(rows, there, strict=True)] == [[1, 0], [1], [2, 3]]
    assert strengths[0].tolist() == [1, 2]
    rows, there, _ = Taken.of(histories_of([[], []])).newest(5)
    assert rows.shape == there.shape == (2, 1)
    assert not there.any()


def test_others_are_hardly_ever_what_was_taken() -> None:
    rng = np.random.default_rng(0)
    taken = Taken.of(histories_of([[f"{row:02d}" for row in range(10)], [f"{row:02d}" for row in range(100)]]))
    found = taken.others(np.zeros(500, np.int64), 4, rng)
    assert found.shape == (500, 4)
    assert np.mean(found < 10) < 0.03  # twice drawn: 1 %, against 10 % of plain draws
    assert found.max() == 99
    assert taken.has(np.array([0, 0, 1]), np.array([9, 10, 10])).tolist() == [True, False, True]


def crowd() -> Interactions:
    rng = np.random.default_rng(3)
    return histories_of([[f"{row:02d}" for row in rng.choice(20, size, replace=False)] for size in [2, 3, 4, 5] * 30])


def test_one_pair_of_some_users_is_held_out_and_it_is_their_last() -> None:
    log = crowd()
    held = HeldOut.of(log, seed=1)
    able = int((np.diff(log.starts) >= 3).sum())
    assert 0 < len(held) <= able // 4
    assert len(held.train) == len(log) - len(held)
    for user, row in zip(held.histories.users, held.rows.tolist(), strict=True):
        whole = log.history(user)[0]
        assert len(whole) >= 3
        assert log.items[row] == whole[-1]
        assert held.histories.history(user)[0] == whole[:-1]
    assert set(held.train.item_rows.tolist()) == set(log.item_rows.tolist())
    assert HeldOut.of(log, seed=1).rows.tolist() == held.rows.tolist()


def test_without_anybody_to_ask_nothing_is_held_out() -> None:
    log = histories_of([["a", "b"], ["a"]])
    held = HeldOut.of(log)
    assert len(held) == 0
    assert len(held.train) == len(log)
    assert held.ndcg(lambda block: np.zeros((len(block.users), 2), np.float32)) == 0.0


def test_its_figure_is_that_of_a_loop_over_ranks() -> None:
    log = crowd()
    held = HeldOut.of(log, seed=2)
    table = np.random.default_rng(0).normal(size=(len(log.users), 20)).astype(np.float32)
    places = {user: row for row, user in enumerate(log.users)}
    expected = []
    for user, row in zip(held.histories.users, held.rows.tolist(), strict=True):
        seen = {log.items.index(item) for item in held.histories.history(user)[0]}
        scores = table[places[user]]
        order = sorted((item for item in range(20) if item not in seen), key=lambda item: -scores[item])
        rank = 1 + order.index(row)
        expected.append(1 / np.log2(1 + rank) if rank <= 5 else 0.0)
    found = held.ndcg(lambda block: table[[places[user] for user in block.users]], k=5)
    assert found == pytest.approx(np.mean(expected))


def test_equal_scores_are_no_first_place() -> None:
    held = HeldOut.of(crowd(), seed=2)
    assert held.ndcg(lambda block: np.zeros((len(block.users), 20), np.float32)) < 0.4
