"""What every recommender must do, whatever it is made of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.events import Interactions
from goodsense.recommend import MODELS, Content, Model, histories_of, load_model, make_model
from goodsense.recommend.judging import judged
from goodsense.types import Embeddings

USERS, ITEMS, GROUPS = 60, 24, 4
COLD = "item-99"  # nobody touched it
# Small and quick settings of what would train long; the defaults are measured by the benchmarks.
QUICK: dict[str, dict[str, object]] = {
    "lightgcn": {"dim": 8, "batch": 64, "epochs": 10},
    "graphsage": {"dim": 8, "batch": 64, "epochs": 8, "rate": 1e-2, "negatives": 8},
    "two-tower": {"dim": 8, "batch": 64, "epochs": 8, "rate": 1e-2, "negatives": 8},
    "ncf": {"dim": 8, "batch": 32, "epochs": 8, "rate": 2e-2},
    "sasrec": {"dim": 16, "batch": 32, "rate": 1e-2, "epochs": 12},
    "gru4rec": {"dim": 16, "hidden": 16, "batch": 32, "rate": 1e-2, "epochs": 12},
    "cnn": {"dim": 16, "batch": 16, "rate": 1e-2, "epochs": 10, "shape": "caser"},
    "next-basket": {"dim": 16, "hidden": 32, "batch": 8, "rate": 4e-2, "epochs": 10, "patience": None},
}


@pytest.fixture(params=list(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def log() -> Interactions:
    """Shoppers of four groups, each with items of its own: the right answers are those of the own group."""
    rng = np.random.default_rng(5)
    lists, times = [], []
    for user in range(USERS):
        own = np.arange(user % GROUPS, ITEMS, GROUPS)  # six items
        lists.append([f"item-{row:02d}" for row in rng.permutation(own)[:4].tolist()])
        times.append([1.7e9 + 86_400.0 * (user % 7 + place) for place in range(4)])
    return histories_of(lists, users=[f"user-{user:02d}" for user in range(USERS)], times=times)


@cache
def content() -> Content:
    ids = (*(f"item-{row:02d}" for row in range(ITEMS)), COLD)
    rng = np.random.default_rng(6)
    groups = [*(row % GROUPS for row in range(ITEMS)), 1]
    vectors = np.eye(8, dtype=np.float32)[groups] + rng.normal(0, 0.1, (len(ids), 8)).astype(np.float32)
    present = np.ones(len(ids), dtype=np.bool_)
    present[3] = False  # missing is normal
    vectors[3] = 0
    return Content(
        ids,
        {"image": Embeddings.of_products(ids, vectors, present)},
        tuple(f"group {group}" for group in groups),
        tuple((f"group={group}", "kind=toy") for group in groups),
        np.linspace(1, 30, len(ids)),
    )


@cache
def fitted(name: str) -> Model:
    return make_model(name, **QUICK.get(name, {})).fit(log(), content(), seed=3)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def some() -> Interactions:
    return histories_of([["item-00", "item-04"], ["item-01"], [], ["item-02", "item-06", "item-10"]])


def test_it_is_registered_under_its_kind(name: str) -> None:
    assert fitted(name).kind == name
    assert MODELS[name].note
    options = fitted(name).options
    assert set(MODELS[name].space) <= set(options)


def test_k_beyond_the_catalog_gives_everything_that_is_left(name: str) -> None:
    found = fitted(name).recommend(some(), k=1_000)
    for row, seen in enumerate((2, 1, 0, 3)):
        ids = found.ids(row)
        assert len(ids) == len(set(ids)) == ITEMS + 1 - seen


def test_nothing_seen_is_recommended_unless_asked_for(name: str) -> None:
    found = fitted(name).recommend(some(), k=ITEMS)
    assert not {"item-00", "item-04"} & set(found.ids(0))
    again = fitted(name).recommend(some(), k=ITEMS + 1, exclude_seen=False)
    assert {"item-00", "item-04"} <= set(again.ids(0))


def test_scores_fall_and_are_those_of_score(name: str) -> None:
    model = fitted(name)
    found = model.recommend(some(), k=6)
    for row in range(4):
        ids, scores = found.ids(row), found.scores[row]
        assert (np.diff(scores) <= 1e-6).all()
        told = model.score(some(), ids)[row]
        positive = scores > 0  # what has no score of its own comes last, with 0
        np.testing.assert_allclose(told[positive], scores[positive], rtol=1e-4, atol=1e-5)


def test_one_history_is_answered_as_in_a_batch(name: str) -> None:
    model = fitted(name)
    batch = model.score(some(), model.items)
    for row, own in enumerate((["item-00", "item-04"], ["item-01"], [], ["item-02", "item-06", "item-10"])):
        alone = model.score(histories_of([own]), model.items)[0]
        np.testing.assert_allclose(alone, batch[row], rtol=1e-3, atol=1e-4)


def test_who_was_never_seen_gets_an_answer_without_a_refit(name: str) -> None:
    found = fitted(name).recommend(histories_of([["item-05", "item-09"]], users=["somebody new"]), k=5)
    assert found.users == ("somebody new",)
    assert len(found.ids()) == 5


def test_unknown_items_in_a_history_are_passed_over(name: str) -> None:
    model = fitted(name)
    with_it = model.score(histories_of([["item-05", "nowhere", "item-09"]]), model.items)
    times = [[0.0, 2.0]]
    without = model.score(histories_of([["item-05", "item-09"]], times=times), model.items)
    np.testing.assert_allclose(with_it, without, rtol=1e-4, atol=1e-5)
    assert np.isnan(model.score(some(), ["nowhere"])).all()
    with pytest.raises(UsageError, match="nowhere"):
        model.similar(["nowhere"])


def test_only_what_is_allowed_comes(name: str) -> None:
    found = fitted(name).recommend(some(), k=5, allowed=["item-07", "item-08", COLD, "nowhere"])
    assert set(found.ids(0)) == {"item-07", "item-08", COLD}
    nothing = fitted(name).recommend(some(), k=5, allowed=[])
    assert nothing.ids(0) == ()


def test_similar_items_leave_out_the_item_itself(name: str) -> None:
    found = fitted(name).similar(["item-00", "item-01"], k=5)
    assert found.users == ("item-00", "item-01")
    assert "item-00" not in found.ids(0)
    assert len(found.ids(1)) == 5


def test_saved_and_loaded_it_says_the_same(name: str, tmp_path: Path) -> None:
    model = fitted(name)
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert type(loaded) is type(model)
    assert loaded.options == model.options
    np.testing.assert_array_equal(loaded.score(some(), model.items), model.score(some(), model.items))
    assert loaded.recommend(some(), k=7).run() == model.recommend(some(), k=7).run()
    assert loaded.similar(["item-02"], k=7).run() == model.similar(["item-02"], k=7).run()


def test_the_same_seed_gives_the_same_answer(name: str) -> None:
    again = make_model(name, **QUICK.get(name, {})).fit(log(), content(), seed=3)
    np.testing.assert_array_equal(again.score(some(), again.items), fitted(name).score(some(), again.items))


def test_it_ranks_the_own_group_first(name: str) -> None:
    """All but what is the same for everybody must find the two items of the group that a shopper has not seen."""
    if name in ("popular", "recent", "trending"):
        everybody = fitted(name).recommend(histories_of([[], []]), k=5)
        assert everybody.ids(0) == everybody.ids(1)
        return
    found = fitted(name).recommend(log(), k=2)
    own = [
        int(id.removeprefix("item-")) % GROUPS == row % GROUPS
        for row in range(USERS)
        for id in found.ids(row)
        if id != COLD
    ]
    assert np.mean(own) > 0.8


def test_it_does_without_content_or_says_that_it_needs_it(name: str) -> None:
    model = make_model(name, **QUICK.get(name, {}))
    if "content" in MODELS[name].needs:
        with pytest.raises((DataError, UsageError), match="content"):
            model.fit(log())
    else:
        assert len(model.fit(log(), seed=1).recommend(some(), k=3).ids(0)) == 3


def test_an_empty_log_gives_an_answer(name: str) -> None:
    model = make_model(name, **QUICK.get(name, {})).fit(histories_of([]), content())
    found = model.recommend(some(), k=4)
    assert [len(found.ids(row)) for row in range(4)] == [4, 4, 4, 4]


@pytest.mark.parametrize("lists", [[["a"]], [["a", "b"]], [["a"], ["a"], ["a"]]], ids=["one", "one user", "one item"])
def test_one_user_or_one_item_is_enough(name: str, lists: list[list[str]]) -> None:
    ids = ("a", "b", "c")
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    known = Content(ids, {"image": Embeddings.of_products(ids, vectors)}, ("x", "x", "y"), (("x=1",), ("x=1",), ()))
    times = [[1.7e9] * len(own) for own in lists]  # all at once
    model = make_model(name, **QUICK.get(name, {})).fit(histories_of(lists, times=times), known)
    assert set(model.recommend(histories_of([["a"]]), k=5).ids()) == {"b", "c"}


def test_nothing_at_all_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="no items"):
        make_model(name).fit(histories_of([]))
    with pytest.raises(UsageError, match="not fitted"):
        make_model(name).recommend(some())
    with pytest.raises(UsageError, match="1 or more"):
        fitted(name).recommend(some(), k=0)


def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no_such_option"):
        make_model(name, no_such_option=1)


def test_labels_dealt_out_by_chance_are_found_by_chance_only(name: str) -> None:
    """Of 20 unseen items, each as likely, the first five hold a quarter; real labels are found above.

    Four standard errors of 720 labels; the cold item, which is no label, may take a place.
    """
    rng = np.random.default_rng(8)
    every, lists, asked = [f"item-{row:02d}" for row in range(ITEMS)], [], []
    for _, seen, _, _ in log().histories():
        unseen = sorted(set(every) - set(seen))
        lists += [seen] * 6
        asked += [rng.choice(unseen, 2, replace=False).tolist() for _ in range(6)]
    report = judged(fitted(name), histories_of(lists), histories_of(asked), content=content(), ks=(5,), slices=False)
    assert 0.25 - 0.065 - 0.05 < report.metrics["recall@5"] < 0.25 + 0.065
