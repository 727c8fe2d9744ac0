"""Suggested labels for a field, from its own words or from products that have one, the least certain first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from goodsense.catalog import Product
from goodsense.catalog.product import text_fields
from goodsense.errors import DataError

_DIMENSIONS = 2**18
_PER_CLASS = 2  # examples without which a class is not learned


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value that a product may have; ``source`` says where it comes from ("rule", "model")."""

    value: str
    confidence: float
    source: str


class Suggester(Protocol):
    """Whatever proposes labels."""

    def suggest(self, products: Sequence[Product]) -> list[Suggestion | None]:
        """One suggestion per product, None where there is nothing to say."""
        ...


class Mentions:
    """The rule: a value of the field that the product's words mention, longest first; several make it less certain.

    Latin words are matched as whole words without case; Chinese ones wherever they stand.
    """

    def __init__(self, values: Iterable[str], field: str) -> None:
        self._field = field
        self._spelling = {value.casefold(): value for value in values if value.strip()}
        known = sorted(self._spelling, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(_whole_word, known))) if known else None

    def suggest(self, products: Sequence[Product]) -> list[Suggestion | None]:
        return [self._one(product) for product in products]

    def _one(self, product: Product) -> Suggestion | None:
        if self._pattern is None:
            return None
        found = Counter(self._pattern.findall(words_of(product, self._field).casefold()))
        if not found:
            return None
        value, count = max(found.items(), key=lambda item: (item[1], len(item[0]), item[0]))
        return Suggestion(self._spelling[value], count / sum(found.values()), "rule")


def _whole_word(value: str) -> str:
    text = re.escape(value)
    before = r"(?<![^\W_])" if value[0].isascii() and value[0].isalnum() else ""
    after = r"(?![^\W_])" if value[-1].isascii() and value[-1].isalnum() else ""
    return f"{before}{text}{after}"


class WordModel:
    """Logistic regression on the character n-grams of what a product says, the field itself left out.

    Raises
    ------
    DataError
        If fewer than two values have examples enough.
    """

    def __init__(self, field: str, classifier: Any) -> None:
        self._field = field
        self._classifier = classifier

    @classmethod
    def fit(cls, products: Sequence[Product], values: Mapping[str, str], field: str, *, seed: int = 0) -> WordModel:
        """Learn from products whose value is known (``values``: product id to value)."""
        from sklearn.linear_model import LogisticRegression

        often = Counter(values[product.id] for product in products if product.id in values)
        known = [p for p in products if p.id in values and often[values[p.id]] >= _PER_CLASS]
        classes = {values[product.id] for product in known}
        if len(classes) < 2:
            raise DataError(
                f"{field}: {len(classes)} values have at least {_PER_CLASS} examples; a model needs two.",
                fix="Label more products first, or use --suggest rules.",
            )
        classifier = LogisticRegression(C=30.0, max_iter=300, random_state=seed)
        classifier.fit(_vectors([words_of(p, field) for p in known]), [values[p.id] for p in known])
        return cls(field, classifier)

    def suggest(self, products: Sequence[Product]) -> list[Suggestion | None]:
        if not products:
            return []
        shares = self._classifier.predict_proba(_vectors([words_of(product, self._field) for product in products]))
        best = np.argmax(shares, axis=1)
        return [
            Suggestion(str(self._classifier.classes_[column]), float(row[column]), "model")
            for row, column in zip(shares, best, strict=True)
        ]


def words_of(product: Product, field: str) -> str:
    """What a product says, without the field that is asked for."""
    name = field.removeprefix("attribute.")
    texts = text_fields(product)
    if field.startswith("attribute."):
        others = {key: value for key, value in product.attributes.items() if key != name}
        texts["attributes"] = " ".join(f"{key} {value}" for key, value in others.items())
    return "\n".join(text for key, text in texts.items() if key != field)


def _vectors(texts: list[str]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), n_features=_DIMENSIONS, alternate_sign=False, norm="l2"
    )
    return hashing.transform(texts)


def least_certain(suggestions: Mapping[str, Suggestion | None]) -> list[str]:
    """The ids in the order in which asking teaches most: no idea first, then the least confident."""
    return sorted(suggestions, key=lambda id: (found.confidence if (found := suggestions[id]) else -1.0, id))
