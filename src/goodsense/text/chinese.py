"""Chinese words by jieba, held privately: no global dictionary, no log lines, no cache file.

jieba's own start-up writes a cache into the temporary directory, reads whatever lies there, and logs. None of that
happens here: the dictionary is read from the package itself, so equal versions give equal words on every machine.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import log
from threading import Lock
from typing import Any

_COMMON = re.compile("[\u4e00-\u9fd5]+")  # what jieba itself takes for Han; rarer characters stand alone there


class Segmenter:
    """Cuts runs of Han characters into words; loads jieba (about 1 s, once per process) at the first run.

    Parameters
    ----------
    words
        The shop's own words (Han characters only); they win over the dictionary's cut.
    """

    def __init__(self, words: Sequence[str] = ()) -> None:
        self._words = tuple(sorted(set(words), key=lambda word: (len(word), word)))
        self._lock = Lock()
        self._tokenizer: Any = None

    def words(self, run: str) -> list[str]:
        """Cut ``run`` by dictionary and hidden Markov model; the words joined are ``run`` again."""
        tokenizer = self._loaded()
        if _COMMON.fullmatch(run):
            return _cut(run, tokenizer.FREQ, tokenizer.total)
        return list(tokenizer.cut(run, HMM=True))

    def search_words(self, run: str) -> list[str]:
        """Cut ``run``, and after each word of three or more characters name the dictionary's words inside it.

        ``保温杯`` gives ``保温杯 保温``: a sub-word is emitted once for each place where it stands, so term frequencies
        count true occurrences, a document with the whole word scores above one with a part, and the rarer whole word
        keeps the higher weight in BM25.
        """
        known = self._loaded().FREQ
        found: list[str] = []
        for word in self.words(run):
            found.append(word)
            for size in (2, 3):
                if len(word) > size:
                    parts = (word[start : start + size] for start in range(len(word) - size + 1))
                    found.extend(part for part in parts if known.get(part))
        return found

    def _loaded(self) -> Any:
        if self._tokenizer is None:
            with self._lock:
                if self._tokenizer is None:
                    self._tokenizer = _private_tokenizer(self._words)
        return self._tokenizer


def _cut(run: str, frequencies: Mapping[str, int], total: int) -> list[str]:
    """What jieba's ``cut`` returns for a run, at about twice its speed: one loop over plain lists.

    Single characters side by side that the dictionary does not know as a word go to the hidden Markov model.
    """
    ends = _best_ends(run, frequencies, log(total))
    found: list[str] = []
    start = loose = 0  # run[loose:start] are single characters that wait
    while start <= len(run):
        end = ends[start] if start < len(run) else start + 2
        if end - start > 1:
            waiting = run[loose:start]
            known = len(waiting) < 2 or frequencies.get(waiting)
            found.extend(waiting if known else _hidden_words(waiting))
            if start < len(run):
                found.append(run[start:end])
            loose = end
        start = end
    return found


def _best_ends(run: str, frequencies: Mapping[str, int], log_total: float) -> list[int]:
    """For each place, where the word ends that begins the likeliest cut of the rest; ties go to the longer word."""
    size = len(run)
    best, ends = [0.0] * (size + 1), [0] * size
    for start in range(size - 1, -1, -1):
        top, end_of_top = log(frequencies.get(run[start]) or 1) - log_total + best[start + 1], start + 1
        end, known = start + 1, frequencies.get(run[start])
        while known is not None and end < size:
            end += 1
            known = frequencies.get(run[start:end])  # 0 for the beginning of a longer word
            if known:
                score = log(known) - log_total + best[end]
                if score >= top or (end_of_top == start + 1 and not frequencies.get(run[start])):
                    top, end_of_top = score, end
        best[start], ends[start] = top, end_of_top
    return ends


def _hidden_words(run: str) -> list[str]:
    """What jieba's ``finalseg`` returns, at more than twice its speed: the likeliest path through its Markov model.

    Each character begins a word (b), stands in one (m), ends one (e) or is one (s). Equal paths are decided as there.
    """
    starts, (eb, sb, mm, bm, be, me, ss, es), emissions = _markov_model()
    begins, middles, ends, singles = emissions
    never = -3.14e100
    b, m, e, s = (start + table.get(run[0], never) for start, table in zip(starts, emissions, strict=True))
    back = []
    for char in run[1:]:
        at_b, at_m = begins.get(char, never), middles.get(char, never)
        at_e, at_s = ends.get(char, never), singles.get(char, never)
        b_from_e, b_from_s = e + eb + at_b, s + sb + at_b
        m_from_m, m_from_b = m + mm + at_m, b + bm + at_m
        e_from_b, e_from_m = b + be + at_e, m + me + at_e
        s_from_s, s_from_e = s + ss + at_s, e + es + at_s
        back.append((b_from_e > b_from_s, m_from_b > m_from_m, e_from_b > e_from_m, s_from_e > s_from_s))
        b, m, e, s = max(b_from_e, b_from_s), max(m_from_m, m_from_b), max(e_from_b, e_from_m), max(s_from_s, s_from_e)
    return _spelt_out(run, back, last="e" if e > s else "s")


# Where a character may come from; the second if that is likelier.
_BEFORE = {"b": "se", "m": "mb", "e": "mb", "s": "se"}


def _spelt_out(run: str, back: Sequence[tuple[bool, ...]], *, last: str) -> list[str]:
    """The words of the path that ends in ``last``."""
    path = [last]
    for likelier in reversed(back):
        path.append(_BEFORE[path[-1]][likelier["bmes".index(path[-1])]])
    found, begin = [], 0
    for at, place in enumerate(reversed(path)):
        if place == "b":
            begin = at
        elif place in "es":
            found.append(run[begin if place == "e" else at : at + 1])
    return found


@lru_cache(maxsize=1)
def _markov_model() -> tuple[tuple[float, ...], tuple[float, ...], tuple[dict[str, float], ...]]:
    """Logarithms: how likely each place is at the start, the eight steps of a path, each character in each place."""
    from jieba.finalseg import emit_P, start_P, trans_P

    steps = tuple(trans_P[a][b] for a, b in ("EB", "SB", "MM", "BM", "BE", "ME", "SS", "ES"))
    return tuple(start_P[place] for place in "BMES"), steps, tuple(emit_P[place] for place in "BMES")


def _private_tokenizer(words: Sequence[str]) -> Any:
    tokenizer = import_jieba().Tokenizer()
    frequencies, total = _dictionary()
    # A dictionary of its own only where the shop adds words: 500,000 shared entries otherwise.
    tokenizer.FREQ = dict(frequencies) if words else frequencies
    tokenizer.total = total
    tokenizer.initialized = True
    for word in words:
        tokenizer.add_word(word)
    return tokenizer


@lru_cache(maxsize=1)
def shared_tokenizer() -> Any:
    """A private jieba tokenizer with the plain dictionary; not for adding words."""
    return _private_tokenizer(())


@lru_cache(maxsize=1)
def _dictionary() -> tuple[dict[str, int], int]:
    tokenizer = import_jieba().Tokenizer()
    frequencies, total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    return frequencies, total


def import_jieba() -> Any:
    """Import jieba without the warnings that its import sets off (old regular expressions, ``pkg_resources``)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    return jieba
