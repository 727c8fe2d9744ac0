"""Tables of something else are told from product feeds by their columns, and feeds are never taken for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.catalog.feeds import FORMATS, write_feed
from goodsense.errors import DataError
from goodsense.shop import Shop
from goodsense.shop.others import other_records
from tests.catalog.feeds_doc import EXAMPLE
from tests.catalog.round_trips import TRIPS

OTHERS = {
    "events.csv": ("user,item,type\nu,1,view\n", "events"),
    "bought.csv": ("user,item,type,quantity\nu,1,purchase,2\n", "events"),
    "paid.csv": ("event_time,event_type,product_id,brand,price,user_id\n2026-01-01,view,1,lux,9.5,u\n", "events"),
    "log.tsv": ("用户ID\t商品ID\t时间\nu\t1\t2026-01-01\n", "events"),
    "reviews.jsonl": ('{"product": "1", "user": "u", "rating": 5, "text": "good"}\n', "reviews"),
    "评价.csv": ("商品ID,用户,评分,评价内容\n1,u,5,很好\n", "reviews"),
    "questions.jsonl": ('{"product": "1", "question": "How big?", "answers": [{"text": "10 cm"}]}\n', "questions"),
    "chats.jsonl": ('{"id": "c1", "turns": [{"role": "user", "text": "hi"}]}\n', "conversations"),
    "turns.csv": ("session_id,role,text\nc1,user,hi\n", "conversations"),
    "queries.tsv": ("id\ttext\timage\nq1\tred lamp\t\n", "queries"),
}
FEEDS = {
    "plain.csv": "id,title,price\n1,Lamp,9.99 USD\n",
    "text.csv": "id,text\n1,Lamp\n",
    "rated.csv": "id,title,rating,user,text,price\n1,Lamp,4,u,good,5 USD\n",
    "titles.jsonl": '{"id": "1", "title": "Lamp", "type": "lamp"}\n',
    "linked.jsonl": '{"@context": "https://schema.org", "@type": "Product", "@id": "1", "name": "Lamp", "sku": "1",'
    ' "text": "bright", "user": "u", "rating": 5}\n',
    "session.csv": "id,title,brand,session_id,role,text\n1,Lamp,Lux,s,r,t\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_tables_are_told_and_their_command_is_named(name: str, tmp_path: Path) -> None:
    text, kind = OTHERS[name]
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert other_records(path) == kind
    with Shop.create(tmp_path / "shop") as shop:
        with pytest.raises(DataError, match=f"those of {kind}") as caught:
            shop.ingest(path)
        assert "goodsense" in caught.value.fix


@pytest.mark.parametrize("name", FEEDS)
def test_feeds_are_feeds(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(FEEDS[name], "utf-8")
    assert other_records(path) == ""


@pytest.mark.parametrize("format", [known.name for known in FORMATS if not TRIPS[known.name].files])
def test_no_written_feed_is_taken_for_something_else(format: str, tmp_path: Path) -> None:
    trip = TRIPS[format]
    path = tmp_path / "feed"
    write_feed(trip.example or EXAMPLE, path, format=format, media=trip.read_medium)
    assert path.is_dir() or other_records(path) == ""


def test_a_folder_brings_its_products_and_names_the_rest(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "products.csv").write_text("id,title\n1,Lamp\n", "utf-8")
    for name, (text, _) in OTHERS.items():
        (tmp_path / "all" / name).write_text(text, "utf-8")
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(tmp_path / "all")
        assert [product.id for product in shop.truth.products()] == ["1"]
    assert sum("Left out" in note for note in report.notes) == len(OTHERS)
