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

    Single characters side by side that the dictionary does not know as a word go to jieba's hidden Markov model.
    """
    from jieba import finalseg

    ends = _best_ends(run, frequencies, log(total))
    found: list[str] = []
    start = loose = 0  # run[loose:start] are single characters that wait
    while start <= len(run):
        end = ends[start] if start < len(run) else start + 2
        if end - start > 1:
            waiting = run[loose:start]
            known = len(waiting) < 2 or frequencies.get(waiting)
            found.extend(waiting if known else finalseg.cut(waiting))
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
