"""Facts of pictures, pictures that are wrong, and pictures that are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from goodsense.catalog.product import Product
from goodsense.media import MediaStore
from goodsense.quality.finding import Finding
from goodsense.quality.hashing import near_pairs, packed
from goodsense.quality.pictures import RECORD, VERSION, PictureFacts, measure
from goodsense.quality.similar_pictures import picture_pairs
from goodsense.types import ImageRef
from tests.quality.catalogs import cases, found_in
from tests.quality.picture_defects import PICTURES, WAYS, changed_a_little, encoded, with_picture


def drawn(seed: int, size: tuple[int, int] = (200, 160)) -> Image.Image:
    """A picture like no other: shapes of random colour and place on a plain ground."""
    rng = Random(seed)
    picture = Image.new("RGB", size, rng.choice(("white", "ivory", "lightblue")))
    draw = ImageDraw.Draw(picture)
    for _ in range(9):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        box = (x, y, x + rng.randint(10, 80), y + rng.randint(10, 80))
        shape = rng.choice((draw.ellipse, draw.rectangle))
        shape(box, fill=(rng.randrange(256), rng.randrange(256), rng.randrange(256)))
    return picture


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path / "media")


def shown(store: MediaStore, count: int = 12) -> list[Product]:
    titles = "Brass lamp|Oak chair|Wool rug|Tin drum|Silk scarf|Glass vase|Cork mat|Iron pan|Clay pot|Jute bag|Zinc tub"
    return [
        with_picture(Product(f"p{n}", title=title, category=(title.split()[1],)), store, encoded(drawn(n)))
        for n, title in enumerate([*titles.split("|"), "Felt hat"][:count])
    ]


def checked(products: list[Product], store: MediaStore) -> dict[str, Finding]:
    hashes = [ref.sha256 for product in products for ref in product.images if ref.sha256]
    return found_in(products, pictures=PictureFacts.of(hashes, store, workers=1))


# ---- facts


def test_a_record_tells_what_a_picture_is() -> None:
    (record,) = measure(encoded(drawn(1), format="PNG"), "ab" * 32)
    assert bytes(record["sha256"]).hex() == "ab" * 32
    assert (record["readable"], record["width"], record["height"]) == (1, 200, 160)
    assert PictureFacts(np.array([record], RECORD)).format_of(0) == "png"
    (blank,) = measure(encoded(Image.new("RGB", (90, 90), "white")))
    assert blank["brightness"] == pytest.approx(255, abs=1)
    assert blank["contrast"] < 1 < record["contrast"]
    assert blank["sharpness"] < 1 < record["sharpness"]


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a", b"<html>", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_is_no_picture_gets_a_record_too(data: bytes) -> None:
    (record,) = measure(data)
    assert (record["readable"], record["bytes"]) == (0, len(data))


def test_facts_are_kept_between_checks(store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [store.put(encoded(drawn(n))) for n in range(5)]
    first = PictureFacts.of(names, store, cache=tmp_path / "kept", workers=1)
    for name in names:
        store.path(name).unlink()
    again = PictureFacts.of([*names, "0" * 64], store, cache=tmp_path / "kept", workers=1)
    assert again.rows.keys() == first.rows.keys() == set(names)
    for name in names:
        assert again.records[again.rows[name]] == first.records[first.rows[name]]


def test_half_a_record_left_by_a_crash_is_overwritten(store: MediaStore, tmp_path: Path) -> None:
    names = [store.put(encoded(drawn(n))) for n in range(3)]
    PictureFacts.of(names[:2], store, cache=tmp_path, workers=1)
    file = tmp_path / f"pictures-v{VERSION}.bin"
    file.write_bytes(file.read_bytes()[:-100])
    assert set(PictureFacts.of(names, store, cache=tmp_path, workers=1).rows) == set(names)
    assert file.stat().st_size == 3 * RECORD.itemsize


def test_several_processes_measure_as_one(store: MediaStore) -> None:
    names = [store.put(encoded(drawn(n, (60, 50)))) for n in range(140)]
    alone, together = (PictureFacts.of(names, store, workers=workers) for workers in (1, 2))
    assert (alone.records == together.records).all()


# ---- wrong pictures


@pytest.mark.parametrize("kind", ["unreadable_picture", "tiny_picture", "blank_picture", "wrong_picture_type"])
def test_single_pictures(kind: str, store: MediaStore) -> None:
    products = shown(store)
    products[3] = with_picture(products[3], store, PICTURES[kind](drawn(3), Random(1)))
    found = checked(products, store)
    assert set(cases(found, kind)) == {"p3"}
    assert cases(found, kind)["p3"].found == products[3].images[0].sha256


def test_a_placeholder_is_on_unrelated_products_and_a_family_photo_is_not(store: MediaStore) -> None:
    products = shown(store)
    empty = PICTURES["placeholder_picture"](drawn(0), Random(0))
    products[1:5] = [with_picture(product, store, empty) for product in products[1:5]]
    family = [
        with_picture(Product(f"f{n}", title=f"Nordholm mug, {colour}", category=("Mugs",)), store, encoded(drawn(77)))
        for n, colour in enumerate(("red", "green", "blue", "black"))
    ]
    found = checked([*products, *family], store)
    assert set(cases(found, "placeholder_picture")) == {"p1", "p2", "p3", "p4"}
    assert set(cases(found, "near_duplicate_picture")) == {"f0", "f1", "f2", "f3"}


def test_overlays_are_found_by_what_pictures_have_in_common(store: MediaStore) -> None:
    products = shown(store)
    for n in (2, 5, 6, 9):
        products[n] = with_picture(products[n], store, PICTURES["watermark"](drawn(n), Random(n)))
    found = checked(products, store)
    assert set(cases(found, "watermark")) == {"p2", "p5", "p6", "p9"}
    assert found["watermark"].detail["overlays"] == [{"corner": "bottom right", "pictures": 4}]


def test_missing_files_and_broken_links() -> None:
    files = Product("file", title="Lamp", media=(ImageRef("gone.jpg"),))
    link = Product("link", title="Chair", url="https://a.example/p", media=(ImageRef("https://a.example/1.jpg"),))
    fine = replace(link, id="fine", title="Rug", url="https://a.example/q")
    found = found_in([files, link, fine], links={"https://a.example/p": "404 Not Found"})
    assert set(cases(found, "missing_file")) == {"file"}
    assert {id: (case.field, case.group) for id, case in cases(found, "broken_link").items()} == {
        "link": ("url", "404 Not Found")
    }


# ---- the same picture


@pytest.mark.parametrize("way", WAYS)
def test_pictures_changed_a_little_are_found_and_others_are_not(way: str) -> None:
    rng = Random(way)
    whole = [encoded(drawn(n)) for n in range(40)]
    changed = [changed_a_little(drawn(n), rng, way=way) for n in range(40)]
    facts = PictureFacts(np.concatenate([measure(data, f"{n:064x}") for n, data in enumerate([*whole, *changed])]))
    found = {(a, b) for a, b, _ in picture_pairs(facts)}
    right = {(n, n + 40) for n in range(40)}
    assert len(found & right) >= 0.95 * len(right)
    assert len(found & right) >= 0.98 * len(found)


def test_a_picture_in_another_colour_is_another(store: MediaStore) -> None:
    picture = np.asarray(drawn(5))
    recoloured = Image.fromarray(picture[..., ::-1].copy())
    facts = PictureFacts(np.concatenate([measure(encoded(Image.fromarray(picture))), measure(encoded(recoloured))]))
    assert picture_pairs(facts) == []


def test_groups_hold_all_copies_with_their_pictures(store: MediaStore) -> None:
    products = shown(store)
    copy = with_picture(
        Product("copy", title="Brass lamp"), store, changed_a_little(drawn(0), Random(3), way="resized")
    )
    equal = replace(products[0], id="equal", title="A lamp of brass")
    found = checked([*products, copy, equal], store)
    copies = cases(found, "near_duplicate_picture")
    assert set(copies) == {"p0", "copy", "equal"}
    assert {case.group for case in copies.values()} == {"p0"}
    assert copies["equal"].found == products[0].images[0].sha256
    assert copies["equal"].score == 1.0


def test_blank_pictures_are_no_duplicates(store: MediaStore) -> None:
    white = encoded(Image.new("RGB", (150, 150), "white"))
    products = [with_picture(product, store, white) for product in shown(store, 2)]
    assert "near_duplicate_picture" not in checked(products, store)


def test_near_bit_strings_are_found() -> None:
    rng = np.random.default_rng(4)
    bits = packed(rng.standard_normal((3000, 64)).astype(np.float32), np.zeros(64, np.float32))
    flips = np.array(
        [sum(1 << int(at) for at in rng.choice(64, 6, replace=False)) for _ in range(500)], dtype=np.uint64
    )
    every = np.concatenate((bits, bits[:500] ^ flips))
    found = {pair for a, b in near_pairs(every, within=8) for pair in zip(a.tolist(), b.tolist(), strict=True)}
    assert all(int(np.bitwise_count(every[a] ^ every[b])) <= 8 for a, b in found)
    hit = sum((n, 3000 + n) in found or (3000 + n, n) in found for n in range(500))
    assert hit >= 490
