"""Product tables: CSV, TSV, JSON Lines, JSON arrays and Parquet, one row per product or per variant.

Written tables read back to equal products. Rows that follow each other and share a group id (``item_group_id``,
``parent``, ``handle`` ...) are the variants of one product.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.flatten import COLUMNS, Spool, flatten
from goodsense.catalog.feeds.plan import PLAIN, Dialect, RowReader, columns_of
from goodsense.catalog.product import Product, to_json
from goodsense.errors import DataError
from goodsense.tables import Rejects, Sniffed, read_header, read_rows, write_lines, write_table


@dataclass(frozen=True)
class TableFeed:
    """One kind of table as a feed format."""

    name: Literal["csv", "tsv", "jsonl", "json", "parquet"]

    @property
    def reads(self) -> frozenset[str]:
        return {
            "csv": frozenset({"csv", "tsv"}),
            "tsv": frozenset({"csv", "tsv"}),
            "jsonl": frozenset({"jsonl"}),
            "json": frozenset({"json"}),
            "parquet": frozenset({"parquet"}),
        }[self.name]

    @property
    def losses(self) -> Mapping[str, str]:
        return {}

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        return 0.5 if sniffed.format == self.name else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        return read_table(source, sniffed, name=self.name, mapping=mapping, rejects=rejects, currency=currency)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        if self.name == "jsonl":
            return write_lines(path, map(_line, products))
        if self.name == "json":
            return _write_array(path, products)
        with Spool(COLUMNS) as spool:
            for product in products:
                spool.add(flatten(product))
            columns = spool.columns or ("id",)
            if self.name == "parquet":
                from goodsense.tables.parquet import write_parquet

                return write_parquet(path, columns, spool.rows())
            return write_table(path, columns, spool.rows(), delimiter="\t" if self.name == "tsv" else ",", raw=raw)


TABLES = (TableFeed("csv"), TableFeed("tsv"), TableFeed("jsonl"), TableFeed("json"), TableFeed("parquet"))


def read_table(
    source: Path,
    sniffed: Sniffed,
    *,
    name: str,
    mapping: Mapping[str, str] | None,
    rejects: Rejects,
    currency: str | None,
    dialect: Dialect = PLAIN,
) -> Feed:
    """Work out the columns of a table and give its products as a feed.

    Raises
    ------
    DataError
        If the header cannot be read or no column is the id.
    UsageError
        If the mapping does not fit the file.
    """
    if name.endswith("tsv"):
        sniffed = replace(sniffed, delimiter="\t")
    header = read_header(source, sniffed)
    columns = columns_of(source, header.names, mapping)
    notes = [*sniffed.notes, *header.notes, *columns.notes]

    def products() -> Iterator[tuple[int, Product]]:
        reader = RowReader(
            source, columns, header=header.names, currency=currency, rejects=rejects, notes=notes, dialect=dialect
        )
        return reader.products(read_rows(source, sniffed, rejects))

    return Feed(name, source, products, notes)


def _line(product: Product) -> str:
    try:
        return json.dumps(to_json(product), ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"product {product.id!r} cannot be written: {error}.") from error


def _write_array(path: Path, products: Iterable[Product]) -> int:
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        held = None
        yield "["
        for product in products:
            if held is not None:
                yield f"{held},"
            held = _line(product)
            count += 1
        if held is not None:
            yield held
        yield "]"

    write_lines(path, lines())
    return count
