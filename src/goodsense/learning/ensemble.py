"""Several towers as one vector: each tower's rows scaled so that its scores have deviation 1, then concatenated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.block_rows import check_blocks
from goodsense.standardise import Affine, ZScore
from goodsense.types import Embeddings, Vectors, normalise

Scale: TypeAlias = Literal["scores", "columns"]

ALL_ALIKE = 0.999  # unit rows whose mean is this long hardly differ
SAMPLED = 2_000  # rows of either side whose scores are measured
FLAT = 1e-6  # scores that deviate no further are all equal
_PURPOSE = "an ensemble of towers"


@dataclass(frozen=True, eq=False)
class _Tower:
    """What one side of a tower is centred and scaled by: ``(x - centre) / spread``."""

    affine: Affine
    unit: bool  # rows are brought to unit length before and after

    def apply(self, block: Embeddings) -> Vectors:
        rows = normalise(block.vectors) if self.unit else block.vectors.astype(np.float32, copy=False)
        moved = self.affine.apply(rows).astype(np.float32)
        moved = normalise(moved) if self.unit else moved / np.float32(math.sqrt(max(block.dim, 1)))
        found: Vectors = np.where(block.present[:, None], moved, np.float32(0))
        return found


class TowerEnsemble:
    """Towers, each in a slot of its own: the inner product of two products is the sum of the towers' z-scored scores.

    With ``scale="scores"`` the rows of a tower are centred, brought to unit length, and weighed by one over the
    deviation that its scores have over pairs of different products: ranking by the inner product is then ranking by
    the mean of z-scores, as in late fusion by CombSUM (Fox & Shaw, TREC-2 1994), with one vector per product and any
    vector index. With ``scale="columns"`` every column is z-scored instead, and a tower weighs the same whatever its
    width. Products are brought to unit length at the end, so one that lacks towers is as long as any other.

    Parameters
    ----------
    weights
        Tower -> weight from 0 up on top of the scale; None weighs all alike. Towers of weight 0 have no slot.
    scale
        What is brought to deviation 1.
    """

    def __init__(self, weights: Mapping[str, float] | None = None, *, scale: Scale = "scores") -> None:
        if scale not in ("scores", "columns"):
            raise UsageError(f"scale is {scale!r}; expected 'scores' or 'columns'.")
        for name, weight in (weights or {}).items():
            if not 0 <= weight < math.inf:
                raise UsageError(f"the tower {name!r} has the weight {weight}; expected a finite number from 0 up.")
        self._given = None if weights is None else {name: float(weights[name]) for name in sorted(weights)}
        self._scale: Scale = scale
        self._sides: tuple[dict[str, _Tower], dict[str, _Tower]] = ({}, {})
        self._weights: dict[str, float] = {}  # what a slot's terms are multiplied by

    @property
    def dims(self) -> Mapping[str, int]:
        """Tower -> length of its slot, in the order of the slots; empty before :meth:`fit`."""
        return {name: len(self._sides[0][name].affine.centre) for name in self._weights}

    @property
    def dim(self) -> int:
        """Length of joined vectors; 0 before :meth:`fit`."""
        return sum(self.dims.values())

    @property
    def weights(self) -> Mapping[str, float]:
        """Tower -> what its scores are multiplied by, deviation included."""
        return dict(self._weights)

    def fit(
        self, towers: Mapping[str, Embeddings], *, against: Mapping[str, Embeddings] | None = None, seed: int = 0
    ) -> Self:
        """Learn centres and deviations.

        Parameters
        ----------
        towers
            Tower -> its vectors of the products.
        against
            The other side, where scores are between two: the same towers' vectors of pictures, when ``towers`` are
            those of texts. Each side is centred by itself.
        seed
            Decides which rows' scores are measured, where there are many.

        Raises
        ------
        UsageError
            If a tower has no product, the sides differ in towers or widths, or every weight is 0.
        """
        other = towers if against is None else against
        names = self._checked(towers, other)
        self._sides = (self._fitted(towers, names), self._fitted(other, names))
        self._weights = {}
        for place, name in enumerate(names):
            given = 1.0 if self._given is None else self._given[name]
            rng = np.random.default_rng([seed, place])
            spread = self._deviation(name, towers[name], other[name], rng) if self._scale == "scores" else 1.0
            self._weights[name] = given / spread
        return self

    def join(self, towers: Mapping[str, Embeddings], *, against: bool = False) -> Embeddings:
        """One unit vector per product: ``(n, dim)``; products without any tower are not present, and zero.

        Towers may be left out. With ``against``, the rows are of the other side.

        Raises
        ------
        UsageError
            Before :meth:`fit`, or if a tower is unknown, has another width, or other ids than the rest.
        """
        if not self._weights:
            raise UsageError(f"{_PURPOSE} was not fitted yet.", fix="Call fit(towers) first.")
        n, side = check_blocks(towers, purpose=_PURPOSE), self._sides[against]
        for name, block in towers.items():
            self._check_known(name, block)
        joined = np.zeros((n, self.dim), dtype=np.float32)
        for name, place in self._slots().items():
            if name in towers:
                joined[:, place] = side[name].apply(towers[name]) * np.float32(math.sqrt(self._weights[name]))
        joined, first = normalise(joined), next(iter(towers.values()))
        present = np.asarray(joined.any(axis=1), dtype=np.bool_)
        return Embeddings(first.ids, first.owners, joined, present)

    def terms(self, a: Vectors, b: Vectors) -> Mapping[str, NDArray[np.float64]]:
        """What each tower adds to the inner products of joined rows ``(n, dim)``: tower -> ``(n,)``; they sum to it."""
        if not self._weights or a.shape[-1] != self.dim or b.shape[-1] != self.dim:
            raise UsageError(f"joined vectors are {a.shape} and {b.shape}; expected rows of {self.dim}.")
        left, right = np.atleast_2d(a).astype(np.float64), np.atleast_2d(b).astype(np.float64)
        return {name: (left[:, place] * right[:, place]).sum(axis=1) for name, place in self._slots().items()}

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for safetensors."""
        settings = {"given": self._given, "scale": self._scale, "weights": self._weights}
        arrays = {
            f"{side}.{name}.{part}": array
            for side, towers in enumerate(self._sides)
            for name, tower in towers.items()
            for part, array in tower.affine.to_arrays().items()
        }
        return settings, arrays

    @classmethod
    def from_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Come back from :meth:`to_parts`."""
        ensemble = cls(settings["given"], scale=settings["scale"])
        ensemble._weights = {name: float(settings["weights"][name]) for name in sorted(settings["weights"])}
        for number, side in enumerate(ensemble._sides):
            for name in ensemble._weights:
                affine = Affine(arrays[f"{number}.{name}.centre"], arrays[f"{number}.{name}.spread"])
                side[name] = _Tower(affine, settings["scale"] == "scores")
        return ensemble

    def _slots(self) -> dict[str, slice]:
        ends = np.cumsum([0, *self.dims.values()]).tolist()
        return {name: slice(ends[place], ends[place + 1]) for place, name in enumerate(self.dims)}

    def _fitted(self, towers: Mapping[str, Embeddings], names: list[str]) -> dict[str, _Tower]:
        made = _centred if self._scale == "scores" else _columns
        return {name: made(towers[name]) for name in names}

    def _deviation(self, name: str, a: Embeddings, b: Embeddings, rng: np.random.Generator) -> float:
        """How far the scores of different products spread; 1 where they do not."""
        left, right = (
            rng.permutation(np.flatnonzero(block.present))[:SAMPLED]
            for block in (a, b)  # a fresh order for each side
        )
        rows = self._sides[0][name].apply(a.take(left)), self._sides[1][name].apply(b.take(right))
        owners = np.array(a.owners, dtype=np.str_)[left], np.array(b.owners, dtype=np.str_)[right]
        others = owners[0][:, None] != owners[1][None, :]
        scores = (rows[0].astype(np.float64) @ rows[1].astype(np.float64).T)[others]
        spread = float(scores.std()) if len(scores) else 0.0
        return spread if spread > FLAT else 1.0

    def _checked(self, towers: Mapping[str, Embeddings], other: Mapping[str, Embeddings]) -> list[str]:
        check_blocks(towers, purpose=_PURPOSE)
        check_blocks(other, purpose=_PURPOSE)
        known = sorted(towers) if self._given is None else [name for name in self._given if self._given[name] > 0]
        if not known:
            raise UsageError(f"{_PURPOSE} has no tower of a weight above 0.", fix="Give one a weight.")
        strange = (set(towers) | set(other)) - set(known if self._given is None else self._given)
        if strange:
            raise UsageError(f"{_PURPOSE} got {min(strange)!r}; expected {', '.join(known)} on both sides.")
        for name in known:
            if name not in towers or name not in other or towers[name].dim != other[name].dim:
                raise UsageError(f"the tower {name!r} must be given on both sides, with equal widths.")
            if not (towers[name].present.any() and other[name].present.any()):
                raise UsageError(f"no product has the tower {name!r}.", fix="Leave this tower out, or fill it.")
        return known

    def _check_known(self, name: str, block: Embeddings) -> None:
        if name not in self._weights and name not in (self._given or {}):
            raise UsageError(f"{_PURPOSE} got {name!r}; it was fitted on {', '.join(self._weights)}.")
        if name in self._weights and block.dim != self.dims[name]:
            raise UsageError(f"the tower {name!r} has {block.dim} columns; its slot has {self.dims[name]}.")


def _centred(block: Embeddings) -> _Tower:
    """Mean of the unit rows; zero where centring would leave nothing, as with one product or many equal ones."""
    rows = normalise(block.vectors[block.present])
    mean = rows.sum(axis=0, dtype=np.float64) / max(len(rows), 1)
    if np.linalg.norm(mean) > ALL_ALIKE:
        mean[:] = 0
    return _Tower(Affine(mean.astype(np.float32), np.ones(block.dim, dtype=np.float32)), unit=True)


def _columns(block: Embeddings) -> _Tower:
    """Means and deviations of the columns over the products that have the tower."""
    return _Tower(ZScore().fit(block.vectors[block.present].astype(np.float32)), unit=False)
