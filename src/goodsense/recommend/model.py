"""What every recommender is, and what is the same for all of them."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.errors import DataError, UsageError
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend.content import Content
from goodsense.recommend.histories import aligned, blocks_of, histories_of
from goodsense.recommend.ranked import Order, Ranked, best_dense, best_sparse
from goodsense.recommend.storage import Arrays, packed_ids, unpacked_ids

Scores: TypeAlias = Any  # (b, n) float32, or the same as a scipy CSR matrix
Allowed: TypeAlias = Collection[str] | NDArray[np.bool_]

BLOCK = 1_024  # histories scored at once
CELLS = 2**26  # scores held at once, at most


class Recommender(Protocol):
    """From what somebody did to what they may want next; nobody needs to have been there when it was fitted.

    A batch of histories is an :class:`~goodsense.events.Interactions`; its users are names of rows and mean nothing.
    """

    @property
    def items(self) -> tuple[str, ...]: ...

    def fit(
        self, interactions: Interactions, content: Content | None = None, *, seed: int = 0, progress: Progress = silent
    ) -> Self: ...

    def recommend(
        self, histories: Interactions, k: int = 10, *, exclude_seen: bool = True, allowed: Allowed | None = None
    ) -> Ranked: ...

    def score(self, histories: Interactions, ids: Sequence[str]) -> NDArray[np.float64]: ...

    def similar(self, ids: Sequence[str], k: int = 10, *, allowed: Allowed | None = None) -> Ranked: ...


class Model(ABC):
    """The base of all recommenders: ids to rows, blocks, what was seen, the best ``k``, and the disk.

    A family writes :meth:`_learn`, :meth:`_scores` and what is kept on disk. Its constructor takes keyword options
    and keeps each under its own name.

    Attributes
    ----------
    items
        What can be recommended, ``(n,)``: the items of the interactions and of the content, sorted.
    popularity
        ``(n,)`` how many shoppers did something with each item.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    needs_events: ClassVar[bool] = True  # without any event nothing is learned, and all items score 0

    def __init__(self) -> None:
        self._forget()

    # ---- what a family writes

    @abstractmethod
    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        """Learn from interactions and content over the same items, those of :attr:`items`."""

    @abstractmethod
    def _scores(self, histories: Interactions) -> Scores:
        """Score every item for every history, ``(b, n)``; a history without events gives zeros."""

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """How like every item is to each of these, ``(m, n)``; by default what a history of it alone asks for."""
        return self._scores(self._aligned(histories_of([[self.items[row]] for row in rows.tolist()])))

    def _arrays(self) -> Arrays:
        """What was learned."""
        raise NotImplementedError

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take up what :meth:`_arrays` gave."""
        raise NotImplementedError

    # ---- what is the same for all

    @property
    def options(self) -> dict[str, Any]:
        """The options that it was made with."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name != "self"}

    def fit(
        self,
        interactions: Interactions,
        content: Content | None = None,
        *,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn from what shoppers did, and from what is known of the items.

        Parameters
        ----------
        interactions
            Who did what; see :meth:`~goodsense.events.Interactions.from_events` for weights and fading.
        content
            Vectors and facts of items. A model that uses them can recommend items that nobody touched yet.
        seed
            Decides everything random.
        progress
            Told of long work.

        Raises
        ------
        DataError
            If there is neither an event nor an item.
        """
        known = set(interactions.items)
        items = tuple(sorted(known.union(content.ids) if content is not None else known))
        if not items:
            raise DataError("there are no items to recommend.", fix="Give events, or the content of products.")
        self._forget()
        self._take(items)
        events = aligned(interactions, items, self._places)
        own = (content if content is not None else Content(())).aligned(items)
        self.popularity[:] = np.bincount(events.pairs.item_rows, minlength=len(items))
        self._empty = self.needs_events and not len(events)
        if not self._empty:
            self._learn(events, own, seed=seed, progress=progress)
        return self

    def recommend(
        self, histories: Interactions, k: int = 10, *, exclude_seen: bool = True, allowed: Allowed | None = None
    ) -> Ranked:
        """The best ``k`` items for every history.

        Parameters
        ----------
        histories
            ``(b,)``; see :func:`~goodsense.recommend.histories_of`. Unknown items in them are passed over.
        k
            How many; fewer where there are fewer.
        exclude_seen
            Leave out what is in the history.
        allowed
            Only these items: ids, or a mask over :attr:`items`.

        Raises
        ------
        UsageError
            If the model is not fitted, or ``k`` is not positive.
        """
        self._check(k)
        known, mask = self._aligned(histories), self._mask(allowed)
        parts = [
            self._best(block.users, self._scored(block), k, barred=block.matrix if exclude_seen else None, allowed=mask)
            for block in blocks_of(known, self._at_once)
        ]
        return Ranked.joined(parts, self.items, min(k, len(self.items)))

    def score(self, histories: Interactions, ids: Sequence[str]) -> NDArray[np.float64]:
        """How well each item suits each history, ``(b, m)``; NaN for items that the model does not know."""
        self._check()
        columns = np.array([self._places.get(id, -1) for id in ids], dtype=np.int64)
        found = np.full((len(histories.users), len(columns)), np.nan)
        begin = 0
        for block in blocks_of(self._aligned(histories), self._at_once):
            scores = self._scored(block)[:, columns[columns >= 0]]
            dense = scores.toarray() if hasattr(scores, "toarray") else scores
            found[begin : begin + len(block.users), columns >= 0] = dense
            begin += len(block.users)
        return found

    def similar(self, ids: Sequence[str], k: int = 10, *, allowed: Allowed | None = None) -> Ranked:
        """The ``k`` items most like each of these.

        Raises
        ------
        UsageError
            If an item is unknown.
        """
        from scipy.sparse import csr_matrix

        self._check(k)
        missing = next((id for id in ids if id not in self._places), None)
        if missing is not None:
            raise UsageError(f"there is no item {missing!r} in this model.", fix="Check the id, or build again.")
        rows = np.array([self._places[id] for id in ids], dtype=np.int64)
        mask, parts = self._mask(allowed), []
        for begin in range(0, len(rows), self._at_once):
            some = rows[begin : begin + self._at_once]
            itself = csr_matrix(
                (np.ones(len(some)), some, np.arange(len(some) + 1)), shape=(len(some), len(self.items))
            )
            scores = self._none(len(some)) if self._empty else self._alike(some)
            names = tuple(ids[begin : begin + self._at_once])
            parts.append(self._best(names, scores, k, barred=itself, allowed=mask))
        return Ranked.joined(parts, self.items, min(k, len(self.items)))

    def save(self, directory: Path) -> None:
        """Write the fitted model into a directory."""
        self._check()
        arrays: Arrays = {} if self._empty else self._arrays()
        common: Arrays = {"model.items": packed_ids(self.items), "model.popularity": self.popularity}
        artefacts.write(artefacts.Artefact(self._form(), self.version, self.options, {**arrays, **common}), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a fitted model.

        Raises
        ------
        DataError
            If the directory holds none, or one of another kind, or a damaged one.
        """
        found = artefacts.read(directory, kind=cls._form(), version=cls.version)
        model = cls(**found.settings)
        model._take(unpacked_ids(found.arrays["model.items"]))
        model.popularity[:] = found.arrays["model.popularity"]
        own = {name: array for name, array in found.arrays.items() if not name.startswith("model.")}
        model._empty = not own
        if own:
            model._restore(own)
        return model

    # ---- inside

    @classmethod
    def _form(cls) -> str:
        return f"recommender {cls.kind}"

    def _forget(self) -> None:
        self._take(())
        self._empty = True

    def _take(self, items: tuple[str, ...]) -> None:
        self.items = items
        self.popularity = np.zeros(len(items))
        self._places = {id: row for row, id in enumerate(items)}
        self._order: Order | None = None

    def _check(self, k: int = 1) -> None:
        if not self.items:
            raise UsageError(f"the {self.kind} model is not fitted.", fix="Call fit first.")
        if k < 1:
            raise UsageError(f"{k} items were asked for.", fix="Ask for 1 or more.")

    def _aligned(self, histories: Interactions) -> Interactions:
        return aligned(histories, self.items, self._places)

    def _mask(self, allowed: Allowed | None) -> NDArray[np.bool_] | None:
        if allowed is None:
            return None
        if isinstance(allowed, np.ndarray):
            if allowed.dtype != np.bool_ or allowed.shape != (len(self.items),):
                raise UsageError(f"a mask of shape {allowed.shape} cannot say which of {len(self.items)} items may be.")
            return allowed
        mask = np.zeros(len(self.items), dtype=np.bool_)
        mask[[self._places[id] for id in allowed if id in self._places]] = True
        return mask

    @property
    def _at_once(self) -> int:
        return max(1, min(BLOCK, CELLS // len(self.items)))

    def _scored(self, block: Interactions) -> Scores:
        return self._none(len(block.users)) if self._empty else self._scores(block)

    def _none(self, count: int) -> Scores:
        from scipy.sparse import csr_matrix

        return csr_matrix((count, len(self.items)), dtype=np.float32)

    def _best(
        self, names: tuple[str, ...], scores: Scores, k: int, *, barred: Any, allowed: NDArray[np.bool_] | None
    ) -> Ranked:
        if self._order is None:
            self._order = Order.by(self.popularity)
        pick = best_sparse if hasattr(scores, "indptr") else best_dense
        rows, values = pick(scores, k, order=self._order, barred=barred, allowed=allowed)
        return Ranked(names, self.items, rows, values)
