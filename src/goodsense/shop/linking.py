"""Which product somebody speaks of: by what was given, else by what the text names exactly; never by likeness."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from goodsense.feedback import Conversation, Question, Review, Turn
from goodsense.feedback.voice import V
from goodsense.shop.truth import Truth
from goodsense.text.script import HAN

_WORD = re.compile(r"[\u3400-\u9fff]|[a-z0-9]+")
_TOKEN = re.compile(r"(?<![\w.-])(?=[A-Za-z._/-]*\d)[A-Za-z0-9][A-Za-z0-9._/-]{3,39}(?<![._/-])(?![\w-])")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'，。；！）】、]{4,500}", re.IGNORECASE)
_SCHEME = re.compile(r"^(?:https?:)?//(?:www\.)?|^www\.", re.IGNORECASE)
_TEXT_LIMIT = 20_000  # characters of one text that are looked at
_LETTERS, _WORDS, _CHARACTERS = 12, 3, 6  # what a title must have to be taken for a mention
_PLAIN_DIGITS = 8  # fewer digits alone may be any number
_SCHEMA = "CREATE TABLE links (key TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID"


class Linker:
    """Links reviews, questions and conversations to the products of a shop.

    A product that is given counts by id, SKU, GTIN, web address or whole title, in this order. Where none is given, the
    text must name a product by one of them, and a review or question that names several stays unlinked. What two
    products share names neither. The names of the catalog are looked up on disk, and only once they are needed.

    ``ways`` counts how the links came about: ``id``, ``sku``, ``gtin``, ``url``, ``title`` (given), ``mention`` (in the
    text), ``unknown`` (given, but not in the catalog: kept as given), ``unlinked``.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._names: sqlite3.Connection | None = None  # a temporary file of SQLite's own
        self._openings: set[int] = set()  # hashes of the first words of titles
        self._lengths: list[int] = []
        self.ways: Counter[str] = Counter()

    def close(self) -> None:
        """Forget the names of the catalog."""
        if self._names is not None:
            self._names.close()
            self._names = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def link(self, voices: Sequence[V]) -> list[V]:
        """The same with their products' ids, as far as they are known."""
        given = {id for voice in voices for id in voice.products}
        known = self._known(given)
        resolved = {id: self._resolved(id) for id in given - known}
        return [self._linked(voice, known, resolved) for voice in voices]

    def _linked(self, voice: V, known: set[str], resolved: dict[str, tuple[str, str]]) -> V:
        def named(id: str) -> str:
            way, found = ("id", id) if id in known else resolved[id]
            self.ways[way] += 1
            return found

        changes: dict[str, Any] = {}
        if isinstance(voice, Review | Question):
            mentioned = () if voice.product else self._mentioned(voice.texts)
            changes["product"] = named(voice.product) if voice.product else _only(mentioned)
            self.ways["mention"] += bool(not voice.product and changes["product"])
        elif isinstance(voice, Conversation):
            changes["about"] = tuple(dict.fromkeys(map(named, voice.about)))
            changes["turns"] = tuple(self._linked_turn(turn, known, resolved) for turn in voice.turns)
        linked: V = replace(voice, **changes)  # type: ignore[type-var]
        self.ways["unlinked"] += not linked.products
        return linked

    def _linked_turn(self, turn: Turn, known: set[str], resolved: dict[str, tuple[str, str]]) -> Turn:
        given = [id if id in known else resolved[id][1] for id in turn.products]
        mentioned = self._mentioned((turn.text,))
        self.ways["mention"] += len(mentioned)
        return replace(turn, products=tuple(dict.fromkeys((*given, *mentioned))))

    # ---- names of the catalog

    def _known(self, ids: Iterable[str]) -> set[str]:
        sql = "SELECT id FROM products WHERE id IN (SELECT value FROM json_each(?))"
        return {id for (id,) in self._truth.rows(sql, (json.dumps(list(ids)),))}

    def _resolved(self, given: str) -> tuple[str, str]:
        """The way and the id that something given stands for; itself where it stands for no product."""
        keys = {f"sku:{given}": "sku", f"gtin:{given}": "gtin", f"url:{_address(given)}": "url"}
        keys[f"title:{' '.join(_words(given))}"] = "title"
        found = self._looked_up(list(keys))
        for key, way in keys.items():
            if found.get(key):
                return way, found[key]
        return "unknown", given

    def _looked_up(self, keys: list[str]) -> dict[str, str]:
        sql = "SELECT key, id FROM links WHERE key IN (SELECT value FROM json_each(?))"
        return dict(self._prepared().execute(sql, (json.dumps(keys),)).fetchall())

    def _prepared(self) -> sqlite3.Connection:
        """The names of the catalog, written down at the first use."""
        if self._names is not None:
            return self._names
        self._names = db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        db.execute(_SCHEMA)
        lengths: set[int] = set()

        def keys() -> Iterator[tuple[str, str]]:
            for id, sku, gtin in self._truth.rows("SELECT product_id, sku, gtin FROM variants"):
                yield from ((f"sku:{sku}", id),) if sku else ()
                yield from ((f"gtin:{gtin}", id),) if gtin else ()
            for id, title, url in self._truth.rows("SELECT id, doc ->> 'title', doc ->> 'url' FROM products"):
                if url:
                    yield f"url:{_address(url)}", id
                words = _words(title or "")
                if words:
                    yield f"title:{' '.join(words)}", id
                if _is_telling(title or "", words):
                    lengths.add(len(words))
                    self._openings.add(hash((words[0], words[1])))

        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO links VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET id = '' WHERE id <> excluded.id",
            keys(),
        )
        db.execute("COMMIT")
        self._lengths = sorted(lengths, reverse=True)
        return db

    # ---- mentions

    def _mentioned(self, texts: Iterable[str]) -> tuple[str, ...]:
        """The products that texts name, each once."""
        self._prepared()
        found: dict[str, None] = {}
        for text in texts:
            short = text[:_TEXT_LIMIT]
            tokens = {token for token in _TOKEN.findall(short) if _is_code(token)}
            keys = [key for token in tokens for key in (f"sku:{token}", f"gtin:{token}")]
            keys += [f"url:{_address(url)}" for url in _URL.findall(short)]
            if keys:
                found |= dict.fromkeys(id for id in self._looked_up(keys).values() if id)
                found |= dict.fromkeys(sorted(self._known(tokens)))
            found |= dict.fromkeys(self._titles_in(short))
        return tuple(found)

    def _titles_in(self, text: str) -> Iterator[str]:
        """Products whose whole titles stand in a text; a longer title hides a shorter one within it."""
        words = _words(text) if self._openings else []
        place = 0
        while place + 1 < len(words):
            if hash((words[place], words[place + 1])) in self._openings:
                sizes = [size for size in self._lengths if place + size <= len(words)]
                keys = {f"title:{' '.join(words[place : place + size])}": size for size in sizes}
                known = self._looked_up(list(keys))
                longest = next((key for key in keys if key in known), None)
                if longest is not None:
                    if known[longest]:
                        yield known[longest]
                    place += keys[longest]
                    continue
            place += 1


def _only(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else ""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _is_telling(title: str, words: Sequence[str]) -> bool:
    """Whether nobody writes such words without meaning the product."""
    return len(words) >= _WORDS and (sum(map(len, words)) >= _LETTERS or len(HAN.findall(title)) >= _CHARACTERS)


def _is_code(token: str) -> bool:
    return not token.isdigit() or len(token) >= _PLAIN_DIGITS


def _address(url: str) -> str:
    """A web address without what does not tell pages apart."""
    return _SCHEME.sub("", url.strip()).partition("#")[0].rstrip("/.,;)")
