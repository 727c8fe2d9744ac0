"""A bigger recipe's vectors in fewer columns: in closed form or by a small network, with what is lost of retrieval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors, normalise

Method: TypeAlias = Literal["pca", "ridge", "network"]

DIM = 256
DEPTHS = (1, 10, 100)  # of retrieval, at which the loss is reported
AT_ONCE = 1_024  # queries that are compared at a time
TIED = 1e-6  # similarities that differ no more are equal
_PURPOSE = "distillation"


class Student(Protocol):
    """What stands for the teacher: rows ``(n, p)`` to unit rows ``(n, dim)``."""

    @property
    def dim(self) -> int: ...

    def apply(self, rows: Vectors) -> Vectors: ...


@dataclass(frozen=True, eq=False)
class LinearStudent:
    """``normalise((x - centre) @ axes + shift)``: ``(p,)``, ``(p, d)`` and ``(d,)``."""

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]
    shift: NDArray[np.float32]

    @property
    def dim(self) -> int:
        return int(self.axes.shape[1])

    def apply(self, rows: Vectors) -> Vectors:
        """``(n, p)`` to unit rows ``(n, d)``."""
        moved = (rows.astype(np.float32, copy=False) - self.centre) @ self.axes + self.shift
        return normalise(np.asarray(moved, dtype=np.float32))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {"centre": self.centre, "axes": self.axes, "shift": self.shift}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> LinearStudent:
        """Come back from :meth:`to_arrays`."""
        return cls(arrays["centre"], arrays["axes"], arrays["shift"])


@dataclass(frozen=True)
class DistillationReport:
    """What the student keeps of the teacher's retrieval.

    Parameters
    ----------
    method, teacher_dim, dim
        What was distilled into what.
    fitted, queries, gallery
        Products learned from, products whose neighbours were compared, and products searched. Queries were not learned
        from, unless ``seen`` says so: there were too few to hold any out.
    overlap
        Depth -> share of the student's nearest that are among the teacher's nearest; 1 is no loss.
    similarity_error
        Root of the mean squared difference of the similarities.
    """

    method: Method
    teacher_dim: int
    dim: int
    fitted: int
    queries: int
    gallery: int
    seen: bool
    overlap: Mapping[int, float] = field(default_factory=dict)
    similarity_error: float = math.nan


@dataclass(frozen=True, eq=False)
class Distilled:
    """A student, and what it keeps."""

    student: Student
    report: DistillationReport

    def encode(self, inputs: Embeddings) -> Embeddings:
        """Unit rows ``(n, dim)``; products without input are not present, and zero."""
        rows = np.where(inputs.present[:, None], self.student.apply(inputs.vectors), np.float32(0))
        return Embeddings(inputs.ids, inputs.owners, rows, inputs.present)


# ---- what is lost


def overlap_at_k(teacher: Vectors, student: Vectors, k: int, *, queries: NDArray[np.int64] | None = None) -> float:
    """Recall overlap: share of a row's ``k`` nearest by the student that the teacher puts as near as its own ``k``.

    Rows that the teacher holds equally near count alike, so ties cost nothing; without ties this is the size of the
    common set over ``k``. No row is its own neighbour.

    Parameters
    ----------
    teacher, student
        ``(n, D)`` and ``(n, d)``, of the same products; compared by cosine.
    k
        At most ``n - 1`` are looked at.
    queries
        Rows whose neighbours are compared; all by default.

    Raises
    ------
    UsageError
        If there are fewer than two rows, or ``k`` is below 1.
    """
    if len(teacher) != len(student) or len(teacher) < 2 or k < 1:
        raise UsageError(
            f"the teacher has {len(teacher)} rows, the student {len(student)}, and k is {k}; "
            "expected two rows or more, as many on both sides, and k from 1 up."
        )
    asked = np.arange(len(teacher)) if queries is None else queries
    left, right, k = normalise(teacher), normalise(student), min(k, len(teacher) - 1)
    kept = 0
    for start in range(0, len(asked), AT_ONCE):
        rows = asked[start : start + AT_ONCE]
        near, told = left[rows] @ left.T, right[rows] @ right.T  # (b, n)
        near[np.arange(len(rows)), rows] = told[np.arange(len(rows)), rows] = -np.inf
        bound = -np.partition(-near, k - 1, axis=1)[:, k - 1, None]
        chosen = np.argpartition(-told, k - 1, axis=1)[:, :k]
        kept += int((np.take_along_axis(near, chosen, axis=1) >= bound - TIED).sum())
    return kept / (k * max(len(asked), 1))


def similarity_error(teacher: Vectors, student: Vectors, *, queries: NDArray[np.int64]) -> float:
    """Root of the mean squared difference of the cosines of the queries to all other rows."""
    left, right, total = normalise(teacher), normalise(student), 0.0
    for start in range(0, len(queries), AT_ONCE):
        rows = queries[start : start + AT_ONCE]
        missed = (left[rows] @ left.T - right[rows] @ right.T).astype(np.float64)
        missed[np.arange(len(rows)), rows] = 0.0
        total += float(np.square(missed).sum())
    return math.sqrt(total / max(1, len(queries) * (len(teacher) - 1)))


# ---- closed form


def pca_student(teacher: Vectors, dim: int = DIM) -> LinearStudent:
    """The ``dim`` directions that keep most of the teacher's inner products.

    Rows are not centred: the best low-rank table of inner products is that of the uncentred rows (Eckart and Young,
    Psychometrika, 1936). At most as many columns as the teacher has.
    """
    _check(teacher, dim)
    rows = normalise(teacher).astype(np.float64)
    _, axes = np.linalg.eigh(rows.T @ rows)  # ascending
    axes = axes[:, ::-1][:, :dim]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    width = teacher.shape[1]
    return LinearStudent(
        np.zeros(width, dtype=np.float32), axes.astype(np.float32), np.zeros(axes.shape[1], dtype=np.float32)
    )


def ridge_student(inputs: Vectors, teacher: Vectors, dim: int = DIM, *, ridge: float = 1e-2) -> LinearStudent:
    """Ridge regression from other, cheaper inputs ``(n, p)`` to the teacher's leading directions.

    ``ridge`` is the penalty, as a share of the mean variance of the inputs' columns.
    """
    _check(teacher, dim)
    if len(inputs) != len(teacher) or not 0 < ridge < math.inf:
        raise UsageError(f"{len(inputs)} inputs for {len(teacher)} rows, ridge {ridge}; expected as many, and above 0.")
    wanted = pca_student(teacher, dim).apply(teacher).astype(np.float64)
    centre, shift = inputs.mean(axis=0, dtype=np.float64), wanted.mean(axis=0)
    rows = inputs - centre
    table = rows.T @ rows
    penalty = ridge * float(np.trace(table)) / max(len(table), 1) or 1.0
    axes = np.linalg.solve(table + penalty * np.eye(len(table)), rows.T @ (wanted - shift))
    return LinearStudent(centre.astype(np.float32), axes.astype(np.float32), shift.astype(np.float32))


# ---- all at once


def distil(
    teacher: Embeddings,
    inputs: Embeddings | None = None,
    *,
    method: Method = "pca",
    dim: int = DIM,
    held_out: float = 0.2,
    depths: Sequence[int] = DEPTHS,
    seed: int = 0,
    progress: Progress = silent,
) -> Distilled:
    """Learn a student on most products, and measure on the others what it keeps of the teacher's retrieval.

    Parameters
    ----------
    teacher
        The bigger recipe's vectors, such as :class:`goodsense.learning.ensemble.TowerEnsemble` makes them.
    inputs
        What the student sees of the same products; the teacher's own vectors by default. ``pca`` knows no other.
    method
        ``pca`` and ``ridge`` are closed forms; ``network`` starts from ridge and is trained (needs torch).
    dim
        Columns of the student, at most as many as the teacher has.
    held_out
        Share of the products that the figures are of. They are found among all products.
    depths
        At which the overlap is reported, at most the number of other products.

    Raises
    ------
    UsageError
        If fewer than two products have both sides, ids differ, or the method or ``dim`` is unknown.
    """
    if method not in ("pca", "ridge", "network"):
        raise UsageError(f"method is {method!r}; expected 'pca', 'ridge' or 'network'.")
    given = teacher if inputs is None else inputs
    if given.ids != teacher.ids:
        raise UsageError("teacher and inputs have different ids, or another order of them.")
    if method == "pca" and inputs is not None:
        raise UsageError("pca distils the teacher's own vectors.", fix="Use method='ridge' or 'network' with inputs.")
    usable = np.flatnonzero(teacher.present & given.present)
    if len(usable) < 2 or not 0 <= held_out < 1:
        raise UsageError(
            f"{len(usable)} products have both sides, and {held_out:g} are to be held out; "
            "expected two or more, and a share below 1.",
            fix="Distil more products.",
        )
    order = np.random.default_rng(seed).permutation(len(usable))
    aside = int(held_out * len(usable))
    queries, learned = (np.sort(order[:aside]), np.sort(order[aside:])) if aside else (np.sort(order),) * 2
    told, rows = teacher.vectors[usable], given.vectors[usable]
    student = _learned(method, rows[learned], told[learned], dim, seed, progress)
    small, deep = student.apply(rows), sorted({min(k, len(usable) - 1) for k in depths})
    report = DistillationReport(
        method,
        teacher.dim,
        student.dim,
        len(learned),
        len(queries),
        len(usable),
        seen=aside == 0,
        overlap={k: overlap_at_k(told, small, k, queries=queries) for k in deep},
        similarity_error=similarity_error(told, small, queries=queries),
    )
    return Distilled(student, report)


def _learned(method: Method, rows: Vectors, told: Vectors, dim: int, seed: int, progress: Progress) -> Student:
    if method == "pca":
        return pca_student(told, dim)
    if method == "ridge":
        return ridge_student(rows, told, dim)
    from goodsense.learning.students import network_student

    return network_student(rows, told, dim, seed=seed, progress=progress)


def _check(teacher: Vectors, dim: int) -> None:
    if teacher.ndim != 2 or not len(teacher) or dim < 1:
        raise UsageError(f"the teacher is {teacher.shape}, and dim is {dim}; expected rows (n, D), and dim from 1 up.")
