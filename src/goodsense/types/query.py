"""A query is a product with most fields missing.

The command line, the HTTP layer, evaluation files and pages all build this one object; it serialises to JSON and
stands in every answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.types.media import REF_TYPES, MediaRef

PartKind: TypeAlias = Literal["text", "image", "audio", "video", "like", "vector"]
PART_KINDS: tuple[PartKind, ...] = get_args(PartKind)


@dataclass(frozen=True, eq=False)
class Part:
    """One wish of a query.

    Parameters
    ----------
    kind
        What ``value`` is: text (``str``), media (``MediaRef``), the id of a product to be like (``str``), or a vector.
    value
        The wish itself.
    weight
        How much it counts; negative subtracts, zero is an error.
    using
        The product blocks it may reach; None means every block that it can reach.
    """

    kind: PartKind
    value: str | MediaRef | NDArray[np.float32]
    weight: float = 1.0
    using: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in PART_KINDS:
            raise UsageError(f"a query part of kind {self.kind!r}; expected one of {', '.join(PART_KINDS)}.")
        if self.weight == 0 or not np.isfinite(self.weight):
            raise UsageError(f"a query part weighs {self.weight}; expected a finite number other than 0.")
        if self.using is not None and not self.using:
            raise UsageError("a query part may use no block at all.", fix="Name a block or leave `using` out.")

    def to_json(self) -> dict[str, Any]:
        value: Any = self.value
        if isinstance(value, MediaRef):
            value = {"uri": value.uri}
        elif isinstance(value, np.ndarray):
            value = [float(x) for x in value]
        found: dict[str, Any] = {"kind": self.kind, "value": value, "weight": self.weight}
        if self.using is not None:
            found["using"] = list(self.using)
        return found


@dataclass(frozen=True, eq=False)
class Query:
    """Parts, a filter expression (``price < 3000 and in_stock``) and ids that must not come back."""

    parts: tuple[Part, ...] = ()
    where: str | None = None
    exclude: tuple[str, ...] = ()

    @classmethod
    def of_text(cls, text: str, *, where: str | None = None) -> Query:
        return cls((Part("text", text),), where=where)

    @classmethod
    def like(cls, product_id: str, *, where: str | None = None) -> Query:
        """Products like this one, itself left out."""
        return cls((Part("like", product_id),), where=where, exclude=(product_id,))

    def using(self, *blocks: str) -> Query:
        """The same query, allowed to reach only these blocks."""
        return replace(self, parts=tuple(replace(part, using=blocks) for part in self.parts))

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"parts": [part.to_json() for part in self.parts]}
        if self.where:
            found["where"] = self.where
        if self.exclude:
            found["exclude"] = list(self.exclude)
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Query:
        """Rebuild a query from :meth:`to_json`; unknown keys are errors."""
        _only(data, {"parts", "where", "exclude"}, "a query")
        parts = tuple(_part_from_json(part) for part in data.get("parts", ()))
        return cls(parts, data.get("where"), tuple(data.get("exclude", ())))


def _only(data: Mapping[str, Any], allowed: set[str], what: str) -> None:
    unknown = sorted(set(data) - allowed)
    if unknown:
        raise UsageError(f"{what} has the unknown key {unknown[0]!r}; expected {', '.join(sorted(allowed))}.")


def _part_from_json(data: Mapping[str, Any]) -> Part:
    _only(data, {"kind", "value", "weight", "using"}, "a query part")
    kind, value = data.get("kind"), data.get("value")
    if kind in REF_TYPES and isinstance(value, Mapping):
        value = REF_TYPES[kind](str(value["uri"]))
    elif kind == "vector":
        value = np.asarray(value, dtype=np.float32)
    using = data.get("using")
    return Part(kind, value, float(data.get("weight", 1.0)), tuple(using) if using is not None else None)  # type: ignore[arg-type]
