"""A trigram model of what shoppers may say, made from a catalog's phrases alone.

Absolute discounting with interpolation (Ney, Essen and Kneser, "On structuring probabilistic dependences in stochastic
language modelling", 1994), written as ARPA text. Shoppers do not recite titles: they begin anywhere, leave words out
and stop early. So every word may begin and end what is said, and pairs of words that stand near each other count a
little, also where something stands between them.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Gram: TypeAlias = tuple[str, ...]
Counts: TypeAlias = defaultdict[Gram, float]

START, END = "<s>", "</s>"
ANYWHERE = 0.3  # how often what is said begins or ends at any one word of a phrase
SKIPPED = (1.0, 0.35, 0.15)  # how much two words count with none, one and two others between them
DISCOUNT = 0.5  # share of the smallest count that is taken from each
UNIFORM = 0.05  # share of the evenly spread part of the unigrams


@dataclass(frozen=True)
class NGrams:
    """Log10 probabilities and back-off weights of up to three words; a gram is ``(earlier, ..., word)``."""

    probabilities: tuple[Mapping[Gram, float], ...]
    backoffs: tuple[Mapping[Gram, float], ...]

    @property
    def words(self) -> tuple[str, ...]:
        """All words but the marks of start and end, sorted."""
        return tuple(sorted(gram[0] for gram in self.probabilities[0] if gram[0] not in (START, END)))

    def log10(self, word: str, history: Sequence[str]) -> float:
        """The log10 probability of a known word after at most two others."""
        gram = (*history, word)
        if len(history) == 0 or gram in self.probabilities[len(history)]:
            return self.probabilities[len(history)][gram]
        return self.backoffs[len(history) - 1].get(tuple(history), 0.0) + self.log10(word, history[1:])

    def arpa(self) -> str:
        """The model in the ARPA form that recognisers read."""
        lines = ["\\data\\"]
        lines += [f"ngram {order}={len(table)}" for order, table in enumerate(self.probabilities, start=1)]
        for order, table in enumerate(self.probabilities, start=1):
            lines += ["", f"\\{order}-grams:"]
            backoffs = self.backoffs[order - 1] if order <= len(self.backoffs) else {}
            for gram in sorted(table):
                tail = f"\t{backoffs[gram]:.5f}" if gram in backoffs else ""
                lines.append(f"{table[gram]:.5f}\t{' '.join(gram)}{tail}")
        return "\n".join([*lines, "", "\\end\\", ""])


def ngrams_of(phrases: Iterable[Sequence[str]], *, limit: int = 20_000) -> NGrams:
    """The model of phrases that are cut into words; of many words the ``limit`` most frequent are kept.

    Repeated phrases count once, so that a hundred listings of one title do not drown the rest.
    """
    distinct = sorted({tuple(phrase) for phrase in phrases if phrase})
    frequent = Counter(word for phrase in distinct for word in phrase)
    kept = set(sorted(frequent, key=lambda word: (-frequent[word], word))[:limit])
    counts: tuple[Counts, ...] = (defaultdict(float), defaultdict(float), defaultdict(float))
    for phrase in distinct:
        _count([word for word in phrase if word in kept], counts)
    return _smoothed(counts)


def _count(words: Sequence[str], counts: tuple[Counts, ...]) -> None:
    for place, word in enumerate(words):
        counts[0][(word,)] += 1
        counts[1][(START, word)] += 1.0 if place == 0 else ANYWHERE
        counts[1][(word, END)] += 1.0 if place == len(words) - 1 else ANYWHERE
        for skipped, share in enumerate(SKIPPED):
            if place + skipped + 1 < len(words):
                counts[1][(word, words[place + skipped + 1])] += share
    marked = (START, *words, END)
    for place in range(len(marked) - 2):
        counts[2][marked[place : place + 3]] += 1
    counts[0][(END,)] += max(1, len(words)) / 4  # what is said has about four words


def _smoothed(counts: tuple[Counts, ...]) -> NGrams:
    total = sum(counts[0].values())
    even = UNIFORM / max(1, len(counts[0]))
    shares = {gram: (1 - UNIFORM) * count / total + even for gram, count in counts[0].items()} if total else {}
    shares = shares or {(END,): 1.0}
    tables: list[dict[Gram, float]] = [shares]
    spare: list[dict[Gram, float]] = []
    for table in counts[1:]:
        found, left = _interpolated(table, tables[-1])
        tables.append(found)
        spare.append(left)
    logs = tuple({gram: math.log10(value) for gram, value in table.items()} for table in tables)
    logs[0][(START,)] = -99.0
    backoffs = tuple({gram: math.log10(max(value, 1e-9)) for gram, value in table.items()} for table in spare)
    return NGrams(logs, backoffs)


def _interpolated(counts: Counts, lower: Mapping[Gram, float]) -> tuple[dict[Gram, float], dict[Gram, float]]:
    """Discounted shares, each with its part of the lower order's, and the back-off weight of every history."""
    by_history: defaultdict[Gram, list[Gram]] = defaultdict(list)
    for gram in counts:
        by_history[gram[:-1]].append(gram)
    found: dict[Gram, float] = {}
    left: dict[Gram, float] = {}
    for history, grams in by_history.items():
        total = sum(counts[gram] for gram in grams)
        taken = {gram: min(DISCOUNT, DISCOUNT * counts[gram]) for gram in grams}
        share = sum(taken.values()) / total
        for gram in grams:
            found[gram] = (counts[gram] - taken[gram]) / total + share * lower[gram[1:]]
        unseen = 1.0 - sum(lower[gram[1:]] for gram in grams)
        left[history] = (1.0 - sum(found[gram] for gram in grams)) / unseen if unseen > 1e-9 else 1e-9
    return found, left
