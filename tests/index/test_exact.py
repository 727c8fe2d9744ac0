"""The oracle itself, held against a naive loop; ties, memory and the states that a search sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from goodsense.index import ExactIndex
from goodsense.types import (
    DISTANCES,
    Compare,
    Distance,
    IndexQuery,
    IndexRows,
    fold,
    normalise,
    prepare,
    similarity,
)


def whole(n: int) -> np.ndarray:
    return np.ones(n, dtype=np.bool_)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("below", [0.05, 0.6, 2.0])
def test_dense_probes_agree_with_a_naive_loop(distance: Distance, below: float) -> None:
    rng = np.random.default_rng(5)
    vectors = prepare(rng.standard_normal((400, 16)).astype(np.float32), distance)
    present, price = rng.random(400) < 0.8, rng.random(400)
    rows = IndexRows(np.arange(400), {"text": (vectors, present)}, fields={"price": [(p,) for p in price.tolist()]})
    index = ExactIndex.over(rows, distance=distance)
    for probe in vectors[:20]:
        found = index.candidates(IndexQuery({"text": probe}, where=Compare("price", "<", below)), 7).sources["text"]
        scores = {row: similarity(probe, vectors[row : row + 1], distance)[0] for row in range(400)}
        right = sorted((r for r in range(400) if present[r] and price[r] < below), key=lambda r: (-scores[r], r))[:7]
        assert found.tolist() == right


def test_lexical_probe_agrees_with_a_naive_loop() -> None:
    weights = sparse.random(300, 40, density=0.1, format="csr", random_state=2, dtype=np.float32)
    index = ExactIndex.over(IndexRows(np.arange(300), {}, weights))
    dense = weights.toarray().astype(np.float64)
    query = {3: 1.5, 17: 0.25, 39: 2.0}
    scores = sum(weight * dense[:, token] for token, weight in query.items())
    right = sorted((row for row in range(300) if scores[row] > 0), key=lambda row: (-scores[row], row))
    found = index.candidates(IndexQuery(lexical=query), 300).sources["lexical"]
    assert found.tolist() == right


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 30), st.integers(1, 40))
def test_equal_scores_come_by_row_number(n: int, k: int) -> None:
    numbers = np.random.default_rng(n).permutation(n)
    vectors = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (n, 1))
    vectors[numbers % 3 == 0] = [0.0, 1.0]
    index = ExactIndex.over(IndexRows(numbers, {"text": (vectors, whole(n))}))
    found = index.candidates(IndexQuery({"text": np.array([1.0, 0.0], dtype=np.float32)}), k).sources["text"]
    assert found.tolist() == sorted(range(n), key=lambda row: (row % 3 == 0, row))[:k]


def test_mapped_arrays_are_searched_where_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "text.npy", normalise(np.eye(4, dtype=np.float32)))
    vectors = np.load(tmp_path / "text.npy", mmap_mode="r")
    index = ExactIndex.over(IndexRows(np.arange(4), {"text": (vectors, whole(4))}))
    assert index.candidates(IndexQuery({"text": vectors[2]}), 1).rows.tolist() == [2]
    index.upsert(IndexRows(np.array([2]), {"text": (vectors[:1], whole(1))}))
    index.delete(np.array([1]))
    np.testing.assert_array_equal(vectors, np.eye(4))
    assert index.candidates(IndexQuery({"text": vectors[2]}), 1).rows.tolist() == [0]


def test_answers_do_not_change_when_the_index_does() -> None:
    index = ExactIndex.over(IndexRows(np.arange(3), {"text": (np.eye(3, dtype=np.float32), whole(3))}))
    before = index.candidates(IndexQuery({"text": np.eye(3, dtype=np.float32)[0]}), 2)
    index.delete(np.arange(3))
    assert before.rows.tolist() == [0, 1]
    assert len(index) == 0


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(("one", "other"), [("ＡＢＣ", "abc"), ("STRASSE", "straße"), ("Å", "å"), ("ﬁne", "FINE")])
def test_spellings_that_fold_together(one: str, other: str) -> None:
    assert fold(one) == fold(other)
