"""The way from columns to product fields, worked out once per file and run on every row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import (
    Parts,
    attributes_of,
    extra_of,
    grouped,
    media_of,
    single,
    variants_of,
)
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.prices import CURRENCIES, parse_currency, parse_price
from goodsense.catalog.product import Product
from goodsense.errors import DataError
from goodsense.tables import ColumnMap, Reject, Rejects, Row, match_columns, shorten
from goodsense.types import AudioRef, ImageRef, MediaRef, VideoRef

Convert: TypeAlias = Callable[[Any], Any]
_SIMPLE: Mapping[str, Convert] = {
    "id": v.id_of,
    "title": v.text_of,
    "description": v.text_of,
    "bullets": v.list_of,
    "brand": v.text_of,
    "category": v.category_of,
    "availability": v.availability_of,
    "stock": v.stock_of,
    "gtin": v.gtin_of,
    "sku": v.text_of,
    "group": lambda value: v.text_of(value).strip(),
    "url": v.text_of,
    "language": v.language_of,
    "updated": v.time_of,
    "split": v.split_of,
}
_REFS: Mapping[str, type[MediaRef]] = {"image": ImageRef, "audio": AudioRef, "video": VideoRef}
_PRICES = ("price", "sale_price", "list_price")
_PLANS = 256  # JSON rows may all have other keys; so many plans are kept
UNPRICED = (
    "Prices without a currency are kept as plain attributes. Name it in a column, or for the feed: --currency USD."
)


@dataclass(frozen=True)
class Dialect:
    """How a format departs from plain tables.

    ``converts`` replace the usual ones of a field; ``pairs`` turn a column into attributes and options;
    ``described`` are the only unknown columns that become attributes (in rows of a group: options), the others go
    into extra. None: every unknown column may become an attribute.
    """

    converts: Mapping[str, Convert] = field(default_factory=dict)
    pairs: Mapping[str, Callable[[Any], tuple[dict[str, Any], dict[str, str]]]] = field(default_factory=dict)
    described: frozenset[str] | None = None


PLAIN = Dialect()


@dataclass(frozen=True, slots=True)
class _Plan:
    """The columns of one kind of row, each with what it becomes."""

    simple: tuple[tuple[str, str, Convert], ...]
    prices: tuple[tuple[str, str], ...]
    media: tuple[tuple[str, type[MediaRef]], ...]
    bullets: tuple[str, ...]
    category: tuple[str, ...]
    json: tuple[tuple[str, str], ...]
    rest: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]
    extra: tuple[tuple[str, str], ...]
    id_column: str
    currency: str


class RowReader:
    """Reads rows of one file as products; what cannot be taken goes to ``rejects``.

    Parameters
    ----------
    file
        The file, as messages name it.
    columns
        What its columns are; rows may lack some and may bring others.
    header
        The columns that were known when ``columns`` was made.
    currency
        The currency of prices that name none.
    notes
        Where things that are worth saying once are said.
    """

    def __init__(
        self,
        file: Path,
        columns: ColumnMap,
        *,
        header: Iterable[str],
        currency: str | None,
        rejects: Rejects,
        notes: list[str],
        dialect: Dialect = PLAIN,
    ) -> None:
        self._file = str(file)
        self._columns = columns
        self._header = frozenset(header)
        self._currency = currency
        self._rejects = rejects
        self._notes = notes
        self._dialect = dialect
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._unpriced = False

    def products(self, rows: Iterable[Row]) -> Iterator[tuple[int, Product]]:
        """Stream ``(row number, product)``."""
        every = (parts for row in rows if (parts := self.parts(row)) is not None)
        if "group" in self._columns.fields:
            return grouped(every, self._refuse_group)
        return ((parts.number, single(parts)) for parts in every)

    def parts(self, row: Row) -> Parts | None:
        """What one row says; None if it was rejected."""
        keys = tuple(row.values)
        plan = self._plans.get(keys)
        if plan is None:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            plan = self._plans[keys] = self._plan(keys)
        values = row.values
        found: dict[str, Any] = {}
        for column, name, convert in plan.simple:
            value = values[column]
            if value is None or value == "":
                continue
            if convert is v.text_of and value.__class__ is str:
                found[name] = value
                continue
            try:
                read = convert(value)
            except BadValue as bad:
                if name == "id":
                    self._reject(row, column, value, bad, scope="row")
                    return None
                self._reject(row, column, value, bad)
            else:
                if read is not None and read != "" and read != ():
                    found[name] = read
        if "id" not in found:
            reason = "the id is missing" if plan.id_column else "the row has no id"
            self._reject(row, plan.id_column, None, BadValue(reason, "Give every product its own id."), scope="row")
            return None
        parts = Parts(row.number, found.pop("id"), found, group=found.pop("group", ""), record=values)
        self._rest(row, plan, parts)
        currency = self._currency_of(row, plan)
        if plan.prices:
            self._prices(row, plan, parts, currency=currency)
        if plan.media:
            parts.media = self._media(row, plan)
        if plan.bullets or plan.category:
            self._lists(row, plan, found)
        if plan.json:
            self._json(row, plan, parts, currency=currency)
        if plan.options:
            for column, name in plan.options:
                if (text := self._try(row, column, v.text_of)) is not None:
                    parts.options[name] = text
        if plan.extra:
            kept = ((name, plain_json(values[column])) for column, name in plan.extra)
            parts.extra.update((name, value) for name, value in kept if value is not None and value != "")
        return parts

    def _try(self, row: Row, column: str, convert: Convert) -> Any:
        """The converted value; None if it is missing or bad (then there is a reject)."""
        value = row.values[column]
        if value is None or value == "":
            return None
        try:
            return convert(value)
        except BadValue as bad:
            self._reject(row, column, value, bad)
            return None

    def _rest(self, row: Row, plan: _Plan, parts: Parts) -> None:
        """Unknown columns: short values are attributes, the rest is kept as extra."""
        values, attributes = row.values, parts.attributes
        plain = self._dialect.described is None
        for column in plan.rest:
            value = values[column]
            if value is None or value == "":
                continue
            if value.__class__ is str and plain and v.is_plain(value):
                attributes[column] = value
            elif parts.group and not plain:
                if (text := self._try(row, column, v.text_of)) is not None:
                    parts.options[column] = text
            elif isinstance(value, str) and len(value) > v.SHORT:
                parts.extra[column] = value
            else:
                try:
                    attribute = v.attribute_of(value)
                except BadValue:
                    parts.extra[column] = plain_json(value)
                    continue
                if attribute is not None:
                    attributes[column] = attribute
        for column, name in plan.attributes:
            attribute = self._try(row, column, v.attribute_of)
            if attribute is not None:
                attributes[name] = attribute

    def _currency_of(self, row: Row, plan: _Plan) -> str | None:
        """The currency of the row's prices; a bad one must not be replaced by the feed's own."""
        value = row.values[plan.currency] if plan.currency else None
        if value is None or value == "":
            return self._currency
        if isinstance(value, str) and value in CURRENCIES:
            return value
        found: str | None = self._try(row, plan.currency, parse_currency)
        return found

    def _prices(self, row: Row, plan: _Plan, parts: Parts, *, currency: str | None) -> None:
        found = parts.found
        for column, name in plan.prices:
            value = row.values[column]
            if (
                value is None
                or value != value
                or (isinstance(value, str) and not value[:1].isdigit() and not v.folded(value))
            ):
                continue
            try:
                price = parse_price(value, currency)
            except BadValue as bad:
                self._reject(row, column, value, bad)
                continue
            if isinstance(price, float):
                parts.attributes.setdefault(name, price)
                self._note_unpriced()
            else:
                found[name] = price
        sale = found.pop("sale_price", None)
        if sale is not None:
            if "price" in found:
                found.setdefault("list_price", found["price"])
            found["price"] = sale

    def _note_unpriced(self) -> None:
        if not self._unpriced:
            self._unpriced = True
            self._notes.append(UNPRICED)

    def _media(self, row: Row, plan: _Plan) -> tuple[MediaRef, ...]:
        refs: dict[MediaRef, None] = {}
        for column, ref in plan.media:
            for uri in self._try(row, column, v.uris_of) or ():
                refs[ref(uri)] = None
        return tuple(refs)

    def _lists(self, row: Row, plan: _Plan, found: dict[str, Any]) -> None:
        convert = self._dialect.converts.get("bullets", v.list_of)
        bullets = [bullet for column in plan.bullets for bullet in self._try(row, column, convert) or ()]
        if bullets:
            found["bullets"] = tuple(bullets)
        path = [level for column in plan.category if (level := self._try(row, column, v.text_of))]
        if path:
            found["category"] = tuple(path)

    def _json(self, row: Row, plan: _Plan, parts: Parts, *, currency: str | None) -> None:
        def complain(column: str, value: Any, bad: BadValue) -> None:
            self._reject(row, column, value, bad)

        for column, name in plan.json:
            if name == "attributes":
                read = self._try(row, column, lambda value, column=column: attributes_of(value, column, complain))  # type: ignore[misc]
                parts.attributes.update(read or {})
            elif name == "media":
                parts.media = (*parts.media, *(self._try(row, column, media_of) or ()))
            elif name == "extra":
                parts.extra.update(self._try(row, column, extra_of) or {})
            elif name == "variants":
                read = self._try(row, column, lambda value: variants_of(value, parts.id, currency, complain))
                if read is not None:
                    price = parts.found.get("price")
                    filled = (item if item.price else replace(item, price=price) for item in read)
                    parts.found["variants"] = tuple(filled) if price else read
            else:
                attributes, options = self._try(row, column, self._dialect.pairs[name]) or ({}, {})
                parts.attributes.update(attributes)
                parts.options.update(options)

    def _reject(self, row: Row, column: str, value: Any, bad: BadValue, *, scope: Any = "field") -> None:
        shown = None if value is None else shorten(value)
        record = plain_json(row.values)
        self._rejects.add(Reject(self._file, row.number, column, shown, bad.reason, bad.fix, record, scope))

    def _refuse_group(self, parts: Parts, bad: BadValue) -> None:
        column = self._columns.fields["group"][0]
        self._reject(Row(parts.number, dict(parts.record)), column, parts.group, bad, scope="row")

    def _plan(self, keys: tuple[str, ...]) -> _Plan:
        """Work out what the columns of such a row become."""
        columns = self._columns
        here, plain = frozenset(keys), frozenset(columns.unmatched)
        unmatched = dict.fromkeys(key for key in keys if key in plain)
        fields = {name: tuple(c for c in found if c in here) for name, found in columns.fields.items()}
        late = [key for key in keys if key not in self._header]
        prefixed = [dict(columns.attributes), dict(columns.options), dict(columns.extra)]
        if late:  # columns that the first rows did not show
            more = match_columns(late)
            for name, found in more.fields.items():
                if name in columns.fields:
                    unmatched.update(dict.fromkeys(found))
                else:
                    fields[name] = found
            unmatched.update(dict.fromkeys(more.unmatched))
            for known, new in zip(prefixed, (more.attributes, more.options, more.extra), strict=True):
                known.update(new)
        return self._compile(fields, [*unmatched], [[(c, n) for c, n in d.items() if c in here] for d in prefixed])

    def _compile(
        self, fields: Mapping[str, tuple[str, ...]], unmatched: list[str], prefixed: list[list[tuple[str, str]]]
    ) -> _Plan:
        converts = {**_SIMPLE, **self._dialect.converts}
        levels = fields.get("category", ())
        special = {"bullets", "category"} if len(levels) > 1 else {"bullets"}
        simple = [
            (column, name, converts[name])
            for name, found in fields.items()
            if name in _SIMPLE and name not in special
            for column in found
        ]
        simple.sort(key=lambda step: step[1] != "id")
        pairs = [(column, column) for column in unmatched if column in self._dialect.pairs]
        named = self._dialect.described
        rest = [
            column for column in unmatched if column not in self._dialect.pairs and (named is None or column in named)
        ]
        taken = {*rest, *self._dialect.pairs}
        extra = [(column, column) for column in unmatched if named is not None and column not in taken]
        ids = self._columns.fields.get("id") or fields.get("id") or ("",)
        return _Plan(
            simple=tuple(simple),
            prices=tuple((column, name) for name in _PRICES for column in fields.get(name, ())),
            media=tuple((column, ref) for name, ref in _REFS.items() for column in fields.get(name, ())),
            bullets=fields.get("bullets", ()),
            category=levels if len(levels) > 1 else (),
            json=tuple((c, name) for name in ("attributes", "media", "extra", "variants") for c in fields.get(name, ()))
            + tuple(pairs),
            rest=tuple(rest),
            attributes=tuple(prefixed[0]),
            options=tuple(prefixed[1]),
            extra=tuple(prefixed[2] + extra),
            id_column=ids[0],
            currency=next(iter(fields.get("currency", ())), ""),
        )


def columns_of(file: Path, header: tuple[str, ...], mapping: Mapping[str, str] | None) -> ColumnMap:
    """What the columns of a product table are.

    Raises
    ------
    DataError
        If none of them is the id.
    UsageError
        If the mapping does not fit the file.
    """
    columns = match_columns(header, mapping=mapping)
    if header and "id" not in columns.fields:
        raise DataError(
            f"{file}: no column holds the product's id; the file has: {shorten(', '.join(header), 1000)}.",
            fix="Say which one it is: --map id=COLUMN. Where the records lie deeper, draft how they are read: "
            f"goodsense mapping {file}.",
        )
    return columns


def plain_json(value: Any) -> Any:
    """A value of any table as JSON can carry it."""
    if isinstance(value, dict):
        return {str(name): plain_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item) for item in value]
    if isinstance(value, (str, bool, int, type(None))):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, datetime):
        return value.isoformat()
    return shorten(value, 2000)
