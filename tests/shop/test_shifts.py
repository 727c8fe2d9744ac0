"""Shoppers' photos are darker and busier than the shop's pictures; what they all have in common is left out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from goodsense.search.calibration import Calibration
from goodsense.shop import Shop, make_query
from goodsense.shop.evaluation import store_judgements
from goodsense.shop.shifts import ENOUGH
from goodsense.types import ImageRef
from tests.shop.catalogs import COLOURS, THINGS, picture, toys


def photo(colour: str, thing: str, *, seed: int) -> bytes:
    """The product as a phone sees it in a dim room: its white surroundings are dark and noisy."""
    from PIL import Image as pil

    rng = np.random.default_rng(seed)
    pixels = np.asarray(pil.open(io.BytesIO(picture(colour, thing, seed=seed))), dtype=np.float32)
    around = pixels.min(axis=2, keepdims=True) > 238
    room = rng.normal((60, 50, 40), 25, pixels.shape)
    target = io.BytesIO()
    pil.fromarray(np.where(around, room, pixels * 0.6).clip(0, 255).astype(np.uint8)).save(target, "JPEG")
    return target.getvalue()


def photos(directory: Path, *, first: int, count: int) -> dict[str, tuple[str, str]]:
    """File -> colour and thing, one photo each."""
    directory.mkdir()
    found = {}
    for number in range(first, first + count):
        colour, thing = list(COLOURS)[number % 3], THINGS[number % len(THINGS)]
        path = directory / f"{number}.jpg"
        path.write_bytes(photo(colour, thing, seed=1000 + number))
        found[str(path)] = (colour, thing)
    return found


def store(shop: Shop, directory: Path, kept: dict[str, tuple[str, str]]) -> None:
    lines = [json.dumps({"id": path, "image": Path(path).name}) for path in kept]
    (directory / "queries.jsonl").write_text("\n".join(lines), "utf-8")
    assert store_judgements(shop, directory / "queries.jsonl") == (len(kept), 0)


def right(shop: Shop, asked: dict[str, tuple[str, str]]) -> float:
    """The share of photos whose first product has the colour and is the thing."""
    titles = [shop.search(make_query(image=ImageRef(path)), k=1).hits[0].title for path in asked]
    return float(np.mean([f" {t} {c} " in title for (c, t), title in zip(asked.values(), titles, strict=True)]))


def test_kept_photos_bring_new_photos_to_their_products(own: Shop, tmp_path: Path) -> None:
    asked = photos(tmp_path / "asked", first=0, count=36)
    before = right(own, asked)
    kept = photos(tmp_path / "kept", first=100, count=ENOUGH + 10)
    store(own, tmp_path / "kept", kept)
    Path(next(iter(kept))).unlink()  # one of them is gone
    report = own.build(workers=1)
    assert "image: what all image queries have in common is left out" in report.notes
    shift = np.array(own.snapshot.calibration.shifts["image", "image"])
    assert np.linalg.norm(shift) == pytest.approx(1.0, abs=1e-5)
    assert right(own, asked) > before


def test_few_photos_say_nothing(own: Shop, tmp_path: Path) -> None:
    store(own, tmp_path / "kept", photos(tmp_path / "kept", first=0, count=ENOUGH - 1))
    own.build(workers=1)
    assert not own.snapshot.calibration.shifts


def test_pictures_like_the_shops_own_are_no_shift(own: Shop, tmp_path: Path) -> None:
    directory = tmp_path / "kept"
    directory.mkdir()
    lines = []
    for number, product in enumerate(toys(48)):
        colour, thing = str(product.attributes["colour"]), product.category[1].lower()
        (directory / f"{number}.jpg").write_bytes(picture(colour, thing, seed=500 + number))
        lines.append(json.dumps({"id": str(number), "image": f"{number}.jpg"}))
    (directory / "queries.jsonl").write_text("\n".join(lines), "utf-8")
    store_judgements(own, directory / "queries.jsonl")
    own.build(workers=1)
    assert not own.snapshot.calibration.shifts


def test_a_shift_leaves_the_rest_as_it_is() -> None:
    shift = (0.6, 0.8, 0.0)
    calibration = Calibration({}, shifts={("image", "image"): shift})
    again = Calibration.from_json(calibration.to_json())
    assert again == calibration
    vectors = np.array([[0.6, 0.8, 0.0], [0.8, -0.6, 2.0]], dtype=np.float32)
    found = again.unshifted("image", "image", vectors)
    assert found == pytest.approx(np.array([[0.0, 0.0, 0.0], [0.8, -0.6, 2.0]]), abs=1e-6)
    assert again.unshifted("text", "image", vectors) is vectors
