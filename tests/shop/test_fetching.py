"""Media that products name by address come into the store, once, and what does not come is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goodsense.catalog import Product, Variant
from goodsense.errors import DataError, PartialError
from goodsense.media import MediaStore
from goodsense.media.fetch import FetchPolicy
from goodsense.media.strip import strip_metadata
from goodsense.shop import Shop
from goodsense.shop.fetching import broken_links
from goodsense.types import AudioRef, ImageRef, VideoRef
from tests.media.servers import Raw, raw_server, reply
from tests.media.test_strip import SECRET, told
from tests.shop.catalogs import picture

HERE = FetchPolicy(allow_private=True, per_host_delay_s=0, retries=0, backoff_s=0.01)
RED, BLUE = picture("red", "kite"), picture("blue", "drum")
MP4 = b"\0\0\0\x18ftypisom" + bytes(100)


@pytest.fixture
def web() -> object:
    with raw_server({"/red.jpg": reply(RED), "/blue.jpg": reply(BLUE), "/clip": reply(MP4)}) as served:
        served.answers["/page.jpg"] = reply(b"<!DOCTYPE html><html>Gone</html>")
        yield served


def products(url: str) -> list[Product]:
    return [
        Product("1", media=(ImageRef(f"{url}/red.jpg"), VideoRef(f"{url}/clip"))),
        Product("2", variants=(Variant("2a", media=(ImageRef(f"{url}/blue.jpg"), ImageRef(f"{url}/red.jpg"))),)),
        Product("3", media=(ImageRef(f"{url}/gone.jpg"), ImageRef(f"{url}/page.jpg"), AudioRef(f"{url}/red.jpg?x"))),
        Product("4", media=(ImageRef("local.jpg"),)),
        Product("5", media=(ImageRef("http://[bad"),)),
    ]


def test_what_products_name_comes_into_the_store(web: Raw, tmp_path: Path) -> None:
    with Shop.create(tmp_path) as shop:
        shop.add(products(web.url))
        report = shop.fetch(policy=HERE)
        found = {product.id: product for product in shop.truth.products()}
    assert report.media == {"fetched": 3, "broken": 4}
    assert (report.products, report.bytes) == (2, len(RED) + len(BLUE) + len(MP4))
    store = MediaStore(tmp_path / "media")
    assert [store.read(ref.sha256 or "", verify=True) for ref in found["1"].media] == [RED, MP4]
    assert [store.read(ref.sha256 or "") for ref in found["2"].variants[0].media] == [BLUE, RED]
    assert all(ref.sha256 is None for ref in found["3"].media)
    assert web.paths().count("/red.jpg") == 1


def test_broken_links_are_told_and_remembered(web: Raw, tmp_path: Path) -> None:
    with Shop.create(tmp_path) as shop:
        shop.add(products(web.url))
        report = shop.fetch(policy=HERE)
        lines = [json.loads(line) for line in Path(report.rejects_path).read_text("utf-8").splitlines()]
        links = broken_links(tmp_path, shop.truth.products())
    assert {line["scope"] for line in lines} == {"medium"}
    by_url = {line["value"].removeprefix(web.url): line["reason"] for line in lines}
    assert set(by_url) == {"/gone.jpg", "/page.jpg", "/red.jpg?x", "http://[bad"}
    assert "404" in by_url["/gone.jpg"]
    assert "gives html, no image" in by_url["/page.jpg"]
    assert set(links) == {f"{web.url}/gone.jpg", f"{web.url}/page.jpg", f"{web.url}/red.jpg?x"}
    assert "404" in links[f"{web.url}/gone.jpg"]


def test_a_second_run_tries_only_what_failed(web: Raw, tmp_path: Path) -> None:
    with Shop.create(tmp_path) as shop:
        shop.add(products(web.url))
        shop.fetch(policy=HERE)
        before = len(web.requests)
        web.answers["/gone.jpg"] = reply(BLUE)
        again = shop.fetch(policy=HERE)
        assert again.media == {"fetched": 1, "broken": 3}
        assert web.paths()[before:] == ["/robots.txt", "/gone.jpg"]
        assert f"{web.url}/gone.jpg" not in broken_links(tmp_path, shop.truth.products())


def test_ingesting_the_feed_again_keeps_what_was_fetched(web: Raw, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(f"id,title,image\n1,kite,{web.url}/red.jpg\n2,drum,{web.url}/gone.jpg\n")
    with Shop.create(tmp_path / "shop") as shop:
        assert shop.ingest(feed).media == {"not fetched": 2}
        shop.fetch(policy=HERE)
        again = shop.ingest(feed)
        assert again.media == {"fetched before": 1, "not fetched": 1}
        assert again.unchanged == 2


def test_what_another_writer_did_meanwhile_is_kept(web: Raw, tmp_path: Path) -> None:
    with Shop.create(tmp_path) as shop, Shop.open(tmp_path) as other:
        shop.add([Product("1", title="old", media=(ImageRef(f"{web.url}/red.jpg"),)), products(web.url)[1]])

        def meanwhile(stage: str, done: int, total: int | None) -> None:
            if done == 1:
                other.add([Product("1", title="new", media=(ImageRef(f"{web.url}/red.jpg"),))])
                other.delete(["2"])

        shop.fetch(policy=HERE, progress=meanwhile)
        (product,) = shop.truth.products()
    assert product.title == "new"
    assert product.media[0].sha256


def test_stopping_keeps_what_came(web: Raw, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with Shop.create(tmp_path) as shop:
        shop.add([Product(str(n), media=(ImageRef(f"{web.url}/red.jpg?{n}"),)) for n in range(5)])
        with pytest.raises(PartialError, match="safely in"):
            shop.fetch(policy=HERE, progress=interrupt)
        kept = sum(product.media[0].sha256 is not None for product in shop.truth.products())
        assert kept >= 1
        assert shop.fetch(policy=HERE).media == {"fetched": 5 - kept}


def test_a_private_address_is_not_opened(web: Raw, tmp_path: Path) -> None:
    with Shop.create(tmp_path) as shop:
        shop.add(products(web.url)[:1])
        assert shop.fetch(policy=FetchPolicy(per_host_delay_s=0)).media == {"broken": 2}
    assert web.requests == []


def test_reading_a_medium_says_how_to_get_it(tmp_path: Path) -> None:
    with Shop.create(tmp_path) as shop:
        name = MediaStore(tmp_path / "media").put(RED)
        assert shop.read_medium(ImageRef("a.jpg", name)) == RED
        with pytest.raises(DataError, match="goodsense fetch"):
            shop.read_medium(ImageRef("http://x.example/a.jpg"))
        with pytest.raises(DataError, match="is not in the shop"):
            shop.read_medium(ImageRef("a.jpg"))


def test_places_go_from_what_is_fetched_and_from_the_download(tmp_path: Path) -> None:
    """Two addresses bring the same photo; neither the shop's media nor the downloads keep where it was taken."""
    photo = told("jpeg")
    feed = tmp_path / "feed.csv"
    with raw_server({"/a.jpg": reply(photo), "/b.jpg": reply(photo)}) as web, Shop.create(tmp_path / "shop") as shop:
        feed.write_text(f"id,title,image\n1,kite,{web.url}/a.jpg\n2,drum,{web.url}/b.jpg\n")
        shop.ingest(feed)
        assert shop.fetch(policy=HERE).media == {"fetched": 2}
        names = {ref.sha256 for product in shop.truth.products() for ref in product.media}
        again = shop.ingest(feed)
        assert (again.unchanged, dict(again.media)) == (2, {"fetched before": 2})
        asked = len(web.requests)
        assert not shop.fetch(policy=HERE).media
        assert len(web.requests) == asked
    assert len(names) == 1
    files = [path.read_bytes() for path in (tmp_path / "shop").rglob("*") if path.is_file()]
    assert strip_metadata(photo) in files
    assert not [data for data in files if SECRET in data]


def test_places_go_from_local_files_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(told("jpeg"))
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title,image\n1,kite,a.jpg\n")
    with Shop.create(tmp_path / "shop") as shop:
        shop.ingest(feed)
        assert shop.ingest(feed).unchanged == 1
        (product,) = shop.truth.products()
        assert shop.read_medium(product.media[0]) == strip_metadata(told("jpeg"))
