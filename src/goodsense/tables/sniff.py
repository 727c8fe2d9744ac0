"""What a file is, by its content: packing, format, encoding, delimiter."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from goodsense.errors import DataError
from goodsense.tables.folders import files_below
from goodsense.tables.opening import GENEROUS, TableLimits, open_bytes

TableFormat: TypeAlias = Literal["csv", "tsv", "jsonl", "json", "parquet", "xml", "html", "object", "folder"]
_HEAD = 1 << 18
_NAMES = 500  # files of a folder that are looked at
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive or Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "an SQLite database"),
)
_CONVERT = "Convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > FILE.utf8, or save it again as 'CSV UTF-8'."
# Codecs for text whose first bytes read as ASCII, as those of the declaration just did.
_XML_CODECS = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp\d{3,4}|koi8-\w|mac-\w+|gb2312|gbk|gb18030|big5\w*|euc_\w+|shift_jis\w*"
)
_HTML = re.compile(rb"^[^<]{0,9}(<[!?][^>]{0,1000}>\s*)*<(!doctype\s+)?html\b", re.IGNORECASE)
_DELIMITERS = (",", "\t", ";", "|")
# A first line that is no header: what spreadsheets are told about the delimiter, the version of a Taobao export.
BEFORE_HEADER = re.compile(r"\ufeff?(?:sep=.?|version \d[\d.]*)[\t,]*\r?\n?")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """How to read a file; ``notes`` are sentences about what was not obvious.

    ``encoding`` is a Python codec name ("" for Parquet), ``delimiter`` is "" unless the format is csv or tsv. "object"
    is one JSON object over several lines; one on a single line counts as JSON Lines. "folder" is a directory. ``names``
    are the columns of a csv or tsv file that has no header; empty if its first row is one.
    """

    format: TableFormat
    encoding: str
    delimiter: str
    compressed: bool
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def sniff(path: Path, *, limits: TableLimits = GENEROUS) -> Sniffed:
    """Look at the beginning of a file and tell how to read it.

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        If it is empty, of a foreign format, or text in no known encoding (names the byte offset).
    """
    if path.is_dir():
        return Sniffed("folder", "", "", compressed=False)
    with open_bytes(path, compressed=False, limits=limits) as file:
        compressed = file.read(2) == b"\x1f\x8b"
    head, whole = _read_head(path, compressed=compressed, limits=limits)
    if not head.strip():
        raise DataError(f"{path}: the file is empty.", fix="Export it again with a header and at least one row.")
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            raise DataError(
                f"{path}: this is {name}, not a table.", fix="Save it as CSV (UTF-8), JSON Lines or Parquet."
            )
    if head.startswith(b"PAR1"):
        return Sniffed("parquet", "", "", compressed)
    if _is_xml(head):
        return Sniffed("html" if _HTML.search(head) else "xml", _declared(head), "", compressed)
    encoding, notes = _encoding(head, path, whole=whole)
    text = decode_head(head, encoding)
    form = _json_format(text)
    if form is not None:
        return Sniffed(form, encoding, "", compressed, notes)
    delimiter, more = _delimiter(text, path)
    return Sniffed("tsv" if delimiter == "\t" else "csv", encoding, delimiter, compressed, notes + more)


def read_head(path: Path, sniffed: Sniffed, *, limits: TableLimits = GENEROUS) -> str:
    """The beginning of a sniffed file as text, the first names in a folder; empty for Parquet."""
    if sniffed.format == "parquet":
        return ""
    if sniffed.format == "folder":
        names = islice(files_below(path, ordered=False), _NAMES)
        return "\n".join(names).encode("utf-8", "replace").decode()
    head, _ = _read_head(path, compressed=sniffed.compressed, limits=limits)
    return decode_head(head, sniffed.encoding)


def decode_head(head: bytes, encoding: str) -> str:
    """Decode a beginning that may end within a character."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")


def _read_head(path: Path, *, compressed: bool, limits: TableLimits) -> tuple[bytes, bool]:
    """The first bytes, up to the last whole line, and whether that is all there is."""
    with open_bytes(path, compressed=compressed, limits=limits) as file:
        head = file.read(_HEAD)
    whole = len(head) < _HEAD
    return head, whole


def _is_xml(head: bytes) -> bool:
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain[:1] == b"<":
        return True
    return head[:4] in (b"\xff\xfe<\x00", b"\xfe\xff\x00<")


def _declared(head: bytes) -> str:
    """The encoding that an XML declaration names, as a codec that exists; UTF-8 if there is none."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    found = re.match(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']", head)
    name = found.group(1).decode("ascii") if found else "utf-8"
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return "utf-8"
    return codec if _XML_CODECS.fullmatch(codec) else "utf-8"


def _encoding(head: bytes, path: Path, *, whole: bool) -> tuple[str, tuple[str, ...]]:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", ()
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError(f"{path}: the text is in UTF-32.", fix="Convert it: iconv -f UTF-32 -t UTF-8 FILE > FILE.utf8")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", ("The text is in UTF-16.",)
    if head.count(0) * 5 > len(head):
        raise DataError(
            f"{path}: every few bytes are zero (the first at byte {head.index(0)}): "
            "UTF-16 without a byte-order mark, or no text at all.",
            fix="If it is text, convert it: iconv -f UTF-16LE -t UTF-8 FILE > FILE.utf8",
        )
    if not whole and b"\n" in head:
        head = head[: head.rindex(b"\n") + 1]
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head, whole)
    except UnicodeDecodeError as error:
        return _not_utf8(head, path, error)
    return "utf-8", ()


def _not_utf8(head: bytes, path: Path, error: UnicodeDecodeError) -> tuple[str, tuple[str, ...]]:
    """GB18030 if that makes sense of it; UTF-8 with a few bad lines; else an error."""
    text = head.decode("utf-8", "surrogateescape")
    bad = sum("\udc80" <= char <= "\udcff" for char in text)
    good = sum(not char.isascii() for char in text) - bad
    if bad > good and _is_gb18030(head):
        return "gb18030", ("The text is not UTF-8; it is read as GB18030 (the Chinese national encoding).",)
    lines = re.split(r"\r\n|\r|\n", text)
    damaged = sum(_has_surrogate(line) for line in lines)
    if _has_surrogate(lines[0]) or (damaged > 1 and damaged * 5 > len(lines)):
        raise DataError(
            f"{path}: byte 0x{head[error.start]:02x} at offset {error.start} is neither UTF-8 nor GB18030 text "
            f"({damaged} of the first {len(lines)} lines have such bytes).",
            fix=_CONVERT,
        )
    return "utf-8", (f"Some bytes are not UTF-8 (the first at offset {error.start}); their rows are rejected.",)


def _has_surrogate(line: str) -> bool:
    return not line.isascii() and any("\udc80" <= char <= "\udcff" for char in line)


def _is_gb18030(head: bytes) -> bool:
    """Whether it decodes, and mostly to the 3,755 common characters of GB 2312 (rows 16 to 55)."""
    text = head.decode("gb18030", "surrogateescape")
    foreign = [char for char in text if not char.isascii()]
    bad = sum("\udc80" <= char <= "\udcff" for char in foreign)
    codes = [char.encode("gb18030") for char in foreign if not "\ud800" <= char <= "\udfff"]
    common = sum(len(code) == 2 and 0xA1 <= code[0] <= 0xD7 and code[1] >= 0xA1 for code in codes)
    return len(codes) >= 2 and bad * 20 <= len(codes) and common * 10 >= len(codes) * 7


def _json_format(text: str) -> TableFormat | None:
    start = re.match(r"\s*([\[{])\s*([\"{}\]]?)", text)
    if start is None or not start.group(2):
        return None
    opening, inside = start.groups()
    if opening == "{":
        if inside not in '"}':
            return None
        return "object" if _is_spread(text) else "jsonl"
    return "json" if inside in "{]" else None


def _is_spread(text: str) -> bool:
    """Whether this is one JSON object over several lines rather than one per line, some of them damaged perhaps."""
    lines = [line for line in text.lstrip().split("\n", 3) if line.strip()]
    if len(lines) < 2 or lines[1].lstrip().startswith('{"'):
        return False
    try:
        json.loads(lines[0])
    except (ValueError, RecursionError):
        return True
    return False


def _delimiter(text: str, path: Path) -> tuple[str, tuple[str, ...]]:
    """The delimiter under which most rows have as many cells as the header, whose names hold no other delimiter.

    More cells win among equals.
    """
    announced = re.match(r"sep=(.)\r?\n", text)
    if announced and announced.group(1) in _DELIMITERS:
        return announced.group(1), ()
    lines = list(islice(io.StringIO(text, newline=""), 50))
    if lines and BEFORE_HEADER.fullmatch(lines[0]):
        del lines[0]
    suffixes = [suffix.lower() for suffix in path.suffixes]
    best, best_score = "", (0.0, 0, 0)
    for delimiter in _DELIMITERS:
        rows = _cells(lines, delimiter)
        if not rows or len(rows[0]) < 2:
            continue
        width = len(rows[0])
        same = sum(len(cells) == width for cells in rows) / len(rows)
        clean = sum(bool(name.strip()) and not set(name) & set(_DELIMITERS) for name in rows[0]) / width
        wanted = delimiter == "\t" and ".tsv" in suffixes
        score = (round(same * clean, 1), width + wanted, -_DELIMITERS.index(delimiter))
        if score > best_score:
            best, best_score = delimiter, score
    if best:
        notes = () if best in ",\t" else (f"The cells are separated by {best!r}.",)
        return best, notes
    alone = "\t" if ".tsv" in suffixes else ","
    return alone, ("No delimiter was found; the table is read as one single column.",)


def _cells(lines: list[str], delimiter: str) -> list[list[str]]:
    """The rows under a delimiter; what cannot be parsed ends the list."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(cells for cells in csv.reader(lines, delimiter=delimiter) if cells)
    return rows
