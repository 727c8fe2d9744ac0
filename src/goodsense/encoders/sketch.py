"""Words as they are, in few columns: hashed words, word pairs and spellings under random signs.

A random projection keeps inner products (Johnson & Lindenstrauss, 1984), also with signs alone (Achlioptas, JCSS 2003).
What :mod:`goodsense.encoders.lsa` leaves out as rare, a brand or a model, tells products apart here.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.lsa import DEFAULT_WEIGHTS, SupportsTokens
from goodsense.encoders.options import checked_field_weights, number, whole_number
from goodsense.encoders.text_options import default_tokenizer, field_weight, read_fields, sampled
from goodsense.errors import UsageError
from goodsense.types import Modality, TextFields, Vectors, normalise

KIND = "sketch"
VERSION = 1
AT_ONCE = 2_048  # texts whose rows are made at a time
GRAM = 4  # characters of a spelling


class SketchEncoder:
    """Text to random signs of its words, pairs of words and character sequences; unit rows, zero for unknown content.

    Parameters
    ----------
    tokenizer
        Cuts text into tokens; None takes the default tokenizer.
    dim
        Length of the vectors; inner products err by about one over its root.
    buckets
        How many places words, pairs and spellings are hashed to.
    pair_weight, char_weight
        What a pair of words, and all character sequences of a word, weigh beside the word.
    rareness
        Power of the inverse document frequency.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read. Each field is
        scaled to unit length first.
    """

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None = None,
        dim: int = 1_024,
        buckets: int = 32_768,
        pair_weight: float = 0.5,
        char_weight: float = 1.0,
        rareness: float = 0.5,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    ) -> None:
        self._settings: dict[str, Any] = {
            "dim": whole_number("dim", dim),
            "buckets": whole_number("buckets", buckets),
            "pair_weight": number("pair_weight", pair_weight, least=0),
            "char_weight": number("char_weight", char_weight, least=0),
            "rareness": number("rareness", rareness, least=0),
            "field_weights": checked_field_weights(field_weights),
        }
        self._tokenizer = default_tokenizer() if tokenizer is None else tokenizer
        self._telling: NDArray[np.float32] = np.zeros(0, dtype=np.float32)  # (buckets,), 0 where nothing was seen
        self._seed = 0

    @property
    def dim(self) -> int:
        return int(self._settings["dim"])

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"text"})

    @property
    def fingerprint(self) -> str:
        return artefacts.fingerprint(self._artefact())

    def fit(self, values: Sequence[TextFields], *, seed: int) -> Self:
        """Count in how many products each place is used; of a large catalog, in a seeded sample."""
        used: NDArray[np.int64] = np.zeros(self._settings["buckets"], dtype=np.int64)
        known = sampled(values, seed=seed)
        for value in known:
            places = {place for _, tokens in self._fields(value) for place in self._places(tokens)}
            used[list(places)] += 1
        telling = np.log((1 + len(known)) / (1 + used)) + 1e-3  # a word of every product still counts a little
        self._telling = np.where(used > 0, telling ** self._settings["rareness"], 0).astype(np.float32)
        self._seed = seed
        return self

    def encode(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` products (field -> text) to ``(n, dim)`` unit rows."""
        if not len(self._telling):
            raise UsageError("this text encoder was not fitted yet.", fix="Call fit(products, seed=...) first.")
        found = np.zeros((len(values), self.dim), dtype=np.float32)
        for start in range(0, len(values), AT_ONCE):
            rows, places, weights = self._entries(values[start : start + AT_ONCE])
            used, columns = np.unique(places, return_inverse=True)
            table = self._table(rows, columns, weights, (len(found[start : start + AT_ONCE]), len(used)))
            found[start : start + AT_ONCE] = table @ signs(used, self.dim, self._seed)
        return normalise(found)

    def encode_query(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` shoppers' texts to ``(n, dim)`` in the products' space."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write settings, tokenizer and what was counted into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`, tokenizer included."""
        from goodsense.text import Tokenizer

        found = artefacts.read(directory, kind=KIND, version=VERSION)
        settings = dict(found.settings)
        tokenizer = Tokenizer.from_json(settings.pop("tokenizer"))
        settings.pop("tokenizer_fingerprint")
        seed = int(settings.pop("seed"))
        encoder = cls(tokenizer=tokenizer, **settings)
        encoder._telling, encoder._seed = found.arrays["telling"], seed
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = self._settings | {
            "seed": self._seed,
            "tokenizer": self._tokenizer.to_json(),
            "tokenizer_fingerprint": self._tokenizer.fingerprint,
        }
        return artefacts.Artefact(KIND, VERSION, settings, {"telling": self._telling})

    def _fields(self, value: TextFields | str) -> list[tuple[float, list[str]]]:
        weights = self._settings["field_weights"]
        read = read_fields(weights, value)
        return [(field_weight(weights, field), self._tokenizer.tokens(text)) for field, text in read.items()]

    def _places(self, tokens: Sequence[str]) -> Counter[int]:
        """Where a field's words, pairs and spellings are hashed to, with their weights."""
        found: Counter[int] = Counter()
        for word in tokens:
            found[self._place("w", word)] += 1.0  # type: ignore[assignment]
            grams = spellings(word)
            for gram in grams:
                found[self._place("c", gram)] += self._settings["char_weight"] / len(grams)
        for left, right in pairwise(tokens):
            found[self._place("b", f"{left} {right}")] += self._settings["pair_weight"]
        return found

    def _place(self, kind: str, text: str) -> int:
        return zlib.crc32(f"{kind} {text}".encode()) % int(self._settings["buckets"])

    def _entries(
        self, values: Iterable[TextFields | str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Rows, places and weights of all that was seen in the fit, each field of unit length times its weight."""
        rows: list[int] = []
        places: list[int] = []
        weights: list[NDArray[np.float32]] = []
        for row, value in enumerate(values):
            for weight, tokens in self._fields(value):
                found = self._places(tokens)
                own = np.fromiter(found.values(), np.float32, len(found)) * self._telling[list(found)]
                length = float(np.linalg.norm(own))
                rows += [row] * len(found)
                places += list(found)
                weights.append(own * np.float32(weight / length if length > 0 else 0))
        joined = np.concatenate([np.zeros(0, dtype=np.float32), *weights])
        return np.array(rows, dtype=np.int64), np.array(places, dtype=np.int64), joined

    def _table(
        self,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        weights: NDArray[np.float32],
        shape: tuple[int, int],
    ) -> Any:
        from scipy.sparse import csr_array

        return csr_array((weights, (rows, columns)), shape=shape, dtype=np.float32)


def spellings(word: str) -> list[str]:
    """The character sequences of a word with its ends marked; the whole of a short one."""
    marked = f"<{word}>"
    return [marked[start : start + GRAM] for start in range(max(1, len(marked) - GRAM + 1))]


def signs(places: NDArray[np.int64], dim: int, seed: int) -> Vectors:
    """Random signs over the root of ``dim``, the same for a place and a seed always: ``(n,) -> (n, dim)``.

    64 at a time from SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
    """
    words = -(-dim // 64)
    with np.errstate(over="ignore"):
        numbers = places.astype(np.uint64)[:, None] * np.uint64(words)
        state = np.asarray(numbers + np.arange(words, dtype=np.uint64), dtype=np.uint64)  # (n, words)
        mixed: NDArray[np.uint64] = (state + np.uint64(seed % 2**32 + 1) * np.uint64(2**40 + 1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    bits = np.unpackbits(mixed.astype("<u8").view(np.uint8).reshape(len(places), 8 * words), axis=1)[:, :dim]
    found: Vectors = (bits.astype(np.float32) * 2 - 1) / np.float32(np.sqrt(dim))
    return found
