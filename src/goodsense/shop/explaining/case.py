"""One query and one product, and what the product would score if either were a little different."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog.product import Product
from goodsense.fusion.joint import JOINT, JointEncoder, rows_of
from goodsense.search.encode import EncodedPart, EncodedQuery
from goodsense.search.explain import block_term, joint_term
from goodsense.search.snapshot import Snapshot
from goodsense.types import Encoder, Rows, Vectors, prepare, similarity

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

Terms = dict[str, NDArray[np.float64]]  # block -> (n,)
Values = Callable[[Encoder], Sequence[Any]]  # n variants of a query's part, as an encoder reads them


@dataclass(frozen=True, eq=False)
class Case:
    """A query, encoded, and the row of a product; ``product`` is what the catalog says of it."""

    snapshot: Snapshot
    encoders: Mapping[str, Encoder]
    query: EncodedQuery
    row: int
    product: Product

    @classmethod
    def of(cls, shop: Shop, query: EncodedQuery, id: str) -> Case:
        """A query and a product of a shop.

        Raises
        ------
        UsageError
            If there is no such product.
        """
        snapshot = shop.snapshot
        return cls(snapshot, shop.encoders, query, snapshot.row_of(id), shop.truth.get([id])[id])

    @property
    def at(self) -> Rows:
        return np.array([self.row], dtype=np.int64)

    def vector(self, block: str) -> Vectors:
        """``(1, d)``."""
        return self.snapshot.blocks[block].gather(self.at)

    def has(self, block: str) -> bool:
        """Whether the build has such a block, and the product a vector in it."""
        return block in self.snapshot.blocks and bool(self.snapshot.blocks[block].gather_present(self.at)[0])

    def counts(self, block: str) -> bool:
        """Whether a change of a block's vectors can change the score: by its own term, or by the joint one."""
        return any(self._reaches(part, name) for part in self.query.parts for name in (block, *self._joined(block)))

    # ---- another product

    def of_product(self, block: str, vectors: Vectors) -> Terms:
        """Terms ``(n,)`` of the blocks that would change if the product had these vectors ``(n, d)`` in a block."""
        given = prepare(vectors, self.snapshot.blocks[block].distance)
        there = np.asarray(given.any(axis=1))
        found = {block: block_term(self.snapshot, self.query.parts, block, given, there)}
        joint = self.snapshot.joint
        if joint is not None and self._joined(block):
            n = len(vectors)
            others = {name: self.snapshot.blocks[name].gather(self.at) for name in joint.members}
            has = {name: np.full(n, self.has(name)) for name in joint.members}
            members = {name: rows_of(np.repeat(own, n, axis=0), has[name]) for name, own in others.items()}
            fused = joint.fuse({**members, block: rows_of(given, there)})
            found[JOINT] = joint_term(self.snapshot, self.query.parts, fused)
        return {name: values for name, values in found.items() if self._any_reaches(name)}

    # ---- another query

    def of_query(self, part: EncodedPart, values: Values) -> Terms:
        """Terms ``(n,)`` of every block that a part reaches, for ``n`` variants of what the part asks."""
        read: dict[int, Vectors] = {}

        def vectors(encoder: Encoder) -> Vectors:
            if id(encoder) not in read:
                read[id(encoder)] = encoder.encode_query(values(encoder))
            return read[id(encoder)]

        found: Terms = {}
        for name in part.probes:
            if not self._reaches(part, name) or not self.has(name):
                continue
            encoder = self.encoders[name]
            if isinstance(encoder, JointEncoder):
                members = {own: vectors(member) for own, member in encoder.readers(part.part.kind).items()}
                n = len(next(iter(members.values())))
                probes = encoder.encode_query([{own: rows[i] for own, rows in members.items()} for i in range(n)])
            else:
                probes = vectors(encoder)
            found[name] = self._probed(part, name, probes)
        return found

    def _probed(self, part: EncodedPart, name: str, probes: Vectors) -> NDArray[np.float64]:
        block = self.snapshot.blocks[name]
        ready = prepare(self.snapshot.calibration.unshifted(part.part.kind, name, probes), block.distance)
        raw = similarity(self.vector(name)[0], ready, block.distance)
        affine = self.snapshot.affine_of(part, name)
        return np.where(ready.any(axis=1), affine(raw), 0.0) * part.part.weight

    # ---- what reaches what

    def _joined(self, block: str) -> tuple[str, ...]:
        joint = self.snapshot.joint
        return (JOINT,) if joint is not None and block in joint.members else ()

    def _reaches(self, part: EncodedPart, block: str) -> bool:
        return block in part.probes and self.snapshot.affine_of(part, block).weight != 0

    def _any_reaches(self, block: str) -> bool:
        return any(self._reaches(part, block) for part in self.query.parts)
