"""Personal data inside texts, in Chinese and English: found, counted, redacted.

Precision comes first: what could as well be an article number, an order number, a price or a GTIN is left alone unless
the text announces it (``电话：``, ``passport no.``) or a check digit proves it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from goodsense.text.personal.addresses import addresses
from goodsense.text.personal.identifiers import identifiers
from goodsense.text.personal.online import online
from goodsense.text.personal.phones import phones
from goodsense.text.personal.spans import KINDS, Personal, PersonalKind, narrowed

__all__ = ["KINDS", "Personal", "PersonalKind", "find_personal", "personal_counts", "redact"]

_DETECTORS: tuple[Callable[[str], Iterator[Personal]], ...] = (identifiers, online, phones, addresses)
_WORTH_A_LOOK = re.compile(
    r"\d|[@＠]|\(at\)|[微薇威]信|[wｗ]e-?chat|weixin|[〇零一二三四五六七八九幺壹-玖]{7}", re.IGNORECASE
)
_REMEMBERED = 2_000  # characters of a text that is worth remembering
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS).upper()})\]")


def find_personal(text: str) -> list[Personal]:
    """Where a text holds personal data, from left to right, without overlaps.

    Service numbers of companies (400, 800, 95xxx) and addresses of private networks are no one's and stay.
    """
    return list(_remembered(text) if len(text) <= _REMEMBERED else _found(text))


def _found(text: str) -> tuple[Personal, ...]:
    if not _WORTH_A_LOOK.search(text):
        return ()
    plain = narrowed(text)
    taken = _Taken(found.span() for found in _PLACEHOLDER.finditer(plain))
    every = (found for detector in _DETECTORS for found in detector(plain))
    best = sorted(every, key=lambda found: (-found.confidence, found.start - found.end, found.start))
    return tuple(sorted((found for found in best if taken.add(found.start, found.end)), key=lambda found: found.start))


_remembered = lru_cache(maxsize=4_096)(_found)  # texts are looked at, then redacted


class _Taken:
    """Stretches of a text that do not overlap."""

    def __init__(self, stretches: Iterable[tuple[int, int]]) -> None:
        self._sorted = sorted(stretches)

    def add(self, start: int, end: int) -> bool:
        """Take a stretch, if all of it is free."""
        place = bisect_left(self._sorted, (start, end))
        free = (place == 0 or self._sorted[place - 1][1] <= start) and (
            place == len(self._sorted) or end <= self._sorted[place][0]
        )
        if free:
            self._sorted.insert(place, (start, end))
        return free


def redact(text: str) -> str:
    """The text with ``[PHONE]``, ``[MAIL]`` ... in place of personal data; redacting again changes nothing.

    >>> redact("快递放门卫，电话138 0013 8000")
    '快递放门卫，电话[PHONE]'
    """
    while spans := find_personal(text):  # what stood beside it may show only now
        pieces, at = [], 0
        for found in spans:
            pieces += [text[at : found.start], f"[{found.kind.upper()}]"]
            at = found.end
        text = "".join((*pieces, text[at:]))
    return text


def personal_counts(texts: Iterable[str]) -> Counter[PersonalKind]:
    """How often each kind of personal data is met in texts."""
    return Counter(found.kind for text in texts for found in find_personal(text))
