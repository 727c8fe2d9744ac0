from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.errors import DataError, StorageError
from goodsense.shop import locks
from goodsense.shop.truth import SCHEMA_VERSION, Truth
from tests.shop.catalogs import toys


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return Truth.create(tmp_path)


def test_upsert_counts_what_changed(truth: Truth) -> None:
    items = toys(10)
    first = truth.upsert(items)
    again = truth.upsert(items)
    changed = truth.upsert([replace(items[0], title="another title"), *items[1:]])
    assert (first.added, first.changed, first.unchanged, first.seq) == (10, 0, 0, 1)
    assert (again.added, again.changed, again.unchanged, again.seq) == (0, 0, 10, 1)
    assert (changed.added, changed.changed, changed.unchanged, changed.seq) == (0, 1, 9, 2)
    assert truth.get(["toy-0000"])["toy-0000"].title == "another title"


def test_products_come_back_as_they_went_in(truth: Truth) -> None:
    items = toys(20)
    truth.upsert(items)
    assert list(truth.products()) == items


def test_changes_since_tell_upserts_and_deletes_in_order(truth: Truth) -> None:
    items = toys(4)
    truth.upsert(items)
    truth.upsert([replace(items[1], title="new")])
    assert truth.delete(["toy-0003", "no such id"]) == 1
    changes = truth.changes_since(1)
    assert [(change.id, change.seq, change.product is None) for change in changes] == [
        ("toy-0001", 2, False),
        ("toy-0003", 3, True),
    ]
    assert truth.changes_since(3) == []


def test_a_product_that_comes_back_has_no_tombstone(truth: Truth) -> None:
    items = toys(2)
    truth.upsert(items)
    truth.delete(["toy-0001"])
    truth.upsert(items)
    assert [(change.id, change.product is None) for change in truth.changes_since(1)] == [("toy-0001", False)]


def test_variants_and_media_are_views(truth: Truth) -> None:
    truth.upsert(toys(3))
    with sqlite3.connect(truth.directory / "catalog.sqlite") as connection:
        rows = connection.execute("SELECT product_id, sku, price_minor, currency FROM variants").fetchall()
    connection.close()
    assert rows[1] == ("toy-0001", "S1", 650, "CNY")


def test_wal_and_full_synchronous(truth: Truth) -> None:
    pragma = truth._db.execute
    assert pragma("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert pragma("PRAGMA synchronous").fetchone()[0] == 2
    assert pragma("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_newer_schema_is_refused(truth: Truth) -> None:
    truth.close()
    with sqlite3.connect(truth.directory / "catalog.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(DataError, match=f"schema version {SCHEMA_VERSION + 1}.*never migrated downwards"):
        Truth.open(truth.directory)


def test_no_catalog_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is no shop"):
        Truth.open(tmp_path)


def test_a_damaged_catalog_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="damaged"):
        Truth.open(tmp_path)


def test_a_second_writer_waits_then_names_the_holder(truth: Truth) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from goodsense.shop.locks import FileLock\n"
            "lock = FileLock(Path(sys.argv[1])); assert lock.acquire(); print('held', flush=True); time.sleep(60)",
            str(truth.directory / "write.lock"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StorageError, match=rf"process {holder.pid} .*waited 0\.2 s"),
            locks.writing(truth.directory, wait_s=0.2),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with locks.writing(truth.directory, wait_s=1.0):  # the kernel let go of a dead holder's lock
        pass


def test_two_connections_see_each_others_commits(truth: Truth) -> None:
    other = Truth.open(truth.directory)
    before = other.data_version
    truth.upsert(toys(1))
    assert other.data_version != before
    assert other.seq == truth.seq == 1
    other.close()


def test_seen_ids(truth: Truth) -> None:
    truth.upsert(toys(3))
    truth.start_seen()
    assert truth.note_seen(["toy-0000", "x"]) == set()
    assert truth.note_seen(["toy-0000", "y"]) == {"toy-0000"}
    assert truth.unseen() == ["toy-0001", "toy-0002"]


def test_a_catalog_of_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    with Truth.create(tmp_path) as truth:
        truth.upsert([Product("1", "Lamp")])
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        for table in ("events", "reviews", "questions", "conversations", "labels", "cleaned", "cleanings"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DROP TABLE stock")
        connection.execute("PRAGMA user_version = 1")
    with Truth.open(tmp_path) as truth:
        assert truth.get(["1"])["1"].title == "Lamp"
        assert list(truth.rows("SELECT count(*) FROM events")) == [(0,)]
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
