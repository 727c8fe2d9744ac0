"""Will this visit buy? Learned with a build from the visits of the log, checked on the latest ones, asked of any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from goodsense.evaluate.experiment import bootstrap
from goodsense.events import Event, Session, user_sessions
from goodsense.recommend.purchase import (
    BOUGHT,
    Past,
    Reliability,
    SessionCases,
    SessionPurchases,
    session_cases,
    session_features,
)
from goodsense.shop.behaviour import stored_events
from goodsense.shop.recommending.log import HELD_OUT
from goodsense.shop.truth import Truth

HOME = "visits"  # within a build's recommender
LEAST = 30  # visits that bought, and visits that did not, before anything is learned
MOST_EVENTS = 200_000  # of a longer log, whole shoppers are drawn
HELD_OUT_SHARE = 0.25  # the latest moments, on which it is checked
_SAMPLES = 1_000
_SILENT = frozenset({"impression", "stock"})


@dataclass(frozen=True)
class Learned:
    """What became of the model of visits; ``reliability`` is None where there was too little to learn from."""

    visits: int
    buying: int
    reliability: Reliability | None = None
    kept: bool = False

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        told = self.reliability.to_json() if self.reliability is not None else None
        return {"visits": self.visits, "buying": self.buying, "kept": self.kept, "reliability": told}

    @property
    def note(self) -> str:
        """One line for the report of a build."""
        seen = f"{self.visits:,} visits, {self.buying:,} of which bought"
        if self.reliability is None:
            return f"{seen}: too few of either to foretell purchases"
        found = self.reliability
        told = (
            f"of the {found.rows:,} latest moments {found.share:.1%} were before a purchase; Brier {found.brier:.3f} "
            f"(always {found.base:.1%}: {found.brier_base:.3f}), calibration error {found.calibration_error:.3f}, "
            f"AUC {found.auc:.2f}"
        )
        return f"{seen}; {told}" + (
            "" if self.kept else "; not surely better than one number for all, so it is not used"
        )


@dataclass(frozen=True)
class Outlook:
    """How likely a visit is to buy.

    Parameters
    ----------
    probability
        Calibrated; None where the build learned nothing of visits, or the visit has no action.
    base
        The share among all moments of all visits that the probability is to be compared with.
    actions
        What was done in the visit by then.
    bought
        Whether the visit has bought already: the probability is then that of the moment before.
    reliability
        How honest such probabilities were on later visits.
    message
        Why there is none.
    """

    probability: float | None = None
    base: float | None = None
    actions: int = 0
    bought: bool = False
    reliability: Reliability | None = None
    message: str = ""

    @property
    def lift(self) -> float | None:
        """How many times the base rate it is."""
        return self.probability / self.base if self.probability is not None and self.base else None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        told = self.reliability.to_json() if self.reliability is not None else None
        return {**vars(self), "lift": self.lift, "reliability": told}


# ---- learning


def learn_visits(truth: Truth, home: Path, *, without: frozenset[str] = frozenset(), seed: int = 0) -> Learned:
    """Learn how likely visits buy and write it to ``home / "visits"``, if it is surely better than any single number.

    The latest quarter of the moments only checks what the earlier ones teach; what is kept learns from all.
    ``without`` are users who are no shoppers.
    """
    found = list(user_sessions(_teaching(truth, without)))
    telling = [session for session in found if _acts_before_buying(session)]
    buying = sum(any(event.type == BOUGHT for event in session.events) for session in telling)
    if min(buying, len(telling) - buying) < LEAST:
        return Learned(len(telling), buying)
    cases = session_cases(found, seed=seed)
    earlier, later = cases.parted(HELD_OUT_SHARE)
    first, last = cases.take(earlier), cases.take(later)
    if not 0 < first.bought.sum() < len(first) or not 0 < last.bought.sum() < len(last):
        return Learned(len(telling), buying)
    model = SessionPurchases(family="logistic").fit(first, seed=seed)
    reliability = model.reliability(last)
    kept = surely_better(model, last, seed=seed)
    if kept:
        SessionPurchases(family="logistic").fit(cases, seed=seed).save(home / HOME)
    return Learned(len(telling), buying, reliability, kept)


def surely_better(model: SessionPurchases, cases: SessionCases, *, seed: int = 0) -> bool:
    """Whether squared errors are below those of the best single number, by a bootstrap over visits, to 5 %."""
    told, happened = model.probabilities(cases.features), cases.bought.astype(np.float64)
    avoided = (happened.mean() - happened) ** 2 - (told - happened) ** 2  # (m,)
    _, visits = np.unique(np.array(cases.sessions), return_inverse=True)
    means = np.bincount(visits, weights=avoided) / np.bincount(visits)
    return bootstrap(means, level=0.9, samples=_SAMPLES, seed=seed).lower > 0


def _teaching(truth: Truth, without: frozenset[str]) -> Iterator[Event]:
    """Events by user and time; of a long log those of some shoppers, drawn by their names."""
    (count,) = next(truth.rows("SELECT count(*) FROM events"))
    share = min(1.0, MOST_EVENTS / max(1, count))
    drawn = _drawn(share)
    for event in stored_events(truth):
        if event.user and event.split not in HELD_OUT and event.user not in without and drawn(event.user):
            yield event


def _drawn(share: float) -> Callable[[str], bool]:
    @lru_cache(maxsize=1)
    def among(user: str) -> bool:
        return crc32(user.encode("utf-8", "surrogatepass")) < share * 2**32

    return among


def _acts_before_buying(session: Session) -> bool:
    first = next((event for event in session.events if event.type not in _SILENT), None)
    return first is not None and first.type != BOUGHT


# ---- asking


@dataclass(frozen=True)
class Visit:
    """What was done in a visit, oldest first, and what its shopper did before it."""

    events: tuple[Event, ...] = ()
    past: Past = field(default_factory=Past)


def read_visit_of(truth: Truth, name: str, user: str = "") -> Visit:
    """A visit of the log, by its name or by the name that its pauses gave it; empty if there is none."""
    if not user:
        found = [who for (who,) in truth.rows("SELECT DISTINCT user FROM events WHERE session = ? LIMIT 2", (name,))]
        if len(found) != 1 or not found[0]:
            return Visit(_of_session(truth, name))
        user = found[0]
    past = Past()
    for session in user_sessions(_of_user(truth, user)):
        if session.id == name:
            return Visit(session.events, past)
        past = past.after(session)
    return Visit()


def given_visit(truth: Truth, ids: Sequence[str], user: str = "") -> Visit:
    """Products that somebody looks at now, at times that nobody told, after all that the shopper did before."""
    past = Past()
    for session in user_sessions(_of_user(truth, user)) if user else ():
        past = past.after(session)
    return Visit(tuple(Event(user or "-", id, type="view") for id in ids), past)


def _of_user(truth: Truth, user: str) -> Iterator[Event]:
    return _read(truth, "user = ?", user)


def _of_session(truth: Truth, name: str) -> tuple[Event, ...]:
    return tuple(_read(truth, "session = ?", name))


def _read(truth: Truth, which: str, bound: str) -> Iterator[Event]:
    rows = truth.rows(f"SELECT {_READ} FROM events WHERE {which} ORDER BY time, key", (bound,))  # noqa: S608
    for user, item, kind, query, duration, time, session in rows:
        yield Event(user, item, kind, query=query, duration=duration, time=time, session=session)


_READ = "user, item, type, query, duration, time, session"


@dataclass(frozen=True, eq=False)
class Foretelling:
    """The model of visits of a build, with the figures of its check."""

    model: SessionPurchases | None = None
    reliability: Reliability | None = None
    message: str = "this build learned nothing of visits: too few of them bought something, or too few did not"

    @classmethod
    def of(cls, home: Path, told: dict[str, Any] | None) -> Foretelling:
        """Open what :func:`learn_visits` wrote; ``told`` is what it said."""
        if not (home / HOME).is_dir():
            if not told:
                return cls(message="this build looked at no visits: build again, once there are events")
            weak = "what this build learned of visits was no better than one number for all, so it foretells nothing"
            return cls(message=weak) if told and told.get("reliability") else cls()
        own = dict((told or {}).get("reliability") or {})
        curve = tuple(tuple(point) for point in own.pop("curve", ()))
        reliability = Reliability(**own, curve=curve) if own else None
        return cls(SessionPurchases.load(home / HOME), reliability, "")

    def __call__(self, visit: Visit) -> Outlook:
        """How likely a visit is to buy after what was done in it so far."""
        actions = [event for event in visit.events if event.type not in _SILENT]
        first = next((at for at, event in enumerate(actions) if event.type == BOUGHT), len(actions))
        found = Outlook(actions=len(actions), bought=first < len(actions), message=self.message)
        if self.model is None:
            return found
        if not first:
            return replace(found, message="nothing was done in this visit before it bought, so nothing speaks for it")
        chance = float(self.model.probabilities(session_features(actions[:first], visit.past))[0])
        return replace(found, probability=chance, base=self.model.base, reliability=self.reliability)
