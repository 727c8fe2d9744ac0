"""What a crawl knows: addresses with their state, products, problems. One SQLite file, one transaction per page.

A page is fetched, read, and only then written down together with everything that it brought, so that whoever is killed
at any moment has lost nothing but the page in flight.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from goodsense.catalog.product import Product, dumps, from_json
from goodsense.errors import StorageError
from goodsense.tables import Reject

_VERSION = 1
_TABLES = """
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE addresses (
    url TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    rank INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    pattern TEXT NOT NULL,
    self_fed INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    reason TEXT NOT NULL DEFAULT '',
    bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX waiting ON addresses (rank, depth, number) WHERE state = 'waiting';
CREATE TABLE patterns (
    pattern TEXT PRIMARY KEY, tried INTEGER NOT NULL, brought INTEGER NOT NULL, barren INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE products (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, url TEXT NOT NULL, doc TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX undelivered ON products (number) WHERE delivered = 0;
CREATE TABLE problems (number INTEGER PRIMARY KEY, doc TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0);
"""
SITEMAP_RANK, LISTED_RANK, LINKED_RANK, LAST_RANK = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Address:
    """Something to fetch: a ``page`` or a ``sitemap``.

    ``rank`` says who comes first; ``self_fed`` whether it was met on a page of its own pattern.
    """

    url: str
    kind: str
    rank: int
    depth: int
    pattern: str
    self_fed: bool = False


@dataclass
class PatternCount:
    """How a pattern of addresses has done: pages tried, products brought, the cost of the last ones that did not."""

    tried: int = 0
    brought: int = 0
    barren: int = 0


@dataclass
class Outcome:
    """What came of one address, to be written down at once."""

    state: str
    reason: str = ""
    bytes: int = 0
    found: list[Address] = field(default_factory=list)
    same: str = ""  # the canonical address, whose page this was
    products: list[Product] = field(default_factory=list)
    problems: list[Reject] = field(default_factory=list)
    counts: dict[str, PatternCount] = field(default_factory=dict)
    given_up: list[str] = field(
        default_factory=list
    )  # patterns, and families that end in ``?``, of which nothing more is fetched


class Frontier:
    """An open crawl; it belongs to one process.

    Raises
    ------
    StorageError
        If another process has it, or the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.5)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            if not self._db.execute("PRAGMA user_version").fetchone()[0]:
                self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
            self._db.execute("BEGIN IMMEDIATE")  # take the file, or learn who has it, before anything is fetched
            self._db.execute("COMMIT")
        self._next = self._one("SELECT coalesce(max(number), 0) + 1 FROM addresses")
        self._next_product = self._one("SELECT coalesce(max(number), 0) + 1 FROM products")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ---- reading

    def take(self) -> Address | None:
        """The address whose turn it is; it stays until its outcome is written down."""
        row = self._db.execute(
            "SELECT url, kind, rank, depth, pattern, self_fed FROM addresses WHERE state = 'waiting' "
            "ORDER BY rank, depth, number LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        url, kind, rank, depth, pattern, self_fed = row
        return Address(url, kind, rank, depth, pattern, self_fed=bool(self_fed))

    def knows(self, url: str) -> bool:
        """Whether an address was met before."""
        return self._db.execute("SELECT 1 FROM addresses WHERE url = ?", (url,)).fetchone() is not None

    def knows_product(self, id: str) -> bool:
        """Whether a product was met before."""
        return self._db.execute("SELECT 1 FROM products WHERE id = ?", (id,)).fetchone() is not None

    @property
    def size(self) -> int:
        """How many addresses were met."""
        return self._next - 1

    def counts(self) -> dict[str, int]:
        """How many addresses there are, by kind and state: ``page done``, ``page waiting``, ``sitemap done`` ..."""
        rows = self._db.execute("SELECT kind || ' ' || state, count(*) FROM addresses GROUP BY 1")
        return dict(rows.fetchall())

    def total_bytes(self) -> int:
        """What all answers had together."""
        return self._one("SELECT coalesce(sum(bytes), 0) FROM addresses")

    def patterns(self) -> dict[str, PatternCount]:
        """How every pattern has done."""
        rows = self._db.execute("SELECT pattern, tried, brought, barren FROM patterns")
        return {pattern: PatternCount(*counts) for pattern, *counts in rows}

    def product_count(self) -> int:
        """Products met so far."""
        return self._one("SELECT count(*) FROM products")

    def note(self, key: str) -> str:
        """A note of the crawl; empty if there is none."""
        row = self._db.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def reason(self, url: str) -> str:
        """Why an address came to what it came to; empty if there is nothing to say."""
        row = self._db.execute("SELECT reason FROM addresses WHERE url = ?", (url,)).fetchone()
        return str(row[0]) if row else ""

    def undelivered(self, limit: int) -> list[Product]:
        """Products that the catalog has not got yet, in the order in which they were met."""
        rows = self._db.execute("SELECT doc FROM products WHERE delivered = 0 ORDER BY number LIMIT ?", (limit,))
        return [from_json(json.loads(doc)) for (doc,) in rows]

    def untold(self, limit: int) -> list[tuple[int, Reject]]:
        """Problems that have not been told yet, with their numbers."""
        rows = self._db.execute(
            "SELECT number, doc FROM problems WHERE delivered = 0 ORDER BY number LIMIT ?", (limit,)
        )
        return [(number, Reject(**json.loads(doc))) for number, doc in rows]

    # ---- writing

    def begin(self, notes: dict[str, str], addresses: Iterable[Address]) -> None:
        """Write down what the crawl starts with."""
        with self._batch():
            self._db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", list(notes.items()))
            self._add(addresses)

    def settle(self, address: Address, outcome: Outcome) -> int:
        """Write down what came of an address, all of it or nothing; returns how many addresses were new."""
        with self._batch():
            self._db.execute(
                "UPDATE addresses SET state = ?, reason = ?, bytes = ? WHERE url = ?",
                (outcome.state, outcome.reason, outcome.bytes, address.url),
            )
            fresh = self._add(outcome.found)
            if outcome.same:
                self._add([replace(address, url=outcome.same)])
                self._db.execute(
                    "UPDATE addresses SET state = 'same' WHERE url = ? AND state = 'waiting'", (outcome.same,)
                )
            for product in outcome.products:
                self._db.execute(
                    "INSERT OR IGNORE INTO products (id, number, url, doc) VALUES (?, ?, ?, ?)",
                    (product.id, self._next_product, address.url, dumps(product)),
                )
                self._next_product += 1
            self._db.executemany(
                "INSERT INTO problems (doc) VALUES (?)", [(_dumped(problem),) for problem in outcome.problems]
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO patterns VALUES (?, ?, ?, ?)",
                [(name, count.tried, count.brought, count.barren) for name, count in outcome.counts.items()],
            )
            for name in outcome.given_up:
                self._db.execute(
                    "UPDATE addresses SET state = 'trap' WHERE state = 'waiting' AND rank = ? "
                    "AND (pattern = ? OR (substr(?, -1) = '?' AND substr(pattern, 1, length(?)) = ?))",
                    (LINKED_RANK, name, name, name, name),
                )
        return fresh

    def again(self, urls: Sequence[str]) -> None:
        """Put addresses back whose failure may not be theirs; they come last, so that they cannot block the rest."""
        with self._batch():
            self._db.executemany(
                "UPDATE addresses SET state = 'waiting', rank = ? WHERE url = ?", [(LAST_RANK, url) for url in urls]
            )

    def finish(self) -> None:
        """Note that nothing is left to do."""
        with self._batch():
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('finished', 'yes')")

    def delivered(self, ids: Sequence[str]) -> None:
        """The catalog has these products now."""
        with self._batch():
            self._db.executemany("UPDATE products SET delivered = 1 WHERE id = ?", [(id,) for id in ids])

    def told(self, numbers: Sequence[int]) -> None:
        """These problems have been told."""
        with self._batch():
            self._db.executemany("UPDATE problems SET delivered = 1 WHERE number = ?", [(n,) for n in numbers])

    def _add(self, addresses: Iterable[Address]) -> int:
        fresh = 0
        for address in addresses:
            added = self._db.execute(
                "INSERT OR IGNORE INTO addresses (url, number, kind, rank, depth, pattern, self_fed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (address.url, self._next, *astuple(address)[1:]),
            ).rowcount
            self._next += added
            fresh += added
        return fresh

    def _one(self, sql: str) -> int:
        return int(self._db.execute(sql).fetchone()[0])

    @contextmanager
    def _batch(self) -> Iterator[None]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StorageError(
                    f"{self.path} is in use: another crawl of this site is running.",
                    fix="Wait until it is done, or stop it.",
                ) from error
            raise StorageError(
                f"{self.path} cannot be used: {error}.", fix="Free space or mend the permissions."
            ) from error
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{self.path} cannot be used: {error}.", fix="Begin anew with --fresh.") from error


def _dumped(problem: Reject) -> str:
    data: dict[str, Any] = problem.to_json()
    return json.dumps(data, ensure_ascii=False, default=str)
