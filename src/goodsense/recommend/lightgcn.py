"""LightGCN: vectors of shoppers and items, smoothed along the graph of who took what, and nothing else.

He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation" (SIGIR 2020). Of ``R``,
ones where a shopper took an item, with degrees ``D``, comes ``S = D_u^-1/2 R D_i^-1/2``. Layer 0 is learned, ``U_0``
and ``I_0``; then ``U_k = S I_(k-1)`` and ``I_k = S' U_(k-1)``. A vector is the mean of its layers ``0..K``, a score the
inner product.

**Fold-in.** All layers of a shopper but layer 0 follow from the items alone: of somebody with ``n`` different items,
``u_k = sum_i I_(k-1)[i] / sqrt(n d_i)``, where ``d_i`` counts the training shoppers of item ``i``. Layer 0, which only
training could give, counts as zero: ``u = (u_1 + ... + u_K) / (K + 1)``. So the vector of a training shopper, from the
history that was trained on, is the trained one less its own ``U_0 / (K + 1)``, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.learning.backend import nn, torch
from goodsense.recommend.content import Content
from goodsense.recommend.drawing import Taken
from goodsense.recommend.model import Scores
from goodsense.recommend.network_model import Batches, NetworkModel, in_batches, steps_of
from goodsense.recommend.signals import signals
from goodsense.recommend.towers import Product, bpr_loss
from goodsense.types import normalise

_SPREAD = 0.1  # of the first weights, as in the authors' code


class LightGCN(NetworkModel):
    """Graph convolution without weights or activations, trained by BPR with one drawn negative per pair.

    Every step propagates over the whole graph, so large batches are the cheap ones. Items that nobody took score 0.

    Parameters
    ----------
    layers
        How far the graph smooths.
    dim, epochs, batch, rate, decay, patience, device
        As in :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "lightgcn"

    def __init__(
        self,
        *,
        dim: int = 64,
        layers: int = 3,
        epochs: int = 30,
        batch: int = 8_192,
        rate: float = 0.02,
        decay: float = 0.7,
        patience: int | None = 6,
        device: str = "cpu",
    ) -> None:
        super().__init__(dim=dim, epochs=epochs, batch=batch, rate=rate, decay=decay, patience=patience, device=device)
        if layers < 1:
            raise UsageError(f"LightGCN with {layers} layers is none.", fix="Give 1 or more.")
        self.layers = layers

    def _forget(self) -> None:
        super()._forget()
        self._forth: Any = None
        self._back: Any = None

    def _prepare(self, interactions: Interactions, content: Content) -> None:
        graph = normalised(interactions)
        self._shape, self._forth, self._back = graph.shape, Product(graph), Product(graph.T)

    def _built(self, *, whole: bool) -> nn.Module:
        return Layers(*self._shape, dim=self.dim, layers=self.layers) if whole else nn.Module()

    def _batches(self, interactions: Interactions) -> Batches:
        taken = Taken.of(interactions)

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
            for picked in in_batches(len(taken), self.batch, rng):
                users = taken.users[picked]
                rows = (users, taken.items[picked], taken.others(users, 1, rng)[:, 0])
                yield tuple(map(torch.from_numpy, rows))

        def loss(batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
            users, items, others = batch
            asking, answers = (torch.stack(own).mean(dim=0) for own in self._network(self._forth, self._back))
            return bpr_loss(*((asking[users] * answers[rows]).sum(dim=1) for rows in (items, others)))

        return Batches(steps_of(len(taken), self.batch), batches, loss)

    def _settle(self, interactions: Interactions) -> None:
        _, layers = self._network(self._forth, self._back)
        degrees = np.bincount(signals(interactions).indices, minlength=len(self.items))
        scale = np.where(degrees > 0, np.maximum(degrees, 1) ** -0.5, 0.0)
        senders = torch.stack(layers[:-1]).sum(dim=0) / (self.layers + 1)  # (n, d)
        self.kept["senders"] = (senders.cpu().numpy() * scale[:, None]).astype(np.float32)
        self.kept["vectors"] = torch.stack(layers).mean(dim=0).cpu().numpy() * (degrees > 0)[:, None]
        self.kept["blind"] = degrees == 0

    def vectors(self, histories: Interactions) -> NDArray[np.float32]:
        """Fold in shoppers by what they took, ``(b, d)``; ``histories`` are over :attr:`items`."""
        taken = signals(histories)
        sizes = np.maximum(1, np.diff(taken.indptr))[:, None]
        found: NDArray[np.float32] = (taken @ self.kept["senders"] / np.sqrt(sizes)).astype(np.float32)
        return found

    def _scores(self, histories: Interactions) -> Scores:
        scores = self.vectors(histories) @ self.kept["vectors"].T
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True, initial=0.0)
        return scores

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """By the cosine of the items' vectors; an item that nobody took is like none."""
        unit = normalise(self.kept["vectors"])
        return unit[rows] @ unit.T


class Layers(nn.Module):  # type: ignore[misc]
    """Layer 0 of ``users`` and ``items``, which learns, and all others that follow from it."""

    def __init__(self, users: int, items: int, *, dim: int, layers: int) -> None:
        super().__init__()
        self.layers = layers
        self.users = nn.Parameter(_SPREAD * torch.randn(users, dim))
        self.items = nn.Parameter(_SPREAD * torch.randn(items, dim))

    def forward(self, forth: Product, back: Product) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """All layers of the users ``(u, d)`` and of the items ``(n, d)``, by the graph and its transpose."""
        users, items = [self.users], [self.items]
        for _ in range(self.layers):
            further = forth(items[-1]), back(users[-1])
            users.append(further[0])
            items.append(further[1])
        return users, items


def normalised(interactions: Interactions) -> Any:
    """Who took what over the root of both degrees, CSR ``(u, n)`` float32; repeats and weights do not count."""
    taken = signals(interactions)
    users = np.maximum(1, np.diff(taken.indptr)) ** -0.5
    items = np.maximum(1, np.bincount(taken.indices, minlength=taken.shape[1])) ** -0.5
    found = sparse.diags_array(users) @ taken @ sparse.diags_array(items)
    return sparse.csr_matrix(found, dtype=np.float32)
