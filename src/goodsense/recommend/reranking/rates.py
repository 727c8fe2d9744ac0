"""How likely a product is clicked, or bought, when it is looked at: a calibrated model over candidate features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.artefacts import Artefact
from goodsense.errors import DataError, UsageError
from goodsense.recommend.reranking.draft import Draft, Phase, Request
from goodsense.recommend.reranking.estimators import Boosting, Estimator, Logistic
from goodsense.recommend.reranking.features import CandidateFeatures, Features
from goodsense.recommend.reranking.propensity import Propensities
from goodsense.recommend.reranking.shown import Shown

Family: TypeAlias = Literal["boosting", "logistic"]
Target: TypeAlias = Literal["clicked", "purchased"]
Curve: TypeAlias = Literal["isotonic", "platt", "none"]
Column: TypeAlias = NDArray[np.float64]

FAMILIES: Mapping[str, Callable[[], Estimator]] = {"boosting": Boosting, "logistic": Logistic}
_FEW = 100  # positive rows below which a curve of two numbers is learned instead of a step function
KIND, VERSION = "rate-model", 1


class RateModel:
    """Click or purchase rates of products that are looked at, whatever their place.

    Rows where it happened count by the inverse of how likely their place was looked at
    (:class:`~goodsense.recommend.reranking.propensity.Propensities`), so the place is no feature, and none is needed
    to predict. On other lists, the latest ones, the number of trees is chosen and a monotone curve learned that makes
    rates honest: isotonic regression (Zadrozny and Elkan, KDD 2002), or Platt's sigmoid where positives are few.

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
        if family not in FAMILIES or target not in get_args(Target):
            raise UsageError(
                f"there is no rate model {family!r} of {target!r}.",
                fix=f"Choose one of {', '.join(FAMILIES)}, and one of {', '.join(get_args(Target))}.",
            )
        if not clip >= 1 or not 0 < validated < 1:
            raise UsageError(f"clip is {clip:g}, validated {validated:g}; expected 1 or more, and a share.")
        self.family, self.target, self.clip, self.validated = family, target, clip, validated
        self.names: tuple[str, ...] = ()
        self.curve: Curve = "none"
        self._estimator: Estimator = FAMILIES[family]()
        self._knots = np.zeros((2, 0))

    def fit(self, features: Features, shown: Shown, propensities: Propensities | None = None, *, seed: int = 0) -> Self:
        """Learn from what was shown and its features, row by row.

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
        learned, held = shown.parted(self.validated)
        if not happened[learned].any() or happened[learned].all():
            raise DataError(
                f"of {len(learned)} shown products {int(happened[learned].sum())} were {self.target}: nothing can be "
                "told apart.",
                fix="Give more lists.",
            )
        self.names = features.names
        self._estimator = FAMILIES[self.family]()
        self._estimator.fit(features.values[learned], targets[learned], seed=seed)
        self._estimator.keep(features.values[held], targets[held])
        self._calibrate(features.values[held], targets[held])
        return self

    def probabilities(self, features: Features) -> Column:
        """``(m,)``.

        Raises
        ------
        UsageError
            Before a fit, or if the features are others.
        """
        if not self.names:
            raise UsageError("this rate model was not fitted yet.", fix="Call fit, or load a fitted one.")
        if features.names != self.names:
            other = sorted(set(features.names) ^ set(self.names))
            raise UsageError(f"features differ from those learned: {', '.join(other[:5])}.", fix="Make the same ones.")
        return calibrated(self._estimator.predict(features.values), self.curve, self._knots)

    def save(self, directory: Path) -> None:
        """Write it as one json and one safetensors file."""
        settings = {
            "family": self.family,
            "target": self.target,
            "clip": self.clip,
            "validated": self.validated,
            "names": list(self.names),
            "curve": self.curve,
        }
        arrays = {**self._estimator.arrays(), "knots": self._knots}
        artefacts.write(Artefact(KIND, VERSION, settings, arrays), directory)

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
        names, curve = own.pop("names"), own.pop("curve")
        made = cls(**own)
        made.names, made.curve, made._knots = tuple(names), curve, found.arrays["knots"]
        made._estimator.restore(found.arrays)
        return made

    def _calibrate(self, values: NDArray[np.float64], targets: Column) -> None:
        self.curve, self._knots = fit_curve(self._estimator.predict(values) if len(values) else np.zeros(0), targets)


def fit_curve(predicted: Column, targets: Column) -> tuple[Curve, NDArray[np.float64]]:
    """A monotone curve from what was predicted to the mean of targets, and its knots.

    Isotonic regression gives knots ``(2, j)`` between which is interpolated; Platt's sigmoid two numbers over the
    log-odds, ``(2, 1)``. Where nothing happened, nothing is learned.
    """
    positive = int((targets > 0).sum())
    if not positive or positive == len(targets):
        return "none", np.zeros((2, 0))
    if positive < _FEW:
        odds = _log_odds(predicted)
        model = Logistic(ridge=1e-3).fit(odds[:, None], targets)
        at = _log_odds(model.predict(np.array([[0.0], [1.0]])))
        return "platt", np.array([[max(0.0, at[1] - at[0])], [at[0]]])
    from scipy.optimize import isotonic_regression

    order = np.lexsort((-targets, predicted))
    found, begins = np.unique(predicted[order], return_index=True)
    counts = np.diff(np.append(begins, len(order)))
    means = np.add.reduceat(targets[order], begins) / counts
    steps = isotonic_regression(means, weights=counts.astype(np.float64)).x
    ends = np.flatnonzero((np.diff(steps, prepend=-1.0) != 0) | (np.diff(steps, append=2e9) != 0))
    return "isotonic", np.stack([found[ends], steps[ends]])


def calibrated(predicted: Column, curve: Curve, knots: NDArray[np.float64]) -> Column:
    """Probabilities ``(m,)`` by a curve of :func:`fit_curve`."""
    if curve == "isotonic":
        predicted = np.interp(predicted, knots[0], knots[1])
    elif curve == "platt":
        predicted = 1 / (1 + np.exp(-(knots[0, 0] * _log_odds(predicted) + knots[1, 0])))
    return np.clip(predicted, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class ByRate:
    """A step that adds ``weight`` times the log of a product's predicted rate against the mean of the candidates.

    The term is ``rule.<name>``; with a large weight the list is ordered by the rate alone.
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


def _log_odds(values: Column) -> Column:
    clipped = np.clip(values, 1e-9, 1 - 1e-9)
    found: Column = np.log(clipped / (1 - clipped))
    return found
