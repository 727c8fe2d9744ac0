"""A list under way from candidates to what is shown: scores as sums of named terms, and every move with its cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Terms

Detail: TypeAlias = Mapping[str, Any]


class Phase(IntEnum):
    """What a step does; steps of a pipeline come in this order, so that none undoes another."""

    FILTER = 0
    SCORE = 1
    ARRANGE = 2
    PLACE = 3


@dataclass(frozen=True)
class Request:
    """For whom a list is made, and when and where.

    Parameters
    ----------
    k
        How many products are shown.
    user
        A pseudonym; "" for nobody known.
    history, bought
        What the shopper did, oldest first, and what of it was bought.
    time
        Seconds since 1970 UTC; None if not known.
    local_time
        What a clock shows where the shopper is, as seconds; None: as ``time``.
    device, place
        As the log calls them.
    seed
        Chance, wherever a step needs some: the same request gives the same list.
    """

    k: int = 10
    user: str = ""
    history: tuple[str, ...] = ()
    bought: frozenset[str] = frozenset()
    time: float | None = None
    local_time: float | None = None
    device: str = ""
    place: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Move:
    """A step that put a product elsewhere; ranks count from 1."""

    by: str
    before: int
    after: int


@dataclass(frozen=True, eq=False)
class Draft:
    """Candidates in their present order.

    Parameters
    ----------
    ids
        ``(n,)``, each once.
    names, values
        The terms of every score, ``values (n, t)``; a score is the sum of its row.
    moves
        Product -> what moved it, in the order of the steps. Who only gave way is not named.
    removed
        Product -> the rule that took it out.
    details
        Product -> what else a step has to say about it.
    notes
        What the shop should know of the list as a whole.
    guests
        Products that joined for a step to place them; who is not placed is taken out at the end.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    moves: Mapping[str, tuple[Move, ...]] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Detail] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    guests: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        assert self.values.shape == (len(self.ids), len(self.names)), f"terms of shape {self.values.shape}"
        assert len(set(self.ids)) == len(self.ids), "a candidate stands twice"

    @classmethod
    def of(cls, terms: Terms) -> Draft:
        """Candidates by descending score; of equal ones those that were given first come first."""
        order = np.argsort(-terms.scores, kind="stable")
        ids = tuple(terms.ids[row] for row in order.tolist())
        return cls(ids, terms.names, np.asarray(terms.values[order], dtype=np.float64))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def scores(self) -> NDArray[np.float64]:
        """``(n,)``."""
        found: NDArray[np.float64] = self.values.sum(axis=1)
        return found

    def take(self, rows: Sequence[int] | NDArray[np.integer]) -> Draft:
        """Some candidates, in this order."""
        places = np.asarray(rows, dtype=np.int64)
        return replace(self, ids=tuple(self.ids[row] for row in places.tolist()), values=self.values[places])

    def arranged(self, rows: Sequence[int] | NDArray[np.integer], by: str, moved: Mapping[str, Any] | None) -> Draft:
        """All candidates in another order.

        Parameters
        ----------
        moved
            The products that the step meant to move; None: all whose rank changed.
        """
        found = self.take(rows)
        assert len(found) == len(self), "an arrangement lost a candidate"
        before = {id: rank for rank, id in enumerate(self.ids, 1)}
        moves = dict(self.moves)
        for after, id in enumerate(found.ids, 1):
            if before[id] != after and (moved is None or id in moved):
                moves[id] = (*moves.get(id, ()), Move(by, before[id], after))
        return replace(found, moves=moves)

    def plus(self, name: str, values: NDArray[np.float64]) -> Draft:
        """With another term ``(n,)``, in the order of the new scores; of equal ones the present order stays."""
        assert values.shape == (len(self),), f"a term of shape {values.shape} for {len(self)} candidates"
        assert np.isfinite(values).all(), f"the term {name} is not finite"
        found = replace(self, names=(*self.names, name), values=np.column_stack([self.values, values]))
        return found.take(np.argsort(-found.scores, kind="stable"))

    def without(self, kept: NDArray[np.bool_], by: Mapping[str, str]) -> Draft:
        """Only the candidates under a mask ``(n,)``; ``by`` says for each other one which rule took it out."""
        return replace(self.take(np.flatnonzero(kept)), removed={**self.removed, **by})

    def joined(self, ids: Sequence[str]) -> Draft:
        """With guests at the end, whose terms are all 0; who is a candidate already stays one."""
        known = set(self.ids)
        new = tuple(id for id in dict.fromkeys(ids) if id not in known)
        values = np.vstack([self.values, np.zeros((len(new), len(self.names)))])
        return replace(self, ids=(*self.ids, *new), values=values, guests=self.guests | set(new))

    def placed(self, ids: Iterable[str]) -> Draft:
        """Guests who are to stay."""
        return replace(self, guests=self.guests - set(ids))

    def saying(self, details: Mapping[str, Detail] | None = None, note: str = "") -> Draft:
        """With further details of some products, and a note."""
        told = {id: {**self.details.get(id, {}), **own} for id, own in (details or {}).items()}
        return replace(self, details={**self.details, **told}, notes=(*self.notes, note) if note else self.notes)


class Step(Protocol):
    """Something that is done to a list; any function of this form is one.

    A step may say its ``phase``, which the pipeline checks, and ``adds(request)``: products that join the candidates.
    """

    def __call__(self, draft: Draft, request: Request) -> Draft: ...


@runtime_checkable
class Adding(Protocol):
    """A step that brings candidates of its own."""

    def adds(self, request: Request) -> Sequence[str]: ...
