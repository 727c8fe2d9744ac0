"""The truth: one SQLite file that everything else is derived from.

Every committed batch of changes takes the next number ``seq``. Deletes leave tombstones, so that whoever knows the
catalog as of one number can catch up with the next. Products are stored as canonical JSON; ``variants`` and
``media`` are views over it, so that nothing is written down twice.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodsense.catalog.product import Product, content_hash, dumps, from_json
from goodsense.errors import DataError, StorageError
from goodsense.journal import write_ahead
from goodsense.shop.locks import writing
from goodsense.shop.schema import SCHEMA_VERSION, migration

PATIENCE_S = 5.0  # to wait for others who use the catalog


@dataclass(frozen=True)
class Applied:
    """What one batch did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    seq: int = 0


@dataclass(frozen=True)
class Change:
    """One product as it is now; ``product`` is None when it was deleted."""

    id: str
    seq: int
    product: Product | None


class Truth:
    """The open catalog of one shop. Not for sharing between threads; open one each."""

    def __init__(self, directory: Path, connection: sqlite3.Connection) -> None:
        self.directory = directory
        self._db = connection

    @classmethod
    def create(cls, directory: Path) -> Truth:
        """Create the catalog if there is none yet, and open it."""
        with _storage_errors(directory), writing(directory):
            connection = _connect(directory / "catalog.sqlite")
            if _version(connection) == 0:
                connection.executescript(migration(0))
        return cls._checked(directory, connection)

    @classmethod
    def open(cls, directory: Path) -> Truth:
        """Open the catalog of a shop.

        Raises
        ------
        StorageError
            If there is no catalog, or it cannot be read.
        DataError
            If it was written by a newer version of goodsense.
        """
        path = directory / "catalog.sqlite"
        if not path.is_file():
            raise StorageError(
                f"{directory} is no shop: it has no catalog.sqlite.",
                fix=f"Put a feed in first: goodsense ingest {directory} FEED",
            )
        with _storage_errors(directory):
            return cls._checked(directory, _connect(path))

    @classmethod
    def _checked(cls, directory: Path, connection: sqlite3.Connection) -> Truth:
        found = _version(connection)
        if 0 < found < SCHEMA_VERSION:
            with writing(directory):
                if (found := _version(connection)) < SCHEMA_VERSION:  # nobody else was faster
                    connection.executescript(migration(found))
                    found = SCHEMA_VERSION
        if found != SCHEMA_VERSION:
            connection.close()
            raise DataError(
                f"{directory / 'catalog.sqlite'} has schema version {found}; "
                f"this goodsense knows version {SCHEMA_VERSION}.",
                fix="Use the goodsense that wrote it, or a newer one; a shop is never migrated downwards.",
            )
        return cls(directory, connection)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Truth:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ---- reading

    @property
    def seq(self) -> int:
        """The number of the last committed batch."""
        return int(self._db.execute("SELECT seq FROM state").fetchone()[0])

    @property
    def data_version(self) -> int:
        """Changes whenever another connection commits; cheap to poll."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    @property
    def own_changes(self) -> int:
        """Rows changed through this very connection, which :attr:`data_version` does not see."""
        return self._db.total_changes

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM products").fetchone()[0])

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """Read everything inside as of one ``seq``, whatever others commit meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield self.seq
        finally:
            self._db.execute("ROLLBACK")

    def products(self) -> Iterator[Product]:
        """Every product, by id."""
        for (doc,) in self._db.execute("SELECT doc FROM products ORDER BY id"):
            yield from_json(json.loads(doc))

    def get(self, ids: Iterable[str]) -> dict[str, Product]:
        """The products of these ids; unknown ids are left out."""
        rows = self._db.execute(
            "SELECT id, doc FROM products WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
        )
        return {id: from_json(json.loads(doc)) for id, doc in rows}

    def changes_since(self, seq: int) -> list[Change]:
        """What differs from the catalog as it was at ``seq``, oldest change first."""
        changed = self._db.execute("SELECT id, seq, doc FROM products WHERE seq > ?", (seq,))
        found = [Change(id, at, from_json(json.loads(doc))) for id, at, doc in changed]
        deleted = self._db.execute("SELECT id, seq FROM tombstones WHERE seq > ?", (seq,))
        found += [Change(id, at, None) for id, at in deleted]
        return sorted(found, key=lambda change: (change.seq, change.id))

    def judged_queries(self) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """Stored queries (id -> JSON of the query) and their judgements (query id -> product id -> grade)."""
        queries = dict(self._db.execute("SELECT id, query FROM queries ORDER BY id").fetchall())
        qrels: dict[str, dict[str, int]] = {id: {} for id in queries}
        for query_id, product_id, grade in self._db.execute("SELECT * FROM judgements"):
            qrels[query_id][product_id] = grade
        return queries, qrels

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query over the tables of ``shop/schema.py``; parameters are bound, never written into it."""
        return iter(self._db.execute(sql, parameters))

    # ---- writing, each call one durable batch

    @contextmanager
    def batch(self) -> Iterator[sqlite3.Connection]:
        """One durable batch of writes, all of it or nothing; it takes :meth:`next_seq` if it changes anything."""
        with _storage_errors(self.directory), writing(self.directory):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def next_seq(self) -> int:
        """Number the batch that is being written."""
        return int(self._db.execute("UPDATE state SET seq = seq + 1 RETURNING seq").fetchone()[0])

    def upsert(self, products: Sequence[Product]) -> Applied:
        """Insert or replace products by id. Unchanged ones are not touched; the rest is durable on return."""
        docs = {product.id: dumps(product) for product in products}
        hashes = {id: content_hash(doc) for id, doc in docs.items()}
        with self.batch():
            stored = self._hashes(list(docs))
            dirty = [id for id, digest in hashes.items() if stored.get(id) != digest]
            if not dirty:
                return Applied(unchanged=len(docs), seq=self.seq)
            seq = self.next_seq()
            self._db.executemany(
                "INSERT INTO products VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET seq = excluded.seq, hash = excluded.hash, doc = excluded.doc",
                [(id, seq, hashes[id], docs[id]) for id in dirty],
            )
            self._forget_tombstones(dirty)
        added = sum(id not in stored for id in dirty)
        return Applied(added, len(dirty) - added, len(docs) - len(dirty), seq)

    def delete(self, ids: Iterable[str]) -> int:
        """Delete products by id; returns how many there were."""
        with self.batch():
            known = list(self._hashes(list(ids)))
            if known:
                seq = self.next_seq()
                self._db.executemany("DELETE FROM products WHERE id = ?", [(id,) for id in known])
                self._db.executemany("INSERT OR REPLACE INTO tombstones VALUES (?, ?)", [(id, seq) for id in known])
        return len(known)

    def add_judgements(self, queries: dict[str, str], qrels: dict[str, dict[str, int]]) -> None:
        """Store queries (id -> JSON) and their grades, replacing those of the same query id."""
        with self.batch():
            self._db.executemany("DELETE FROM queries WHERE id = ?", [(id,) for id in queries])
            self._db.executemany("INSERT INTO queries VALUES (?, ?)", list(queries.items()))
            rows = [(q, p, grade) for q in queries for p, grade in qrels.get(q, {}).items()]
            self._db.executemany("INSERT INTO judgements VALUES (?, ?, ?)", rows)
            self.next_seq()

    # ---- ids seen during one ingest, kept by SQLite so that memory stays flat

    def start_seen(self) -> None:
        self._db.execute("DROP TABLE IF EXISTS temp.seen")
        self._db.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def note_seen(self, ids: Sequence[str]) -> set[str]:
        """Note ids; returns those that had been noted before."""
        as_json = json.dumps(list(ids))
        rows = self._db.execute("SELECT id FROM seen WHERE id IN (SELECT value FROM json_each(?))", (as_json,))
        before = {id for (id,) in rows}
        self._db.execute("INSERT OR IGNORE INTO temp.seen SELECT value FROM json_each(?)", (as_json,))
        return before

    def unseen(self) -> list[str]:
        """Ids of the catalog that were not noted."""
        return [id for (id,) in self._db.execute("SELECT id FROM products WHERE id NOT IN (SELECT id FROM temp.seen)")]

    # ---- inside

    def _hashes(self, ids: list[str]) -> dict[str, str]:
        rows = self._db.execute(
            "SELECT id, hash FROM products WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
        )
        return dict(rows.fetchall())

    def _forget_tombstones(self, ids: list[str]) -> None:
        if self._db.execute("SELECT EXISTS (SELECT 1 FROM tombstones)").fetchone()[0]:
            self._db.executemany("DELETE FROM tombstones WHERE id = ?", [(id,) for id in ids])


def _connect(path: Path) -> sqlite3.Connection:
    # WAL wants files beside the catalog even to read it; on a read-only disk nobody writes, so none are needed
    unchanging = "?immutable=1" if os.statvfs(path.parent).f_flag & os.ST_RDONLY and not _has_wal(path) else ""
    uri = path.absolute().as_uri() + unchanging
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE_S, check_same_thread=False)
    write_ahead(connection, patience_s=PATIENCE_S)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = FILE"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _has_wal(path: Path) -> bool:
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _storage_errors(directory: Path) -> Iterator[None]:
    """SQLite's and the system's complaints in words that say what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise storage_error(directory, error) from error


def storage_error(directory: Path, error: Exception) -> StorageError:
    """The clear form of a full disk, a read-only directory or a damaged file."""
    text = str(error).lower()
    if "full" in text or "no space" in text or "quota" in text:
        return StorageError(f"No space is left for {directory}.", fix="Free some space and run this again.")
    if any(word in text for word in ("readonly", "read-only", "permission", "unable to open")):
        return StorageError(f"{directory} cannot be written: {error}.", fix="Make it writable, or name another one.")
    if "malformed" in text or "not a database" in text:
        return StorageError(f"{directory / 'catalog.sqlite'} is damaged: {error}.", fix="Restore it from a backup.")
    return StorageError(f"{directory} cannot be used: {error}.")
