from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from goodsense.errors import UsageError
from goodsense.fusion.graph_sampler import Edges, NeighbourSampler
from goodsense.fusion.product_graph import (
    ProductGraph,
    Relation,
    behaviour_edges,
    content_edges,
    normalised,
    shared_edges,
)
from tests.fusion.test_neighbours import block, brute

# ---- neighbours


def test_of_very_many_products_those_of_the_nearest_cells_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = content_edges(block(60), 3)
    monkeypatch.setattr("goodsense.fusion.product_graph.COMPARE_ALL", 59)
    found = content_edges(block(60), 3)  # seven cells, all probed
    np.testing.assert_array_equal(found.toarray(), exact.toarray())
    assert (found != found.T).nnz == 0


def test_products_are_joined_where_either_names_the_other_or_where_both_do() -> None:
    given, k = block(), 3
    named = np.zeros((40, 40), dtype=bool)
    for row, found in enumerate(brute(given.vectors, given.vectors, k, np.arange(40))):
        named[row, found] = True
    either, mutual = (content_edges(given, k, link=link).toarray() for link in ("either", "mutual"))
    np.testing.assert_array_equal(either > 0, named | named.T)
    np.testing.assert_array_equal(mutual > 0, named & named.T)
    np.testing.assert_array_equal(either, either.T)
    assert either[7, 8] == pytest.approx(1)
    assert not either[3].any()
    assert not either.diagonal().any()


def test_a_content_graph_refuses_what_it_does_not_know() -> None:
    with pytest.raises(UsageError, match="either, mutual"):
        content_edges(block(), 3, link="both")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least 1"):
        content_edges(block(), 0)


# ---- what is shared, and what goes together


def test_all_of_a_small_group_are_joined() -> None:
    codes = np.array([2, 0, 2, -1, 0, 2, 5, -1])
    expected = (codes[:, None] == codes) & (codes >= 0) & ~np.eye(8, dtype=bool)
    np.testing.assert_array_equal(shared_edges(codes, most=4).toarray(), expected)


@pytest.mark.parametrize(("size", "most"), [(3, 2), (4, 4), (5, 4), (6, 4), (50, 4), (51, 6)])
def test_a_huge_group_is_capped(size: int, most: int) -> None:
    matrix = shared_edges(np.zeros(size, dtype=np.int64), most=most, seed=3)
    degrees = matrix.sum(axis=1)
    assert (degrees == min(size - 1, most)).all()
    assert (matrix != matrix.T).nnz == 0
    assert sparse.csgraph.connected_components(matrix)[0] == 1
    again, other = (shared_edges(np.zeros(size, dtype=np.int64), most=most, seed=seed) for seed in (3, 4))
    assert (matrix != again).nnz == 0
    assert size < 50 or (matrix != other).nnz > 0


def test_pairs_of_behaviour_add_up_in_both_directions() -> None:
    pairs = np.array([[0, 1], [1, 0], [2, 2], [1, 2], [0, 2]])
    matrix = behaviour_edges(pairs, np.array([1.0, 2.0, 9.0, 3.0, 0.0], np.float32), 4).toarray()
    np.testing.assert_allclose(matrix, [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    assert behaviour_edges(np.zeros((0, 2), np.int64), np.zeros(0, np.float32), 3).nnz == 0
    with pytest.raises(UsageError, match="negative"):
        behaviour_edges(pairs[:1], np.array([-1.0]), 4)


# ---- the graph


def shop() -> ProductGraph:
    """4 products, 3 users, 2 attributes."""
    similar = np.array([[0, 1, 0, 0], [1, 0, 0.5, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]])
    buys = np.array([[1, 0, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0]])
    has = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    return ProductGraph.heterogeneous(4, similar=similar, buys=buys, has=has)


def test_every_relation_has_its_reverse() -> None:
    graph = shop()
    assert dict(graph.counts) == {"product": 4, "user": 3, "attribute": 2}
    assert [link.name for link in graph.links] == ["similar", "buys", "buys_reverse", "has", "has_reverse"]
    links = {link.name: link for link in graph.links}
    np.testing.assert_array_equal(links["buys_reverse"].matrix.toarray(), links["buys"].matrix.toarray().T)
    assert (links["buys_reverse"].head, links["buys_reverse"].tail) == ("product", "user")


def test_all_that_joins_products_is_one_relation() -> None:
    one = np.array([[0, 1.0, 0], [1, 0, 0], [0, 0, 0]])
    directed = np.array([[0, 0, 0], [0, 0, 2.0], [0, 0, 0]])
    graph = ProductGraph.of_products(3, {"a": one, "b": directed}).joined(Relation("user", "buys", "product", one))
    merged = graph.merged()
    assert list(merged.counts) == ["product"]
    np.testing.assert_array_equal(merged.relations[0].matrix.toarray(), one + directed + directed.T)
    assert merged.relations[0].symmetric


def test_the_normalised_adjacency_is_that_of_the_dense_formula() -> None:
    adjacency = shop().relations[0].matrix.toarray()
    looped = adjacency + np.eye(4)
    scale = np.diag(1 / np.sqrt(looped.sum(axis=1)))
    found = shop().normalised()
    np.testing.assert_allclose(found.relations[0].matrix.toarray(), scale @ looped @ scale)
    assert found.relations[0].symmetric
    buys = shop().relations[1].matrix.toarray()
    left, right = (np.where(buys.sum(axis=a) > 0, buys.sum(axis=a), np.inf) ** -0.5 for a in (1, 0))
    np.testing.assert_allclose(found.relations[1].matrix.toarray(), left[:, None] * buys * right)


def test_a_large_normalised_graph_stays_symmetric() -> None:
    given = block(200, 4, seed=1)
    assert Relation("product", "similar", "product", normalised(content_edges(given, 6))).symmetric


@pytest.mark.parametrize(
    ("relation", "found"),
    [
        (Relation("product", "near", "product", np.ones((3, 3))), "nodes are"),
        (Relation("product", "similar", "product", np.ones((4, 4))), "twice"),
    ],
)
def test_a_graph_says_what_does_not_fit(relation: Relation, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        ProductGraph(shop().counts, (*shop().relations, relation))


def test_a_graph_refuses_unknown_kinds_and_bad_weights() -> None:
    with pytest.raises(UsageError, match="'basket'"):
        ProductGraph({"product": 1}, (Relation("basket", "holds", "product", np.ones((1, 1))),))
    with pytest.raises(UsageError, match="no positive numbers"):
        Relation("product", "similar", "product", np.array([[0, -1.0], [0, 0]]))


# ---- the sampler


def dense(edges: Edges) -> np.ndarray:
    matrix = np.zeros(edges.shape)
    np.add.at(matrix, (edges.rows, edges.columns), edges.weights)
    return matrix


@pytest.mark.parametrize("size", [100, None])
@pytest.mark.parametrize("looped", [False, True])
def test_drawing_as_many_as_there_are_is_the_full_graph(size: int | None, looped: bool) -> None:
    graph = shop().normalised() if looped else shop()
    targets = {"product": np.array([2, 0]), "user": np.array([1])}
    blocks = NeighbourSampler(graph, [size, size]).sample(targets, rng=np.random.default_rng(0))
    assert len(blocks) == 2
    np.testing.assert_array_equal(blocks[1].targets["product"], [2, 0])
    for kind in graph.counts:
        np.testing.assert_array_equal(blocks[0].targets[kind], blocks[1].sources[kind])
    for found in blocks:
        for link in graph.links:
            heads, tails = found.targets[link.head], found.sources[link.tail]
            expected = link.matrix.toarray()[heads]
            np.testing.assert_allclose(dense(found.edges[link.name]), expected[:, tails], rtol=1e-6)
            outside = np.setdiff1d(np.arange(expected.shape[1]), tails)
            assert not expected[:, outside].any()
            if link.head == link.tail:
                np.testing.assert_array_equal(tails[: len(heads)], heads)


def test_the_full_block_holds_every_edge() -> None:
    found = NeighbourSampler(shop(), [2]).full()
    for link in shop().links:
        np.testing.assert_array_equal(dense(found.edges[link.name]), link.matrix.toarray())


def test_drawn_sums_are_right_on_average() -> None:
    graph = ProductGraph.of_products(40, {"similar": content_edges(block(), 8)}).normalised()
    sampler, rng = NeighbourSampler(graph, [3]), np.random.default_rng(0)
    total = np.zeros((40, 40))
    for _ in range(800):
        found = sampler.sample({"product": np.arange(40)}, rng=rng)[0]
        drawn = dense(found.edges["similar"])
        assert (np.count_nonzero(drawn, axis=1) <= 4).all()  # three and the loop
        total += drawn
    expected = graph.relations[0].matrix.toarray()
    np.testing.assert_allclose(np.diag(total / 800), np.diag(expected), rtol=1e-5)
    np.testing.assert_allclose(total / 800, expected, atol=0.06)


def test_links_that_are_to_be_foretold_are_left_out() -> None:
    graph = shop()
    found = NeighbourSampler(graph, [None]).sample({"product": np.array([1, 2])}, rng=np.random.default_rng(0))[0]
    left = found.without(np.array([[0, 1]]), "product", ["similar"])
    assert dense(found.edges["similar"]).sum() == 2.0  # 1-0, 1-2, 2-1
    assert dense(left.edges["similar"]).sum() == 1.0
    np.testing.assert_array_equal(dense(left.edges["has"]), dense(found.edges["has"]))


def test_averaged_weights_add_up_to_one() -> None:
    edges = Edges.of(shop().relations[0].matrix).averaged()
    np.testing.assert_allclose(np.bincount(edges.rows, edges.weights, minlength=4), [1, 1, 1, 0])


def test_the_sampler_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="from 1 up"):
        NeighbourSampler(shop(), [])
    sampler = NeighbourSampler(shop(), [2])
    with pytest.raises(UsageError, match="'basket'"):
        sampler.sample({"basket": np.array([0])}, rng=np.random.default_rng(0))
    with pytest.raises(UsageError, match="twice"):
        sampler.sample({"product": np.array([0, 0])}, rng=np.random.default_rng(0))
