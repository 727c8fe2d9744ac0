"""Pinyin: how Chinese is read, so that ``hongse huoche``, ``hongsehuoche`` and ``hshc`` find 红色火车.

Words are cut as the tokenizer cuts them and read as words, so that 重庆 is ``chongqing`` and 重量 is ``zhongliang``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from goodsense.text.chinese import Segmenter, shared_tokenizer
from goodsense.text.clean import clean

_RUN = re.compile("[\u4e00-\u9fff]+")
_LETTERS = re.compile("[a-z]+")
_LONGEST = 48  # letters that are tried as syllables
_COMMON = 4_000  # characters that typing mistakes are made of
_INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s y w".split()
_FINALS = (
    "a o e ai ei ao ou an en ang eng ong i ia ie iao iu ian in iang ing iong u ua uo uai ui uan un uang ue ve v"
    " er".split()
)


def to_pinyin(text: str, *, tones: bool = False, separator: str = " ") -> str:
    """Write Chinese characters as pinyin, ``separator`` between syllables; all else stays as it is.

    >>> to_pinyin("红色火车 500ml"), to_pinyin("重庆", tones=True), to_pinyin("火车", separator="")
    ('hong se huo che 500ml', 'chóng qìng', 'huoche')
    """

    def read(match: re.Match[str]) -> str:
        return separator.join(syllable for word in _words(match.group()) for syllable in _read(word, tones))

    parts, start = [], 0
    for match in _RUN.finditer(text):
        before = text[start : match.start()]
        parts += [before, " " if before[-1:].isalnum() else "", read(match)]
        start = match.end()
        parts.append(" " if text[start : start + 1].isalnum() else "")
    return "".join([*parts, text[start:]])


def initials(text: str) -> str:
    """The first letters of the syllables of Chinese characters, as one types them: 红色火车 is ``hshc``.

    Everything that is not Chinese is left out.
    """
    words = [word for run in _RUN.findall(text) for word in _words(run)]
    return "".join(syllable[0] for word in words for syllable in _read(word, False))


def syllables(letters: str) -> list[str]:
    """Cut pinyin without spaces into syllables, or give nothing where that does not come out even.

    Of several ways, the one of fewest syllables; then the one that begins with the longer.

    >>> syllables("hongsehuoche"), syllables("thermos")
    (['hong', 'se', 'huo', 'che'], [])
    """
    letters = letters.lower()
    if len(letters) > _LONGEST:
        return []
    known = _syllables()
    best: list[list[str] | None] = [None] * len(letters) + [[]]
    for start in range(len(letters) - 1, -1, -1):
        for end in range(min(len(letters), start + 6), start, -1):
            rest = best[end]
            if rest is not None and letters[start:end] in known:
                found = best[start]
                if found is None or len(rest) + 1 < len(found):
                    best[start] = [letters[start:end], *rest]
    return best[0] or []


def pinyin_tokens(text: str, *, with_initials: bool = False) -> list[str]:
    """Tokens in which a Chinese text and its pinyin meet, for products and queries alike.

    A Chinese word gives its pinyin in one (红色火车: ``hongse huoche``), a pair of neighbours theirs together
    (``hongsehuoche``). Latin letters that are pinyin of two syllables and more give each two neighbours and the whole.

    Parameters
    ----------
    text
        Cleaned before it is read.
    with_initials
        Whether first letters of runs of Chinese characters are tokens as well: ``hshc``.
    """
    found: dict[str, None] = {}
    for run in _RUN.findall(text := clean(text)):
        read = ["".join(_read(word, False)) for word in _words(run)]
        found |= dict.fromkeys(read) | dict.fromkeys(a + b for a, b in pairwise(read))
        if with_initials and len(run) > 1:
            found |= {initials(run): None}
    for word in _LETTERS.findall(text.lower()):
        found |= dict.fromkeys([word])
        cut = syllables(word)
        if len(cut) > 1:
            found |= dict.fromkeys(a + b for a, b in pairwise(cut))
    return list(found)


@cache
def homophones() -> Mapping[str, str]:
    """Character -> common characters that are read alike, tones aside; for typing mistakes.

    The characters are those that stand alone most often in the dictionary of Chinese words.
    """
    from pypinyin.pinyin_dict import pinyin_dict

    frequencies = shared_tokenizer().FREQ
    single = sorted((word for word in frequencies if len(word) == 1 and _RUN.fullmatch(word)), key=_by_use(frequencies))
    groups: dict[str, list[str]] = {}
    for char in single[:_COMMON]:
        if ord(char) in pinyin_dict:
            groups.setdefault(_read(char, False)[0], []).append(char)
    return {char: "".join(c for c in group if c != char) for group in groups.values() for char in group}


def _by_use(frequencies: Mapping[str, int]) -> Callable[[str], tuple[int, str]]:
    return lambda word: (-(frequencies[word] or 0), word)


@lru_cache(maxsize=1)
def _segmenter() -> Segmenter:
    return Segmenter()


def _words(run: str) -> list[str]:
    return _segmenter().words(run)


@lru_cache(maxsize=50_000)
def _read(word: str, tones: bool) -> Sequence[str]:
    from pypinyin import Style, lazy_pinyin

    found: list[str] = lazy_pinyin([word], style=Style.TONE if tones else Style.NORMAL, v_to_u=tones, errors="ignore")
    return found or [word]


@cache
def _syllables() -> frozenset[str]:
    """Every syllable that some common character has."""
    from pypinyin import Style, pinyin

    frequencies = shared_tokenizer().FREQ
    chars = [word for word in frequencies if len(word) == 1 and _RUN.fullmatch(word)]
    read = pinyin(chars, style=Style.NORMAL, heteronym=True, errors="ignore")
    shaped = re.compile(f"(?:{'|'.join(_INITIALS)})?(?:{'|'.join(_FINALS)})")
    return frozenset(one for options in read for one in options if one.isascii() and shaped.fullmatch(one))
