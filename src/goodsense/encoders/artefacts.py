"""How a fitted encoder lives on disk (one json, one safetensors, never pickle) and how it is named.

A fingerprint is the cache key of every vector an encoder makes, so it covers all that could change one: the code's
version, the settings, the tokenizer and each fitted array.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError

SETTINGS_FILE = "encoder.json"
ARRAYS_FILE = "encoder.safetensors"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Artefact:
    """What an encoder needs to come back: its kind, its code version, its settings and its fitted arrays."""

    kind: str
    version: int
    settings: Mapping[str, Any]
    arrays: Arrays


def fingerprint(artefact: Artefact) -> str:
    """Name an encoder by its content: 16 bytes of BLAKE2b, in hex."""
    digest = hashlib.blake2b(digest_size=16)
    head = {"kind": artefact.kind, "version": artefact.version, "settings": artefact.settings}
    digest.update(json.dumps(head, sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(artefact.arrays):
        array = np.ascontiguousarray(artefact.arrays[name])
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write(artefact: Artefact, directory: Path) -> None:
    """Write the artefact into ``directory``, which is made when it does not exist."""
    from safetensors.numpy import save

    directory.mkdir(parents=True, exist_ok=True)
    head = {
        "kind": artefact.kind,
        "version": artefact.version,
        "fingerprint": fingerprint(artefact),
        "settings": artefact.settings,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in artefact.arrays.items()}
    (directory / ARRAYS_FILE).write_bytes(save(arrays))
    (directory / SETTINGS_FILE).write_text(json.dumps(head, ensure_ascii=False, sort_keys=True, indent=1), "utf-8")


def read(directory: Path, *, kind: str, version: int) -> Artefact:
    """Read what :func:`write` wrote.

    Raises
    ------
    DataError
        If the directory holds no encoder, one of another kind or version, or arrays that were changed since.
    """
    head = _head(directory)
    if head.get("kind") != kind or head.get("version") != version:
        raise DataError(
            f"{directory} holds the encoder {head.get('kind')!r} version {head.get('version')}; "
            f"expected {kind!r} version {version}.",
            fix="Build again with --refit.",
        )
    artefact = Artefact(kind, version, head["settings"], _arrays(directory / ARRAYS_FILE))
    if fingerprint(artefact) != head.get("fingerprint"):
        raise DataError(
            f"{directory} was changed after it was written: its fingerprint does not match.",
            fix="Build again with --refit.",
        )
    return artefact


def _head(directory: Path) -> dict[str, Any]:
    path = directory / SETTINGS_FILE
    try:
        head = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no readable encoder: {error}.", fix="Build again with --refit.") from error
    if not isinstance(head, dict) or not isinstance(head.get("settings"), dict):
        raise DataError(f"{path} is no readable encoder: it holds no settings.", fix="Build again with --refit.")
    return head


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, NDArray[Any]] = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read: {error}.", fix="Build again with --refit.") from error
    return arrays
