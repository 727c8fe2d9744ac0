"""What a check found, put together: scores per dimension, the findings by weight, the trend since the last checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from goodsense.quality.finding import DIMENSIONS, Case, Dimension, Finding, Severity

WEIGHTS: dict[Severity, float] = {"error": 1.0, "warning": 0.5, "notice": 0.1}
EXAMPLES = 12


@dataclass(frozen=True)
class Summary:
    """One check in few numbers, as it is kept to tell the trend."""

    when: str
    seq: int
    products: int
    score: float
    scores: dict[str, float]
    counts: dict[str, int]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Summary:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is none.
        """
        return cls(
            when=str(data["when"]),
            seq=int(data["seq"]),
            products=int(data["products"]),
            score=float(data["score"]),
            scores={str(name): float(value) for name, value in data["scores"].items()},
            counts={str(name): int(value) for name, value in data["counts"].items()},
        )

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class QualityReport:
    """A check of a whole catalog.

    ``scores`` are 0 to 100 per dimension: the share of products without a finding in it, where a product's worst
    finding counts (an error fully, a warning half, a notice a tenth). ``score`` is their mean. ``earlier`` are the
    checks before this one, oldest first.
    """

    shop: str
    when: datetime
    seq: int
    products: int
    findings: tuple[Finding, ...]
    scores: dict[Dimension, float]
    seconds: float = 0.0
    earlier: tuple[Summary, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(
        cls,
        findings: Iterable[Finding],
        *,
        shop: str,
        products: int,
        seq: int,
        when: datetime,
        earlier: Sequence[Summary] = (),
    ) -> QualityReport:
        """Score findings and put the weightiest first."""
        ordered = tuple(sorted(findings, key=lambda found: (-WEIGHTS[found.severity] * found.count, found.kind)))
        return cls(
            shop=shop,
            when=when,
            seq=seq,
            products=products,
            findings=ordered,
            scores=dimension_scores(ordered, products),
            earlier=tuple(earlier),
        )

    @property
    def score(self) -> float:
        """The mean of the scores."""
        return round(sum(self.scores.values()) / len(self.scores), 1)

    @property
    def summary(self) -> Summary:
        """This check in few numbers."""
        counts = {found.kind: found.count for found in self.findings}
        when = self.when.isoformat(timespec="seconds")
        scores = {str(name): value for name, value in self.scores.items()}
        return Summary(when, self.seq, self.products, self.score, scores, counts)

    def change(self, kind: str) -> int | None:
        """How many more products than at the last check; None at the first."""
        if not self.earlier:
            return None
        return self.summary.counts.get(kind, 0) - self.earlier[-1].counts.get(kind, 0)

    @property
    def gone(self) -> dict[str, int]:
        """Kinds that the last check found and this one does not, with how many products they were."""
        last = self.earlier[-1].counts if self.earlier else {}
        return {kind: count for kind, count in last.items() if kind not in self.summary.counts and count}

    def to_json(self, *, examples: int = EXAMPLES) -> dict[str, Any]:
        return {
            "shop": self.shop,
            "when": self.when.isoformat(timespec="seconds"),
            "seq": self.seq,
            "products": self.products,
            "score": self.score,
            "scores": dict(self.scores),
            "findings": [finding_json(found, self.change(found.kind), examples) for found in self.findings],
            "gone": self.gone,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def dimension_scores(findings: Iterable[Finding], products: int) -> dict[Dimension, float]:
    """100 minus the weighted percentage of products with a finding, per dimension."""
    worst: dict[Dimension, dict[str, float]] = {dimension: {} for dimension in DIMENSIONS}
    for found in findings:
        ids = worst[found.dimension]
        for id in found.ids:
            ids[id] = max(ids.get(id, 0.0), WEIGHTS[found.severity])
    return {
        dimension: round(100 * (1 - min(1.0, sum(ids.values()) / products)), 1) if products else 100.0
        for dimension, ids in worst.items()
    }


def finding_json(found: Finding, change: int | None, examples: int) -> dict[str, Any]:
    """A finding as ``--json`` and the kept report tell it."""
    return {
        "kind": found.kind,
        "dimension": found.dimension,
        "severity": found.severity,
        "count": found.count,
        "change": change,
        "what": found.what,
        "fix": found.fix,
        "command": found.command,
        "steps": list(found.steps),
        "examples": [case_json(case) for case in chosen_examples(found, examples)],
        "detail": found.detail,
    }


def case_json(case: Case) -> dict[str, Any]:
    """A case without what it does not say."""
    values = {name: getattr(case, name) for name in ("id", "field", "found", "expected", "group", "score")}
    return {name: value for name, value in values.items() if value not in (None, "")}


def chosen_examples(found: Finding, most: int) -> list[Case]:
    """A few cases to show: whole groups where cases form groups, else the highest scores, one per product."""
    groups: dict[str, list[Case]] = {}
    for case in found.cases:
        groups.setdefault(case.group, []).append(case)
    if groups.keys() - {""}:
        shown: list[Case] = []
        for members in groups.values():
            if shown and len(shown) + len(members) > most:
                break
            shown += members[:most]
        return shown
    first = {case.id: case for case in reversed(found.cases)}
    return sorted(first.values(), key=lambda case: (-abs(case.score or 0.0), case.id))[:most]
