"""Nothing learns from what comes later: no recommender, and no search that chooses one.

That labels dealt out by chance are found by chance only is part of the contract (``test_contract.py``).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from goodsense.events import Interactions, by_time
from goodsense.recommend import MODELS, histories_of, make_model
from goodsense.recommend.search import Budget, chosen_model
from tests.recommend.test_contract import ITEMS, QUICK, content, fitted, log, some

DAY, BEGIN = 86_400.0, 1.7e9


@pytest.fixture(params=[name for name, spec in MODELS.items() if "torch" not in spec.needs])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def later() -> Interactions:
    """The log of the contract, and then what everybody did on the 20th and the 30th day: items of other groups."""
    lists, times = [], []
    for user, items, _, when in log().histories():
        number = int(user.removeprefix("user-"))
        others = [f"item-{(number + 1 + step) % ITEMS:02d}" for step in range(2)]
        lists.append([*items, *others])
        times.append([*when, BEGIN + 20 * DAY, BEGIN + 30 * DAY])
    return histories_of(lists, users=log().users, times=times)


def split_later() -> tuple[Interactions, Interactions]:
    """What was before the 15th day, and what was before the 25th."""
    found = by_time(later(), val_from=BEGIN + 15 * DAY, test_from=BEGIN + 25 * DAY)
    return found.train, found.val


def test_what_is_learned_from_is_what_there_was_before() -> None:
    """So networks, too, learn the same: with the same seed they do from the same arrays (``test_contract.py``)."""
    train, _ = split_later()
    assert (train.users, train.items, train.repeats) == (log().users, log().items, log().repeats)
    for array in ("starts", "item_rows", "weights", "times", "labels"):
        np.testing.assert_array_equal(getattr(train, array), getattr(log(), array))


def test_later_events_change_nothing_that_was_recommended_before_them(name: str) -> None:
    train, _ = split_later()
    model = make_model(name, **QUICK.get(name, {})).fit(train, content(), seed=3)
    wanted = fitted(name)  # on a log that ends before them
    np.testing.assert_array_equal(model.score(some(), model.items), wanted.score(some(), wanted.items))
    assert model.recommend(log(), 6).rows.tolist() == wanted.recommend(log(), 6).rows.tolist()


def test_a_model_that_saw_them_would_answer_otherwise() -> None:
    leaking = make_model("item-knn").fit(later(), content(), seed=3)
    assert not np.array_equal(leaking.score(some(), leaking.items), fitted("item-knn").score(some(), leaking.items))


def test_the_choice_does_not_know_the_test() -> None:
    """With and without the part after validation, the same is chosen, with the same figures."""
    train, val = split_later()
    before = by_time(
        later().only(later().times < BEGIN + 25 * DAY), val_from=BEGIN + 15 * DAY, test_from=BEGIN + 25 * DAY
    )
    names, budget = ("popular", "item-knn"), Budget(2)
    one = chosen_model(train, val, content(), names=names, budget=budget)
    other = chosen_model(before.train, before.val, content(), names=names, budget=budget)
    assert one.options == other.options
    assert [each.trial.metrics for each in one.candidates] == [each.trial.metrics for each in other.candidates]
    assert one.model.recommend(train, 5).rows.tolist() == other.model.recommend(train, 5).rows.tolist()
