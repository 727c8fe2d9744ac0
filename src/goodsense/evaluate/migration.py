"""Old vectors in a new space: a linear map, chosen on rows it was not fitted on, that says how good it is.

Ridge regression (Hoerl and Kennard, Technometrics 1970) or the best rotation with one scale (orthogonal Procrustes;
Schönemann, Psychometrika 1966). A map saves encoding anew only what the new encoder would have put in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.errors import UsageError
from goodsense.evaluate.experiment import Interval, bootstrap
from goodsense.types import Embeddings, Vectors, normalise

KIND = "linear-map"
VERSION = 1
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # of ridge, in mean variances of a column
LEAST_ROWS = 30
MOST_JUDGED = 2_000  # rows whose neighbours are compared
GOOD = 0.8  # neighbours kept, relative to chance, from which on a map is worth using

Matrix: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Literal["ridge", "procrustes"]


@dataclass(frozen=True)
class MapQuality:
    """How well mapped vectors stand in for new ones, on rows that neither the fit nor the choice has seen.

    ``cosine`` is between a mapped row and its new one, ``overlap`` the share of its ``k`` nearest new rows that the
    mapped row has too; beside each stands what unrelated rows reach. ``tried`` names every map and its overlap on the
    rows that chose.
    """

    method: Method
    strength: float
    rows: int
    k: int
    cosine: Interval
    cosine_by_chance: float
    overlap: Interval
    overlap_by_chance: float
    tried: tuple[tuple[str, float], ...]

    @property
    def kept(self) -> float:
        """Overlap relative to chance: 1 if all neighbours stay, 0 if no more than by accident."""
        room = 1 - self.overlap_by_chance
        return (self.overlap.mean - self.overlap_by_chance) / room if room > 0 else 1.0

    @property
    def good_enough(self) -> bool:
        """Whether at least four fifths of what could be kept is kept."""
        return self.kept >= GOOD

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kept": self.kept, "good_enough": self.good_enough}


@dataclass(frozen=True, eq=False)
class LinearMap:
    """``rows @ matrix + offset``, brought to unit length where the new space is of unit length.

    ``matrix`` is ``(d_old, d_new)``, ``offset`` ``(d_new,)``.
    """

    matrix: Matrix
    offset: Matrix
    unit: bool
    quality: MapQuality

    def carry(self, block: Embeddings) -> Embeddings:
        """Old vectors in the new space; what is not present stays so.

        Raises
        ------
        UsageError
            If the vectors are of another length than the old space.
        """
        if block.dim != len(self.matrix):
            raise UsageError(f"vectors of {block.dim} columns; the map carries those of {len(self.matrix)}.")
        rows = _carried(block.vectors, self.matrix, self.offset, unit=self.unit)
        kept = np.where(block.present[:, None], rows, 0).astype(np.float32)
        return Embeddings(block.ids, block.owners, kept, block.present)

    def save(self, directory: Path) -> None:
        """Write the map and its quality into ``directory``."""
        settings = {"unit": self.unit, "quality": asdict(self.quality)}
        artefacts.write(
            artefacts.Artefact(KIND, VERSION, settings, {"matrix": self.matrix, "offset": self.offset}), directory
        )

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        quality = dict(found.settings["quality"])
        for name in ("cosine", "overlap"):
            quality[name] = Interval(**quality[name])
        quality["tried"] = tuple((name, score) for name, score in quality["tried"])
        return cls(found.arrays["matrix"], found.arrays["offset"], found.settings["unit"], MapQuality(**quality))


def fit_map(
    old: Embeddings,
    new: Embeddings,
    *,
    k: int = 10,
    strengths: Sequence[float] = STRENGTHS,
    level: float = 0.95,
    seed: int = 0,
) -> LinearMap:
    """Learn to carry old vectors to a new space from products that are in both.

    Three fifths of them fit each map, a fifth chooses (by overlap, then cosine; of equal ones the rotation), a fifth
    says how good the choice is; then it is fitted once more on all.

    Raises
    ------
    UsageError
        If fewer than 30 products are in both, or ``k`` or a strength is not above 0.
    """
    if k < 1 or any(strength <= 0 for strength in strengths):
        raise UsageError(f"k {k} and strengths {tuple(strengths)}; expected numbers above 0.")
    before, after = _paired(old, new)
    unit = bool(np.allclose(np.linalg.norm(after, axis=1), 1, atol=1e-3))
    fitting, choosing, judging = _parts(len(before), seed)
    maps: list[tuple[Method, float]] = [("procrustes", 0.0), *(("ridge", strength) for strength in strengths)]
    scores = [
        _score(before[choosing], after[choosing], _fitted(before[fitting], after[fitting], *each), unit=unit, k=k)
        for each in maps
    ]
    method, strength = maps[max(range(len(maps)), key=lambda at: scores[at])]  # the first of equal ones
    mapped = _carried(before[judging], *_fitted(before[fitting], after[fitting], method, strength), unit=unit)
    overlap = neighbours_kept(mapped, after[judging], k=k)
    shifted = np.roll(after[judging], 1, axis=0)  # every row beside another product's
    quality = MapQuality(
        method=method,
        strength=strength,
        rows=len(judging),
        k=min(k, len(judging) - 1),
        cosine=bootstrap(_cosines(mapped, after[judging]), level=level, seed=seed),
        cosine_by_chance=float(_cosines(mapped, shifted).mean()),
        overlap=bootstrap(overlap, level=level, seed=seed),
        overlap_by_chance=min(k, len(judging) - 1) / (len(judging) - 1),
        tried=tuple((_name(each), score[0]) for each, score in zip(maps, scores, strict=True)),
    )
    matrix, offset = _fitted(before, after, method, strength)
    return LinearMap(matrix, offset, unit, quality)


def neighbours_kept(mapped: Vectors | Matrix, new: Vectors | Matrix, *, k: int) -> Matrix:
    """Share of each row's ``k`` nearest others that its mapped row finds among the new ones too; ``(n,)``.

    Nearness is the cosine; ties go by position.
    """
    shape = (len(new), new.shape[1])
    assert mapped.shape == shape, f"mapped {mapped.shape}, new {shape}"
    k = min(k, len(new) - 1)
    gallery = normalise(new.astype(np.float32))
    found, wanted = _nearest(normalise(mapped.astype(np.float32)), gallery, k), _nearest(gallery, gallery, k)
    shared: Matrix = (found[:, :, None] == wanted[:, None, :]).any(axis=2).mean(axis=1)
    return shared


def _nearest(queries: Vectors, gallery: Vectors, k: int) -> NDArray[np.int64]:
    """Positions ``(n, k)`` of the nearest rows; row ``i`` never finds itself."""
    scores = np.round(queries @ gallery.T, 6)
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def _paired(old: Embeddings, new: Embeddings) -> tuple[Matrix, Matrix]:
    """Rows of the products that are present on both sides, in the order of the old ones."""
    there = {id: row for row, id in enumerate(new.ids) if new.present[row]}
    rows = [row for row, id in enumerate(old.ids) if old.present[row] and id in there]
    if len(rows) < LEAST_ROWS:
        raise UsageError(
            f"{len(rows)} products have both an old and a new vector; a map is fitted on {LEAST_ROWS} or more.",
            fix="Encode some products anew first.",
        )
    others = [there[old.ids[row]] for row in rows]
    return old.vectors[rows].astype(np.float64), new.vectors[others].astype(np.float64)


def _parts(n: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows to fit, to choose and to judge by."""
    order = np.random.default_rng(seed).permutation(n)
    held = n // 5
    return (
        np.sort(order[2 * held :]),
        np.sort(order[:held][:MOST_JUDGED]),
        np.sort(order[held : 2 * held][:MOST_JUDGED]),
    )


def _score(before: Matrix, after: Matrix, fitted: tuple[Matrix, Matrix], *, unit: bool, k: int) -> tuple[float, float]:
    """Overlap and cosine, as far as they mean anything."""
    mapped = _carried(before, *fitted, unit=unit)
    return round(float(neighbours_kept(mapped, after, k=k).mean()), 4), round(float(_cosines(mapped, after).mean()), 4)


def _fitted(before: Matrix, after: Matrix, method: Method, strength: float) -> tuple[Matrix, Matrix]:
    """Matrix and offset that carry ``before`` to ``after``."""
    middle, aim = before.mean(axis=0), after.mean(axis=0)
    left, right = before - middle, after - aim
    matrix = _rotation(left, right) if method == "procrustes" else _ridge(left, right, strength)
    return matrix, aim - middle @ matrix


def _rotation(left: Matrix, right: Matrix) -> Matrix:
    """The orthogonal matrix that turns ``left`` most towards ``right``, times the scale of least squared error.

    Where the lengths differ, its rows or columns are orthonormal.
    """
    u, values, v = np.linalg.svd(left.T @ right, full_matrices=False)
    power = float((left**2).sum()) if left.shape[1] <= right.shape[1] else float(((left @ u) ** 2).sum())
    scale = float(values.sum()) / power if power > 0 else 0.0
    rotation: Matrix = scale * (u @ v)
    return rotation


def _ridge(left: Matrix, right: Matrix, strength: float) -> Matrix:
    gram = left.T @ left
    penalty = max(strength * float(np.trace(gram)) / len(gram), 1e-12)
    solved: Matrix = np.linalg.solve(gram + penalty * np.eye(len(gram)), left.T @ right).astype(np.float64)
    return solved


def _carried(rows: Vectors | Matrix, matrix: Matrix, offset: Matrix, *, unit: bool) -> Matrix:
    mapped: Matrix = rows.astype(np.float64) @ matrix + offset
    if unit:
        lengths = np.linalg.norm(mapped, axis=1, keepdims=True)
        mapped /= np.where(lengths > 1e-12, lengths, 1)
    return mapped


def _cosines(left: Matrix, right: Matrix) -> Matrix:
    products = normalise(left.astype(np.float32)) * normalise(right.astype(np.float32))
    cosines: Matrix = products.sum(axis=1, dtype=np.float64)
    return cosines


def _name(tried: tuple[Method, float]) -> str:
    return tried[0] if tried[0] == "procrustes" else f"ridge {tried[1]:g}"
