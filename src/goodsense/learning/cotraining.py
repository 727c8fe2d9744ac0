"""Two views of a product that teach each other: what one is sure of, the other learns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from goodsense.errors import UsageError
from goodsense.learning.block_rows import check_blocks
from goodsense.learning.learners import (
    Classifier,
    Codes,
    Make,
    Shares,
    check_labels,
    class_shares,
    confident,
    logistic,
    probabilities,
)
from goodsense.learning.spreading import shares_of
from goodsense.types import Embeddings

_PURPOSE = "co-training"


@dataclass(frozen=True)
class CoTrainingRound:
    """What happened in one round.

    Parameters
    ----------
    number
        From 1 up.
    added
        View -> products that it labelled for the other.
    disputed
        Products of which both views were sure, of different classes; neither was believed.
    agreement
        Share of the products with both views and no label of which the views thought alike when the round began; NaN
        where there are none.
    """

    number: int
    added: Mapping[str, int]
    disputed: int
    agreement: float


class CoTraining:
    """Co-training (Blum and Mitchell, "Combining Labeled and Unlabeled Data with Co-Training", COLT 1998).

    Each view has a classifier of its own. In a round, each labels the products that it is surest of for the other, in
    the proportions of the labelled classes, and both learn anew; it ends when nothing sure is left. Unlike in the
    paper, a view does not learn from its own guesses, and a product of which both are sure but think differently is
    passed over. The answer is the product of the views' probabilities, as there, over the views that a product has.

    Parameters
    ----------
    views
        The two blocks; None takes the blocks that are given, if they are two.
    threshold
        Least probability of what counts as sure.
    growth
        What a view adds in a round, at most, as a multiple of the labels given at the start.
    rounds
        How many at most.
    make
        Makes a classifier.
    """

    def __init__(
        self,
        views: tuple[str, str] | None = None,
        *,
        threshold: float = 0.9,
        growth: float = 0.5,
        rounds: int = 20,
        make: Make = logistic,
    ) -> None:
        if not 0 < threshold <= 1 or growth <= 0 or rounds < 1:
            raise UsageError(
                f"threshold, growth and rounds are {threshold}, {growth} and {rounds}; "
                "expected above 0 up to 1, above 0, and at least 1."
            )
        self._views, self._threshold, self._growth, self._most_rounds, self._make = (
            views,
            threshold,
            growth,
            rounds,
            make,
        )
        self._names: tuple[str, ...] = ()
        self._classifiers: list[Classifier] = []
        self._classes: Codes = np.zeros(0, dtype=np.int64)
        self._shares: Shares = np.zeros(0)
        self._rounds: tuple[CoTrainingRound, ...] = ()
        self._taught: dict[str, Codes] = {}

    @property
    def privileged(self) -> tuple[str, ...]:
        return ()

    @property
    def classes(self) -> Codes:
        return self._classes

    @property
    def rounds(self) -> tuple[CoTrainingRound, ...]:
        """What happened, round by round; the last one is the one that added nothing, unless ``rounds`` ended it."""
        return self._rounds

    @property
    def taught(self) -> Mapping[str, Codes]:
        """View -> the labels that it learned from in the end, ``(n,)``: those given, and what the other one added."""
        return dict(self._taught)

    def fit(self, blocks: Mapping[str, Embeddings], labels: Codes, *, seed: int = 0) -> Self:
        """Learn both classifiers.

        Raises
        ------
        UsageError
            If there are not two views, or in one of them the labelled products are of fewer than two classes.
        """
        views = self._chosen(blocks)
        count = check_blocks(views, purpose=_PURPOSE)
        check_labels(labels, count, purpose=_PURPOSE)
        for name, block in views.items():
            _check_view(name, block, labels)
        seen = np.logical_or.reduce([block.present for block in views.values()])
        self._classes = check_labels(np.where(seen, labels, -1), count, purpose=_PURPOSE)
        self._shares = class_shares(labels[seen], self._classes)
        self._names = tuple(views)
        self._taught = {name: np.where(block.present, labels, -1) for name, block in views.items()}
        self._train(views, most=max(1, math.ceil(self._growth * int((labels >= 0).sum()))), given=labels)
        return self

    def predict_proba(self, blocks: Mapping[str, Embeddings]) -> Shares:
        """``(n, C)``; a view may be left out."""
        if not self._classifiers:
            raise UsageError("this learner was not fitted yet.", fix="Call fit(blocks, labels) first.")
        views = {name: blocks[name] for name in self._names if name in blocks}
        count = check_blocks(views, purpose=_PURPOSE)
        logs, seen = np.zeros((count, len(self._classes))), np.zeros(count, dtype=np.bool_)
        for name, proba in self._told(views).items():
            logs += np.where(views[name].present[:, None], np.log(np.maximum(proba, 1e-12)), 0.0)
            seen |= views[name].present
        found = shares_of(np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf)))
        return np.where(seen[:, None], found, self._shares)

    def _chosen(self, blocks: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
        names = self._views if self._views is not None else tuple(sorted(blocks))
        if len(set(names)) != 2 or not set(names) <= set(blocks):
            raise UsageError(
                f"{_PURPOSE} needs two views; found {', '.join(sorted(blocks)) or 'none'}.",
                fix="Name two of the blocks: CoTraining(('text', 'image')).",
            )
        return {name: blocks[name] for name in names}

    def _train(self, views: Mapping[str, Embeddings], *, most: int, given: Codes) -> None:
        rounds: list[CoTrainingRound] = []
        self._classifiers = [self._learned(views[name], self._taught[name]) for name in self._names]
        while len(rounds) < self._most_rounds and (not rounds or any(rounds[-1].added.values())):
            rounds.append(self._round(views, len(rounds) + 1, most, given))
            if any(rounds[-1].added.values()):
                self._classifiers = [self._learned(views[name], self._taught[name]) for name in self._names]
        self._rounds = tuple(rounds)

    def _round(self, views: Mapping[str, Embeddings], number: int, most: int, given: Codes) -> CoTrainingRound:
        """Each view labels products for the other."""
        told = self._told(views)
        first, second = self._names
        sure = {first: self._sure(told[first], views, second, first, most)}
        sure[second] = self._sure(told[second], views, first, second, most)
        both = (sure[first] >= 0) & (sure[second] >= 0)
        disputed = both & (sure[first] != sure[second])
        for teacher, pupil in ((first, second), (second, first)):
            sure[teacher][disputed] = -1
            self._taught[pupil] = np.where(sure[teacher] >= 0, sure[teacher], self._taught[pupil])
        free = views[first].present & views[second].present & (given < 0)
        alike = (told[first].argmax(axis=1) == told[second].argmax(axis=1))[free]
        added = {name: int((sure[name] >= 0).sum()) for name in self._names}
        return CoTrainingRound(number, added, int(disputed.sum()), float(alike.mean()) if len(alike) else math.nan)

    def _sure(self, proba: Shares, views: Mapping[str, Embeddings], pupil: str, teacher: str, most: int) -> Codes:
        """What the teacher is sure of, among the products that both see and the pupil knows no label of: ``(n,)``."""
        free = np.flatnonzero(views[teacher].present & views[pupil].present & (self._taught[pupil] < 0))
        rows, places = confident(proba[free], self._shares, threshold=self._threshold, most=most)
        found = np.full(len(proba), -1, dtype=np.int64)
        found[free[rows]] = self._classes[places]
        return found

    def _told(self, views: Mapping[str, Embeddings]) -> dict[str, Shares]:
        """View -> ``(n, C)``; zero where a product lacks it."""
        told = {}
        for name, block in views.items():
            classifier = self._classifiers[self._names.index(name)]
            told[name] = np.zeros((len(block), len(self._classes)))
            told[name][block.present] = probabilities(classifier, block.vectors[block.present], self._classes)
        return told

    def _learned(self, block: Embeddings, labels: Codes) -> Classifier:
        classifier = self._make()
        chosen = labels >= 0
        classifier.fit(block.vectors[chosen], labels[chosen])
        return classifier


def _check_view(name: str, block: Embeddings, labels: Codes) -> None:
    found = np.unique(labels[block.present & (labels >= 0)])
    if len(found) < 2:
        raise UsageError(
            f"the view {name!r} has {int(block.present.sum())} products, whose labels are of {len(found)} classes; "
            "expected at least two classes.",
            fix="Label products that have this block, or learn from the other block alone.",
        )
