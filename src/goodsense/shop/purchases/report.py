"""What an evaluation of purchases found, and the published case study that it stands beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.evaluate import Interval, paired_bootstrap
from goodsense.evaluate.decisions import Decisions, implied_precision, implied_share

MEASURES = tuple(field.name for field in fields(Decisions))


@dataclass(frozen=True)
class Study:
    """Published figures of a pipeline like this; precision, the share of purchases and the data were not published."""

    accuracy: float
    recall: float
    f1: float
    products: int

    @property
    def differences(self) -> tuple[str, ...]:
        """What a reader has to know before comparing anything with it."""
        precision = implied_precision(self.f1, self.recall)
        share = implied_share(self.accuracy, precision, self.recall)
        mean, harmonic = (self.accuracy + self.recall) / 2, 2 / (1 / self.accuracy + 1 / self.recall)
        return (
            f"the study's data ({self.products:,} products) are not public, and it says neither how its pairs without "
            "a purchase were drawn nor what share of its pairs are purchases; here they are drawn, as stated",
            f"it gives no precision: for its F1 to be the harmonic mean of precision and recall, precision would be "
            f"{precision:.3f}, which goes with its accuracy only if {share:.1%} of its pairs were purchases",
            f"its F1 is also the plain mean of its accuracy and its recall ({mean:.4f}; harmonic {harmonic:.4f}), so "
            "whether it is computed as usual cannot be checked; here F1 is 2 PR / (P + R) of the purchases",
        )


STUDY = Study(accuracy=0.875, recall=0.823, f1=0.849, products=100_000)


@dataclass(frozen=True, eq=False)
class Foretold:
    """One method over all folds.

    Parameters
    ----------
    name, kind
        What it is called, and whether it is ``chance``, a ``baseline`` or a ``network``.
    folds
        Its decisions fold by fold.
    apart
        How drawn -> area under the curve of purchases against products that were drawn so, fold by fold.
    by_user
        ``(u,)`` share of right decisions of each shopper tested, the same shoppers for all methods.
    """

    name: str
    kind: str
    folds: tuple[Decisions, ...]
    apart: Mapping[str, tuple[float, ...]]
    by_user: NDArray[np.float64]

    def mean(self, measure: str) -> float:
        """Over the folds."""
        return float(np.mean([getattr(fold, measure) for fold in self.folds]))

    def spread(self, measure: str) -> float:
        """Standard deviation over the folds."""
        return float(np.std([getattr(fold, measure) for fold in self.folds], ddof=1))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            **{measure: round(self.mean(measure), 5) for measure in MEASURES},
            "spread": {measure: round(self.spread(measure), 5) for measure in MEASURES},
            **{f"auc_{drawn}": round(float(np.mean(values)), 5) for drawn, values in self.apart.items()},
            "folds": [fold.to_json() for fold in self.folds],
        }


@dataclass(frozen=True, eq=False)
class PurchaseEvaluation:
    """How well purchases are foretold.

    ``counts`` are users, products, purchases and questions asked; ``network`` and ``parameters`` describe what was
    learned; ``compared`` names the baseline that gains are counted from.
    """

    methods: tuple[Foretold, ...]
    counts: Mapping[str, int]
    modalities: tuple[str, ...]
    fusion: str
    settings: Mapping[str, Any]
    parameters: Mapping[str, int]
    compared: str
    notes: tuple[str, ...]
    seconds: Mapping[str, float]

    def __getitem__(self, name: str) -> Foretold:
        return next(method for method in self.methods if method.name == name)

    def gain(self, name: str, *, level: float = 0.95, seed: int = 0) -> Interval:
        """Accuracy over the best baseline, shopper by shopper, with its bootstrap interval."""
        return paired_bootstrap(self[self.compared].by_user, self[name].by_user, level=level, seed=seed)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What every network adds, in words."""
        return tuple(self._verdict(method.name) for method in self.methods if method.kind == "network")

    def _verdict(self, name: str) -> str:
        gain = self.gain(name)
        beyond = gain.lower > 0 or gain.upper < 0
        did = "adds nothing that could be measured" if not beyond else "adds" if gain.mean > 0 else "loses"
        return (
            f"{name} {did} beside {self.compared}: accuracy {gain.mean:+.3f} ({gain.lower:+.3f} to {gain.upper:+.3f})"
        )

    def to_json(self) -> dict[str, Any]:
        gains = {method.name: asdict(self.gain(method.name)) for method in self.methods if method.kind == "network"}
        return {
            "methods": [method.to_json() for method in self.methods],
            "gains": {"over": self.compared, "accuracy by shopper": gains},
            "verdicts": list(self.verdicts),
            "counts": dict(self.counts),
            "modalities": list(self.modalities),
            "fusion": self.fusion,
            "settings": dict(self.settings),
            "parameters": dict(self.parameters),
            "study": {**asdict(STUDY), "precision": None, "differences": list(STUDY.differences)},
            "notes": list(self.notes),
            "seconds": dict(self.seconds),
        }
