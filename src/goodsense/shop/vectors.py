"""The vector cache: what was encoded once is never encoded again.

One directory per encoder fingerprint; in it immutable shards of 16-byte content hashes (the id of an input is the
hash of its content) and their vectors. A shard appears by atomic rename, so a kill loses at most the chunk at work.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.types import Mask, Vectors

_HASH = np.dtype("V16")


class VectorCache:
    """Vectors of one encoder, by content hash."""

    def __init__(self, directory: Path, dim: int) -> None:
        self.directory = directory
        self.dim = dim
        directory.mkdir(parents=True, exist_ok=True)
        self._load()

    def __len__(self) -> int:
        return len(self._hashes)

    def get(self, hashes: Sequence[str]) -> tuple[Vectors, Mask]:
        """Vectors ``(n, dim)`` and which of them were found ``(n,)``; the others are zero rows."""
        vectors = np.zeros((len(hashes), self.dim), dtype=np.float32)
        wanted = _as_keys(hashes)
        if not len(self._hashes) or not len(wanted):
            return vectors, np.zeros(len(hashes), dtype=np.bool_)
        spots = np.minimum(np.searchsorted(_sortable(self._hashes), _sortable(wanted)), len(self._hashes) - 1)
        found = np.asarray(self._hashes[spots] == wanted, dtype=np.bool_)
        vectors[found] = self._vectors[self._order[spots[found]]]
        return vectors, found

    def put(self, hashes: Sequence[str], vectors: Vectors) -> None:
        """Add a shard; durable on return."""
        from safetensors.numpy import save

        if not len(hashes):
            return
        keys = _as_keys(hashes).view(np.uint8).reshape(-1, 16)
        number = len(list(self.directory.glob("*.safetensors")))
        path = self.directory / f"{number:06d}-{os.getpid()}.safetensors"
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(save({"hashes": keys, "vectors": np.ascontiguousarray(vectors, dtype=np.float32)}))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        self._add(keys, vectors)

    def _load(self) -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        self._hashes = np.zeros(0, dtype=_HASH)
        self._order = np.zeros(0, dtype=np.int64)
        self._vectors = np.zeros((0, self.dim), dtype=np.float32)
        shards = []
        for path in sorted(self.directory.glob("*.safetensors")):
            try:
                shards.append(load_file(path))
            except (OSError, SafetensorError) as error:
                raise DataError(
                    f"{path} is damaged: {error}.", fix="Delete this file; the next build encodes its rows again."
                ) from error
        if shards:
            hashes = np.concatenate([shard["hashes"] for shard in shards])
            self._add(hashes, np.concatenate([shard["vectors"] for shard in shards]))

    def _add(self, keys: NDArray[np.uint8], vectors: Vectors) -> None:
        if vectors.shape[1] != self.dim:
            raise DataError(
                f"{self.directory} holds vectors of {vectors.shape[1]} dimensions; expected {self.dim}.",
                fix="Delete this directory; the next build encodes again.",
            )
        self._vectors = np.concatenate([self._vectors, vectors])
        unsorted = np.empty(len(self._vectors), dtype=_HASH)
        unsorted[self._order] = self._hashes
        unsorted[len(self._hashes) :] = np.ascontiguousarray(keys).view(_HASH).ravel()
        self._order = np.argsort(_sortable(unsorted), kind="stable")
        self._hashes = unsorted[self._order]


def _as_keys(hashes: Sequence[str]) -> NDArray[np.void]:
    return np.frombuffer(bytes.fromhex("".join(hash[:32] for hash in hashes)), dtype=_HASH)


def _sortable(keys: NDArray[np.void]) -> NDArray[np.uint64]:
    """Void has no order; its first eight bytes do, and the whole key is compared after that."""
    halves: NDArray[np.uint64] = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2)[:, 0]
    return halves
