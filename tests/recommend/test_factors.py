"""ALS, BPR and VBPR: fold-in against the equations, gradients against differences, cold items by their content."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.factors import als_factors, bpr_factors
from goodsense.recommend import Content, Model, histories_of, make_model
from goodsense.recommend.folding import profiles, unfolding
from goodsense.recommend.vbpr import _Learned
from goodsense.types import Embeddings
from tests.recommend.toys import all_scores, content, dense, log

GROUPS, EACH = 3, 8


def grouped(seed: int = 0) -> list[list[str]]:
    """Shoppers who keep to one of three groups of eight items."""
    rng = np.random.default_rng(seed)
    return [[f"{user % GROUPS}{row}" for row in rng.permutation(EACH)[:4].tolist()] for user in range(60)]


def share_of_own_group(model: Model) -> float:
    ranked = model.recommend(histories_of([[f"{group}0", f"{group}1"] for group in range(GROUPS)]), 6)
    return float(np.mean([id[0] == str(group) for group in range(GROUPS) for id in ranked.ids(group)]))


# ---- ALS


def test_als_folds_a_history_in_by_solving_its_row() -> None:
    events, histories = log(), log(users=6, seed=5)
    columns = als_factors(events.matrix, dim=4, regularisation=2.0, alpha=5.0, seed=3).columns
    expected = []
    for own in dense(histories):
        confidence = np.diag(1 + 5.0 * own)
        left = columns.T @ confidence @ columns + 2.0 * np.eye(4)
        expected.append(columns @ np.linalg.solve(left, columns.T @ confidence @ (own > 0)))
    model = make_model("als", dim=4, regularisation=2.0, alpha=5.0).fit(events, seed=3)
    np.testing.assert_allclose(all_scores(model, histories), expected, atol=1e-4)


def test_als_finds_items_alike_by_the_cosine_of_their_factors() -> None:
    events = log()
    columns = als_factors(events.matrix, dim=4, regularisation=10.0, seed=1).columns
    unit = columns / np.linalg.norm(columns, axis=1, keepdims=True)
    near = unit[2] @ unit.T
    near[2] = -2
    model = make_model("als", dim=4).fit(events, seed=1)
    found = model.similar([model.items[2]], 1)
    assert found.ids() == (model.items[int(near.argmax())],)
    assert found.scores[0, 0] == pytest.approx(near.max(), abs=1e-4)


# ---- fold-in of learned vectors


def test_profiles_are_sums_over_the_root_of_the_count() -> None:
    events, items = log(), np.random.default_rng(0).normal(size=(12, 3))
    expected = [own @ items / np.sqrt(max(own.sum(), 1)) for own in dense(events)]
    np.testing.assert_allclose(profiles(events.matrix, items), expected, atol=1e-12)


def test_a_linear_map_of_profiles_is_found_again() -> None:
    events, rng = log(users=80), np.random.default_rng(0)
    items, true = rng.normal(size=(12, 3)), rng.normal(size=(3, 3))
    found = unfolding(events.matrix, items, profiles(events.matrix, items) @ true)
    np.testing.assert_allclose(found, true, atol=0.01)


# ---- BPR


def test_bpr_scores_histories_by_their_folded_vector() -> None:
    events, histories = log(), log(users=6, seed=5)
    learned = bpr_factors(events.matrix, dim=4, epochs=3, regularisation=0.03, seed=2)
    unfold = unfolding(events.matrix, learned.items, learned.users)
    expected = profiles(histories.matrix, learned.items) @ unfold @ learned.items.T + learned.bias
    expected[dense(histories).sum(axis=1) == 0] = 0
    model = make_model("bpr", dim=4, epochs=3).fit(events, seed=2)
    np.testing.assert_allclose(all_scores(model, histories), expected, atol=1e-5)


def test_bpr_never_pushes_down_what_nobody_could_take() -> None:
    events = log()
    ids = (*events.items, "new")
    model = make_model("bpr", dim=4, epochs=5).fit(events, Content(ids))
    plain = make_model("bpr", dim=4, epochs=5).fit(events)
    np.testing.assert_allclose(all_scores(model, events)[:, :-1], all_scores(plain, events), atol=1e-6)


@pytest.mark.parametrize("kind", ["als", "bpr"])
def test_groups_of_shoppers_are_told_apart(kind: str) -> None:
    options: dict[str, object] = {"dim": 4, **({"regularisation": 1.0} if kind == "als" else {})}
    assert share_of_own_group(make_model(kind, **options).fit(histories_of(grouped()), seed=1)) > 0.9


# ---- VBPR


def pictures(ids: list[str]) -> Content:
    """What group an item is of can be seen, roughly."""
    rng = np.random.default_rng(4)
    vectors = np.eye(6, dtype=np.float32)[[int(id[0]) for id in ids]] + rng.normal(0, 0.1, (len(ids), 6))
    return Content(tuple(ids), {"image": Embeddings.of_products(ids, vectors.astype(np.float32))})


def test_vbpr_takes_steps_along_the_gradient() -> None:
    rng = np.random.default_rng(1)
    learned = _Learned((4, 5), rng.normal(size=(5, 3)), 2, 1e-6, 0.0, rng)
    learned.projection[:, -1] = rng.normal(size=3)
    users, better, worse = np.array([0, 1, 2]), np.array([0, 1, 4]), np.array([3, 2, 1])

    def gain() -> float:
        slope, _, _ = learned.slope(users, better, worse)
        return float(np.log(1 - slope).sum())  # log sigmoid(x)

    for array in (learned.users, learned.items, learned.projection):
        before = [own.copy() for own in (learned.users, learned.items, learned.projection)]
        slopes = np.zeros_like(array)
        for place in np.ndindex(*array.shape):
            array[place] += 1e-5
            above = gain()
            array[place] -= 2e-5
            slopes[place] = (above - gain()) / 2e-5
            array[place] += 1e-5
        learned.step(users, better, worse)
        moved = (
            array - before[[learned.users is array, learned.items is array, learned.projection is array].index(True)]
        )
        for own, old in zip((learned.users, learned.items, learned.projection), before, strict=True):
            own[:] = old
        for row, step in enumerate(moved):  # each row goes its own distance, all in the gradient's direction
            length = np.linalg.norm(slopes[row]) * np.linalg.norm(step)
            assert slopes[row] @ step == pytest.approx(length, rel=1e-4, abs=1e-12)


def test_vbpr_recommends_items_that_nobody_took_by_what_they_are() -> None:
    lists = grouped()
    ids = sorted({id for own in lists for id in own} | {f"{group}x" for group in range(GROUPS)})
    known = pictures(ids)
    events = histories_of(lists)
    cold = [f"{group}x" for group in range(GROUPS)]
    histories = histories_of([[f"{group}0", f"{group}1"] for group in range(GROUPS)])
    near = make_model("vbpr", dim=4, sight=1.0).fit(events, known, seed=1).score(histories, cold)
    assert (near.argmax(axis=1) == np.arange(GROUPS)).all()
    assert share_of_own_group(make_model("vbpr", dim=4, sight=1.0).fit(events, known, seed=1)) > 0.9


def test_vbpr_without_content_says_so() -> None:
    with pytest.raises(DataError, match="content"):
        make_model("vbpr").fit(log())


def test_vbpr_learns_when_some_items_lack_their_picture() -> None:
    model = make_model("vbpr", dim=3, epochs=2).fit(log(), content(), seed=1)
    assert np.isfinite(all_scores(model, log())).all()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("als", {"dim": 0}),
        ("als", {"alpha": -1.0}),
        ("bpr", {"rate": 0.0}),
        ("vbpr", {"epochs": 1.5}),
        ("vbpr", {"sight": 0.0}),
    ],
)
def test_options_that_make_no_sense_are_refused(kind: str, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        make_model(kind, **options)
