"""What benchmarks of next items share: logs from arrays, one target a history, figures, settings searched."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import say
from goodsense.evaluate.experiment import bootstrap
from goodsense.events import Interactions
from goodsense.recommend import MODELS, Content, Model, make_model
from goodsense.recommend.ranked import Ranked

KS = (10, 20)
CHOSEN_BY = "ndcg@20"
SETTINGS = 12  # of one model, tried at most
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Asked:
    """Histories and the one item that came next, ``(b,)`` places in the items."""

    histories: Interactions
    targets: Whole

    def only(self, mask: NDArray[np.bool_]) -> Asked:
        """Some of them, ``(b,)``."""
        users = [user for user, kept in zip(self.histories.users, mask.tolist(), strict=True) if kept]
        return Asked(self.histories.select(users=users), self.targets[mask])


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model and how long it took, in seconds of wall and processor."""

    model: Model
    wall_s: float
    cpu_s: float


def log_of(users: Whole, items: Whole, order: NDArray[np.float64], names: tuple[str, ...], count: int) -> Interactions:
    """Events of ``count`` users with the items of these names; ``order`` stands for the time."""
    rows = np.lexsort((items, order, users))
    return Interactions(
        users=tuple(f"u{user:06d}" for user in range(count)),
        items=names,
        starts=np.searchsorted(users[rows], np.arange(count + 1)).astype(np.int64),
        item_rows=items[rows].astype(np.int32),
        weights=np.ones(len(rows)),
        times=order[rows].astype(np.float64),
        labels=np.zeros(len(rows), np.int8),
    )


def fitted(name: str, train: Interactions, content: Content, options: Mapping[str, Any], seed: int) -> Fitted:
    """Fit one model."""
    wall, cpu = time.perf_counter(), time.process_time()
    model = make_model(name, **options).fit(train, content, seed=seed)
    return Fitted(model, time.perf_counter() - wall, time.process_time() - cpu)


def searched(name: str, train: Interactions, content: Content, val: Asked) -> dict[str, Any]:
    """Of the settings that the registry names, at most :data:`SETTINGS`, the one that is best on validation."""
    space = MODELS[name].space
    tries = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
    tries = [tries[place * len(tries) // SETTINGS] for place in range(SETTINGS)] if len(tries) > SETTINGS else tries
    if len(tries) < 2:
        return {}
    scores = [figures(fitted(name, train, content, own, 0).model, val)[CHOSEN_BY].mean() for own in tries]
    best = int(np.argmax(scores))
    say(f"    {name}: {tries[best]} of {len(tries)}, validation {scores[best]:.4f}")
    return tries[best]


def figures(model: Model, asked: Asked, *, allowed: NDArray[np.bool_] | None = None) -> dict[str, NDArray[np.float64]]:
    """Recall (with one target, hit rate) and nDCG of every history, each ``(b,)``; what is in a history is left out."""
    found = model.recommend(asked.histories, max(KS), allowed=allowed)
    assert found.items == asked.histories.items
    return of_ranked(found, asked.targets)


def of_ranked(found: Ranked, targets: Whole) -> dict[str, NDArray[np.float64]]:
    """The same from ranked items."""
    hits = found.rows == targets[:, None]  # (b, 20)
    gains = hits / np.log2(np.arange(hits.shape[1]) + 2)
    named = {f"recall@{k}": hits[:, :k].any(axis=1).astype(np.float64) for k in KS}
    return named | {f"ndcg@{k}": gains[:, :k].sum(axis=1) for k in KS}


def summary(runs: Sequence[Mapping[str, NDArray[np.float64]]]) -> dict[str, Any]:
    """Means over users and seeds; over seeds the deviation, and for one figure an interval by bootstrap over users."""
    means = {name: [float(run[name].mean()) for run in runs] for name in runs[0]}
    over_seeds = np.mean([run[CHOSEN_BY] for run in runs], axis=0)
    interval = bootstrap(over_seeds, samples=1_000)
    return {
        **{name: round(float(np.mean(own)), 5) for name, own in means.items()},
        "deviation over seeds": {name: round(float(np.std(own, ddof=1)), 5) for name, own in means.items()}
        if len(runs) > 1
        else None,
        f"{CHOSEN_BY} interval": [round(interval.lower, 5), round(interval.upper, 5)],
        "users": len(over_seeds),
    }
