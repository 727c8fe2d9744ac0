"""What every feed format has, and what reading one gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from goodsense.catalog.product import Product
from goodsense.tables import Rejects, Sniffed
from goodsense.types import MediaRef

ReadMedium: TypeAlias = Callable[[MediaRef], bytes]


@dataclass(frozen=True, eq=False)
class Feed:
    """A feed that was recognised and can be streamed.

    Iterating reads the file from its beginning and gives ``(row number, product)``; ``notes`` say what was sniffed
    and which column became which field, and may grow while it is read.
    """

    format: str
    source: Path
    open: Callable[[], Iterator[tuple[int, Product]]] = field(repr=False)
    said: list[str] = field(default_factory=list, repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.said)

    def __iter__(self) -> Iterator[tuple[int, Product]]:
        return self.open()


class FeedFormat(Protocol):
    """One format, reader and writer together."""

    @property
    def name(self) -> str: ...

    @property
    def reads(self) -> frozenset[str]:
        """The sniffed formats that it can read."""
        ...

    @property
    def losses(self) -> Mapping[str, str]:
        """What it cannot carry, by name, each with the reason; empty if every catalog reads back unchanged."""
        ...

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        """How sure it is that a file with this beginning is its own, from 0 (no) to 1."""
        ...

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed: ...

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        """Write a catalog and return how many products it had; ``media`` gives bytes to formats that hold them."""
        ...
