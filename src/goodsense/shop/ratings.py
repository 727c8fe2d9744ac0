"""What reviews say of a product in numbers: how many there are, their mean, and a mean to be trusted.

The Bayesian mean is ``(m C + sum of the product's ratings) / (m + their number)``: as if every product had ``m`` more
ratings of ``C``, the mean rating of the catalog; ``m`` is the median number of ratings of the products that have any.
One rating of 5 does not beat a hundred of 4.8. Both numbers are fixed when a build is made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias

from goodsense.search.fields import REVIEW_FIELDS
from goodsense.shop.truth import Truth

RatingFields: TypeAlias = dict[str, tuple[float, ...]]
_COUNT, _MEAN, _BAYES = REVIEW_FIELDS


@dataclass(frozen=True)
class RatingPrior:
    """The mean rating of the catalog, and for how many ratings of every product it stands."""

    mean: float
    weight: float

    @classmethod
    def of(cls, truth: Truth) -> RatingPrior | None:
        """That of the reviews of products in the catalog; None if there are none."""
        rows = list(
            truth.rows(
                "SELECT count(rating), coalesce(sum(rating), 0) FROM reviews "
                "WHERE product_id IN (SELECT id FROM products) GROUP BY product_id"
            )
        )
        counts = [count for count, _ in rows if count]
        if not rows:
            return None
        mean = sum(total for _, total in rows) / sum(counts) if counts else 3.0
        return cls(mean, float(median(counts)) if counts else 1.0)

    def to_json(self) -> dict[str, float]:
        """A plain dictionary."""
        return {"mean": self.mean, "weight": self.weight}

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> RatingPrior | None:
        """What :meth:`to_json` wrote."""
        return None if data is None else cls(data["mean"], data["weight"])


class Ratings:
    """The fields that reviews give to products; none at all where the shop had no reviews."""

    def __init__(self, prior: RatingPrior | None, figures: dict[str, RatingFields]) -> None:
        self._prior = prior
        self._figures = figures

    @classmethod
    def of(cls, truth: Truth, prior: RatingPrior | None, ids: Iterable[str] | None = None) -> Ratings:
        """Those of all products, or of some."""
        if prior is None:
            return cls(None, {})
        sql = "SELECT product_id, count(*), count(rating), avg(rating) FROM reviews"
        if ids is None:
            rows = truth.rows(f"{sql} GROUP BY product_id")
        else:
            where = "WHERE product_id IN (SELECT value FROM json_each(?))"
            rows = truth.rows(f"{sql} {where} GROUP BY product_id", (json.dumps(list(ids)),))
        return cls(prior, {id: _fields(prior, *figures) for id, *figures in rows})

    def fields(self, id: str) -> RatingFields:
        """The fields of one product; without a rating it has no mean."""
        return self._figures.get(id) or ({} if self._prior is None else {_COUNT: (0.0,)})


UNRATED = Ratings(None, {})


def _fields(prior: RatingPrior, count: int, rated: int, mean: float | None) -> RatingFields:
    found: RatingFields = {_COUNT: (float(count),)}
    if mean is not None:
        bayes = (prior.weight * prior.mean + rated * mean) / (prior.weight + rated)
        found |= {_MEAN: (round(mean, 6),), _BAYES: (round(bayes, 6),)}
    return found
