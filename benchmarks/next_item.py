"""A small model of what shoppers take next: a table of products and a map of their content, frozen or learning.

A product's vector is the sum of two heads, one over its row of a table that begins as factors of the interactions, one
over its content mapped to principal components; a shopper's is the mean over what they took. Cross entropy over all
products makes the vector of a shopper find one that was taken out of their own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.factors.als import als_factors
from goodsense.learning.backend import nn, torch
from goodsense.learning.history import History
from goodsense.learning.memory import peak_memory
from goodsense.learning.networks import seeded
from goodsense.learning.schedules import Schedule
from goodsense.learning.temperature import Temperature
from goodsense.learning.trainer import train
from goodsense.types import Vectors

K = 20  # products that are shown
MOST = 30  # products of a shopper that are looked at in training
TRAIN, VAL, TEST = 0, 1, 2
_MASKED = -1e9
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Taken:
    """Who took what: ``(m,)`` users, products and splits; ``content (n, d)`` of the products."""

    users: Whole
    items: Whole
    split: Whole
    content: Vectors

    def matrix(self, split: int) -> Any:
        """Sparse ``(users, n)`` of ones."""
        from scipy.sparse import csr_matrix

        rows = self.split == split
        shape = (int(self.users.max()) + 1, len(self.content))
        found = csr_matrix((np.ones(int(rows.sum()), np.float32), (self.users[rows], self.items[rows])), shape=shape)
        found.data[:] = 1.0
        return found


class ItemNetwork(nn.Module):  # type: ignore[misc]
    """Products to unit rows ``(n, dim)``: a table and a map of content, with a head over each."""

    def __init__(self, content: Vectors, table: Vectors, *, dim: int, pieces: int = 64) -> None:
        super().__init__()
        centred = content - content.mean(axis=0)
        axes = np.linalg.svd(centred, full_matrices=False)[2][:pieces]  # (pieces, d)
        scale = 1 / (centred @ axes.T).std()
        self.register_buffer("content", torch.from_numpy(centred.astype(np.float32)), persistent=False)
        self.encoder = nn.Linear(content.shape[1], len(axes), bias=False)
        self.table = nn.Parameter(torch.from_numpy((table / table.std()).astype(np.float32)))
        self.heads = nn.ModuleList([nn.Linear(len(axes), dim), nn.Linear(table.shape[1], dim)])
        self.temperature = Temperature(0.1, least=0.03)
        with torch.no_grad():
            self.encoder.weight.copy_(torch.from_numpy((axes * scale).astype(np.float32)))

    def forward(self) -> torch.Tensor:
        seen, known = self.heads
        return nn.functional.normalize(seen(self.encoder(self.content)) + known(self.table), dim=1)


@dataclass(frozen=True, eq=False)
class Way:
    """What came of training one way: recall and NDCG at :data:`K` of every test user ``(u,)``, time and memory."""

    recall: NDArray[np.float64]
    ndcg: NDArray[np.float64]
    history: History
    wall_s: float
    cpu_s: float
    peak_bytes: int
    parameters: int


def both_ways(taken: Taken, schedule: Schedule, *, dim: int = 64, seed: int = 0) -> dict[str, Way]:
    """Heads over what is frozen, and everything end to end, from the same beginning."""
    factors = als_factors(taken.matrix(TRAIN).T.tocsr(), dim=dim, seed=seed).rows
    with seeded(seed):
        begun = ItemNetwork(taken.content, factors.astype(np.float32), dim=dim)
    return {name: _way(copy.deepcopy(begun), taken, schedule, name, seed) for name in ("frozen", "end to end")}


def _way(network: ItemNetwork, taken: Taken, schedule: Schedule, name: str, seed: int) -> Way:
    if name == "frozen":
        network.encoder.requires_grad_(False)
        network.table.requires_grad_(False)
    lessons = _Lessons.of(taken, schedule.batch)
    with peak_memory() as peak:
        wall, cpu = time.perf_counter(), time.process_time()
        history = train(
            network,
            lessons.batches,
            lambda batch: lessons.loss(network, *batch),
            schedule,
            steps=lessons.steps,
            seed=seed,
            validate=lambda: float(judged(network, taken, VAL)[0].mean()),
            stage=name,
        )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    parameters = sum(value.numel() for value in network.parameters() if value.requires_grad)
    return Way(*judged(network, taken, TEST), history, wall, cpu, peak.bytes, parameters)


@dataclass(frozen=True, eq=False)
class _Lessons:
    """What users took in training, padded ``(u, MOST)`` with -1, and every pair of a user and a product to be found."""

    taken: Whole
    pairs: Whole
    batch: int

    @classmethod
    def of(cls, taken: Taken, batch: int) -> _Lessons:
        matrix = taken.matrix(TRAIN).tocsr()
        padded = np.full((matrix.shape[0], MOST), -1, dtype=np.int64)
        for user in range(matrix.shape[0]):
            own = matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]][:MOST]
            padded[user, : len(own)] = own
        users, places = np.nonzero(padded >= 0)
        several = (padded >= 0).sum(axis=1)[users] > 1
        return cls(padded, np.stack([users, padded[users, places]], axis=1)[several], batch)

    @property
    def steps(self) -> int:
        return len(self.pairs) // self.batch

    def batches(self, _: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = rng.permutation(len(self.pairs))
        for start in range(0, self.steps * self.batch, self.batch):
            users, wanted = self.pairs[order[start : start + self.batch]].T
            yield torch.from_numpy(self.taken[users]), torch.from_numpy(wanted)

    def loss(self, network: ItemNetwork, took: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """``took (b, MOST)`` and ``wanted (b,)``, which is taken out of them."""
        items = network()
        there = (took >= 0) & (took != wanted[:, None])
        rows = items[took.clamp_min(0)] * there[:, :, None]  # (b, MOST, d)
        users = nn.functional.normalize(rows.sum(dim=1), dim=1)
        scores = users @ items.T / network.temperature()  # (b, n)
        known = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, took.clamp_min(0), there)
        return nn.functional.cross_entropy(scores.masked_fill(known, _MASKED), wanted)


def judged(network: ItemNetwork, taken: Taken, split: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and NDCG at :data:`K` of users who took something in the split, among what they had not taken before."""
    with torch.no_grad():
        items = network().numpy()
    before, after = taken.matrix(TRAIN).tocsr(), taken.matrix(split).tocsr()
    asked = np.flatnonzero((np.diff(after.indptr) > 0) & (np.diff(before.indptr) > 0))
    recall, ndcg = np.zeros(len(asked)), np.zeros(len(asked))
    gains = 1 / np.log2(np.arange(K) + 2)
    for place, user in enumerate(asked.tolist()):
        own = before.indices[before.indptr[user] : before.indptr[user + 1]]
        right = after.indices[after.indptr[user] : after.indptr[user + 1]]
        scores = items @ items[own].sum(axis=0)
        scores[own] = -np.inf
        best = np.argpartition(-scores, K)[:K]
        hits = np.isin(best[np.argsort(-scores[best], kind="stable")], right)
        recall[place] = hits.sum() / len(right)
        ndcg[place] = (gains * hits).sum() / gains[: min(len(right), K)].sum()
    return recall, ndcg
