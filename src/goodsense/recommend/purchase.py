"""How likely it is, at some moment of a visit, that something will still be bought in it; calibrated and checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.artefacts import Artefact
from goodsense.errors import DataError, UsageError
from goodsense.evaluate.decisions import calibration_error, roc_auc
from goodsense.events import Event, Session
from goodsense.recommend.reranking.calibrated import Calibrated, Column, Curve, Family
from goodsense.recommend.reranking.features import Features

BOUGHT = "purchase"
_SILENT = frozenset({"impression", "stock"})  # nobody's action
_COUNTED = ("view", "click", "search", "cart", "wishlist", "remove")
_DAY_S = 86_400.0
KIND, VERSION = "session-purchases", 1


@dataclass(frozen=True)
class Past:
    """What a shopper did before a visit: visits, visits that bought, when the last of either was."""

    visits: int = 0
    buying: int = 0
    last: float | None = None
    bought: float | None = None

    def after(self, session: Session) -> Past:
        """With one visit more."""
        times = [event.time for event in session.events if event.time is not None]
        buys = any(event.type == BOUGHT for event in session.events)
        last = max(times, default=self.last)
        return Past(self.visits + 1, self.buying + buys, last, last if buys else self.bought)


@dataclass(frozen=True, eq=False)
class SessionCases:
    """``m`` moments of visits.

    Parameters
    ----------
    sessions, users
        ``(m,)`` ids.
    features
        Of what had happened by then, and before the visit.
    bought
        ``(m,)`` whether something was bought in the visit afterwards.
    times
        ``(m,)`` of the moments; NaN where unknown.
    """

    sessions: tuple[str, ...]
    users: tuple[str, ...]
    features: Features
    bought: NDArray[np.bool_]
    times: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sessions)

    def take(self, rows: NDArray[np.integer]) -> SessionCases:
        """Some of them."""
        places = rows.tolist()
        return SessionCases(
            tuple(self.sessions[row] for row in places),
            tuple(self.users[row] for row in places),
            self.features.take(rows),
            self.bought[rows],
            self.times[rows],
        )

    def parted(self, share: float = 0.2) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the earlier visits and of the latest ones, which are about this share; a visit is never parted."""
        begun: dict[str, float] = {}
        for session, time in zip(self.sessions, np.nan_to_num(self.times, nan=-np.inf).tolist(), strict=True):
            begun[session] = min(begun.get(session, np.inf), time)
        order = sorted(begun, key=lambda session: (begun[session], session))
        late = set(order[len(order) - round(share * len(order)) :])
        held = np.array([session in late for session in self.sessions], dtype=np.bool_)
        return np.flatnonzero(~held), np.flatnonzero(held)


def session_cases(sessions: Iterable[Session], *, most: int = 3, seed: int = 0) -> SessionCases:
    """Moments of visits, after any of their actions before the first purchase; at most so many are drawn of each.

    Parameters
    ----------
    sessions
        By user and time, as :func:`goodsense.events.sessions` gives them: what a visit knows of its shopper is what
        went before.

    Raises
    ------
    DataError
        If no visit has an action before a purchase.
    """
    rng = np.random.default_rng(seed)
    found: list[tuple[str, str, dict[str, float], bool, float]] = []
    past, user = Past(), ""
    for session in sessions:
        past, user = (past if session.user == user else Past()), session.user
        actions = [event for event in session.events if event.type not in _SILENT]
        first = next((at for at, event in enumerate(actions) if event.type == BOUGHT), len(actions))
        for end in np.sort(rng.permutation(first)[:most]).tolist():
            done = actions[: end + 1]
            time = done[-1].time
            row = _row(done, past)
            found.append((session.id, user, row, first < len(actions), float("nan") if time is None else time))
        past = past.after(session)
    if not found:
        raise DataError("no visit has an action before a purchase.", fix="Give views, clicks or carts as well.")
    ids, users, rows, bought, times = zip(*found, strict=True)
    return SessionCases(ids, users, _features(rows), np.array(bought, dtype=np.bool_), np.array(times))


def session_features(events: Sequence[Event], past: Past | None = None) -> Features:
    """One row for a visit that is under way, from its events so far, in the order of time.

    Raises
    ------
    DataError
        If there is no action yet.
    """
    actions = [event for event in events if event.type not in _SILENT]
    if not actions:
        raise DataError("the visit has no action yet, so nothing speaks for or against a purchase.")
    return _features([_row(actions, past or Past())])


@dataclass(frozen=True)
class Reliability:
    """How honest probabilities are, on visits that nothing was learned from.

    Parameters
    ----------
    rows, share
        Moments, and how many of them a purchase followed.
    calibration_error
        How far probabilities are from shares, in ten bins of equally many rows.
    brier, brier_base
        Mean squared error of the probabilities, and of always saying ``base``, the share among earlier visits.
    skill
        What part of the latter is avoided.
    auc
        The chance that a moment before a purchase is told more likely than another.
    curve
        Mean probability, share and rows of each bin.
    """

    rows: int
    share: float
    base: float
    calibration_error: float
    brier: float
    brier_base: float
    skill: float
    auc: float
    curve: tuple[tuple[float, float, int], ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class SessionPurchases:
    """Probability that a visit will buy, from what happened in it so far and from what its shopper did before.

    Parameters
    ----------
    family
        ``logistic`` or ``boosting``.
    validated
        Share of the visits, the latest, on which probabilities are calibrated.
    """

    def __init__(self, *, family: Family = "boosting", validated: float = 0.2) -> None:
        if not 0 < validated < 1:
            raise UsageError(f"{validated:g} is no share of visits to validate on.", fix="Give one between 0 and 1.")
        self.family, self.validated, self.base = family, validated, 0.0
        self._rates = Calibrated(family)

    @property
    def curve(self) -> Curve:
        """What makes its probabilities honest."""
        return self._rates.curve

    def fit(self, cases: SessionCases, *, seed: int = 0) -> Self:
        """Learn from moments of visits.

        Raises
        ------
        DataError
            If none of the earlier visits bought, or all did.
        """
        learned, held = cases.parted(self.validated)
        self._rates.fit(cases.features, cases.bought.astype(np.float64), learned, held, seed=seed)
        self.base = float(cases.bought.mean())
        return self

    def probabilities(self, features: Features) -> Column:
        """``(m,)``."""
        return self._rates.probabilities(features)

    def reliability(self, cases: SessionCases, *, bins: int = 10) -> Reliability:
        """How honest it is about visits that it was not fitted on."""
        told = self.probabilities(cases.features)
        brier = float(((told - cases.bought) ** 2).mean())
        base = float(((self.base - cases.bought) ** 2).mean())
        parts = [part for part in np.array_split(np.argsort(told, kind="stable"), bins) if len(part)]
        return Reliability(
            rows=len(cases),
            share=float(cases.bought.mean()),
            base=self.base,
            calibration_error=calibration_error(cases.bought, told, bins=bins),
            brier=brier,
            brier_base=base,
            skill=1 - brier / base if base > 0 else 0.0,
            auc=roc_auc(cases.bought, told),
            curve=tuple((float(told[p].mean()), float(cases.bought[p].mean()), len(p)) for p in parts),
        )

    def save(self, directory: Path) -> None:
        """Write it as one json and one safetensors file."""
        settings = {"validated": self.validated, "base": self.base, "rates": self._rates.settings()}
        artefacts.write(Artefact(KIND, VERSION, settings, self._rates.arrays()), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the directory holds nothing of the kind, or was changed.
        """
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        rates = Calibrated.restored(found.settings["rates"], found.arrays)
        made = cls(family=rates.family, validated=found.settings["validated"])
        made._rates, made.base = rates, float(found.settings["base"])
        return made


def _row(done: Sequence[Event], past: Past) -> dict[str, float]:
    """Features of what was done, of which there is something."""
    counts = Counter(event.type for event in done)
    looks = Counter(event.item for event in done)
    found = {f"n.{name}": np.log1p(counts[name]) for name in _COUNTED}
    found |= {
        "n": np.log1p(len(done)),
        "n.other": np.log1p(len(done) - sum(counts[name] for name in _COUNTED)),
        "items": np.log1p(len(looks)),
        "most-looked": np.log1p(max(looks.values())),
        "in-cart": float(max(0, counts["cart"] - counts["remove"])),
        "since-cart": next((float(at) for at, event in enumerate(reversed(done)) if event.type == "cart"), np.nan),
        "searched": float(any(event.query for event in done)),
    }
    return {**found, **_of_times(done, past)}


def _of_times(done: Sequence[Event], past: Past) -> dict[str, float]:
    times = [event.time for event in done if event.time is not None]
    gaps = np.diff(times) if len(times) > 1 else np.zeros(0)
    now = times[-1] if times else np.nan
    hour = now % _DAY_S / _DAY_S * 2 * np.pi
    return {
        "seconds": float(np.log1p(times[-1] - times[0])) if times else np.nan,
        "gap.mean": float(np.log1p(gaps.mean())) if len(gaps) else np.nan,
        "gap.last": float(np.log1p(gaps[-1])) if len(gaps) else np.nan,
        "looked": float(np.log1p(sum(max(0.0, event.duration or 0.0) for event in done))),
        "hour.sin": float(np.sin(hour)),
        "hour.cos": float(np.cos(hour)),
        "weekend": np.nan if np.isnan(now) else float((now // _DAY_S + 3) % 7 >= 5),
        "past.visits": float(np.log1p(past.visits)),
        "past.buying": float(np.log1p(past.buying)),
        "past.rate": (past.buying + 0.5) / (past.visits + 5),
        "past.days": np.nan if past.last is None else float(np.log1p(max(0.0, now - past.last) / _DAY_S)),
        "past.bought": np.nan if past.bought is None else float(np.log1p(max(0.0, now - past.bought) / _DAY_S)),
    }


def _features(rows: Sequence[dict[str, float]]) -> Features:
    names = tuple(rows[0])
    return Features(names, np.array([[row[name] for name in names] for row in rows], dtype=np.float64))
