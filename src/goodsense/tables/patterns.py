"""Regular expressions of users, which cannot run without end: each match has a time limit, all together another."""

from __future__ import annotations

import re
from typing import Any

from goodsense.errors import DataError

_LONGEST = 2_000
_LARGEST = 10_000
_SECONDS = 0.25  # for one text
_ALL_SECONDS = 2.0  # for all texts that ran into the limit
_TEXT = 1 << 16
_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<open>\()|(?P<close>\))"
    r"|\{\s*(?P<low>\d*)\s*(?:,\s*(?P<high>\d*)\s*)?\}|.",
    re.DOTALL,
)


class PatternError(ValueError):
    """A regular expression cannot be used, or takes too long on a text."""


class SlowPattern(DataError):
    """A regular expression takes too long on text after text."""


class Pattern:
    """A regular expression that gives up on a text after a quarter of a second.

    Raises
    ------
    PatternError
        If it cannot be compiled, or repeats so often that compiling it would take the machine's memory.
    """

    def __init__(self, text: str) -> None:
        import regex

        if len(text) > _LONGEST:
            raise PatternError(f"the regular expression has {len(text)} characters, over {_LONGEST}")
        if _expanded(text) > _LARGEST:
            raise PatternError(f"its repeats, written out, make the regular expression longer than {_LARGEST}")
        try:
            self._compiled: Any = regex.compile(text)
        except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
            raise PatternError(f"the regular expression cannot be read: {error}") from error
        self.text = text
        self.names: tuple[str, ...] = tuple(self._compiled.groupindex)
        self._spent = 0.0

    def search(self, text: str) -> Any:
        """The first match in the first 65,536 characters of a text, or None.

        Raises
        ------
        PatternError
            If this text takes too long.
        SlowPattern
            If texts that took too long have cost two seconds by now.
        """
        try:
            return self._compiled.search(text, 0, _TEXT, timeout=_SECONDS)
        except (TimeoutError, MemoryError, RecursionError) as error:
            self._spent += _SECONDS
            if self._spent >= _ALL_SECONDS:
                raise SlowPattern(
                    f"the regular expression {self.text[:200]!r} takes too long on text after text.",
                    fix="Avoid repeats inside repeats, such as (a+)+, and begin it with ^.",
                ) from error
            raise PatternError(f"the regular expression takes over {_SECONDS} s on this text") from error


def _expanded(text: str) -> int:
    """About how long a pattern is once its counted repeats, such as {3,50}, are written out."""
    sums, last = [0], 0
    for token in _TOKEN.finditer(text):
        count = token["high"] or token["low"]
        if token["open"]:
            sums.append(0)
        elif token["close"] and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        elif count:
            times = int(count[:7])
            sums[-1] += last * times
            last *= times
        else:
            sums[-1] += 1
            last = 1
    return sum(sums)


def first_group(found: Any) -> str:
    """The first group of a match that took part, or all of it if there are no groups."""
    groups = found.groups()
    if not groups:
        return str(found.group())
    return next((group for group in groups if group is not None), "")
