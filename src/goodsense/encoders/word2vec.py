"""Word vectors from the words around them: Mikolov et al., "Efficient Estimation of Word Representations in Vector
Space" (2013), by gensim, pooled by smooth inverse frequency."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.lsa import DEFAULT_WEIGHTS, SupportsTokens
from goodsense.encoders.options import check_choice, check_whole
from goodsense.encoders.sif import PooledWords
from goodsense.errors import missing_extra
from goodsense.types import Vectors

EXTRA = "words"
RATES = {"skip-gram": 0.025, "cbow": 0.1}  # how fast they learn; cbow takes a step per window, not per neighbour
NEGATIVES = 5  # words drawn at random for each true one
FREQUENT = 1e-3  # words with a larger share than this are skipped now and then


class Word2VecEncoder(PooledWords):
    """Text to the pooled vectors of its words; unit rows, a zero row for text of unknown content.

    Parameters
    ----------
    tokenizer
        Cuts text into tokens; None takes the default tokenizer.
    dim
        Length of the vectors.
    kind
        ``"skip-gram"`` tells the neighbours from a word, ``"cbow"`` a word from its neighbours, which is quicker.
    window
        How many words to either side are neighbours, within one field.
    epochs
        How often the catalog is read.
    smoothing
        The ``a`` of smooth inverse frequency: a word of this share of all words counts half.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read.

    Raises
    ------
    DependencyError
        At the fit, if gensim is not installed.
    """

    KIND = "word2vec"
    VERSION = 1

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None = None,
        dim: int = 128,
        kind: Literal["skip-gram", "cbow"] = "skip-gram",
        window: int = 10,
        epochs: int = 8,
        smoothing: float = 3e-3,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    ) -> None:
        check_choice(RATES, kind=kind)
        check_whole(window=window, epochs=epochs)
        super().__init__(
            tokenizer=tokenizer,
            dim=dim,
            field_weights=field_weights,
            smoothing=smoothing,
            kind=kind,
            window=window,
            epochs=epochs,
        )

    def _word_vectors(self, sentences: Sequence[Sequence[int]], counts: NDArray[np.int64], seed: int) -> Vectors:
        word2vec = _gensim()
        written = [[str(word) for word in sentence] for sentence in sentences if len(sentence) > 1]
        model = word2vec(
            vector_size=self.dim,
            sg=int(self._settings["kind"] == "skip-gram"),
            window=self._settings["window"],
            epochs=self._settings["epochs"],
            alpha=RATES[self._settings["kind"]],
            negative=NEGATIVES,
            sample=FREQUENT if len(written) > 1_000 else 0,
            min_count=1,
            seed=seed,
            workers=1,  # two would race
            hashfxn=_steady_hash,
        )
        found = np.zeros((len(counts), self.dim), dtype=np.float32)
        if not written:
            return found
        model.build_vocab(written)
        model.train(written, total_examples=model.corpus_count, epochs=model.epochs)
        places = np.array([int(word) for word in model.wv.index_to_key])
        found[places] = model.wv.vectors
        return found


def _steady_hash(text: str) -> int:
    """Python's own hash differs between processes."""
    return zlib.crc32(str(text).encode())


def _gensim() -> Any:
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise missing_extra("gensim", EXTRA, needed_for="The text encoder word2vec") from error
    return Word2Vec
