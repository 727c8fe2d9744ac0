"""Products like those in the history, by what they are: nobody needs to have touched them.

The mean over a history is the profile of Pazzani and Billsus, "Content-Based Recommendation Systems" (2007); attention
lets each candidate look at those items of the history that it resembles, as in He et al., "NAIS: Neural Attentive Item
Similarity Model for Recommendation" (TKDE 2018), without anything to learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.facts import dense_facts
from goodsense.recommend.histories import newest
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.signals import Values, checked_values, faded, positive, share_left
from goodsense.recommend.storage import Arrays
from goodsense.types import normalise


class ByContent(Model):
    """Products by the cosine of their vectors with those of the history.

    Parameters
    ----------
    blocks
        What each block counts, by name; ``tags`` are tags and categories together. None: all there are, the same.
    attention
        How much more of a candidate's score comes from the items of the history that it resembles; 0: the mean.
    recent
        How many of the last events count.
    fading
        What an event counts against the one after it.
    values
        ``binary``, ``log`` or ``weights``: how much each pair counts.
    """

    kind: ClassVar[str] = "content"
    needs_events: ClassVar[bool] = False

    def __init__(
        self,
        *,
        blocks: Mapping[str, float] | None = None,
        attention: float = 0.0,
        recent: int = 50,
        fading: float = 1.0,
        values: Values = "binary",
    ) -> None:
        super().__init__()
        positive("attention", attention, zero=True)
        positive("recent", recent, whole=True)
        for name, weight in (blocks or {}).items():
            positive(f"the weight of {name}", weight, zero=True)
        self.blocks, self.attention, self.recent, self.fading = blocks, attention, recent, share_left(fading)
        self.values: Values = checked_values(values)

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        found = dense_facts(content, seed=seed)
        if not found:
            raise DataError("nothing is known of these products.", fix="Give content with blocks, tags or categories.")
        weights = dict.fromkeys(found, 1.0) if self.blocks is None else self.blocks
        unknown = sorted(set(weights) - set(found))
        if unknown:
            raise UsageError(f"there is no block {unknown[0]!r}.", fix=f"There are: {', '.join(sorted(found))}.")
        parts = [np.float32(np.sqrt(weight)) * found[name] for name, weight in sorted(weights.items())]
        self._vectors = normalise(np.concatenate(parts, axis=1))  # (n, d)

    def _scores(self, histories: Interactions) -> Scores:
        counts = faded(newest(histories, self.recent), self.values, self.fading)
        if self.attention == 0:
            return normalise(np.asarray(counts @ self._vectors)) @ self._vectors.T
        found = np.zeros((len(histories.users), len(self.items)), dtype=np.float32)
        for row, (begin, end) in enumerate(zip(counts.indptr[:-1], counts.indptr[1:], strict=True)):
            if begin < end:
                found[row] = self._attended(counts.indices[begin:end], counts.data[begin:end])
        return found

    def _attended(self, items: NDArray[np.int32], counts: NDArray[np.float32]) -> NDArray[np.float32]:
        """Every product's mean likeness to these, those it resembles counting most, ``(n,)``."""
        near = self._vectors[items] @ self._vectors.T  # (h, n)
        share = counts[:, None] * np.exp(self.attention * (near - near.max(axis=0)))
        told: NDArray[np.float32] = np.einsum("hn,hn->n", share, near) / share.sum(axis=0)
        return told

    def _arrays(self) -> Arrays:
        return {"vectors": self._vectors}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._vectors = arrays["vectors"]
