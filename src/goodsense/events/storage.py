"""Interactions on disk: one safetensors file, checked when it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, StorageError
from goodsense.events.interactions import LABELS, REPEATS, Interactions

_FORM = "goodsense interactions 1"
_ARRAYS = {
    "starts": np.int64,
    "item_rows": np.int32,
    "weights": np.float64,
    "times": np.float64,
    "labels": np.int8,
}


def save(interactions: Interactions, path: Path) -> None:
    """Write interactions, whole or not at all."""
    from safetensors.numpy import save as to_bytes

    tensors = {name: np.ascontiguousarray(getattr(interactions, name)) for name in _ARRAYS}
    tensors |= {"users": _packed(interactions.users), "items": _packed(interactions.items)}
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            file.write(to_bytes(tensors, metadata={"form": _FORM, "repeats": interactions.repeats}))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(f"{path}: cannot be written ({error.strerror or error}).") from error


def load(path: Path) -> Interactions:
    """Read interactions and check that they hold together."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            tensors: dict[str, NDArray[Any]] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        problem = _problem(metadata, tensors)
        users, items = (_unpacked(tensors[name]) for name in ("users", "items")) if not problem else ((), ())
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        problem = f"{error}"
    problem = problem or _misfit(users, items, tensors)
    if problem:
        raise DataError(f"{path}: no interactions can be read from it ({problem}).", fix="Save them again.")
    arrays = {name: tensors[name] for name in _ARRAYS}
    return Interactions(users, items, **arrays, repeats=metadata["repeats"])  # type: ignore[arg-type]


def _packed(ids: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(ids).encode(), np.uint8)


def _unpacked(data: NDArray[Any]) -> tuple[str, ...]:
    ids = json.loads(data.tobytes())
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids) or len(set(ids)) != len(ids):
        raise ValueError("the ids are no list of different texts")
    return tuple(ids)


def _problem(metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> str:
    if metadata.get("form") != _FORM or metadata.get("repeats") not in REPEATS:
        return f"expected {_FORM!r}, found {metadata.get('form', 'something else')!r}"
    for name, kind in {**_ARRAYS, "users": np.uint8, "items": np.uint8}.items():
        if name not in tensors or tensors[name].dtype != kind or tensors[name].ndim != 1:
            return f"{name} is missing or of another type"
    return ""


def _misfit(users: tuple[str, ...], items: tuple[str, ...], arrays: Mapping[str, NDArray[Any]]) -> str:
    starts, rows, labels = arrays["starts"], arrays["item_rows"], arrays["labels"]
    count = len(rows)
    if len({count, *(len(arrays[name]) for name in ("weights", "times", "labels"))}) > 1:
        return "the arrays differ in length"
    if len(starts) != len(users) + 1 or starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 0).any():
        return "the users' parts do not fit the events"
    if count and (rows.min() < 0 or rows.max() >= len(items) or labels.min() < 0 or labels.max() >= len(LABELS)):
        return "an event points to no item or split"
    if not np.isfinite(arrays["weights"]).all():
        return "a weight is not finite"
    return ""
