"""Nearest neighbours against a full sort, and those found in cells against all."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.fusion.neighbours import nearest, nearest_in_cells
from goodsense.types import Embeddings


def block(n: int = 40, d: int = 5, *, seed: int = 0) -> Embeddings:
    """Random rows; product 3 has none, products 7 and 8 are equal."""
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    rows[8] = rows[7]
    present = np.arange(n) != 3
    rows[3] = 0
    return Embeddings.of_products([f"p{i}" for i in range(n)], rows, present)


def brute(queries: np.ndarray, keys: np.ndarray, k: int, skip: np.ndarray) -> list[list[int]]:
    """The nearest by a full sort, query by query."""
    found = []
    for query, own in zip(queries.astype(float), skip, strict=True):
        scored = []
        for row, key in enumerate(keys.astype(float)):
            length = np.linalg.norm(query) * np.linalg.norm(key)
            cosine = round(float(query @ key / length), 9) if length else 0.0
            if cosine > 0 and row != own:
                scored.append((-cosine, row))
        found.append([row for _, row in sorted(scored)[:k]])
    return found


@pytest.mark.parametrize("k", [1, 4, 100])
def test_the_nearest_are_those_of_a_full_sort(k: int) -> None:
    rows = block().vectors
    found, near = nearest(rows, rows, k, skip=np.arange(len(rows)))
    assert found.shape == near.shape == (40, k)
    assert [row[row >= 0].tolist() for row in found] == brute(rows, rows, k, np.arange(len(rows)))
    assert (near[found < 0] == 0).all()
    assert (np.diff(near, axis=1) <= 0).all()


def test_the_nearest_are_the_same_in_blocks_and_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.repeat(block().vectors, 3, axis=0)  # every row thrice: many ties
    whole = nearest(rows, rows, 5)
    singles = [nearest(rows[i : i + 1], rows, 5) for i in range(len(rows))]
    monkeypatch.setattr("goodsense.fusion.neighbours._QUERIES", 7)
    monkeypatch.setattr("goodsense.fusion.neighbours._KEYS", 11)
    parts = nearest(rows, rows, 5)
    for i in (0, 1):
        np.testing.assert_array_equal(parts[i], whole[i])
        np.testing.assert_array_equal(np.concatenate([single[i] for single in singles]), whole[i])


def test_equal_products_are_ordered_by_row() -> None:
    rows = np.ones((6, 3), dtype=np.float32)
    found, near = nearest(rows, rows, 2, skip=np.arange(6))
    assert found.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]
    np.testing.assert_allclose(near, 1)


def test_no_neighbours_among_none() -> None:
    found, near = nearest(np.ones((2, 3), np.float32), np.zeros((0, 3), np.float32), 4)
    assert found.tolist() == [[-1] * 4] * 2
    assert not near.any()
    assert nearest(np.zeros((0, 3), np.float32), np.ones((2, 3), np.float32), 4)[0].shape == (0, 4)


# ---- in cells


def crowds(n: int = 900, d: int = 8, *, seed: int = 0) -> np.ndarray:
    """Rows around thirty middles; one row is zero, and ten are equal."""
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(30, d))[rng.integers(0, 30, n)] + 0.2 * rng.normal(size=(n, d))).astype(np.float32)
    rows[5], rows[10:20] = 0, rows[10]
    return rows


def test_with_all_cells_probed_the_answer_is_exact() -> None:
    rows = crowds(300)
    queries, own = rows[40:90], np.arange(40, 90)
    exact = nearest(queries, rows, 6, skip=own)
    for cells in (1, 7, 300, 5000):
        found = nearest_in_cells(queries, rows, 6, skip=own, cells=cells, probes=cells)
        np.testing.assert_array_equal(found[0], exact[0])
        np.testing.assert_array_equal(found[1], exact[1])


def test_a_few_cells_hold_nearly_all_neighbours_and_tell_their_exact_cosines() -> None:
    rows, own = crowds(), np.arange(900)
    exact, (found, near) = nearest(rows, rows, 10, skip=own), nearest_in_cells(rows, rows, 10, skip=own, probes=6)
    share = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact[0], strict=True)])
    assert share > 0.95
    both = found == exact[0]
    np.testing.assert_array_equal(near[both], exact[1][both])
    assert (found[5] == -1).all()
    assert not (found == own[:, None]).any()
    assert not (found == 5).any()
    one = nearest_in_cells(rows, rows, 10, skip=own, probes=1)[0]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(one, exact[0], strict=True)]) < share


def test_cells_are_the_same_for_a_seed_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = crowds(200)
    whole = nearest_in_cells(rows, rows, 4, probes=3, seed=2)
    monkeypatch.setattr("goodsense.fusion.neighbours._QUERIES", 9)
    monkeypatch.setattr("goodsense.fusion.neighbours._KEYS", 40)
    parts = nearest_in_cells(rows, rows, 4, probes=3, seed=2)
    np.testing.assert_array_equal(parts[0], whole[0])
    np.testing.assert_array_equal(parts[1], whole[1])
    others = [nearest_in_cells(rows, rows, 4, probes=3, seed=seed)[0] for seed in range(3)]
    assert any((other != whole[0]).any() for other in others)


def test_cells_of_equal_rows_of_none_and_of_one() -> None:
    alike = np.ones((50, 3), dtype=np.float32)
    assert (nearest_in_cells(alike, alike, 2, skip=np.arange(50))[0] >= 0).all()
    none = np.zeros((0, 3), np.float32)
    assert nearest_in_cells(alike, none, 2)[0].tolist() == [[-1, -1]] * 50
    assert nearest_in_cells(none, alike, 2)[0].shape == (0, 2)
    assert nearest_in_cells(alike[:1], alike[:1], 2, skip=np.array([0]))[0].tolist() == [[-1, -1]]
    with pytest.raises(UsageError, match="at least 1"):
        nearest_in_cells(alike, alike, 0)
