"""Formats of public data sets: one JSON object per product, with what the format has no place for kept beside it.

A writer reads its own record back and keeps the fields that came out differently in the member ``goodsense``, so that
every catalog comes back unchanged; a field that is kept wins over the format's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from goodsense.catalog.feeds.assemble import Complain, variants_of
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.kept import keep_product
from goodsense.catalog.feeds.schema_org import few
from goodsense.catalog.feeds.systems import Line, Reading, check_no_mapping
from goodsense.catalog.product import Product, to_json
from goodsense.errors import DataError
from goodsense.tables import Rejects, Sniffed, read_rows, write_lines
from goodsense.tables.json_rows import first_object

KEPT = "goodsense"
ReadRecord: TypeAlias = Callable[[Line], Product]
_FIX = "Leave this member as it was exported, or take it out."


@dataclass(frozen=True)
class RecordFeed:
    """A format of one JSON object per product.

    Parameters
    ----------
    name, system
        What the format is called, and the data set in words.
    id
        The member that is the product's id.
    is_own
        Whether an object is one of this format.
    reader
        Gives, for a file, the function that reads its objects; it raises ``BadValue`` if the id is none.
    record
        The object of a product.
    """

    name: str
    system: str
    id: str
    is_own: Callable[[Mapping[str, Any]], bool]
    reader: Callable[[Path], ReadRecord]
    record: Callable[[Product], dict[str, Any]]

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"jsonl", "json"})

    @property
    def losses(self) -> Mapping[str, str]:
        return {}

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        first = first_object(head) if sniffed.format in self.reads else None
        return 0.9 if first is not None and self.is_own(first) else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        check_no_mapping(source, mapping, self.system, "jsonl")
        notes = [*sniffed.notes]
        convert = self.reader(source)

        def products() -> Iterator[tuple[int, Product]]:
            reading = Reading(str(source), rejects, currency, notes)
            for number, values in read_rows(source, sniffed, rejects):
                line = Line(reading, number, values)
                try:
                    product = convert(line)
                except BadValue as bad:
                    reading.reject(number, self.id, values.get(self.id), bad, values, scope="row")
                    continue
                yield number, with_kept(product, values.get(KEPT), few(line.complain))

        return Feed(self.name, source, products, notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        convert = self.reader(path.parent / "products that are written")  # a file with nothing beside it

        def back(record: dict[str, Any]) -> Product:
            return convert(Line(Reading("", Rejects.to_memory(keep=0)), 1, record))

        return write_lines(path, (self._line(product, back) for product in products))

    def _line(self, product: Product, back: Callable[[dict[str, Any]], Product]) -> str:
        with writing(product):
            record = {name: value for name, value in self.record(product).items() if name != KEPT}
            kept = kept_fields(product, back(record))
            if kept:
                record[KEPT] = kept
            return json.dumps(record, ensure_ascii=False, allow_nan=False)


@contextmanager
def writing(product: Product) -> Iterator[None]:
    """Turn what JSON cannot carry into the error that names the product."""
    try:
        yield
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"product {product.id!r} cannot be written: {error}.") from error


def json_attributes(product: Product) -> dict[str, Any]:
    """The attributes as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in product.attributes.items()}


def kept_fields(product: Product, read: Product) -> dict[str, Any]:
    """The fields in which a product differs from what its record reads as."""
    wanted, found = to_json(product), to_json(read)
    names = dict.fromkeys((*wanted, *found))
    return {name: wanted.get(name) for name in names if _written(wanted.get(name)) != _written(found.get(name))}


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def with_kept(product: Product, kept: Any, complain: Complain) -> Product:
    """The product with the fields that were kept for it."""
    if kept is None:
        return product
    if not isinstance(kept, dict):
        complain(KEPT, kept, BadValue("this is no object of fields", _FIX))
        return product
    if kept.get("variants") is not None:

        def inside(column: str, value: Any, bad: BadValue) -> None:
            complain(f"{KEPT}.{column}", value, bad)

        try:
            product = replace(product, variants=variants_of(kept["variants"], product.id, None, inside))
        except BadValue as bad:
            inside("variants", kept["variants"], bad)
    elif "variants" in kept:
        product = replace(product, variants=())
    rest = {name: value for name, value in kept.items() if name not in ("variants", "id")}
    return keep_product(product, rest, KEPT, complain)


def rest_of(line: Line, taken: Iterable[str]) -> dict[str, Any]:
    """The members of a record that no field has taken, for ``extra``."""
    left = line.record.keys() - {*taken, KEPT}
    return {name: line.record[name] for name in line.record if name in left and line.record[name] is not None}
