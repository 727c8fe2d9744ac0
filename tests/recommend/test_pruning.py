"""Pruned sparse products against dense ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array

from goodsense.recommend import pruning
from goodsense.recommend.pruning import pruned_product, row_blocks, strongest, without_diagonal


def brute(dense: np.ndarray, k: int, *, by_size: bool = False) -> np.ndarray:
    """The ``k`` largest stored entries of every row, one by one; of equal ones the first."""
    found = np.zeros_like(dense)
    for row, own in enumerate(dense):
        columns = np.flatnonzero(own).tolist()
        best = sorted(columns, key=lambda column: (-(abs(own[column]) if by_size else own[column]), column))
        found[row, best[:k]] = own[best[:k]]
    return found


def numbers(rows: int, columns: int, seed: int) -> csr_matrix:
    """Whole numbers, many of them equal, some negative."""
    found = csr_matrix(random_array((rows, columns), density=0.5, rng=seed))
    found.data = np.random.default_rng(seed).choice([-3, -1, 1, 2, 2, 3], found.nnz).astype(np.float32)
    return found


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("by_size", [False, True])
def test_the_strongest_entries_are_those_found_one_by_one(k: int, by_size: bool) -> None:
    matrix = numbers(15, 12, k)
    found = strongest(matrix, k, by_size=by_size)
    np.testing.assert_array_equal(found.toarray(), brute(matrix.toarray(), k, by_size=by_size))
    assert found.has_sorted_indices


def test_a_pruned_product_is_the_product_pruned_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = numbers(15, 9, 1), numbers(9, 11, 2)
    expected = brute(left.toarray() @ right.toarray(), 4)
    for cells in (1, 30, 10_000):
        monkeypatch.setattr(pruning, "CELLS", cells)
        np.testing.assert_array_equal(pruned_product(left, right, 4).toarray(), expected)


def test_blocks_hold_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "CELLS", 40)
    left, right = numbers(15, 9, 1), numbers(9, 11, 2)
    blocks = list(row_blocks(left, right))
    np.testing.assert_array_equal(np.concatenate(blocks), np.arange(15))
    assert len(blocks) > 1
    assert all((left[rows] @ right).nnz <= 40 for rows in blocks)


def test_the_diagonal_can_be_left_out() -> None:
    matrix = csr_matrix(np.arange(1, 10, dtype=np.float32).reshape(3, 3))
    found = without_diagonal(matrix[1:3].copy(), np.array([1, 2]))
    np.testing.assert_array_equal(found.toarray(), [[4, 0, 6], [7, 8, 0]])


def test_an_empty_matrix_has_an_empty_product() -> None:
    nothing = csr_matrix((0, 4), dtype=np.float32)
    assert pruned_product(nothing, csr_matrix((4, 6), dtype=np.float32), 3).shape == (0, 6)
