"""Two towers: what a shopper did on one side, what an item is on the other, near to each other where they belong.

Covington et al., "Deep Neural Networks for YouTube Recommendations" (RecSys 2016); trained as in Yi et al.,
"Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations" (RecSys 2019), with drawn negatives
beside those of the batch, so that items that nobody took are told apart, too (Yang et al., "Mixed Negative Sampling for
Learning Two-tower Neural Networks in Recommendations", WWW 2020 companion).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.learning.backend import nn, torch
from goodsense.recommend.content import Content
from goodsense.recommend.drawing import Taken
from goodsense.recommend.item_table import Inputs, ItemTable, check_inputs
from goodsense.recommend.lessons import Lesson, lesson
from goodsense.recommend.model import Scores
from goodsense.recommend.network_model import Batches, NetworkModel, in_batches, steps_of
from goodsense.recommend.towers import HistoryPool, item_columns, sampled_softmax
from goodsense.recommend.traits import TRAITS, dearness, traits
from goodsense.types import Vectors, normalise

Pool: TypeAlias = Literal["mean", "attention"]


class TwoTower(NetworkModel):
    """Pooled history and traits of a shopper against the content and id of an item.

    An item's vector is a map of its content plus a row of a table that is hidden now and then, so that an item that
    nobody took is found by its content. A shopper's is a network over the pooled vectors of the history (by strength,
    by recency where times are known, by attention) and its traits: how long it is, how dear its items are and how
    much that varies.

    Parameters
    ----------
    inputs
        What items' vectors are made of: ``ids``, ``content`` or ``both``. Without any content, both are ids.
    pool
        ``mean`` or ``attention``.
    longest
        Items of a history that are read, the newest.
    hide
        Of ``both``, share of the items that are their content alone, in training.
    negatives
        Items drawn for each batch, all alike, beside its own.
    temperature
        Cosines are divided by it.
    dim, epochs, batch, rate, decay, patience, device
        As in :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "two-tower"

    def __init__(
        self,
        *,
        inputs: Inputs = "both",
        pool: Pool = "mean",
        longest: int = 50,
        hide: float = 0.3,
        negatives: int = 512,
        temperature: float = 0.1,
        dim: int = 64,
        epochs: int = 20,
        batch: int = 1_024,
        rate: float = 0.005,
        decay: float = 0.1,
        patience: int | None = 4,
        device: str = "cpu",
    ) -> None:
        super().__init__(dim=dim, epochs=epochs, batch=batch, rate=rate, decay=decay, patience=patience, device=device)
        check_inputs(inputs)
        if pool not in get_args(Pool) or longest < 1 or not 0 <= hide < 1 or negatives < 0 or not temperature > 0:
            raise UsageError(
                f"pool {pool!r}, longest {longest}, hide {hide}, negatives {negatives} and temperature {temperature} "
                "make no sense.",
                fix="Give pool mean or attention, longest from 1, hide from 0 to below 1, negatives from 0 up and a "
                "positive temperature.",
            )
        self.inputs, self.pool, self.longest, self.hide = inputs, pool, longest, hide
        self.negatives, self.temperature = negatives, temperature

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
            table = ItemTable(self._touched, self._columns, inputs=self.inputs, dim=self.dim, hide=self.hide)
        pool = HistoryPool(self.dim, recency=bool(self.kept["timed"]), attention=self.pool == "attention")
        return Towers(ShopperTower(pool, self.dim), table, self.temperature)

    def _batches(self, interactions: Interactions) -> Batches:
        taken = Taken.of(interactions)
        examples, dear, drawn = taken.examples(), self.kept["dear"], self.negatives

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Lesson, torch.Tensor]]:
            for picked in in_batches(len(examples), self.batch, rng):
                found = lesson(taken, examples[picked], longest=self.longest, drawn=drawn, rng=rng)
                rows = found.items.numpy()[found.history.numpy()]
                yield found, torch.from_numpy(traits(rows, found.there.numpy(), dear))

        return Batches(steps_of(len(examples), self.batch), batches, lambda batch: self._network(*batch))

    def _settle(self, interactions: Interactions) -> None:
        table = self._network.table
        self.kept["vectors"] = table(torch.arange(len(self.items), device=self._place)).cpu().numpy()
        self.kept["blind"] = table.blind().cpu().numpy()

    def vectors(self, histories: Interactions) -> Vectors:
        """Shoppers by what they did, ``(b, d)`` of unit length; ``histories`` are over :attr:`items`."""
        rows, there, strengths = Taken.of(histories).newest(self.longest)
        inputs = (self.kept["vectors"][rows], there, strengths, traits(rows, there, self.kept["dear"]))
        with torch.no_grad():
            found = self._network.shopper(*(torch.from_numpy(own).to(self._place) for own in inputs))
        told: Vectors = normalise(found.cpu().numpy())
        return told

    def _scores(self, histories: Interactions) -> Scores:
        scores = self.vectors(histories) @ normalise(self.kept["vectors"]).T
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        scores[np.diff(histories.starts) == 0] = 0.0
        return scores

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """By the cosine of the items' vectors."""
        unit = normalise(self.kept["vectors"])
        scores = unit[rows] @ unit.T
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        return scores


class ShopperTower(nn.Module):  # type: ignore[misc]
    """Pooled items and traits to a vector ``(b, d)``: what was pooled, and what two layers add to it."""

    def __init__(self, pool: HistoryPool, dim: int) -> None:
        super().__init__()
        self.pool = pool
        self.further = nn.Sequential(nn.Linear(dim + TRAITS, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        nn.init.zeros_(self.further[2].weight)
        nn.init.zeros_(self.further[2].bias)

    def forward(
        self, items: torch.Tensor, there: torch.Tensor, strengths: torch.Tensor, own: torch.Tensor
    ) -> torch.Tensor:
        """Vectors ``(b, h, d)``, where there is one, strengths, and traits ``(b, TRAITS)`` to ``(b, d)``."""
        pooled = self.pool(items, there, strengths)
        found: torch.Tensor = pooled + self.further(torch.cat([pooled, own], dim=1))
        return found


class Towers(nn.Module):  # type: ignore[misc]
    """Both towers, and their lesson; answers need that of the shopper alone."""

    def __init__(self, shopper: ShopperTower, table: ItemTable | None, temperature: float) -> None:
        super().__init__()
        self.shopper, self.table, self.temperature = shopper, table, temperature

    def forward(self, own: Lesson, told: torch.Tensor) -> torch.Tensor:
        """Sampled softmax of what was taken next, by histories and their traits ``(b, TRAITS)``."""
        assert self.table is not None
        items = self.table(own.items)  # (u, d)
        asking = self.shopper(items[own.history], own.there, own.strengths, told)
        unit = nn.functional.normalize
        return sampled_softmax(
            unit(asking) / self.temperature,
            unit(items[own.candidates]),
            own.wanted,
            chances=own.chances,
            barred=own.barred,
        )
