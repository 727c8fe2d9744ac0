"""Exports of Chinese shop platforms: Taobao and Tmall, JD, 1688, Pinduoduo.

Columns are recognised by their Chinese names. Rows that follow each other and have the same product id (宝贝ID, 商品ID)
are its SKUs, told apart by 销售属性 (``颜色分类:红色;尺码:L``); or one cell has all SKUs (销售属性组合). The tables of
Taobao's assistant are read too: UTF-16 or GB18030, ``version 1.00`` above the header, names in English and Chinese,
properties by number, pictures beside the file. Prices without a currency are in CNY.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import Parts, attributes_of, grouped
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.flatten import Spool
from goodsense.catalog.feeds.plan import Dialect, RowReader, columns_of, plain_json
from goodsense.catalog.feeds.prices import parse_price
from goodsense.catalog.feeds.taobao_cells import Sku, aliases_of, is_numbered, pairs_of, pictures_of, skus_of
from goodsense.catalog.feeds.taobao_rows import COLUMNS, CURRENCY, rows_of
from goodsense.catalog.money import Money
from goodsense.catalog.product import Product, Variant
from goodsense.errors import DataError
from goodsense.tables import (
    ColumnMap,
    Reject,
    Rejects,
    Row,
    Sniffed,
    fold,
    read_header,
    read_rows,
    shorten,
    write_table,
)
from goodsense.tables.json_rows import rejected_names
from goodsense.types import ImageRef, MediaRef

LOSSES: Mapping[str, str] = {
    "extra": "an export has no place for it",
    "sha256": "an export names media by their address",
    "media": "pictures before sounds before clips; the first variant has those of the product, as has one without any",
    "sku": "an empty one is made of the product's id and the options",
    "gtin with a wrong check digit": "cannot be read back",
}
_TELLING = frozenset(
    "宝贝id 宝贝标题 宝贝名称 宝贝价格 宝贝数量 宝贝类目 宝贝描述 宝贝属性 宝贝图片 宝贝链接 销售属性 销售属性组合 "
    "商家编码 数字id sku编码 sku属性 规格编码 类目id 京东价 拼单价 单买价 团购价 批发价 起批量 spu编码 一口价 "
    "运费 运费模板 发货地 邮费模版id 店铺类目 主图".split()
)
_OPTIONS = frozenset("销售属性 sku属性 sku销售属性 sku规格 规格 规格属性 规格名称 商品规格 颜色规格".split())
_SKUS = frozenset("销售属性组合 skuprops sku组合 sku列表 sku信息".split())
_ALIASES = frozenset("销售属性别名 propalias 自定义属性值 input_custom_cpv".split())
_PICTURES = frozenset("新图片 picture".split())
_PROPERTIES = frozenset("宝贝属性 cateprops".split())
_TYPED = (frozenset("用户输入id串 inputpids".split()), frozenset("用户输入名_值对 inputvalues".split()))
_OWN = _OPTIONS | _SKUS | _ALIASES | _TYPED[0] | _TYPED[1]
_ASSISTANT = frozenset("skuprops cateprops inputpids 用户输入id串 邮费模版id postage_id".split())
# The assistant's English names that no other table has; the rest are known.
_ENGLISH = {"num_id": "id", "cid": "category", "num": "stock", "outer_id": "sku", "subtitle": "bullets"}


@dataclass(frozen=True)
class TaobaoFeed:
    """Exports of Chinese platforms as a feed format."""

    @property
    def name(self) -> str:
        return "taobao"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"csv", "tsv", "jsonl"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        if sniffed.format not in self.reads:
            return 0.0
        for cells in _first_rows(head, sniffed):
            names = {fold(cell.strip('"')).removesuffix("_元") for cell in cells}
            if len(names & _TELLING) >= 2 or len(names & _ASSISTANT) >= 2:
                return 0.85
        return 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        header = read_header(source, sniffed)
        layout = _Layout.of(source, header.names, mapping)
        notes = [*sniffed.notes, *header.notes, *layout.columns.notes]

        def products() -> Iterator[tuple[int, Product]]:
            reader = RowReader(
                source,
                layout.columns,
                header=header.names,
                currency=currency or CURRENCY,
                rejects=rejects,
                notes=notes,
                dialect=layout.dialect,
            )
            return _Reading(source, layout, reader, rejects, currency or CURRENCY).products(
                read_rows(source, sniffed, rejects)
            )

        return Feed(self.name, source, products, notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        count = 0
        with Spool(COLUMNS) as spool:
            for product in products:
                count += 1
                try:
                    for cells in rows_of(product):
                        spool.add(cells)
                except (ValueError, TypeError) as error:
                    raise DataError(f"product {product.id!r} cannot be written: {error}.") from error
            write_table(path, spool.columns or COLUMNS, spool.rows(), raw=raw)
        return count


TAOBAO = TaobaoFeed()

# ---- reading


def _first_rows(head: str, sniffed: Sniffed) -> list[list[str]]:
    """The rows that may be the header; of rejected rows, their columns."""
    if sniffed.format == "jsonl":
        return [[*rejected_names(head)]]
    return [line.split(sniffed.delimiter) for line in head.splitlines()[:3]]


@dataclass(frozen=True)
class _Layout:
    """Which columns a file has; those with a grammar of their own are not the row reader's."""

    columns: ColumnMap
    dialect: Dialect
    folded: Mapping[str, str]  # column -> its folded name
    per_sku: bool  # rows may be SKUs

    @classmethod
    def of(cls, source: Path, header: tuple[str, ...], mapping: Mapping[str, str] | None) -> _Layout:
        folded = {column: fold(column) for column in header}
        named = {field: column for column, name in folded.items() if (field := _ENGLISH.get(name)) is not None}
        assistant = bool(_ASSISTANT & set(folded.values()))
        columns = columns_of(source, header, {**(named if assistant else {}), **(mapping or {})})
        own = (
            _OPTIONS
            | _SKUS
            | _ALIASES
            | _TYPED[0]
            | _TYPED[1]
            | (_PICTURES | _PROPERTIES if assistant else frozenset())
        )
        special = {column for column in header if folded[column] in own}
        chosen = set((mapping or {}).values())
        fields = {
            name: kept
            for name, found in columns.fields.items()
            if (kept := tuple(column for column in found if column not in special or column in chosen))
        }
        plain = replace(
            columns, fields=fields, unmatched=tuple(column for column in columns.unmatched if column not in special)
        )
        return cls(
            plain,
            Dialect(described=frozenset()) if assistant else Dialect(),
            {column: folded[column] for column in special if column not in chosen},
            per_sku="group" not in fields and ("sku" in fields or bool(_OPTIONS & set(folded.values()))),
        )

    def cell(self, row: Mapping[str, Any], names: frozenset[str]) -> tuple[str, str]:
        """The first column of these names that holds something, and what."""
        for column, name in self.folded.items():
            value = row.get(column)
            if name in names and isinstance(value, str) and value.strip():
                return column, value
        return "", ""


@dataclass
class _Reading:
    source: Path
    layout: _Layout
    reader: RowReader
    rejects: Rejects
    currency: str
    beside: str = field(init=False)

    def __post_init__(self) -> None:
        self.beside = self.source.name.partition(".")[0]

    def products(self, rows: Iterable[Row]) -> Iterator[tuple[int, Product]]:
        return grouped(self._marked(self._parts(rows)), self._refuse)

    def _parts(self, rows: Iterable[Row]) -> Iterator[Parts]:
        title = self.layout.columns.fields.get("title", ("",))[0]
        for row in rows:
            if row.values.get(title) in ("宝贝名称", "宝贝标题"):
                continue  # the header again, in Chinese
            parts = self.reader.parts(self._with_id(row))
            if parts is not None:
                self._complete(row, parts)
                yield parts

    def _with_id(self, row: Row) -> Row:
        """What was never put on sale has the number 0; its seller's code serves."""
        fields = self.layout.columns.fields
        (id, *_), code = fields["id"], fields.get("sku", ("",))[0]
        if str(row.values.get(id) or "").strip() in ("", "0") and row.values.get(code):
            return Row(row.number, {**row.values, id: row.values[code]})
        return row

    def _marked(self, every: Iterable[Parts]) -> Iterator[Parts]:
        """Rows that follow each other with the same id are a group, unless the file says which are."""
        held: Parts | None = None
        for parts in every:
            if self.layout.per_sku and held is not None and held.id == parts.id:
                for one in (held, parts):
                    one.group = one.id
                    one.found.setdefault("sku", "-".join((one.id, *one.options.values())))
            if held is not None:
                yield held
            held = parts
        if held is not None:
            yield held

    def _complete(self, row: Row, parts: Parts) -> None:
        """What the columns with a grammar of their own say."""
        cell, values = self.layout.cell, row.values
        parts.media = tuple(map(_with_scheme, parts.media))
        if self.layout.dialect.described is not None and "".join(parts.found.get("category", ())).isdigit():
            parts.extra["类目ID"] = parts.found.pop("category")[0]
        own = aliases_of(cell(values, _ALIASES)[1])
        column, text = cell(values, _OPTIONS)
        if text:
            self._try(row, column, text, lambda: parts.options.update(pairs_of(text, column)))
        self._typed(parts, cell(values, _TYPED[0])[1], cell(values, _TYPED[1])[1])
        column, properties = cell(values, _PROPERTIES)
        if properties:
            self._try(row, column, properties, lambda: self._properties(row, parts, column, properties))
        pictures_column, pictures = cell(values, _PICTURES)
        shown = self._pictures(row, parts, pictures_column, pictures) if pictures else {}
        column, skus = cell(values, _SKUS)
        if skus:
            self._try(row, column, skus, lambda: self._skus(parts, skus_of(skus, own), shown))

    def _try(self, row: Row, column: str, text: str, take: Any) -> None:
        try:
            take()
        except BadValue as bad:
            self._reject(row.number, column, text, bad, row.values)

    def _typed(self, parts: Parts, ids: str, texts: str) -> None:
        """Properties that the seller typed in: their numbers in one cell, their values in another."""
        names, said = ids.split(","), texts.split(",")
        if not ids or len(names) != len(said):
            return
        for pid, text in zip(names, said, strict=True):
            value = text.partition(";")[0].strip()
            if pid == "20000" and value:
                parts.found.setdefault("brand", value)
            elif value:
                parts.attributes.setdefault("货号" if pid == "13021751" else pid, value)

    def _properties(self, row: Row, parts: Parts, column: str, text: str) -> None:
        def complain(name: str, value: Any, bad: BadValue) -> None:
            self._reject(row.number, name, value, bad, row.values)

        if is_numbered(text):
            parts.extra[column] = text
        else:
            parts.attributes.update(attributes_of(text, column, complain))

    def _pictures(self, row: Row, parts: Parts, column: str, text: str) -> dict[str, MediaRef]:
        """The pictures of the product are taken; those of a property's value are given back by that value."""
        pictures = pictures_of(text)
        if pictures is None:
            parts.media = (*map(_with_scheme, map(ImageRef, v.uris_of(text))), *parts.media)
            return {}
        refs = [
            (picture, _with_scheme(ImageRef(picture.url or f"{self.beside}/{picture.name}.tbi")))
            for picture in pictures
        ]
        mains = dict.fromkeys(ref for picture, ref in refs if not picture.shows)
        parts.media = (*mains, *parts.media)
        return {picture.shows: ref for picture, ref in refs if picture.shows}

    def _skus(self, parts: Parts, skus: list[Sku], shown: Mapping[str, MediaRef]) -> None:
        variants = []
        for sku in skus:
            media = tuple(dict.fromkeys(shown[name] for name in sku.properties if name in shown))
            price = parse_price(sku.price, self.currency) if sku.price else parts.found.get("price")
            variants.append(
                Variant(
                    sku.code or "-".join((parts.id, *sku.options.values())),
                    sku.options,
                    price if isinstance(price, Money) else None,
                    stock=int(sku.stock) if sku.stock and len(sku.stock) < 16 else None,
                    media=media,
                )
            )
        if variants:
            parts.found["variants"] = tuple(variants)

    def _refuse(self, parts: Parts, bad: BadValue) -> None:
        self._reject(parts.number, "", parts.id, bad, parts.record, scope="row")

    def _reject(
        self, number: int, column: str, value: Any, bad: BadValue, record: Mapping[str, Any], *, scope: Any = "field"
    ) -> None:
        shown = plain_json(record)
        self.rejects.add(Reject(str(self.source), number, column, shorten(value), bad.reason, bad.fix, shown, scope))


def _with_scheme(ref: MediaRef) -> MediaRef:
    """Taobao's addresses often begin with ``//``."""
    return replace(ref, uri=f"https:{ref.uri}") if ref.uri.startswith("//") else ref
