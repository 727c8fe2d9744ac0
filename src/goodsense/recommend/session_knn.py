"""Sessions like the one at hand, and what they had besides.

Jannach and Ludewig, "When Recurrent Neural Networks meet the Neighborhood for Session-Based Recommendation" (RecSys
2017), with the weights of V-SkNN from Ludewig and Jannach, "Evaluation of Session-based Recommendation Algorithms"
(UMUAI 2018): the last items of the session at hand count most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.signals import checked, positive
from goodsense.recommend.storage import Arrays, packed, unpacked

Decay: TypeAlias = Literal["div", "linear", "none"]
DECAYS: tuple[Decay, ...] = get_args(Decay)


class SessionNeighbours(Model):
    """What similar sessions had, the most recent ones first.

    Parameters
    ----------
    neighbours
        How many similar sessions count.
    sample
        Among how many they are looked for: the latest that share an item with the session at hand.
    length
        How many of the last items of the session at hand count.
    decay
        What an item ``i`` steps from the end counts: ``div`` is ``1 / i``, ``linear`` is ``1 - (i - 1) / length``,
        ``none`` is 1. It weighs items when sessions are compared, and sessions by the latest item they share. Without
        times there is no order, and nothing decays.
    gap_s
        Seconds of pause that end a session; None: all that a shopper did is one.
    rarity
        Whether rare items come first, by ``log(sessions / count)``.
    """

    kind: ClassVar[str] = "session-knn"

    def __init__(
        self,
        *,
        neighbours: int = 200,
        sample: int = 2_000,
        length: int = 20,
        decay: Decay = "linear",
        gap_s: float | None = None,
        rarity: bool = True,
    ) -> None:
        super().__init__()
        for name, number in (("neighbours", neighbours), ("sample", sample), ("length", length)):
            positive(name, number, whole=True)
        if gap_s is not None:
            positive("gap_s", gap_s)
        self.neighbours, self.sample, self.length = neighbours, sample, length
        self.decay: Decay = checked(decay, DECAYS, "decay")
        self.gap_s, self.rarity = gap_s, bool(checked(rarity, (False, True), "rarity"))

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        from scipy.sparse import csr_matrix

        own = session_rows(interactions, self.gap_s)
        liked = interactions.weights > 0
        count = int(own.max(initial=-1)) + 1
        ends = np.full(count, -np.inf)
        np.fmax.at(ends, own, interactions.times)  # -inf where no time is known
        order = np.lexsort((np.arange(count), ends))  # the latest last
        new = np.empty(count, dtype=np.int64)
        new[order] = np.arange(count)
        ones = np.ones(int(liked.sum()), dtype=np.float32)
        cells = (new[own[liked]], interactions.item_rows[liked])
        taken = csr_matrix((ones, cells), shape=(count, len(self.items)))
        taken.data[:] = 1.0
        self._timed = bool(np.isfinite(interactions.times).any())
        self._prepare(taken)

    def _prepare(self, taken: Any) -> None:
        self._taken = taken
        self._by_item = taken.T.tocsr()
        self._by_item.sort_indices()
        counts = np.diff(self._by_item.indptr)
        self._rarity = np.log((taken.shape[0] + 1) / np.maximum(counts, 1)).astype(np.float32)

    def _scores(self, histories: Interactions) -> Scores:
        from scipy.sparse import csr_matrix

        found = [self._nearest(*self._asked(histories, row)) for row in range(len(histories.users))]
        starts = np.concatenate(([0], np.cumsum([len(sessions) for sessions, _ in found])))
        sessions = np.concatenate([np.empty(0, np.int64), *(own for own, _ in found)])
        weights = np.concatenate([np.empty(0, np.float32), *(own for _, own in found)]).astype(np.float32)
        near = csr_matrix((weights, sessions, starts), shape=(len(found), self._taken.shape[0]))
        scores = (near @ self._taken).tocsr()
        if self.rarity:
            scores.data *= self._rarity[scores.indices]
        return scores

    def _asked(self, histories: Interactions, row: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The items of the session at hand, each once, and what each counts."""
        part = slice(int(histories.starts[row]), int(histories.starts[row + 1]))
        items, times = histories.item_rows[part], histories.times[part]
        liked = histories.weights[part] > 0
        if self.gap_s is not None and len(items):
            pauses = np.flatnonzero(np.diff(times) > self.gap_s)
            liked[: pauses[-1] + 1 if len(pauses) else 0] = False
        items = items[liked][::-1]  # the last first
        firsts = np.sort(np.unique(items, return_index=True)[1])[: self.length]
        ordered = self._timed and bool(np.isfinite(times).any())
        return items[firsts], self._decayed(np.arange(len(firsts)), self.decay if ordered else "none")

    def _decayed(self, steps: NDArray[np.int64], decay: Decay) -> NDArray[np.float64]:
        if decay == "div":
            return 1 / (steps + 1)
        return 1 - steps / self.length if decay == "linear" else np.ones(len(steps))

    def _nearest(
        self, items: NDArray[np.int32], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The most similar sessions and what each counts."""
        starts = self._by_item.indptr
        lists = [self._by_item.indices[starts[item] : starts[item + 1]] for item in items.tolist()]
        together = np.concatenate([np.empty(0, np.int32), *lists])
        each = np.repeat(weights, [len(own) for own in lists])
        sessions, of = np.unique(together, return_inverse=True)  # the latest last
        near, latest = np.bincount(of, each, minlength=len(sessions)), np.zeros(len(sessions))
        np.maximum.at(latest, of, each)
        if self._timed:
            sessions, near, latest = sessions[-self.sample :], near[-self.sample :], latest[-self.sample :]
        chosen = np.lexsort((-sessions, -near))[: self.neighbours]
        return sessions[chosen].astype(np.int64), near[chosen] * latest[chosen] / max(weights.sum(), 1e-12)

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """By cosine of the sessions they were in."""
        counts = np.sqrt(np.maximum(np.diff(self._by_item.indptr), 1)).astype(np.float32)
        together = (self._by_item[rows] @ self._taken).tocsr()
        together.data /= counts[together.indices]
        return together

    def _arrays(self) -> Arrays:
        return packed("taken", self._taken) | {"timed": np.array([self._timed])}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._timed = bool(arrays["timed"][0])
        self._prepare(unpacked(arrays, "taken"))


def session_rows(interactions: Interactions, gap_s: float | None) -> NDArray[np.int64]:
    """The session of every event ``(n_events,)``, numbered from 0: a shopper's, or parted by pauses of ``gap_s``."""
    begins = np.zeros(len(interactions), dtype=np.bool_)
    if gap_s is not None and len(interactions) > 1:
        begins[1:] = np.diff(interactions.times) > gap_s  # False where a time is unknown
    users = interactions.user_rows
    begins[1:] |= users[1:] != users[:-1]
    return np.cumsum(begins, dtype=np.int64)
