"""Standardisation of number rows: fitted on training rows, stored with the model, applied to all others.

A method (:class:`ZScore`, :class:`MinMax`, :class:`Robust`, :class:`UnitLength`, :class:`Whitening`) is settings alone;
its ``fit`` gives what was learned, a frozen value with ``apply``, ``invert`` and ``to_arrays``; :func:`from_arrays`
brings it back. Rows are ``(n, f)``; what is fitted has their type, float32 or float64 (whole numbers become float64).
Later rows never move what was fitted, and numbers that are not finite are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Affine", "Fitted", "MinMax", "Robust", "UnitLength", "Whitened", "Whitening", "ZScore", "from_arrays"]

Rows: TypeAlias = NDArray[Any]  # (n, f), floating
Known: TypeAlias = NDArray[np.bool_]  # (n, f): where a row knows the column

CONSTANT = 1e-9  # a column that spreads no further is constant
QUARTILES = 1.349  # a normal distribution's quartiles lie so many deviations apart


class Fitted(Protocol):
    """What a method learned."""

    def apply(self, rows: Rows) -> Rows: ...
    def invert(self, rows: Rows) -> Rows: ...
    def to_arrays(self) -> dict[str, NDArray[Any]]: ...


@dataclass(frozen=True, eq=False)
class Affine:
    """``(rows - centre) / spread``, column by column; both ``(f,)``."""

    centre: NDArray[Any]
    spread: NDArray[Any]

    def apply(self, rows: Rows) -> Rows:
        """``(n, f)`` to standardised ``(n, f)``."""
        found: Rows = (_checked(rows, len(self.centre)) - self.centre) / self.spread
        return found

    def invert(self, rows: Rows) -> Rows:
        """Standardised rows as they were before."""
        found: Rows = _checked(rows, len(self.centre)) * self.spread + self.centre
        return found

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {"centre": self.centre, "spread": self.spread}

    def onto(self, low: float, high: float) -> Affine:
        """The same, with what was 0 to 1 as ``low`` to ``high``."""
        spread = self.spread / (high - low)
        kind = self.centre.dtype
        return replace(self, centre=(self.centre - low * spread).astype(kind), spread=spread.astype(kind))


@dataclass(frozen=True, eq=False)
class ZScore:
    """Mean 0 and deviation 1; a constant column becomes 0."""

    def fit(self, rows: Rows, mask: Known | None = None) -> Affine:
        """Means and deviations over the rows that know the column (``mask``, else all)."""
        values, known = _training(rows, mask)
        counts = np.maximum(known.sum(axis=0), 1)
        centre = values.sum(axis=0, dtype=np.float64) / counts
        spread = np.sqrt((np.where(known, values - centre, 0.0) ** 2).sum(axis=0) / counts)
        return _affine(centre, spread, values.dtype)


@dataclass(frozen=True)
class MinMax:
    """The range of the training rows becomes ``low`` to ``high``; a constant column their middle.

    Later rows may lie outside, so that nothing is lost and :meth:`Affine.invert` holds.

    Raises
    ------
    ValueError
        If ``low`` is not below ``high``.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not -np.inf < self.low < self.high < np.inf:
            raise ValueError(f"the range is {self.low} to {self.high}; expected a lower and a higher number")

    def fit(self, rows: Rows, mask: Known | None = None) -> Affine:
        """Lowest and highest values over the rows that know the column (``mask``, else all)."""
        values, known = _training(rows, mask)
        ever = known.any(axis=0)
        least = np.where(ever, np.where(known, values, np.inf).min(axis=0, initial=np.inf), 0.0)
        most = np.where(ever, np.where(known, values, -np.inf).max(axis=0, initial=-np.inf), 0.0)
        spread = most.astype(np.float64) - least
        centre = np.where(spread > CONSTANT, least, least - 0.5)
        return _affine(centre, spread, values.dtype).onto(self.low, self.high)


@dataclass(frozen=True)
class Robust:
    """Median 0, and the distance of the quartiles 1; with ``normal`` as for deviations, so that normal columns equal
    :class:`ZScore`. A few wild values change little. A column with half its values equal keeps its unit."""

    normal: bool = False

    def fit(self, rows: Rows, mask: Known | None = None) -> Affine:
        """Medians and quartiles over the rows that know the column (``mask``, else all)."""
        values, known = _training(rows, mask)
        centre, spread = np.zeros(values.shape[1]), np.zeros(values.shape[1])
        for column in np.flatnonzero(known.any(axis=0)):
            lower, centre[column], upper = np.percentile(values[known[:, column], column], (25, 50, 75))
            spread[column] = (upper - lower) / (QUARTILES if self.normal else 1.0)
        return _affine(centre, spread, values.dtype)


@dataclass(frozen=True)
class UnitLength:
    """Rows of Euclidean length 1; zero rows stay zero. Nothing is learned, and lengths do not come back."""

    def fit(self, rows: Rows, mask: Known | None = None) -> UnitLength:
        _training(rows, mask)
        return self

    def apply(self, rows: Rows) -> Rows:
        """``(n, f)`` to unit rows ``(n, f)``."""
        checked = _checked(rows, None)
        largest = np.abs(checked).max(axis=1, keepdims=True, initial=0.0)  # first, lest squares overflow
        scaled = np.divide(checked, largest, out=np.zeros_like(checked), where=largest > 0)
        lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
        found: Rows = np.divide(scaled, lengths, out=np.zeros_like(scaled), where=lengths > 0)
        return found

    def invert(self, rows: Rows) -> Rows:
        raise ValueError("lengths are not kept, so unit rows cannot be turned back")

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {}


@dataclass(frozen=True)
class Whitening:
    """Principal components, each of deviation 1 and uncorrelated with the others (PCA whitening).

    Parameters
    ----------
    dim
        How many components are kept, the strongest first; None for all that vary.
    ridge
        Share of the strongest component's variance that is added to each, so that faint ones, which are mostly noise,
        are not blown up.

    Raises
    ------
    ValueError
        If ``dim`` is below 1 or ``ridge`` negative.
    """

    dim: int | None = None
    ridge: float = 0.0

    def __post_init__(self) -> None:
        if self.dim is not None and self.dim < 1:
            raise ValueError(f"dim is {self.dim}; expected at least 1, or None")
        if not 0 <= self.ridge < np.inf:
            raise ValueError(f"ridge is {self.ridge}; expected 0 or more")

    def fit(self, rows: Rows, mask: Known | None = None) -> Whitened:
        """Components of the rows; with ``mask``, what a row does not know counts as the column's mean."""
        values, known = _training(rows, mask)
        centre = values.sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)
        centred = np.where(known, values - centre, 0.0)
        variances, axes = np.linalg.eigh(centred.T @ centred / max(len(centred), 1))
        order = np.argsort(-variances, kind="stable")[: self.dim]
        variances, axes = variances[order], axes[:, order]
        keep = variances > max(float(variances[0]) if len(variances) else 0.0, CONSTANT) * CONSTANT
        variances, axes = variances[keep], axes[:, keep]
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]) if axes.size else axes
        spread = np.sqrt(variances + self.ridge * variances[:1].sum())
        kind = values.dtype
        return Whitened(centre.astype(kind), axes.astype(kind), spread.astype(kind))


@dataclass(frozen=True, eq=False)
class Whitened:
    """``(rows - centre) @ axes / spread``: ``(f,)``, ``(f, d)``, ``(d,)``."""

    centre: NDArray[Any]
    axes: NDArray[Any]
    spread: NDArray[Any]

    def apply(self, rows: Rows) -> Rows:
        """``(n, f)`` to components ``(n, d)``."""
        found: Rows = (_checked(rows, len(self.centre)) - self.centre) @ self.axes / self.spread
        return found

    def invert(self, rows: Rows) -> Rows:
        """Components as rows; what lay outside the kept ones is lost, and comes back as the mean."""
        found: Rows = (_checked(rows, len(self.spread)) * self.spread) @ self.axes.T + self.centre
        return found

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {"centre": self.centre, "axes": self.axes, "spread": self.spread}


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Fitted:
    """Come back from ``to_arrays`` of any fitted method.

    Raises
    ------
    ValueError
        If the names are of none.
    """
    names = set(arrays)
    if not names:
        return UnitLength()
    if names == {"centre", "spread"}:
        return Affine(arrays["centre"], arrays["spread"])
    if names == {"centre", "axes", "spread"}:
        return Whitened(arrays["centre"], arrays["axes"], arrays["spread"])
    raise ValueError(f"the arrays are {', '.join(sorted(names))}; expected centre and spread, with or without axes")


def _affine(centre: NDArray[Any], spread: NDArray[Any], kind: np.dtype[Any]) -> Affine:
    return Affine(centre.astype(kind), np.where(spread > CONSTANT, spread, 1.0).astype(kind))


def _training(rows: Rows, mask: Known | None) -> tuple[Rows, Known]:
    """The rows with 0 where they know nothing, and where they know."""
    given = np.asarray(rows)
    if mask is None:
        values = _checked(given, None)
        return values, np.ones(values.shape, dtype=np.bool_)
    known = np.asarray(mask, dtype=np.bool_)
    if known.shape != given.shape:
        raise ValueError(f"mask has shape {known.shape}; expected that of the rows, {given.shape}")
    return _checked(np.where(known, given, np.zeros((), given.dtype)), None), known


def _checked(rows: Rows, columns: int | None) -> Rows:
    found = np.asarray(rows)
    if not np.issubdtype(found.dtype, np.floating):
        found = found.astype(np.float64)
    if found.ndim != 2 or (columns is not None and found.shape[1] != columns):
        expected = "(n, f)" if columns is None else f"(n, {columns})"
        raise ValueError(f"rows have shape {found.shape}; expected {expected}")
    if not np.isfinite(found).all():
        place = tuple(int(number) for number in np.argwhere(~np.isfinite(found))[0])
        raise ValueError(f"row {place[0]} has {found[place]} in column {place[1]}; expected finite numbers")
    return found
