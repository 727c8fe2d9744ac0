"""Damaged and hostile files of events: events and rejects come out, or one clear error."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from pathlib import Path

import pytest

from goodsense.errors import DataError
from goodsense.events import read_events
from goodsense.tables import Rejects
from tests.events.mutations import FORMATS, run_mutations


@pytest.mark.parametrize("format_name", FORMATS)
def test_mutations(format_name: str) -> None:
    told = run_mutations(format_name, 200, seed=7)
    assert told["cases"] == 200
    assert told["events"] > 0
    assert told.get("errors", 0) + told["rejects"] > 0


def test_many_columns_take_seconds_not_minutes(tmp_path: Path) -> None:
    names = ",".join(f"用户{n}" for n in range(9_990))
    (tmp_path / "wide.csv").write_text(f"user,item,{names}\n" + f"a,b{',x' * 9_990}\n" * 3, "utf-8")
    started = time.process_time()
    feed = read_events(tmp_path / "wide.csv", rejects=Rejects.to_memory())
    assert len([event for _, event in feed]) == 3
    assert time.process_time() - started < 5
    assert max(map(len, feed.notes)) < 5_000


def test_memory_stays_flat_over_many_rows(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "e.csv.gz", "wt", compresslevel=1) as file:
        file.write("user,item,timestamp\n")
        file.writelines(f"u{n},i{n % 977},{1_700_000_000 + n}\n" for n in range(30_000))
    tracemalloc.start()
    count = sum(1 for _ in read_events(tmp_path / "e.csv.gz", rejects=Rejects.to_memory()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 30_000
    assert peak < 10_000_000


def test_a_gzip_bomb_stops_early(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=9) as file:
        file.write(b"user,item\n1,")
        for _ in range(80):
            file.write(b"x" * (1 << 20))
    with pytest.raises(DataError, match="decompression bomb"):
        list(read_events(tmp_path / "bomb.csv.gz", rejects=Rejects.to_memory()))


def test_its_own_rejects_are_not_read_while_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"user": "u", "item": ""}\n')
    with Rejects(tmp_path / "r.jsonl") as rejects, pytest.raises(Exception, match="rejects are written to"):
        read_events(tmp_path / "r.jsonl", rejects=rejects)
