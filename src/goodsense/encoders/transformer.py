"""A small transformer over a text's words, pretrained to guess hidden words of the shop's texts, then trained on the
catalog's own pairs of title and description, category and attributes. Words are embedded with their spelling, as in
``bag``.

Vaswani et al., "Attention Is All You Need" (NeurIPS 2017); Devlin et al., "BERT" (NAACL 2019). A hidden word is told
among the different words of its batch, so that a step costs the same for any vocabulary. As in ``rnn``, states are
pooled by how much each word tells, and the words' own vectors go past the network beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.contrastive import Corpus, TrainedOnPairs, WordBatch
from goodsense.encoders.lsa import DEFAULT_WEIGHTS, SupportsTokens
from goodsense.encoders.options import check_whole
from goodsense.encoders.text_pairs import TextPairs
from goodsense.errors import UsageError
from goodsense.learning.corruption import NOT_ASKED, mask_tokens
from goodsense.learning.networks import need_torch
from goodsense.learning.trainer import Schedule, train
from goodsense.progress import Progress

if TYPE_CHECKING:
    import torch

LONGEST = 64  # words of a text that are read
PRETRAINED_AT_ONCE = 64  # texts


class TransformerEncoder(TrainedOnPairs):
    """Text to the pooled states of a transformer; unit rows, a zero row for unknown content.

    Parameters
    ----------
    tokenizer
        Cuts text into tokens; None takes the default tokenizer.
    dim
        Length of the vectors.
    width
        Length of the words' vectors and of the states.
    layers, heads
        Layers, and heads of attention in each; they divide the width.
    char_ngrams
        Shortest and longest character sequence of the spellings.
    pretrain_epochs
        How often the texts are gone through to guess hidden words; 0 leaves it out.
    epochs
        How often the pairs are gone through.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read.
    """

    KIND = "transformer"
    VERSION = 1
    RATE = 2e-3

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None = None,
        dim: int = 128,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        char_ngrams: Sequence[int] = (3, 4),
        pretrain_epochs: int = 3,
        epochs: int = 4,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    ) -> None:
        check_whole(width=width, layers=layers, heads=heads)
        check_whole(pretrain_epochs=pretrain_epochs, least=0)
        if width % heads:
            raise UsageError(f"heads is {heads}, which does not divide width, {width}.", fix="Give a divisor.")
        self.pretraining_losses: list[float] = []  # mean loss of each epoch of guessing words
        super().__init__(
            tokenizer=tokenizer,
            dim=dim,
            char_ngrams=char_ngrams,
            epochs=epochs,
            field_weights=field_weights,
            width=width,
            layers=layers,
            heads=heads,
            pretrain_epochs=pretrain_epochs,
        )

    def _made(self, rows: int) -> torch.nn.Module:
        settings = self._settings
        return _reader(rows, self.dim, width=settings["width"], layers=settings["layers"], heads=settings["heads"])

    def _trained(
        self, network: torch.nn.Module, pairs: TextPairs, corpus: Corpus, seed: int, progress: Progress
    ) -> list[float]:
        self.pretraining_losses = self._pretrained(network, corpus, seed, progress)
        return super()._trained(network, pairs, corpus, seed, progress)

    def _pretrained(self, network: Any, corpus: Corpus, seed: int, progress: Progress) -> list[float]:
        """Masked language modelling on every different text of the catalog."""
        filled = np.array([row for row, text in enumerate(corpus.texts) if len(text)], dtype=np.int64)
        if not len(filled) or not self._settings["pretrain_epochs"]:
            return []

        def batches(_: int, rng: np.random.Generator) -> Iterator[_Hidden]:
            order = rng.permutation(filled)
            for start in range(0, len(order), PRETRAINED_AT_ONCE):
                yield hidden(corpus, order[start : start + PRETRAINED_AT_ONCE], rng)

        schedule = Schedule(self._settings["pretrain_epochs"], PRETRAINED_AT_ONCE, self.RATE)
        steps, stage = -(-len(filled) // PRETRAINED_AT_ONCE), f"{self.KIND}: hidden words"
        found = train(network, batches, network.guess, schedule, steps=steps, seed=seed, progress=progress, stage=stage)
        return list(found.losses)


class _Hidden(NamedTuple):
    """Texts, what is shown of them and what is asked for, both ``(n, t)`` as places among the batch's words.

    The place after the last word is the mask.
    """

    texts: WordBatch
    there: NDArray[np.bool_]
    shown: NDArray[np.int64]
    targets: NDArray[np.int64]


def hidden(corpus: Corpus, rows: NDArray[np.int64], rng: np.random.Generator) -> _Hidden:
    """Some texts of a corpus, a run of at most ``LONGEST`` words of each, with some words hidden."""
    cut = [_run(corpus.texts[row], rng) for row in rows.tolist()]
    batch = Corpus(cut, corpus.idf, corpus.matrix).batch(range(len(cut)))
    places, there = batch.padded(LONGEST)
    words = len(batch.row_starts) - 1
    shown, targets = mask_tokens(batch.words[places], there, rng, mask=words, words=(0, words))
    return _Hidden(batch, there, shown, targets)


def _run(words: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    start = int(rng.integers(max(1, len(words) - LONGEST + 1)))
    return words[start : start + LONGEST]


def _reader(rows: int, dim: int, *, width: int, layers: int, heads: int) -> torch.nn.Module:
    torch = need_torch("The text encoder transformer")
    from goodsense.learning.heads import cross_entropy
    from goodsense.learning.transformer import Told, TransformerLayers

    nn = torch.nn
    scale = width**0.5  # as in rnn

    class Reader(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.randn(rows, width) / scale)
            self.mask = nn.Parameter(torch.randn(1, width))
            self.layers = TransformerLayers(width, layers=layers, heads=heads, longest=LONGEST)
            self.told = Told(width, None)
            self.states = nn.Linear(width, dim)
            self.words = nn.Linear(width, dim, bias=False)

        def forward(self, batch: WordBatch) -> Any:
            vectors = scale * batch.word_vectors(self.table)  # (words, width)
            places, there = (torch.from_numpy(part) for part in batch.padded(LONGEST))  # (n, t)
            shown = vectors[torch.from_numpy(batch.words)[places]]  # (n, t, width)
            weights = (torch.from_numpy(batch.weights)[places] * there)[:, :, None]  # (n, t, 1)
            pooled = (self.layers(shown, there) * weights).sum(dim=1) / weights.sum(dim=1)  # (n, width)
            return nn.functional.normalize(self.states(pooled) + self.words((shown * weights).sum(dim=1)), dim=1)

        def guess(self, batch: _Hidden) -> Any:
            """How badly hidden words are told among the words of the batch; a scalar."""
            vectors = batch.texts.word_vectors(self.table)  # (words, width)
            shown = torch.cat([scale * vectors, self.mask])[torch.from_numpy(batch.shown)]  # (n, t, width)
            states = self.layers(shown, torch.from_numpy(batch.there))
            targets = torch.from_numpy(batch.targets)
            asked = targets != NOT_ASKED
            return cross_entropy(self.told(states[asked], vectors), targets[asked], smoothing=0.0)

    return Reader()
