"""Evaluation files: queries (TSV or BEIR JSONL), judgements (TREC or BEIR TSV) and runs (TREC).

Everything is UTF-8, with or without a byte order mark. Readers refuse what they do not understand and name the file
and the line; nothing is skipped but empty lines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from goodsense.errors import DataError
from goodsense.evaluate.ranking import rank
from goodsense.types import REF_TYPES, Part, Qrels, Query, Run

QUERY_COLUMNS = ("id", "text", "image", "audio", "video", "like", "where")
_QUERY_IDS = frozenset({"id", "_id", "qid", "query-id", "query_id"})
_BEIR_QRELS = (_QUERY_IDS, frozenset({"corpus-id", "corpus_id", "doc-id", "doc_id", "product-id", "product_id"}))
_GRADES = frozenset({"score", "grade", "relevance", "label"})
_LARGEST_GRADE = 100  # gains are 2^grade: anything larger is a percentage or an id, not a grade


def read_queries(path: Path | str) -> list[tuple[str, Query]]:
    """Read the queries of an evaluation, in the order of the file.

    A TSV without a header has the columns id and text; with a header (its first column names the id) it may have any
    of ``id, text, image, audio, video, like, where``. JSONL has one object per line with ``_id`` or ``id`` and the
    same other keys (``metadata`` is ignored). Media paths are relative to the file.

    Raises
    ------
    DataError
        If a line cannot be read, an id is missing or stands twice, or a query asks for nothing.
    """
    source = Path(path)
    lines = _lines(source)
    first = next(lines, None)
    if first is None:
        raise DataError(f"{source} has no queries.")
    as_json = first[1].lstrip().startswith("{")
    records = _json_records if as_json else _tsv_records
    found: dict[str, Query] = {}
    for number, record in records(source, _chain(first, lines)):
        query_id = record.get("id", "").strip()
        if not query_id:
            raise _bad(source, number, "the query has no id", "Give every query its own id.")
        if query_id in found:
            raise _bad(source, number, f"the query id {query_id!r} stands here for the second time", "Make ids unique.")
        found[query_id] = _query(record, source, number)
    if not found:
        raise DataError(f"{source} has a header but no queries.")
    return list(found.items())


def read_qrels(path: Path | str) -> Qrels:
    """Read judgements: TREC (``query 0 item grade``) or BEIR TSV (header ``query-id, corpus-id, score``).

    A pair judged several times keeps its largest grade; negative grades become 0.

    Raises
    ------
    DataError
        If a line has another number of columns or a grade is not a whole number.
    """
    source = Path(path)
    found: dict[str, dict[str, int]] = {}
    beir: tuple[int, int, int] | None = None
    for position, (number, line) in enumerate(_lines(source)):
        if position == 0 and (beir := _beir_columns(line)) is not None:
            continue
        query, item, grade = _beir_cells(source, number, line, beir) if beir else _trec_cells(source, number, line)
        judged = found.setdefault(query, {})
        judged[item] = max(judged.get(item, 0), _grade(grade, source, number))
    if not found:
        raise DataError(f"{source} has no judgements.")
    return found


def read_run(path: Path | str) -> Run:
    """Read a run in TREC's 6 columns (``query Q0 item rank score tag``); best first by score, then id descending.

    Raises
    ------
    DataError
        If a line is malformed or an item stands twice for one query.
    """
    source = Path(path)
    found: dict[str, dict[str, float]] = {}
    for number, line in _lines(source):
        cells = _split(line, 6)
        if len(cells) != 6:
            raise _bad(source, number, f"{len(cells)} columns", "Expected 6: query Q0 item rank score tag.")
        query, _, item, _, score, _ = cells
        hits = found.setdefault(query, {})
        if item in hits:
            raise _bad(source, number, f"the item {item!r} stands twice for query {query!r}", "Keep one of them.")
        hits[item] = _score(score, source, number)
    return {query: rank(tuple(hits.items())) for query, hits in found.items()}


def write_run(run: Run, path: Path | str, *, tag: str = "goodsense") -> None:
    """Write a run in TREC's 6 columns, ranked as it is evaluated; scores keep every digit.

    Raises
    ------
    DataError
        If an id is empty or holds white space, which the format cannot express, or a score is not finite.
    """
    target = Path(path)
    for query, hits in run.items():
        for name in (query, *(item for item, _ in hits), tag):
            if name.split() != [name]:
                raise DataError(f"the id {name!r} cannot stand in a TREC run.", fix="Use ids without white space.")
        if not all(math.isfinite(score) for _, score in hits):
            raise DataError(f"query {query!r} has a score that is not a finite number.")
    with target.open("w", encoding="utf-8", newline="\n") as out:
        for query, hits in run.items():
            out.writelines(
                f"{query} Q0 {item} {place} {float(score)!r} {tag}\n"
                for place, (item, score) in enumerate(rank(hits), start=1)
            )


def _bad(source: Path, number: int, what: str, fix: str) -> DataError:
    return DataError(f"{source}, line {number}: {what}.", fix=fix)


def _lines(source: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that hold something; only ``\\n`` ends a line, as titles may hold other separators."""
    try:
        with source.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise _bad(source, number, f"byte {error.start + 1} is not UTF-8", "Save it as UTF-8.") from error
                if line.strip():
                    yield number, line
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror or error}.", fix="Check the path.") from error


def _chain(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest


def _split(line: str, columns: int) -> list[str]:
    """Tabs where the line has them in the right number (ids may hold spaces then), else any white space."""
    cells = [cell.strip() for cell in line.split("\t")]
    return cells if len(cells) == columns and all(cells) else line.split()


def _tsv_records(source: Path, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, dict[str, str]]]:
    columns: tuple[str, ...] = ("id", "text")
    for position, (number, line) in enumerate(lines):
        cells = line.split("\t")
        if position == 0 and cells[0].strip().lower() in _QUERY_IDS:
            columns = _query_header(cells, source, number)
            continue
        if len(cells) != len(columns):
            raise _bad(
                source,
                number,
                f"{len(cells)} tab-separated columns, expected {len(columns)} ({', '.join(columns)})",
                "Separate the columns by one tab each; a header allows more columns than id and text.",
            )
        yield number, {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}


def _query_header(cells: Sequence[str], source: Path, number: int) -> tuple[str, ...]:
    names = ["id", *(cell.strip().lower() for cell in cells[1:])]
    names = ["text" if name == "query" else name for name in names]
    for name in names:
        if name not in QUERY_COLUMNS:
            raise _bad(source, number, f"the unknown column {name!r}", f"Expected any of {', '.join(QUERY_COLUMNS)}.")
        if names.count(name) > 1:
            raise _bad(source, number, f"the column {name!r} stands twice", "Keep one of them.")
    return tuple(names)


def _json_records(source: Path, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _bad(source, number, f"not valid JSON ({error})", "Write one JSON object per line.") from error
        if not isinstance(record, dict):
            raise _bad(source, number, "a JSON value that is no object", "Write one JSON object per line.")
        yield number, _json_texts(record, source, number)


def _json_texts(record: Mapping[str, object], source: Path, number: int) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in record.items():
        name = "id" if key in _QUERY_IDS else key
        if name == "metadata":  # BEIR's own notes about a query
            continue
        if name not in QUERY_COLUMNS or name in texts:
            raise _bad(source, number, f"the unexpected key {key!r}", f"Expected any of {', '.join(QUERY_COLUMNS)}.")
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise _bad(source, number, f"{key!r} is {type(value).__name__}, not text", "Write it as a string.")
        texts[name] = str(value).strip()
    return texts


def _query(record: Mapping[str, str], source: Path, number: int) -> Query:
    parts: list[Part] = []
    if text := record.get("text", ""):
        parts.append(Part("text", text))
    for modality in ("image", "audio", "video"):
        if uri := record.get(modality, ""):
            ref = REF_TYPES[modality](uri)
            if not ref.is_url:
                ref = REF_TYPES[modality](str((source.parent / uri).absolute()))
            parts.append(Part(modality, ref))
    liked = record.get("like", "")
    if liked:
        parts.append(Part("like", liked))
    where = record.get("where", "") or None
    if not parts and where is None:
        raise _bad(source, number, "the query asks for nothing", f"Fill one of {', '.join(QUERY_COLUMNS[1:])}.")
    return Query(tuple(parts), where=where, exclude=(liked,) if liked else ())


def _beir_columns(line: str) -> tuple[int, int, int] | None:
    """Where a BEIR header has query, item and grade; None when the line is no such header."""
    names = [cell.strip().lower() for cell in line.split("\t")]
    places = [[at for at, name in enumerate(names) if name in known] for known in (*_BEIR_QRELS, _GRADES)]
    if len(names) != 3 or any(len(place) != 1 for place in places):
        return None
    return places[0][0], places[1][0], places[2][0]


def _beir_cells(source: Path, number: int, line: str, at: tuple[int, int, int]) -> tuple[str, str, str]:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 3:
        raise _bad(source, number, f"{len(cells)} tab-separated columns", "Expected 3: query-id, corpus-id, score.")
    query, item, grade = (cells[place] for place in at)
    if not query or not item:
        raise _bad(source, number, f"the column {'query-id' if not query else 'corpus-id'} is empty", "Fill it in.")
    return query, item, grade


def _trec_cells(source: Path, number: int, line: str) -> tuple[str, str, str]:
    cells = _split(line, 4)
    if len(cells) != 4:
        raise _bad(
            source,
            number,
            f"{len(cells)} columns, expected 4 (query 0 item grade)",
            "Write TREC judgements, or a TSV with the header query-id, corpus-id, score.",
        )
    query, _, item, grade = cells
    return query, item, grade


def _grade(text: str, source: Path, number: int) -> int:
    value = _number(text)
    if value is None or value != int(value) or value > _LARGEST_GRADE:
        raise _bad(
            source,
            number,
            f"the grade (last column) is {text!r}, expected a whole number of at most {_LARGEST_GRADE}",
            "Use small grades from 0 (not relevant) upwards.",
        )
    return max(int(value), 0)


def _score(text: str, source: Path, number: int) -> float:
    value = _number(text)
    if value is None:
        raise _bad(source, number, f"the score (column 5) is {text!r}", "Write a finite number.")
    return value


def _number(text: str) -> float | None:
    """A finite number written in ASCII, or None."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
