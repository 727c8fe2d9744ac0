"""Validation queries that nobody had to judge, made so that words alone do not suffice.

A pseudo-query takes something from a product of the validation split (a phrase of its description, some of its
attributes, its name with a typo, a synonym or the other language's word, one of its photos) and asks for the product
and its duplicates. While it is scored, what it took is removed from what these products say, so that finding them
takes more than copying.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from goodsense.text.synonyms import other_words
from goodsense.types import TextFields

SILENT = ("category", "attributes", "brand")  # fields that hold a product's facts
PER_KIND = 300  # fewer leave the gate in doubt about a good encoder
_CLAUSE = re.compile(r"[^。！？；，、,.!?;:：\n|()（）\[\]]+")
_WORD = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")
_HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class PseudoQuery:
    """A query, the rows that answer it, and what those rows say while it is scored.

    ``photo`` is (row, which of its photos); ``masked`` maps a relevant row to its remaining text.
    """

    id: str
    kind: str
    relevant: tuple[int, ...]
    text: str = ""
    photo: tuple[int, int] | None = None
    masked: Mapping[int, TextFields] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """What pseudo-queries are made from; one entry per product, ``groups`` of equal value are duplicates."""

    texts: Sequence[TextFields]
    groups: Sequence[str]
    splits: Sequence[str]
    photos: Sequence[int]  # how many vectors of photos each product has
    shown: Sequence[bool] = ()  # which can be found by words though they have none; none if empty


def pseudo_queries(catalog: Catalog, *, seed: int, per_kind: int = PER_KIND) -> list[PseudoQuery]:
    """Up to ``per_kind`` queries of every kind from validation products; the same for the same seed."""
    rng = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for row, group in enumerate(catalog.groups):
        if catalog.splits[row] != "test":
            members.setdefault(group, []).append(row)
    rows = [row for row, split in enumerate(catalog.splits) if split == "val"]
    found: list[PseudoQuery] = []
    for make in _MAKERS.values():
        queries: list[PseudoQuery] = []
        for row in rng.permutation(rows).tolist():
            query = make(catalog, row, members[catalog.groups[row]], rng)
            if query is not None:
                queries.append(query)
            if len(queries) == per_kind:
                break
        found += queries
    return found + _wordless(catalog, rng.permutation(rows).tolist(), members, rng, len(found), per_kind)


Maker = Callable[[Catalog, int, "list[int]", np.random.Generator], "PseudoQuery | None"]


def _phrase(catalog: Catalog, row: int, relevant: list[int], rng: np.random.Generator) -> PseudoQuery | None:
    """A clause of the description (of the title, when that is all there is)."""
    fields = catalog.texts[row]
    source = fields.get("description") or fields.get("bullets") or fields.get("title", "")
    clauses = [clause for clause in (c.strip() for c in _CLAUSE.findall(source)) if _length(clause) >= 3]
    if not clauses:
        return None
    phrase = _window(clauses[rng.integers(len(clauses))], rng)
    if len(fields) == 1 and _length(source) - _length(phrase) < 2:
        return None
    masked = {r: _without(catalog.texts[r], phrase) for r in relevant}
    return PseudoQuery(f"phrase-{row}", "phrase", tuple(relevant), phrase, masked=masked)


def _facts(catalog: Catalog, row: int, relevant: list[int], rng: np.random.Generator) -> PseudoQuery | None:
    """Brand, category and attribute words together; the fields that hold them fall silent."""
    fields = catalog.texts[row]
    words = fact_words(fields)
    if len(words) < 2 or "title" not in fields:
        return None
    picked = sorted(rng.choice(len(words), size=min(len(words), 3), replace=False).tolist())
    masked = {r: {n: t for n, t in catalog.texts[r].items() if n not in SILENT} for r in relevant}
    return PseudoQuery(f"facts-{row}", "facts", tuple(relevant), " ".join(words[i] for i in picked), masked=masked)


def fact_words(fields: TextFields) -> list[str]:
    """Different words of the category, the attributes and the brand."""
    return list(dict.fromkeys(word for name in SILENT for word in _words(fields.get(name, ""))))


def _typo(catalog: Catalog, row: int, relevant: list[int], rng: np.random.Generator) -> PseudoQuery | None:
    """Two or three words of the title, the longest of them mistyped."""
    words = _words(catalog.texts[row].get("title", ""))
    if not words:
        return None
    start = int(rng.integers(max(1, len(words) - 2)))
    picked = words[start : start + 3]
    longest = max(range(len(picked)), key=lambda i: len(picked[i]))
    if len(picked[longest]) < 4:
        return None
    picked[longest] = _mistyped(picked[longest], rng)
    return PseudoQuery(f"typo-{row}", "typo", tuple(relevant), " ".join(picked))


def _synonym(catalog: Catalog, row: int, relevant: list[int], rng: np.random.Generator) -> PseudoQuery | None:
    """Words of the title, one of them in other words: a synonym or the other language."""
    title = catalog.texts[row].get("title", "")
    options = other_words(title)
    if not options:
        return None
    words, others = options[int(rng.integers(len(options)))]
    other = others[int(rng.integers(len(others)))]
    kept = [word for word in _words(title) if word.lower() != words.lower() and not _HAN.search(word)][:1]
    return PseudoQuery(f"synonym-{row}", "synonym", tuple(relevant), " ".join([*kept, other]))


def _photo(catalog: Catalog, row: int, relevant: list[int], rng: np.random.Generator) -> PseudoQuery | None:
    """One of several photos; the product keeps the others."""
    count = catalog.photos[row]
    if count < 2:
        return None
    return PseudoQuery(f"photo-{row}", "photo", tuple(relevant), photo=(row, int(rng.integers(count))))


def _photo_and_words(catalog: Catalog, row: int, relevant: list[int], rng: np.random.Generator) -> PseudoQuery | None:
    photo, facts = _photo(catalog, row, relevant, rng), _facts(catalog, row, relevant, rng)
    if photo is None or facts is None:
        return None
    return PseudoQuery(f"both-{row}", "both", tuple(relevant), facts.text, photo=photo.photo, masked=facts.masked)


def _wordless(
    catalog: Catalog,
    rows: Sequence[int],
    members: Mapping[str, list[int]],
    rng: np.random.Generator,
    others: int,
    most: int,
) -> list[PseudoQuery]:
    """Words of the title of products that then have no text at all, only what they show.

    Their share of the queries is that of such products in the catalog, so a shop without any gets none.
    """
    if not catalog.shown:
        return []
    mute = sum(shown and not text for shown, text in zip(catalog.shown, catalog.texts, strict=True))
    wanted = min(most, round(others * mute / max(len(catalog.texts) - mute, 1)))
    found: list[PseudoQuery] = []
    for row in rows:
        words = _words(catalog.texts[row].get("title", ""))
        if len(found) < wanted and catalog.shown[row] and words:
            start = int(rng.integers(max(1, len(words) - 2)))
            group = members[catalog.groups[row]]
            relevant = tuple(other for other in group if catalog.shown[other])
            asked, masked = " ".join(words[start : start + 3]), {other: dict[str, str]() for other in group}
            found.append(PseudoQuery(f"wordless-{row}", "wordless", relevant, asked, masked=masked))
    return found


_MAKERS: dict[str, Maker] = {
    "phrase": _phrase,
    "facts": _facts,
    "typo": _typo,
    "synonym": _synonym,
    "photo": _photo,
    "both": _photo_and_words,
}


def _words(text: str) -> list[str]:
    return [word for run in _WORD.findall(text) for word in _unglued(run)]


def _unglued(run: str) -> Iterator[str]:
    """A run of Chinese becomes pieces of at most four characters; Latin words stay."""
    if not _HAN.search(run):
        yield run
    else:
        yield from (run[i : i + 4] for i in range(0, len(run), 4))


def _length(text: str) -> float:
    """Words, two Chinese characters counting as one."""
    return len(_HAN.findall(text)) / 2 + len(_WORD.findall(_HAN.sub(" ", text)))


def _window(clause: str, rng: np.random.Generator) -> str:
    """At most six words, or ten Chinese characters, of a clause."""
    if _HAN.search(clause):
        start = int(rng.integers(max(1, len(clause) - 9)))
        return clause[start : start + 10].strip()
    words = clause.split()
    start = int(rng.integers(max(1, len(words) - 5)))
    return " ".join(words[start : start + 6])


def _without(fields: TextFields, phrase: str) -> dict[str, str]:
    pattern = re.compile(re.escape(phrase), re.IGNORECASE)
    return {name: pattern.sub(" ", text) for name, text in fields.items()}


def _mistyped(word: str, rng: np.random.Generator) -> str:
    """Two neighbours swapped or one letter lost, never the first."""
    at = int(rng.integers(1, len(word) - 1))
    if rng.random() < 0.5:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :]
