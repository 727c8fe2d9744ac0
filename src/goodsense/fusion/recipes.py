"""Ensembles of fusions that were chosen on validation: what is trained by default, and what when it must be quick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Member: TypeAlias = tuple[str, Mapping[str, Any]]

RECIPES: Mapping[str, tuple[Member, ...]] = {
    "quick": (("trained", {}), ("kernel-ridge", {})),
    "strong": (
        ("trained", {}),
        ("trained", {}),
        ("kernel-ridge", {}),
        ("kernel-ridge", {"anchor": "labels"}),
        ("kernel-cca", {}),
    ),
}
