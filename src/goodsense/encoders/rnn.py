"""A recurrent network over a text's words, read in both directions, trained on the catalog's own pairs of title and
description, category and attributes. Words are embedded with their spelling, as in ``bag``.

Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997); Cho et al., "Learning Phrase Representations using RNN
Encoder-Decoder" (2014). The states are pooled by how much each word tells, and the words' own vectors go past the
network beside them, so that what reading order adds is learned on top of a bag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from goodsense.encoders.contrastive import TrainedOnPairs, WordBatch
from goodsense.encoders.lsa import DEFAULT_WEIGHTS, SupportsTokens
from goodsense.encoders.options import check_choice, check_whole
from goodsense.learning.networks import need_torch

if TYPE_CHECKING:
    import torch

CELLS = ("gru", "lstm")
LONGEST = 64  # words of a text that are read


class RnnEncoder(TrainedOnPairs):
    """Text to the pooled states of a bidirectional recurrent network; unit rows, a zero row for unknown content.

    Parameters
    ----------
    tokenizer
        Cuts text into tokens; None takes the default tokenizer.
    dim
        Length of the vectors.
    cell
        ``"gru"`` or ``"lstm"``, which is slower.
    width
        Length of the words' vectors, and of the state in each direction.
    char_ngrams
        Shortest and longest character sequence of the spellings.
    epochs
        How often the pairs are gone through.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read.
    """

    KIND = "rnn"
    VERSION = 1
    RATE = 2e-3

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None = None,
        dim: int = 128,
        cell: Literal["gru", "lstm"] = "gru",
        width: int = 96,
        char_ngrams: Sequence[int] = (3, 4),
        epochs: int = 4,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    ) -> None:
        check_choice(CELLS, cell=cell)
        check_whole(width=width)
        super().__init__(
            tokenizer=tokenizer,
            dim=dim,
            char_ngrams=char_ngrams,
            epochs=epochs,
            field_weights=field_weights,
            cell=cell,
            width=width,
        )

    def _made(self, rows: int) -> torch.nn.Module:
        return _reader(rows, self.dim, cell=self._settings["cell"], width=self._settings["width"])


def _reader(rows: int, dim: int, *, cell: str, width: int) -> torch.nn.Module:
    torch = need_torch("The text encoder rnn")
    nn = torch.nn
    scale = width**0.5  # steps are of one size for all weights, and those of rare words must not be small ones

    class Reader(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.randn(rows, width) / scale)
            self.reading = (nn.GRU if cell == "gru" else nn.LSTM)(width, width, batch_first=True, bidirectional=True)
            self.states = nn.Linear(2 * width, dim)
            self.words = nn.Linear(width, dim, bias=False)

        def forward(self, batch: WordBatch) -> Any:
            vectors = scale * batch.word_vectors(self.table)  # (words, width)
            places, there = batch.padded(LONGEST)  # (b, l)
            lengths = torch.from_numpy(there.sum(axis=1))
            shown = vectors[torch.from_numpy(batch.words[places])]  # (b, l, width)
            weights = torch.from_numpy(batch.weights[places] * there)[:, :, None]  # (b, l, 1)
            packed = nn.utils.rnn.pack_padded_sequence(shown, lengths, batch_first=True, enforce_sorted=False)
            states, _ = nn.utils.rnn.pad_packed_sequence(
                self.reading(packed)[0], batch_first=True, total_length=places.shape[1]
            )
            pooled = (states * weights).sum(dim=1) / weights.sum(dim=1)  # (b, 2 width)
            return nn.functional.normalize(self.states(pooled) + self.words((shown * weights).sum(dim=1)), dim=1)

    return Reader()
