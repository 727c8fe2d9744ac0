"""What the text encoders ``bag``, ``rnn`` and ``transformer`` share: hashed words, training on pairs, fields, files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.hashed import HashedWords
from goodsense.encoders.lsa import SupportsTokens
from goodsense.encoders.options import checked_field_weights, checked_lengths, whole_number
from goodsense.encoders.text_options import (
    default_tokenizer,
    field_weight,
    read_fields,
    sampled,
)
from goodsense.encoders.text_pairs import TextPairs, info_nce
from goodsense.errors import UsageError
from goodsense.learning.networks import need_torch, restore, seeded, weights_of
from goodsense.learning.trainer import Schedule, train
from goodsense.progress import Progress, silent
from goodsense.types import Modality, TextFields, Vectors, normalise

if TYPE_CHECKING:
    import torch

BUCKETS = 2**18  # places that words are hashed to
CHAR_WEIGHT = 1.0  # all character sequences of a word beside the word itself
BATCH = 256  # pairs that are told apart at once
TEMPERATURE = 0.07
KEPT = 0.7  # share of a text's words that a training step sees
LONGEST_VIEW = 40  # words of a text that a training step sees
ENCODED_AT_ONCE = 256  # texts


@dataclass(frozen=True, eq=False)
class WordBatch:
    """Texts of a batch as words: ``rows[row_starts[i] : row_starts[i + 1]]`` are the table's rows of word ``i``;
    ``words[starts[j] : starts[j + 1]]`` are the words of text ``j`` in reading order, each with its weight."""

    rows: NDArray[np.int64]
    row_weights: NDArray[np.float32]
    row_starts: NDArray[np.int64]
    words: NDArray[np.int64]
    weights: NDArray[np.float32]
    starts: NDArray[np.int64]

    def word_vectors(self, table: torch.Tensor) -> torch.Tensor:
        """``(rows, d) -> (words, d)``."""
        torch = need_torch("a trained text encoder")
        tensor = partial(_tensor, device=table.device)
        return torch.nn.functional.embedding_bag(
            tensor(self.rows),
            table,
            tensor(self.row_starts[:-1]),
            mode="sum",
            per_sample_weights=tensor(self.row_weights),
        )

    def sums(self, vectors: torch.Tensor) -> torch.Tensor:
        """Weighted sums of the words' vectors, text by text: ``(words, d) -> (texts, d)``."""
        torch = need_torch("a trained text encoder")
        tensor = partial(_tensor, device=vectors.device)
        return torch.nn.functional.embedding_bag(
            tensor(self.words), vectors, tensor(self.starts[:-1]), mode="sum", per_sample_weights=tensor(self.weights)
        )

    def word_shape(self, rows: int) -> tuple[int, int]:
        """Different words in the batch, and rows of the table."""
        return len(self.row_starts) - 1, rows

    def padded(self, longest: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Places in ``words`` of each text's first words, and where there is one: both ``(texts, l)``."""
        lengths = np.minimum(np.diff(self.starts), longest)
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        there = steps < lengths[:, None]
        return np.where(there, self.starts[:-1, None] + steps, 0), there


def _tensor(array: NDArray[Any], *, device: torch.device) -> torch.Tensor:
    found: torch.Tensor = need_torch("a trained text encoder").from_numpy(array).to(device)
    return found


@dataclass(frozen=True, eq=False)
class Corpus:
    """Tokenised texts over one list of words, each word as weights of the table's rows."""

    texts: Sequence[NDArray[np.int64]]  # words of each text, in reading order
    idf: NDArray[np.float32]  # (words,)
    matrix: Any  # sparse (words, rows)

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], hashed: HashedWords) -> Corpus:
        """Words that have no row at all are left out."""
        places: dict[str, int] = {}
        for tokens in texts:
            for token in tokens:
                if token not in places and hashed.word(token)[0]:
                    places[token] = len(places)
        coded = [np.array([places[token] for token in tokens if token in places], dtype=np.int64) for tokens in texts]
        idf = np.array([hashed.word(word)[2] for word in places], dtype=np.float32)
        return cls(coded, idf, hashed.matrix(list(places)))

    def batch(self, texts: Iterable[int], rng: np.random.Generator | None = None) -> WordBatch:
        """Some of the texts; with ``rng``, a view of each: a run of words from which some are left out."""
        chosen = [self.texts[i] if rng is None else view(self.texts[i], rng) for i in texts]
        starts = np.cumsum([0, *map(len, chosen)]).astype(np.int64)
        flat = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
        unique, words = np.unique(flat, return_inverse=True)
        part = self.matrix[unique]
        weights = self._weights(chosen)
        return WordBatch(
            part.indices.astype(np.int64),
            part.data,
            part.indptr.astype(np.int64),
            words.astype(np.int64),
            weights,
            starts,
        )

    def _weights(self, chosen: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """Inverse document frequencies of unit length over each text."""
        if not chosen:
            return np.zeros(0, dtype=np.float32)
        found = [self.idf[text] for text in chosen]
        return np.concatenate([own / max(float(np.sqrt(own @ own)), 1e-12) for own in found]).astype(np.float32)


def view(words: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A run of at most ``LONGEST_VIEW`` words of a text, less a random share of them; never none."""
    longest = round(LONGEST_VIEW / KEPT)
    if len(words) > longest:
        start = int(rng.integers(len(words) - longest + 1))
        words = words[start : start + longest]
    kept = rng.random(len(words)) < KEPT
    return words[kept] if kept.any() else words


class TrainedOnPairs(ABC):
    """A text encoder whose network learns from a catalog's pairs; unit rows, a zero row for text of unknown content.

    Subclasses name their ``KIND``, ``VERSION`` and ``RATE`` (how fast they learn), make the network, which turns a
    :class:`WordBatch` into unit rows, and may say how vectors are made without it.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int]
    RATE: ClassVar[float]

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None,
        dim: int,
        char_ngrams: Sequence[int],
        epochs: int,
        field_weights: Mapping[str, float],
        **settings: Any,
    ) -> None:
        self._settings: dict[str, Any] = {
            "dim": whole_number("dim", dim),
            "char_ngrams": checked_lengths(char_ngrams),
            "epochs": whole_number("epochs", epochs),
            "field_weights": checked_field_weights(field_weights),
            **settings,
        }
        self._tokenizer = default_tokenizer() if tokenizer is None else tokenizer
        self._hashed = HashedWords(buckets=BUCKETS, char_ngrams=char_ngrams, char_weight=CHAR_WEIGHT)
        self._arrays: dict[str, NDArray[Any]] = {}  # the network's weights
        self._network: Any = None
        self.losses: list[float] = []  # mean loss of each epoch of the last fit
        self._fitted = False
        self._fingerprint = ""

    @abstractmethod
    def _made(self, rows: int) -> torch.nn.Module:
        """A fresh network over a table of ``rows`` rows."""

    def _vectors(self, batch: WordBatch) -> Vectors:
        """Unit rows ``(texts, dim)`` of a batch in which no text is empty, by the fitted weights."""
        torch = need_torch(f"The text encoder {self.KIND}")
        if self._network is None:
            self._network = self._made(len(self._hashed))
            restore(self._network, self._arrays)
        with torch.inference_mode():
            return np.asarray(self._network(batch).numpy(), dtype=np.float32)

    @property
    def dim(self) -> int:
        return int(self._settings["dim"])

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"text"})

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    def fit(self, values: Sequence[TextFields], *, seed: int, progress: Progress = silent) -> Self:
        """Learn from the pairs of a catalog's texts; of a large catalog, from a seeded sample of products.

        Raises
        ------
        DependencyError
            If torch is not installed.
        """
        need_torch(f"The text encoder {self.KIND}")
        values = sampled(values, seed=seed)
        pairs = TextPairs.of([self._read(value) for value in values])
        tokens = [self._tokenizer.tokens(text) for text in pairs.texts]
        self._hashed.fit(tokens)
        corpus = Corpus.of(tokens, self._hashed)
        pairs = pairs.among([len(text) > 0 for text in corpus.texts])
        with seeded(seed):
            network = self._made(len(self._hashed))
            self.losses = self._trained(network, pairs, corpus, seed, progress)
        self._arrays = weights_of(network)
        self._network, self._fitted, self._fingerprint = None, True, ""
        return self

    def encode(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` products (field -> text) to ``(n, dim)`` unit rows."""
        self._check_fitted()
        found = np.zeros((len(values), self.dim), dtype=np.float32)
        owners, weights, texts = list[int](), list[float](), list[list[str]]()
        for owner, value in enumerate(values):
            for field, text in self._read(value).items():
                owners.append(owner)
                weights.append(field_weight(self._settings["field_weights"], field))
                texts.append(self._tokenizer.tokens(text))
        vectors = self._texts(Corpus.of(texts, self._hashed))
        np.add.at(found, owners, np.array(weights, dtype=np.float32)[:, None] * vectors)
        return normalise(found)

    def encode_query(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` shoppers' texts to ``(n, dim)`` in the products' space."""
        return self.encode(values)

    def network(self) -> Any:
        """A copy of the fitted network, in evaluation mode; it reads batches of :meth:`corpus`."""
        self._check_fitted()
        network = self._made(len(self._hashed))
        restore(network, self._arrays)
        return network

    def corpus(self, texts: Sequence[str]) -> Corpus:
        """Texts as words that the encoder knows."""
        return Corpus.of([self._tokenizer.tokens(text) for text in texts], self._hashed)

    def tokens_of(self, text: str) -> list[str]:
        """The words of a text as the encoder cuts it, known or not."""
        return self._tokenizer.tokens(text)

    def reads(self, token: str) -> bool:
        """Whether a word has a place in :meth:`corpus`, whose words stand in the order of their first use."""
        return bool(self._hashed.word(token)[0])

    def unknown_share(self, values: Sequence[TextFields]) -> float:
        """Which share of the words in ``values`` has neither been learned nor resembles a learned one."""
        texts = [text for value in values for text in self._read(value).values()]
        tokens = [token for text in texts for token in self._tokenizer.tokens(text)]
        return sum(not self._hashed.knows(token) for token in tokens) / max(1, len(tokens))

    def save(self, directory: Path) -> None:
        """Write weights, settings and tokenizer into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`, tokenizer included."""
        from goodsense.text import Tokenizer

        found = artefacts.read(directory, kind=cls.KIND, version=cls.VERSION)
        settings = dict(found.settings)
        tokenizer = Tokenizer.from_json(settings.pop("tokenizer"))
        settings.pop("tokenizer_fingerprint")
        unseen = settings.pop("unseen")
        encoder = cls(tokenizer=tokenizer, **settings)
        if unseen is not None:
            arrays = dict(found.arrays)
            encoder._hashed.take(arrays.pop("hashed.used"), arrays.pop("hashed.idf"), unseen)
            encoder._arrays, encoder._fitted = arrays, True
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = self._settings | {
            "tokenizer": self._tokenizer.to_json(),
            "tokenizer_fingerprint": self._tokenizer.fingerprint,
            "unseen": self._hashed.unseen if self._fitted else None,
        }
        words: dict[str, NDArray[Any]] = {"hashed.used": self._hashed.used, "hashed.idf": self._hashed.idf}
        return artefacts.Artefact(self.KIND, self.VERSION, settings, {**self._arrays, **words} if self._fitted else {})

    def _trained(
        self, network: torch.nn.Module, pairs: TextPairs, corpus: Corpus, seed: int, progress: Progress
    ) -> list[float]:
        def batches(_: int, rng: np.random.Generator) -> Iterator[tuple[WordBatch, WordBatch, NDArray[np.bool_]]]:
            for batch in pairs.batches(BATCH, rng):
                left, right = pairs.left[batch], pairs.right[batch]
                yield corpus.batch(left.tolist(), rng), corpus.batch(right.tolist(), rng), pairs.equal(batch)

        def loss(batch: tuple[WordBatch, WordBatch, NDArray[np.bool_]]) -> torch.Tensor:
            return info_nce(network(batch[0]), network(batch[1]), batch[2], TEMPERATURE)

        schedule = Schedule(self._settings["epochs"], BATCH, self.RATE)
        steps = pairs.steps(BATCH)
        found = train(network, batches, loss, schedule, steps=steps, seed=seed, progress=progress, stage=self.KIND)
        return list(found.losses)

    def _check_fitted(self) -> None:
        if not self._fitted:
            raise UsageError("this text encoder was not fitted yet.", fix="Call fit(products, seed=...) first.")

    def _texts(self, corpus: Corpus) -> Vectors:
        """All texts of a corpus; those without a known word are zero rows."""
        found = np.zeros((len(corpus.texts), self.dim), dtype=np.float32)
        filled = sorted((i for i, text in enumerate(corpus.texts) if len(text)), key=lambda i: len(corpus.texts[i]))
        for start in range(0, len(filled), ENCODED_AT_ONCE):
            rows = filled[start : start + ENCODED_AT_ONCE]
            found[rows] = self._vectors(corpus.batch(rows))
        return found

    def _read(self, value: TextFields | str) -> dict[str, str]:
        return read_fields(self._settings["field_weights"], value)
