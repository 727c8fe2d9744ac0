"""Items of RSS 2.0 and Atom feeds, streamed without entities, DTD or deep nesting; and their writer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

from goodsense.catalog.feeds.base import Feed
from goodsense.catalog.feeds.plan import Dialect, RowReader, columns_of
from goodsense.catalog.product import Product
from goodsense.errors import DataError
from goodsense.tables import Reject, Rejects, Row, Sniffed, TableLimits, open_text, write_lines

_G = "http://base.google.com/ns/1.0"
_LIMITS = TableLimits()
_BLOCK = 1 << 14
_OVERLAP = 80  # characters; no start of an item is longer
_DEPTH = 32
_HEADER_ITEMS = 1000
_SUB = ("section_name", "attribute_name", "attribute_value")
_LISTS = frozenset({"image_link", "additional_image_link", "product_highlight"})  # one element is one value
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_NAMESPACE = re.compile(r"\s(xmlns:[\w.-]{1,40})\s*=\s*(\"[^\"<&]{0,200}\"|'[^'<&]{0,200}')")
_ITEM = re.compile(r"<(?:[\w.-]{1,40}:)?(?:item|entry)[\s>]")
_ATOM = re.compile(r"<feed[\s>]")
_MEND = "Mend the item: close its elements, write & as &amp; and < as &lt;."
_DAMAGED = "\ufdd0"  # a noncharacter that XML allows; stands for bytes that are no text


def read_xml(
    source: Path,
    sniffed: Sniffed,
    *,
    mapping: Mapping[str, str] | None,
    rejects: Rejects,
    currency: str | None,
    dialect: Dialect,
) -> Feed:
    """The products of an RSS or Atom feed; row numbers count its items from 1."""
    names: dict[str, None] = {}
    try:
        for row in islice(_rows(source, sniffed, Rejects.to_memory(keep=0)), _HEADER_ITEMS):
            names.update(dict.fromkeys(row.values))
    except DataError:
        if not names:
            raise
    if not names:
        raise DataError(
            f"{source}: no <item> or <entry> in this XML file.", fix="Give an RSS 2.0 or Atom product feed."
        )
    columns = columns_of(source, tuple(names), mapping)
    notes = [*sniffed.notes, *columns.notes]

    def products() -> Iterator[tuple[int, Product]]:
        reader = RowReader(
            source, columns, header=names, currency=currency, rejects=rejects, notes=notes, dialect=dialect
        )
        return reader.products(_rows(source, sniffed, rejects))

    return Feed("google-xml", source, products, notes)


def _rows(source: Path, sniffed: Sniffed, rejects: Rejects) -> Iterator[Row]:
    """The items as rows; an item that is no XML is rejected and reading resumes at the next one."""
    with open_text(source, sniffed.encoding, compressed=sniffed.compressed) as text:
        stream = _Stream(text, source)
        number = 0
        while not stream.ended:
            failure: DataError | None = None
            problem = ""
            try:
                problem = stream.advance()
            except DataError as error:  # raised when the items before it have been given out
                failure = error
            for values in stream.take():
                number += 1
                row = _checked(source, number, values, rejects)
                if row is not None:
                    yield row
            if failure is not None:
                raise failure
            if problem and stream.ended:
                raise DataError(
                    f"{source}: the XML breaks off after item {number} ({problem}).", fix="Export the feed again."
                )
            if problem:
                number += 1
                reason = f"the XML is damaged here ({problem}); read on at the next item"
                rejects.add(Reject(str(source), number, "", None, reason, _MEND))
                stream.resume()


def _parses(opening: str) -> bool:
    """Whether the beginning of a document is sound, as far as it goes."""
    from defusedxml.ElementTree import ParseError, XMLParser

    try:
        XMLParser(forbid_dtd=True).feed(opening)
    except ParseError:
        return False
    return True


class _Stream:
    """Feeds the parser block by block and starts a new one after damage."""

    def __init__(self, text: IO[str], source: Path) -> None:
        self._text = text
        self._source = source
        self._block = self._read().removeprefix("\ufeff").lstrip()
        spaces = dict(_NAMESPACE.findall(self._block))
        declared = " ".join(f"{name}={uri}" for name, uri in spaces.items())
        opening = "<feed {}>" if _ATOM.search(self._block) else "<rss {}><channel>"
        self._prologue = opening.format(declared)
        if not _parses(self._prologue):
            self._prologue = opening.format(f'xmlns:g="{_G}"')
        self._given = 0  # bytes of the block that are the prologue
        self.ended = False
        self._start()

    def _start(self) -> None:
        from defusedxml.ElementTree import XMLParser

        self._items = _Items(self._source)
        self._parser = XMLParser(target=self._items, forbid_dtd=True)
        self._before = 0  # bytes given to the parser before the block

    def _read(self) -> str:
        try:
            block = self._text.read(_BLOCK)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self._source}: the file ends in the middle of a character.", fix="Export it again."
            ) from error
        return block if block.isascii() else _SURROGATES.sub(_DAMAGED, block)

    def take(self) -> list[dict[str, Any]]:
        return self._items.take()

    def advance(self) -> str:
        """Parse one block; what is wrong with it, or nothing."""
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError

        try:
            if not self._block:
                self.ended = True
                self._parser.close()
                return ""
            self._parser.feed(self._block)
        except DefusedXmlException as error:
            raise DataError(
                f"{self._source}: the feed has a document type or entities, which product feeds never need "
                f"({type(error).__name__}).",
                fix="Remove the <!DOCTYPE ...> section.",
            ) from error
        except ParseError as error:
            return str(error)
        self._before += len(self._block.encode())
        self._items.waited(len(self._block))
        self._block = self._read()
        self._given = 0
        return ""

    def resume(self) -> None:
        """Go on at the beginning of the next item, with a new parser."""
        # Never before the item that was tried last, so that every attempt gets further.
        failed = max(self._given, self._parser.parser.ErrorByteIndex - self._before)
        rest = self._block.encode()[failed:].decode("utf-8", "ignore")
        found = _ITEM.search(rest, 1)
        while found is None:
            block = self._read()
            if not block:
                self.ended = True
                return
            rest = rest[-_OVERLAP:] + block
            found = _ITEM.search(rest)
        self._start()
        self._block = self._prologue + rest[found.start() :]
        self._given = len(self._prologue.encode())


def _checked(source: Path, number: int, values: dict[str, Any], rejects: Rejects) -> Row | None:
    if any(_DAMAGED in str(value) for value in values.values()):
        reason = "the item holds bytes that are no text in the file's encoding"
        rejects.add(Reject(str(source), number, "", None, reason, "Export the feed in UTF-8.", values))
        return None
    return Row(number, values) if values else None


class _Items:
    """Builds items from the parser's events and holds nothing but the one being built and those not yet taken."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._path: list[str] = []
        self._item: dict[str, Any] | None = None
        self._own: set[str] = set()  # names that came with the g: namespace
        self._level = 0
        self._text: list[str] = []
        self._sub: dict[str, str] = {}
        self._size = 0
        self._waited = 0
        self.done: list[dict[str, Any]] = []

    def take(self) -> list[dict[str, Any]]:
        done, self.done = self.done, []
        return done

    def waited(self, count: int) -> None:
        """Refuse to read without end when no item comes, such as in a comment of megabytes."""
        self._waited += count
        if self._waited > 2 * _LIMITS.row_chars:
            self._refuse(f"no item ends within {self._waited} characters")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        local = tag.rpartition("}")[2]
        self._path.append(tag)
        if len(self._path) > _DEPTH:
            self._refuse(f"elements nest deeper than {_DEPTH} levels")
        if self._item is None:
            if local in ("item", "entry"):
                self._item, self._level, self._size = {}, len(self._path), 0
                self._own.clear()
            return
        self._text.clear()
        if len(self._path) == self._level + 1:
            self._sub = {}
            if local == "link" and "href" in attributes and attributes.get("rel", "alternate") == "alternate":
                self._set(tag, attributes["href"])

    def data(self, text: str) -> None:
        if self._item is not None:
            self._size += len(text)
            if self._size > _LIMITS.row_chars:
                self._refuse(f"an item is longer than {_LIMITS.row_chars} characters")
            self._text.append(text)

    def end(self, tag: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._item is None:
            return
        text = "".join(self._text).strip()
        self._text.clear()
        if depth == self._level:
            self.done.append(self._item)
            self._waited = 0
            self._item = None
        elif depth == self._level + 1:
            if self._sub:
                self._set(tag, self._sub)
            elif text:
                self._set(tag, text)
        elif depth == self._level + 2 and text:
            self._sub[tag.rpartition("}")[2]] = text

    def close(self) -> None:
        """Nothing is left to build."""

    def _set(self, tag: str, value: Any) -> None:
        """Keep a value; repeated elements become a list, and Google's own element wins over one of RSS."""
        assert self._item is not None
        space, _, name = tag.rpartition("}")
        own = space == f"{{{_G}"
        if name in _LISTS:
            value = [value]
        if name not in self._item or (own and name not in self._own):
            self._item[name] = value
        elif own or name not in self._own:
            before = self._item[name]
            self._item[name] = [*_listed(before), *_listed(value)]
        if own:
            self._own.add(name)

    def _refuse(self, reason: str) -> None:
        raise DataError(f"{self._source}: {reason}.", fix="Check how the feed was made.")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def write_xml(products: Iterable[list[dict[str, Any]]], path: Path) -> int:
    """Write items as RSS 2.0; return how many products there were."""
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        yield f'<rss version="2.0" xmlns:g="{_G}">\n<channel>\n<title>Products</title>'
        for items in products:
            count += 1
            for item in items:
                yield "<item>"
                for name, value in item.items():
                    yield from _elements(name, value)
                yield "</item>"
        yield "</channel>\n</rss>"

    write_lines(path, lines())
    return count


def _elements(name: str, value: Any) -> Iterator[str]:
    for one in _listed(value):
        if isinstance(one, tuple):
            inside = "".join(
                f"<g:{sub}>{_escaped(text)}</g:{sub}>" for sub, text in zip(_SUB, one, strict=True) if text
            )
        else:
            inside = _escaped(one)
        yield f"<g:{name}>{inside}</g:{name}>"


def _escaped(text: str) -> str:
    return escape(_FORBIDDEN.sub("", text), {"\r": "&#13;"})
