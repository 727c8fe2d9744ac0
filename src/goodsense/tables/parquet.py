"""Rows of Parquet files, batch by batch, and the way back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from goodsense.errors import DataError
from goodsense.tables.opening import GENEROUS, TableLimits, create_bytes, open_bytes
from goodsense.tables.rejects import Reject, Rejects
from goodsense.tables.rows import Row, damage
from goodsense.tables.sniff import Sniffed

_BATCH = 512
_WRITE_BATCH = 2000
_STRING_LIMIT = 1 << 26  # bytes of one string in the file's own description
_CONTAINER_LIMIT = 1 << 20


def parquet_names(path: Path, sniffed: Sniffed, *, limits: TableLimits = GENEROUS) -> tuple[str, ...]:
    """The column names of a Parquet file."""
    with _open(path, sniffed, limits) as file, _explained(path):
        return tuple(dict.fromkeys(str(name) for name in file.schema_arrow.names))


def parquet_rows(path: Path, sniffed: Sniffed, rejects: Rejects, *, limits: TableLimits = GENEROUS) -> Iterator[Row]:
    """The rows of a Parquet file; ``number`` counts them from 1.

    Raises
    ------
    DataError
        If the file is damaged; rows before the damage have been given out by then.
    """
    number = 0
    with _open(path, sniffed, limits) as file:
        batches = _batches(file, path)
        for batch in batches:
            for values in _records(batch, path):
                number += 1
                problem = _problem(values)
                if problem:
                    rejects.add(Reject(str(path), number, "", None, problem, "Mend this row.", values))
                elif values:
                    yield Row(number, values)


def write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> int:
    """Write rows as Parquet text columns, missing values as null; packed if the name ends in ``.gz``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in columns])
    count = 0
    left = iter(rows)
    with (
        create_bytes(path) as data,
        _explained(path),
        pq.ParquetWriter(data, schema, write_page_checksum=True) as writer,
    ):
        while batch := list(islice(left, _WRITE_BATCH)):
            table = {name: [row.get(name) for row in batch] for name in columns}
            writer.write_table(pa.table(table, schema=schema))
            count += len(batch)
    return count


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever the library raises about a damaged file into one error."""
    import pyarrow as pa

    try:
        yield
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: a value is not valid Unicode text ({error.reason}).") from error
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise DataError(f"{path}: the Parquet file is damaged ({reason}).", fix="Export it again.") from error


@contextmanager
def _open(path: Path, sniffed: Sniffed, limits: TableLimits) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with tempfile.TemporaryFile() as unpacked, open_bytes(path, compressed=sniffed.compressed, limits=limits) as file:
        source = file
        if sniffed.compressed:  # Parquet is read from its end, which a stream has not
            while block := file.read(1 << 20):
                unpacked.write(block)
            unpacked.seek(0)
            source = unpacked
        with _explained(path):
            table = pq.ParquetFile(
                source,
                pre_buffer=False,
                thrift_string_size_limit=_STRING_LIMIT,
                thrift_container_size_limit=_CONTAINER_LIMIT,
                page_checksum_verification=True,
            )
        yield table


def _batches(file: Any, path: Path) -> Iterator[Any]:
    with _explained(path):
        batches = iter(file.iter_batches(batch_size=_BATCH, use_threads=False))
    while True:
        with _explained(path):
            try:
                batch = next(batches)
            except StopIteration:
                return
        yield batch


def _records(batch: Any, path: Path) -> list[dict[str, Any]]:
    """The rows of a batch; text that is not UTF-8 comes as text with lone surrogates."""
    with _explained(path):
        try:
            batch.validate(full=True)
            found: list[dict[str, Any]] = batch.to_pylist()
            return found
        except UnicodeDecodeError:
            pass
        except ValueError as error:
            if "UTF8" not in str(error):
                raise
        columns = {name: _column(batch.column(place)) for place, name in enumerate(batch.schema.names)}
        return [{name: column[row] for name, column in columns.items()} for row in range(batch.num_rows)]


def _column(array: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        plain = array.cast(pa.large_binary() if pa.types.is_large_string(array.type) else pa.binary())
        return [None if item is None else item.decode("utf-8", "surrogateescape") for item in plain.to_pylist()]
    return list(array.to_pylist())


def _problem(values: dict[str, Any]) -> str:
    for name, value in values.items():
        if isinstance(value, str) and (problem := damage(value, "UTF-8")):
            return f"column {name!r}: {problem}"
    return ""
