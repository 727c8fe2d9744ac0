"""Brands, categories and attribute values that are written in several ways."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from goodsense.quality.census import Census
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding
from goodsense.text.script import to_script

_BETWEEN = re.compile(r"[\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LONG = 60  # characters; longer values are sentences, not names
_MOST_VALUES = 20_000  # different ones; with more they are no vocabulary
_NAMES = 100  # different values that any attribute may have and still be a vocabulary
_SLIPS = 2  # so often a typo may occur; a word that comes more often is meant
_OFTENER = 5  # times as often as the typo the right spelling occurs


def spelling_variants(counts: Mapping[str, int]) -> dict[str, str]:
    """Which values are other spellings of which: differing in case, width, spaces, punctuation, plural, script, typo.

    Parameters
    ----------
    counts
        How often each spelling occurs.

    Returns
    -------
    dict
        The rarer spelling to the one that most use.
    """
    clusters: defaultdict[str, list[str]] = defaultdict(list)
    for value in counts:
        if value and len(value) <= _LONG and (key := _key(value)):
            clusters[key].append(value)
    best = {key: max(values, key=lambda value: (counts[value], _tidiness(value))) for key, values in clusters.items()}
    found = {value: best[key] for key, values in clusters.items() for value in values if value != best[key]}
    totals = {key: sum(counts[value] for value in values) for key, values in clusters.items()}
    for key, right in _typos(totals).items():
        for value in clusters[key]:
            found[value] = best[right]
    return found


def _key(value: str) -> str:
    """What spellings of one name have in common."""
    text = unicodedata.normalize("NFKD", value.casefold())
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = text.replace(" & ", " and ").replace("&", " and ")
    if _HAN.search(text):
        text = _simplified(text)
    text = _BETWEEN.sub("", text)
    return _singular(text) if text.isascii() else unicodedata.normalize("NFKC", text)


@lru_cache(maxsize=4096)
def _simplified(text: str) -> str:
    return to_script(text, "zh-hans")


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith(("shes", "ches", "xes", "sses")):
        return word[:-2]
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 5 else word[:-1]


def _tidiness(value: str) -> tuple[bool, bool, str]:
    """Of two spellings equally frequent, the one in usual case without stray spaces is meant."""
    return value == " ".join(value.split()), value[:1].isupper() and not value.isupper(), value


# ---- typos


def _typos(totals: Mapping[str, int]) -> dict[str, str]:
    """Rare keys that are one slip (two in long ones) away from a frequent key."""
    if len(totals) > _MOST_VALUES:
        return {}
    long = {key: count for key, count in totals.items() if len(key) >= (4 if _HAN.search(key) else 5)}
    near: defaultdict[str, list[str]] = defaultdict(list)
    for key, count in long.items():
        if count >= _OFTENER:
            for piece in _deletions(key):
                near[piece].append(key)
    found = {}
    for key, count in long.items():
        if count > _SLIPS:
            continue
        others = {other for piece in _deletions(key) for other in near.get(piece, ())}
        fitting = [
            other for other in others if other != key and long[other] >= _OFTENER * count and is_slip(key, other)
        ]
        if fitting:
            found[key] = max(fitting, key=lambda other: (long[other], other))
    return found


def _deletions(key: str) -> set[str]:
    """The key without any one character (any two of a long one), by which keys within that distance meet."""
    once = {key, *(key[:at] + key[at + 1 :] for at in range(len(key)))}
    if len(key) < 9:
        return once
    return once | {piece[:at] + piece[at + 1 :] for piece in once for at in range(len(piece))}


def is_slip(one: str, other: str) -> bool:
    """Whether two words differ by a typing slip: no digit, one edit, or two in words of nine letters and more."""
    if re.sub(r"\D", "", one) != re.sub(r"\D", "", other):
        return False
    allowed = 2 if min(len(one), len(other)) >= 9 else 1
    return abs(len(one) - len(other)) <= allowed and edit_distance(one, other) <= allowed


def edit_distance(one: str, other: str) -> int:
    """Insertions, deletions, changes and swaps of neighbours between two words (Damerau, 1964; restricted)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


# ---- detectors


def spelled_brands(evidence: Evidence) -> list[Finding]:
    """Brands in several spellings."""
    census = evidence.census
    brands = {brand: len(rows) for brand, rows in census.by_brand.items()}
    cases = [
        Case(census.ids[row], "brand", found=brand, expected=right, group=right)
        for brand, right in spelling_variants(brands).items()
        for row in census.by_brand[brand]
    ]
    return finding("brand_spelling", cases, {"spellings": _pairs(cases)})


def spelled_categories(evidence: Evidence) -> list[Finding]:
    """Levels of category paths in several spellings, below the same parent."""
    census = evidence.census
    levels: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for path, rows in census.by_category.items():
        for depth, level in enumerate(path):
            levels[tuple(map(_key, path[:depth]))][level] += len(rows)
    wrong = {parent: spelling_variants(counts) for parent, counts in levels.items()}
    cases = []
    for path, rows in census.by_category.items():
        for depth, level in enumerate(path):
            if right := wrong[tuple(map(_key, path[:depth]))].get(level):
                cases += [Case(census.ids[row], "category", level, right, group=right) for row in rows]
    return finding("category_spelling", cases, {"spellings": _pairs(cases)})


def spelled_attributes(evidence: Evidence) -> list[Finding]:
    """Values of attributes in several spellings; attributes whose values hardly repeat are left out."""
    census = evidence.census
    cases: list[Case] = []
    for name, values in _vocabularies(census):
        wrong = spelling_variants(Counter(value for _, value in values))
        for row, value in values:
            if value in wrong:
                cases.append(Case(census.ids[row], f"attribute.{name}", value, wrong[value], group=wrong[value]))
    return finding("attribute_spelling", cases, {"spellings": _pairs(cases)})


def _vocabularies(census: Census) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    for name, column in census.attributes.items():
        values = [(row, value) for row, value in column if isinstance(value, str) and len(value) <= _LONG]
        if values and len({value for _, value in values}) <= max(_NAMES, len(values) / 3):
            yield name, values


def _pairs(cases: Iterable[Case]) -> dict[str, str]:
    """The most frequent changes."""
    counts = Counter((str(case.found), str(case.expected)) for case in cases)
    return {found: expected for (found, expected), _ in counts.most_common(50)}
