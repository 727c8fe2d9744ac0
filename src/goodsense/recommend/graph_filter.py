"""The multimodal graph filter: who is taken together, who is alike, and what both of them lead to.

Without any training, a history ``r`` scores ``r M`` with one sparse matrix ``M``, the weighted sum of a few terms over
graphs of items: ``P`` (taken together), ``W`` (alike; one graph per modality and one of tags), ``W P`` (what is taken
together with something alike), ``P W``, ``W W``, ``P P``, and ``S`` (along the same leading directions). It grew out of
GF-CF (Shen et al., CIKM 2021), RP3beta (Paudel et al., TiiS 2017) and the frozen item graphs of FREEDOM (Zhou and Shen,
MM 2023). The weights are chosen on validation, see :mod:`goodsense.recommend.graph_search`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend.content import Content
from goodsense.recommend.histories import newest
from goodsense.recommend.item_graphs import Graph, alike, mean_of, shares, taste, together
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.pruning import pruned_product, strongest
from goodsense.recommend.signals import positive, signals
from goodsense.recommend.storage import Arrays, packed, unpacked

TOGETHER, TWICE, TASTE = "together", "together twice", "taste"
LIKE, LIKE_TWICE = "like", "like twice"
LIKE_TOGETHER, TOGETHER_LIKE = "like, then together", "together, then like"
# how much each term counts where nothing was chosen
USUAL: Mapping[str, float] = MappingProxyType(
    {TOGETHER: 1.0, LIKE: 0.3, LIKE_TOGETHER: 0.6, TOGETHER_LIKE: 0.15, LIKE_TWICE: 0.1, TWICE: 0.1, TASTE: 0.3}
)
_ALIKE = "alike."  # before the names of arrays
_WALKS, _LEAST = 400_000_000, 10  # of two steps in all, about; entries of a row for them, at least
_ENTRIES = 200_000_000  # of the filter, at most


@dataclass(frozen=True, eq=False)
class ItemGraphs:
    """The graphs that terms are made of.

    Parameters
    ----------
    together
        ``(n, n)`` items that the same shoppers took.
    near
        The strongest entries of it, for walks of two steps.
    alike
        Name -> items alike by one modality.
    like
        The mean of those, weighed as ``mix`` says.
    taste
        Items along the same leading directions.
    """

    together: Graph
    near: Graph
    alike: dict[str, Graph]
    like: Graph
    taste: Graph

    def terms(self, taken: Any) -> dict[str, Any]:
        """What each term scores every item for rows of signals ``(b, n)``; CSR matrices ``(b, n)``."""
        step = taken @ self.near
        found = {TOGETHER: taken @ self.together, TWICE: step @ self.near}
        if self.taste.nnz:
            found[TASTE] = taken @ self.taste
        if self.like.nnz:
            alike = taken @ self.like
            found |= {LIKE: alike, LIKE_TOGETHER: alike @ self.near, TOGETHER_LIKE: step @ self.like}
            found[LIKE_TWICE] = alike @ self.like
        return found

    def factors(self, weights: Mapping[str, float]) -> tuple[Any, Any]:
        """Two sparse matrices ``(n, 3n)`` and ``(3n, n)`` whose product is the weighted sum of all terms."""
        from scipy.sparse import hstack, identity, vstack

        weigh = {name: np.float32(weight) for name, weight in weights.items()}
        one = weigh[TOGETHER] * self.together + weigh[LIKE] * self.like + weigh[TASTE] * self.taste
        second = weigh[TOGETHER_LIKE] * self.like + weigh[TWICE] * self.near
        left = hstack([identity(one.shape[0], np.float32, format="csr"), self.like, self.near], format="csr")
        after = weigh[LIKE_TOGETHER] * self.near + weigh[LIKE_TWICE] * self.like
        right = vstack([one, after, second], format="csr")
        return left, right


class GraphFilter(Model):
    """Items that the weighted sum of a few walks over graphs of items reaches from a history.

    Parameters
    ----------
    users, seen, found
        Exponents of degrees in the co-occurrence: how much less a shopper with many items counts, a popular item of
        the history, and a popular candidate (below 0: it counts more).
    neighbours
        Entries that are kept of every row of the co-occurrence.
    near
        The same for walks of two steps; fewer in very large shops, so that all walks are made in bounded time.
    alike
        Nearest items by each modality.
    dim
        Leading directions of the term ``taste``; 0 for none.
    keep
        Entries that are kept of every row of the filter.
    cap
        The events of one shopper that count, the last ones.
    weights
        Term -> how much it counts, from 0 up; the terms are those of :data:`USUAL`, which also says what those that are
        not named count. None: all count as usual.
    mix
        Block of the content, or ``tags`` -> its share of what is alike, from 0 up; what is not named has none. None:
        all have the same.
    """

    kind: ClassVar[str] = "graph-filter"

    def __init__(
        self,
        *,
        users: float = 0.5,
        seen: float = 0.3,
        found: float = 0.0,
        neighbours: int = 200,
        near: int = 60,
        alike: int = 15,
        dim: int = 32,
        keep: int = 300,
        cap: int = 1_000,
        weights: Mapping[str, float] | None = None,
        mix: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        for name, count in {"neighbours": neighbours, "near": near, "alike": alike, "keep": keep, "cap": cap}.items():
            positive(name, count, whole=True)
        positive("dim", dim, whole=True, zero=True)
        for name, exponent in {"users": users, "seen": seen, "found": found}.items():
            positive(f"the size of {name}", abs(exponent), zero=True)
        unknown = next((name for name in weights or {} if name not in USUAL), None)
        if unknown is not None:
            raise UsageError(f"there is no term {unknown!r}.", fix=f"Known: {'; '.join(USUAL)}.")
        for name, weight in {**(weights or {}), **(mix or {})}.items():
            positive(f"the weight of {name}", weight, zero=True)
        self.users, self.seen, self.found = users, seen, found
        self.neighbours, self.near, self.alike = neighbours, near, alike
        self.dim, self.keep, self.cap = dim, keep, cap
        self.weights = None if weights is None else dict(weights)
        self.mix = None if mix is None else dict(mix)

    # ---- learning

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        self._take_up(self.graphs_of(interactions, content, seed=seed, progress=progress), progress)

    def graphs_of(
        self, interactions: Interactions, content: Content, *, seed: int = 0, progress: Progress = silent
    ) -> ItemGraphs:
        """The graphs of these events and this content, over the same items."""
        taken = signals(newest(interactions, self.cap))
        graph = together(
            taken, users=self.users, seen=self.seen, found=self.found, keep=self.neighbours, progress=progress
        )
        by_modality = alike(content, neighbours=self.alike, progress=progress)
        directions = taste(taken, users=self.users, dim=self.dim, keep=max(1, self.neighbours // 2), seed=seed)
        return self.joined(graph, by_modality, directions)

    def joined(self, graph: Graph, by_modality: dict[str, Graph], directions: Graph) -> ItemGraphs:
        """Graphs with what follows from them under these options."""
        known = dict(sorted(by_modality.items()))
        like = mean_of(known, self.mix, graph.shape[0])
        near = min(self.near, max(_LEAST, math.isqrt(_WALKS // max(graph.shape[0], 1))))
        return ItemGraphs(graph, strongest(graph, near), known, like, directions)

    def fit_graphs(self, interactions: Interactions, graphs: ItemGraphs, *, progress: Progress = silent) -> Self:
        """As :meth:`fit`, with graphs of these events and their content that are there already."""
        self._forget()
        self._take(interactions.items)
        self.popularity[:] = np.bincount(interactions.pairs.item_rows, minlength=len(self.items))
        self._empty = False
        self._take_up(graphs, progress)
        return self

    def _take_up(self, graphs: ItemGraphs, progress: Progress = silent) -> None:
        self._graphs = graphs
        keep = max(1, min(self.keep, _ENTRIES // graphs.together.shape[0]))
        left, right = graphs.factors(self.used_weights)
        self._filter = pruned_product(left, right, keep, progress=progress, stage=self.kind)

    @property
    def used_weights(self) -> dict[str, float]:
        """How much each term counts."""
        return {**USUAL, **(self.weights or {})}

    # ---- answering

    def _scores(self, histories: Interactions) -> Scores:
        return signals(histories) @ self._filter

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        return self._filter[rows]

    def why(self, history: Interactions, item: str) -> dict[str, dict[str, float]]:
        """What each item of one history, by each term, adds to the score of an item.

        Parameters
        ----------
        history
            Of one shopper.
        item
            What was recommended.

        Returns
        -------
        dict
            Item of the history -> term -> share; all of them sum to the score of :meth:`score`. Items that add nothing
            are left out.

        Raises
        ------
        UsageError
            If the item is unknown, or there is not exactly one history.
        """
        self._check()
        if item not in self._places or len(history.users) != 1:
            raise UsageError(
                f"there is no item {item!r}, or not one history.", fix="Give one history and a known item."
            )
        if self._empty:
            return {}
        from scipy.sparse import csr_matrix

        column, own = self._places[item], signals(self._aligned(history))
        kept = np.asarray(self._filter[own.indices][:, [column]].todense()).ravel() != 0
        rows, counts = own.indices[kept], own.data[kept]
        each = csr_matrix((counts, rows, np.arange(len(rows) + 1)), shape=(len(rows), len(self.items)))
        found: dict[str, dict[str, float]] = {self.items[row]: {} for row in rows.tolist()}
        for name, scores in self._told(each).items():
            for row, value in zip(rows.tolist(), scores[:, [column]].toarray().ravel().tolist(), strict=True):
                if value:
                    found[self.items[row]][name] = value
        return found

    def _told(self, taken: Any) -> dict[str, Any]:
        """What each term adds to the scores of rows of signals, what is alike told by modality; CSR ``(b, n)``."""
        weights, terms = self.used_weights, self._graphs.terms(taken)
        found = {name: np.float32(weights[name]) * scores for name, scores in terms.items() if name != LIKE}
        for name, share in shares(self._graphs.alike, self.mix).items():
            found[f"{LIKE} {name}"] = np.float32(weights[LIKE] * share) * (taken @ self._graphs.alike[name])
        return found

    # ---- on disk

    def _arrays(self) -> Arrays:
        graphs = {"filter": self._filter, "together": self._graphs.together, "taste": self._graphs.taste}
        graphs |= {_ALIKE + name: graph for name, graph in self._graphs.alike.items()}
        found: Arrays = {}
        for name, graph in graphs.items():
            found |= packed(name, graph)
        return found

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        names = [name.removesuffix(".shape") for name in arrays if name.startswith(_ALIKE) and name.endswith(".shape")]
        by_modality = {name.removeprefix(_ALIKE): unpacked(arrays, name) for name in names}
        self._graphs = self.joined(unpacked(arrays, "together"), by_modality, unpacked(arrays, "taste"))
        self._filter = unpacked(arrays, "filter")
