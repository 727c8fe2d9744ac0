"""Item and user neighbours against loops over dense matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.recommend import histories_of, make_model
from goodsense.recommend.neighbours import Weights
from tests.recommend.toys import all_scores, dense, log


def similarities(rows: np.ndarray, *, similarity: str, shrinkage: float, alpha: float) -> np.ndarray:
    """Pair by pair, ``(n, n)``."""
    n = len(rows)
    found = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            both, own, other = rows[i] @ rows[j], rows[i] @ rows[i], rows[j] @ rows[j]
            if i == j or both == 0:
                continue
            if similarity == "cosine":
                found[i, j] = both / (own**alpha * other ** (1 - alpha) + shrinkage)
            elif similarity == "jaccard":
                found[i, j] = both / (own + other - both + shrinkage)
            else:
                found[i, j] = both * both / (both + shrinkage)
    return found


def keep(matrix: np.ndarray, k: int) -> np.ndarray:
    order = np.argsort(-matrix, axis=1, kind="stable")[:, :k]
    found = np.zeros_like(matrix)
    np.put_along_axis(found, order, np.take_along_axis(matrix, order, axis=1), axis=1)
    return found


@pytest.mark.parametrize("similarity", ["cosine", "jaccard", "dot"])
@pytest.mark.parametrize("shrinkage", [0.0, 4.0])
def test_items_score_the_sum_of_their_similarities_to_the_history(similarity: str, shrinkage: float) -> None:
    events = log()
    model = make_model(
        "item-knn", similarity=similarity, shrinkage=shrinkage, alpha=0.7, neighbours=4, damping=0.0
    ).fit(events)
    taken = dense(events)
    near = keep(similarities(taken.T, similarity=similarity, shrinkage=shrinkage, alpha=0.7), 4)
    np.testing.assert_allclose(all_scores(model, events), taken @ near, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighting", ["tf-idf", "bm25"])
def test_shoppers_with_few_items_say_more_by_weights(weighting: str) -> None:
    events = log()
    rows = dense(events).T  # (n, u)
    idf = np.log((rows.shape[0] + 1) / rows.sum(axis=0).clip(1))
    lengths = rows.sum(axis=1, keepdims=True) / rows.sum(axis=1).mean()
    saturated = rows * 101 / (rows + 100 * (0.2 + 0.8 * lengths))
    weighed = (np.sqrt(rows) if weighting == "tf-idf" else saturated) * idf / np.sqrt(rows.sum(axis=0).clip(1))
    model = make_model("item-knn", weighting=weighting, shrinkage=2.0, alpha=0.5, neighbours=99, damping=0.5).fit(
        events
    )
    unit = (weighed**2).sum() / (weighed > 0).sum()
    near = similarities(weighed, similarity="cosine", shrinkage=2.0 * unit, alpha=0.5)
    np.testing.assert_allclose(all_scores(model, events), dense(events) @ near, rtol=1e-4, atol=1e-5)


def test_similar_items_are_the_neighbours() -> None:
    events = log()
    model = make_model("item-knn", similarity="jaccard", shrinkage=0.0, neighbours=5, damping=0.0).fit(events)
    near = similarities(dense(events).T, similarity="jaccard", shrinkage=0.0, alpha=0.5)
    found = model.similar([model.items[3]], 1)
    assert found.scores[0, 0] == pytest.approx(near[3].max(), rel=1e-5)


@pytest.mark.parametrize("weighting", ["none", "tf-idf"])
def test_shoppers_score_what_their_nearest_shoppers_took(weighting: str) -> None:
    events = log(users=40)
    histories = log(users=7, seed=9)
    taken, asking = dense(events), dense(histories)
    idf = np.log((len(taken) + 1) / taken.sum(axis=0)) if weighting == "tf-idf" else np.ones(taken.shape[1])
    own, others = asking * idf, taken * idf
    norms = np.linalg.norm(own, axis=1)[:, None] * np.linalg.norm(others, axis=1)[None, :]
    near = keep(np.divide(own @ others.T, norms, out=np.zeros_like(norms), where=norms > 0), 6)
    model = make_model("user-knn", weighting=weighting, neighbours=6).fit(events)
    np.testing.assert_allclose(all_scores(model, histories), near @ taken, rtol=1e-4, atol=1e-5)


def test_a_shopper_with_the_same_history_decides() -> None:
    events = histories_of([["a", "b", "c"], ["a", "d"], ["e", "f"]])
    model = make_model("user-knn", neighbours=1).fit(events)
    assert model.recommend(histories_of([["a", "b"]]), 1).ids() == ("c",)


def test_weights_of_pairs_count_if_they_are_to() -> None:
    events = histories_of([["a", "b"], ["a", "c"]], weights=[[1.0, 9.0], [1.0, 1.0]])
    binary = make_model("item-knn", similarity="dot", shrinkage=0.0, damping=0.0).fit(events)
    weighed = make_model("item-knn", similarity="dot", shrinkage=0.0, damping=0.0, values="weights").fit(events)
    history = histories_of([["a"]])
    assert binary.score(history, ["b", "c"])[0] == pytest.approx([1.0, 1.0])
    assert weighed.score(history, ["b", "c"])[0] == pytest.approx([9.0, 1.0])


def test_older_events_fade_where_the_order_is_known() -> None:
    events = log()
    plain, fading = make_model("item-knn").fit(events), make_model("item-knn", fading=0.5).fit(events)
    one = {id: all_scores(plain, histories_of([[id]]))[0] for id in ("i002", "i005", "i007")}
    history = histories_of([["i002", "i005", "i007", "i005"]])
    expected = 0.125 * one["i002"] + 0.5 * one["i007"] + one["i005"]
    np.testing.assert_allclose(all_scores(fading, history)[0], expected, atol=1e-6)
    untimed = replace(history, times=np.full(4, np.nan))
    np.testing.assert_allclose(all_scores(fading, untimed), all_scores(plain, untimed), atol=1e-6)


def test_removals_count_as_nothing() -> None:
    events = histories_of([["a", "b"], ["a", "c"]], weights=[[1.0, -1.0], [1.0, 1.0]])
    model = make_model("item-knn").fit(events)
    assert model.score(histories_of([["a"]]), ["b"])[0, 0] == 0


def test_columns_that_nobody_had_weigh_something_finite() -> None:
    events = log()
    weights = Weights.of(events.matrix[:, :0].T.tocsr(), "tf-idf")
    assert np.isfinite(weights.rarity).all()


@pytest.mark.parametrize(
    "options",
    [
        {"similarity": "pearson"},
        {"weighting": "idf"},
        {"neighbours": 0},
        {"shrinkage": -1},
        {"alpha": 1.5},
        {"damping": -1},
    ],
)
@pytest.mark.parametrize("kind", ["item-knn", "user-knn"])
def test_options_that_make_no_sense_are_refused(kind: str, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        make_model(kind, **options)
