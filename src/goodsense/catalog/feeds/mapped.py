"""Products of any file, by a mapping file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from goodsense.catalog.feeds.base import Feed
from goodsense.catalog.feeds.plan import RowReader
from goodsense.catalog.product import Product
from goodsense.errors import UsageError
from goodsense.tables import Rejects, Row, match_columns
from goodsense.tables.mapped import mapped_rows
from goodsense.tables.mapping import RecordMapping


def read_mapped(source: Path, mapping: RecordMapping, *, rejects: Rejects, currency: str | None) -> Feed:
    """The products of a file as its mapping file describes them.

    Parameters
    ----------
    currency
        The ISO 4217 code of prices that name none.

    Raises
    ------
    UsageError
        If the mapping file is not about products, or gives them no id.
    """
    notes: list[str] = []
    return products_feed(
        source, mapping, lambda: mapped_rows(mapping, source, rejects, notes=notes), notes, rejects, currency
    )


def products_feed(
    source: Path,
    mapping: RecordMapping,
    rows: Callable[[], Iterator[Row]],
    notes: list[str],
    rejects: Rejects,
    currency: str | None,
) -> Feed:
    """The products of rows that a mapping file made."""
    if mapping.target != "products":
        raise UsageError(
            f'{mapping.file}: target is "{mapping.target}"; expected "products".',
            fix=f"Give it to the command for {mapping.target}.",
        )
    names = (*mapping.fields, *mapping.children)
    columns = match_columns(names, mapping={name: name for name in names})
    if "id" not in columns.fields:
        raise UsageError(f"{mapping.file}: fields.id is missing.", fix='Add a line such as id = "sku" to [fields].')
    blank = dict.fromkeys(names)  # every row has all fields, so that one plan serves them all

    def products() -> Iterator[tuple[int, Product]]:
        reader = RowReader(source, columns, header=names, currency=currency, rejects=rejects, notes=notes)
        return reader.products(Row(number, {**blank, **values}) for number, values in rows())

    return Feed("mapping", source, products, notes)
