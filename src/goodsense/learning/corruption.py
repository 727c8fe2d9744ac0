"""What pretraining hides of a text, and what it asks for: words, spans, and whether one sentence follows another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.learning.token_numbers import Numbers

NOT_ASKED = -1  # the target of a place that counts for nothing
SHARE = 0.15  # of the words are asked for
MASKED, RANDOM = 0.8, 0.1  # of these are hidden, and replaced by any word; the rest is shown as it is
SPAN = 3.0  # words of a span, on average


def mask_tokens(
    ids: Numbers,
    eligible: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    mask: int,
    words: tuple[int, int],
    share: float = SHARE,
    masked: float = MASKED,
    random: float = RANDOM,
) -> tuple[Numbers, Numbers]:
    """Hide words to be guessed: what is shown and what is asked for, both ``(n, t)``.

    Devlin et al., BERT (NAACL 2019): of every row, ``share`` of its eligible tokens, at least one, is asked for. Of
    these, ``masked`` are shown as the mask, ``random`` as a word drawn at random, and the rest as they are.

    Parameters
    ----------
    ids, eligible
        ``(n, t)`` tokens, and which of them may be asked for: no special ones, no padding.
    mask, words
        The number of the mask; the first number of a word, and the one after the last.
    share
        0 asks for nothing.

    Returns
    -------
    shown, targets
        Targets are ``NOT_ASKED`` where nothing is asked.
    """
    assert ids.shape == eligible.shape, f"ids are {ids.shape}, eligible is {eligible.shape}; expected one shape (n, t)"
    assert 0 <= share <= 1, f"share is {share}; expected 0 to 1"
    assert 0 <= masked <= masked + random <= 1, f"masked and random are {masked} and {random}; expected a sum up to 1"
    counts = eligible.sum(axis=1)  # (n,)
    wanted = np.minimum(counts, np.maximum(1, np.rint(share * counts))) if share > 0 else np.zeros(len(ids))
    order = np.where(eligible, rng.random(ids.shape), 2.0).argsort(axis=1).argsort(axis=1)  # eligible tokens first
    asked = order < wanted[:, None]
    fate = rng.random(ids.shape)
    shown = np.where(asked & (fate < masked), mask, ids)
    drawn = rng.integers(words[0], words[1], ids.shape)
    shown = np.where(asked & (fate >= masked) & (fate < masked + random), drawn, shown)
    return shown.astype(np.int64), np.where(asked, ids, NOT_ASKED).astype(np.int64)


def corrupt_spans(
    tokens: Numbers,
    rng: np.random.Generator,
    *,
    first_sentinel: int,
    sentinels: int,
    share: float = SHARE,
    mean: float = SPAN,
) -> tuple[Numbers, Numbers]:
    """Replace runs of words by sentinels: the input, and the answer that writes the runs.

    Raffel et al., T5 (JMLR 2020): each run becomes one sentinel; the answer has, run by run, its sentinel and its
    words, and one more sentinel at the end. Of ``tokens`` ``(t,)``, ``t >= 1``, ``share`` is in runs of ``mean`` words
    on average; runs do not touch, and one word at least stays where there are two.
    """
    count = len(tokens)
    assert count, "a text without any token has no spans"
    assert sentinels >= 2, f"there are {sentinels} sentinels; expected at least 2"
    hidden = min(max(round(share * count), 1), max(count - 1, 1))
    spans = min(max(round(hidden / mean), 1), hidden, count - hidden + 1, sentinels - 1)
    lengths = _parts(hidden, spans, rng)
    between = _parts(count - hidden + 2, spans + 1, rng) - 1  # of these, only the first and the last may be 0
    between[1:-1] += 1
    shown, answer, place = list[int](), list[int](), 0
    for number, (kept, length) in enumerate(zip(between[:-1].tolist(), lengths.tolist(), strict=True)):
        start, sentinel = place + kept, first_sentinel + number
        shown += [*tokens[place:start].tolist(), sentinel]
        place = start + length
        answer += [sentinel, *tokens[start:place].tolist()]
    shown += tokens[place:].tolist()
    answer.append(first_sentinel + spans)
    return np.array(shown, dtype=np.int64), np.array(answer, dtype=np.int64)


def draw_next(
    documents: Sequence[Sequence[Numbers]], row: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers, bool]:
    """A sentence of document ``row``, another one, and whether it follows the first (Devlin et al., BERT, NAACL 2019).

    Half the time it is the next sentence, else one of another document; where that has the same words as the next one,
    it does follow. The document has at least two sentences.
    """
    own = documents[row]
    place = int(rng.integers(len(own) - 1))
    true = own[place + 1]
    if rng.random() < 0.5 or len(documents) < 2:
        return own[place], true, True
    other = documents[(row + int(rng.integers(1, len(documents)))) % len(documents)]
    drawn = other[int(rng.integers(len(other)))]
    return own[place], drawn, bool(np.array_equal(drawn, true))


def _parts(total: int, parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random way of cutting ``total`` into ``parts`` whole numbers from 1 up, all ways alike; ``(parts,)``."""
    cuts = np.sort(rng.choice(total - 1, parts - 1, replace=False)) + 1 if parts > 1 else np.zeros(0, dtype=np.int64)
    found: NDArray[np.int64] = np.diff(np.concatenate([[0], cuts, [total]])).astype(np.int64)
    return found
