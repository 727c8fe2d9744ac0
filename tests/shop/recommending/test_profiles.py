"""What is told of shoppers whose tastes are known by construction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goodsense.errors import UsageError
from goodsense.shop import Shop
from goodsense.shop.recommending.profiles import lines
from tests.shop.catalogs import THINGS
from tests.shop.recommending.shops import of_thing


def test_a_profile_names_what_shows_it(shop: Shop) -> None:
    found = shop.profile("u01")
    own = set(of_thing(THINGS[1]))
    first = found.style.traits[0]
    assert first.lift > 1.5
    assert set(first.items) <= own
    assert found.style.prices is not None
    json = found.to_json()
    assert json["user"] == "u01"
    assert json["visit"] is None
    assert json["traits"][0]["items"] == first.items


@pytest.mark.parametrize(("language", "word"), [("en", "times as much as usual"), ("zh", "倍")])
def test_sentences_have_the_numbers(shop: Shop, language: str, word: str) -> None:
    found = shop.profile("u01", session="su01")
    told = lines(found, "zh" if language == "zh" else "en")
    first = found.style.traits[0]
    assert word in told[0]
    assert f"{first.lift:.1f}" in told[0]
    assert first.items[0] in told[0]
    assert found.visit is not None


def test_a_preference_that_all_share_is_told_as_such(shop: Shop) -> None:
    found = shop.profile("u01")
    assert found.leaning is not None
    assert sum(found.leaning.weights.values()) == pytest.approx(1)
    assert not found.leaning.says
    own = replace(found.leaning, trust={"text": 0.5}, weights={"text": 1.0, "attributes": 0.0})
    assert own.says
    assert "as all shoppers do" in lines(found)[-1]
    assert "as all shoppers do" not in lines(replace(found, leaning=own))[-1]


def test_of_somebody_unknown_nothing_is_told(shop: Shop) -> None:
    found = shop.profile("nobody")
    assert found.style.traits == ()
    assert found.leaning is None
    assert "did anything yet" in found.message


def test_a_visit_that_the_log_does_not_know_is_an_error(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no visit"):
        shop.purchase_probability("no-such-visit")
    assert shop.purchase_probability(of_thing("kite")[:1]).probability is None
