"""Which modalities and which fusion are worth having: every case compared, the winner chosen, the gate, the verdict.

All choices are made on validation queries. Test figures are computed once, for every case, and choose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.evaluate.cases import Case, Kind, Split
from goodsense.evaluate.experiment import Interval, bootstrap, paired_bootstrap
from goodsense.evaluate.gate import best, beyond_noise, simplest, without_ballast
from goodsense.learning.coalitions import coalitions, shapley_values

Column: TypeAlias = NDArray[np.float64]  # (queries,)
Method: TypeAlias = Literal["shapley", "leave-one-out"]
Measured: TypeAlias = Mapping[str, Column]  # by metric
SAME_METHOD: tuple[Kind, ...] = ("single", "subset", "chance")


@dataclass(frozen=True)
class Row:
    """One case. ``value`` is the metric on test, ``gain`` what it has over the baseline there, paired.

    ``p_value`` is that of "it does not beat the baseline" on validation, over all cases at once; None where a case
    does not stand for election.
    """

    name: str
    kind: Kind
    modalities: tuple[str, ...]
    validation: Mapping[str, float]
    test: Mapping[str, float]
    value: Interval
    validation_gain: Interval
    gain: Interval
    p_value: float | None


@dataclass(frozen=True)
class Contribution:
    """What one modality adds to the metric on test.

    ``adds`` is averaged over every subset of the others by Shapley's weights, or, where not every subset was tried,
    what is lost when it is left out of all (``method``). ``last`` is always the latter, None where it was not tried.
    """

    modality: str
    method: Method
    adds: Interval
    last: Interval | None
    alone: float | None

    @property
    def verdict(self) -> str:
        """In plain words, with half the width of the interval."""
        said = f"{short(self.adds.mean)} ± {short((self.adds.upper - self.adds.lower) / 2)}"
        if self.adds.upper < 0:
            return f"{self.modality} does harm: {said}"
        if self.adds.lower <= 0:
            return f"{self.modality} adds nothing that could be measured ({said})"
        return f"{self.modality} adds {said}{self._beside()}"

    def _beside(self) -> str:
        if self.last is None or self.last.lower > 0:
            return ""
        what = "it does harm" if self.last.upper < 0 else "nothing that could be measured"
        return f"; on top of all the others {what}"


@dataclass(frozen=True)
class Ablation:
    """The whole comparison on one metric; ``rows`` are sorted by test value, best first.

    ``passed`` is what the gate let through; the ``winner`` is that, or does as well with fewer of its modalities.
    """

    metric: str
    level: float
    queries: Mapping[Split, int]
    baseline: str
    passed: str
    winner: str
    rows: tuple[Row, ...]
    contributions: tuple[Contribution, ...]

    def __getitem__(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    @property
    def fused(self) -> bool:
        """False if the gate kept the baseline."""
        return self.winner != self.baseline

    @property
    def verdict(self) -> str:
        """What is used and why, in plain words."""
        rivals = [row for row in self.rows if row.p_value is not None]
        if not rivals:
            return f"{self.baseline} is used: there is nothing else to compare it with."
        if not self.fused:
            near = max(rivals, key=lambda row: row.validation_gain.mean)
            return (
                f"{self.baseline} is kept: nothing beats it beyond noise, of {len(rivals)} tried; "
                f"the nearest, {near.name}, has {signed(near.validation_gain)} on validation."
            )
        row = self[self.winner]
        return (
            f"{self.winner} is used: {signed(row.validation_gain)} over {self.baseline} on validation, "
            f"p {_chance(row.p_value or 0)} among {len(rivals)} tried{self._lighter()}; {signed(row.gain)} on test."
        )

    def _lighter(self) -> str:
        if self.passed == self.winner:
            return ""
        return f" (it does as well as {self.passed}, p {_chance(self[self.passed].p_value or 0)}, with less)"

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        for written, contribution in zip(found["contributions"], self.contributions, strict=True):
            written["verdict"] = contribution.verdict
        return {**found, "fused": self.fused, "verdict": self.verdict}


def ablate(
    cases: Sequence[Case],
    *,
    metric: str = "ndcg@10",
    level: float = 0.95,
    samples: int = 2_000,
    seed: int = 0,
) -> Ablation:
    """Compare every case with the best single modality, choose the winner, and say what each modality adds.

    The baseline is the best ``single`` or ``baseline`` case on validation. A ``subset`` or ``fusion`` may replace it
    only if its gain there is beyond noise, how many were tried taken into account
    (:func:`~goodsense.evaluate.gate.beyond_noise`). Of those, the best with fewest modalities is used among all that
    are not surely worse than the best one, and of that what does as well with less
    (:func:`~goodsense.evaluate.gate.without_ballast`): a modality that adds nothing measurable should not be needed.

    Raises
    ------
    UsageError
        If there is no single case or baseline, two cases have one name, two of ``single`` and ``subset`` have the same
        modalities, or cases were measured on different queries or lack the metric.
    """
    _check(cases)
    options: dict[str, Any] = {"level": level, "samples": samples, "seed": seed}
    seen = _measured(cases, "validation", metric)
    baseline, passed, winner, p_values = _elect(cases, {name: values[metric] for name, values in seen.items()}, options)
    tested = _measured(cases, "test", metric)

    def row(case: Case) -> Row:
        return Row(
            name=case.name,
            kind=case.kind,
            modalities=case.modalities,
            validation=_means(seen[case.name]),
            test=_means(tested[case.name]),
            value=bootstrap(tested[case.name][metric], **options),
            validation_gain=paired_bootstrap(seen[baseline][metric], seen[case.name][metric], **options),
            gain=paired_bootstrap(tested[baseline][metric], tested[case.name][metric], **options),
            p_value=p_values.get(case.name),
        )

    worth = {frozenset(c.modalities): tested[c.name][metric] for c in cases if c.kind in SAME_METHOD}
    return Ablation(
        metric=metric,
        level=level,
        queries={"validation": len(seen[baseline][metric]), "test": len(tested[baseline][metric])},
        baseline=baseline,
        passed=passed,
        winner=winner,
        rows=tuple(sorted(map(row, cases), key=lambda row: (-row.value.mean, row.name))),
        contributions=tuple(_contributions(worth, options)),
    )


def _elect(
    cases: Sequence[Case], scores: Mapping[str, Column], options: Mapping[str, Any]
) -> tuple[str, str, str, Mapping[str, float]]:
    """Baseline, what passed the gate, winner, p-values of all that stood for election; by validation scores alone."""
    baseline = best([case for case in cases if case.kind in ("single", "baseline")], scores).name
    rivals = [case for case in cases if case.kind in ("subset", "fusion")]
    if not rivals:
        return baseline, baseline, baseline, {}
    gains = np.stack([scores[case.name] - scores[baseline] for case in rivals], axis=1)  # (n, c)
    found = beyond_noise(gains, samples=options["samples"], seed=options["seed"]).tolist()
    p_values = {case.name: p for case, p in zip(rivals, found, strict=True)}
    passing = [case for case in rivals if p_values[case.name] <= 1 - options["level"]]
    if not passing:
        return baseline, baseline, baseline, p_values
    passed = simplest(passing, scores, **options)
    winner = without_ballast(passed, rivals, scores, scores[baseline], **options)
    return baseline, passed.name, winner.name, p_values


def short(value: float) -> str:
    """Three digits without the zero in front: ``.041``."""
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def plus(value: float) -> str:
    """A difference: ``+.041``."""
    return f"{'+' * (value >= 0)}{short(value)}"


def within(interval: Interval) -> str:
    """The bounds alone."""
    return f"[{short(interval.lower)}, {short(interval.upper)}]"


def signed(interval: Interval) -> str:
    """A difference with its bounds."""
    return f"{plus(interval.mean)} {within(interval)}"


def _chance(p_value: float) -> str:
    return f"= {short(p_value)}" if p_value >= 0.001 else "< .001"


def _contributions(worth: Mapping[frozenset[str], Column], options: Mapping[str, Any]) -> list[Contribution]:
    """One per modality, the one that adds most first; ``worth`` maps a set of modalities to ``(n,)`` values."""
    if not worth:
        return []
    every = frozenset[str]().union(*worth)
    names = sorted(every)
    known = {frozenset[str](): np.zeros_like(next(iter(worth.values()))), **worth}
    last = {
        name: bootstrap(known[every] - known[every - {name}], **options)
        for name in names
        if every in known and every - {name} in known
    }
    if len(known) == 2 ** len(names):
        values = shapley_values(np.stack([known[frozenset(subset)] for subset in coalitions(names)]))
        adds = {name: bootstrap(row, **options) for name, row in zip(names, values, strict=True)}
        method: Method = "shapley"
    else:
        adds, method = last, "leave-one-out"
    alone = {name: float(known[frozenset({name})].mean()) for name in names if frozenset({name}) in known}
    found = [Contribution(name, method, adds[name], last.get(name), alone.get(name)) for name in names if name in adds]
    return sorted(found, key=lambda contribution: (-contribution.adds.mean, contribution.modality))


def _measured(cases: Sequence[Case], split: Split, metric: str) -> dict[str, Measured]:
    """Every case on a split, once."""
    found: dict[str, Measured] = {
        case.name: {name: np.asarray(values, dtype=np.float64) for name, values in case.values(split).items()}
        for case in cases
    }
    _check_values(found, metric, split)
    return found


def _means(values: Measured) -> dict[str, float]:
    return {metric: float(each.mean()) for metric, each in values.items()}


def _check(cases: Sequence[Case]) -> None:
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise UsageError(f"two cases are named {next(name for name in names if names.count(name) > 1)!r}.")
    if not any(case.kind in ("single", "baseline") for case in cases):
        raise UsageError(
            "there is nothing to compare with.", fix="Give each single modality, or a baseline, as a case of its own."
        )
    sets = [case.modalities for case in cases if case.kind in SAME_METHOD]
    if len(set(sets)) != len(sets):
        twice = next(subset for subset in sets if sets.count(subset) > 1)
        raise UsageError(
            f"the modalities {' + '.join(twice)!r} are two cases of the same method.",
            fix="Call other methods on the same modalities fusions.",
        )


def _check_values(values: Mapping[str, Measured], metric: str, split: Split) -> None:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, measured in values.items():
        if metric not in measured:
            raise UsageError(f"the case {name!r} has no metric {metric!r}; it has {', '.join(measured) or 'none'}.")
        shapes[name] = measured[metric].shape
    first = next(iter(shapes))
    for name, shape in shapes.items():
        if shape != shapes[first]:
            raise UsageError(
                f"the cases {first!r} and {name!r} have {shapes[first]} and {shape} values on {split}.",
                fix="Measure every case on the same queries.",
            )
