"""What a model is, before it is used: architecture, size and licence."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from goodsense.encoders.hub.loading import find_model

_LINES = re.compile(r"^(license(?:_name)?):[ \t]*\n?[ \t]*-?[ \t]*(\S[^\n]*)$", re.MULTILINE)
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt")


@dataclass(frozen=True)
class ModelCard:
    """A model in a few words; ``str`` gives one line.

    Parameters
    ----------
    name
        As it was asked for.
    folder
        Where it lies.
    model_type, interface
        Its architecture and what it reads.
    licence
        As its card or licence file states; empty if neither does.
    parameters
        Numbers that it learned.
    size
        Bytes of its weights.
    """

    name: str
    folder: Path
    model_type: str
    interface: str
    licence: str
    parameters: int
    size: int

    def __str__(self) -> str:
        licence = f"licence {self.licence}" if self.licence else "licence not stated: ask its author before you use it"
        return (
            f"{self.name}: {self.model_type} for {self.interface}, {_short(self.parameters)} parameters, "
            f"{self.size / 1e6:,.0f} MB, {licence}"
        )


def describe_model(name: str) -> ModelCard:
    """State what a model is, without loading it.

    Parameters
    ----------
    name
        A folder or a repository of the hub, with or without ``hub:``.

    Raises
    ------
    DependencyError, UsageError
        As :func:`~goodsense.encoders.hub.loading.find_model`.
    """
    folder = find_model(name.removeprefix("hub:"))
    return ModelCard(
        folder.name,
        folder.path,
        folder.model_type,
        folder.family.interface,
        licence_of(folder.path),
        sum(parameters_of(path) for path in folder.weights),
        sum(path.stat().st_size for path in folder.weights),
    )


def licence_of(folder: Path) -> str:
    """The licence that the head of ``README.md`` names, else the first line of a licence file, else nothing."""
    card = folder / "README.md"
    head = re.match(r"---\s*\n(.*?)\n---", card.read_text("utf-8", "replace"), re.DOTALL) if card.is_file() else None
    facts: dict[str, str] = dict(_LINES.findall(head[1])) if head else {}
    named = facts.get("license", "").strip(" '\"")
    if named == "other" and "license_name" in facts:
        named = facts["license_name"].strip(" '\"")
    if named:
        return named
    for name in _LICENCES:
        if (folder / name).is_file():
            lines = (folder / name).read_text("utf-8", "replace").splitlines()
            return next((line.strip(" #") for line in lines if line.strip()), "")
    return ""


def parameters_of(weights: Path) -> int:
    """How many numbers a file of safetensors holds, from its head alone."""
    with weights.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(min(length, 100_000_000)))
    return sum(int(prod(entry["shape"])) for name, entry in head.items() if name != "__metadata__")


def _short(count: int) -> str:
    return f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:.1f} million"
