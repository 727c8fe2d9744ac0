"""A bag of embedded words and spellings: a text is the weighted sum of its words' vectors, trained on the catalog's own
pairs of title and description, category and attributes. Training needs torch; encoding is sparse arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.encoders.contrastive import TrainedOnPairs, WordBatch
from goodsense.encoders.lsa import DEFAULT_WEIGHTS, SupportsTokens
from goodsense.learning.networks import need_torch
from goodsense.types import Vectors, normalise

if TYPE_CHECKING:
    import torch


class BagEncoder(TrainedOnPairs):
    """Text to the sum of its words' trained vectors; unit rows, a zero row for text of unknown content.

    Parameters
    ----------
    tokenizer
        Cuts text into tokens; None takes the default tokenizer.
    dim
        Length of the vectors.
    char_ngrams
        Shortest and longest character sequence of the spellings.
    epochs
        How often the pairs are gone through.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read.
    """

    KIND = "bag"
    VERSION = 1
    RATE = 2e-3

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None = None,
        dim: int = 128,
        char_ngrams: Sequence[int] = (3, 4),
        epochs: int = 6,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    ) -> None:
        super().__init__(
            tokenizer=tokenizer, dim=dim, char_ngrams=char_ngrams, epochs=epochs, field_weights=field_weights
        )

    def _made(self, rows: int) -> torch.nn.Module:
        return _bag(rows, self.dim)

    def _vectors(self, batch: WordBatch) -> Vectors:
        """Without torch, which a shop that only searches need not have."""
        from scipy.sparse import csr_array

        words = csr_array((batch.row_weights, batch.rows, batch.row_starts), shape=batch.word_shape(len(self._hashed)))
        texts = csr_array((batch.weights, batch.words, batch.starts), shape=(len(batch.starts) - 1, words.shape[0]))
        return normalise(np.asarray(texts @ (words @ self._arrays["table"]), dtype=np.float32))


def _bag(rows: int, dim: int) -> torch.nn.Module:
    torch = need_torch("The text encoder bag")
    functional = torch.nn.functional

    class Bag(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Parameter(torch.randn(rows, dim) / dim**0.5)

        def forward(self, batch: WordBatch) -> Any:
            return functional.normalize(batch.sums(batch.word_vectors(self.table)), dim=1)

    return Bag()
