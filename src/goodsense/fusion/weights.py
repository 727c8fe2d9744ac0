"""How much each block's similarity counts, learned from products that belong together and products that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.learning.lesson import Lesson

Loss: TypeAlias = Literal["logistic", "regression"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
GROUPS, PAIRS = "groups", "pairs"  # targets beside the lesson's labels
OTHERS = 4  # pairs that do not belong together, for each that does

Real: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrainingPairs:
    """Rows ``left`` and ``right`` ``(m,)``, and how strongly each two belong together ``(m,)``; 0 if they do not."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    wanted: Real


def training_pairs(lesson: Lesson, target: str | None, *, seed: int, most: int = 20_000) -> TrainingPairs:
    """At most ``most`` pairs that belong together, and :data:`OTHERS` random ones for each.

    ``target`` is ``"pairs"`` (as strongly as the lesson says), ``"groups"`` (of one group), or the name of labels (of
    one class); None takes the first of these that the lesson has. A random pair is never of one group.

    Raises
    ------
    UsageError
        If the lesson has no such labels.
    DataError
        If no two products belong together, or no two are known not to.
    """
    found = target or _first_target(lesson)
    random = np.random.default_rng(seed)
    if found == PAIRS:
        left, right, wanted = lesson.pairs[:, 0], lesson.pairs[:, 1], lesson.weights.astype(np.float64)
        codes = lesson.groups
    else:
        codes = lesson.groups if found == GROUPS else _labels(lesson, found)
        left, right = _rings(codes, random)
        wanted = np.ones(len(left))
    if len(left) > most:
        keep = np.sort(random.choice(len(left), most, replace=False))
        left, right, wanted = left[keep], right[keep], wanted[keep]
    far = _apart(left, codes, lesson, random)
    if not len(left) or not len(far[0]):
        lacking = "belong together" if not len(left) else "are known not to belong together"
        raise DataError(
            f"no weights can be learned from {found!r}: no two of {len(codes)} products {lacking}.",
            fix='Give the weights by hand (fusion "weighted" or "additive"), or learn from another target.',
        )
    return TrainingPairs(
        np.concatenate([left, far[0]]), np.concatenate([right, far[1]]), np.concatenate([wanted, np.zeros(len(far[0]))])
    )


def learned_weights(similarities: Real, wanted: Real, *, loss: Loss, ridge: float) -> Real:
    """Weights from 0 up for the columns of ``similarities`` ``(m, b)``: ``(b,)``.

    ``logistic`` minimises the mean log loss of "belongs together" (``wanted`` above 0) and ``ridge / 2`` times the
    squared length of the weights; ``regression`` half the mean squared error of ``wanted``, with the same penalty. Both
    have an intercept without penalty, which a ranking does not need, so it is not kept. Solved by L-BFGS-B (Byrd and
    others, 1995).
    """
    from scipy.optimize import minimize

    assert similarities.ndim == 2
    assert wanted.shape == (len(similarities),)
    rows, columns = similarities.shape
    centred = similarities - similarities.mean(axis=0)  # the intercept takes it up; what does not vary gets no weight
    target = (wanted > 0).astype(np.float64) if loss == "logistic" else wanted

    def cost(values: Real) -> tuple[float, Real]:
        weights, intercept = values[:-1], values[-1]
        guess = centred @ weights + intercept  # (m,)
        if loss == "logistic":
            each, slope = np.logaddexp(0, guess) - target * guess, 1 / (1 + np.exp(-guess)) - target
        else:
            each, slope = 0.5 * (guess - target) ** 2, guess - target
        gradient = np.append(centred.T @ slope / rows + ridge * weights, slope.mean())
        return float(each.mean() + 0.5 * ridge * weights @ weights), gradient

    bounds = [(0.0, None)] * columns + [(None, None)]
    options = {"maxiter": 1_000, "ftol": 1e-15, "gtol": 1e-9}
    found = minimize(cost, np.zeros(columns + 1), jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    weights: Real = np.asarray(found.x[:-1], np.float64)
    return weights


def _first_target(lesson: Lesson) -> str:
    if len(lesson.pairs):
        return PAIRS
    if len(np.unique(lesson.groups)) < len(lesson.groups):
        return GROUPS
    return next(iter(lesson.labels), GROUPS)


def _labels(lesson: Lesson, field: str) -> NDArray[np.int64]:
    if field not in lesson.labels:
        known = ", ".join([GROUPS, PAIRS, *lesson.labels])
        raise UsageError(f"the target is {field!r}, which the lesson does not have; expected one of {known}.")
    return lesson.labels[field]


def _rings(codes: NDArray[np.int64], random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each product of a class with the next one of a shuffled ring, so that large classes do not outnumber the rest."""
    shuffled = random.permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    order = order[codes[order] >= 0]
    _, starts, counts = np.unique(codes[order], return_index=True, return_counts=True)
    start, count = np.repeat(starts, counts), np.repeat(counts, counts)
    place = np.arange(len(order)) - start
    following = order[start + (place + 1) % count] if len(order) else order
    keep = place < np.where(count > 2, count, count - 1)  # a ring of two is one pair, and one product is none
    return order[keep], following[keep]


def _apart(
    left: NDArray[np.int64], codes: NDArray[np.int64], lesson: Lesson, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random pairs that are of different classes and groups, and not among the lesson's pairs."""
    known = np.flatnonzero(codes >= 0)
    if not len(known):
        return known, known
    first = np.repeat(left, OTHERS)
    second = known[random.integers(len(known), size=len(first))]
    count = len(codes)
    together = np.concatenate([lesson.pairs @ [count, 1], lesson.pairs @ [1, count]])
    keep = (codes[first] != codes[second]) & (lesson.groups[first] != lesson.groups[second])
    keep &= ~np.isin(first * count + second, together)
    return first[keep], second[keep]
