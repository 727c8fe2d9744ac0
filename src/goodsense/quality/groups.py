"""Pairs of products made into groups of products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Member:
    """One product of a group: its row, its best similarity to another member, and what of it is alike."""

    row: int
    score: float
    found: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """Products that belong together, by row; two at least."""

    name: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows that are alike, ``score`` from 0 to 1; ``found`` tells what of either is."""

    a: int
    b: int
    score: float
    found: tuple[Any, Any] = (None, None)


def grouped(pairs: Iterable[Pair], names: list[str]) -> list[Group]:
    """Whoever is connected by pairs makes a group, named after its first member; ``names`` are those of the rows."""
    parent: dict[int, int] = {}
    best: dict[int, Member] = {}

    def root(row: int) -> int:
        while (above := parent.setdefault(row, row)) != row:
            parent[row] = row = parent[above]
        return row

    for pair in pairs:
        one, other = sorted((root(pair.a), root(pair.b)))
        parent[other] = one
        for row, found in zip((pair.a, pair.b), pair.found, strict=True):
            if row not in best or best[row].score < pair.score:
                best[row] = Member(row, pair.score, found)
    members: defaultdict[int, list[Member]] = defaultdict(list)
    for row in sorted(best):
        members[root(row)].append(best[row])
    return [Group(names[found[0].row], tuple(found)) for found in members.values() if len(found) > 1]
