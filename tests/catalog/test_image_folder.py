"""Folders of pictures, kind and hostile."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goodsense.catalog import Product
from goodsense.catalog.feeds import read_feed, write_feed
from goodsense.catalog.feeds.image_folder import readable
from goodsense.errors import DataError, UsageError
from goodsense.tables import Rejects, folders
from goodsense.types import AudioRef, ImageRef
from tests.catalog.formats.image_folder import read_medium


def made(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def read(root: Path) -> dict[str, Product]:
    rejects = Rejects.to_memory()
    found = {product.id: product for _, product in read_feed(root, format="image-folder", rejects=rejects)}
    assert not rejects.first
    return found


@pytest.mark.parametrize(
    ("stem", "title"),
    [
        ("red_wooden-train", "red wooden train"),
        ("红色连衣裙_01", "红色连衣裙 01"),
        ("IMG_0001", ""),
        ("DSC-20240101.final", "DSC 20240101 final"),
        ("000123", ""),
        ("9f86d081884c7d659a2feaa0c55ad015", ""),
        ("n02084071_1234", ""),
        ("blue%20kite", "blue kite"),
        ("", ""),
    ],
)
def test_a_title_is_what_the_name_says_in_words(stem: str, title: str) -> None:
    assert readable(stem) == title


def test_further_pictures_of_a_product(tmp_path: Path) -> None:
    names = ["a/kite.jpg", "a/kite__2.PNG", "a/kite__10.jpg", "a/kite.mp3", "a/drum__2.jpg", "kite.jpg"]
    found = read(made(tmp_path, *names))
    assert set(found) == {"a/kite", "a/drum__2", "kite"}
    kite = found["a/kite"].media
    assert kite == (
        ImageRef("a/kite.jpg"),
        AudioRef("a/kite.mp3"),
        ImageRef("a/kite__2.PNG"),
        ImageRef("a/kite__10.jpg"),
    )


def test_splits_are_folders_at_the_top_that_are_nothing_else(tmp_path: Path) -> None:
    one = read(made(tmp_path / "one", "Train/cat/1.jpg", "validation/cat/2.jpg", "test/dog/3.jpg"))
    assert [product.split for product in one.values()] == ["train", "test", "val"]
    assert [product.category for product in one.values()] == [("cat",), ("dog",), ("cat",)]
    two = read(made(tmp_path / "two", "train/1.jpg", "plane/2.jpg"))
    assert {product.category for product in two.values()} == {("train",), ("plane",)}
    three = read(made(tmp_path / "three", "train/1.jpg", "loose.jpg"))
    assert all(product.split == "" for product in three.values())


def test_what_is_no_medium_is_passed_over_and_said(tmp_path: Path) -> None:
    made(tmp_path, "a.jpg", "Thumbs.db", "notes/b.txt", ".hidden.jpg", ".git/c.jpg")
    feed = read_feed(tmp_path, rejects=Rejects.to_memory(strict=True))
    assert [product.id for _, product in feed] == ["a"]
    assert "2 files that are no picture, sound or clip are passed over." in feed.notes


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    for name in ("empty", "texts"):
        (tmp_path / name).mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    for name in ("empty", "texts"):
        with pytest.raises(DataError, match=name):
            list(read_feed(tmp_path / name, format="image-folder", rejects=Rejects.to_memory()))
        with pytest.raises(DataError, match="no known feed"):
            read_feed(tmp_path / name, rejects=Rejects.to_memory())
    with pytest.raises(UsageError, match="no columns"):
        read_feed(tmp_path, format="image-folder", mapping={"title": "x"}, rejects=Rejects.to_memory())


def test_names_in_other_encodings_cost_themselves_only(tmp_path: Path) -> None:
    made(tmp_path, "好.jpg", "a/b.jpg")
    folder = os.fsencode(tmp_path)
    os.mkdir(folder + b"/" + "红".encode("gb18030"))
    for name in ("红".encode("gb18030") + b"/1.jpg", b"\xff\xfe.jpg", b"line\nbreak.jpg", b" .jpg"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(b"")
    rejects = Rejects.to_memory()
    found = [product.id for _, product in read_feed(tmp_path, rejects=rejects)]
    assert found == ["好", "a/b"]
    reasons = sorted(reject.reason for reject in rejects.first)
    assert reasons == [
        "the file's name is not UTF-8",
        "the file's name is not UTF-8",
        "the id holds control characters",
        "the id is empty",
    ]
    assert any("GB18030" in reject.fix for reject in rejects.first)


def test_two_thousand_odd_names(tmp_path: Path) -> None:
    rng = random.Random(5)
    pieces = [
        b"a",
        b"__2",
        b"\xe7\xba\xa2",
        b"\xff",
        b".",
        b" ",
        b"\n",
        b"%2F",
        b"=",
        b"\xcc\x81",
        b"x" * 60,
        b".jpg",
        b"-",
    ]
    folder = os.fsencode(tmp_path)
    names = {
        b"".join(rng.choices(pieces, k=rng.randrange(1, 6))) + rng.choice([b".jpg", b".PNG", b".wav"])
        for _ in range(2000)
    }
    for name in names:
        if len(name) < 255:
            Path(os.fsdecode(folder + b"/" + name)).write_bytes(b"")
    rejects = Rejects.to_memory()
    found = [product for _, product in read_feed(tmp_path, format="image-folder", rejects=rejects)]
    assert found
    assert rejects.first
    for product in found:
        product.id.encode()
        assert product.id == product.id.strip()
        assert product.media


def test_deep_folders_and_links_in_circles_end(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(300):
            os.mkdir("a", dir_fd=here)
            deeper = os.open("a", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
    finally:
        os.close(here)
    made(tmp_path, "x.jpg")
    (tmp_path / "circle").symlink_to(tmp_path)
    assert set(read(tmp_path)) == {"x"}


def test_looking_at_a_folder_does_not_list_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, *(f"{n}.jpg" for n in range(3000)))
    seen = 0
    scandir = os.scandir

    class Counting:
        def __init__(self, path: Any) -> None:
            self.inner = scandir(path)

        def __enter__(self) -> Iterator[Any]:
            return self.count()

        def __exit__(self, *exception: object) -> None:
            self.inner.close()

        def count(self) -> Iterator[Any]:
            nonlocal seen
            for entry in self.inner:
                seen += 1
                yield entry

    monkeypatch.setattr(folders.os, "scandir", Counting)
    feed = read_feed(tmp_path, rejects=Rejects.to_memory())
    assert seen <= 501
    assert sum(1 for _ in feed) == 3000
    assert seen <= 501 + 3000 + 1


# ---- writing


def test_writing_needs_bytes_and_a_new_folder(tmp_path: Path) -> None:
    product = Product("1", media=(ImageRef("a.jpg"),))
    with pytest.raises(UsageError, match="bytes"):
        write_feed([product], tmp_path / "new", format="image-folder")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_feed([product], tmp_path / "full", format="image-folder", media=read_medium)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_picture_that_is_not_there_refuses_all_and_leaves_nothing(tmp_path: Path) -> None:
    def missing(ref: Any) -> bytes:
        if ref.uri == "b.jpg":
            raise DataError("b.jpg is not in the shop.", fix="Fetch it.")
        return read_medium(ref)

    products = [Product("1", media=(ImageRef("a.jpg"),)), Product("2", media=(ImageRef("b.jpg"),))]
    with pytest.raises(DataError, match=r"product '2': b\.jpg is not in the shop"):
        write_feed(products, tmp_path / "out", format="image-folder", media=missing)
    with pytest.raises(DataError, match="no image of a known kind"):
        write_feed(products[:1], tmp_path / "out", format="image-folder", media=lambda ref: b"text")
    assert list(tmp_path.iterdir()) == []


def test_products_without_media_are_left_out_and_counted(tmp_path: Path) -> None:
    products = [Product("1"), Product("2", media=(ImageRef("a.jpg"),))]
    assert write_feed(products, tmp_path / "out", format="image-folder", media=read_medium) == 1


@pytest.mark.parametrize(
    "id", ["../../x", "/etc/x", "a/../b", "..", ".", "", "a\0b", "x" * 300, "-rf", "a\\b", "CON:", "红" * 99]
)
def test_no_id_or_category_leads_outside(id: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    product = Product(id, category=(id, "ok"), split="train", media=(ImageRef("a.jpg"), ImageRef("b.jpg")))
    assert write_feed([product], target, format="image-folder", media=read_medium) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    files = [path for path in target.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(path.parent.name == "ok" for path in files)
    (found,) = read(target).values()
    assert len(found.media) == 2


def test_products_of_the_same_name_stay_two(tmp_path: Path) -> None:
    products = [
        Product("x", category=("cat",), media=(ImageRef("1.jpg"),)),
        Product("cat/x", category=("cat",), media=(ImageRef("2.jpg"),)),
        Product("cat/X", category=("cat",), media=(ImageRef("3.jpg"),)),
    ]
    write_feed(products, tmp_path / "out", format="image-folder", media=read_medium)
    assert len(read(tmp_path / "out")) == 3
