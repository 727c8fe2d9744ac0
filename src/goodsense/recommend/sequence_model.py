"""What all recommenders that read histories step by step share: a table of items, a network that reads, one lesson.

A reader takes the vectors of what somebody took, one after another, and after each says a vector that is near to that
of the next. It learns by cross entropy over all items, which matters more than which network reads (Klenitskiy and
Vasilev, "Turning Dross Into Gold Loss", RecSys 2023); of a large catalog, over the items of the batch and some drawn.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.learning.backend import nn, torch
from goodsense.recommend.content import Content
from goodsense.recommend.item_table import Inputs, ItemTable, check_inputs, content_columns
from goodsense.recommend.model import Scores
from goodsense.recommend.network_model import Batches, NetworkModel
from goodsense.recommend.sequences import Sequences, Whole
from goodsense.types import Vectors, normalise

ALL = 5_000  # items that are all told apart at every step; of more, some are drawn
DRAWN = 512
AT_ONCE = 128  # histories that are read together


class SequenceNetwork(nn.Module):  # type: ignore[misc]
    """What reads vectors of items, and the table that makes them; answers need the first alone."""

    def __init__(self, reader: nn.Module, table: ItemTable | None) -> None:
        super().__init__()
        self.reader, self.table = reader, table


class Lesson(NamedTuple):
    """A batch: ``(b, t)`` steps, each with what comes next.

    Parameters
    ----------
    items
        ``(u,)`` the items that are needed.
    steps, there
        ``(b, t)`` places in ``items``, and where there is a step.
    targets
        ``(m,)`` what comes next after each of the ``m`` steps: a place among the candidates.
    candidates
        ``(c,)`` places in ``items`` that are told apart.
    chances
        ``(c,)`` logarithm of how likely each was to be a candidate, so that likely ones are not told apart too well
        (Yi et al., RecSys 2019).
    """

    items: torch.Tensor
    steps: torch.Tensor
    there: torch.Tensor
    targets: torch.Tensor
    candidates: torch.Tensor
    chances: torch.Tensor


class SequenceModel(NetworkModel):
    """The base of networks that tell the next item.

    Parameters
    ----------
    inputs
        What items' vectors are made of: ``ids``, their ``content``, or ``both``. Without any content, both are ids.
    dim
        Columns of the vectors.
    longest
        Steps of a history that are read, the newest.
    dropout
        Share that is left out in training.
    hide
        Of ``both``, share of the items that are their content alone, in training.
    negatives
        Items that the right one is told from: 0 for all. None: all in a catalog of up to 5,000 items, else 512 that are
        drawn at each step and those of the batch.
    epochs, batch, rate, decay, patience, device
        As of every network; examples of a batch are pieces of histories.
    """

    def __init__(
        self,
        *,
        inputs: Inputs,
        longest: int,
        dropout: float,
        hide: float,
        negatives: int | None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        check_inputs(inputs)
        if longest < 1 or not 0 <= dropout < 1 or not 0 <= hide < 1 or (negatives or 0) < 0:
            raise UsageError(
                f"longest {longest}, dropout {dropout}, hide {hide} and negatives {negatives} make no sense.",
                fix="Give longest from 1, dropout and hide from 0 to below 1, and negatives from 0 up.",
            )
        self.inputs, self.longest, self.dropout, self.hide, self.negatives = inputs, longest, dropout, hide, negatives

    @abstractmethod
    def _reader(self) -> nn.Module:
        """A new network from vectors ``(b, t, d)``, and where there is one ``(b, t)``, to states ``(b, t, d)``.

        A state depends on its own step and those before it alone.
        """

    # ---- what the base of all networks asks for

    def _forget(self) -> None:
        super()._forget()
        self._touched: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._columns: Vectors = np.empty((0, 0), np.float32)
        self._taught = False

    def _prepare(self, interactions: Interactions, content: Content) -> None:
        self._touched = np.bincount(interactions.item_rows, minlength=len(self.items)) > 0
        self._columns = content_columns(content)

    def _built(self, *, whole: bool) -> nn.Module:
        if not whole:
            return SequenceNetwork(self._reader(), None)
        table = ItemTable(self._touched, self._columns, inputs=self.inputs, dim=self.dim, hide=self.hide)
        return SequenceNetwork(self._reader(), table)

    def _batches(self, interactions: Interactions) -> Batches:
        pieces = Sequences.lessons(interactions, self.longest)
        self._taught = len(pieces) > 0
        drawn = self.negatives if self.negatives is not None else (DRAWN if len(self.items) > ALL else 0)
        popularity = np.bincount(interactions.item_rows, minlength=len(self.items)) / max(1, len(interactions))
        give = partial(_lessons, pieces, self.batch, popularity, drawn)
        return Batches(-(-len(pieces) // self.batch), give, partial(lesson_loss, self._network))

    def _settle(self, interactions: Interactions) -> None:
        table = self._network.table
        vectors = table(torch.arange(len(self.items), device=self._place)).cpu().numpy()
        self.kept["vectors"] = vectors if self._taught else np.zeros_like(vectors)
        self.kept["blind"] = table.blind().cpu().numpy()

    def _scores(self, histories: Interactions) -> Scores:
        pieces = Sequences.newest(histories, self.longest)
        scores = self._said(pieces) @ self.kept["vectors"].T  # (b, n)
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        scores[pieces.lengths == 0] = 0.0
        return scores

    def _said(self, pieces: Sequences) -> Vectors:
        """The vector that is said after the last step of each piece, ``(b, d)``; those of like length go together."""
        found = np.zeros((len(pieces), self.dim), np.float32)
        order = np.argsort(pieces.lengths, kind="stable")
        for start in range(0, len(order), AT_ONCE):
            which = order[start : start + AT_ONCE]
            rows, there = pieces.padded(which)
            vectors = torch.from_numpy(self.kept["vectors"][rows]).to(self._place)
            with torch.no_grad():
                states = read(self._network.reader, vectors, torch.from_numpy(there).to(self._place))
            found[which] = states.cpu().numpy()[np.arange(len(which)), np.maximum(pieces.lengths[which] - 1, 0)]
        return found

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """By the cosine of the items' vectors: items that follow upon the same, and are followed by the same."""
        unit = normalise(self.kept["vectors"])
        scores = unit[rows] @ unit.T
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        scores[self.kept["blind"][rows]] = 0.0
        return scores


def read(reader: nn.Module, vectors: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Vectors ``(b, t, d)`` of about unit length, brought to about 1 per column, to states ``(b, t, d)``."""
    scaled = torch.where(there[:, :, None], vectors * vectors.shape[2] ** 0.5, 0.0)
    found: torch.Tensor = reader(scaled, there)
    return found


def lesson_loss(network: SequenceNetwork, lesson: Lesson) -> torch.Tensor:
    """Cross entropy of what comes next after every step."""
    assert network.table is not None
    vectors = network.table(lesson.items)  # (u, d)
    states = read(network.reader, vectors[lesson.steps], lesson.there)[lesson.there]  # (m, d)
    scores = states @ vectors[lesson.candidates].T - lesson.chances  # (m, c)
    return nn.functional.cross_entropy(scores, lesson.targets)


def _lessons(
    pieces: Sequences, size: int, popularity: NDArray[np.float64], drawn: int, _: int, rng: np.random.Generator
) -> Iterator[Lesson]:
    """The batches of an epoch; with ``drawn`` 0 all items are candidates.

    Items that nobody touched are none: they would be learned to be wrong by their content.
    """
    touched = np.flatnonzero(popularity > 0)
    for which in pieces.batches(size, rng):
        rows, there = pieces.padded(which)
        there = there[:, 1:]
        steps, targets = np.where(there, rows[:, :-1], touched[0]), rows[:, 1:][there]
        if drawn:
            yield _sampled(steps, there, targets, popularity, drawn, rng)
        else:
            places = (np.searchsorted(touched, steps), there, np.searchsorted(touched, targets))
            everything, chances = np.arange(len(touched)), np.zeros(len(touched), np.float32)
            yield Lesson(*map(torch.from_numpy, (touched, *places, everything, chances)))


def _sampled(
    steps: Whole,
    there: NDArray[np.bool_],
    targets: Whole,
    popularity: NDArray[np.float64],
    drawn: int,
    rng: np.random.Generator,
) -> Lesson:
    """A batch whose candidates are its own targets and some touched items that are drawn, all alike."""
    touched = np.flatnonzero(popularity > 0)
    candidates = np.union1d(targets, rng.choice(touched, size=drawn))
    items = np.union1d(candidates, steps)
    missed = (1 - 1 / len(touched)) ** drawn * (1 - popularity[candidates]) ** len(targets)
    chances = np.log(np.maximum(1 - missed, 1e-12)).astype(np.float32)
    places = (np.searchsorted(items, steps), there, np.searchsorted(candidates, targets))
    return Lesson(*map(torch.from_numpy, (items, *places, np.searchsorted(items, candidates), chances)))
