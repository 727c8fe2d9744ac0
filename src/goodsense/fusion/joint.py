"""One space for words, pictures, sounds and clips, seen as the encoder of one more block of a shop.

What it reads are vectors that other encoders made; what it gives is their fusion. A product is what it has: one that
has a picture and no text has a vector where words find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.shapley import shapley
from goodsense.types import Embeddings, Encoder, Fusion, Mask, Modality, Vectors, normalise

JOINT = "joint"  # the block's name
MEETING: tuple[Modality, ...] = ("text", "image", "audio", "video")  # blocks that a query can be of


class JointEncoder:
    """A fusion over the vectors of its members.

    Values are mappings from a member's name to its vector ``(d,)``, for products and for queries; what is left out, or
    zero, is missing. A query may also be a ``str``, which the text member reads.

    Parameters
    ----------
    fusion
        Fitted on vectors of the members; has ``dim`` and ``fingerprint``.
    members
        Block -> its encoder.
    """

    def __init__(self, fusion: Fusion, members: Mapping[str, Encoder]) -> None:
        self.fusion: Any = fusion
        self.members = dict(members)

    @property
    def dim(self) -> int:
        return int(self.fusion.dim)

    @property
    def fingerprint(self) -> str:
        return str(self.fusion.fingerprint)

    @property
    def accepts(self) -> frozenset[Modality]:
        """The kinds of query that a member of this kind reads."""
        deaf = getattr(self.fusion, "unlearned", ())
        return frozenset(
            kind for kind in MEETING if kind in self.members and kind not in deaf and kind in self.members[kind].accepts
        )

    def readers(self, kind: str) -> dict[str, Encoder]:
        """The members that read a query of this kind: its own; of a clip also the one of sounds, for its track."""
        kinds = (kind, "audio") if kind == "video" else (kind,)
        return {name: self.members[name] for name in kinds if name in self.accepts}

    def encode(self, values: Sequence[Mapping[str, Vectors]]) -> Vectors:
        """Vectors of members by name, ``n`` mappings to ``(n, dim)``; zero rows where there is nothing."""
        blocks = {}
        for name, member in self.members.items():
            rows = np.zeros((len(values), member.dim), dtype=np.float32)
            for place, value in enumerate(values):
                if name in value:
                    rows[place] = value[name]
            blocks[name] = rows_of(rows, np.asarray(rows.any(axis=1)))
        return self.fuse(blocks).vectors

    def encode_query(self, values: Sequence[Mapping[str, Vectors] | str]) -> Vectors:
        """Queries are products with most blocks missing."""
        words = [value for value in values if isinstance(value, str)]
        read = iter(self.members["text"].encode_query(words) if words else ())
        return self.encode([{"text": next(read)} if isinstance(value, str) else value for value in values])

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """Unit vectors of products from those of their blocks; a product whose blocks say nothing is not present."""
        first = next(iter(blocks.values()))
        if not len(first):
            return Embeddings((), (), np.zeros((0, self.dim), dtype=np.float32), np.zeros(0, dtype=np.bool_))
        vectors = normalise(self.fusion.fuse(blocks).vectors)
        return Embeddings(first.ids, first.owners, vectors, np.asarray(vectors.any(axis=1)))

    def split(self, probe: NDArray[np.float32], blocks: Mapping[str, Embeddings]) -> dict[str, NDArray[np.float64]]:
        """What each block of the products adds to their inner product with a query: block -> ``(n,)``.

        Where the fusion is a sum over blocks these are its own parts, else exact Shapley values over coalitions of
        blocks; they sum to the inner product.
        """
        if not hasattr(self.fusion, "parts"):
            return dict(shapley(self, probe, blocks).terms)
        parts: Mapping[str, Vectors] = self.fusion.parts(blocks)
        lengths = np.linalg.norm(sum(parts.values(), np.float32(0)), axis=1)
        there = np.where(lengths > 1e-12, lengths, np.inf).astype(np.float64)
        return {name: part.astype(np.float64) @ probe.astype(np.float64) / there for name, part in parts.items()}


def rows_of(vectors: Vectors, present: Mask) -> Embeddings:
    """A block whose rows are known by their number alone."""
    clean = np.where(present[:, None], vectors, np.float32(0))
    return Embeddings.of_products([str(row) for row in range(len(clean))], clean, present)
