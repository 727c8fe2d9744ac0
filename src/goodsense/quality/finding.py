"""What a look at a catalog's quality finds: one finding per kind, each with its cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

Dimension: TypeAlias = Literal["completeness", "consistency", "accuracy", "plausibility", "uniqueness"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
Severity: TypeAlias = Literal["error", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Case:
    """One product (or one of its variants or pictures) that a finding is about.

    Parameters
    ----------
    id
        The product's id.
    field
        What is meant: "title", "brand", "attribute.colour", "variant.SKU.price", "image".
    found
        The value as it is; for a picture its SHA-256 or URI.
    expected
        What it should be, where that is known: the spelling that most use, the value of its peers.
    group
        Cases that belong together (copies of one product, spellings of one brand) share it; else empty.
    score
        How sure or how far off, where there is a measure: a similarity, a robust z.
    """

    id: str
    field: str = ""
    found: Any = None
    expected: Any = None
    group: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Everything of one kind that was found.

    ``what``, ``fix`` are sentences in English and Chinese, by language code ("en", "zh"); ``command`` mends it or
    shows more, with ``SHOP`` where the shop's directory belongs. ``steps`` names the cleaning steps (of ``goodsense
    clean``) that can mend it, best first; ``detail`` holds figures of the kind: thresholds, counts by field.
    """

    kind: str
    dimension: Dimension
    severity: Severity
    what: dict[str, str]
    fix: dict[str, str]
    cases: tuple[Case, ...]
    command: str = ""
    steps: tuple[str, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """The products concerned, each once."""
        return tuple(dict.fromkeys(case.id for case in self.cases))

    @property
    def count(self) -> int:
        """How many products are concerned."""
        return len(self.ids)
