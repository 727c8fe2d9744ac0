"""What is left of every figure when modalities are missing: each removed in turn, and many removed at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from goodsense.errors import UsageError
from goodsense.evaluate.experiment import Interval, paired_bootstrap
from goodsense.types import Embeddings, Mask

Blocks: TypeAlias = Mapping[str, Embeddings]
Measure: TypeAlias = Callable[[Blocks], Mapping[str, ArrayLike]]  # blocks -> metric -> (queries,) values
SHARES = (0.3, 0.6, 0.9)


@dataclass(frozen=True)
class Change:
    """One metric with modalities missing.

    ``loss`` is what it falls by, query by query, against all modalities: above 0 it became worse. ``penalty`` is the
    same against training without them, where that was given: above 0, having learned from the modality does harm now
    that it is missing.
    """

    metric: str
    complete: float
    value: float
    loss: Interval
    penalty: Interval | None = None


@dataclass(frozen=True)
class Condition:
    """What was taken away, and what that did.

    ``removed`` is a modality that no product has any more, or empty where modalities went at random. ``missing`` is
    the share of modalities that went, of all that products had; ``emptied`` counts products that have none left.
    """

    name: str
    removed: str
    missing: float
    emptied: int
    changes: tuple[Change, ...]

    def __getitem__(self, metric: str) -> Change:
        return next(change for change in self.changes if change.metric == metric)


@dataclass(frozen=True)
class Robustness:
    """Every metric under every condition."""

    complete: Mapping[str, float]
    conditions: tuple[Condition, ...]

    def __getitem__(self, name: str) -> Condition:
        return next(condition for condition in self.conditions if condition.name == name)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def table(self, metric: str) -> str:
        """One line per condition as text: what is missing, the metric, what it lost."""
        width = max(len("all modalities"), *(len(condition.name) for condition in self.conditions))
        lines = [f"{'':{width}}  {metric:>10}   loss", f"{'all modalities':{width}}  {self.complete[metric]:>10.3f}"]
        for condition in self.conditions:
            change = condition[metric]
            bounds = f"{change.loss.mean:+.3f} [{change.loss.lower:+.3f}, {change.loss.upper:+.3f}]"
            lines.append(f"{condition.name:{width}}  {change.value:>10.3f}   {bounds}")
        return "\n".join(lines)


def missing_modalities(
    measure: Measure,
    blocks: Blocks,
    *,
    shares: Sequence[float] = SHARES,
    retrained: Mapping[str, Measure] | None = None,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> Robustness:
    """Measure again with each modality removed in turn, and with shares of them missing at random.

    Parameters
    ----------
    measure
        Gives every metric of blocks, per query and always for the same queries; larger is better.
    blocks
        What is measured: products, or one side of a search.
    shares
        How much of all modalities goes at random. Products keep at least one of theirs, so with few modalities less
        may go than asked for; :attr:`Condition.missing` says how much did.
    retrained
        Modality -> the measure of a system that was trained without it, to compare with.
    seed
        Decides what goes, and the resamples. What is missing at a smaller share is missing at a larger one.

    Raises
    ------
    UsageError
        If there are fewer than two blocks, a share is not between 0 and 1, or a measure changes its metrics or the
        number of its queries.
    """
    if len(blocks) < 2:
        raise UsageError(
            f"robustness is measured on {len(blocks)} modalities; expected two or more.",
            fix="Give a shop whose products have a second modality.",
        )
    complete, trained = _values(measure(blocks)), retrained or {}

    def condition(name: str, removed: str, fewer: Blocks) -> Condition:
        found = _values(measure(fewer))
        other = _values(trained[removed](fewer)) if removed in trained else {}
        changes = [
            _change(metric, complete, found, other, level=level, samples=samples, seed=seed) for metric in complete
        ]
        return Condition(name, removed, _missing(blocks, fewer), _emptied(blocks, fewer), tuple(changes))

    conditions = [condition(f"without {name}", name, without(blocks, name)) for name in sorted(blocks)]
    conditions += [condition(f"{share:.0%} missing", "", drop(blocks, share, seed=seed)) for share in shares]
    return Robustness({metric: float(values.mean()) for metric, values in complete.items()}, tuple(conditions))


def without(blocks: Blocks, name: str) -> dict[str, Embeddings]:
    """The blocks with one modality missing everywhere."""
    if name not in blocks:
        raise UsageError(f"the modality {name!r} cannot be removed; found {', '.join(blocks)}.")
    gone = np.zeros(len(blocks[name]), dtype=np.bool_)
    return {other: _kept(block, gone) if other == name else block for other, block in blocks.items()}


def drop(blocks: Blocks, share: float, *, seed: int) -> dict[str, Embeddings]:
    """The blocks with a share of all that is present missing at random; every product keeps at least one modality.

    One modality of each product is held back at random; of the rest, as many go as make the share, or all of them.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share} missing; expected a number between 0 and 1.")
    names = sorted(blocks)
    present = np.stack([blocks[name].present for name in names])  # (B, n)
    order = np.where(present, np.random.default_rng(seed).random(present.shape), np.inf)  # (B, n)
    held = (order == order.min(axis=0)) & present
    free = np.flatnonzero((present & ~held).ravel())
    going = free[np.argsort(-order.ravel()[free], kind="stable")][: round(share * int(present.sum()))]
    kept = present.ravel().copy()
    kept[going] = False
    masks = dict(zip(names, kept.reshape(present.shape), strict=True))
    return {name: _kept(block, masks[name]) for name, block in blocks.items()}


def _kept(block: Embeddings, mask: Mask) -> Embeddings:
    return Embeddings(block.ids, block.owners, np.where(mask[:, None], block.vectors, np.float32(0)), mask)


def _change(
    metric: str,
    complete: Mapping[str, NDArray[np.float64]],
    found: Mapping[str, NDArray[np.float64]],
    other: Mapping[str, NDArray[np.float64]],
    *,
    level: float,
    samples: int,
    seed: int,
) -> Change:
    def against(baseline: Mapping[str, NDArray[np.float64]]) -> Interval:
        _check(metric, complete, baseline)
        return paired_bootstrap(found[metric], baseline[metric], level=level, samples=samples, seed=seed)

    _check(metric, complete, found)
    penalty = against(other) if other else None
    return Change(metric, float(complete[metric].mean()), float(found[metric].mean()), against(complete), penalty)


def _check(metric: str, one: Mapping[str, NDArray[np.float64]], other: Mapping[str, NDArray[np.float64]]) -> None:
    if metric not in other or one[metric].shape != other[metric].shape:
        there = other[metric].shape if metric in other else "no values"
        raise UsageError(
            f"the metric {metric!r} has {one[metric].shape} values with all modalities and {there} with some missing.",
            fix="Measure the same queries every time; what cannot be answered scores 0.",
        )


def _values(found: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float64]]:
    return {metric: np.asarray(values, dtype=np.float64) for metric, values in found.items()}


def _missing(blocks: Blocks, fewer: Blocks) -> float:
    before, after = (sum(int(block.present.sum()) for block in each.values()) for each in (blocks, fewer))
    return (before - after) / before if before else 0.0


def _emptied(blocks: Blocks, fewer: Blocks) -> int:
    before, after = (np.any([block.present for block in each.values()], axis=0) for each in (blocks, fewer))
    return int((before & ~after).sum())
