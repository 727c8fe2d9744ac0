"""Ensembles of fusions that were chosen on validation: what is trained by default, and what when it must be quick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

NETWORKS = ("trained", "graph")  # fusions made of torch
Member: TypeAlias = tuple[str, Mapping[str, Any]]


class Recipe(NamedTuple):
    """Fusions with their options, and what the z-scores of each count."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]


_WORDS: Member = ("kernel-ridge", {"anchor": "text", "foretold": True, "ridge": 0.3})
_LOOKS: Member = ("kernel-ridge", {"anchor": "image"})
_LABELS: Member = ("kernel-ridge", {"anchor": "labels"})
_ALIKE: Member = ("label-product", {"only": ["image"]})  # pictures find pictures; words are not asked

RECIPES: Mapping[str, Recipe] = {
    "quick": Recipe((_WORDS, _LOOKS, _LABELS), (1.0, 0.5, 0.3)),
    "strong": Recipe((("trained", {}), _WORDS, _LOOKS, _LABELS, _ALIKE), (1.0, 1.0, 0.5, 0.4, 2.5)),
}


def needs_torch(fusion: str, options: Mapping[str, Any]) -> bool:
    """Whether a fusion, or one inside it, is a network."""
    if fusion == "ensemble":
        members = options.get("members", "strong")
        listed = RECIPES[members].members if isinstance(members, str) else members
        return any(needs_torch(name, given) for name, given in listed)
    if fusion == "csls":
        return needs_torch(options.get("fusion", "ensemble"), options.get("options", {}))
    return fusion in NETWORKS
