"""Folders, archives and addresses on the command line, and the way out into a folder of pictures."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.cli.calls import Caller
from tests.cli.conftest import Material
from tests.media.servers import Raw, raw_server, reply
from tests.shop.catalogs import picture

RED = picture("red", "kite")


@pytest.fixture
def web() -> object:
    with raw_server(
        {"/p/red.jpg": reply(RED), "/feed.csv": reply(b"id,title,image\n1,kite,p/red.jpg\n2,drum,p/no.jpg\n")}
    ) as served:
        yield served


def test_from_an_address_to_a_folder_of_pictures_and_back(web: Raw, tmp_path: Path, call: Caller) -> None:
    shop, url = tmp_path / "shop", f"{web.url}/feed.csv"
    refused = call("ingest", shop, url, "--json")
    assert (refused.code, refused.error["code"]) == (3, "fetch")
    assert "--allow-private" in refused.error["fix"]
    assert not shop.exists()

    done = call("ingest", shop, url, "--allow-private", "--json")
    assert (done.code, done.json["read"], done.json["media"]) == (0, 2, {"not fetched": 2})
    again = call("ingest", shop, url, "--allow-private", "--json")
    assert again.json["unmodified"] == [url]
    assert "not modified" in call("ingest", shop, url, "--allow-private").out
    assert call("ingest", shop, url, "--allow-private", "--again", "--json").json["unchanged"] == 2

    early = call("export", shop, tmp_path / "early", "--format", "image-folder", "--json")
    assert early.code == 3
    assert "goodsense fetch" in early.error["fix"]
    assert not (tmp_path / "early").exists()

    fetched = call("fetch", shop, "--allow-private", "--delay", "0", "--json")
    assert (fetched.code, fetched.json["media"]) == (5, {"fetched": 1, "broken": 1})
    said = call("fetch", shop, "--allow-private", "--delay", "0")
    assert "1 broken" in said.out
    assert "rejects.jsonl" in said.out

    web.answers["/p/no.jpg"] = reply(RED)
    assert call("fetch", shop, "--allow-private", "--delay", "0", "--json").code == 0
    out = tmp_path / "pictures"
    assert call("export", shop, out, "--format", "image-folder", "--json").json["products"] == 2
    assert sorted(path.name for path in out.iterdir()) == ["1.jpg", "2.jpg"]
    assert (out / "1.jpg").read_bytes() == RED
    back = call("ingest", tmp_path / "second", out, "--json").json
    assert (back["format"], back["read"], back["media"]) == ("image-folder", 2, {"taken in": 2})


def test_a_domain_that_is_not_allowed_is_not_opened(web: Raw, tmp_path: Path, call: Caller) -> None:
    done = call(
        "ingest",
        tmp_path / "shop",
        f"{web.url}/feed.csv",
        "--allow-private",
        "--allow-domain",
        "shop.example",
        "--json",
    )
    assert done.code == 3
    assert "shop.example" in done.error["message"]
    assert web.requests == []


def test_an_archive_and_a_folder(material: Material, tmp_path: Path, call: Caller) -> None:
    packed = tmp_path / "export.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(material.feed, "export/feed.csv")
        for photo in sorted((material.feed.parent / "photos").iterdir()):
            archive.write(photo, f"export/photos/{photo.name}")
    done = call("ingest", tmp_path / "shop", packed, "--json")
    assert (done.code, done.json["read"], done.json["media"]) == (0, 72, {"taken in": 61})


def test_what_a_folder_cannot_hold_is_said(own: Path, tmp_path: Path, call: Caller) -> None:
    done = call("export", own, tmp_path / "out", "--format", "image-folder")
    assert done.code == 0
    assert "61 products" in done.out
    assert "11 have nothing that image-folder could hold" in done.out


def test_a_mistyped_feed_leaves_no_shop_behind(tmp_path: Path, call: Caller) -> None:
    done = call("ingest", tmp_path / "shop", tmp_path / "mistyped.csv", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
    assert "mistyped.csv" in done.error["message"]
    assert list(tmp_path.iterdir()) == []
