"""From candidates to the list that is shown: steps one after another, none of which loses anything silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from goodsense.errors import UsageError
from goodsense.recommend.ranked import Ranked
from goodsense.recommend.reranking.draft import Adding, Draft, Move, Phase, Request, Step
from goodsense.types import Terms

Fallback: TypeAlias = Callable[[Request], Terms]  # candidates for when nothing is left


@dataclass(frozen=True)
class Pick:
    """One product of the list; ``terms`` sums to ``score``, and ``moves`` say why it does not stand by its score."""

    rank: int
    id: str
    score: float
    terms: Mapping[str, float]
    moves: tuple[Move, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def moved_by(self) -> tuple[str, ...]:
        """The steps that moved it."""
        return tuple(move.by for move in self.moves)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"rank": self.rank, "id": self.id, "score": self.score, "terms": dict(self.terms)}
        if self.moves:
            found["moved_by"] = [{"step": move.by, "from": move.before, "to": move.after} for move in self.moves]
        if self.detail:
            found["detail"] = dict(self.detail)
        return found


@dataclass(frozen=True)
class Reranked:
    """What is shown, what stood behind it, and what was taken out.

    Parameters
    ----------
    picks
        The first ``k``.
    rest
        The other candidates, in their order.
    removed
        Product -> the rule that took it out.
    message
        What the shop should know: rules that gave way, pins that could not be kept, an answer that fell back.
    """

    picks: tuple[Pick, ...]
    rest: tuple[Pick, ...] = ()
    removed: Mapping[str, str] = field(default_factory=dict)
    message: str = ""

    def __iter__(self) -> Iterator[Pick]:
        return iter(self.picks)

    def __len__(self) -> int:
        return len(self.picks)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(pick.id for pick in self.picks)

    def to_json(self) -> dict[str, Any]:
        return {
            "hits": [pick.to_json() for pick in self.picks],
            "removed": dict(self.removed),
            "message": self.message,
        }


class Reranker:
    """Makes lists of candidates by steps.

    Parameters
    ----------
    steps
        Called in turn. Filters come first, then what changes scores, then what arranges, then what places.
    fallback
        Makes candidates where no one is left; the same steps are taken with them. Without it such a list is empty,
        and says why.

    Raises
    ------
    UsageError
        If the steps stand in an order in which one undoes another.
    """

    def __init__(self, steps: Sequence[Step], *, fallback: Fallback | None = None) -> None:
        phases = [phase for step in steps if (phase := getattr(step, "phase", None)) is not None]
        for before, after in pairwise(phases):
            if after < before:
                raise UsageError(
                    f"a step that does {Phase(after).name} stands after one that does {Phase(before).name}.",
                    fix=f"Order the steps: {', '.join(phase.name for phase in Phase)}.",
                )
        self.steps, self.fallback = tuple(steps), fallback

    def __call__(self, candidates: Terms, request: Request | None = None) -> Reranked:
        """Rerank candidates; whatever order they come in, they begin by their scores.

        Raises
        ------
        UsageError
            If ``k`` is less than 1, or a candidate stands twice or has a score that is no number.
        """
        asked = Request() if request is None else request
        draft = self._taken(_begun(candidates, asked), asked)
        if not len(draft) and self.fallback is not None:
            instead = self._taken(_begun(self.fallback(asked), asked), asked)
            notes = (*draft.notes, "nothing was left of the candidates, so these are others")
            draft = replace(instead, removed={**draft.removed, **instead.removed}, notes=(*notes, *instead.notes))
        if not len(draft):
            draft = draft.saying(note=_nothing(draft))
        picks = _picks(draft)
        gone = {id: by for id, by in draft.removed.items() if id not in set(draft.ids)}
        return Reranked(picks[: asked.k], picks[asked.k :], gone, "; ".join(dict.fromkeys(draft.notes)))

    def _taken(self, draft: Draft, request: Request) -> Draft:
        for step in self.steps:
            if isinstance(step, Adding):
                draft = draft.joined(step.adds(request))
        for step in self.steps:
            before = {*draft.ids, *draft.removed}
            draft = step(draft, request)
            lost = before - {*draft.ids, *draft.removed}
            if lost:
                raise UsageError(
                    f"the step {getattr(step, 'name', step)!r} lost {min(lost)!r} without saying why.",
                    fix="Let it name what it takes out (Draft.without).",
                )
        stays = np.array([id not in draft.guests for id in draft.ids], dtype=np.bool_)
        return draft.without(stays, dict.fromkeys(draft.guests & set(draft.ids), "not placed"))


def candidates_of(ranked: Ranked, row: int = 0, *, name: str = "base") -> Terms:
    """One row of a recommender's answer as candidates with one term."""
    hits = ranked.hits(row)
    values = np.array([[score] for _, score in hits], dtype=np.float64).reshape(len(hits), 1)
    return Terms(tuple(id for id, _ in hits), (name,), values)


def _begun(candidates: Terms, request: Request) -> Draft:
    if request.k < 1:
        raise UsageError(f"a list of {request.k} products is none.", fix="Ask for 1 or more.")
    if len(set(candidates.ids)) < len(candidates.ids):
        raise UsageError("a candidate stands twice.", fix="Give each candidate once.")
    if not np.isfinite(candidates.values).all():
        raise UsageError("a candidate's term is no finite number.", fix="Leave such candidates out, or score them 0.")
    return Draft.of(candidates)


def _nothing(draft: Draft) -> str:
    if not draft.removed:
        return "there are no candidates"
    counts: dict[str, int] = {}
    for rule in draft.removed.values():
        counts[rule] = counts.get(rule, 0) + 1
    return "nothing is left: " + ", ".join(f"{rule} took out {count}" for rule, count in sorted(counts.items()))


def _picks(draft: Draft) -> tuple[Pick, ...]:
    return tuple(
        Pick(
            rank,
            id,
            float(values.sum()),
            dict(zip(draft.names, values.tolist(), strict=True)),
            draft.moves.get(id, ()),
            draft.details.get(id, {}),
        )
        for rank, (id, values) in enumerate(zip(draft.ids, draft.values, strict=True), 1)
    )
