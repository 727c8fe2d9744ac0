"""The graph filter: terms against dense matrices, the search against brute force, reasons against scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.recommend import Content, histories_of
from goodsense.recommend.graph_filter import (
    LIKE,
    LIKE_TOGETHER,
    LIKE_TWICE,
    TASTE,
    TOGETHER,
    TOGETHER_LIKE,
    TWICE,
    USUAL,
    GraphFilter,
)
from goodsense.recommend.graph_search import Pool, chosen_filter, climbed
from goodsense.recommend.item_graphs import alike, by_tags, shares, taste, together
from tests.recommend.toys import all_scores, content, dense, log

Matrix = NDArray[np.float64]


def evened(graph: Matrix) -> Matrix:
    found: Matrix = graph * np.count_nonzero(graph.any(axis=1)) / graph.sum()
    return found


def co_occurrence(taken: Matrix, *, users: float, seen: float, found: float) -> Matrix:
    """One pair of items at a time."""
    n, own = taken.shape[1], taken.sum(axis=0)
    graph = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                shared = [row.sum() ** -users for row in taken if row[i] and row[j]]
                graph[i, j] = sum(shared) * own[i] ** -seen * own[j] ** -found
    return evened(graph)


def low_pass(taken: Matrix, *, users: float, dim: int) -> Matrix:
    own = taken.sum(axis=0)
    weighed = taken.sum(axis=1, keepdims=True) ** (-users / 2) * taken * own**-0.5
    basis = np.linalg.svd(weighed)[2][:dim].T
    graph = own[:, None] ** -0.5 * (basis @ basis.T) * own**0.5
    np.fill_diagonal(graph, 0)
    return evened(np.maximum(graph, 0))


def busy() -> Any:
    """A log in which every shopper took something."""
    found = log(users=40, items=12, seed=3)
    return found.select(users=[user for row, user in enumerate(found.users) if np.diff(found.starts)[row]])


@pytest.mark.parametrize(("users", "seen", "found"), [(0.5, 0.3, 0.0), (1.0, 0.5, -0.1), (0.0, 0.0, 0.4)])
def test_together_is_the_weighed_co_occurrence(users: float, seen: float, found: float) -> None:
    taken = busy()
    graph = together(taken.matrix, users=users, seen=seen, found=found, keep=12).toarray()
    expected = co_occurrence(dense(taken), users=users, seen=seen, found=found)
    np.testing.assert_allclose(graph, expected, rtol=1e-5, atol=1e-7)


def test_only_the_strongest_entries_of_a_row_are_kept() -> None:
    graph = together(busy().matrix, users=0.5, seen=0.3, found=0.0, keep=3)
    full = co_occurrence(dense(busy()), users=0.5, seen=0.3, found=0.0)
    assert (np.diff(graph.indptr) <= 3).all()
    for row, found in enumerate(graph.toarray()):
        assert full[row][found > 0].min() >= full[row][found == 0].max() - 1e-9


def test_taste_is_the_ideal_low_pass_filter() -> None:
    taken = busy()
    graph = taste(taken.matrix, users=0.5, dim=4, keep=12, seed=0).toarray()
    np.testing.assert_allclose(graph, low_pass(dense(taken), users=0.5, dim=4), rtol=1e-3, atol=1e-5)


def test_taste_of_many_is_found_by_lanczos_steps_as_exactly() -> None:
    rng = np.random.default_rng(2)
    from scipy.sparse import csr_matrix

    marks = rng.random((1_100, 1_050)) < 0.01
    marks[np.arange(1_100), np.arange(1_100) % 1_050] = True  # nothing and nobody is empty
    for group in range(3):
        marks[group::3, group * 20 : group * 20 + 20] |= rng.random(marks[group::3, :20].shape) < 0.3
    taken = csr_matrix(marks.astype(np.float32))
    graph = taste(taken, users=0.5, dim=3, keep=1_050, seed=0).toarray()
    expected = low_pass(taken.toarray().astype(np.float64), users=0.5, dim=3)
    assert np.abs(graph - expected).max() < 0.02 * expected.max()


def test_tags_are_compared_by_tf_idf() -> None:
    known = Content(
        tuple("abcde"),
        tags=(("x=1", "y=1"), ("x=1", "y=1"), ("x=1",), ("z=9",), ()),
        categories=("p", "p", "", "", "p"),
    )
    near = by_tags(known, 3).toarray()
    counts = {"x": 3, "y": 2, "p": 3}  # z=9 has one item only: it tells nothing
    rarity = {name: np.log(6 / (1 + count)) for name, count in counts.items()}
    vectors = [[rarity[name] if name in own else 0 for name in "xyp"] for own in ("xyp", "xyp", "x", "", "p")]
    unit = np.array([np.array(row) / max(float(np.linalg.norm(row)), 1e-12) for row in vectors])
    expected = unit @ unit.T
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(near, expected, atol=1e-6)


def test_alike_is_either_way_and_evened_out() -> None:
    graphs = alike(content(), neighbours=2)
    assert set(graphs) == {"image", "tags"}
    for graph in graphs.values():
        full = graph.toarray()
        np.testing.assert_allclose(full, full.T, atol=1e-6)
        assert not full.diagonal().any()
        assert full.sum() == pytest.approx(np.count_nonzero(full.any(axis=1)), rel=1e-5)
    assert not graphs["image"].toarray()[1].any()  # the second item has no picture
    assert graphs["tags"].toarray()[1].any()


def test_the_filter_is_the_weighted_sum_of_its_terms() -> None:
    weights = {
        TOGETHER: 1.0,
        LIKE: 0.4,
        LIKE_TOGETHER: 0.7,
        TOGETHER_LIKE: 0.2,
        LIKE_TWICE: 0.6,
        TWICE: 0.3,
        TASTE: 0.5,
    }
    mix = {"image": 3.0, "tags": 1.0}
    model = GraphFilter(weights=weights, mix=mix, dim=4, neighbours=12, near=12, alike=3, keep=12)
    taken, known = busy(), content()
    model.fit(taken, known)
    p = co_occurrence(dense(taken), users=0.5, seen=0.3, found=0.0)
    s = taste(taken.matrix, users=0.5, dim=4, keep=6, seed=0).toarray()
    graphs = alike(known, neighbours=3)
    w = 0.75 * graphs["image"].toarray() + 0.25 * graphs["tags"].toarray()
    expected = p + 0.4 * w + 0.7 * w @ p + 0.2 * p @ w + 0.6 * w @ w + 0.3 * p @ p + 0.5 * s
    np.testing.assert_allclose(all_scores(model, taken), dense(taken) @ expected, rtol=1e-4, atol=1e-5)


def test_reasons_sum_to_the_score_and_name_terms_and_modalities() -> None:
    model = GraphFilter(dim=4, keep=6).fit(busy(), content())
    history = histories_of([["i001", "i004", "i007"]])
    seen = set()
    for item in ("i000", "i003", "i009"):
        told = model.why(history, item)
        total = sum(value for terms in told.values() for value in terms.values())
        assert total == pytest.approx(model.score(history, [item])[0, 0], rel=1e-4)
        assert set(told) <= {"i001", "i004", "i007"}
        seen |= {name for terms in told.values() for name in terms}
    assert {TOGETHER, "like image", "like tags", LIKE_TOGETHER} <= seen
    with pytest.raises(UsageError, match="nowhere"):
        model.why(history, "nowhere")


def test_what_nobody_touched_is_found_by_its_content() -> None:
    ids = ("a", "b", "c", "new")
    known = Content(ids, tags=(("x=1",), ("x=2",), ("x=2",), ("x=1",)))
    model = GraphFilter().fit(histories_of([["a", "b"], ["b", "c"], ["a", "b", "c"]]), known)
    scores = model.score(histories_of([["a"], ["c"]]), ["new"])[:, 0]
    assert scores[0] > scores[1]
    assert scores[0] > 0


def test_a_shopper_with_too_many_events_counts_by_the_last_ones() -> None:
    lists = [["a", "b", "c", "d"], ["c", "a"]]
    capped = GraphFilter(cap=2, dim=0).fit(histories_of(lists))
    short = GraphFilter(dim=0).fit(histories_of([["c", "d"], ["c", "a"], ["b"]]))
    asked = histories_of([["c"], ["a"], ["d"]])
    ids = ("a", "c", "d")
    np.testing.assert_allclose(capped.score(asked, ids), short.score(asked, ids), rtol=1e-5)


def test_shares_sum_to_one() -> None:
    graphs = {"a": None, "b": None}
    assert shares(graphs, None) == {"a": 0.5, "b": 0.5}
    assert shares(graphs, {"a": 3.0, "b": 1.0, "c": 5.0}) == {"a": 0.75, "b": 0.25}
    assert shares(graphs, {"c": 1.0}) == {"a": 0.5, "b": 0.5}


def test_wrong_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="no term 'elsewhere'"):
        GraphFilter(weights={"elsewhere": 1.0})
    with pytest.raises(UsageError, match="weight of like"):
        GraphFilter(weights={LIKE: -1.0})
    with pytest.raises(UsageError, match="keep"):
        GraphFilter(keep=0)


# ---- search


def halves() -> tuple[Any, Any]:
    """A log of two tastes, and its last item per shopper held out."""
    rng = np.random.default_rng(4)
    lists = [[f"i{2 * row + user % 2:03d}" for row in rng.permutation(6)[:5].tolist()] for user in range(60)]
    whole = histories_of(lists)
    last = np.zeros(len(whole), dtype=np.bool_)
    last[whole.starts[1:] - 1] = True
    return whole.only(~last), whole.only(last)


def test_metrics_of_a_pool_are_those_of_the_whole_ranking() -> None:
    train, held_out = halves()
    rng = np.random.default_rng(0)
    from scipy.sparse import csr_matrix

    scores = {name: csr_matrix(rng.random((60, 12)).astype(np.float32)) for name in "ab"}

    class Asked:
        histories, count = train.matrix, 60

    Asked.held_out = held_out.matrix  # type: ignore[attr-defined]
    pool = Pool.of(scores, Asked, {"a": 1.0, "b": 1.0}, 3, 12, 12)
    found = pool.metrics(pool.blended({"a": 1.0, "b": 0.5}))
    full = scores["a"].toarray() + 0.5 * scores["b"].toarray()
    full[train.matrix.toarray() > 0] = -1
    ranks = [(full[row] > full[row, item]).sum() for row, item in enumerate(held_out.item_rows)]
    assert found["recall@3"] == pytest.approx(np.mean([rank < 3 for rank in ranks]))
    assert found["ndcg@3"] == pytest.approx(np.mean([1 / np.log2(rank + 2) if rank < 3 else 0 for rank in ranks]))
    weights, metrics, tried = climbed(pool, [{"a": 1.0, "b": 0.5}])
    assert pool.goal(pool.blended(weights)) >= pool.goal(pool.blended({"a": 1.0, "b": 0.5})) - 1e-6
    assert metrics == pool.metrics(pool.blended(weights))
    assert tried > 1


def test_the_chosen_filter_is_no_worse_than_the_usual_one_and_can_be_made_again() -> None:
    train, held_out = halves()
    known = content()
    chosen = chosen_filter(train, held_out, known, k=2, dim=3)
    again = GraphFilter(**chosen.model.options).fit(train, known)
    np.testing.assert_allclose(all_scores(again, train), all_scores(chosen.model, train), rtol=1e-4, atol=1e-6)
    assert set(chosen.model.used_weights) == set(USUAL)
    assert chosen.users == 60
    assert sum((chosen.model.mix or {}).values()) == pytest.approx(1.0, abs=1e-3)
    assert chosen_filter(train, held_out, known, k=2, dim=3).model.options == chosen.model.options
    usual = GraphFilter(dim=3).fit(train, known).recommend(train, 2)
    best = chosen.model.recommend(train, 2)
    hits = [
        sum(held_out.items[row] in ranked.ids(user) for user, row in enumerate(held_out.item_rows.tolist()))
        for ranked in (usual, best)
    ]
    assert hits[1] >= hits[0] - 3


def test_without_a_history_nothing_can_be_chosen() -> None:
    train = histories_of([["a", "b"], []])
    held_out = histories_of([[], ["a"]])
    with pytest.raises(UsageError, match="validation"):
        chosen_filter(train, held_out)


def test_shoppers_scored_in_blocks_choose_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    train, held_out = halves()
    known = content()
    at_once = chosen_filter(train, held_out, known, k=2, dim=3)
    monkeypatch.setattr("goodsense.recommend.graph_search._AT_ONCE", 7)
    in_blocks = chosen_filter(train, held_out, known, k=2, dim=3)
    assert in_blocks.model.options == at_once.model.options
    assert in_blocks.metrics == pytest.approx(at_once.metrics)
