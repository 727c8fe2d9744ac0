"""Pairs against plain loops over groups, queries and baskets."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.learning.pairs import Pairs, gains, joined_groups, merged, title_groups


def as_dict(pairs: Pairs) -> dict[tuple[int, int], float]:
    assert pairs.rows.dtype == np.int64
    assert pairs.weights.dtype == np.float32
    found = {
        (int(one), int(other)): float(weight) for (one, other), weight in zip(pairs.rows, pairs.weights, strict=True)
    }
    assert list(found) == sorted(found)
    assert len(found) == len(pairs)
    return found


def test_pairs_are_ordered_and_summed() -> None:
    found = Pairs.of([[3, 1], [1, 3], [2, 2], [0, 1], [0, 2]], [1.0, 2.0, 9.0, 0.5, 0.0])
    assert as_dict(found) == {(0, 1): 0.5, (1, 3): 3.0}
    assert as_dict(Pairs.of([], [])) == {}


def test_groups_give_all_their_pairs() -> None:
    found = as_dict(Pairs.of_groups([4, 7, 4, -1, 7, 4, 9, -1]))
    assert found == {(0, 2): 0.5, (0, 5): 0.5, (2, 5): 0.5, (1, 4): 1.0}


@pytest.mark.parametrize("size", [2, 5, 6, 7, 50])
@pytest.mark.parametrize("partners", [1, 3, 4])
def test_members_of_large_groups_have_few_partners(size: int, partners: int) -> None:
    rows = np.random.default_rng(0).permutation(2 * size)
    groups = np.where(rows < size, 0, -1)
    pairs = Pairs.of_groups(groups, partners=partners)
    members = np.flatnonzero(groups == 0)
    expected = min(size - 1, 2 * ((partners + 1) // 2)) if size > partners + 1 else size - 1
    totals, counts = np.zeros(2 * size), np.zeros(2 * size)
    for (one, other), weight in as_dict(pairs).items():
        for row in (one, other):
            totals[row] += weight
            counts[row] += 1
    assert (counts[members] == expected).all()
    assert totals[members] == pytest.approx(1.0)
    assert counts.sum() == expected * size


def test_titles_are_compared_without_case_and_spaces() -> None:
    assert title_groups(["Red  Lamp ", "red lamp", "", "Lamp", "红灯", " ", "红灯"]).tolist() == [0, 0, -1, 1, 2, -1, 2]


def test_groupings_are_joined_by_way_of_others() -> None:
    variants, titles = [0, 0, -1, 3, 4, -1], [-1, 5, 5, 1, 0, -1]
    assert joined_groups(variants, titles).tolist() == [0, 0, 0, 1, 2, 3]
    assert joined_groups([9, 3, 9, 3]).tolist() == [0, 1, 0, 1]
    assert joined_groups(np.zeros(0, dtype=np.int64)).tolist() == []
    rng = np.random.default_rng(0)
    given = [rng.integers(-1, 15, 40) for _ in range(2)]
    found = joined_groups(*given)
    reached = np.eye(40, dtype=bool)
    for own in given:
        reached |= (own[:, None] == own) & (own >= 0)
    for _ in range(6):
        reached = reached @ reached
    assert np.array_equal(found[:, None] == found, reached)
    firsts = np.unique(found, return_index=True)[1]
    assert firsts.tolist() == sorted(firsts.tolist())


def test_queries_pair_what_was_clicked_and_bought() -> None:
    rng = np.random.default_rng(1)
    count = 120
    queries = np.array([f"q{number}" for number in rng.integers(0, 12, count)])
    rows, clicks, purchases = rng.integers(0, 15, count), rng.integers(0, 4, count), rng.integers(0, 2, count)
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for query in sorted(set(queries)):
        counts: dict[int, float] = defaultdict(float)
        for entry in np.flatnonzero(queries == query):
            counts[int(rows[entry])] += clicks[entry] + 2.5 * purchases[entry]
        worth = {row: math.log1p(value) for row, value in counts.items() if value > 0}
        if len(worth) <= 8:
            for pair in itertools.combinations(sorted(worth), 2):
                expected[pair] += math.sqrt(worth[pair[0]] * worth[pair[1]]) / (len(worth) - 1)
    found = Pairs.of_queries(queries, rows, clicks, purchases, purchase=2.5, largest=8)
    assert as_dict(found) == pytest.approx(dict(expected), rel=1e-6)
    assert 0 < len(found) < len(Pairs.of_queries(queries, rows, clicks, purchases))


def test_baskets_pair_what_was_bought_together() -> None:
    found = Pairs.of_baskets([1, 1, 1, 2, 2, 2, 3], [0, 1, 1, 0, 1, 2, 5])  # the first bought row 1 twice
    assert as_dict(found) == {(0, 1): 1.5, (0, 2): 0.5, (1, 2): 0.5}
    assert as_dict(Pairs.of_baskets([1, 1, 1], [0, 1, 2], largest=2)) == {}


def test_profiles_are_taken_by_id() -> None:
    together = {"a": {"b": 2.0, "gone": 1.0}, "b": {"a": 2.0}, "lost": {"a": 3.0}, "c": {}}
    assert as_dict(Pairs.of_together(together, ["c", "b", "a"])) == {(1, 2): 4.0}
    assert as_dict(Pairs.of_together({}, ["a"])) == {}


def test_gains_saturate() -> None:
    assert gains([0, 1, 9], [0, 2, 0], purchase=4.0) == pytest.approx([0, math.log(10), math.log(10)])


def test_sources_are_levelled_and_added() -> None:
    clicks, variants = Pairs.of([[0, 1], [1, 2]], [100.0, 300.0]), Pairs.of([[0, 1]], [0.25])
    found = merged({"clicks": clicks, "variants": variants}, {"variants": 3.0})
    raw = {(0, 1): 0.5 + 3.0, (1, 2): 1.5}
    assert as_dict(found) == pytest.approx({pair: weight / 2.5 for pair, weight in raw.items()})
    assert float(found.weights.mean()) == pytest.approx(1.0)
    assert as_dict(merged({"clicks": clicks, "variants": variants}, {"clicks": 0.0})) == {(0, 1): 1.0}
    assert as_dict(merged({})) == {}
    assert as_dict(merged({"none": Pairs.of([], [])})) == {}


def test_a_lesson_holds_them_and_a_batch_reads_them() -> None:
    pairs = Pairs.of([[0, 3], [1, 2]], [2.0, 1.0])
    lesson = pairs.lesson(np.arange(4))
    assert lesson.pairs.tolist() == [[0, 3], [1, 2]]
    assert lesson.weights.tolist() == [2.0, 1.0]
    batch = np.array([3, 1, 0])
    assert pairs.matrix(4)[batch][:, batch].toarray().tolist() == [[0, 0, 2], [0, 0, 0], [2, 0, 0]]
    with pytest.raises(UsageError, match="there are 3 products"):
        pairs.lesson(np.arange(3))


def test_what_does_not_fit_is_refused() -> None:
    good = Pairs.of([[0, 1]], [1.0])
    wrong: list[tuple[Any, str]] = [
        (lambda: Pairs.of([[0, 1]], [1.0, 2.0]), "one weight each"),
        (lambda: Pairs.of([[-1, 1]], [1.0]), "rows from 0 up"),
        (lambda: Pairs.of([[0, 1]], [-1.0]), "below 0"),
        (lambda: Pairs.of([[0, 1]], [float("nan")]), "not finite"),
        (lambda: Pairs.of_groups([0.5, 1.0]), "whole numbers"),
        (lambda: Pairs.of_groups([0, 0, 0], partners=0), "at least 1"),
        (lambda: Pairs.of_baskets([0, 0], [0, 1, 2]), "one each"),
        (lambda: Pairs.of_baskets([0, 0], [0, -1]), "rows from 0 up"),
        (lambda: Pairs.of_queries([0, 0], [0, 1], [1, -1]), "below 0"),
        (lambda: Pairs.of_queries([0, 0], [0, 1], [1, 1], [1]), "as many"),
        (lambda: merged({"a": good}, {"b": 1.0}), "weights name the pairs 'b'"),
        (lambda: merged({"a": good}, {"a": -1.0}), "mean weight -1"),
        (joined_groups, "no grouping"),
        (lambda: joined_groups([0, 1], [0]), "same products"),
    ]
    for call, match in wrong:
        with pytest.raises(UsageError, match=match):
            call()
