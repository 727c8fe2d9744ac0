"""The vector cache: what was encoded once is never encoded again.

One directory per encoder fingerprint; in it immutable shards of 16-byte content hashes (the id of an input is the
hash of its content) and their vectors. A shard appears by atomic rename, so a kill loses at most the chunk at work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.search.storage import load_arrays
from goodsense.types import Mask, Vectors

_HASH = np.dtype("V16")
_BROKEN = "broken.jsonl"


class VectorCache:
    """Vectors of one encoder, by content hash; the shards are mapped, not read."""

    def __init__(self, directory: Path, dim: int) -> None:
        self.directory = directory
        self.dim = dim
        directory.mkdir(parents=True, exist_ok=True)
        self._keys: list[NDArray[np.void]] = []  # by shard
        self._shards: list[Vectors] = []
        self._sorted: _SortedKeys | None = None
        for path in sorted(directory.glob("*.safetensors")):
            self._add(*_mapped(path))

    def __len__(self) -> int:
        return sum(map(len, self._keys))

    def get(self, hashes: Sequence[str], out: Vectors | None = None) -> tuple[Vectors, Mask]:
        """Vectors ``(n, dim)`` and which of them were found ``(n,)``; the others are zero rows.

        ``out`` are zeros to write them into, such as a mapped file.
        """
        vectors = np.zeros((len(hashes), self.dim), dtype=np.float32) if out is None else out
        rows, first = self._rows(hashes), 0
        for shard in self._shards:
            here = np.flatnonzero((rows >= first) & (rows < first + len(shard)))
            vectors[here] = shard[rows[here] - first]
            first += len(shard)
        return vectors, rows >= 0

    def known(self, hashes: Sequence[str]) -> Mask:
        """Which of them are here ``(n,)``."""
        return self._rows(hashes) >= 0

    def _rows(self, hashes: Sequence[str]) -> NDArray[np.int64]:
        if not len(self) or not len(hashes):
            return np.full(len(hashes), -1, dtype=np.int64)
        if self._sorted is None:
            self._sorted = _SortedKeys.of(np.concatenate(self._keys))
        return self._sorted.find(_as_keys(hashes))

    def put(self, hashes: Sequence[str], vectors: Vectors, broken: Mapping[str, str] | None = None) -> None:
        """Add a shard; durable on return. ``broken`` says of some of them why their row is zero."""
        from safetensors.numpy import save

        if not len(hashes):
            return
        if broken:
            self._remember(broken)
        keys = _as_keys(hashes).view(np.uint8).reshape(-1, 16)
        number = len(list(self.directory.glob("*.safetensors")))
        path = self.directory / f"{number:06d}-{os.getpid()}.safetensors"
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(save({"hashes": keys, "vectors": np.ascontiguousarray(vectors, dtype=np.float32)}))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        self._add(*_mapped(path))

    def reasons(self) -> dict[str, str]:
        """What was wrong with files that gave no vector, by content hash."""
        path = self.directory / _BROKEN
        if not path.exists():
            return {}
        lines = path.read_text("utf-8").splitlines()
        return {found["hash"]: found["reason"] for found in map(_line, lines) if found}

    def _remember(self, broken: Mapping[str, str]) -> None:
        with (self.directory / _BROKEN).open("a", encoding="utf-8") as file:
            for hash, reason in broken.items():
                file.write(json.dumps({"hash": hash, "reason": reason}, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _add(self, keys: NDArray[np.void], vectors: Vectors) -> None:
        if vectors.shape[1] != self.dim:
            raise DataError(
                f"{self.directory} holds vectors of {vectors.shape[1]} dimensions; expected {self.dim}.",
                fix="Delete this directory; the next build encodes again.",
            )
        self._keys.append(keys)
        self._shards.append(vectors)
        self._sorted = None


@dataclass(frozen=True, eq=False)
class _SortedKeys:
    """Where every key stands, found by binary search; of keys that are there twice, one."""

    keys: NDArray[np.void]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.void]) -> Self:
        order = np.argsort(_sortable(keys), kind="stable")
        return cls(keys[order], order)

    def find(self, wanted: NDArray[np.void]) -> NDArray[np.int64]:
        """The row of every key; -1 where it is not there. ``(n,)``."""
        spots = np.minimum(np.searchsorted(_sortable(self.keys), _sortable(wanted)), len(self.keys) - 1)
        return np.where(self.keys[spots] == wanted, self.rows[spots], -1)


def _mapped(path: Path) -> tuple[NDArray[np.void], Vectors]:
    """The keys and vectors of a shard."""
    fix = "Delete this file; the next build encodes its rows again."
    try:
        arrays = load_arrays(path)
        return arrays["hashes"].view(_HASH).ravel(), arrays["vectors"]
    except (DataError, KeyError, ValueError, OSError) as error:
        raise DataError(f"{path} is damaged: {error}.", fix=fix) from error


def _line(text: str) -> dict[str, str]:
    """A line of the list of broken files; one that a kill cut off says nothing, and its file is read again."""
    try:
        found: dict[str, str] = json.loads(text)
    except ValueError:
        return {}
    return found


def _as_keys(hashes: Sequence[str]) -> NDArray[np.void]:
    return np.frombuffer(bytes.fromhex("".join(hash[:32] for hash in hashes)), dtype=_HASH)


def _sortable(keys: NDArray[np.void]) -> NDArray[np.uint64]:
    """Void has no order; its first eight bytes do, and the whole key is compared after that."""
    halves: NDArray[np.uint64] = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2)[:, 0]
    return halves
