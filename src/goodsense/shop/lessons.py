"""What the joint space of a shop learns from: its products, and below them views with other words, kind by kind.

A kind of views is used only if the closed-form fusion finds validation products better with it, beyond chance; what
does not help weighs nothing. Validation products search across modalities by their whole text, by the first words of
their titles, and by what shoppers searched for before they opened them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.fusion.base import FittedFusion
from goodsense.fusion.crossing import crossing, reciprocal_ranks
from goodsense.fusion.registry import make_fusion
from goodsense.learning.lesson import Lesson
from goodsense.shop.belonging import KINDS, Records, Views, product_groups
from goodsense.shop.encoding import EncodedBlock
from goodsense.shop.listing import Listing
from goodsense.types import Embeddings, Rows, Vectors, normalise

STAND_IN = "cca"  # tells in seconds which kinds teach
TRIED_ON = 5_000  # products at most
MOST_VIEWS = 20_000  # of one kind
WORDS = 4  # of a title, as a shopper's query
SURE = 0.5  # standard errors that a kind has to gain
TEXT = "text"

Members = Mapping[str, EncodedBlock]


@dataclass(frozen=True, eq=False)
class Lines:
    """Views as vectors: the products they are of, ``rows`` ``(m,)`` of the listing, and their words ``(m, d)``."""

    rows: Rows
    texts: Vectors

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Teaching:
    """All that a fusion may learn from: products with their groups, and views of them by kind."""

    members: Members
    groups: NDArray[np.int64] = field(repr=False)
    ids: Sequence[str] = field(repr=False)
    lines: Mapping[str, Lines] = field(default_factory=dict)

    @classmethod
    def of(cls, members: Members, listing: Listing, records: Records | None, *, seed: int) -> Teaching:
        """Encode the words of all views, a sample where there are very many."""
        views = {} if records is None else records.views()
        found: dict[str, Lines] = {}
        if TEXT in members:
            for kind in (kind for kind in KINDS if kind in views):
                lines = encoded(members, views[kind].sampled(MOST_VIEWS, seed=seed))
                found |= {kind: lines} if len(lines) else {}
        return cls(members, product_groups(listing), listing.ids, found)

    def material(self, rows: Rows, kinds: Sequence[str]) -> tuple[dict[str, Embeddings], Lesson]:
        """Blocks of these products and of the views of these kinds, and the lesson of both.

        A view has the blocks of its product but its own words, belongs to the product's group, and is paired with it.
        """
        lines = [self.lines[kind] for kind in kinds]
        of = np.concatenate([np.zeros(0, dtype=np.int64), *(own.rows for own in lines)])
        every = np.concatenate([rows, of])
        ids = [
            *(self.ids[row] for row in rows.tolist()),
            *(f"{self.ids[row]}\0{n}" for n, row in enumerate(of.tolist())),
        ]
        blocks = {}
        for name, block in self.members.items():
            vectors, present = np.array(block.vectors[every]), np.array(block.present[every])
            if name == TEXT and lines:
                vectors[len(rows) :], present[len(rows) :] = np.concatenate([own.texts for own in lines]), True
            if present.any():
                blocks[name] = Embeddings.of_products(ids, vectors, present)
        place = {row: at for at, row in enumerate(rows.tolist())}
        paired = [(len(rows) + n, place[row]) for n, row in enumerate(of.tolist()) if row in place]
        pairs = np.array(paired, dtype=np.int64).reshape(-1, 2)
        return blocks, Lesson(self.groups[every], pairs=pairs, weights=np.ones(len(pairs), dtype=np.float32))

    def helpful(self, rows: Rows, exam: Exam, *, seed: int) -> tuple[list[str], dict[str, float]]:
        """The kinds that help, and what each gained when it was tried; each is tried beside those kept before.

        The gain is of the mean reciprocal rank, and has to exceed half its standard error, over products: searches of
        one product hang together, and a few dozen products cannot tell more.
        """
        picked = np.sort(np.random.default_rng(seed).permutation(rows)[:TRIED_ON])
        kept: list[str] = []
        gains: dict[str, float] = {}
        best = self.reached(picked, kept, exam, seed=seed) if self.lines else None
        for kind in self.lines if best is not None else ():
            reached = self.reached(picked, [*kept, kind], exam, seed=seed)
            if reached is None or best is None:
                continue
            gain = reached - best
            gains[kind] = float(gain.mean())
            if gain.mean() > SURE * gain.std() / np.sqrt(len(exam.held)):
                kept, best = [*kept, kind], reached
        return kept, gains

    def reached(self, rows: Rows, kinds: Sequence[str], exam: Exam, *, seed: int) -> NDArray[np.float64] | None:
        """Reciprocal ranks of the exam's searches once the stand-in has learned; None where it cannot."""
        blocks, lesson = self.material(rows, kinds)
        fusion = make_fusion(STAND_IN)
        try:
            fusion.fit(blocks, lesson=lesson, seed=seed)
        except DataError:
            return None
        return exam.sat(fusion, {name: self.members[name] for name in blocks}, self.groups)


@dataclass(frozen=True, eq=False)
class Exam:
    """Validation products ``held``, and short queries that each ask for one of them, as :class:`Lines`."""

    held: Rows
    asked: Lines

    @classmethod
    def of(cls, members: Members, listing: Listing, records: Records | None, held: Rows) -> Exam:
        """The first words of titles, and searches that led shoppers to these products."""
        titles = ((row, " ".join(listing.titles[row].split()[:WORDS]), 1.0) for row in held.tolist())
        own = [encoded(members, Views.of(titles))] if TEXT in members else []
        own += [encoded(members, records.searches(held.tolist()))] if own and records is not None else []
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *(lines.rows for lines in own)])
        width = members[TEXT].vectors.shape[1] if own else 0
        return cls(held, Lines(rows, np.concatenate([np.zeros((0, width), np.float32), *(each.texts for each in own)])))

    def sat(self, fusion: FittedFusion, members: Members, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """Reciprocal ranks of every search from one modality to another, and from the queries to all but text."""
        given = {name: _own(block, self.held) for name, block in members.items()}
        singles = {name: fusion.fuse({name: block}).vectors for name, block in given.items()}
        present = np.stack([block.present for block in given.values()], axis=1)
        found = [crossing(list(singles.values()), present, groups[self.held]).found]
        if TEXT in given and len(self.asked):
            names = [str(number) for number in range(len(self.asked))]
            queries = Embeddings.of_products(names, self.asked.texts, np.ones(len(names), dtype=np.bool_))
            probes = fusion.fuse({TEXT: queries}).vectors
            for name in (name for name in given if name != TEXT):
                shown = given[name].present
                same = groups[self.asked.rows][:, None] == groups[self.held][shown]
                there = members[name].present[self.asked.rows]
                found.append(reciprocal_ranks(probes[there], singles[name][shown], same[there]))
        return np.concatenate(found)


def encoded(members: Members, views: Views) -> Lines:
    """Views that say something of a product with more than words."""
    encoder: Any = members[TEXT].encoder
    vectors = np.zeros((len(views), members[TEXT].vectors.shape[1]), dtype=np.float32)
    queries = np.array([isinstance(words, str) for words in views.words], dtype=np.bool_)
    for some, encode in ((queries, encoder.encode_query), (~queries, encoder.encode)):
        if some.any():
            vectors[some] = normalise(encode([views.words[at] for at in np.flatnonzero(some).tolist()]))
    shown = np.any([block.present[views.rows] for name, block in members.items() if name != TEXT], axis=0)
    kept = shown & np.asarray(vectors.any(axis=1))
    return Lines(views.rows[kept], vectors[kept])


def _own(block: EncodedBlock, rows: Rows) -> Embeddings:
    names = [str(row) for row in rows.tolist()]
    return Embeddings.of_products(names, np.array(block.vectors[rows]), np.array(block.present[rows]))
