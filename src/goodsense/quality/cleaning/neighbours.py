"""The most similar products by their words, to guess a missing value from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog import Product
from goodsense.quality.cleaning.fields import Value, value_of

_DIMENSIONS = 2**18
_SIMILAR = 0.2  # cosine of character n-grams; below it two titles share little more than their language


@dataclass(frozen=True)
class _Group:
    matrix: Any  # (n, d) sparse, rows of unit length
    values: list[Value]


class Neighbours:
    """Products that have a value in one field, by group, comparable by the character n-grams of title and brand."""

    def __init__(self, groups: dict[str, _Group], by: Callable[[Product], str], field: str) -> None:
        self._groups = groups
        self._by = by
        self._field = field

    @classmethod
    def of(cls, products: Iterable[Product], field: str, *, by: Callable[[Product], str]) -> Neighbours:
        """Collect the products that have a value in ``field``."""
        texts: defaultdict[str, list[str]] = defaultdict(list)
        values: defaultdict[str, list[Value]] = defaultdict(list)
        for product in products:
            value = value_of(product, field)
            if value is not None:
                texts[by(product)].append(_words(product, field))
                values[by(product)].append(value)
        groups = {name: _Group(_vectors(found), values[name]) for name, found in texts.items()}
        return cls(groups, by, field)

    def guess(self, product: Product, *, k: int, least: int) -> Value | None:
        """What the ``k`` most similar products of its group say: the mean of numbers, else the heaviest vote.

        None if fewer than ``least`` are similar at all.
        """
        group = self._groups.get(self._by(product))
        if group is None:
            return None
        similar: NDArray[np.float64] = (group.matrix @ _vectors([_words(product, self._field)]).T).toarray()[:, 0]
        best = [row for row in np.argsort(-similar, kind="stable")[:k] if similar[row] >= _SIMILAR]
        if len(best) < least:
            return None
        values = [group.values[row] for row in best]
        weights = similar[best]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return float(np.average(np.array(values, dtype=float), weights=weights))
        votes: defaultdict[Value, float] = defaultdict(float)
        for value, weight in zip(values, weights, strict=True):
            votes[value] += float(weight)
        return max(votes, key=lambda value: (votes[value], str(value)))


def _words(product: Product, field: str) -> str:
    """Title and brand, without the field that is asked for."""
    return " ".join(text for name, text in (("title", product.title), ("brand", product.brand)) if name != field)


def _vectors(texts: list[str]) -> Any:
    """Unit vectors of character 2- to 4-grams within words, hashed; shape (n, d), sparse."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), n_features=_DIMENSIONS, alternate_sign=False, norm="l2"
    )
    return hashing.transform(texts)
