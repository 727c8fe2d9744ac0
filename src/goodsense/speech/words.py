"""What of a catalog's text can be spoken: words as they are written, and how numbers among them are said."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[a-z0-9]+(?:[.'-][a-z0-9]+)*")
_FOREIGN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff]")
_RUN = re.compile(r"[a-z]+|[0-9]+")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def written_words(phrase: str) -> list[str]:
    """The words of an English phrase in lower case, without accents; a phrase in Chinese characters has none."""
    if _FOREIGN.search(phrase):
        return []
    plain = phrase.replace("’", "'").replace("&", " and ").replace("+", " plus ")
    letters = (letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))
    return _WORD.findall("".join(letters).lower())


def pieces(word: str) -> list[str]:
    """A written word cut into runs of letters and runs of digits: ``rx100`` to ``rx``, ``100``."""
    return _RUN.findall(word)


def said_number(digits: str) -> list[tuple[str, ...]]:
    """The ways to say a run of digits, likeliest first: ``2160`` is twenty-one sixty, or two thousand and so on."""
    if len(digits) > 4 or (digits[0] == "0" and len(digits) > 1):
        return [tuple(_ONES[int(digit)] for digit in digits)]
    number = int(digits)
    ways = [_whole(number)]
    if len(digits) == 4 and number % 1000:
        ways.insert(0, _pair(digits))
    if len(digits) >= 2:
        ways.append(tuple(_ONES[int(digit)] for digit in digits))
    return list(dict.fromkeys(ways))


def _whole(number: int) -> tuple[str, ...]:
    if number < 20:
        return (_ONES[number],)
    if number < 100:
        return (_TENS[number // 10 - 2], *(_whole(number % 10) if number % 10 else ()))
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            return (*_whole(number // size), name, *(_whole(number % size) if number % size else ()))
    raise AssertionError(number)


def _pair(digits: str) -> tuple[str, ...]:
    """Four digits as two numbers, as years are said."""
    first, second = int(digits[:2]), int(digits[2:])
    if second == 0:
        return (*_whole(first), "hundred")
    return (*_whole(first), *(("oh",) if second < 10 else ()), *_whole(second))
