"""Every format that is written carries what it says, and loses only what it says."""

from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.catalog.feeds import FORMATS, read_feed, write_feed
from goodsense.errors import UsageError
from goodsense.tables import Rejects
from tests.catalog.round_trips import LOST, TRIPS, WRITTEN, again, check_equal, round_trips, write_valid

KNOWN = {known.name: known for known in FORMATS}


def test_every_format_says_what_it_carries() -> None:
    assert set(TRIPS) == set(KNOWN)
    assert [trip.name for trip in TRIPS.values() if trip.carried is None and not trip.files] == []


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_format_carries_comes_back(name: str) -> None:
    assert round_trips(name, 25, seed=1)["catalogs"] >= 25


@pytest.mark.parametrize("name", WRITTEN)
def test_every_loss_is_shown_or_told_why_not(name: str) -> None:
    trip = TRIPS[name]
    assert set(trip.lost) | set(trip.unshown) == set(KNOWN[name].losses)
    assert not set(trip.lost) & set(trip.unshown)
    assert all(trip.unshown.values())


@pytest.mark.parametrize(("name", "loss"), [(name, loss) for name, losses in LOST.items() for loss in losses])
def test_what_is_lost_is_only_that(name: str, loss: str, tmp_path: Path) -> None:
    product, expected = LOST[name][loss]
    assert product != expected, "this product shows no loss"
    check_equal(again([product], tmp_path / "feed", name), [expected])


@pytest.mark.parametrize("name", TRIPS)
def test_it_is_told_by_content(name: str, tmp_path: Path) -> None:
    write_valid(name, tmp_path / "noname")
    feed = read_feed(tmp_path / "noname", rejects=Rejects.to_memory())
    assert feed.format == name
    assert next(iter(feed))[0] >= 1


def test_what_can_only_be_read_says_so(tmp_path: Path) -> None:
    for name in (trip.name for trip in TRIPS.values() if trip.files):
        with pytest.raises(UsageError, match=name):
            write_feed([Product("1")], tmp_path / "x", format=name)
