"""The next basket: an LSTM reads the baskets of a history, another one says the next one, item by item.

Sequence to sequence (Sutskever, Vinyals and Le, NIPS 2014), with baskets as the mean of their items (Yu et al., DREAM,
SIGIR 2016). A basket has no order, so each item that is left is an equally right next one (Vinyals, Bengio and Kudlur,
"Order Matters", ICLR 2016), and none is said twice. What was bought before is bought again: one number per item of
the history, learned, says how much that counts (after Hu and He, Sets2Sets, KDD 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.learning.backend import nn, torch
from goodsense.learning.losses import MASKED
from goodsense.recommend.baskets import Baskets, HeldBaskets
from goodsense.recommend.content import Content
from goodsense.recommend.item_table import Inputs, ItemTable, check_inputs, content_columns
from goodsense.recommend.model import Scores
from goodsense.recommend.network_model import Batches, NetworkModel, in_batches, steps_of
from goodsense.types import Vectors, normalise

State: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # of an LSTM: state and cell, (b, h) each
_OVER = 0.01  # a basket that goes on with a smaller chance is complete


class BasketLesson(NamedTuple):
    """Baskets that were ``(b, t, s)``, and the next one ``(b, r)`` in the order in which it is said; both with where
    there is an item, bool."""

    before: torch.Tensor
    there: torch.Tensor
    wanted: torch.Tensor
    asked: torch.Tensor


class NextBasket(NetworkModel):
    """Items by the probability that they are in the next basket.

    Some baskets are drawn, item by item, and an item's probability is the mean, over them, of the sum of its chances to
    be said next, each times the chance that the basket was not complete before: what is said is said once, so these
    chances add up. All histories share the random numbers, so the same history has the same answer among any others.
    The best epoch is told by last baskets that are held out.

    All items are scored at every step: meant for catalogs of some ten thousand items.

    Parameters
    ----------
    gap_s
        Events that follow one another within so many seconds are one basket; events without a time are one each.
    largest
        Items of a basket that are said.
    paths
        Baskets that are drawn for each history.
    inputs
        What items' vectors are made of: ``ids``, their ``content``, or ``both``. Without any content, both are ids.
    hidden
        Width of both networks' states.
    longest
        Baskets that are read, the newest.
    dropout, hide
        Share that is left out in training; of ``both``, share of the items that are their content alone.
    dim, epochs, batch, rate, decay, patience, device
        See :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "next-basket"

    def __init__(
        self,
        *,
        gap_s: float = 0.0,
        largest: int = 8,
        paths: int = 8,
        inputs: Inputs = "both",
        dim: int = 64,
        hidden: int = 128,
        longest: int = 30,
        dropout: float = 0.3,
        hide: float = 0.2,
        epochs: int = 30,
        batch: int = 128,
        rate: float = 4e-3,
        decay: float = 0.01,
        patience: int | None = 3,
        device: str = "cpu",
    ) -> None:
        super().__init__(dim=dim, epochs=epochs, batch=batch, rate=rate, decay=decay, patience=patience, device=device)
        check_inputs(inputs)
        if min(largest, paths, hidden, longest) < 1 or not (0 <= dropout < 1 and 0 <= hide < 1) or not gap_s >= 0:
            raise UsageError(
                f"largest {largest}, paths {paths}, hidden {hidden}, longest {longest}, dropout {dropout}, hide {hide} "
                f"and gap_s {gap_s} make no sense.",
                fix="Give whole numbers from 1 up, dropout and hide from 0 to below 1, and gap_s from 0 up.",
            )
        self.gap_s, self.largest, self.paths, self.inputs, self.hidden = gap_s, largest, paths, inputs, hidden
        self.longest, self.dropout, self.hide = longest, dropout, hide

    def _forget(self) -> None:
        super()._forget()
        self._touched: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._columns: Vectors = np.empty((0, 0), np.float32)
        self._taught = False

    def _hold_out(self, interactions: Interactions, seed: int) -> HeldBaskets:
        return HeldBaskets.of(interactions, self.gap_s, seed=seed)

    def _prepare(self, interactions: Interactions, content: Content) -> None:
        self._touched = np.bincount(interactions.item_rows, minlength=len(self.items)) > 0
        self._columns = content_columns(content)

    def _built(self, *, whole: bool) -> nn.Module:
        table = (
            ItemTable(self._touched, self._columns, inputs=self.inputs, dim=self.dim, hide=self.hide) if whole else None
        )
        return BasketNetwork(table, self.dim, self.hidden, self.dropout)

    def _batches(self, interactions: Interactions) -> Batches:
        baskets = Baskets.of(interactions, self.gap_s)
        steps = steps_of(len(np.unique(baskets.lessons(self.longest)[1])), self.batch)
        self._taught = steps > 0
        give = partial(_lessons, baskets, self.longest, self.batch, self.largest)
        return Batches(steps, give, self._network.loss)

    def _settle(self, interactions: Interactions) -> None:
        table = self._network.table
        vectors = table(torch.arange(len(self.items), device=self._place)).cpu().numpy()
        self.kept["vectors"] = vectors if self._taught else np.zeros_like(vectors)
        self.kept["blind"] = table.blind().cpu().numpy()
        self.kept["taught"] = np.array([self._taught])

    def _scores(self, histories: Interactions) -> Scores:
        if not self.kept["taught"][0]:
            return np.zeros((len(histories.users), len(self.items)), np.float32)
        baskets = Baskets.of(histories, self.gap_s)
        before, there = (
            torch.from_numpy(part).to(self._place) for part in baskets.padded(baskets.newest(self.longest))
        )
        vectors = torch.from_numpy(self.kept["vectors"]).to(self._place)
        blind = torch.from_numpy(self.kept["blind"]).to(self._place)
        with torch.no_grad():
            state, old = self._network.read(vectors, before, there), marks(before, there, len(vectors))
            chances = self._network.chances(vectors, state, old, blind, largest=self.largest, paths=self.paths)
        found: NDArray[np.float32] = chances.cpu().numpy()
        found[np.diff(histories.starts) == 0] = 0.0
        return found

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """By the cosine of the items' vectors."""
        unit, blind = normalise(self.kept["vectors"]), self.kept["blind"]
        scores = unit[rows] @ unit.T
        scores[:, blind] = scores.min(axis=1, keepdims=True)
        scores[blind[rows]] = 0.0
        return scores


class BasketNetwork(nn.Module):  # type: ignore[misc]
    """The table of items, the LSTM that reads baskets, and the one that says one; the last place said is the end."""

    def __init__(self, table: ItemTable | None, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.table = table
        self.reading = nn.LSTM(dim, hidden, batch_first=True)
        self.saying = nn.LSTMCell(dim, hidden)
        self.say = nn.Linear(hidden, dim)
        self.begin, self.end = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.randn(dim) / dim**0.5)
        self.again = nn.Parameter(torch.zeros(1))  # for what was in the history
        self.dropout = nn.Dropout(dropout)

    def read(self, vectors: torch.Tensor, before: torch.Tensor, there: torch.Tensor) -> State:
        """Baskets ``(b, t, s)`` to the state and the cell after the last, ``(b, h)`` each; zero without a basket."""
        sizes = there.sum(dim=2)  # (b, t)
        summed = torch.where(there[..., None], vectors[before], 0.0).sum(dim=2)  # (b, t, d)
        means = summed / sizes.clamp_min(1)[..., None] * vectors.shape[1] ** 0.5
        counts = (sizes > 0).sum(dim=1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(means), counts.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False
        )
        state, cell = self.reading(packed)[1]
        known = (counts > 0)[:, None]
        return torch.where(known, state[0], 0.0), torch.where(known, cell[0], 0.0)

    def logits(self, state: torch.Tensor, vectors: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
        """States ``(b, h)`` to scores of all items and the end, ``(b, n + 1)``; ``old (b, n)`` is 1 if seen before."""
        said = self.say(self.dropout(state))
        return torch.cat([said @ vectors.T + self.again * old, (said @ self.end)[:, None]], dim=1)

    def loss(self, lesson: BasketLesson) -> torch.Tensor:
        """At every step, the mean cross entropy of all items of the basket that are left; then that of the end."""
        assert self.table is not None
        vectors = self.table(torch.arange(self.table.count, device=lesson.before.device))
        state = self.read(vectors, lesson.before, lesson.there)
        old = marks(lesson.before, lesson.there, len(vectors))
        left = torch.cat([marks(lesson.wanted, lesson.asked, len(vectors)), old.new_zeros(len(old), 1)], dim=1)
        said, total, steps = torch.zeros_like(left), vectors.new_zeros(()), vectors.new_zeros(())
        said[:, :-1] = 1 - self.table.touched  # what nobody touched is not learned to be wrong by its content
        given = self.begin.expand(len(old), -1)
        for place in range(lesson.wanted.shape[1] + 1):
            running = torch.ones_like(lesson.asked[:, 0]) if place == 0 else lesson.asked[:, place - 1]
            state = self.saying(given, state)
            logs = self.logits(state[0], vectors, old).masked_fill(said > 0, MASKED).log_softmax(dim=1)
            told = (left * logs).sum(dim=1) / left.sum(dim=1).clamp_min(1)
            done = left.sum(dim=1) == 0
            total = total - (torch.where(done, logs[:, -1], told) * running).sum()
            steps = steps + running.sum()
            if place < lesson.wanted.shape[1]:
                now = lesson.wanted[:, place]
                given = vectors[now] * vectors.shape[1] ** 0.5
                mark = marks(now[:, None], lesson.asked[:, place, None], len(vectors) + 1)
                said, left = said + mark, left - mark
        return total / steps

    def chances(
        self, vectors: torch.Tensor, state: State, old: torch.Tensor, blind: torch.Tensor, *, largest: int, paths: int
    ) -> torch.Tensor:
        """How likely each item is in the next basket, ``(b, n)``; ``blind`` items ``(n,)`` are never said."""
        given = self.begin.expand(len(old), -1)
        shut = nn.functional.pad(blind.expand(len(old), -1), (0, 1), value=True)  # (b, n + 1); first, it cannot end
        going = torch.ones_like(old[:, :1])  # (b, 1), later (b * paths, 1)
        total, share = torch.zeros_like(old), 1.0
        for step in range(min(largest, int((~blind).sum()))):
            state = self.saying(given, state)
            shares = self.logits(state[0], vectors, old).masked_fill(shut, MASKED).softmax(dim=1)
            items = shares[:, :-1]
            total += share * (going * items).unflatten(0, (len(total), -1)).sum(dim=1)
            going = going * (1 - shares[:, -1:])
            going = going * (going > _OVER)
            if not going.any():
                break
            if step == 0:
                share = 1 / paths
                state = (state[0].repeat_interleave(paths, 0), state[1].repeat_interleave(paths, 0))
                items, old, shut, going = (part.repeat_interleave(paths, 0) for part in (items, old, shut, going))
            said = (items.clamp_min(1e-30).log() + _noise(step, paths, items)).argmax(dim=1, keepdim=True)
            shut = shut.scatter(1, said, True)
            shut[:, -1] = False
            given = vectors[said[:, 0]] * vectors.shape[1] ** 0.5
        return total.clamp_max(1.0)


def marks(rows: torch.Tensor, there: torch.Tensor, count: int) -> torch.Tensor:
    """Ones at the places ``rows (b, ...)`` that are ``there``, zeros elsewhere: ``(b, count)``."""
    found = torch.zeros(len(rows), count, device=rows.device)
    return found.scatter_reduce(1, rows.flatten(1), there.flatten(1).float(), reduce="amax")


def _noise(step: int, paths: int, items: torch.Tensor) -> torch.Tensor:
    """Gumbel noise ``(b * paths, n)``: the largest sum with logarithms of chances is drawn by these chances.

    Each path and step has its own, the same for all histories.
    """
    source = torch.Generator().manual_seed(step)
    uniform = torch.rand(paths, items.shape[1], generator=source).clamp(1e-12, 1 - 1e-7)
    return (-(-uniform.log()).log()).to(items.device).repeat(len(items) // paths, 1)


def _lessons(
    baskets: Baskets, longest: int, size: int, largest: int, _: int, rng: np.random.Generator
) -> Iterator[BasketLesson]:
    """The batches of an epoch: of each history one basket that is drawn, its items in an order that is drawn, too."""
    spans, history = baskets.lessons(longest)
    order = rng.permutation(len(spans))
    spans = spans[order[np.unique(history[order], return_index=True)[1]]]
    for which in in_batches(len(spans), size, rng):
        before, there = baskets.padded(spans[which])
        wanted, asked = baskets.rows(spans[which, 1], np.ones(len(which), dtype=np.bool_))
        order = np.argsort(np.where(asked, rng.random(asked.shape), 2.0), axis=1)[:, :largest]
        wanted, asked = np.take_along_axis(wanted, order, axis=1), np.take_along_axis(asked, order, axis=1)
        yield BasketLesson(*map(torch.from_numpy, (before, there, wanted, asked)))
