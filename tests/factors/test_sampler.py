from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from goodsense.factors.sampler import sample_hops, sample_neighbours

GRAPH = csr_matrix(
    np.array(
        [
            [0, 1, 2, 3, 4, 0],
            [1, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [1, 0, 0, 0, 0, 9],
            [1, 1, 1, 1, 0, 1],
            [0, 0, 0, 0, 0, 1],
        ],
        dtype=float,
    )
)


def test_neighbours_are_neighbours_without_repeats() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        found = sample_neighbours(GRAPH, np.array([4, 2, 0, 4]), 3, rng=rng)
        assert np.diff(found.starts).tolist() == [3, 0, 3, 3]
        for node, begin, end in zip(found.nodes, found.starts[:-1], found.starts[1:], strict=True):
            targets = found.targets[begin:end]
            assert len(set(targets.tolist())) == end - begin
            assert GRAPH[int(node)].toarray()[0, targets].tolist() == found.weights[begin:end].tolist()
            assert (found.weights[begin:end] > 0).all()


def test_all_are_taken_where_there_are_few() -> None:
    found = sample_neighbours(GRAPH, np.array([3, 1]), 10, rng=np.random.default_rng(0))
    assert found.targets.tolist() == [0, 5, 0]


def test_draws_are_even_or_by_weight() -> None:
    rng = np.random.default_rng(1)
    nodes = np.zeros(20_000, dtype=np.int64)
    even = np.bincount(sample_neighbours(GRAPH, nodes, 1, rng=rng).targets, minlength=6) / 20_000
    np.testing.assert_allclose(even, [0, 0.25, 0.25, 0.25, 0.25, 0], atol=0.015)
    heavy = np.bincount(sample_neighbours(GRAPH, nodes, 1, rng=rng, weighted=True).targets, minlength=6) / 20_000
    np.testing.assert_allclose(heavy, [0, 0.1, 0.2, 0.3, 0.4, 0], atol=0.015)


def test_hops_go_on_from_where_the_last_ended() -> None:
    first, second = sample_hops(GRAPH, np.array([3]), [5, 5], rng=np.random.default_rng(0))
    assert first.targets.tolist() == [0, 5]
    assert second.nodes.tolist() == [0, 3, 5]


def test_what_makes_no_sense_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="expected 0 to 5"):
        sample_neighbours(GRAPH, np.array([6]), 1, rng=rng)
    with pytest.raises(ValueError, match="positive"):
        sample_neighbours(-GRAPH, np.array([0]), 1, rng=rng, weighted=True)
    with pytest.raises(ValueError, match="square"):
        sample_hops(GRAPH[:2], np.array([0]), [1], rng=rng)
    assert len(sample_neighbours(GRAPH, np.array([], dtype=np.int64), 3, rng=rng).targets) == 0
