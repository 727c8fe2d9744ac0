"""Spoken queries: what a shop makes of a sound with words in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.cli.listening import listened
from goodsense.errors import DataError, DependencyError, UsageError
from goodsense.shop import Recipe, Shop, make_query
from goodsense.shop.build import build
from goodsense.shop.listening import catalog_phrases, read_sound, recogniser_of, spoken_query
from goodsense.speech import Transcript
from goodsense.types import AudioRef, Part, Query
from tests.shop.catalogs import sound, toys

SOUND = Part("audio", AudioRef("query.flac"), 2.0)
ABSENT = '[speech]\nrecogniser = "hub:no/such-model"\n'


def test_the_surer_the_words_the_less_the_sound_counts() -> None:
    query = Query((Part("text", "cheap"), SOUND), "price < 10")
    found = spoken_query(query, Transcript("red train", confidence=0.8), sounds=True)
    assert found.where == query.where
    assert [(part.kind, part.value) for part in found.parts] == [
        ("text", "cheap"),
        ("text", "red train"),
        ("audio", SOUND.value),
    ]
    assert [part.weight for part in found.parts] == pytest.approx([1.0, 1.6, 0.4])
    sure = spoken_query(query, Transcript("red train", confidence=1.0), sounds=True)
    assert sure.parts[2].weight == pytest.approx(0.2)


def test_without_sounds_in_the_shop_words_stand_alone_and_without_words_the_sound_does() -> None:
    query = Query((SOUND,))
    assert [part.kind for part in spoken_query(query, Transcript("kite", confidence=0.5), sounds=False).parts] == [
        "text"
    ]
    assert spoken_query(query, Transcript(""), sounds=True) is query


def test_phrases_are_what_products_say(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        shop.add(toys(8))
        every = list(catalog_phrases(shop.truth))
        assert {"wooden train red no 0", "Kikoru", "Toys", "red", "wooden"} <= set(every)
        assert len(list(catalog_phrases(shop.truth, most=12))) < len(every)


def test_a_missing_recogniser_leaves_the_sound_or_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "query.flac").write_bytes(sound("train"))
    query = make_query(audio=AudioRef(str(tmp_path / "query.flac")))
    with Shop.create(tmp_path / "shop") as shop:
        shop.add(toys(8))
        build(shop.directory, Recipe(), workers=1)
        (shop.directory / "recipe.toml").write_text(ABSENT, "utf-8")
        with pytest.raises(DependencyError, match="no/such-model"):
            listened(shop, query)
        (shop.directory / "recipe.toml").write_text('[speech]\nrecogniser = ""\n', "utf-8")
        assert listened(shop, query) == (query, {})
        with pytest.raises(UsageError, match="turned speech off"):
            recogniser_of(shop.truth, "")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.flac cannot be read"):
        read_sound(AudioRef(str(tmp_path / "gone.flac")))
    (tmp_path / "text.flac").write_text("no sound")
    with pytest.raises(DataError, match=r"text\.flac"):
        read_sound(AudioRef(str(tmp_path / "text.flac")))
