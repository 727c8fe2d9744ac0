"""Changes after the build, laid over it: words and columns at once, vectors where they are known already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from goodsense.fusion.joint import JOINT, JointEncoder
from goodsense.search.lexical import Document
from goodsense.search.snapshot import Block, Overlay, Snapshot
from goodsense.shop.encoding import pool
from goodsense.shop.joining import fused, joint_source
from goodsense.shop.listing import Listing, input_hashes, joint_hash
from goodsense.shop.ratings import UNRATED, Ratings
from goodsense.shop.truth import Change
from goodsense.shop.vectors import VectorCache
from goodsense.types import Index, Mask, Modality, Rows, TextFields, Vectors, prepare

_OF_OTHERS = ("reviews", "behaviour")  # blocks made of what shoppers say and do, not of the product itself


@dataclass
class OverlayMaker:
    """Makes overlays of one build; keeps the vector caches it had to open and the words it had to find."""

    shop: Path
    base: Snapshot
    joint: JointEncoder | None = None
    pending: dict[str, int] = field(default_factory=dict)
    _caches: dict[str, VectorCache] = field(default_factory=dict)
    _documents: dict[tuple[str, int], Document] = field(default_factory=dict)  # by id and seq

    def make(self, changes: Sequence[Change], ratings: Ratings = UNRATED) -> Overlay:
        """The overlay of these changes; ``pending`` then counts products without a known vector, by block."""
        listing = Listing()
        for change in changes:
            if change.product is not None:
                listing.add(change.product, group=change.id, ratings=ratings)
        keys = [(change.id, change.seq) for change in changes if change.product is not None]
        self._documents = {
            key: self._documents.get(key) or self._document(text) for key, text in zip(keys, listing.texts, strict=True)
        }
        return Overlay(
            ids=tuple(listing.ids),
            titles=tuple(listing.titles),
            removed=tuple(change.id for change in changes if change.product is None),
            fields=listing.columns(),
            documents=list(self._documents.values()),
            blocks=self._blocks(listing),
        )

    def _blocks(self, listing: Listing) -> dict[str, tuple[Vectors, Mask]]:
        found = {name: self._block(name, listing) for name in self.base.blocks if name != JOINT}
        return {**found, JOINT: self._joined(self.joint, found, listing)} if self.joint is not None else found

    def _joined(
        self, joint: JointEncoder, blocks: Mapping[str, tuple[Vectors, Mask]], listing: Listing
    ) -> tuple[Vectors, Mask]:
        """The build's own vectors of products whose media and texts are the same, else what their blocks give now."""
        block, members = self.base.blocks[JOINT], list(joint.members)
        own = [[joint_hash(hashes) for hashes in input_hashes(listing, name)] for name in members]  # type: ignore[arg-type]
        sources = [joint_source(row) for row in zip(*own, strict=True)]
        kept = self._unchanged(block, listing, sources)
        vectors = np.zeros((len(listing), block.dim), dtype=np.float32)
        present = np.zeros(len(listing), dtype=np.bool_)
        vectors[list(kept)], present[list(kept)] = (
            rows[list(kept.values())] for rows in (block.vectors, block.present)
        )
        new = [i for i in range(len(listing)) if i not in kept]
        if new:
            given = {name: (blocks[name][0][new], blocks[name][1][new]) for name in members}
            vectors[new], present[new] = fused(joint, given)
        return vectors, present

    def _unchanged(self, block: Block, listing: Listing, sources: Sequence[str]) -> dict[int, int]:
        """Changed products whose vector the build has, and in which row: they are made of the same as there."""
        if block.sources is None:
            return {}
        rows = {i: row for i, id in enumerate(listing.ids) if (row := self.base.base_row(id)) is not None}
        return {i: row for i, row in rows.items() if sources[i] and block.sources[row] == sources[i]}

    def _document(self, text: TextFields) -> Document:
        tokenizer = self.base.tokenizer
        names = self.base.lexical.fields if self.base.lexical is not None else ()
        return {name: tokenizer.tokens(text[name]) for name in names if name in text}

    def _block(self, name: str, listing: Listing) -> tuple[Vectors, Mask]:
        """Vectors from the build where the content is the same, else from the cache, else absent."""
        block = self.base.blocks[name]
        if name in _OF_OTHERS:
            return self._as_before(name, listing)
        modality: Modality = name  # type: ignore[assignment]
        hashes = input_hashes(listing, modality)
        vectors = np.zeros((len(listing), block.dim), dtype=np.float32)
        present = np.zeros(len(listing), dtype=np.bool_)
        kept = self._unchanged(block, listing, [joint_hash(own) for own in hashes])
        unknown = [i for i, own in enumerate(hashes) if own and i not in kept]
        rows = list(kept.values())
        vectors[list(kept)], present[list(kept)] = block.vectors[rows], block.present[rows]
        if unknown:
            self._from_cache(name, hashes, unknown, vectors, present)
        self.pending[name] = sum(not present[i] for i in unknown)
        return vectors, present

    def _as_before(self, name: str, listing: Listing) -> tuple[Vectors, Mask]:
        """The build's own vector where the product was there, whatever changed in it."""
        block = self.base.blocks[name]
        vectors = np.zeros((len(listing), block.dim), dtype=np.float32)
        present = np.zeros(len(listing), dtype=np.bool_)
        known = {i: row for i, id in enumerate(listing.ids) if (row := self.base.base_row(id)) is not None}
        rows = list(known.values())
        vectors[list(known)], present[list(known)] = block.vectors[rows], block.present[rows]
        self.pending[name] = 0
        return vectors, present

    def _from_cache(
        self, name: str, hashes: Sequence[Sequence[str]], rows: Sequence[int], vectors: Vectors, present: Mask
    ) -> None:
        block = self.base.blocks[name]
        flat = [hash for row in rows for hash in hashes[row]]
        inputs, _ = self._cache(name).get(flat)
        ends = np.cumsum([len(hashes[row]) for row in rows]).tolist()
        spans = [tuple(range(end - len(hashes[row]), end)) for row, end in zip(rows, ends, strict=True)]
        pooled, found = pool(inputs, spans)
        vectors[list(rows)], present[list(rows)] = prepare(pooled, block.distance), found

    def _cache(self, name: str) -> VectorCache:
        if name not in self._caches:
            fingerprint = self.base.meta["encoders"][name]["fingerprint"]
            directory = self.shop / "vectors" / fingerprint[:32]
            self._caches[name] = VectorCache(directory, self.base.blocks[name].dim)
        return self._caches[name]


class IndexUpkeep:
    """Keeps one index in step with the overlay: only rows that differ from the last time are written.

    An engine on disk keeps the overlay rows of the process that wrote them; ``note`` says how many there may be, so
    that the next process takes them out first. Only the process that holds the engine has one.
    """

    def __init__(self, index: Index, base: Snapshot, *, note: Path | None) -> None:
        self.index = index
        self._base = base
        self._note = note
        self._written: list[tuple[str, int]] = []  # (id, seq) of the overlay's rows
        self._removed: set[int] = set()
        if note is not None and note.exists():
            left = int(note.read_text("ascii") or 0)
            self.index.delete(_rows(range(base.base_rows, base.base_rows + left)))

    def follow(self, snapshot: Snapshot, changes: Sequence[Change]) -> None:
        """Delete what is stale, write what is new."""
        rows = [(change.id, change.seq) for change in changes if change.product is not None]
        first = self._base.base_rows
        stale = {row for change in changes if (row := self._base.base_row(change.id)) is not None}
        if gone := stale - self._removed:
            self.index.delete(_rows(gone))
            self._removed |= gone
        if len(rows) < len(self._written):
            self.index.delete(_rows(range(first + len(rows), first + len(self._written))))
        fresh = [i for i, row in enumerate(rows) if i >= len(self._written) or self._written[i] != row]
        if fresh:
            if self._note is not None:
                self._note.write_text(str(len(rows)), "ascii")
            self.index.upsert(snapshot.index_rows(_rows(first + i for i in fresh)))
        self._written = rows


def _rows(numbers: Iterable[int]) -> Rows:
    return np.array(sorted(numbers), dtype=np.int64)
