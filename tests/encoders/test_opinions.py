"""The reviews encoder: who is helpful and fresh is heard, ratings are drawn towards the average, words find reviews."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.encoders import make_encoder
from goodsense.encoders.opinions import RATING_COLUMNS, OpinionsEncoder
from goodsense.errors import UsageError
from goodsense.types import Opinion
from tests.encoders.opinion_samples import BLAME, PRAISE, reviews


def _fitted(**options: Any) -> OpinionsEncoder:
    found = make_encoder("reviews", "opinions", {"text_dim": 12, **options}).fit(reviews(), seed=0)
    assert isinstance(found, OpinionsEncoder)
    return found


def test_praise_and_blame_lie_apart() -> None:
    vectors = _fitted().encode(reviews())
    alike = vectors @ vectors.T
    good = np.arange(20) % 2 == 0
    within = (alike[good][:, good].sum() - 10) / 90
    assert within > alike[good][:, ~good].mean() + 0.4


def test_a_text_finds_the_reviews_that_say_so() -> None:
    encoder = _fitted()
    found = encoder.encode_query(["the paint comes off"])
    np.testing.assert_allclose(np.linalg.norm(found), 1, atol=1e-6)
    assert not found[0, -RATING_COLUMNS:].any()
    said = encoder.encode([(Opinion(BLAME[1], rating=2.0),), (Opinion(PRAISE[1], rating=5.0),)])
    assert found[0] @ said[0] > found[0] @ said[1] + 0.3
    assert encoder.encode_query([""]).any(axis=1).tolist() == [False]


@pytest.mark.parametrize("heard", [{"helpful": 40}, {"days": 1.0}])
def test_the_helpful_and_the_fresh_are_heard(heard: dict[str, Any]) -> None:
    encoder = _fitted(rating_weight=0.0, half_life_days=100.0)
    praise, blame = encoder.encode_query([PRAISE[0], BLAME[0]])
    old = {"helpful": 0, "days": 500.0}
    loud = Opinion(PRAISE[0], **{**old, **heard})
    both = encoder.encode([(loud, Opinion(BLAME[0], **old))])[0]
    assert both @ praise > both @ blame + 0.1
    deaf = _fitted(rating_weight=0.0, half_life_days=None, helpful=0.0)
    even = deaf.encode([(loud, Opinion(BLAME[0], **old))])[0]
    assert even @ deaf.encode_query([PRAISE[0]])[0] == pytest.approx(even @ deaf.encode_query([BLAME[0]])[0], abs=1e-5)


def test_one_rating_says_less_than_many() -> None:
    encoder = _fitted(rating_weight=1.0)
    rows, known = encoder._ratings([(Opinion("", 5.0),), (Opinion("", 5.0),) * 40, ()])
    average = encoder._prior @ np.arange(1, 6)
    assert average < rows[0, 0] < rows[1, 0] < 5
    assert rows[1, 0] > 4.8
    assert known.tolist() == [True, True, False]


def test_half_stars_and_stars_beyond_the_scale() -> None:
    encoder = _fitted()
    assert encoder._stars([Opinion("", 3.5)])[0].tolist() == [0, 0, 0.5, 0.5, 0]
    assert encoder._stars([Opinion("", 9.0)])[0].tolist() == [0, 0, 0, 0, 1]
    assert encoder._stars([Opinion("", float("nan")), Opinion("", None)])[1] == 0


def test_who_says_nothing_is_absent() -> None:
    encoder = _fitted()
    assert not encoder.encode([(), (Opinion("  "),)]).any()
    assert encoder.encode([(Opinion("", 2.0),)]).any()
    assert not make_encoder("reviews", "opinions", {}).fit([()], seed=0).encode([()]).any()


@pytest.mark.parametrize(
    "options", [{"rating_weight": 1.2}, {"helpful": -1}, {"half_life_days": 0}, {"text_dim": 0}, {"text": "lsb"}]
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_encoder("reviews", "opinions", options)
