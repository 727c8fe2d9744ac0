"""Whatever a catalog comes in: files, folders, archives, addresses, standard input."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
import zipfile
from pathlib import Path

import pytest

from goodsense.errors import DataError, FetchError, StorageError, UsageError
from goodsense.media.fetch import FetchPolicy
from goodsense.shop import Shop, Source
from tests.media.servers import Raw, header_of, raw_server, reply
from tests.shop.catalogs import picture

HERE = FetchPolicy(allow_private=True, per_host_delay_s=0, retries=0)
ROWS = "id,title,image\n1,一个木火车,p/1.jpg\n2,a kite,p/2.jpg\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A feed with its pictures, a second feed, and things that are neither."""
    made = tmp_path / "export"
    (made / "p").mkdir(parents=True)
    (made / "products.csv").write_text(ROWS, "utf-8")
    for n in (1, 2):
        (made / "p" / f"{n}.jpg").write_bytes(picture("red", "kite", seed=n))
    (made / "b.jsonl").write_text('{"id": "3", "title": "drum"}\n')
    (made / "README.txt").write_text("Nothing to see here.\n")
    (made / ".hidden.csv").write_text("id,title\n9,hidden\n")
    return made


def ids(shop: Shop) -> list[str]:
    return [product.id for product in shop.truth.products()]


# ---- folders


def test_every_feed_file_of_a_folder_is_read_with_media_relative_to_it(folder: Path, tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(folder)
        assert ids(shop) == ["1", "2", "3"]
    assert (report.read, report.rejected) == (3, 0)
    assert report.media == {"taken in": 2}
    assert any("README.txt" in note for note in report.notes)


def test_a_folder_of_pictures_is_one_feed(tmp_path: Path) -> None:
    for name in ("train/红色/1_red_kite.jpg", "test/blue/2.jpg", "train/红色/1_red_kite__2.jpg"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture("red", "kite", seed=len(name)))
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(tmp_path / "pictures")
        found = {product.id: product for product in shop.truth.products()}
    assert report.format == "image-folder"
    assert report.media == {"taken in": 3}
    kite = found["train/红色/1_red_kite"]
    assert (kite.title, kite.category, kite.split, len(kite.media)) == ("1 red kite", ("红色",), "train", 2)
    assert all(ref.sha256 for ref in kite.media)
    assert found["test/blue/2"].title == ""


def test_a_table_that_is_no_feed_is_rejected_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").write_text("colour,size\nred,L\n")
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(folder)
        assert ids(shop) == ["1", "2", "3"]
    assert report.rejected == 1
    (line,) = map(json.loads, Path(report.rejects_path).read_text("utf-8").splitlines())
    assert line["file"] == str(folder / "a.csv")
    assert "id" in line["reason"]


def test_pictures_beside_tables_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "set" / "kites").mkdir(parents=True)
    (tmp_path / "set" / "kites" / "red.jpg").write_bytes(picture("red", "kite"))
    (tmp_path / "set" / "sizes.csv").write_text("colour,size\nred,L\n")
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(tmp_path / "set")
        assert ids(shop) == ["kites/red"]
    assert (report.format, report.rejected) == ("image-folder", 1)


def test_files_of_another_format_than_that_asked_for_are_left_out(folder: Path, tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(Source(folder, format="jsonl"))
        assert ids(shop) == ["3"]
    assert report.rejected == 0
    assert any("products.csv: looks like csv" in note for note in report.notes)


def test_an_empty_folder_and_one_without_feeds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("hello\n")
    with Shop.create(tmp_path / "shop") as shop:
        with pytest.raises(DataError, match="empty: holds neither a feed nor pictures"):
            shop.ingest(tmp_path / "empty")
        with pytest.raises(DataError, match=r"neither a feed.*notes\.txt"):
            shop.ingest(tmp_path / "texts")


def test_links_that_lead_outside_bring_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("id,title\nsecret,secret\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "s.jpg").write_bytes(picture("red", "kite"))
    (folder / "linked.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "p" / "1.jpg").unlink()
    (folder / "p" / "1.jpg").symlink_to(tmp_path / "secrets" / "s.jpg")
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(folder)
        assert ids(shop) == ["1", "2", "3"]
    assert report.media == {"taken in": 1, "rejected": 1}
    said = Path(report.rejects_path).read_text("utf-8")
    assert said.count("leads outside") == 2


def test_a_folder_of_pictures_keeps_inside_too(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "kite.jpg").write_bytes(picture("red", "kite"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(picture("blue", "drum"))
    (pictures / "folder").symlink_to(outside)
    (pictures / "linked.jpg").symlink_to(outside / "secret.jpg")
    (pictures / "up").symlink_to(pictures)
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(pictures)
        assert ids(shop) == ["kite", "linked"]
        assert [ref.sha256 is None for product in shop.truth.products() for ref in product.media] == [False, True]
    assert report.media["rejected"] == 1


# ---- archives


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("inside", ["", "export/"])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives_are_folders(kind: str, inside: str, folder: Path, tmp_path: Path) -> None:
    files = {f"{inside}{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}
    target = tmp_path / f"packed.{kind}"
    if kind == "zip":
        zipped(target, {name: path.read_bytes() for name, path in files.items()})
    else:
        with tarfile.open(target, f"w:{kind.partition('.')[2]}") as archive:
            for name, path in files.items():
                archive.add(path, name)
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(target)
        assert ids(shop) == ["1", "2", "3"]
    assert report.media == {"taken in": 2}


def test_messages_name_the_archive_and_its_member(tmp_path: Path) -> None:
    rows = 'id,title,image\n1,kite,missing.jpg\n,no id,\n2,drum,"../../etc/passwd"\n'
    packed = zipped(tmp_path / "feed.zip", {"in/products.csv": rows.encode(), "in/x.csv": b"id,title\n1,again\n"})
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(packed)
        with pytest.raises(DataError, match=r"feed\.zip!in/products\.csv, row 3") as raised:
            shop.ingest(packed, strict=True)
    assert "goodsense-" not in raised.value.message
    lines = [json.loads(line) for line in Path(report.rejects_path).read_text("utf-8").splitlines()]
    assert {line["file"] for line in lines} == {f"{packed}!in/products.csv", f"{packed}!in/x.csv"}
    assert [line["scope"] for line in lines].count("row") == 2
    assert "goodsense-" not in Path(report.rejects_path).read_text("utf-8")


def test_an_archive_within_an_archive_stays_packed(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"more.csv": b"id,title\nhidden,x\n"}).read_bytes()
    packed = zipped(tmp_path / "outer.zip", {"products.csv": b"id,title\n1,kite\n", "inner.zip": inner})
    only = zipped(tmp_path / "only.zip", {"inner.zip": inner})
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(packed)
        assert ids(shop) == ["1"]
        with pytest.raises(DataError, match=r"only\.zip: holds neither a feed nor pictures"):
            shop.ingest(only)
    assert f"{packed}!inner.zip: an archive within is not unpacked." in report.notes


def test_a_workbook_and_a_damaged_archive_are_told(tmp_path: Path) -> None:
    book = zipped(tmp_path / "book.xlsx", {"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b"<a/>"})
    torn = tmp_path / "torn.zip"
    torn.write_bytes(zipped(tmp_path / "whole.zip", {"a.csv": b"id,title\n1,a\n" * 99}).read_bytes()[:200])
    with Shop.create(tmp_path / "shop") as shop:
        with pytest.raises(DataError, match=r"book\.xlsx: this is an Office document"):
            shop.ingest(book)
        with pytest.raises(DataError, match=r"torn\.zip"):
            shop.ingest(torn)
        assert ids(shop) == []


# ---- addresses


@pytest.fixture
def web() -> object:
    with raw_server() as served:
        yield served


def tagged(body: bytes, tag: str, **headers: str) -> object:
    """Answers 304 to whoever has this tag already."""

    def answer(connection: socket.socket, request: bytes) -> None:
        if header_of(request, "If-None-Match") == tag:
            reply(b"", status=304, headers={"ETag": tag})(connection, request)
        else:
            reply(body, headers={"ETag": tag, **headers})(connection, request)

    return answer


def test_a_feed_by_address_makes_its_media_absolute(web: Raw, tmp_path: Path) -> None:
    rows = "id,title,image\n1,kite,../p/1.jpg\n2,drum,https://cdn.example/2.jpg\n3,bad,javascript:alert(1)\n,x,\n"
    web.answers["/feeds/all"] = reply(rows.encode())
    url = f"{web.url}/feeds/all"
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(url, policy=HERE)
        found = {product.id: product.media[0].uri for product in shop.truth.products()}
    assert found["1"] == f"{web.url}/p/1.jpg"
    assert found["2"] == "https://cdn.example/2.jpg"
    assert report.media == {"not fetched": 2, "rejected": 1}
    lines = [json.loads(line) for line in Path(report.rejects_path).read_text("utf-8").splitlines()]
    assert {line["file"] for line in lines} == {url}


def test_an_unchanged_feed_is_not_read_again_unless_asked(web: Raw, tmp_path: Path) -> None:
    web.answers["/feed.csv"] = tagged(b"id,title\n1,kite\n", '"a"')
    url = f"{web.url}/feed.csv"
    with Shop.create(tmp_path / "shop") as shop:
        assert shop.ingest(url, policy=HERE).added == 1
        second = shop.ingest(url, policy=HERE)
        assert (second.read, second.unmodified) == (0, [url])
        assert any("not modified" in note for note in second.notes)
        assert header_of(web.requests[-1], "If-None-Match") == '"a"'
        assert shop.ingest(url, policy=HERE, again=True).unchanged == 1
        assert shop.ingest(url, policy=HERE, delete_missing=True).deleted == 0
        assert shop.ingest(Source(url, mapping={"brand": "title"}), policy=HERE).read == 1
        web.answers["/feed.csv"] = tagged(b"id,title\n1,kite\n2,drum\n", '"b"')
        assert shop.ingest(url, policy=HERE).added == 1


def test_a_feed_that_was_not_read_to_its_end_counts_as_new(web: Raw, tmp_path: Path) -> None:
    web.answers["/feed.json"] = tagged(b'[{"id": "1", "title": "kite"}, {"id": ', '"a"')
    url = f"{web.url}/feed.json"
    with Shop.create(tmp_path / "shop") as shop:
        for _ in range(2):
            with pytest.raises(DataError, match=r"/feed\.json: item 2"):
                shop.ingest(url, policy=HERE)
        web.answers["/rejected.csv"] = tagged(b"id,title\n1,kite\n,x\n", '"a"')
        for _ in range(2):
            assert shop.ingest(f"{web.url}/rejected.csv", policy=HERE).rejected == 1


def test_a_page_is_no_feed(web: Raw, tmp_path: Path) -> None:
    web.answers["/feed.csv"] = reply(b"<!DOCTYPE html><html><body>Please log in</body></html>")
    with Shop.create(tmp_path / "shop") as shop:
        with pytest.raises(DataError, match="a web page") as raised:
            shop.ingest(f"{web.url}/feed.csv", policy=HERE)
        with pytest.raises(FetchError, match="404"):
            shop.ingest(f"{web.url}/nothing.csv", policy=HERE)
        (tmp_path / "saved.csv").write_text("<html><h1>Please log in</h1></html>", "utf-8")
        with pytest.raises(DataError, match=r"saved\.csv: this is a web page"):
            shop.ingest(tmp_path / "saved.csv")
        with pytest.raises(UsageError, match="only http and https"):
            shop.ingest("ftp://shop.example/feed.csv")
    assert "crawl" in raised.value.fix


def test_an_archive_by_address(web: Raw, folder: Path, tmp_path: Path) -> None:
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    web.answers["/all.zip"] = reply(zipped(tmp_path / "a.zip", files).read_bytes())
    with Shop.create(tmp_path / "shop") as shop:
        assert shop.ingest(f"{web.url}/all.zip", policy=HERE).media == {"taken in": 2}
        assert ids(shop) == ["1", "2", "3"]


def test_private_addresses_are_opened_on_request_only(web: Raw, tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop, pytest.raises(FetchError):
        shop.ingest(f"{web.url}/feed.csv")
    assert web.requests == []


# ---- the rest


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"id,title\n1,kite\n,x\n")))
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest("-")
        assert ids(shop) == ["1"]
    assert json.loads(Path(report.rejects_path).read_text("utf-8"))["file"] == "standard input"


def test_a_mistyped_source_stops_before_anything_is_read(folder: Path, tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        for wrong in (tmp_path / "no.csv", "x" * 5000, "a\0b"):
            with pytest.raises(UsageError, match="no such file or folder"):
                shop.ingest(folder / "products.csv", wrong)
        assert ids(shop) == []


@pytest.mark.parametrize("there", [False, True])
def test_a_new_shop_that_an_error_leaves_empty_is_taken_away(there: bool, tmp_path: Path) -> None:
    place = tmp_path / "shop"
    if there:
        place.mkdir()
    with pytest.raises(UsageError), Shop.creating(place) as shop:
        shop.ingest(tmp_path / "mistyped.csv")
    assert place.exists() is there
    assert not there or not any(place.iterdir())


def test_a_shop_that_holds_something_stays(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title\n1,kite\n")
    (tmp_path / "b.csv").write_text("id,title\n,kite\n")

    def feed_and_fail(place: str, feed: str) -> None:
        with Shop.creating(tmp_path / place) as shop:
            shop.ingest(tmp_path / feed)
            shop.ingest(tmp_path / "mistyped.csv")

    for place, feed in (("one", "a.csv"), ("two", "b.csv")):
        with pytest.raises(UsageError):
            feed_and_fail(place, feed)
    with Shop.open(tmp_path / "one") as shop:
        assert len(shop) == 1
    assert (tmp_path / "two" / "rejects.jsonl").exists()


def test_a_place_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError), Shop.creating(tmp_path / "mine") as shop:
        shop.ingest(tmp_path / "mistyped.csv")
    assert (tmp_path / "mine" / "thesis.txt").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with Shop.create(tmp_path / "shop") as shop, pytest.raises((DataError, StorageError)):
        shop.ingest(tmp_path / "closed")
