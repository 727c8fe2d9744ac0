"""A check knows what ingest, fetch and reviews left behind, and how the one before it went."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.feedback import REVIEWS, Review
from goodsense.media import MediaStore
from goodsense.quality.report import Summary
from goodsense.shop import Shop
from goodsense.shop.checking import earlier_checks, repeated_ids, thumbnails
from goodsense.shop.fetching import Links
from goodsense.shop.voices import add_voices
from goodsense.types import ImageRef
from tests.shop.catalogs import picture


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.create(tmp_path / "shop")


def kinds(shop: Shop) -> dict[str, tuple[str, ...]]:
    return {found.kind: found.ids for found in shop.check().report.findings}


def test_ids_that_a_feed_repeats_are_found_in_the_rejects(shop: Shop, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title\n1,Lamp\n2,Desk\n1,Chair\n", "utf-8")
    shop.ingest(feed)
    assert repeated_ids(shop.directory) == ["1"]
    assert kinds(shop)["repeated_id"] == ("1",)
    (shop.directory / "rejects.jsonl").write_text("no json, though this product id came before in the same ingest\n")
    assert repeated_ids(shop.directory) == []


def test_links_that_could_not_be_fetched_are_broken(shop: Shop) -> None:
    url = "https://shop.example/1.jpg"
    shop.add([Product("1", "Lamp", media=(ImageRef(url),)), Product("2", "Desk", media=(ImageRef(f"{url}2"),))])
    links = Links(shop.directory)
    links.fail(url, "404 Not Found")
    links.close()
    assert kinds(shop)["broken_link"] == ("1",)


def test_personal_data_in_reviews_is_noted(shop: Shop) -> None:
    shop.add([Product("1", "台灯")])
    assert shop.check().report.notes == ()
    add_voices(shop.truth, REVIEWS, [Review("r1", "1", "u1", 5.0, text="很好，联系我 13812345678")])
    (note,) = shop.check().report.notes
    assert "phone 1" in note
    assert "goodsense redact" in note


def test_the_trend_is_read_from_what_can_be_read(shop: Shop) -> None:
    shop.add([Product("1")])
    first = shop.check().report
    kept = shop.directory / "reports" / "checks.jsonl"
    kept.write_text("damaged\n[]\n" + kept.read_text("utf-8") + json.dumps({"when": 3}) + "\n", "utf-8")
    assert earlier_checks(shop.directory) == [first.summary]
    assert isinstance(shop.check().report.earlier[0], Summary)
    assert len(shop.check(keep=False).report.earlier) == 2


def test_thumbnails_leave_out_what_cannot_be_shown(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    good, bad = store.put(picture("red", "robot", seed=1)), store.put(b"no picture")
    found = thumbnails(store, [good, bad, "0" * 64])
    assert list(found) == [good]
    assert found[good].startswith("data:image/jpeg;base64,")


def test_now_can_be_given(shop: Shop) -> None:
    from goodsense.shop.checking import check_shop

    shop.add([Product("1", "Lamp", updated=datetime(2030, 1, 1, tzinfo=UTC))])
    early = check_shop(shop.truth, today=datetime(2029, 1, 1, tzinfo=UTC), keep=False)
    late = check_shop(shop.truth, today=datetime(2031, 1, 1, tzinfo=UTC), keep=False)
    assert "future_date" in {found.kind for found in early.report.findings}
    assert "future_date" not in {found.kind for found in late.report.findings}
