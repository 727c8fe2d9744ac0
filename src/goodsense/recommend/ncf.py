"""Neural collaborative filtering: a network says how well an item suits a shopper, who is the history.

He et al., "Neural Collaborative Filtering" (WWW 2017): generalised matrix factorisation beside a multilayer perceptron,
trained by logistic loss with drawn negatives. In place of a vector per shopper stands the mean of the history's
vectors, so that nobody needs to have been there before, and items are told by their content, too. The perceptron's
first layer is linear before its ReLU, so it is a sum of a half that only the shopper decides and one that only the item
decides; of all items, the latter is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.learning.backend import nn, torch
from goodsense.recommend.content import Content
from goodsense.recommend.drawing import Taken
from goodsense.recommend.item_table import Inputs, ItemTable, check_inputs
from goodsense.recommend.model import Scores
from goodsense.recommend.network_model import Batches, NetworkModel, in_batches, steps_of
from goodsense.recommend.towers import HistoryPool, item_columns
from goodsense.recommend.traits import TRAITS, dearness, traits
from goodsense.types import Vectors, normalise

_CELLS = 2**22  # numbers of the first layer that are held at once


class Ncf(NetworkModel):
    """Factors and a perceptron over history, traits of the shopper, and an item's id, content and price.

    Parameters
    ----------
    inputs
        What items' vectors are made of: ``ids``, ``content`` or ``both``. Without any content, both are ids.
    hidden
        Width of the perceptron's first layer; the second has half of it.
    negatives
        Items drawn for each that was taken.
    longest
        Items of a history that are read, the newest.
    hide
        Of ``both``, share of the items that are their content alone, in training.
    dim, epochs, batch, rate, decay, patience, device
        As in :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "ncf"

    def __init__(
        self,
        *,
        inputs: Inputs = "both",
        hidden: int = 16,
        negatives: int = 4,
        longest: int = 50,
        hide: float = 0.3,
        dim: int = 32,
        epochs: int = 20,
        batch: int = 1_024,
        rate: float = 0.003,
        decay: float = 1.0,
        patience: int | None = 4,
        device: str = "cpu",
    ) -> None:
        super().__init__(dim=dim, epochs=epochs, batch=batch, rate=rate, decay=decay, patience=patience, device=device)
        check_inputs(inputs)
        if hidden < 2 or negatives < 1 or longest < 1 or not 0 <= hide < 1:
            raise UsageError(
                f"hidden {hidden}, negatives {negatives}, longest {longest} and hide {hide} make no sense.",
                fix="Give hidden from 2, negatives and longest from 1, and hide from 0 to below 1.",
            )
        self.inputs, self.hidden, self.negatives = inputs, hidden, negatives
        self.longest, self.hide = longest, hide

    # ---- what the base of all networks asks for

    def _forget(self) -> None:
        super()._forget()
        self._touched: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._columns: Vectors = np.empty((0, 0), np.float32)

    def _prepare(self, interactions: Interactions, content: Content) -> None:
        taken = Taken.of(interactions)
        self._touched, self._columns = taken.shares > 0, item_columns(content)
        self.kept["dear"] = dearness(content)
        self.kept["timed"] = np.array(taken.timed)

    def _built(self, *, whole: bool) -> nn.Module:
        table = None
        if whole:
            table = ItemTable(self._touched, self._columns, inputs=self.inputs, dim=2 * self.dim, hide=self.hide)
        return NcfNetwork(table, dim=self.dim, hidden=self.hidden, recency=bool(self.kept["timed"]))

    def _batches(self, interactions: Interactions) -> Batches:
        taken = Taken.of(interactions)
        examples, dear = taken.examples(), self.kept["dear"]

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
            for picked in in_batches(len(examples), self.batch, rng):
                own = examples[picked]
                pairs, there = taken.histories(own, self.longest)
                others = taken.others(taken.users[own], self.negatives, rng)
                asked = np.concatenate([taken.items[own][:, None], others], axis=1)  # (b, 1 + m), the wanted first
                rows = taken.items[pairs]
                told = traits(rows, there, dear)
                found = (rows, there, taken.strengths[pairs], told, asked, dear[asked])
                yield tuple(map(torch.from_numpy, found))

        return Batches(steps_of(len(examples), self.batch), batches, lambda batch: self._network.loss(*batch))

    def _settle(self, interactions: Interactions) -> None:
        network, place = self._network, self._place
        vectors = network.table(torch.arange(len(self.items), device=place))  # (n, 2 d)
        dear = torch.from_numpy(self.kept["dear"]).to(place)
        self.kept["vectors"] = vectors.cpu().numpy()
        self.kept["halves"] = network.item_half(vectors, dear).cpu().numpy()  # (n, hidden)
        self.kept["blind"] = network.table.blind().cpu().numpy()

    def _scores(self, histories: Interactions) -> Scores:
        rows, there, strengths = Taken.of(histories).newest(self.longest)
        inputs = (self.kept["vectors"][rows], there, strengths, traits(rows, there, self.kept["dear"]))
        place = self._place
        with torch.no_grad():
            pooled, half = self._network.shopper(*(torch.from_numpy(own).to(place) for own in inputs))
            items, halves = (torch.from_numpy(self.kept[name]).to(place) for name in ("vectors", "halves"))
            size = max(1, _CELLS // halves.numel())
            spans = [slice(start, start + size) for start in range(0, len(half), size)]
            found = [self._network.judge_all(pooled[span], half[span], items, halves) for span in spans]
        scores: NDArray[np.float32] = torch.cat(found).cpu().numpy()  # (b, n)
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        scores[np.diff(histories.starts) == 0] = 0.0
        return scores

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """By the cosine of the items' vectors."""
        unit = normalise(self.kept["vectors"])
        scores = unit[rows] @ unit.T
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        return scores


class NcfNetwork(nn.Module):  # type: ignore[misc]
    """Both judges. An item's vector ``(2 d,)`` is a half for the factors and one for the perceptron.

    Parameters
    ----------
    table
        Items to vectors; answers do without.
    dim
        Columns of each half.
    hidden
        Width of the first layer.
    recency
        Whether the place in a history counts.
    """

    def __init__(self, table: ItemTable | None, *, dim: int, hidden: int, recency: bool) -> None:
        super().__init__()
        self.dim, self.table = dim, table
        self.pool = HistoryPool(2 * dim, recency=recency, attention=False)
        self.asking, self.offered = nn.Linear(dim + TRAITS, hidden), nn.Linear(dim + 1, hidden, bias=False)
        self.second, self.last = nn.Linear(hidden, hidden // 2), nn.Linear(hidden // 2, 1)
        self.factors = nn.Parameter(torch.full((dim,), dim**0.5))

    def shopper(
        self, items: torch.Tensor, there: torch.Tensor, strengths: torch.Tensor, told: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A history ``(b, h, 2 d)`` and its traits to weighted factors ``(b, d)`` and a half of the first layer."""
        pooled = self.pool(items, there, strengths)
        half = self.asking(torch.cat([pooled[:, self.dim :], told], dim=1))  # (b, hidden)
        return pooled[:, : self.dim] * self.factors, half

    def item_half(self, items: torch.Tensor, dear: torch.Tensor) -> torch.Tensor:
        """Items ``(..., 2 d)`` and how dear they are ``(...)`` to their half of the first layer ``(..., hidden)``."""
        found: torch.Tensor = self.offered(torch.cat([items[..., self.dim :], dear[..., None]], dim=-1))
        return found

    def judge(
        self, pooled: torch.Tensor, half: torch.Tensor, items: torch.Tensor, halves: torch.Tensor
    ) -> torch.Tensor:
        """Shoppers ``(b, d)`` and ``(b, hidden)`` with ``m`` items each, ``(b, m, .)``, to logits ``(b, m)``."""
        factors = torch.einsum("bd,bmd->bm", pooled, items[..., : self.dim])
        return factors + self._perceived(half[:, None] + halves)

    def judge_all(
        self, pooled: torch.Tensor, half: torch.Tensor, items: torch.Tensor, halves: torch.Tensor
    ) -> torch.Tensor:
        """The same with all items, ``(n, .)``: logits ``(b, n)``."""
        return pooled @ items[:, : self.dim].T + self._perceived(half[:, None] + halves)

    def _perceived(self, first: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(self.second(first.relu()).relu())[..., 0]
        return found

    def loss(
        self,
        rows: torch.Tensor,
        there: torch.Tensor,
        strengths: torch.Tensor,
        told: torch.Tensor,
        asked: torch.Tensor,
        dear: torch.Tensor,
    ) -> torch.Tensor:
        """Logistic loss of ``asked (b, 1 + m)``, of which the first of each row was taken."""
        assert self.table is not None
        needed, places = torch.unique(torch.cat([rows.flatten(), asked.flatten()]), return_inverse=True)
        vectors = self.table(needed)[places]
        history, items = vectors[: rows.numel()].view(*rows.shape, -1), vectors[rows.numel() :].view(*asked.shape, -1)
        logits = self.judge(*self.shopper(history, there, strengths, told), items, self.item_half(items, dear))
        truth = torch.zeros_like(logits)
        truth[:, 0] = 1.0
        found: torch.Tensor = nn.functional.binary_cross_entropy_with_logits(logits, truth)
        return found
