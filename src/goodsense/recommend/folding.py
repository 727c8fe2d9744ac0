"""From a history to the vector of a shopper, where a model learned one vector per shopper."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_RIDGE = 1e-3  # of the mean square of a profile's columns


def profiles(taken: Any, items: Matrix) -> Matrix:
    """The sum of the vectors of the items of each history over the root of their number, ``(b, dim)``."""
    counts = np.sqrt(np.maximum(np.diff(taken.indptr), 1))[:, None]
    found: Matrix = (taken @ items) / counts
    return found


def unfolding(taken: Any, items: Matrix, users: Matrix) -> Matrix:
    """The linear map ``(dim, dim)`` by which profiles of shoppers come nearest to the vectors learned for them.

    Ridge regression over all shoppers who took something; whoever comes later gets ``profiles(...) @ map``, the same
    as everybody else.
    """
    known = np.diff(taken.indptr) > 0
    found = profiles(taken[known], items)
    gram = found.T @ found
    ridge = max(_RIDGE * float(np.trace(gram)) / max(len(gram), 1), 1e-12)
    solved: Matrix = np.linalg.solve(gram + ridge * np.eye(len(gram)), found.T @ users[known])
    return solved
