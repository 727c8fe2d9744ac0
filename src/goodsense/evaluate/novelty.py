"""How unlike the training products is a product? Two distances, and where they stand among training products' own.

Mahalanobis, P. C. (1936), with the shrunk covariance of Ledoit and Wolf (Journal of Multivariate Analysis, 2004), sees
what is far from all; the distance to the k-th nearest unit row (Sun et al., ICML 2022) what lies between clusters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.errors import UsageError
from goodsense.types import Embeddings, Rows, normalise

KIND = "novelty"
VERSION = 1
FOLDS = 5
MOST_REFERENCES = 20_000  # training rows that neighbours are looked for among
_BLOCK = 1024  # rows compared at once

Column = NDArray[np.float64]  # (n,)
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Novelty:
    """One value per product, NaN where it lacks the block.

    ``mahalanobis`` and ``distance`` are in their own units. ``percentile`` says what share of training products, each
    scored by a detector that had not seen it, are less new: near 100 means unlike anything learned from.
    """

    ids: tuple[str, ...]
    mahalanobis: Column
    distance: Column
    percentile: Column


class NoveltyDetector:
    """Scores how far products lie from those it was fitted on.

    Parameters
    ----------
    k
        The neighbour whose distance counts.

    Notes
    -----
    The two distances are made comparable as percentiles of held-out training rows (five folds); the larger counts, for
    each sees what the other does not. What comes of that is calibrated on the same rows.
    """

    def __init__(self, *, k: int = 5) -> None:
        if k < 1:
            raise UsageError(f"the {k}-th neighbour; expected 1 or more.")
        self.k = k
        self._arrays: dict[str, NDArray[np.float64]] = {}

    @property
    def fingerprint(self) -> str:
        """Names code version, settings and what was fitted."""
        return artefacts.fingerprint(self._artefact())

    def fit(self, block: Embeddings, *, seed: int = 0) -> Self:
        """Learn what is usual from the rows that are present.

        Raises
        ------
        UsageError
            If fewer than three rows are present.
        """
        rows = block.vectors[block.present].astype(np.float64)
        if len(rows) < 3:
            raise UsageError(
                f"novelty is learned from {len(rows)} products with this block; expected three or more.",
                fix="Add products, or leave novelty out.",
            )
        rng = np.random.default_rng(seed)
        fold = rng.permutation(len(rows)) % min(FOLDS, len(rows))
        held = np.empty((len(rows), 2))
        for number in range(fold.max() + 1):
            usual = _usual(rows[fold != number], rng)
            held[fold == number] = _distances(usual, rows[fold == number], self.k)
        own = np.sort(held, axis=0)
        self._arrays = {**_usual(rows, rng), "own": own, "larger": np.sort(_larger(own, held))}
        return self

    def score(self, block: Embeddings) -> Novelty:
        """How new each product is.

        Raises
        ------
        UsageError
            If the detector was not fitted, or the vectors are of another length than those it was fitted on.
        """
        if not self._arrays:
            raise UsageError("novelty is asked for before it was fitted.", fix="Fit the detector on training products.")
        dim = self._arrays["centre"].shape[0]
        if block.dim != dim:
            raise UsageError(f"vectors of {block.dim} columns; novelty was fitted on {dim}.")
        found = np.full((len(block), 3), np.nan)
        distances = _distances(self._arrays, block.vectors[block.present].astype(np.float64), self.k)
        larger = _larger(self._arrays["own"], distances)
        found[block.present] = np.column_stack([distances, percentiles(self._arrays["larger"], larger)])
        return Novelty(block.ids, found[:, 0], found[:, 1], found[:, 2])

    def save(self, directory: Path) -> None:
        """Write settings and what was fitted into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        detector = cls(k=found.settings["k"])
        detector._arrays = dict(found.arrays)
        return detector

    def _artefact(self) -> artefacts.Artefact:
        return artefacts.Artefact(KIND, VERSION, {"k": self.k}, self._arrays)


@dataclass(frozen=True, eq=False)
class CategorySplit:
    """One category held out: ``test`` are its rows, ``train`` those of every other category."""

    name: str
    train: Rows
    test: Rows


def leave_one_category_out(categories: Sequence[str | None], *, least: int = 1) -> Iterator[CategorySplit]:
    """Every category with at least ``least`` rows in turn, by name.

    A row without a category (None or empty) is in no split: it could belong to the one held out.

    Raises
    ------
    UsageError
        If there are fewer than two categories.
    """
    labels = np.array([category or "" for category in categories], dtype=np.str_)
    known = labels != ""
    names, counts = np.unique(labels[known], return_counts=True)
    if len(names) < 2:
        raise UsageError(
            f"{len(names)} categories among {len(labels)} products; leaving one out takes two or more.",
            fix="Name a field that divides the products.",
        )
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        if count >= least:
            yield CategorySplit(name, np.flatnonzero(known & (labels != name)), np.flatnonzero(labels == name))


def separation(usual: Column, new: Column) -> float:
    """How well scores tell new from usual rows: the chance that a new one scores higher (area under the ROC curve)."""
    if not (len(usual) and len(new)):
        raise UsageError(f"{len(usual)} usual and {len(new)} new scores; expected one or more of each.")
    return float(percentiles(np.sort(usual), new).mean() / 100)


def percentiles(ordered: Column, values: Column) -> Column:
    """Per cent of ``ordered`` (ascending) below each value, equal ones counted half. ``(m,), (n,) -> (n,)``."""
    below, upto = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    found: Column = (below + upto) / (2 * len(ordered)) * 100
    return found


def shrunk_covariance(rows: Matrix) -> Matrix:
    """Covariance of ``(n, d)`` rows, drawn towards a multiple of the identity as far as Ledoit and Wolf (2004) say."""
    n, d = rows.shape
    centred = rows - rows.mean(axis=0)
    sample = centred.T @ centred / n  # (d, d)
    level = float(np.trace(sample) / d)
    apart = float(((sample - level * np.eye(d)) ** 2).sum())
    noise = max(0.0, float((np.einsum("nd,nd->n", centred, centred) ** 2).sum() / n - (sample**2).sum()) / n)
    share = min(noise / apart, 1.0) if apart > 0 else 1.0
    found: Matrix = (1 - share) * sample + share * level * np.eye(d)
    return found


def _usual(rows: Matrix, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Centre ``(d,)``, whitening ``(d, d)`` with ``|x @ whitening|`` the Mahalanobis distance, unit references."""
    values, axes = np.linalg.eigh(shrunk_covariance(rows))
    floor = max(float(values.max()) * 1e-9, 1e-12)  # identical rows have no spread at all
    kept = np.sort(rng.permutation(len(rows))[:MOST_REFERENCES])
    references = normalise(rows[kept].astype(np.float32)).astype(np.float64)
    return {
        "centre": rows.mean(axis=0),
        "whitening": axes / np.sqrt(values.clip(min=floor)),
        "references": references,
    }


def _larger(own: Matrix, distances: Matrix) -> Column:
    """The larger percentile of both distances among ``own``, each of its columns ascending."""
    return np.maximum(*(percentiles(own[:, at], distances[:, at]) for at in (0, 1)))


def _distances(usual: dict[str, NDArray[np.float64]], rows: Matrix, k: int) -> Matrix:
    """Mahalanobis and k-th neighbour's distance, ``(n, 2)``; with fewer references than ``k`` the farthest counts."""
    far = np.linalg.norm((rows - usual["centre"]) @ usual["whitening"], axis=1)
    unit = normalise(rows.astype(np.float32)).astype(np.float64)
    references = usual["references"]
    at = min(k, len(references)) - 1
    near = np.empty(len(rows))
    lengths = np.einsum("nd,nd->n", references, references)
    for start in range(0, len(rows), _BLOCK):
        part = unit[start : start + _BLOCK]
        squared = (part**2).sum(axis=1)[:, None] + lengths - 2 * part @ references.T  # (block, references)
        near[start : start + _BLOCK] = np.partition(squared, at, axis=1)[:, at]
    return np.column_stack([far, np.sqrt(near.clip(min=0))])
