"""A profile names what somebody takes more than others do, with the items that show it."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.recommend import Content, histories_of
from goodsense.recommend.style import StyleProfiles

IDS = tuple(f"i{row:02}" for row in range(20))


def content() -> Content:
    """Ten shoes and ten hats; the first five of each are red, every other one by Acme; prices ascend."""
    return Content(
        IDS,
        categories=("shoes",) * 10 + ("hats",) * 10,
        tags=tuple(
            (f"Color={'red' if row % 10 < 5 else 'blue'}", f"brand={'Acme' if row % 2 else 'Zed'}", "material=wool")
            for row in range(20)
        ),
        prices=np.array([*range(1, 20), np.nan], dtype=np.float64) * 10,
    )


def everybody() -> list[list[str]]:
    rng = np.random.default_rng(0)
    return [[IDS[row] for row in rng.choice(20, 8, replace=False)] for _ in range(50)]


def test_what_is_taken_more_than_usual_is_named_with_its_evidence() -> None:
    profiles = StyleProfiles(histories_of(everybody()), content())
    own = ["i00", "i11", "i01", "i12", "i02", "i10", "i04"]  # all red, of both kinds and brands
    (found,) = profiles(histories_of([own], users=["ann"]))
    assert (found.user, found.items) == ("ann", 7)
    first = found.traits[0]
    assert (first.facet, first.value, first.count, first.share) == ("colour", "red", 7, 1.0)
    assert first.items == ("i04", "i10", "i02", "i12", "i01")  # the latest first
    assert first.usual == pytest.approx(0.5, abs=0.05)
    assert first.lift == pytest.approx((7 + 10 * first.usual) / 17 / first.usual)
    assert first.score == max(trait.score for trait in found.traits)
    assert not found.of("attribute")  # all goods are of wool, so that says nothing
    assert found.to_json()["traits"][0]["items"] == first.items


def test_few_items_are_drawn_to_what_is_usual() -> None:
    profiles = StyleProfiles(histories_of(everybody()), content(), least=1)
    few, many = profiles(histories_of([["i00"], ["i00", "i01", "i02", "i03", "i04"]]))
    (red,), (redder,) = few.of("colour"), many.of("colour")
    assert 1 < red.lift < redder.lift
    assert few.of("colour")[0].share == 1.0


def test_prices_are_told_against_like_products() -> None:
    profiles = StyleProfiles(histories_of(everybody()), content())
    cheap, dear = profiles(histories_of([["i00", "i10", "i11"], ["i08", "i09", "i18"]]))
    assert cheap.prices is not None
    assert dear.prices is not None
    assert cheap.prices.middle == 110
    assert cheap.prices.level < 0.5 < dear.prices.level  # cheap among hats, though no hat is cheap
    (none,) = profiles(histories_of([["i19"]]))
    assert none.prices is None


def test_nothing_is_known_of_nobody() -> None:
    profiles = StyleProfiles(histories_of([]), content())
    found = profiles(histories_of([[], ["unknown"]]))
    assert [(profile.items, profile.traits, profile.prices) for profile in found] == [(0, (), None)] * 2
    bare = StyleProfiles(histories_of([["a", "b"]]), Content(("a", "b")))(histories_of([["a", "b"]]))[0]
    assert (bare.items, bare.traits) == (2, ())
    with pytest.raises(UsageError):
        StyleProfiles(histories_of([]), content(), strength=0)


def test_counts_of_shoppers_say_the_same_as_what_they_did() -> None:
    log = histories_of(everybody())
    counts = np.zeros(len(IDS), np.int64)
    for own in everybody():
        for id in own:
            counts[IDS.index(id)] += 1
    asked = histories_of([["i00", "i11", "i01"]], users=["ann"])
    assert StyleProfiles(counts, content())(asked) == StyleProfiles(log, content())(asked)
    with pytest.raises(UsageError, match="one count per item"):
        StyleProfiles(counts[:-1], content())
