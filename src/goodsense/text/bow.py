"""Bags of words: how often each token occurs, and in how many documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def bag_of_words(tokens: Iterable[str]) -> dict[str, int]:
    """Count the tokens of one text: token -> occurrences, in order of first appearance."""
    return dict(Counter(tokens))


def document_frequencies(documents: Iterable[Iterable[str]]) -> dict[str, int]:
    """Count in how many documents each token occurs at least once, in order of first appearance."""
    counts: Counter[str] = Counter()
    for tokens in documents:
        counts.update(dict.fromkeys(tokens, 1))
    return dict(counts)
