"""How likely a product is clicked, or bought, when it is looked at: a calibrated model over candidate features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeAlias, get_args

import numpy as np

from goodsense.encoders import artefacts
from goodsense.encoders.artefacts import Artefact
from goodsense.errors import UsageError
from goodsense.recommend.reranking.calibrated import Calibrated, Column, Curve, Family
from goodsense.recommend.reranking.draft import Draft, Phase, Request
from goodsense.recommend.reranking.features import CandidateFeatures, Features
from goodsense.recommend.reranking.propensity import Propensities
from goodsense.recommend.reranking.shown import Shown

Target: TypeAlias = Literal["clicked", "purchased"]
KIND, VERSION = "rate-model", 1


class RateModel:
    """Click or purchase rates of products that are looked at, whatever their place.

    Rows where it happened count by the inverse of how likely their place was looked at
    (:class:`~goodsense.recommend.reranking.propensity.Propensities`), so the place is no feature, and none is needed
    to predict. On other lists, the latest ones, the number of trees is chosen and the curve learned that makes rates
    honest.

    Parameters
    ----------
    family
        ``boosting`` or ``logistic``.
    target
        ``clicked`` or ``purchased``.
    clip
        Most that one row counts.
    validated
        Share of the lists, the latest, that are kept for the curve.
    """

    def __init__(
        self, *, family: Family = "boosting", target: Target = "clicked", clip: float = 10.0, validated: float = 0.2
    ) -> None:
        if target not in get_args(Target):
            raise UsageError(f"there is no target {target!r}.", fix=f"Choose one of {', '.join(get_args(Target))}.")
        if not clip >= 1 or not 0 < validated < 1:
            raise UsageError(f"clip is {clip:g}, validated {validated:g}; expected 1 or more, and a share.")
        self.family, self.target, self.clip, self.validated = family, target, clip, validated
        self._rates = Calibrated(family)

    @property
    def names(self) -> tuple[str, ...]:
        """The features that it looks at; empty before the fit."""
        return self._rates.names

    @property
    def curve(self) -> Curve:
        """What makes its rates honest."""
        return self._rates.curve

    def fit(self, features: Features, shown: Shown, propensities: Propensities | None = None, *, seed: int = 0) -> Self:
        """Learn from what was shown and its features, row by row; without propensities all places are alike.

        Raises
        ------
        DataError
            If it never happened, or always did.
        """
        if len(features) != len(shown):
            raise UsageError(f"{len(features)} rows of features for {len(shown)} shown.", fix="Give one per row.")
        happened = shown.clicked if self.target == "clicked" else shown.purchased
        places = propensities or Propensities.even()
        targets = places.targets(shown.positions, happened, clip=self.clip)
        self._rates.fit(features, targets, *shown.parted(self.validated), seed=seed)
        return self

    def probabilities(self, features: Features) -> Column:
        """``(m,)``.

        Raises
        ------
        UsageError
            Before a fit, or if the features are others.
        """
        return self._rates.probabilities(features)

    def save(self, directory: Path) -> None:
        """Write it as one json and one safetensors file."""
        own = {"target": self.target, "clip": self.clip, "validated": self.validated}
        settings = {**own, "rates": self._rates.settings()}
        artefacts.write(Artefact(KIND, VERSION, settings, self._rates.arrays()), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the directory holds no rate model, or was changed.
        """
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        own = dict(found.settings)
        rates = Calibrated.restored(own.pop("rates"), found.arrays)
        made = cls(family=rates.family, **own)
        made._rates = rates
        return made


@dataclass(frozen=True, eq=False)
class ByRate:
    """A step that adds ``weight`` times the log of a product's predicted rate against the mean of the candidates.

    The term is ``rule.<name>``; with a large weight the list is ordered by the rate alone. Scores that the model looks
    at are the candidates' terms of the same names.
    """

    model: RateModel
    features: CandidateFeatures
    weight: float = 1.0
    name: str = "click-rate"
    phase: ClassVar[Phase] = Phase.SCORE

    def __call__(self, draft: Draft, request: Request) -> Draft:
        if not len(draft):
            return draft
        wanted = [name.removeprefix("score.") for name in self.model.names if name.startswith("score.")]
        scores = {name: draft.values[:, draft.names.index(name)] for name in wanted if name in draft.names}
        rates = self.model.probabilities(self.features.of_candidates(draft.ids, request, scores))
        told = {id: {"click_rate": float(rate)} for id, rate in zip(draft.ids, rates.tolist(), strict=True)}
        against = np.log(np.maximum(rates, 1e-6) / max(float(rates.mean()), 1e-6))
        return draft.plus(f"rule.{self.name}", self.weight * against).saying(told)
