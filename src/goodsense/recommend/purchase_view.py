"""Recommendation as classification: will this shopper take to this product? With k-fold cross-validation.

A recommender's scores compare within one shopper only, so they are brought to mean 0 and spread 1 over what the shopper
does not have; a logistic regression on validation pairs turns them into probabilities at the ratio that was drawn
(Platt, "Probabilistic Outputs for Support Vector Machines", 1999), and the threshold is chosen there, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.decisions import Decisions, best_threshold, decisions
from goodsense.evaluate.recommendation_pairs import PairSample, sampled_pairs
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend.blending import normalised
from goodsense.recommend.content import Content
from goodsense.recommend.histories import blocks_of
from goodsense.recommend.judging import over_all_items
from goodsense.recommend.model import Model, Recommender
from goodsense.recommend.models import make_model

Mask: TypeAlias = NDArray[np.bool_]
By: TypeAlias = Literal["users", "interactions"]
BY: tuple[By, ...] = get_args(By)
STAGE = "cross-validate"
NEGATIVES = 4
_HELD_OUT = 0.2  # share of a tested shopper's items that is asked for
_CELLS = 2**22
_SHOWN = ("accuracy", "precision", "recall", "f1", "auc", "brier")


@dataclass(frozen=True)
class CrossValidation:
    """Decisions fold by fold.

    Parameters
    ----------
    model
        Its name.
    by
        ``users``: shoppers of the test are in no other part, and only their history is known. ``interactions``: a
        shopper's items are spread over all folds.
    negatives
        Items drawn for each one that was taken to.
    folds
        The decisions on each fold, with the threshold that another fold chose.
    """

    model: str
    by: By
    negatives: int
    folds: tuple[Decisions, ...]

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each measure over the folds."""
        return {name: float(np.mean([getattr(fold, name) for fold in self.folds])) for name in _SHOWN}

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of each measure over the folds (with n - 1)."""
        return {name: float(np.std([getattr(fold, name) for fold in self.folds], ddof=1)) for name in _SHOWN}

    def to_json(self) -> dict[str, Any]:
        plain = {"model": self.model, "by": self.by, "negatives": self.negatives, "mean": self.mean}
        return {**plain, "spread": self.spread, "folds": [fold.to_json() for fold in self.folds]}


def pair_scores(model: Recommender, histories: Interactions, sample: PairSample) -> NDArray[np.float64]:
    """``(p,)`` how well each item suits its shopper: mean 0 and spread 1 over all that the history does not have.

    ``histories`` has the users and items that the sample's places are of; 0 for items that the model does not know.
    """
    found, at_once = np.zeros(len(sample)), max(1, _CELLS // max(1, len(histories.items)))
    begin = 0
    asked = np.unique(sample.users)
    own = histories.select(users=[histories.users[row] for row in asked.tolist()])
    places = np.searchsorted(asked, sample.users)
    for block in blocks_of(own, at_once):
        scores = model.score(block, block.items)
        known = np.isfinite(scores).any(axis=0)
        low = scores[:, known].min(axis=1, initial=np.inf, keepdims=True) if known.any() else np.zeros((len(scores), 1))
        filled = np.where(np.isfinite(scores), scores, np.where(np.isfinite(low), low, 0))
        units = normalised(filled.astype(np.float32), block, "z")
        mine = (places >= begin) & (places < begin + len(block.users))
        found[mine] = units[places[mine] - begin, sample.items[mine]]
        begin += len(block.users)
    return found


def decided(
    validation: tuple[PairSample, NDArray[np.float64]],
    test: tuple[PairSample, NDArray[np.float64]],
    *,
    of: str = "f1",
) -> Decisions:
    """Decisions on the test pairs; probabilities and the threshold (best by ``of``) come from the validation pairs.

    Raises
    ------
    DataError
        If the validation pairs have one answer only.
    """
    from sklearn.linear_model import LogisticRegression

    (asked, scores), (tested, test_scores) = validation, test
    if not len(tested) or asked.truth.all() or not asked.truth.any():
        raise DataError("there are no pairs to decide about.", fix="Give more events, or fewer folds.")
    platt = LogisticRegression().fit(scores[:, None], asked.truth)
    threshold = best_threshold(asked.truth, platt.predict_proba(scores[:, None])[:, 1], of=of)
    return decisions(tested.truth, platt.predict_proba(test_scores[:, None])[:, 1], threshold=threshold)


def cross_validated(
    name: str,
    interactions: Interactions,
    content: Content | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    folds: int = 5,
    by: str = "users",
    negatives: int = NEGATIVES,
    seed: int = 0,
    progress: Progress = silent,
) -> CrossValidation:
    """Accuracy, precision, recall, F1 and AUC by k-fold cross-validation.

    Every fold is tested once; the fold after it chooses the threshold, and the model learns from the others. A tested
    shopper is asked about a fifth of what they took to (the last by time, where times are known) from the rest of it.

    Parameters
    ----------
    name, options
        As :func:`goodsense.recommend.make_model`.
    folds
        At least 3.
    by
        ``users`` or ``interactions``; see :class:`CrossValidation`.
    negatives
        Drawn per pair; 4 makes a fifth of the answers yes.

    Raises
    ------
    UsageError
        If an option makes no sense.
    DataError
        If there are too few events for so many folds.
    """
    if folds < 3:
        raise UsageError(f"{folds} folds; one tests, one chooses, the others teach.", fix="Give 3 or more.")
    if by not in BY:
        raise UsageError(f"folds cannot be by {by!r}.", fix=f"Give {' or '.join(BY)}.")
    (log,) = over_all_items(interactions, content=content)
    masks = _by_users if by == "users" else _by_interactions
    found = []
    for fold in range(folds):
        progress(STAGE, fold, folds)
        taught, *asked = masks(log, fold, folds, seed)
        model: Model = make_model(name, **(options or {})).fit(log.only(taught), content, seed=seed)
        val, test = (_side(model, log, history, wanted, negatives, seed) for history, wanted in asked)
        found.append(decided(val, test))
    progress(STAGE, folds, folds)
    return CrossValidation(name, "users" if by == "users" else "interactions", negatives, tuple(found))


def _side(
    model: Recommender, log: Interactions, history: Mask, wanted: Mask, negatives: int, seed: int
) -> tuple[PairSample, NDArray[np.float64]]:
    if not wanted.any():
        raise DataError("a fold has nothing to ask for.", fix="Give more events, or fewer folds.")
    sample = sampled_pairs(log.only(wanted), log.only(~wanted), negatives=negatives, seed=seed)
    return sample, pair_scores(model, log.only(history), sample)


def _by_users(log: Interactions, fold: int, folds: int, seed: int) -> tuple[Any, ...]:
    """Masks of events: what teaches; then history and what is asked for, of the choosing and of the tested users."""
    pairs = log.pairs
    rng = np.random.default_rng(seed)
    of_user = rng.permutation(len(log.users)) % folds
    chance = rng.random(len(pairs.item_rows))
    sizes = np.bincount(pairs.user_rows, minlength=len(log.users))
    times = np.where(np.isnan(pairs.last_times), -np.inf, pairs.last_times)
    order = np.lexsort((chance, times, pairs.user_rows))
    from_end = np.empty(len(order), np.int64)
    from_end[order] = (np.cumsum(sizes)[pairs.user_rows[order]] - np.arange(len(order))).astype(np.int64)
    count = np.where(sizes > 1, np.maximum(1, np.floor(sizes * _HELD_OUT + 0.5)), 0)
    wanted = (from_end <= count[pairs.user_rows])[pairs.of_event]
    part = of_user[log.user_rows]
    val, test = part == (fold + 1) % folds, part == fold
    return ~val & ~test, (val & ~wanted, val & wanted), (test & ~wanted, test & wanted)


def _by_interactions(log: Interactions, fold: int, folds: int, seed: int) -> tuple[Any, ...]:
    """As :func:`_by_users`, with every user's pairs dealt out over the folds."""
    pairs = log.pairs
    chance = np.random.default_rng(seed).random(len(pairs.item_rows))
    order = np.lexsort((chance, pairs.user_rows))
    of_pair = np.empty(len(order), np.int64)
    of_pair[order] = np.arange(len(order)) % folds
    part = of_pair[pairs.of_event]
    val, test = part == (fold + 1) % folds, part == fold
    taught = ~val & ~test
    return taught, (taught, val), (taught, test)
