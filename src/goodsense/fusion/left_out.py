"""Ridge regression solved once, and what it would have foretold of each row had it not learned from it.

The error of a linear smoother on a row that is left out is its error over one less its leverage (Allen, "The
Relationship between Variable Selection and Data Augmentation and a Method for Prediction", Technometrics 1974), so
leaving out every row in turn costs no second fit.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from goodsense.types import Vectors

Factor: TypeAlias = Vectors  # lower triangle (m, m); what stands above it means nothing


def factored(table: Vectors) -> Factor:
    """The Cholesky factor of a symmetric positive definite table ``(m, m)``, in place."""
    from scipy.linalg import cho_factor

    return np.asarray(cho_factor(table, lower=True, overwrite_a=True)[0])


def solved(factor: Factor, goal: Vectors) -> Vectors:
    """``table @ x = goal``: ``(m, m), (m, t) -> (m, t)``."""
    from scipy.linalg import cho_solve

    return np.asarray(cho_solve((factor, True), goal), dtype=np.float32)


def inverse_diagonal(factor: Factor) -> Vectors:
    """Of the table's inverse: ``(m, m) -> (m,)``."""
    from scipy.linalg.lapack import get_lapack_funcs

    if not len(factor):
        return np.zeros(0, dtype=np.float32)
    (inverted,) = get_lapack_funcs(("trtri",), (factor,))
    triangle = np.tril(inverted(factor, lower=1)[0])
    return np.asarray(np.square(triangle).sum(axis=0), dtype=np.float32)


def leverages(factor: Factor, rows: Vectors) -> Vectors:
    """How much each row of features ``(n, m)`` weighs in what is foretold of itself: ``(n,)``, below 1."""
    from scipy.linalg import solve_triangular

    if not len(factor):
        return np.zeros(len(rows), dtype=np.float32)
    found = solve_triangular(factor, rows.T, lower=True)  # (m, n)
    return np.asarray(np.minimum(np.square(found).sum(axis=0), 0.999), dtype=np.float32)
