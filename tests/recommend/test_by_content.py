"""Content: means and attention against loops; what is missing, what is new."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.recommend import Content, histories_of, make_model
from goodsense.recommend.facts import dense_facts
from goodsense.types import Embeddings, normalise
from tests.recommend.toys import all_scores, content, dense, log


def unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def vectors(**weights: float) -> np.ndarray:
    """The rows that are compared."""
    facts = dense_facts(content())
    return unit(np.concatenate([np.sqrt(weights[name]) * facts[name] for name in sorted(weights)], axis=1))


def test_the_mean_of_a_history_is_compared_with_all() -> None:
    events = log()
    rows = vectors(image=1.0, tags=1.0)
    model = make_model("content").fit(events, content())
    np.testing.assert_allclose(all_scores(model, events), unit(dense(events) @ rows) @ rows.T, atol=1e-5)


def test_blocks_count_by_their_weight_and_others_not_at_all() -> None:
    events = log()
    model = make_model("content", blocks={"image": 1.0}).fit(events, content())
    rows = vectors(image=1.0)
    np.testing.assert_allclose(all_scores(model, events), unit(dense(events) @ rows) @ rows.T, atol=1e-5)
    both = make_model("content", blocks={"image": 3.0, "tags": 1.0}).fit(events, content())
    rows = vectors(image=3.0, tags=1.0)
    np.testing.assert_allclose(all_scores(both, events), unit(dense(events) @ rows) @ rows.T, atol=1e-5)


def test_attention_is_a_softmax_of_likeness_over_the_history() -> None:
    events, rows = log(), vectors(image=1.0, tags=1.0)
    expected = np.zeros((len(events.users), 12))
    for user, own in enumerate(dense(events)):
        items = np.flatnonzero(own)
        for candidate in range(12) if len(items) else ():
            near = rows[items] @ rows[candidate]
            share = np.exp(7.0 * near)
            expected[user, candidate] = (share * near).sum() / share.sum()
    model = make_model("content", attention=7.0).fit(events, content())
    np.testing.assert_allclose(all_scores(model, events), expected, atol=1e-5)


def test_much_attention_is_the_nearest_item_alone() -> None:
    events, rows = log(), vectors(image=1.0, tags=1.0)
    near = [(rows[own > 0] @ rows.T).max(axis=0) if own.any() else np.zeros(12) for own in dense(events)]
    model = make_model("content", attention=1e4).fit(events, content())
    np.testing.assert_allclose(all_scores(model, events), near, atol=1e-3)


def test_older_events_fade() -> None:
    rows = vectors(image=1.0, tags=1.0)
    model = make_model("content", fading=0.5).fit(log(), content())
    history = histories_of([["i002", "i005", "i007", "i005"]])
    expected = unit(0.125 * rows[2] + 0.5 * rows[7] + rows[5]) @ rows.T  # i005 by its last place
    np.testing.assert_allclose(all_scores(model, history)[0], expected, atol=1e-5)


def test_only_the_last_events_count() -> None:
    model = make_model("content", recent=2).fit(log(), content())
    long, short = histories_of([["i002", "i005", "i007"]]), histories_of([["i005", "i007"]])
    np.testing.assert_allclose(all_scores(model, long), all_scores(model, short), atol=1e-6)


def test_new_items_are_recommended_without_any_event() -> None:
    ids = ("a", "b", "c", "new")
    seen = normalise(np.array([[1, 0.1], [-1, 0], [0.1, -1], [1, 0]], dtype=np.float32))
    known = Content(ids, {"image": Embeddings.of_products(ids, seen)})
    model = make_model("content").fit(histories_of([["a", "b"], ["c"]]), known)
    assert model.recommend(histories_of([["a"]]), 1).ids() == ("new",)
    alone = make_model("content").fit(histories_of([]), known)
    assert alone.recommend(histories_of([["a"]]), 1).ids() == ("new",)


def test_products_without_content_are_like_nothing() -> None:
    model = make_model("content", blocks={"image": 1.0}).fit(log(), content())
    assert not model.score(histories_of([["i000"]]), ["i001"]).any()
    assert not all_scores(model, histories_of([["i001"]])).any()


def test_a_block_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="sound"):
        make_model("content", blocks={"sound": 1.0}).fit(log(), content())


def test_without_content_it_says_so() -> None:
    with pytest.raises(DataError, match="content"):
        make_model("content").fit(log())


@pytest.mark.parametrize("options", [{"attention": -1.0}, {"recent": 0}, {"fading": 0.0}, {"blocks": {"image": -1.0}}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        make_model("content", **options)
