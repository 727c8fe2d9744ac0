"""Titles that shout, are stuffed with keywords, or run on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding

LONGEST = 150  # letters; Chinese characters count as two
_READ = 1_000  # characters of a title that are looked at
_WORDS = re.compile(r"[^\W_]+")
_WIDE = re.compile(r"[\u1100-\u115f\u2e80-\uffef\U00020000-\U0003ffff]")
_EXCLAMATION = re.compile(r"[!！]")
_EMOJI = re.compile(r"[\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff]")
_SEPARATORS = re.compile(r"[,，、;；|/]")
_HAN_RUN = re.compile(r"[\u4e00-\u9fff]{2,}")
_SMALL = frozenset("a an and as at by de for from in of on or the to with x".split())

_EXCLAMATIONS = 3
_LOUD_LETTERS = 12  # of words without digits; fewer may be a model or a brand
_LOUD = 0.8  # of the letters are capitals
_LISTED = 6  # parts between commas
_EMOJIS = 4
_AGAIN = 3  # times the same word


def odd_titles(evidence: Evidence) -> list[Finding]:
    """Titles that shout, are stuffed, or are too long."""
    census = evidence.census
    found: list[Finding] = []
    judges: dict[str, Callable[[str], str]] = {"shouting_title": shouts, "stuffed_title": stuffed}
    for kind, judge in judges.items():
        reasons = [(row, judge(title[:_READ])) for row, title in enumerate(census.titles) if title]
        cases = [Case(census.ids[row], "title", census.titles[row][:_READ], group=why) for row, why in reasons if why]
        found += finding(kind, cases, {"reasons": dict(Counter(case.group for case in cases))})
    long = [
        Case(census.ids[row], "title", census.titles[row][:_READ], score=float(length))
        for row, length in enumerate(census.title_lengths)
        if length > LONGEST / 2 and max(length, width(census.titles[row])) > LONGEST
    ]
    return [*found, *finding("long_title", long, {"longest": LONGEST})]


def shouts(title: str) -> str:
    """How a title shouts: "capitals", "exclamation marks", or not at all."""
    if len(_EXCLAMATION.findall(title)) >= _EXCLAMATIONS:
        return "exclamation marks"
    loud = [word for word in _WORDS.findall(title) if word.isalpha() and len(word) > 2 and word.isupper()]
    if sum(map(len, loud)) < _LOUD_LETTERS:
        return ""
    cased = [char for char in title if char.lower() != char.upper()]
    return "capitals" if sum(char.isupper() for char in cased) >= _LOUD * len(cased) else ""


def stuffed(title: str) -> str:
    """How a title is stuffed: "emoji", "list", "repeated words", or not at all."""
    if len(_EMOJI.findall(title)) >= _EMOJIS:
        return "emoji"
    parts = [part for part in _SEPARATORS.split(title) if part.strip()]
    if len(parts) >= _LISTED and not any(char.isdigit() for part in parts[1:-1] for char in part):
        return "list"
    return "repeated words" if _repeats(title) else ""


def _repeats(title: str) -> bool:
    words = [word for word in _WORDS.findall(title.casefold()) if word not in _SMALL and not word.isdigit()]
    counts = Counter(word for word in words if len(word) > 1)
    if counts and counts.most_common(1)[0][1] >= _AGAIN:
        return True
    twice = sum(count > 1 for count in counts.values())
    if twice >= _AGAIN and 2 * twice >= len(counts):
        return True
    pairs: Counter[str] = Counter()
    for run in _HAN_RUN.findall(title):
        pairs.update(run[at : at + 2] for at in range(len(run) - 1))
    return bool(pairs) and pairs.most_common(1)[0][1] > _AGAIN


def width(title: str) -> int:
    """How wide a title is in letters; a Chinese character takes two."""
    return len(title) + len(_WIDE.findall(title))
