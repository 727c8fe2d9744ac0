"""From a query to what can be scored: probes for blocks, weights for words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import NoSoundError, UsageError
from goodsense.fusion.joint import JOINT, JointEncoder
from goodsense.search.calibration import BM25
from goodsense.search.expressions import parse_filter
from goodsense.types import Encoder, Filter, MediaRef, Part, Query, Vectors, prepare

if TYPE_CHECKING:
    from goodsense.search.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class EncodedPart:
    """One part of a query, encoded: ``probes`` by block (d,), ``tokens`` and their weights for the words."""

    part: Part
    probes: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    tokens: tuple[str, ...] = ()
    lexical: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class EncodedQuery:
    query: Query
    parts: tuple[EncodedPart, ...]
    where: Filter | None = None

    @property
    def knows_anything(self) -> bool:
        """Whether any part left a trace that a product could match."""
        return any(part.probes or part.lexical for part in self.parts)


def encode_query(query: Query, snapshot: Snapshot, encoders: Mapping[str, Encoder]) -> EncodedQuery:
    """Encode every part for every block that it reaches.

    Raises
    ------
    UsageError
        If a part can reach none of the blocks, or names an unknown block or product.
    DataError
        If a picture cannot be read.
    """
    where = parse_filter(query.where) if query.where else None
    parts = tuple(_encode_part(part, snapshot, encoders) for part in query.parts)
    return EncodedQuery(query, parts, where)


def narrowed(query: Query, using: Sequence[str], snapshot: Snapshot, encoders: Mapping[str, Encoder]) -> Query:
    """The same query on these blocks alone; parts that reach none of them fall away.

    Raises
    ------
    UsageError
        If no part reaches them, or there is no such block.
    """
    known = _known_blocks(snapshot)
    for name in using:
        if name not in known:
            raise UsageError(f"there is no product block {name!r}; this build has {', '.join(known) or 'none'}.")
    reaching = tuple(part for part in query.parts if _reaches(part, using, snapshot, encoders))
    if query.parts and not reaching:
        kinds = ", ".join(sorted({part.kind for part in query.parts}))
        raise _unreachable(kinds, using)
    return replace(query, parts=reaching).using(*using)


def _reaches(part: Part, blocks: Sequence[str], snapshot: Snapshot, encoders: Mapping[str, Encoder]) -> bool:
    if part.kind in ("like", "vector"):
        return any(name in snapshot.blocks for name in blocks)
    accepting = any(name in encoders and part.kind in kinds_of(encoders[name]) for name in blocks)
    return accepting or (part.kind == "text" and BM25 in blocks and snapshot.lexical is not None)


def kinds_of(encoder: Encoder) -> frozenset[str]:
    """The kinds of query part that reach an encoder's block; a clip reaches sounds by its sound track."""
    return encoder.accepts | {"video"} if "audio" in encoder.accepts else frozenset(encoder.accepts)


def _known_blocks(snapshot: Snapshot) -> tuple[str, ...]:
    return (*((BM25,) if snapshot.lexical is not None else ()), *snapshot.blocks)


def _unreachable(kinds: str, blocks: Sequence[str]) -> UsageError:
    return UsageError(
        f"{kinds} cannot reach {', '.join(blocks) or 'any block'} yet.",
        fix="Leave --using out, or give the recipe an encoder for it: a cross-modal one reaches both.",
    )


def _encode_part(part: Part, snapshot: Snapshot, encoders: Mapping[str, Encoder]) -> EncodedPart:
    known = _known_blocks(snapshot)
    for name in part.using or ():
        if name not in known:
            raise UsageError(f"there is no product block {name!r}; this build has {', '.join(known) or 'none'}.")
    blocks = part.using or known
    if part.kind == "like":
        return EncodedPart(part, _probes_like(str(part.value), snapshot, blocks))
    if part.kind == "vector":
        return EncodedPart(part, _probe_of_vector(part, snapshot, blocks))
    return _encode_value(part, snapshot, encoders, blocks)


def _encode_value(
    part: Part, snapshot: Snapshot, encoders: Mapping[str, Encoder], blocks: Sequence[str]
) -> EncodedPart:
    reached = [name for name in blocks if name in encoders and part.kind in kinds_of(encoders[name])]
    words = part.kind == "text" and BM25 in blocks and snapshot.lexical is not None
    if not reached and not words:
        raise _unreachable(part.kind, blocks)
    read = _Reading(part)
    probes = {}
    for name in reached:
        block = snapshot.blocks[name]
        vector = read.vector_by(encoders[name])
        if vector is None:
            continue
        vector = prepare(snapshot.calibration.unshifted(part.kind, name, vector), block.distance)[0]
        if np.any(vector):
            probes[name] = vector
    if not words or snapshot.lexical is None:
        return EncodedPart(part, probes)
    tokens = tuple(snapshot.tokenizer.tokens(str(part.value)))
    return EncodedPart(part, probes, tokens, snapshot.lexical.encode_query(list(tokens)))


class _Reading:
    """One part as each encoder reads it: its file is read once, and no encoder works twice."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._data: bytes | None = None
        self._vectors: dict[int, Vectors | None] = {}  # by encoder

    def vector_by(self, encoder: Encoder) -> Vectors | None:
        """``(1, d)``; None for a clip without a sound track where the sound is asked for."""
        if id(encoder) not in self._vectors:
            value = self._members_of(encoder) if isinstance(encoder, JointEncoder) else self._value_for(encoder)
            self._vectors[id(encoder)] = None if value is None else encoder.encode_query([value])
        return self._vectors[id(encoder)]

    def _members_of(self, joint: JointEncoder) -> dict[str, NDArray[np.float32]]:
        """What its members make of the part, each in its own way."""
        read = {name: self.vector_by(member) for name, member in joint.readers(self._part.kind).items()}
        return {name: vector[0] for name, vector in read.items() if vector is not None}

    def _value_for(self, encoder: Encoder) -> object | None:
        """Text as it is; a medium decoded. None for a clip without a sound track where the sound is asked for."""
        if not isinstance(self._part.value, MediaRef):
            return self._part.value
        from goodsense.media.reading import ImageWish, read_bytes, read_medium

        wish = getattr(encoder, "wish", ImageWish())
        if self._part.kind == "image" and not isinstance(wish, ImageWish):
            wish = ImageWish()
        if self._data is None:
            self._data = read_bytes(self._part.value)
        try:
            return read_medium(self._data, wish, name=self._part.value.uri)
        except NoSoundError:
            if self._part.kind == "video":
                return None
            raise


def _probes_like(id: str, snapshot: Snapshot, blocks: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    row = snapshot.row_of(id)
    probes = {}
    for name in blocks:
        block = snapshot.blocks.get(name)
        if block is not None and block.gather_present(np.array([row]))[0]:
            probes[name] = block.gather(np.array([row]))[0]
    return probes


def _probe_of_vector(part: Part, snapshot: Snapshot, blocks: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    vector = np.asarray(part.value, dtype=np.float32)
    fitting = [name for name in blocks if name in snapshot.blocks and snapshot.blocks[name].dim == vector.size]
    if len(fitting) > 1 and part.using is None:
        fitting = [name for name in fitting if name != JOINT]
    if len(fitting) != 1 or vector.ndim != 1 or not np.isfinite(vector).all():
        dims = ", ".join(f"{name} ({block.dim})" for name, block in snapshot.blocks.items())
        raise UsageError(
            f"a finite vector of shape {vector.shape} must fit exactly one block; this build has {dims}.",
            fix="Name the block in `using`.",
        )
    return {fitting[0]: prepare(vector[None], snapshot.blocks[fitting[0]].distance)[0]}
