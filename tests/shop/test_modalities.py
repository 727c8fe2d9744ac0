"""A shop with everything: five kinds of content, what shoppers say, and what they do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.events import Event
from goodsense.shop import Recipe, Shop, make_query
from goodsense.shop.build import build
from goodsense.shop.encoding import BLOCKS
from goodsense.types import AudioRef, ImageRef, Query, VideoRef
from tests.shop.catalogs import THINGS, clip, full_toys, picture, shoppers_of, sound

COUNT = 72


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """72 toys with pictures, sounds and clips, 36 shoppers, and one toy whose clip is no clip."""
    directory = tmp_path_factory.mktemp("full")
    found = Shop.create(directory)
    products = full_toys(COUNT, directory)
    store = directory / "media"
    from goodsense.media import MediaStore

    broken = VideoRef("broken.mp4", MediaStore(store).put(b"\x00\x00\x00\x18ftypmp42 but then nothing"))
    products[0] = replace(products[0], media=(broken,))
    found.add(products)
    events, reviews = shoppers_of(36)
    found.add_events(events)
    found.add_reviews(reviews)
    return found


@pytest.fixture(scope="module")
def report(shop: Shop) -> dict[str, object]:
    return build(shop.directory, Recipe(), workers=1).to_json()


def things(shop: Shop, query: Query, k: int = 3, using: list[str] | None = None) -> list[str]:
    return [hit.title.split()[1] for hit in shop.search(query, k=k, using=using)]


def test_every_block_is_there(shop: Shop, report: dict[str, object]) -> None:
    blocks = report["modalities"]
    assert isinstance(blocks, dict)
    assert tuple(blocks) == BLOCKS
    assert blocks["audio"]["present"] == COUNT // 2 + COUNT // 6 - 1  # the sound tracks of clips count
    assert blocks["video"]["present"] == COUNT // 3 - 1
    assert 0 < blocks["reviews"]["present"] <= 36
    assert 0 < blocks["behaviour"]["present"] < COUNT
    assert blocks["video"]["broken"] == 1


def test_a_broken_clip_is_named_with_its_reason(shop: Shop, report: dict[str, object]) -> None:
    lines = (shop.directory / "reports" / "broken-video.jsonl").read_text("utf-8").splitlines()
    (found,) = map(json.loads, lines)
    assert found["product"] == "toy-0000"
    assert found["reason"]


@pytest.mark.parametrize("thing", THINGS[:3])
def test_a_sound_finds_what_sounds_so(shop: Shop, report: dict[str, object], thing: str, tmp_path: Path) -> None:
    heard = tmp_path / "query.flac"
    heard.write_bytes(sound(thing, seed=1_000))
    assert things(shop, make_query(audio=AudioRef(str(heard)))) == [thing] * 3


@pytest.mark.parametrize(("colour", "thing"), [("white", "train"), ("blue", "kite"), ("green", "puzzle")])
def test_a_clip_finds_what_looks_and_moves_so(
    shop: Shop, report: dict[str, object], colour: str, thing: str, tmp_path: Path
) -> None:
    seen = tmp_path / "query.mp4"
    seen.write_bytes(clip(colour, thing, seed=1_000))
    assert things(shop, make_query(video=VideoRef(str(seen))), k=1) == [thing]


def test_a_clip_with_sound_reaches_sounds_too(shop: Shop, report: dict[str, object], tmp_path: Path) -> None:
    seen = tmp_path / "query.mp4"
    seen.write_bytes(clip("red", "drum", seed=1_000, sounding=True))
    encoded = shop.encode(make_query(video=VideoRef(str(seen))))
    assert {"video", "audio"} <= set(encoded.parts[0].probes)
    assert things(shop, make_query(video=VideoRef(str(seen))), using=["audio"])[0] == "drum"
    seen.write_bytes(clip("red", "drum", seed=1_000))
    assert "audio" not in shop.encode(make_query(video=VideoRef(str(seen)))).parts[0].probes


def test_reviews_are_found_by_what_they_say(shop: Shop, report: dict[str, object]) -> None:
    assert things(shop, make_query("my children love this kite"), using=["reviews"])[0] == "kite"


def test_what_is_bought_together_is_alike(shop: Shop, report: dict[str, object]) -> None:
    block = shop.snapshot.blocks["behaviour"]
    rows = np.flatnonzero(block.present)
    kind = np.array([shop.snapshot.titles[int(row)].split()[1] for row in rows])
    vectors = block.gather(rows)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, np.nan)
    same = kind[:, None] == kind[None]
    assert np.nanmean(alike[same]) > np.nanmean(alike[~same]) + 0.1


def test_all_parts_together_sum_to_the_score(shop: Shop, report: dict[str, object], tmp_path: Path) -> None:
    for name, data in (("q.jpg", picture("red", "train")), ("q.flac", sound("train")), ("q.mp4", clip("red", "train"))):
        (tmp_path / name).write_bytes(data)
    query = make_query(
        "red train",
        image=ImageRef(str(tmp_path / "q.jpg")),
        audio=AudioRef(str(tmp_path / "q.flac")),
        video=VideoRef(str(tmp_path / "q.mp4")),
    )
    hits = shop.search(query, k=5, explain=True)
    assert hits[0].title.split()[1] == "train"
    for hit in hits:
        assert sum(hit.terms.values()) == pytest.approx(hit.score, abs=1e-6)
    assert {"text", "image", "audio", "video"} <= {name.split(".")[0] for name in hits[0].terms}


def test_what_is_no_sound_is_an_error(shop: Shop, report: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "q.flac").write_bytes(b"no sound at all")
    with pytest.raises(DataError, match=r"q\.flac"):
        shop.search(make_query(audio=AudioRef(str(tmp_path / "q.flac"))))
    (tmp_path / "q.flac").write_bytes(sound("train"))
    with pytest.raises(UsageError, match="audio cannot reach image"):
        shop.search(make_query(audio=AudioRef(str(tmp_path / "q.flac"))), using=["image"])


def test_nothing_is_encoded_twice_and_changes_keep_what_shoppers_did(shop: Shop, report: dict[str, object]) -> None:
    product = shop.truth.get(["toy-0009"])["toy-0009"]
    before = shop.snapshot.blocks["behaviour"].gather(shop.snapshot.rows_of(["toy-0009"]))
    shop.add([replace(product, title=f"{product.title} now with a bell")])
    after = shop.snapshot.blocks["behaviour"].gather(shop.snapshot.rows_of(["toy-0009"]))
    np.testing.assert_array_equal(before, after)
    again = build(shop.directory, Recipe(), workers=1).to_json()["modalities"]
    assert {name: block["encoded"] for name, block in again.items()} == {**dict.fromkeys(BLOCKS, 0), "text": 1}
    assert again["video"]["broken"] == 1


def test_joined_encoders_of_clips_serve_again(shop: Shop, report: dict[str, object]) -> None:
    recipe = Recipe.model_validate({"encoders": {"video": "frames+motion"}})
    build(shop.directory, recipe, workers=1)
    shop.add_events([Event("late", "toy-0009", "view", time=1_800_000_000.0)])
    again = build(shop.directory, recipe, workers=1).to_json()["modalities"]
    assert again["video"]["encoded"] == 0


def test_a_modality_can_be_left_out(shop: Shop, report: dict[str, object]) -> None:
    recipe = Recipe.model_validate({"encoders": {"audio": "", "reviews": ""}})
    built = build(shop.directory, recipe, workers=1)
    assert set(built.modalities) == set(BLOCKS) - {"audio", "reviews"}
