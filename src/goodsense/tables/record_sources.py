"""The records of a mapping file's source, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from goodsense.errors import DataError, UsageError
from goodsense.tables.mapping import RecordMapping
from goodsense.tables.opening import open_bytes
from goodsense.tables.paths import Name
from goodsense.tables.rejects import Reject, Rejects
from goodsense.tables.rows import Row, read_rows
from goodsense.tables.sniff import Sniffed, read_head, sniff

_UNSNIFFED = ("log", "mail")  # no table, and nothing about them is told by content but the packing
_TABLES = ("csv", "tsv", "jsonl", "parquet")


def records_of(mapping: RecordMapping, source: Path, rejects: Rejects, *, may_be_empty: bool = False) -> Iterator[Row]:
    """Stream the records of a source, before anything is mapped.

    Raises
    ------
    UsageError
        If there is no such source, or the mapping file does not say what is needed to read it.
    DataError
        If the source cannot be read, or has no record where the mapping file says and must not be empty.
    """
    form, sniffed = _format(mapping, source)
    found, rejected = False, len(rejects)
    for row in _records(mapping, source, form, sniffed, rejects):
        found = True
        yield row
    if not found and not may_be_empty and len(rejects) == rejected:
        where = f" at {mapping.source.records.text!r}" if mapping.source.records else ""
        raise DataError(
            f"{source}: read as {form}, it has no record{where}.",
            fix=f"Correct [source] in {mapping.file}; `goodsense mapping {source}` shows what is in it.",
        )


def _format(mapping: RecordMapping, source: Path) -> tuple[str, Sniffed]:
    """What the source is, and how it is read."""
    given = mapping.source
    if given.format == "mail" and source.is_dir():
        return "mail", Sniffed("folder", "", "", compressed=False)
    if source.is_dir():
        raise UsageError(f"{source} is a folder; expected a file.", fix="Name a file in it.")
    if given.format in _UNSNIFFED or (given.encoding and given.format != "auto"):
        with open_bytes(source, compressed=False) as data:
            compressed = data.read(2) == b"\x1f\x8b"
        delimiter = given.delimiter or ("\t" if given.format == "tsv" else ",")
        return given.format, Sniffed("csv", given.encoding or "utf-8", delimiter, compressed, names=given.columns)
    sniffed = sniff(source)
    form = given.format if given.format != "auto" else _told(mapping, source, sniffed)
    sniffed = replace(
        sniffed,
        encoding=given.encoding or sniffed.encoding or "utf-8",
        delimiter=given.delimiter or sniffed.delimiter or ("\t" if form == "tsv" else ","),
        names=given.columns,
    )
    return form, sniffed


def _told(mapping: RecordMapping, source: Path, sniffed: Sniffed) -> str:
    """The format by content. One JSON object on a single line may be the file, or its only line."""
    head = read_head(source, sniffed) if sniffed.format == "jsonl" else ""
    if '"scope": "' in head and '"record": ' in head and '"reason": ' in head:
        raise UsageError(
            f"{source}: this is a file of rejects; its rows are mapped already.",
            fix="Feed it in without the mapping file.",
        )
    if sniffed.format == "jsonl" and mapping.source.records is not None and "\n" not in head.strip():
        return "json"
    if sniffed.format == "object":
        return "json"
    if sniffed.format in ("folder", "html"):
        raise UsageError(f"{source}: looks like {sniffed.format}.", fix=f"Set [source] format in {mapping.file}.")
    return sniffed.format


def _records(mapping: RecordMapping, source: Path, form: str, sniffed: Sniffed, rejects: Rejects) -> Iterator[Row]:
    given = mapping.source
    if form == "mail":
        from goodsense.tables.mail import mail_records

        return mail_records(source, rejects, compressed=sniffed.compressed)
    if form == "log":
        from goodsense.tables.logs import log_records

        assert given.pattern is not None
        return log_records(source, sniffed, rejects, given.pattern)
    if form == "xml":
        from goodsense.tables.xml_records import xml_records

        names = [step.name for step in given.records.steps if isinstance(step, Name)] if given.records else []
        if not names:
            raise UsageError(
                f"{mapping.file}: source.records is missing: XML needs the name of the element that is a record.",
                fix=f'Write records = "item"; `goodsense mapping {source}` shows what is in it.',
            )
        return xml_records(source, sniffed, rejects, names, namespaces=given.namespaces)
    if form == "json":
        from goodsense.tables.json_records import json_records

        return json_records(source, sniffed, rejects, given.records.steps if given.records else ())
    rows = read_rows(source, replace(sniffed, format=form), rejects)  # type: ignore[arg-type]
    return _inside(rows, mapping, source, rejects) if form == "jsonl" and given.records is not None else rows


def _inside(rows: Iterator[Row], mapping: RecordMapping, source: Path, rejects: Rejects) -> Iterator[Row]:
    """The records at a path in each line."""
    from goodsense.tables.json_records import wrapped
    from goodsense.tables.paths import PathError, compile_path, items_of

    assert mapping.source.records is not None
    walk = compile_path(mapping.source.records, whole=True)
    for row in rows:
        try:
            items = items_of(walk(row.values, row.values))
        except PathError as error:
            fix = "Give a path to fewer values in [source] records."
            rejects.add(Reject(str(source), row.number, "", None, str(error), fix))
            continue
        for item in items:
            yield Row(row.number, item if isinstance(item, dict) else wrapped(item))
