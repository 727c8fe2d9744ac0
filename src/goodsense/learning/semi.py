"""Learning from few labels and many products: pseudo-labels, and curves that compare every method at a few shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.block_rows import check_blocks
from goodsense.learning.cotraining import CoTraining
from goodsense.learning.learners import (
    Codes,
    Learner,
    Make,
    Supervised,
    check_labels,
    confident,
    logistic,
    probabilities,
)
from goodsense.learning.spreading import LabelGraph
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings

SUPERVISED = "supervised"
SHARES = (0.01, 0.05, 0.1)


class PseudoLabels(Supervised):
    """A classifier that takes what it is sure of for labels, and learns again, until nothing sure is left.

    Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", ICML 2013
    workshop; with a threshold, and with the classes in the proportions of the labels, lest one takes all.

    Parameters
    ----------
    threshold
        Least probability of what counts as sure.
    rounds
        How many at most.
    make
        Makes the classifier.
    """

    def __init__(self, *, threshold: float = 0.9, rounds: int = 5, make: Make = logistic) -> None:
        super().__init__(make)
        if not 0 < threshold <= 1 or rounds < 1:
            raise UsageError(f"threshold and rounds are {threshold} and {rounds}; expected 0 to 1, and at least 1.")
        self._threshold, self._most_rounds = threshold, rounds
        self._added: tuple[int, ...] = ()
        self._taught: Codes = np.zeros(0, dtype=np.int64)

    @property
    def added(self) -> tuple[int, ...]:
        """Products that were labelled, round by round."""
        return self._added

    @property
    def taught(self) -> Codes:
        """The labels learned from in the end, ``(n,)``: those given, and what was added."""
        return self._taught.copy()

    def fit(self, blocks: Mapping[str, Embeddings], labels: Codes, *, seed: int = 0) -> Self:
        """Learn from the labelled rows, then from all that are surely told.

        Raises
        ------
        UsageError
            If the labelled products that have vectors are of fewer than two classes.
        """
        self._begin(blocks, labels, seed, "pseudo-labelling")
        rows, taught, added = self._rows(blocks), labels.copy(), [1]
        self._classifier = self._learned(rows, taught)
        while added[-1] and len(added) <= self._most_rounds:
            free = np.flatnonzero(rows.present & (taught < 0))
            proba = probabilities(self._classifier, rows.vectors[free], self._classes)
            sure, places = confident(proba, self._shares, threshold=self._threshold, most=len(free))
            taught[free[sure]] = self._classes[places]
            added.append(len(sure))
            if len(sure):
                self._classifier = self._learned(rows, taught)
        self._added, self._taught = tuple(added[1:]), taught
        return self


# ---- curves


@dataclass(frozen=True)
class LabelPoint:
    """How well a method told the test products from a share of the labels, drawn by a seed."""

    method: str
    share: float
    seed: int
    labelled: int  # labels that it saw
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class LabelGain:
    """A method at one share, over all seeds: means and deviations; ``gain`` is over supervised alone, seed by seed."""

    method: str
    share: float
    accuracy: float
    accuracy_spread: float
    macro_f1: float
    gain: float
    gain_spread: float


@dataclass(frozen=True)
class LabelCurves:
    """Every method at every share and seed.

    Parameters
    ----------
    points
        In the order measured.
    tested
        Products that the figures are of.
    """

    points: tuple[LabelPoint, ...]
    tested: int

    def gains(self) -> tuple[LabelGain, ...]:
        """One line per method and share, with what it adds to learning from the labels alone."""
        base = {(point.share, point.seed): point.accuracy for point in self.points if point.method == SUPERVISED}
        keys = dict.fromkeys((point.method, point.share) for point in self.points)
        found = []
        for method, share in keys:
            own = [point for point in self.points if (point.method, point.share) == (method, share)]
            accuracy = np.array([point.accuracy for point in own])
            gain = accuracy - np.array([base[point.share, point.seed] for point in own])
            macro_f1 = float(np.mean([point.macro_f1 for point in own]))
            means = float(accuracy.mean()), float(accuracy.std()), macro_f1, float(gain.mean()), float(gain.std())
            found.append(LabelGain(method, share, *means))
        return tuple(found)


def stratified_share(labels: Codes, share: float, *, seed: int) -> Codes:
    """The labels of a share of every class, at least one of each, drawn by a seed; -1 elsewhere.

    A larger share of the same seed holds the smaller one.
    """
    if not 0 < share <= 1:
        raise UsageError(f"share is {share}; expected above 0 up to 1.")
    rng = np.random.default_rng(seed)
    kept = np.full(len(labels), -1, dtype=np.int64)
    for one in np.unique(labels[labels >= 0]):
        rows = rng.permutation(np.flatnonzero(labels == one))
        kept[rows[: math.ceil(share * len(rows) - 1e-9)]] = one
    return kept


def standard_learners(blocks: Sequence[str], *, behaviour: str | None = None) -> dict[str, Callable[[], Learner]]:
    """Every method that these blocks allow, by name; those made of networks need torch.

    Parameters
    ----------
    blocks
        Names of the content blocks; co-training takes the first two.
    behaviour
        Name of the block of behaviour, for collaborative training.
    """
    from goodsense.learning.collaborative import CollaborativeTower
    from goodsense.learning.consistency import Consistency

    learners: dict[str, Callable[[], Learner]] = {
        SUPERVISED: Supervised,
        "pseudo-labels": PseudoLabels,
        "spreading": LabelGraph,
        "propagation": lambda: LabelGraph("propagation"),
        "pi-model": lambda: Consistency("pi"),
        "mean-teacher": lambda: Consistency("mean-teacher"),
    }
    if len(blocks) >= 2:
        views = (blocks[0], blocks[1])
        learners["co-training"] = lambda: CoTraining(views)
    if behaviour is not None:
        learners["collaborative"] = lambda: CollaborativeTower(behaviour)
    return learners


def label_curves(
    learners: Mapping[str, Callable[[], Learner]],
    blocks: Mapping[str, Embeddings],
    labels: Codes,
    test: NDArray[np.bool_],
    *,
    shares: Sequence[float] = SHARES,
    seeds: Sequence[int] = (0, 1, 2),
    progress: Progress = silent,
) -> LabelCurves:
    """Accuracy on test products, from a few shares of the labels of the others, against learning from labels alone.

    Test products are seen by no fit, not even without their labels, so every method is measured as it meets new
    products.

    Parameters
    ----------
    learners
        Method -> what makes a fresh learner; ``"supervised"`` is added where it is not named.
    blocks
        What all products have.
    labels
        ``(n,)``; -1 where a product has none.
    test
        ``(n,)`` bool.
    shares
        Of the labels of each class among the others; at least one of each class is kept.
    seeds
        Each draws its own labels, and seeds the learners.

    Blocks that one learner is privileged to see in its fit, such as behaviour, are shown to no other, and test products
    come without them.

    Raises
    ------
    UsageError
        If a side has no labels, or the others' are of fewer than two classes.
    """
    count = check_blocks(blocks, purpose="a label curve")
    if test.shape != (count,) or test.dtype != np.bool_:
        raise UsageError(f"test is {test.dtype} of shape {test.shape}; expected bool, ({count},).")
    train, tested = np.flatnonzero(~test), np.flatnonzero(test & (labels >= 0))
    check_labels(labels[train], len(train), purpose="a label curve")
    if not len(tested):
        raise UsageError("no test product has a label.", fix="Hold out some of the labelled products.")
    made = {SUPERVISED: Supervised, **learners}
    privileged = {name for make in made.values() for name in make().privileged}
    seen = {name: block.take(train) for name, block in blocks.items()}
    asked = {name: block.take(tested) for name, block in blocks.items() if name not in privileged}
    points: list[LabelPoint] = []
    for share in shares:
        for seed in seeds:
            few = stratified_share(labels[train], share, seed=seed)
            for method, make in made.items():
                learner = make()
                shown = {name: seen[name] for name in seen if name in asked or name in learner.privileged}
                learner = learner.fit(shown, few, seed=seed)
                answers = learner.classes[learner.predict_proba(asked).argmax(axis=1)]
                points.append(_point(method, share, seed, int((few >= 0).sum()), labels[tested], answers))
                progress("label curves", len(points), len(shares) * len(seeds) * len(made))
    return LabelCurves(tuple(points), len(tested))


def _point(method: str, share: float, seed: int, labelled: int, truth: Codes, answers: Codes) -> LabelPoint:
    from sklearn.metrics import f1_score

    macro_f1 = float(f1_score(truth, answers, average="macro", zero_division=0.0))
    return LabelPoint(method, share, seed, labelled, float((truth == answers).mean()), macro_f1)
