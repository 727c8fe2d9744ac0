"""Reviews to one vector per product: what is said in them, beside how many stars they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts, encoder_options, load_encoder, make_encoder
from goodsense.encoders.options import number, whole_number
from goodsense.errors import UsageError
from goodsense.types import Modality, Opinion, Vectors, normalise

KIND = "opinions"
VERSION = 1
TEXT_FOLDER = "text"
STARS = 5
PRIOR = 4.0  # so many reviews of the average product stand beside a product's own
RATING_COLUMNS = STARS + 3  # the mean, the share of each number of stars, how many there are, how far they spread
FIELD = "review"
FIT_LIMIT = 50_000  # reviews that the text encoder is fitted on
BATCH = 4_096  # review texts encoded at once


class OpinionsEncoder:
    """Review texts, pooled by helpfulness and age, beside a few numbers of the ratings; zero where nobody said a word.

    Each text is encoded by a text encoder that is fitted on the reviews; a product's text part is the mean of the unit
    vectors, brought to unit length. Its rating part is the mean, the share of each number of stars, the logarithm of
    how many there are and their spread, all drawn towards the average product where there are few, and standardised on
    the products of the fit. Rows are of unit length. A text as a query has no rating part.

    A review counts ``1 + helpful * log(1 + votes)``, halved with every ``half_life_days`` of age; one of unknown age
    is as old as the median of the others of its product.

    Parameters
    ----------
    tokenizer
        Goes to the text encoder, if it takes one.
    text
        Name of the text encoder.
    text_dim
        Length of the text part, for text encoders that have the option ``dim``; None takes their default.
    rating_weight
        Share of the rating part beside the text part, from 0 to 1.
    helpful
        How much a vote of helpfulness counts; 0 makes all reviews alike.
    half_life_days
        The age at which a review counts half; None: age does not matter.
    """

    def __init__(
        self,
        *,
        tokenizer: Any = None,
        text: str = "lsa",
        text_dim: int | None = 128,
        rating_weight: float = 0.2,
        helpful: float = 0.5,
        half_life_days: float | None = 730.0,
    ) -> None:
        self._settings: dict[str, Any] = {
            "text": text,
            "text_dim": None if text_dim is None else whole_number("text_dim", text_dim, least=1),
            "rating_weight": number("rating_weight", rating_weight, least=0, most=1),
            "helpful": number("helpful", helpful, least=0),
            "half_life_days": None
            if half_life_days is None
            else number("half_life_days", half_life_days, least=0, above=True),
        }
        options = {"dim": text_dim} if text_dim is not None and _has_dim(text) else {}
        self._text = make_encoder("text", text, options, tokenizer=tokenizer)
        self._prior = np.zeros(0, dtype=np.float64)
        self._scale: dict[str, NDArray[np.float32]] = {}
        self._fingerprint = ""

    @property
    def dim(self) -> int:
        return self._text.dim + RATING_COLUMNS

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"text"})

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    def fit(self, values: Sequence[Sequence[Opinion]], *, seed: int) -> Self:
        """Learn the text encoder from the reviews' texts, and the average product's ratings."""
        texts = [opinion.text for value in values for opinion in value if opinion.text.strip()]
        if len(texts) > FIT_LIMIT:
            picked = np.sort(np.random.default_rng(seed).choice(len(texts), FIT_LIMIT, replace=False))
            texts = [texts[i] for i in picked.tolist()]
        self._text.fit([{FIELD: text} for text in texts], seed=seed)
        shares = [found for value in values if (found := self._stars(value)[0]).any()]
        self._prior = np.mean(shares, axis=0) if shares else np.full(STARS, 1 / STARS)
        rows, known = self._ratings(values)
        rows = rows[known]
        if not len(rows):
            rows = np.zeros((1, RATING_COLUMNS), dtype=np.float32)
        spread = rows.std(axis=0)
        whole = max(1, int((spread > 1e-6).sum()))
        scale = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0.0) / math.sqrt(whole)
        self._scale = {"centre": rows.mean(axis=0), "scale": scale.astype(np.float32)}
        self._fingerprint = ""
        return self

    def encode(self, values: Sequence[Sequence[Opinion]]) -> Vectors:
        """``n`` tuples of opinions to ``(n, dim)`` unit rows."""
        if not self._scale:
            raise UsageError("this reviews encoder was not fitted yet.", fix="Call fit(reviews, seed=...) first.")
        ratings, known = self._ratings(values)
        standard = np.where(known[:, None], (ratings - self._scale["centre"]) * self._scale["scale"], 0.0)
        share = self._settings["rating_weight"]
        parts = [math.sqrt(1 - share) * self._pooled(values), math.sqrt(share) * standard]
        return normalise(np.concatenate(parts, axis=1).astype(np.float32))

    def encode_query(self, values: Sequence[Sequence[Opinion] | str]) -> Vectors:
        """The same; a text goes through the query side of the text encoder and has no rating part."""
        asked = [row for row, value in enumerate(values) if isinstance(value, str)]
        found = self.encode([() if isinstance(value, str) else value for value in values])
        if asked:
            found[asked, : self._text.dim] = normalise(self._text.encode_query([values[row] for row in asked]))
        return found

    def save(self, directory: Path) -> None:
        """Write settings and the average product into ``directory``, the text encoder into a folder of it."""
        artefacts.write(self._artefact(), directory)
        self._text.save(directory / TEXT_FOLDER)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`, text encoder included."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        settings = dict(found.settings)
        settings.pop("text_fingerprint")
        encoder = cls(**settings)
        encoder._text = load_encoder("text", settings["text"], directory / TEXT_FOLDER)
        arrays = dict(found.arrays)
        encoder._prior = arrays.pop("prior")
        encoder._scale = arrays
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = {**self._settings, "text_fingerprint": self._text.fingerprint}
        return artefacts.Artefact(KIND, VERSION, settings, {"prior": self._prior, **self._scale})

    def _weights(self, opinions: Sequence[Opinion]) -> NDArray[np.float64]:
        """What each review of one product counts, ``(n,)``."""
        votes = np.array([max(0, opinion.helpful) for opinion in opinions], dtype=np.float64)
        weights: NDArray[np.float64] = 1 + self._settings["helpful"] * np.log1p(votes)
        half_life = self._settings["half_life_days"]
        known = [max(0.0, opinion.days) for opinion in opinions if opinion.days is not None]
        if half_life is not None and known:
            usual = float(np.median(known))
            days = np.array([usual if o.days is None else max(0.0, o.days) for o in opinions])
            weights *= np.exp2(-(days - min(known)) / half_life)  # the freshest counts whole: only ratios matter
        return weights

    def _pooled(self, values: Sequence[Sequence[Opinion]]) -> NDArray[np.float64]:
        """The text part, ``(n, text dim)`` unit rows."""
        owners, weights, texts = [], [], []
        for row, opinions in enumerate(values):
            for opinion, weight in zip(opinions, self._weights(opinions).tolist(), strict=True):
                if opinion.text.strip():
                    owners.append(row)
                    weights.append(weight)
                    texts.append(opinion.text)
        found = np.zeros((len(values), self._text.dim))
        for begin in range(0, len(texts), BATCH):
            part = slice(begin, begin + BATCH)
            vectors = normalise(self._text.encode([{FIELD: text} for text in texts[part]]))
            np.add.at(found, owners[part], np.array(weights[part])[:, None] * vectors.astype(np.float64))
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.where(norms > 1e-9, norms, 1.0)

    def _stars(self, opinions: Sequence[Opinion]) -> tuple[NDArray[np.float64], int]:
        """The weighted share of each number of stars ``(5,)``, and how many ratings there are.

        Half stars are dealt out to both neighbours; ratings beyond 1 to 5 count as these.
        """
        shares, count = np.zeros(STARS), 0
        for opinion, weight in zip(opinions, self._weights(opinions).tolist(), strict=True):
            if opinion.rating is not None and math.isfinite(opinion.rating):
                place = min(max(opinion.rating, 1.0), float(STARS)) - 1
                low = min(int(place), STARS - 2)
                shares[low] += weight * (1 - (place - low))
                shares[low + 1] += weight * (place - low)
                count += 1
        return shares / max(shares.sum(), 1e-300), count

    def _ratings(self, values: Sequence[Sequence[Opinion]]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The rating part before it is standardised, ``(n, 8)``, and whether there are ratings at all ``(n,)``."""
        rows = np.zeros((len(values), RATING_COLUMNS), dtype=np.float32)
        known = np.zeros(len(values), dtype=np.bool_)
        stars = np.arange(1, STARS + 1)
        for row, opinions in enumerate(values):
            own, count = self._stars(opinions)
            if count:
                shares = (count * own + PRIOR * self._prior) / (count + PRIOR)
                mean = float(shares @ stars)
                spread = math.sqrt(max(0.0, float(shares @ (stars - mean) ** 2)))
                rows[row] = [mean, *shares.tolist(), math.log1p(count), spread]
                known[row] = True
        return rows, known


def _has_dim(text: str) -> bool:
    return "dim" in encoder_options("text", text)
