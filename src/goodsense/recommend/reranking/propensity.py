"""How likely a place is looked at, learned from clicks; and weights by which clicks count as if all places were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.recommend.reranking.estimators import Logistic
from goodsense.recommend.reranking.features import Features

Positions = NDArray[np.int64]
Clicks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Propensities:
    """``values (p,)``: how likely a place is looked at, against the first one, from the first place on.

    Places beyond the last are looked at as often as the last.
    """

    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or not len(self.values) or not (self.values > 0).all():
            raise UsageError("propensities are none or not positive.", fix="Give one positive number per place.")

    def of(self, positions: Positions) -> NDArray[np.float64]:
        """``(m,)``."""
        found: NDArray[np.float64] = self.values[np.minimum(positions, len(self.values)) - 1]
        return found

    def targets(self, positions: Positions, happened: Clicks, *, clip: float = 10.0) -> NDArray[np.float64]:
        """``1 / propensity`` (at most ``clip``) where something happened, else 0, ``(m,)``.

        Their mean over rows of one kind estimates how often it happens when the place is looked at (Joachims,
        Swaminathan and Schnabel, WSDM 2017), without bias as long as nothing is clipped.
        """
        weights = np.minimum(1.0 / self.of(positions), clip)
        return np.where(happened, weights, 0.0)

    @classmethod
    def even(cls) -> Propensities:
        """Every place is looked at alike."""
        return cls(np.ones(1))


def of_shuffled(positions: Positions, clicked: Clicks) -> Propensities:
    """From lists in random order, where click shares per place differ by looks alone.

    Raises
    ------
    DataError
        If the first place was never clicked.
    """
    shown = np.bincount(positions - 1).astype(np.float64)
    shares = np.bincount(positions - 1, weights=clicked) / np.maximum(shown, 1.0)
    return _against_first(shares, shown)


def by_regression_em(
    features: Features, positions: Positions, clicked: Clicks, *, rounds: int = 30, most: int = 50
) -> Propensities:
    """From lists in any order: regression-based EM (Wang, Golbandi, Bendersky, Metzler and Najork, WSDM 2018).

    A click needs a look and a product that attracts: ``P(click) = looks[place] * attracts(features)``. Whether a place
    without a click was looked at is estimated from both, and both from that, in turn; ``attracts`` is a logistic
    regression. Places and features must not tell the same: where a list is always in the order of one feature, what
    is due to the place and what to the feature stays open, and none of it can be learned.

    Parameters
    ----------
    rounds
        Of both steps.
    most
        Places beyond this one count as this one.

    Raises
    ------
    DataError
        If nothing was clicked, or everything.
    """
    if not clicked.any() or clicked.all():
        raise DataError(
            f"of {len(clicked)} shown products {int(clicked.sum())} were clicked: nothing can be told from that.",
            fix="Give lists with clicks and lists without.",
        )
    places = np.minimum(positions, most) - 1
    shown = np.bincount(places).astype(np.float64)
    looks = np.full(len(shown), 0.5)
    model, attracts = Logistic(rounds=3), np.full(len(clicked), 0.5)
    for _ in range(rounds):
        unseen = 1.0 - looks[places] * attracts
        looked = np.where(clicked, 1.0, looks[places] * (1 - attracts) / unseen)
        wanted = np.where(clicked, 1.0, attracts * (1 - looks[places]) / unseen)
        looks = np.bincount(places, weights=looked) / np.maximum(shown, 1.0)
        looks = np.clip(looks, 1e-3, 1 - 1e-3)
        attracts = np.clip(model.fit(features.values, wanted).predict(features.values), 1e-4, 1 - 1e-4)
    return _against_first(looks, shown)


def _against_first(shares: NDArray[np.float64], shown: NDArray[np.float64]) -> Propensities:
    if not shares[0] > 0:
        raise DataError("what stood first was never clicked.", fix="Give more lists, or propensities of your own.")
    found = shares / shares[0]
    for place in range(1, len(found)):  # of a place that was never shown or clicked, the one before tells
        if not shown[place] or not found[place] > 0:
            found[place] = found[place - 1]
    return Propensities(found)
