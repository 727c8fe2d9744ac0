"""What the joint block is tuned on: its vectors of products that lack, for a moment, what a query took from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.joint import JOINT, JointEncoder
from goodsense.search.snapshot import Snapshot
from goodsense.shop.encoding import EncodedBlock
from goodsense.shop.joining import fused
from goodsense.shop.pairs import PseudoQuery
from goodsense.types import Mask, Vectors, normalise, similarity

Texts = Mapping[str, tuple[Vectors, Vectors]]  # query id -> probe (d,), what remains of the masked texts (m, d)


def first_query(block: EncodedBlock, row: int, kind: str) -> NDArray[np.float32]:
    """The first input of a product that says anything, as a query of this kind; zeros for none. ``(d,)``."""
    if not block.members:
        return next((block.inputs[spot] for spot in block.spans[row] if block.inputs[spot].any()), _nothing(block))
    joint = block.encoder
    assert isinstance(joint, JointEncoder)
    found = {name: first_query(block.members[name], row, name) for name in joint.readers(kind)}
    vector: NDArray[np.float32] = joint.encode_query([found])[0]
    return vector


def left_of_photo(image: EncodedBlock, row: int, which: int) -> NDArray[np.float32]:
    """The vector of a product's other photos. ``(d,)``."""
    others = [spot for place, spot in enumerate(image.spans[row]) if place != which]
    mean: NDArray[np.float32] = normalise(image.inputs[others]).mean(axis=0)
    return mean


@dataclass(frozen=True, eq=False)
class JointEvidence:
    """Probes by (kind, query id); by query id the rows that lack something while it is asked, with their vectors."""

    snapshot: Snapshot
    probes: Mapping[tuple[str, str], NDArray[np.float32]]
    hidden: Mapping[str, tuple[list[int], Vectors, Mask]] = field(repr=False)

    @classmethod
    def of(cls, snapshot: Snapshot, block: EncodedBlock, queries: Sequence[PseudoQuery], texts: Texts) -> JointEvidence:
        """All that these queries ask of the joint block; ``texts`` are their words as the text block has them."""
        joint = block.encoder
        assert isinstance(joint, JointEncoder)
        asked = _asked(block.members, queries, texts)
        asked = {key: value for key, value in asked.items() if key[0] in joint.accepts}
        vectors = joint.encode_query(list(asked.values()))
        probes = {key: vector for key, vector in zip(asked, vectors, strict=True) if vector.any()}
        return cls(snapshot, probes, _hidden(block.members, joint, queries, texts))

    def similarities(self, query: PseudoQuery) -> dict[tuple[str, str], NDArray[np.float64]]:
        """By (kind, block) those of all rows; NaN where there is no vector."""
        block, found = self.snapshot.blocks[JOINT], {}
        for kind in ("text", "image"):
            if (kind, query.id) in self.probes:
                probe = self.probes[kind, query.id]
                values = similarity(probe, block.vectors, block.distance).astype(np.float64)
                values[~block.present] = np.nan
                if query.id in self.hidden:
                    rows, vectors, present = self.hidden[query.id]
                    values[rows] = np.where(present, similarity(probe, vectors, block.distance), np.nan)
                found[kind, JOINT] = values
        return found


def _asked(
    members: Mapping[str, EncodedBlock], queries: Sequence[PseudoQuery], texts: Texts
) -> dict[tuple[str, str], dict[str, NDArray[np.float32]]]:
    """By (kind, query id) what the members make of a query."""
    found = {}
    for query in queries:
        if query.text and query.id in texts:
            found["text", query.id] = {"text": texts[query.id][0]}
        if query.photo is not None and "image" in members:
            row, which = query.photo
            found["image", query.id] = {"image": members["image"].inputs[members["image"].spans[row][which]]}
    return found


def _hidden(
    members: Mapping[str, EncodedBlock], joint: JointEncoder, queries: Sequence[PseudoQuery], texts: Texts
) -> dict[str, tuple[list[int], Vectors, Mask]]:
    """The rows that a query took something from, without it; all fused at once."""
    touched = {query.id: _touched(query) for query in queries}
    rows = np.array([row for own in touched.values() for row in own], dtype=np.int64)
    if not len(rows):
        return {}
    given = {name: (np.array(block.vectors[rows]), np.array(block.present[rows])) for name, block in members.items()}
    at = 0
    for query in queries:
        for row in touched[query.id]:
            for name, vector in _remaining(members, query, row, texts).items():
                given[name][0][at], given[name][1][at] = vector, vector.any()
            at += 1
    vectors, present = fused(joint, given)
    ends = np.cumsum([len(own) for own in touched.values()]).tolist()
    spans = (slice(end - len(own), end) for own, end in zip(touched.values(), ends, strict=True))
    return {
        id: (own, vectors[span], present[span]) for (id, own), span in zip(touched.items(), spans, strict=True) if own
    }


def _touched(query: PseudoQuery) -> list[int]:
    return sorted({*query.masked, *((query.photo[0],) if query.photo is not None else ())})


def _remaining(
    members: Mapping[str, EncodedBlock], query: PseudoQuery, row: int, texts: Texts
) -> dict[str, NDArray[np.float32]]:
    """What the members see of a row that they do not see as it is."""
    found = {}
    if "text" in members and row in query.masked and query.id in texts:
        found["text"] = normalise(texts[query.id][1])[list(query.masked).index(row)]
    if "image" in members and query.photo is not None and query.photo[0] == row:
        found["image"] = left_of_photo(members["image"], row, query.photo[1])
    return found


def _nothing(block: EncodedBlock) -> NDArray[np.float32]:
    return np.zeros(block.inputs.shape[1], dtype=np.float32)
