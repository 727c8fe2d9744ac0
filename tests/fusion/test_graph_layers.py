"""Layers against products of dense matrices and loops over neighbours, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from scipy import sparse

torch = pytest.importorskip("torch")

from goodsense.errors import UsageError  # noqa: E402
from goodsense.fusion.graph_layers import (  # noqa: E402
    AttentionLayer,
    GCNLayer,
    ModalityGraph,
    RelationalLayer,
    SageLayer,
    softmax_by_row,
    summed,
)
from goodsense.fusion.graph_sampler import Edges, NeighbourSampler  # noqa: E402
from goodsense.fusion.product_graph import ProductGraph  # noqa: E402

N, D, OUT = 9, 4, 6
ISOLATED = 5


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def adjacency() -> np.ndarray:
    """Symmetric weights; one node has no neighbour."""
    random = np.random.default_rng(0)
    weights = np.triu(random.random((N, N)) * (random.random((N, N)) < 0.4), 1)
    weights[ISOLATED] = weights[:, ISOLATED] = 0
    return weights + weights.T


def graph() -> ProductGraph:
    return ProductGraph.of_products(N, {"similar": adjacency()})


def full(given: ProductGraph) -> Edges:
    return NeighbourSampler(given, [None]).full().edges["similar"]


def rows() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(N, D)))


def of(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().astype(np.float64)


def naive_mean(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    found = np.zeros((len(weights), x.shape[1]))
    for node in range(len(weights)):
        total = sum(weights[node])
        for other in range(len(x)):
            if total > 0:
                found[node] += weights[node, other] * x[other] / total
    return found


LAYERS = pytest.mark.parametrize(
    "make",
    [GCNLayer, SageLayer, lambda a, b: SageLayer(a, b, pool="max"), lambda a, b: AttentionLayer(a, b, heads=2)],
    ids=["gcn", "sage", "sage-max", "attention"],
)


def test_a_sparse_sum_is_a_matrix_product_and_so_is_its_gradient() -> None:
    x = rows().requires_grad_()
    found = summed(full(graph()), x)
    np.testing.assert_allclose(of(found), adjacency() @ of(x), atol=1e-6)
    upstream = torch.randn_like(found)
    (found * upstream).sum().backward()
    np.testing.assert_allclose(of(x.grad), adjacency().T @ of(upstream), atol=1e-6)


def test_graph_convolution_is_the_normalised_adjacency() -> None:
    layer = GCNLayer(D, OUT).double()
    torch.nn.init.normal_(layer.bias)
    looped = adjacency() + np.eye(N)
    scale = np.diag(looped.sum(axis=1) ** -0.5)
    expected = scale @ looped @ scale @ of(rows()) @ of(layer.linear.weight).T + of(layer.bias)
    found = layer(rows(), rows(), full(graph().normalised()))
    np.testing.assert_allclose(of(found), expected, atol=1e-6)


def test_sage_means_are_those_of_a_loop() -> None:
    layer = SageLayer(D, OUT).double()
    x = of(rows())
    joined = np.concatenate([x, naive_mean(x, adjacency())], axis=1)  # as the paper writes it: W [x, mean]
    weight = np.concatenate([of(layer.own.weight), of(layer.neighbours.weight)], axis=1)
    expected = joined @ weight.T + of(layer.own.bias)
    np.testing.assert_allclose(of(layer(rows(), rows(), full(graph()))), expected, atol=1e-6)


def test_sage_maxima_are_those_of_a_loop() -> None:
    layer = SageLayer(D, OUT, pool="max").double()
    x = of(rows())
    sent = np.maximum(x @ of(layer.pool.weight).T + of(layer.pool.bias), 0)
    largest = np.zeros_like(x)
    for node, other in zip(*np.nonzero(adjacency()), strict=True):
        largest[node] = np.maximum(largest[node], sent[other])
    expected = x @ of(layer.own.weight).T + of(layer.own.bias) + largest @ of(layer.neighbours.weight).T
    np.testing.assert_allclose(of(layer(rows(), rows(), full(graph()))), expected, atol=1e-6)


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_is_a_softmax_over_neighbours_and_oneself(heads: int) -> None:
    layer = AttentionLayer(D, OUT, heads=heads).double()
    told = of(rows()) @ of(layer.linear.weight).T
    weights = adjacency() + np.eye(N)
    expected = np.zeros((N, OUT))
    for head, part in enumerate(np.split(np.arange(OUT), heads)):
        own, offer = told[:, part] @ of(layer.asks)[head], told[:, part] @ of(layer.offers)[head]
        for node in range(N):
            scores = own[node] + offer
            raised = weights[node] * np.exp(np.where(scores > 0, scores, 0.2 * scores))
            expected[node, part] = raised / raised.sum() @ told[:, part]
    np.testing.assert_allclose(of(layer(rows(), rows(), full(graph()))), expected, atol=1e-6)


def test_softmax_by_row_is_that_of_each_row() -> None:
    scores, places = torch.randn(7, 2).double() * 50, torch.tensor([2, 0, 2, 2, 0, 3, 2])
    found = softmax_by_row(scores, places, 4)
    for row in range(4):
        mine = places == row
        torch.testing.assert_close(found[mine], torch.softmax(scores[mine], dim=0))


@LAYERS
def test_isolated_nodes_stay_finite_and_no_edges_are_no_trouble(make: object) -> None:
    layer = make(D, OUT)
    x = rows().float().requires_grad_()
    found = layer(x, x, full(graph()))
    found.square().sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters() if p.grad is not None)
    none = layer(x, x, Edges.none(N, N))
    if not isinstance(layer, GCNLayer):  # whose loops are edges
        torch.testing.assert_close(none[ISOLATED], found[ISOLATED])
    assert layer(x[:0], x[:0], Edges.none(0, 0)).shape == (0, OUT)


@LAYERS
@pytest.mark.parametrize("size", [N, None])
def test_all_neighbours_of_a_few_give_what_the_full_graph_gives(make: object, size: int | None) -> None:
    """Two hops of blocks against two over the whole graph."""
    layers = [make(D, D).double() for _ in range(2)]
    given = graph().normalised() if isinstance(layers[0], GCNLayer) else graph()
    whole = rows()
    for layer in layers:
        whole = layer(whole, whole, full(given))
    targets = np.array([7, ISOLATED, 2])
    blocks = NeighbourSampler(given, [size, size]).sample({"product": targets}, rng=np.random.default_rng(0))
    states = rows()[blocks[0].sources["product"]]
    for layer, block in zip(layers, blocks, strict=True):
        states = layer(states[: len(block.targets["product"])], states, block.edges["similar"])
    torch.testing.assert_close(states, whole[targets], atol=1e-6, rtol=1e-6)


# ---- typed edges


def shop() -> ProductGraph:
    random = np.random.default_rng(2)
    buys, has = (random.random(shape) < 0.5 for shape in [(5, N), (N, 3)])
    return ProductGraph.heterogeneous(N, similar=adjacency(), buys=buys, has=has)


def test_typed_edges_are_separate_graphs() -> None:
    given = shop()
    links = {link.name: (link.head, link.tail) for link in given.links}
    layer = RelationalLayer(links, lambda: SageLayer(D, OUT)).double()
    x = {kind: torch.randn(count, D).double() for kind, count in given.counts.items()}
    found = layer(x, NeighbourSampler(given, [None]).full().edges)
    assert {kind: tuple(rows.shape) for kind, rows in found.items()} == {
        "product": (N, OUT),
        "user": (5, OUT),
        "attribute": (3, OUT),
    }
    parts: dict[str, list[np.ndarray]] = {}
    matrices = {link.name: link.matrix.toarray() for link in given.links}
    for name, own in zip(sorted(links), layer.layers, strict=True):
        head, tail = links[name]
        told = naive_mean(of(x[tail]), matrices[name])
        by_hand = of(x[head]) @ of(own.own.weight).T + of(own.own.bias) + told @ of(own.neighbours.weight).T
        parts.setdefault(head, []).append(by_hand)
    for kind, expected in parts.items():
        np.testing.assert_allclose(of(found[kind]), np.mean(expected, axis=0), atol=1e-6)


@LAYERS
def test_one_kind_of_edges_is_the_plain_layer(make: object) -> None:
    layer = RelationalLayer({"similar": ("product", "product")}, lambda: make(D, OUT)).double()
    edges = NeighbourSampler(graph(), [None]).full().edges
    plain = layer.layers[0](rows(), rows(), edges["similar"])
    torch.testing.assert_close(layer({"product": rows()}, edges)["product"], plain)


# ---- modalities as nodes

B = 3


def every_subset() -> tuple[torch.Tensor, torch.Tensor]:
    """Random tokens ``(8, B, D)`` with every subset of the modalities, none at all first."""
    return torch.randn(2**B, B, D), torch.tensor(list(product([False, True], repeat=B)))


GIVEN = [[0.0, 2.0, 1.0], [1.0, 9.0, 0.0], [0.0, 0.0, 0.0]]
EDGES = pytest.mark.parametrize("edges", [None, GIVEN], ids=["attention", "given"])


@EDGES
@pytest.mark.parametrize("rounds", [1, 2])
def test_modalities_exchange_messages_as_in_a_loop(edges: list[list[float]] | None, rounds: int) -> None:
    network = ModalityGraph(B, D, edges=edges, rounds=rounds).double()
    tokens, present = every_subset()
    found = of(network(tokens.double(), present))
    for row in range(len(tokens)):
        states = {block: of(tokens[row, block].double()) for block in range(B) if present[row, block]}
        for place in range(rounds):
            states = {block: own + _heard(network, place, block, states) for block, own in states.items()}
        expected = np.mean(list(states.values()), axis=0) if states else np.zeros(D)
        np.testing.assert_allclose(found[row], expected, atol=1e-6)


def _heard(network: ModalityGraph, place: int, block: int, states: dict[int, np.ndarray]) -> np.ndarray:
    others = [other for other in states if other != block]
    if network.edges is not None:
        shares = np.array([GIVEN[block][other] for other in others])
    else:
        asked = states[block] @ of(network.asks[place].weight).T + of(network.asks[place].bias)
        offers = [states[other] @ of(network.offers[place].weight).T for other in others]
        shares = np.exp([asked @ offer / D**0.5 for offer in offers])
    if not shares.sum():
        return np.zeros(D)
    message = network.messages[place]
    sent = [states[other] @ of(message.weight).T + of(message.bias) for other in others]
    return np.maximum(sum(share * told for share, told in zip(shares / shares.sum(), sent, strict=True)), 0)


@EDGES
def test_absent_modalities_change_nothing(edges: list[list[float]] | None) -> None:
    network = ModalityGraph(B, D, edges=edges)
    tokens, present = every_subset()
    for noise in (1e6, float("nan")):
        spoilt = torch.where(present[:, :, None], tokens, noise)
        assert torch.equal(network(tokens, present), network(spoilt, present))
    tokens.requires_grad_()
    network(tokens, present).square().sum().backward()
    assert not tokens.grad[~present].any()
    assert torch.isfinite(tokens.grad).all()
    assert not network(tokens, present)[0].any()


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="mean or max"):
        SageLayer(D, OUT, pool="sum")
    with pytest.raises(UsageError, match="4 heads do not divide"):
        AttentionLayer(D, OUT, heads=4)
    for edges in ([[0.0]], [[0.0, -1.0, 0.0]] * 3):
        with pytest.raises(UsageError, match="a square of numbers from 0 up"):
            ModalityGraph(B, D, edges=edges)
    with pytest.raises(AssertionError, match="senders"):
        summed(Edges.of(sparse.csr_array((2, 3))), rows())
