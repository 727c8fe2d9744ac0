"""Recommenders on disk: settings as JSON, arrays as safetensors; sparse matrices and ids as plain arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def packed(name: str, matrix: Any) -> Arrays:
    """A CSR matrix as plain arrays."""
    return {
        f"{name}.data": np.asarray(matrix.data),
        f"{name}.indices": np.asarray(matrix.indices),
        f"{name}.indptr": np.asarray(matrix.indptr, dtype=np.int64),
        f"{name}.shape": np.array(matrix.shape, dtype=np.int64),
    }


def unpacked(arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    """The CSR matrix that :func:`packed` took apart."""
    from scipy.sparse import csr_matrix

    parts = (arrays[f"{name}.data"], arrays[f"{name}.indices"], arrays[f"{name}.indptr"])
    return csr_matrix(parts, shape=tuple(arrays[f"{name}.shape"].tolist()))


def packed_ids(ids: Sequence[str]) -> NDArray[np.uint8]:
    """Texts as one array of bytes."""
    return np.frombuffer(json.dumps(list(ids), ensure_ascii=False).encode("utf-8", "surrogatepass"), np.uint8)


def unpacked_ids(data: NDArray[Any]) -> tuple[str, ...]:
    """The texts that :func:`packed_ids` put into bytes."""
    return tuple(json.loads(data.tobytes().decode("utf-8", "surrogatepass")))
