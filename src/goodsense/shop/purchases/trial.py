"""Folds of shoppers: fuse, learn, calibrate and choose thresholds without them, and foretell what they bought."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.evaluate.decisions import Decisions, best_threshold, decisions, roc_auc
from goodsense.fusion import fusion_options, make_fusion
from goodsense.learning.lesson import Lesson
from goodsense.learning.pairs import Pairs
from goodsense.learning.purchase_cases import (
    BOUGHT,
    POPULAR,
    UNIFORM,
    Baskets,
    Places,
    PurchaseCases,
    purchase_cases,
    user_folds,
)
from goodsense.progress import Progress, silent
from goodsense.shop.purchases.report import Foretold, PurchaseEvaluation
from goodsense.shop.purchases.scores import Likely, Scores, likeness_scores, popularity_scores
from goodsense.shop.recipe import PurchaseTable
from goodsense.types import Embeddings

VALIDATED = 0.15  # of the shoppers outside a fold, who choose epochs, calibration and threshold
DRAWN = {"uniform": UNIFORM, "popular": POPULAR}
ALWAYS, POPULARITY, LIKENESS, BOTH = "always yes", "popularity", "likeness", "logistic of both"
BASELINES = (POPULARITY, LIKENESS, BOTH)


@dataclass(frozen=True, eq=False)
class Trial:
    """What is asked: blocks of products, what shoppers bought and saw of them (rows of the blocks), and the recipe.

    Parameters
    ----------
    folds
        Of shoppers; each is tested once, and nothing at all is learned from what it did.
    device
        Where fusion and networks learn.
    """

    blocks: Mapping[str, Embeddings]
    bought: Baskets
    seen: Baskets
    table: PurchaseTable = field(default_factory=PurchaseTable)
    folds: int = 5
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.blocks:
            raise UsageError("there is no block to foretell purchases from.", fix="Build the shop, or name others.")


def evaluate_purchases(trial: Trial, *, progress: Progress = silent, notes: tuple[str, ...] = ()) -> PurchaseEvaluation:
    """Foretell the last purchases of every shopper, fold by fold, by networks and by what is simpler.

    Raises
    ------
    UsageError
        If there are too few shoppers for the folds, or a setting makes no sense.
    DataError
        If nobody bought two different products.
    """
    several = trial.bought.only(np.flatnonzero(trial.bought.sizes > 1))
    if not len(several):
        purchase_cases(several, several.popularity())  # says what is missing
    folds = user_folds(len(several), trial.folds, seed=trial.seed)
    work = _Work(trial, several, progress)
    for fold in range(trial.folds):
        progress("folds of shoppers", fold, trial.folds)
        work.run(fold, folds == fold)
    progress("folds of shoppers", trial.folds, trial.folds)
    methods = tuple(work.foretold(name) for name in work.answers)
    return PurchaseEvaluation(
        methods,
        {
            "users": len(several),
            "products": several.count,
            "purchases": len(several.items),
            "questions": sum(fold.rows for fold in methods[0].folds),
        },
        tuple(sorted(trial.blocks)),
        trial.table.fusion,
        {**trial.table.model_dump(mode="json"), "folds": trial.folds, "seed": trial.seed, "device": trial.device},
        work.parameters,
        work.best_baseline(),
        (*notes, *dict.fromkeys(work.notes)),
        {name: round(seconds, 1) for name, seconds in work.seconds.items()},
    )


@dataclass(frozen=True, eq=False)
class Part:
    """Questions of one side of a fold, and the scores of each method."""

    cases: PurchaseCases
    scores: dict[str, Scores] = field(default_factory=dict)


@dataclass
class _Work:
    """What the folds have in common, and what they found."""

    trial: Trial
    several: Baskets
    progress: Progress
    answers: dict[str, list[Decisions]] = field(default_factory=dict)
    apart: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    right: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    validated: Counter[str] = field(default_factory=Counter)
    parameters: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, fold: int, tested: NDArray[np.bool_]) -> None:
        """Everything about one fold."""
        rng = np.random.default_rng([self.trial.seed, fold])
        rest = rng.permutation(np.flatnonzero(~tested))
        held, linked = max(1, round(VALIDATED * len(rest))), max(1, round(self.trial.table.linked * len(rest)))
        chosen, links, learned = np.split(rest, [held, held + min(linked, len(rest) - held - 1)])
        known = self.several.only(links)
        popularity = known.popularity()
        targets = self.trial.table.targets
        parts = [Part(self._cases(learned, popularity, fold, max(targets, self.trial.table.history)))]
        parts += [Part(self._cases(who, popularity, fold, targets)) for who in (chosen, np.flatnonzero(tested))]
        fused = self._fused(known, fold)
        self._simple(parts, fused, popularity)
        for name in self.trial.table.networks:
            self._network(name, parts, fused, fold)
        self._judge(parts[1], parts[2])

    def _cases(self, who: Places, popularity: Places, fold: int, targets: int) -> PurchaseCases:
        table = self.trial.table
        return purchase_cases(
            self.several.only(np.sort(who)),
            popularity,
            seen=self.trial.seen,
            history=table.history,
            targets=targets,
            negatives=table.negatives,
            popular=table.popular,
            seed=self.trial.seed + fold,
        )

    def _fused(self, known: Baskets, fold: int) -> Embeddings:
        """One vector per product; links by behaviour come from ``known`` shoppers alone."""
        started = time.perf_counter()
        table, blocks = self.trial.table, self.trial.blocks
        options = dict(table.options)
        if "device" in fusion_options(table.fusion):
            options.setdefault("device", self.trial.device)
        if table.fusion == "additive":
            options.setdefault("weights", dict.fromkeys(blocks, 1.0))
        pairs = Pairs.of_baskets(*known.entries())
        lesson = Lesson(np.arange(known.count), pairs=pairs.rows, weights=pairs.weights)
        fusion = make_fusion(table.fusion, **options)
        found = fusion.fit(blocks, lesson=lesson, seed=self.trial.seed + fold, progress=self.progress).fuse(blocks)
        if not getattr(fusion, "learned", True):
            self.notes.append(f"the fusion {table.fusion} learned nothing in some folds")
        self._took("fusion", started)
        return found

    def _simple(self, parts: list[Part], fused: Embeddings, popularity: Places) -> None:
        for part in parts:
            part.scores[ALWAYS] = np.ones(len(part.cases))
            part.scores[POPULARITY] = popularity_scores(part.cases, popularity)
            part.scores[LIKENESS] = likeness_scores(part.cases, fused)
        both = Likely().fit(_columns(parts[0]), parts[0].cases.bought)
        for part in parts:
            part.scores[BOTH] = _log_odds(both(_columns(part)))

    def _network(self, name: str, parts: list[Part], fused: Embeddings, fold: int) -> None:
        """The network's own answers, and with both simple scores beside them, weighed on validation shoppers."""
        from goodsense.learning.purchases import PurchasePredictor

        started, table = time.perf_counter(), self.trial.table
        predictor = PurchasePredictor(
            name,
            width=table.width,
            layers=table.layers if name == "transformer" else table.recurrent_layers,
            heads=table.heads,
            dropout=table.dropout,
            history=table.history,
            epochs=table.epochs,
            batch=table.batch,
            rate=table.rate,
            patience=table.patience,
            device=self.trial.device,
        )
        predictor.fit(fused, parts[0].cases, parts[1].cases, seed=self.trial.seed + fold, progress=self.progress)
        if predictor.history is not None and not predictor.history.learned:
            self.notes.append(f"{name} learned nothing in some folds: it answers as at the start")
        for part in parts[1:]:
            part.scores[name] = predictor.logits(fused, part.cases)
        beside = Likely().fit([parts[1].scores[name], *_columns(parts[1])], parts[1].cases.bought)
        for part in parts[1:]:
            part.scores[f"{name} & both"] = _log_odds(beside([part.scores[name], *_columns(part)]))
        self.parameters[name] = predictor.parameters
        self._took(name, started)

    def _took(self, name: str, started: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def _judge(self, chosen: Part, tested: Part) -> None:
        """Calibrate and choose thresholds on one part, decide on the other."""
        truth, kinds = tested.cases.bought, tested.cases.kinds
        for name, scores in tested.scores.items():
            likely = Likely().fit([chosen.scores[name]], chosen.cases.bought)
            told = likely([chosen.scores[name]])
            threshold = best_threshold(chosen.cases.bought, told, of=self.trial.table.threshold)
            threshold = 0.0 if name == ALWAYS else threshold
            probabilities = likely([scores])
            self.validated[name] += int(((told >= threshold) == chosen.cases.bought).sum())
            self.answers.setdefault(name, []).append(decisions(truth, probabilities, threshold=threshold))
            for drawn, kind in DRAWN.items():
                some = (kinds == kind) | (kinds == BOUGHT)
                area = roc_auc(truth[some], probabilities[some])
                self.apart.setdefault(name, {}).setdefault(drawn, []).append(area)
            right = ((probabilities >= threshold) == truth).astype(np.float64)
            self.right.setdefault(name, []).append(_by_user(tested.cases.users, right))

    def best_baseline(self) -> str:
        """By decisions about validation shoppers."""
        return max(BASELINES, key=lambda name: self.validated[name])

    def foretold(self, name: str) -> Foretold:
        kind = "chance" if name == ALWAYS else "baseline" if name in BASELINES else "network"
        apart = {drawn: tuple(values) for drawn, values in self.apart[name].items()}
        return Foretold(name, kind, tuple(self.answers[name]), apart, np.concatenate(self.right[name]))


def _columns(part: Part) -> list[Scores]:
    return [part.scores[POPULARITY], part.scores[LIKENESS]]


def _log_odds(probabilities: Scores) -> Scores:
    clipped = np.clip(probabilities, 1e-9, 1 - 1e-9)
    found: Scores = np.log(clipped / (1 - clipped))
    return found


def _by_user(users: Places, right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each user, ascending."""
    _, places = np.unique(users, return_inverse=True)
    found: NDArray[np.float64] = np.bincount(places, weights=right) / np.bincount(places)
    return found
