"""LightGCN against its formula with dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from scipy.sparse import csr_matrix

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend import histories_of
from goodsense.recommend.content import Content
from goodsense.recommend.lightgcn import Layers, LightGCN, normalised
from goodsense.recommend.towers import Product


def log() -> Interactions:
    rng = np.random.default_rng(0)
    lists = [[f"i{row:02d}" for row in rng.choice(np.arange(user % 2, 12, 2), 4, replace=False)] for user in range(30)]
    return histories_of([*lists, ["i01", "i01", "i03"]])  # the last took one item twice


def dense(interactions: Interactions) -> np.ndarray:
    """``D_u^-1/2 R D_i^-1/2`` from loops over the events."""
    taken = np.zeros((len(interactions.users), len(interactions.items)))
    for user, item in zip(interactions.user_rows, interactions.item_rows, strict=True):
        taken[user, item] = 1
    return taken / np.sqrt(taken.sum(axis=1, keepdims=True)) / np.sqrt(taken.sum(axis=0, keepdims=True))


def test_the_graph_is_normalised_by_both_degrees() -> None:
    np.testing.assert_allclose(normalised(log()).toarray(), dense(log()), rtol=1e-6)


def test_layers_are_powers_of_the_graph_with_both_kinds_of_nodes() -> None:
    graph = dense(log())
    users, items = graph.shape
    torch.manual_seed(0)
    network = Layers(users, items, dim=5, layers=3)
    square = np.zeros((users + items, users + items))
    square[:users, users:], square[users:, :users] = graph, graph.T
    first = np.concatenate([network.users.detach().numpy(), network.items.detach().numpy()])
    sparse = normalised(log())
    for power, layer in enumerate(zip(*network(Product(sparse), Product(sparse.T)), strict=True)):
        own = np.concatenate([part.detach().numpy() for part in layer])
        np.testing.assert_allclose(own, np.linalg.matrix_power(square, power) @ first, rtol=1e-4, atol=1e-6)


def test_sparse_products_and_their_gradients_are_those_of_dense_ones() -> None:
    values = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    values[np.abs(values) < 0.8] = 0
    values[2] = 0  # a row without an entry
    matrix = csr_matrix(values)
    rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    again = rows.detach().clone().requires_grad_()
    found, expected = Product(matrix)(rows), torch.from_numpy(values) @ again
    torch.testing.assert_close(found, expected)
    (found**2).sum().backward()
    (expected**2).sum().backward()
    torch.testing.assert_close(rows.grad, again.grad)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_shopper_of_the_training_is_folded_in_to_the_trained_vector_less_its_own_layer_0(layers: int) -> None:
    model = LightGCN(dim=4, layers=layers, epochs=3, batch=64).fit(log(), seed=1)
    trained = [torch.stack(own).mean(dim=0).detach().numpy() for own in model._network(model._forth, model._back)]
    expected = trained[0] - model._network.users.detach().numpy() / (layers + 1)
    np.testing.assert_allclose(model.vectors(log()), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.kept["vectors"], trained[1], rtol=1e-5, atol=1e-7)


def test_what_nobody_took_stands_last() -> None:
    model = LightGCN(dim=4, epochs=2, batch=64).fit(log(), Content(("i00", "new")), seed=1)
    found = model.recommend(histories_of([["i00", "i02"]]), k=20)
    assert found.ids()[-1] == "new"


def test_a_graph_without_layers_is_refused() -> None:
    with pytest.raises(UsageError, match="0 layers"):
        LightGCN(layers=0)
