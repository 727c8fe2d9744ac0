from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goodsense.catalog import Product
from goodsense.errors import DataError, StorageError, UsageError
from goodsense.media import MediaStore
from goodsense.shop import Recipe, Shop, make_query
from goodsense.shop.artefacts import current_build
from goodsense.shop.build import build
from goodsense.shop.locks import FileLock
from goodsense.shop.worker import build_in_child
from goodsense.types import ImageRef, Part, Query
from tests.shop.catalogs import picture, toy, toys


def test_text_search_finds_what_was_named(built: Path) -> None:
    with Shop.open(built) as shop:
        hits = shop.search("blue wooden kite", k=4)
    assert hits[0].title.startswith("wooden kite blue")
    assert hits.considered >= 4
    assert hits.engine == "exact"


def test_terms_sum_to_the_score(built: Path) -> None:
    with Shop.open(built) as shop:
        for query in ("red robot", make_query("drum", like="toy-0003"), make_query("train", without="red")):
            for hit in shop.search(query, k=20, explain=True):
                assert sum(hit.terms.values()) == pytest.approx(hit.score, abs=1e-6)
                assert hit.detail["parts"]


def test_picture_search_finds_its_look(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "query.jpg"
    path.write_bytes(picture("red", "robot", seed=999))
    with Shop.open(built) as shop:
        hits = shop.search(make_query(image=ImageRef(str(path))), k=3)
    assert all("red" in hit.title for hit in hits)
    assert set(hits[0].terms) == {"image"}


def test_both_together_decide_between_equal_words(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "query.jpg"
    path.write_bytes(picture("green", "teapot", seed=998))
    with Shop.open(built) as shop:
        hits = shop.search(make_query("teapot", image=ImageRef(str(path))), k=3)
    assert all("teapot green" in hit.title for hit in hits)


def test_filters_hold(built: Path) -> None:
    with Shop.open(built) as shop:
        hits = shop.search("toy", where="price < 20 and brand = 'kikoru' and in_stock and colour != 'red'", k=50)
        browsed = shop.search(make_query(where="pieces >= 90"), k=50)
        nothing = shop.search("train", where="price > 100000")
    assert {hit.id for hit in hits} == {f"toy-{n:04d}" for n in range(0, 15, 2) if n % 4 != 0}
    assert set(browsed.ids) == {f"toy-{n:04d}" for n in range(90, 96)}
    assert not len(nothing)
    assert "no product passes the filter" in nothing.message


def test_similar_leaves_the_product_itself_out(built: Path) -> None:
    with Shop.open(built) as shop:
        hits = shop.similar("toy-0001", k=5)
    assert "toy-0001" not in hits.ids
    assert "train" in hits[0].title


def test_negative_words_push_down(built: Path) -> None:
    with Shop.open(built) as shop:
        plain = shop.search("wooden train", k=4)
        without = shop.search(make_query("wooden train", without="red"), k=4)
    assert any("red" in hit.title for hit in plain)
    assert "red" not in without[0].title


def test_unknown_things_are_usage_errors(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "query.jpg"
    path.write_bytes(picture("red", "drum"))
    with Shop.open(built) as shop:
        with pytest.raises(UsageError, match="no product 'nope'"):
            shop.similar("nope")
        with pytest.raises(UsageError, match="no product block 'smell'"):
            shop.search("x", using=["smell"])
        with pytest.raises(UsageError, match="image cannot reach text"):
            shop.search(make_query(image=ImageRef(str(path))), using=["text"])
        with pytest.raises(UsageError, match="text cannot reach image"):
            shop.search("x", using=["image"])
        with pytest.raises(UsageError, match=r"colou?rs"):
            shop.search("x", where="colours = 'red'")
    with pytest.raises(UsageError, match="empty"):
        make_query("  ")


def test_a_vector_can_be_the_query(built: Path) -> None:
    with Shop.open(built) as shop:
        vector = np.array(shop.snapshot.blocks["image"].vectors[1])
        hits = shop.search(Query((Part("vector", vector, using=("image",)),)), k=1)
    assert hits.ids == ("toy-0001",)


def test_rank_scores_as_search_does(built: Path) -> None:
    with Shop.open(built) as shop:
        hits = shop.search("metal drum white", k=20)
        ranked = shop.rank("metal drum white", list(reversed(hits.ids)))
    assert [id for id, _ in ranked] == list(hits.ids)
    assert [score for _, score in ranked] == pytest.approx([hit.score for hit in hits])


def test_a_second_build_encodes_nothing(own: Shop) -> None:
    again = own.build()
    assert all(m["encoded"] == 0 for m in again.modalities.values())
    assert "nothing changed" in again.notes[0]


def test_only_what_changed_is_encoded_by_the_frozen_encoder(own: Shop) -> None:
    before = {name: encoder.fingerprint for name, encoder in own.encoders.items()}
    first = own.snapshot.blocks["text"].vectors[5].copy()
    own.add([replace(toy(3), title="a quite different drum"), toy(200, store=MediaStore(own.directory / "media"))])
    report = own.build(workers=1)
    assert report.products == 97
    assert report.modalities["text"]["encoded"] == 2
    assert report.modalities["image"]["encoded"] == 1
    assert {name: encoder.fingerprint for name, encoder in own.encoders.items()} == before
    assert own.snapshot.row_of("toy-0005") == 5
    np.testing.assert_array_equal(own.snapshot.blocks["text"].vectors[5], first)


def test_changes_are_visible_before_the_next_build(own: Shop) -> None:
    own.search("warm up")
    store = MediaStore(own.directory / "media")
    own.add([replace(toy(8, store=store), title="zeppelin", description=""), toy(9, store=store, price="999.00")])
    own.delete(["toy-0010"])
    hits = own.search("zeppelin", k=3, using=["bm25"])
    assert hits.ids == ("toy-0008",)
    assert own.pending == {"text": 1, "attributes": 1}
    assert own.search(make_query(where="price > 900")).ids == ("toy-0009",)
    assert own.snapshot.blocks["text"].gather_present(own.snapshot.rows_of(["toy-0009"]))[0]  # price alone changed
    assert "toy-0010" not in own.search(make_query(where="pieces = 10")).ids
    with pytest.raises(UsageError, match="no product 'toy-0010'"):
        own.similar("toy-0010")


def test_what_is_searched_is_a_function_of_build_and_seq(own: Shop) -> None:
    """The same changes, seen step by step by one process and at once by another, give the same answers."""
    own.search("warm up")
    for step in range(6):
        own.add([replace(toy(step * 3), title=f"changed step {step}", description="")])
        own.delete([f"toy-{step * 3 + 1:04d}"])
        own.search("step")
    with Shop.open(own.directory) as fresh:
        for query in ("changed step 3", "wooden train", make_query(like="toy-0002"), make_query(where="pieces < 12")):
            a, b = own.search(query, k=50), fresh.search(query, k=50)
            assert a.ids == b.ids
            assert [hit.score for hit in a] == pytest.approx([hit.score for hit in b])


def test_a_broken_picture_leaves_the_product_without_that_modality(own: Shop) -> None:
    store = MediaStore(own.directory / "media")
    broken = ImageRef("broken.jpg", store.put(picture("red", "drum")[:300]))
    own.add([replace(toy(77), id="broken", media=(broken,))])
    report = own.build(workers=1)
    assert report.modalities["image"]["broken"] == 1
    assert any("could not be decoded" in note for note in report.notes)
    row = own.snapshot.rows_of(["broken"])
    assert not own.snapshot.blocks["image"].gather_present(row)[0]
    assert "broken" in own.search("metal drum", where="pieces = 77").ids


def test_many_new_products_make_the_encoders_learn_again(own: Shop) -> None:
    before = own.encoders["text"].fingerprint
    own.add([replace(toy(n), id=f"new-{n}", title=f"{toy(n).title} again") for n in range(40)])
    report = own.build(workers=1)
    assert any("products more than the" in note for note in report.notes)
    assert own.encoders["text"].fingerprint != before


def test_the_engine_and_exact_search_agree(own: Shop) -> None:
    exact = [own.search(query, k=10) for query in ("wooden kite", make_query(like="toy-0004"))]
    own.build(Recipe.model_validate({"index": {"engine": "qdrant-edge"}}), workers=1)
    for query, known in zip(("wooden kite", make_query(like="toy-0004")), exact, strict=True):
        found = own.search(query, k=10)
        assert found.engine == "qdrant-edge"
        assert found.ids == known.ids
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in known])
    own.add([replace(toy(8), title="zeppelin")])
    assert own.search("zeppelin", k=1, using=["bm25"]).ids == ("toy-0008",)


def test_a_second_process_searches_the_same_build_exactly(own: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    own.build(Recipe.model_validate({"index": {"engine": "qdrant-edge"}}), workers=1)
    first = own.search("red drum", k=5)
    with Shop.open(own.directory) as second:  # another opener of the same engine, as another process would be
        found = second.search("red drum", k=5)
    assert (first.engine, found.engine) == ("qdrant-edge", "exact")
    assert found.ids == first.ids
    assert "searching exactly" in capsys.readouterr().err


def test_a_running_build_is_named(own: Shop) -> None:
    """As the child that builds says it."""
    lock = FileLock(own.directory / "build.lock")
    assert lock.acquire()
    with pytest.raises(StorageError, match=rf"being built by process {os.getpid()}"):
        build_in_child(own.directory, own.recipe)
    lock.release()


def test_an_empty_shop_cannot_be_built(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        with pytest.raises(DataError, match="has no products"):
            build(tmp_path / "shop", Recipe())
        with pytest.raises(UsageError, match="was not built yet"):
            shop.search("x")


@pytest.mark.parametrize("count", [1, 3])
def test_tiny_shops_build_and_answer(tmp_path: Path, count: int) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        shop.add([Product(id=f"only-{n}", title=f"thing number{n}") for n in range(count)])
        build(tmp_path / "shop", Recipe(), workers=1)
        assert shop.search("number0", k=5).ids[0] == "only-0"


def test_a_damaged_build_says_build_again(own: Shop) -> None:
    live = current_build(own.directory)
    assert live is not None
    (live / "build.json").write_text(json.dumps({"format": 1}), "utf-8")
    with Shop.open(own.directory) as shop, pytest.raises(DataError, match=r"damaged.*Build the shop again"):
        shop.search("x")


def test_a_recipe_may_leave_fields_of_words_out(tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"lexical": {"fields": {"title": 1.0}}})
    with Shop.create(tmp_path / "shop") as shop:
        shop.add(toys(40))
        report = build(tmp_path / "shop", recipe, workers=1)
        assert report.verdict["queries"]
        assert shop.search("wooden train", k=1, using=["bm25"]).ids
        assert not shop.search("toys", k=1, using=["bm25"]).ids  # only categories say it


def test_given_splits_are_never_learned_from(tmp_path: Path) -> None:
    """Words of test products only do not enter the text encoder's vocabulary."""
    with Shop.create(tmp_path / "shop") as shop:
        shop.add([replace(p, split="train") for p in toys(40)])
        shop.add([replace(toy(50 + n), title=f"quixotic{n}", description="", split="test") for n in range(3)])
        build(tmp_path / "shop", Recipe(), workers=1)
        words = shop.encoders["text"]._words  # type: ignore[attr-defined]
    assert any("train" in word for word in words)
    assert not any("quixot" in word for word in words)


@pytest.mark.parametrize("distance", ["dot", "euclidean"])
def test_other_distances_build_and_explain(tmp_path: Path, distance: str) -> None:
    recipe = Recipe.model_validate({"index": {"distance": distance}})
    with Shop.create(tmp_path / "shop") as shop:
        shop.add(toys(40, tmp_path / "shop"))
        build(tmp_path / "shop", recipe, workers=1)
        for hit in shop.search("red wooden train", k=5, explain=True):
            assert sum(hit.terms.values()) == pytest.approx(hit.score, abs=1e-6)
        assert shop.similar("toy-0001", k=5).ids
        assert "train red" in shop.search("red wooden train", k=1)[0].title
