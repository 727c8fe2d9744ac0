"""The one tokenizer: what is indexed and what is asked go through the same rules.

A text is cleaned, case-folded and freed of accents; one regular expression then cuts it into pieces (a run of Han
characters, a measure, a word with its hyphens, a code), and each piece becomes tokens by rules that are looked up in a
cache, because the words of a catalog repeat.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from goodsense.errors import DataError, UsageError
from goodsense.text.chinese import Segmenter
from goodsense.text.clean import clean
from goodsense.text.stopwords import EVERY_STOP_WORD
from goodsense.text.words import AMPERSAND, COMPOUND, MEASURE, THOUSANDS, word_tokens

_VERSION = 1  # raise it whenever a rule changes: vectors and postings of two versions never meet
_CACHE_SIZE = 200_000  # pieces; then it starts anew
_LONGEST_ENTRY = 64  # characters of a dictionary's word
_CACHED_LENGTH = 48  # characters; longer pieces hardly come twice

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u31f0-\u31ff"
_MARKED = (  # scripts whose vowel signs are no letters to a regular expression
    "\u0591-\u05bd\u05bf\u05c1-\u05f4\u0610-\u061a\u0620-\u0669\u066e-\u06d3\u06d5-\u06ff\u0750-\u077f"
    "\u0900-\u0963\u0966-\u0dff"
)
_LETTER = rf"[^\W_{_HAN}{_UNSPACED}{_MARKED}]"
_WORD = rf"{_LETTER}+(?:[-'./_&+]{_LETTER}+)*"
_WRITTEN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:[-'’./&+][^\W_{_HAN}]+)*")
_IS_HAN = re.compile(f"[{_HAN}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]+")

# Words of Chinese shops that mix scripts; the shop's dictionary adds its own.
MIXED_WORDS = tuple(
    "t恤 t恤衫 u盘 u型枕 v领 o领 a字裙 k歌 b超 x光 卡拉ok 维生素a 维生素b 维生素c 维生素d 维生素e 3c数码 5g手机 4g手机"
    " a4纸 usb线 led灯 pu皮 pvc管 cd机 dvd机 diy手工 qq糖 bb霜 cc霜 ok绷 n95口罩".split()
)


class Tokenizer:
    """Turns a text into the tokens by which it is indexed and found.

    Parameters
    ----------
    dictionary
        The shop's own words: brands, series, materials. Chinese ones are never cut apart; those of several words or
        mixed scripts (``air max``, ``T恤``) become one token (``air_max``) beside the tokens of their parts; single
        Latin words are never taken for stop words.
    stem
        Whether English words are reduced to their Snowball stem (``shoes`` to ``shoe``).
    stop_words
        Whether the words of :data:`goodsense.text.STOP_WORDS` are left out, unless nothing else is there.

    Raises
    ------
    UsageError
        If the dictionary is not a sequence of strings, or an entry is longer than 64 characters.
    """

    def __init__(self, *, dictionary: Sequence[str] = (), stem: bool = True, stop_words: bool = True) -> None:
        if isinstance(dictionary, str) or not all(isinstance(word, str) for word in dictionary):
            raise UsageError(
                f"dictionary is {dictionary!r:.80}; expected a sequence of words.", fix="Pass a list of strings."
            )
        if too_long := next((word for word in dictionary if len(word) > _LONGEST_ENTRY), None):
            raise UsageError(
                f"dictionary entry {too_long!r:.80} has {len(too_long)} characters; expected at most {_LONGEST_ENTRY}."
            )
        words = sorted({word for word in (fold(clean(entry)) for entry in dictionary) if word})
        self._dictionary = tuple(words)
        self._stem = bool(stem)
        self._stop_words = bool(stop_words)
        single = {word for word in words if re.fullmatch(f"{_LETTER}+", word)}
        chinese = [word for word in words if _IS_HAN.fullmatch(word)]
        phrases = (set(words) - single - set(chinese)) | set(MIXED_WORDS)
        self._phrases = frozenset(phrase for phrase in phrases if re.search(r"[^\W_]", phrase))
        self._stop = EVERY_STOP_WORD - single - set(chinese)
        self._segmenter = Segmenter(chinese)
        self._pieces = re.compile(_pattern(self._phrases))
        self._parts = re.compile(_pattern(()))
        self._cache: dict[str, tuple[str, ...]] = {}

    def tokens(self, text: str) -> list[str]:
        """Return the tokens in the order of the text; the same text always gives the same tokens.

        Wholes come before their parts (``wh1000xm4 wh 1000xm4``). Case, accents, full-width forms, HTML and the
        ways to write a unit make no difference. A text of stop words only keeps them.
        """
        pieces = self._pieces.findall(fold(clean(text)))
        cache = self._cache
        found: list[str] = []
        for piece in pieces:
            tokens = cache.get(piece)
            found += self._remember(piece) if tokens is None else tokens
        if not found and pieces and self._stop_words:
            return [token for piece in pieces for token in self._analyse(piece, frozenset())]
        return found

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the words of a text stand as it is written, from left to right: ``text[start:end]`` is a word.

        Runs of Han characters are cut into words; a word of other scripts keeps its hyphens and apostrophes.
        """
        found: list[tuple[int, int]] = []
        for match in _WRITTEN.finditer(text):
            start = match.start()
            pieces = self._segmenter.words(match.group()) if _IS_HAN.fullmatch(match.group()) else [match.group()]
            for piece in pieces:
                found.append((start, start + len(piece)))
                start += len(piece)
        return found

    def _remember(self, piece: str) -> tuple[str, ...]:
        tokens = tuple(self._analyse(piece, self._stop if self._stop_words else frozenset()))
        if len(piece) <= _CACHED_LENGTH:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache = {}
            self._cache[piece] = tokens
        return tokens

    def _analyse(self, piece: str, stop: frozenset[str]) -> Iterable[str]:
        if piece in self._phrases:
            return self._phrase_tokens(piece, stop)
        if piece.isascii():
            return word_tokens(piece, stop=stop, stem=self._stem)
        if _IS_HAN.fullmatch(piece):
            return (word for word in self._segmenter.search_words(piece) if word not in stop)
        if _IS_UNSPACED.fullmatch(piece):
            return _bigrams(piece)
        return word_tokens(piece, stop=stop, stem=self._stem)

    def _phrase_tokens(self, phrase: str, stop: frozenset[str]) -> Iterator[str]:
        """The phrase as one token, the phrases inside it, and the tokens of its parts."""
        inside = [part for part in _substrings(phrase) if part in self._phrases]
        # A letter left over from a mixed word (the T of T恤) is no word.
        pieces = [piece for piece in self._parts.findall(phrase) if len(piece) > 1 or phrase.isascii()]
        parts = [token for piece in pieces for token in self._analyse(piece, stop)]
        yield from dict.fromkeys([_joined(phrase), *map(_joined, inside), *parts])

    @property
    def fingerprint(self) -> str:
        """128 bits in hexadecimal: rules, settings, dictionary and the versions of the libraries beneath."""
        from importlib.metadata import version

        made_by = {
            "tokenizer": _VERSION,
            "unicode": unicodedata.unidata_version,
            "jieba": version("jieba"),
            "snowballstemmer": version("snowballstemmer") if self._stem else "",
            **self.to_json(),
        }
        text = json.dumps(made_by, ensure_ascii=False, sort_keys=True)
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The settings as a plain dictionary; :meth:`from_json` makes an equal tokenizer of it."""
        return {"dictionary": list(self._dictionary), "stem": self._stem, "stop_words": self._stop_words}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tokenizer:
        """The tokenizer that :meth:`to_json` wrote.

        Raises
        ------
        DataError
            If keys are missing or unknown, or a value is of the wrong type.
        """
        kinds = {"dictionary": list, "stem": bool, "stop_words": bool}
        if data.keys() != kinds.keys() or not all(isinstance(data[key], kind) for key, kind in kinds.items()):
            raise DataError(
                f"tokenizer settings are {dict(data)!r:.200}; expected dictionary (list), stem and stop_words (bool).",
                fix="Use what Tokenizer.to_json() returned.",
            )
        return cls(**data)


# --- folding --------------------------------------------------------------------------------------------------------

_ACCENTED = re.compile("[\u00c0-\u024f\u0250-\u02af\u0300-\u036f\u0370-\u03ff\u1e00-\u1fff]")
_QUOTES = str.maketrans("’‘ʼʻ′｀`", "'''''''")
_BASES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})


def fold(text: str) -> str:
    """Case-fold and drop accents of Latin and Greek letters; straighten apostrophes and closing quotation marks.

    ``Café`` and ``CAFE`` are one word to a shopper, й and и are two, so Cyrillic keeps its marks.
    """
    if text.isascii():
        return text.lower()
    text = text.casefold().translate(_QUOTES)
    if "”" in text and "“" not in text:  # a lone one means inches
        text = text.replace("”", '"')
    return _ACCENTED.sub(_base, text).translate(_BASES) if _ACCENTED.search(text) else text


def _base(match: re.Match[str]) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", match.group()) if not unicodedata.combining(char))


# --- patterns -------------------------------------------------------------------------------------------------------


def _pattern(phrases: Iterable[str]) -> str:
    """The expression whose matches are the pieces of a folded text; it has no groups."""
    phrase = _phrase_pattern(sorted(phrases))
    mixed = _phrase_pattern(sorted(word for word in phrases if _IS_HAN.match(word)))
    han = f"(?:(?!{mixed})[{_HAN}])+" if mixed else f"[{_HAN}]+"
    others = [
        han,
        COMPOUND,
        f"(?=[0-9.])(?:{MEASURE}|{THOUSANDS}(?![a-z]))",
        AMPERSAND,
        _WORD,
        f"[{_UNSPACED}]+",
        f"[{_MARKED}]+",
    ]
    return "|".join(([phrase] if phrase else []) + others)


def _phrase_pattern(phrases: Sequence[str]) -> str:
    """Any of the phrases, the longest first, at the borders of words; as a tree, so that thousands stay quick."""
    kinds: dict[tuple[bool, bool], list[str]] = {}
    for phrase in phrases:
        kinds.setdefault((_is_latin(phrase[0]), _is_latin(phrase[-1])), []).append(phrase)
    before, after = r"(?<![a-z0-9])", r"(?![a-z0-9])"
    return "|".join(
        f"{before if latin_start else ''}{_tree(words)}{after if latin_end else ''}"
        for (latin_start, latin_end), words in sorted(kinds.items())
    )


def _tree(words: Sequence[str]) -> str:
    branches: dict[str, list[str]] = {}
    for word in words:
        if word:
            branches.setdefault(word[0], []).append(word[1:])
    options = [re.escape(first) + _tree(rest) for first, rest in branches.items()]
    if "" in words:
        return f"(?:{'|'.join(options)})?" if options else ""
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _substrings(phrase: str) -> Iterator[str]:
    """Every shorter piece of a phrase that does not begin or end within a Latin word."""
    latin = [False, *map(_is_latin, phrase), False]
    borders = [at for at in range(len(phrase) + 1) if not (latin[at] and latin[at + 1])]
    pieces = (phrase[start:end] for start in borders for end in borders if start < end)
    return (piece for piece in pieces if piece != phrase)


def _joined(phrase: str) -> str:
    return re.sub(r"\s+", "_", phrase)


def _bigrams(run: str) -> Iterator[str]:
    """Overlapping pairs of characters, for scripts without spaces that have no dictionary here."""
    if len(run) == 1:
        yield run
    for start in range(len(run) - 1):
        yield run[start : start + 2]
