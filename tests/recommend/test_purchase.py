"""Purchase probabilities of visits are honest, and know nothing of what comes later."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.decisions import calibration_error
from goodsense.events import Event, Session, sessions
from goodsense.recommend.purchase import Past, SessionCases, SessionPurchases, session_cases, session_features

DAY = 86_400.0


@cache
def simulated(users: int = 400, visits: int = 5, seed: int = 0) -> tuple[SessionCases, np.ndarray]:
    """Visits that buy by how keen their shopper is and whether something lies in the cart; and the true chances."""
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    chances: dict[str, float] = {}
    for user in range(users):
        keen = rng.normal()
        for visit in range(visits):
            name, start = f"{user}-{visit}", (1_000 + 10 * visit + rng.random()) * DAY
            carts = rng.random() < 0.35
            chances[name] = 1 / (1 + np.exp(-(keen + 2.5 * carts - 2.0)))
            types = ["cart" if carts else "view", *["view"] * int(rng.integers(4))]
            types += ["purchase"] if rng.random() < chances[name] else []
            events += [
                Event(f"u{user:03}", f"i{rng.integers(9)}", kind, time=start + 30 * at, session=name)
                for at, kind in enumerate(types)
            ]
    cases = session_cases(sessions(events), most=1, seed=seed)
    return cases, np.array([chances[name] for name in cases.sessions])


@pytest.mark.parametrize("family", ["logistic", "boosting"])
def test_probabilities_are_honest_about_visits_to_come(family: str) -> None:
    cases, true = simulated()
    learned, later = cases.parted(0.4)
    model = SessionPurchases(family=family).fit(cases.take(learned))
    found = model.reliability(cases.take(later))
    assert found.calibration_error < calibration_error(cases.bought[later], true[later]) + 0.05
    assert found.brier < found.brier_base
    assert found.skill > 0.15
    assert found.auc > 0.7
    told = model.probabilities(cases.features.take(later))
    assert np.corrcoef(told, true[later])[0, 1] > 0.7
    assert sum(rows for _, _, rows in found.curve) == found.rows == len(later)
    assert found.to_json()["rows"] == found.rows


def test_a_visit_knows_only_what_went_before() -> None:
    def visit(id: str, at: float, *types: str) -> Session:
        events = tuple(Event("ann", "x", kind, time=at * DAY + 60 * row) for row, kind in enumerate(types))
        return Session(id, "ann", events, given=True)

    cases = session_cases(
        [
            visit("one", 100, "view", "impression", "cart", "purchase", "view"),
            visit("two", 110, "view"),
            visit("buys", 120, "purchase"),
        ],
        most=9,
    )
    of = dict(zip(cases.features.names, cases.features.values.T, strict=True))
    assert cases.sessions == ("one", "one", "two")  # a visit that begins with a purchase has no moment before it
    assert cases.bought.tolist() == [True, True, False]
    assert of["n"].tolist() == pytest.approx(np.log1p([1, 2, 1]))
    assert of["in-cart"].tolist() == [0, 1, 0]
    assert np.isnan(of["since-cart"][[0, 2]]).all()
    assert of["past.visits"].tolist() == pytest.approx(np.log1p([0, 0, 1]))
    assert of["past.buying"].tolist() == pytest.approx(np.log1p([0, 0, 1]))
    assert of["past.days"][2] == pytest.approx(np.log1p(10 - 4 * 60 / DAY))
    assert of["gap.last"][1] == pytest.approx(np.log1p(120))


def test_what_comes_later_changes_no_earlier_moment() -> None:
    def events(more: bool) -> list[Event]:
        own = [
            Event("ann", "x", "view", time=1_000 * DAY, session="s"),
            Event("ann", "y", "cart", time=1_000 * DAY + 9, session="s"),
        ]
        return [*own, Event("ann", "y", "purchase", time=1_001 * DAY, session="later")] if more else own

    short, long = (session_cases(sessions(events(more)), most=9) for more in (False, True))
    assert np.array_equal(short.features.values, long.features.values[: len(short)], equal_nan=True)
    assert short.bought.tolist() == long.bought[: len(short)].tolist() == [False, False]


def test_a_visit_under_way_has_the_features_that_were_learned(tmp_path: Path) -> None:
    cases, _ = simulated()
    model = SessionPurchases(family="logistic").fit(cases)
    now = 2_000 * DAY
    keen = Past(visits=9, buying=9, last=now - DAY, bought=now - DAY)
    low = model.probabilities(session_features([Event("a", "x", "view", time=now)]))
    high = model.probabilities(session_features([Event("a", "x", "cart", time=now)], keen))
    assert high[0] > low[0] + 0.2
    assert session_features([Event("a", "x")]).values.shape == (1, len(cases.features.names))  # no time at all
    model.save(tmp_path)
    back = SessionPurchases.load(tmp_path)
    assert np.array_equal(back.probabilities(cases.features), model.probabilities(cases.features))
    assert (back.base, back.curve, back.family) == (model.base, model.curve, "logistic")


def test_visits_of_which_nothing_can_be_learned_are_refused() -> None:
    with pytest.raises(DataError, match="no visit"):
        session_cases([])
    with pytest.raises(DataError, match="no action"):
        session_features([Event("a", "x", "impression")])
    looks = [Event("a", "x", "view", time=day * DAY) for day in range(1_000, 1_010)]
    with pytest.raises(DataError, match="0 of"):
        SessionPurchases().fit(session_cases(sessions(looks)))
    with pytest.raises(UsageError):
        SessionPurchases(family="forest")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nothing was fitted"):
        SessionPurchases().probabilities(session_features(looks))
