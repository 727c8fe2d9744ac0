"""Word vectors from what stands together: Pennington et al., "GloVe: Global Vectors for Word Representation" (2014),
pooled by smooth inverse frequency.

The paper's weighted least squares is solved exactly, one side at a time: given the vectors of all context words, each
word's own vector and bias are a small ridge regression. A catalog is settled after a few sweeps, without a step size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.lsa import DEFAULT_WEIGHTS, SupportsTokens
from goodsense.encoders.options import check_whole
from goodsense.encoders.sif import PooledWords
from goodsense.errors import UsageError
from goodsense.types import Vectors

FULL_WEIGHT = 10.0  # co-occurrences from which on a pair counts in full; the paper's 100 is for billions of words
POWER = 0.75
FIRST_SPREAD = 0.1  # of the random vectors that the first sweep starts from


class GloveEncoder(PooledWords):
    """Text to the pooled vectors of its words; unit rows, a zero row for text of unknown content.

    Parameters
    ----------
    tokenizer
        Cuts text into tokens; None takes the default tokenizer.
    dim
        Length of the vectors.
    window
        How many words to either side stand together with a word, within one field; at a distance of ``d`` they count
        ``1 / d``.
    sweeps
        How often both sides are solved.
    ridge
        How strongly vectors are held to be short; rare words need it.
    smoothing
        The ``a`` of smooth inverse frequency: a word of this share of all words counts half.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read.
    """

    KIND = "glove"
    VERSION = 1

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None = None,
        dim: int = 128,
        window: int = 12,
        sweeps: int = 4,
        ridge: float = 0.5,
        smoothing: float = 3e-3,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    ) -> None:
        super().__init__(
            tokenizer=tokenizer,
            dim=dim,
            field_weights=field_weights,
            smoothing=smoothing,
            window=window,
            sweeps=sweeps,
            ridge=float(ridge),
        )
        check_whole(window=window, sweeps=sweeps)
        if not 0 < self._settings["ridge"] < math.inf:
            raise UsageError(f"ridge is {ridge}; expected a finite number above 0.")

    def _word_vectors(self, sentences: Sequence[Sequence[int]], counts: NDArray[np.int64], seed: int) -> Vectors:
        together = cooccurrences(sentences, size=len(counts), window=self._settings["window"])
        solved = solve(together, self.dim, sweeps=self._settings["sweeps"], ridge=self._settings["ridge"], seed=seed)
        return solved.words + solved.contexts


def cooccurrences(sentences: Sequence[Sequence[int]], *, size: int, window: int) -> Any:
    """How often words stand together, ``1 / distance`` each time: a symmetric sparse matrix ``(size, size)``."""
    from scipy.sparse import csr_array

    lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    words = np.array([word for sentence in sentences for word in sentence], dtype=np.int32)
    place = np.repeat(np.arange(len(sentences), dtype=np.int32), lengths)
    total = csr_array((size, size), dtype=np.float32)
    for distance in range(1, min(window, len(words) - 1) + 1):
        near = place[:-distance] == place[distance:]
        left, right = words[:-distance][near], words[distance:][near]
        weights = np.full(len(left), 1 / distance, dtype=np.float32)
        total = total + csr_array((weights, (left, right)), shape=(size, size))
    return (total + total.T).tocsr()


@dataclass(frozen=True, eq=False)
class Solution:
    """Both sides of the factorisation, and the loss after each sweep."""

    words: NDArray[np.float32]  # (size, dim)
    contexts: NDArray[np.float32]  # (size, dim)
    biases: NDArray[np.float32]  # (size, 2): of the word, of the context
    losses: tuple[float, ...]


def solve(together: Any, dim: int, *, sweeps: int, ridge: float, seed: int) -> Solution:
    """Minimise ``sum f(x) (w . c + b + d - log x)^2 + ridge (|w|^2 + |c|^2 + b^2 + d^2)`` over words and contexts.

    ``f(x) = min(1, (x / FULL_WEIGHT) ** 0.75)``. Each half of a sweep is an exact minimum, so the loss never rises.
    ``together`` is symmetric: its rows serve both halves.
    """
    together.sort_indices()
    weights = np.asarray(np.minimum(1.0, (together.data / FULL_WEIGHT) ** POWER), dtype=np.float32)
    logs = np.asarray(np.log(together.data), dtype=np.float32)
    rng = np.random.default_rng(seed)
    words = np.zeros((together.shape[0], dim + 1), dtype=np.float32)  # the last column is the bias
    contexts = np.asarray(FIRST_SPREAD * rng.standard_normal(words.shape), dtype=np.float32)
    losses = []
    for _ in range(sweeps):
        _half(together.indptr, together.indices, weights, logs, words, contexts, ridge)
        _half(together.indptr, together.indices, weights, logs, contexts, words, ridge)
        losses.append(_loss(together, weights, logs, words, contexts, ridge))
    biases = np.stack([words[:, -1], contexts[:, -1]], axis=1)
    return Solution(words[:, :-1], contexts[:, :-1], biases, tuple(losses))


def _half(
    starts: NDArray[np.integer[Any]],
    columns: NDArray[np.integer[Any]],
    weights: NDArray[np.float32],
    logs: NDArray[np.float32],
    own: NDArray[np.float32],
    other: NDArray[np.float32],
    ridge: float,
) -> None:
    """Solve every row of ``own`` given ``other``, in place; rows without company stay 0."""
    for row, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        if start == end:
            continue
        beside = columns[start:end]
        features = other[beside]  # (m, dim + 1)
        aims = logs[start:end] - features[:, -1]
        features[:, -1] = 1.0
        own[row] = ridge_regression(features, aims, weights[start:end], ridge)


def ridge_regression(
    features: NDArray[np.float32], aims: NDArray[np.float32], weights: NDArray[np.float32], ridge: float
) -> NDArray[np.float32]:
    """The ``v`` that minimises ``sum weights (features v - aims)^2 + ridge |v|^2``, by the smaller of both systems."""
    rows, columns = features.shape
    roots = np.sqrt(weights)
    scaled, aims = features * roots[:, None], aims * roots
    if rows < columns:
        gram = scaled @ scaled.T
        gram[np.diag_indices(rows)] += ridge
        return np.asarray(scaled.T @ np.linalg.solve(gram, aims), dtype=np.float32)
    gram = scaled.T @ scaled
    gram[np.diag_indices(columns)] += ridge
    return np.asarray(np.linalg.solve(gram, scaled.T @ aims), dtype=np.float32)


def _loss(
    together: Any,
    weights: NDArray[np.float32],
    logs: NDArray[np.float32],
    words: NDArray[np.float32],
    contexts: NDArray[np.float32],
    ridge: float,
) -> float:
    total = ridge * float((words.astype(np.float64) ** 2).sum() + (contexts.astype(np.float64) ** 2).sum())
    for row, (start, end) in enumerate(zip(together.indptr[:-1].tolist(), together.indptr[1:].tolist(), strict=True)):
        beside = contexts[together.indices[start:end]]
        told = beside[:, :-1] @ words[row, :-1] + words[row, -1] + beside[:, -1]
        total += float(weights[start:end] @ (told - logs[start:end]) ** 2)
    return total
