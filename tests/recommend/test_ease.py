"""EASE against the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.recommend import Content, histories_of, make_model
from goodsense.recommend import ease as module
from goodsense.recommend.ease import ease_weights, inverse
from goodsense.recommend.facts import centred, facts_of, tag_rows
from tests.recommend.toys import all_scores, content, dense, log


def closed_form(gram: np.ndarray, regularisation: float) -> np.ndarray:
    precision = np.linalg.inv(gram + regularisation * np.eye(len(gram)))
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("block", [3, 512])
def test_the_inverse_is_that_of_numpy_whatever_the_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    rows = np.random.default_rng(0).normal(size=(20, 11))
    gram = rows.T @ rows + np.eye(11)
    np.testing.assert_allclose(inverse(gram.astype(np.float32)), np.linalg.inv(gram), atol=1e-5)


def test_a_matrix_without_an_inverse_is_named() -> None:
    with pytest.raises(DataError, match="regularisation"):
        inverse(-np.eye(3, dtype=np.float32))


def test_weights_are_steck_s_closed_form() -> None:
    taken = dense(log())
    expected = closed_form(taken.T @ taken, 7.0)
    np.testing.assert_allclose(ease_weights((taken.T @ taken).astype(np.float32), 7.0), expected, atol=1e-5)


def test_each_column_is_a_ridge_regression_of_an_item_on_the_others() -> None:
    taken = dense(log())
    weights = ease_weights((taken.T @ taken).astype(np.float32), 5.0)
    others = np.delete(np.arange(taken.shape[1]), 4)
    left = taken[:, others].T @ taken[:, others] + 5.0 * np.eye(len(others))
    np.testing.assert_allclose(weights[others, 4], np.linalg.solve(left, taken[:, others].T @ taken[:, 4]), atol=1e-5)


def test_the_model_scores_histories_by_the_closed_form() -> None:
    events, histories = log(), log(users=5, seed=4)
    model = make_model("ease", regularisation=7.0).fit(events)
    expected = dense(histories) @ closed_form(dense(events).T @ dense(events), 7.0)
    np.testing.assert_allclose(all_scores(model, histories), expected, atol=1e-5)


def test_rare_items_are_told_from_the_head_by_ridge_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 2)
    events, told = log(), []
    model = make_model("ease", regularisation=7.0, largest=8)
    model.fit(events, progress=lambda stage, done, total, note="": told.append(note))
    taken = dense(events)
    head = np.sort(np.argsort(-taken.sum(axis=0), kind="stable")[:8])
    rest = np.setdiff1d(np.arange(12), head)
    gram = taken[:, head].T @ taken[:, head]
    weights = np.zeros((12, 12))
    weights[np.ix_(head, head)] = closed_form(gram, 7.0)
    weights[np.ix_(head, rest)] = np.linalg.solve(gram + 7.0 * np.eye(8), taken[:, head].T @ taken[:, rest])
    np.testing.assert_allclose(all_scores(model, events), taken @ weights, atol=1e-5)
    assert any("4 items" in note for note in told)


def test_side_information_is_stacked_under_the_interactions() -> None:
    events, known = log(), content()
    tags, image = (np.asarray(part.toarray() if hasattr(part, "toarray") else part) for part in facts_of(known))
    stacked = np.vstack([dense(events), np.sqrt(3.0) * tags.T, np.sqrt(3.0) * image.T])
    model = make_model("ease-side", regularisation=7.0, side=6.0).fit(events, known)
    expected = dense(events) @ closed_form(stacked.T @ stacked, 7.0)
    np.testing.assert_allclose(all_scores(model, events), expected, atol=1e-5)


def test_without_weight_side_information_changes_nothing() -> None:
    events = log()
    plain = make_model("ease").fit(events, content())
    side = make_model("ease-side", side=0.0).fit(events, content())
    np.testing.assert_allclose(all_scores(side, events), all_scores(plain, events), atol=1e-6)


def test_an_item_that_nobody_took_is_found_by_what_it_is() -> None:
    events = histories_of([["a", "b"], ["c", "d"]] * 5)
    known = Content(tuple("abcdz"), tags=(("kind=hat",), ("x=1",), ("kind=shoe",), ("x=2",), ("kind=hat",)))
    model = make_model("ease-side", regularisation=5.0).fit(events, known)
    near = model.score(histories_of([["a"], ["c"]]), ["z"])[:, 0]
    assert near[0] > 0.05 > abs(near[1])


def test_a_regularisation_must_be_positive() -> None:
    with pytest.raises(UsageError, match="regularisation"):
        make_model("ease", regularisation=0)


# ---- facts


def test_rare_tags_weigh_more_and_common_ones_nothing() -> None:
    known = Content(tuple("abcd"), tags=(("all=1", "one=1"), ("all=1", "two=1"), ("all=1", "two=1"), ("all=1",)))
    rows = tag_rows(known).toarray()
    np.testing.assert_allclose(rows @ rows.T, [[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], atol=1e-6)


def test_categories_are_tags_too() -> None:
    known = Content(tuple("abcd"), categories=("hat", "hat", "shoe", ""))
    rows = tag_rows(known).toarray()
    assert (rows @ rows.T)[0].tolist() == pytest.approx([1, 1, 0, 0])


def test_blocks_are_centred_and_what_is_missing_stays_zero() -> None:
    block = content().blocks["image"]
    rows = centred(block)
    own = block.vectors[block.present]
    expected = (own - own.mean(axis=0)) / np.linalg.norm(own - own.mean(axis=0), axis=1, keepdims=True)
    np.testing.assert_allclose(rows[block.present], expected, atol=1e-6)
    assert not rows[1].any()
