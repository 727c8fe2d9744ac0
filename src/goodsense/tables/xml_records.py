"""Elements of any XML file as records, streamed without entities, DTD or deep nesting; damage costs one record.

An element becomes its text, or an object if it has attributes (``@name``) or elements in it (by name; a list where
they repeat); ``#text`` is the text of one that has both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from goodsense.errors import DataError
from goodsense.tables.opening import GENEROUS, TableLimits, open_text
from goodsense.tables.rejects import Reject, Rejects
from goodsense.tables.rows import Row
from goodsense.tables.sniff import Sniffed

_BLOCK = 1 << 15
_DEPTH = 40
_QUIET = 1 << 21  # characters without any element or text, as in a comment of megabytes
_OVERLAP = 300
_MISMATCHED = 7  # expat's code for the end of an element that is not open
_MANY = 50_000  # elements of one record
_SURROGATES = re.compile("[\ud800-\udfff]")
_DAMAGED = "\ufdd0"  # a noncharacter that XML allows; stands for bytes that are no text
_NAMESPACE = re.compile(r"\s(xmlns:([\w.-]{1,40})\s*=\s*(?:\"[^\"<&]{0,200}\"|'[^'<&]{0,200}'))")
_MEND = "Mend the record: close its elements, write & as &amp; and < as &lt;."


def xml_records(
    path: Path,
    sniffed: Sniffed,
    rejects: Rejects,
    names: Sequence[str],
    *,
    namespaces: Mapping[str, str] | None = None,
    limits: TableLimits = GENEROUS,
) -> Iterator[Row]:
    """The elements of a name, or at the end of a path of names; ``number`` counts them from 1.

    Parameters
    ----------
    names
        The last names of the path to a record; one is enough.
    namespaces
        Prefix to address: names in such a namespace are written ``prefix:name``, all others without one.

    Raises
    ------
    DataError
        If the file has a document type, breaks off, or nests without end.
    """
    spaces = {uri: prefix for prefix, uri in (namespaces or {}).items()}
    with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
        stream = _Stream(text, path, tuple(names), spaces, limits)
        number = 0
        while not stream.ended:
            failure: DataError | None = None
            problem = ""
            try:
                problem = stream.advance()
            except DataError as error:  # raised when the records before it have been given out
                failure = error
            for value in stream.records.take():
                number += 1
                row = _checked(path, number, value, rejects)
                if row is not None:
                    yield row
            if failure is not None:
                raise failure
            if problem and stream.ended:
                raise DataError(
                    f"{path}: the XML breaks off after record {number} ({problem}).", fix="Export the file again."
                )
            if problem:
                if stream.costs_a_record:
                    number += 1
                    reason = f"the XML is damaged here ({problem}); read on at the next record"
                    rejects.add(Reject(str(path), number, "", None, reason, _MEND))
                stream.resume()


def _checked(path: Path, number: int, value: Any, rejects: Rejects) -> Row | None:
    if isinstance(value, TooLarge):
        rejects.add(Reject(str(path), number, "", None, value.reason, "Check how the file was made."))
        return None
    row = Row(number, value if isinstance(value, dict) else {"#text": value})
    if _DAMAGED in str(row.values):
        reason = "the record holds bytes that are no text in the file's encoding"
        rejects.add(Reject(str(path), number, "", None, reason, "Export the file in UTF-8.", row.values))
        return None
    return row


class TooLarge:
    """Stands for a record that was too large to keep."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Stream:
    """Feeds the parser block by block and starts a new one after damage."""

    def __init__(
        self, text: IO[str], path: Path, names: tuple[str, ...], spaces: Mapping[str, str], limits: TableLimits
    ) -> None:
        self._text = text
        self._path = path
        self.records = Records(path, names, spaces, limits)
        self._block = self._read().removeprefix("\ufeff").lstrip()
        declared = {prefix: whole for whole, prefix in _NAMESPACE.findall(self._block)}
        known = {prefix: f'xmlns:{prefix}="{uri}"' for uri, prefix in spaces.items() if not set(uri) & set('"<&')}
        self._prologue = f"<x {' '.join((known | declared).values())}>"
        self._next = re.compile(rf"<(?:[\w.-]{{1,40}}:)?{re.escape(names[-1].rpartition(':')[2])}[\s/>]")
        self._given = 0  # bytes of the block that are the prologue
        self.ended = False
        self.costs_a_record = True
        self._start()

    def _start(self) -> None:
        from defusedxml.ElementTree import XMLParser

        self._parser = XMLParser(target=self.records, forbid_dtd=True)
        self._before = 0  # bytes given to the parser before the block

    def _read(self) -> str:
        try:
            block = self._text.read(_BLOCK)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self._path}: the file ends in the middle of a character.", fix="Export it again."
            ) from error
        return block if block.isascii() else _SURROGATES.sub(_DAMAGED, block)

    def advance(self) -> str:
        """Parse one block; what is wrong with it, or nothing."""
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError

        try:
            if not self._block:
                self.ended = True
                if not self.records.resumed:
                    self._parser.close()
                return "its last record is not complete" if self.records.inside else ""
            self._parser.feed(self._block)
        except DefusedXmlException as error:
            raise DataError(
                f"{self._path}: the file has a document type or entities ({type(error).__name__}), which are not read.",
                fix="Remove the <!DOCTYPE ...> section.",
            ) from error
        except ParseError as error:
            # after damage the elements around are not open any more, so that their ends are no damage
            closing = self.records.resumed and error.code == _MISMATCHED
            self.costs_a_record = self.records.inside or not closing
            return str(error)
        self._before += len(self._block.encode())
        self.records.waited(len(self._block))
        self._block = self._read()
        self._given = 0
        return ""

    def resume(self) -> None:
        """Go on at the beginning of the next record, with a new parser."""
        # Never before the record that was tried last, so that every attempt gets further.
        failed = max(self._given, self._parser.parser.ErrorByteIndex - self._before)
        rest = self._block.encode()[failed:].decode("utf-8", "ignore")
        found = self._next.search(rest, 1)
        while found is None:
            block = self._read()
            if not block:
                self.ended = True
                return
            rest = rest[-_OVERLAP:] + block
            found = self._next.search(rest)
        self.records.resume()
        self._start()
        self._block = self._prologue + rest[found.start() :]
        self._given = len(self._prologue.encode())


class Records:
    """Builds records from the parser's events; holds nothing but the one being built and those not yet taken."""

    def __init__(self, path: Path, names: tuple[str, ...], spaces: Mapping[str, str], limits: TableLimits) -> None:
        self._path = path
        self._wanted = list(names)
        self._spaces = spaces
        self._limit = limits.row_chars
        self._known: dict[str, str] = {}
        self._above: list[str] = []  # the names of the elements around
        self._open: list[_Element] = []  # those of the record that is being built
        self._size = 0
        self._count = 0
        self._quiet = 0
        self._wrapped = False
        self.resumed = False
        self.done: list[Any] = []

    def take(self) -> list[Any]:
        """The records that are complete, each once."""
        done, self.done = self.done, []
        return done

    def resume(self) -> None:
        """Forget the record that was being built; the next start is that of an element put around the rest."""
        self._open.clear()
        self._wrapped = self.resumed = True

    def waited(self, count: int) -> None:
        """Refuse to read without end when nothing comes."""
        self._quiet += count
        if self._quiet > _QUIET:
            self._refuse(f"there is no element and no text within {self._quiet} characters")

    @property
    def inside(self) -> bool:
        """Whether a record is being built."""
        return bool(self._open)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._quiet = 0
        if self._wrapped:
            self._wrapped = False
            return
        name = self._known.get(tag) or self._named(tag)
        if len(self._above) + len(self._open) >= _DEPTH:
            self._refuse(f"elements nest deeper than {_DEPTH} levels")
        if not self._open:
            self._above.append(name)
            if self._above[-len(self._wanted) :] != self._wanted:
                return
            self._above.pop()
            self._size = self._count = 0
        self._count += 1
        element = _Element(name)
        if attributes and self._size <= self._limit:
            element.members = {f"@{self._known.get(key) or self._named(key)}": text for key, text in attributes.items()}
            self._size += sum(map(len, attributes.values()))
        self._open.append(element)

    def data(self, text: str) -> None:
        """Text inside an element."""
        self._quiet = 0
        if self._open:
            self._size += len(text)
            if self._size <= self._limit:
                element = self._open[-1]
                element.texts.append(text)
                element.mixed = element.mixed or not text.isspace()

    def end(self, tag: str) -> None:
        """An element is complete."""
        self._quiet = 0
        if not self._open:
            if self._above:
                self._above.pop()
            return
        element = self._open.pop()
        if self._open:
            if self._size <= self._limit and self._count <= _MANY:
                self._open[-1].add(element.name, element.value())
                self._open[-1].texts.extend(element.texts)
        elif self._size > self._limit or self._count > _MANY:
            large = f"{self._limit} characters" if self._size > self._limit else f"{_MANY} elements"
            self.done.append(TooLarge(f"the record has over {large}"))
        else:
            self.done.append(element.value())

    def close(self) -> None:
        """Nothing is left to build."""

    def _named(self, tag: str) -> str:
        """The name as paths have it: with the prefix of the mapping file, or with none."""
        space, _, local = tag.rpartition("}")
        prefix = self._spaces.get(space[1:]) if space else None
        name = f"{prefix}:{local}" if prefix else local
        if len(self._known) < 10_000:
            self._known[tag] = name
        return name

    def _refuse(self, reason: str) -> None:
        raise DataError(f"{self._path}: {reason}.", fix="Check how the file was made.")


class _Element:
    """An element that is being read."""

    __slots__ = ("empty", "members", "mixed", "name", "texts")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[str, Any] = {}
        self.texts: list[str] = []
        self.mixed = False  # whether it has text of its own
        self.empty = True  # whether it has no elements in it

    def add(self, name: str, value: Any) -> None:
        """Put in the value of an element inside."""
        members = self.members
        self.empty = False
        if name not in members:
            members[name] = value
            return
        before = members[name]
        if isinstance(before, list):
            before.append(value)
        else:
            members[name] = [before, value]

    def value(self) -> Any:
        """Its text, or an object."""
        text = "".join(self.texts).strip()
        if not self.members:
            return text
        if self.mixed or self.empty:
            self.members["#text"] = text
        return self.members
