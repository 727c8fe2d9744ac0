"""Explanations put together: what they say, the pictures and pages they make, and the command."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.errors import UsageError
from goodsense.shop import Shop, make_query
from goodsense.shop.explaining import explain_hit, explain_product
from goodsense.shop.explaining.page import hit_page, product_page, write_explanation
from goodsense.shop.explaining.sentences import asked, hit_sentences, product_sentences
from goodsense.types import ImageRef, Query
from tests.cli.calls import Caller
from tests.shop.catalogs import picture


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture("red", "robot", seed=9))
    return path


def test_an_explanation_of_a_hit_is_whole(explained: Shop, photo: Path) -> None:
    query = make_query("plastic robot", image=ImageRef(str(photo)))
    hits = explained.search(query, k=3)
    found = explain_hit(explained, query, hits[2].id, grid=3)
    assert (found.id, found.title, found.rank) == (hits[2].id, hits[2].title, 3)
    assert found.score == pytest.approx(hits[2].score, abs=1e-6)
    assert sum(own.value for own in found.modalities) == pytest.approx(found.score, abs=1e-6)
    assert sum(own.share for own in found.modalities) == pytest.approx(1)
    assert [own.value for own in found.modalities] == sorted((own.value for own in found.modalities), reverse=True)
    assert {regions.side for regions in found.regions} == {"query", "product"}
    assert found.query_words
    assert found.product_words
    data = json.loads(json.dumps(found.to_json(), ensure_ascii=False))
    assert sum(data["terms"].values()) == pytest.approx(data["hit"]["score"], abs=1e-6)


def test_without_a_product_it_is_the_best_hit(explained: Shop) -> None:
    found = explain_hit(explained, "wooden teapot", words=False, pictures=False)
    assert found.id == explained.search("wooden teapot", k=1)[0].id
    assert found.rank == 1
    assert (found.query_words, found.product_words, found.regions) == ((), (), ())
    assert found.confidence == explained.search("wooden teapot", k=1)[0].confidence


def test_what_carries_a_hit_is_said(explained: Shop) -> None:
    words = explain_hit(explained, Query.of_text("teapot").using("bm25"), pictures=False)
    assert words.top is not None
    assert words.top.name == "text"
    said = [one.en for one in hit_sentences(words)]
    assert said[0].startswith("Its words carry this hit (100% of what moves its score); without them it would fall")
    assert "“teapot”" in said[1]
    looks = explain_hit(explained, Query.like("mute").using("image"), words=False, grid=3)
    assert hit_sentences(looks)[0].en.startswith("Its pictures carry this hit")
    assert hit_sentences(looks)[0].zh.startswith("主要靠它的图片")


def test_what_speaks_against_a_hit_is_said(explained: Shop) -> None:
    found = explain_hit(
        explained,
        make_query("robot", without="red").using("bm25", "image", "text"),
        "mute",
        words=False,
        pictures=False,
    )
    unlike = explain_hit(explained, Query.like("mute").using("image"), "toy-0005", words=False, pictures=False)
    assert found.top is None
    assert hit_sentences(found)[0].en == "Nothing of this product raises its score."
    assert unlike.score < 0
    assert any("speak against it" in one.en for one in hit_sentences(unlike))


def test_why_a_search_does_not_show_a_product(explained: Shop) -> None:
    filtered = explain_hit(
        explained, make_query("robot", where="price > 1000"), "toy-0016", words=False, pictures=False
    )
    assert "does not pass the filter" in filtered.notes[0]
    itself = explain_hit(explained, Query.like("toy-0016"), "toy-0016", words=False, pictures=False)
    assert "leaves this product out" in itself.notes[0]
    unknown = explain_hit(explained, Query.of_text("zzzqqq").using("bm25"), "toy-0016", words=False, pictures=False)
    assert "known to this shop" in unknown.notes[0]
    assert unknown.score == 0


@pytest.mark.parametrize(
    ("query", "id", "expected"),
    [
        (Query.of_text("robot"), "nobody", "there is no product 'nobody'"),
        (Query(where="price > 3"), "toy-0001", "a filter alone scores nothing"),
        (make_query("robot", where="price > 100000"), None, "nothing is found"),
    ],
)
def test_what_cannot_be_explained_is_told(explained: Shop, query: Query, id: str | None, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        explain_hit(explained, query, id)


def test_a_product_by_itself(explained: Shop) -> None:
    found = explain_product(explained, "toy-0040", k=4)
    itself = explained.rank(Query(Query.like("toy-0040").parts), ["toy-0040"])[0][1]
    assert sum(own.value for own in found.modalities) == pytest.approx(itself, abs=1e-6)
    assert sum(found.joint.values()) == pytest.approx(1, abs=1e-4)
    assert set(found.joint) == {"text", "image"}
    hits = explained.similar("toy-0040", k=4)
    assert tuple(near.id for near in found.neighbours) == hits.ids
    for near, hit in zip(found.neighbours, hits, strict=True):
        assert sum(near.modalities.values()) == pytest.approx(hit.score, abs=1e-6)
        assert near.fields["colour"] == "red"
        assert "red" in near.words
    assert found.missing == ()


def test_what_a_product_lacks_is_told(explained: Shop) -> None:
    bare, mute = explain_product(explained, "toy-0001"), explain_product(explained, "mute")
    assert bare.missing == ("image",)
    assert bare.joint == {"text": pytest.approx(1, abs=1e-5)}
    assert "It has no pictures." in [one.en for one in product_sentences(bare)]
    assert set(mute.missing) == {"text", "attributes"}
    assert [own.name for own in mute.modalities] == ["image"]
    assert mute.neighbours[0].words == ()


def test_a_product_that_changed_since_the_build(explained: Shop, tmp_path: Path) -> None:
    shutil.copytree(explained.directory, tmp_path / "own")
    with Shop.open(tmp_path / "own") as own:
        own.add(
            [replace(own.truth.get(["toy-0040"])["toy-0040"], title="a walking thing"), Product("new", title="robot")]
        )
        found = explain_hit(own, "walking thing", "toy-0040", grid=2)
        assert any("changed since the build" in note for note in found.notes)
        assert sum(one.value for one in found.modalities) == pytest.approx(found.score, abs=1e-6)
        assert {word.text for word in found.product_words} >= {"walking", "thing"}
        assert explain_product(own, "new").neighbours == ()
        assert product_sentences(explain_product(own, "new"))[0].en.startswith("It has no vectors yet")
        explain_hit(own, "robot", "new")


def test_the_same_question_has_the_same_answer(explained: Shop) -> None:
    first, second = (explain_hit(explained, "metal drum", "toy-0068", grid=3).to_json() for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_queries_in_words() -> None:
    long = ImageRef("/far/away/" + "x" * 64)
    query = make_query("red", image=long, like="toy-1", without="blue")
    assert asked(query) == f"red + [{'x' * 23}…] + like toy-1 + not blue"
    assert asked(query, "zh").endswith("不要 blue")


# ---- pictures and pages


def self_contained(page: str) -> None:
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)


def test_a_page_and_a_picture_are_written(explained: Shop, photo: Path, tmp_path: Path) -> None:
    from goodsense.media import decode_image

    found = explain_hit(explained, make_query("红色 robot", image=ImageRef(str(photo))), "toy-0016", grid=3)
    written = write_explanation(explained, found, tmp_path / "deep" / "out", lang="zh")
    page = written["html"].read_text("utf-8")
    self_contained(page)
    assert '<html lang="zh">' in page
    assert page.count("data:image/jpeg") == 2
    assert f"{found.score:+.6f}" in page
    drawn = decode_image(written["picture"].read_bytes())
    assert drawn.shape[1] > 1000
    assert len({tuple(colour) for colour in drawn[::5, ::5].reshape(-1, 3).tolist()}) > 50


def test_the_command_writes_a_page_about_a_product(explained: Shop, call: Caller, tmp_path: Path) -> None:
    said = call("explain", explained.directory, "--product", "toy-0040", "--out", tmp_path / "o")
    assert said.code == 0, said.err
    assert str(tmp_path / "o" / "explanation.html") in said.out
    page = (tmp_path / "o" / "explanation.html").read_text("utf-8")
    self_contained(page)
    assert page.count("data:image/jpeg") == 1 + 5
    assert (tmp_path / "o" / "explanation.png").read_bytes().startswith(b"\x89PNG")


def test_markup_in_a_catalog_stays_text(explained: Shop, tmp_path: Path) -> None:
    shutil.copytree(explained.directory, tmp_path / "own")
    with Shop.open(tmp_path / "own") as own:
        evil = "<script>alert(1)</script> robot"
        own.add([Product("<b>x</b>", title=evil, description=evil)])
        found = explain_hit(own, Query.of_text(evil), "<b>x</b>")
        for page in (hit_page(own, found), product_page(own, explain_product(own, "<b>x</b>"))):
            self_contained(page)
            assert "&lt;b&gt;x&lt;/b&gt;" in page


# ---- the command


def test_the_command_says_why(explained: Shop, call: Caller) -> None:
    said = call("explain", explained.directory, "--query", "plastic robot", "--hit", "toy-0040", "--grid", "3")
    assert said.code == 0, said.err
    assert "plastic robot -> toy-0040" in said.out
    assert "carry this hit" in said.out
    assert "word of the query" in said.out
    assert "picture of the product" in said.out
    assert "terms: bm25.title" in said.out


def test_the_command_speaks_json(explained: Shop, call: Caller) -> None:
    hit = explained.search("plastic robot", k=2)[1]
    found = call("explain", explained.directory, "--query", "plastic robot", "--hit", hit.id, "--quick", "--json").json
    assert found["hit"]["score"] == pytest.approx(hit.score, abs=1e-6)
    assert sum(own["value"] for own in found["modalities"]) == pytest.approx(hit.score, abs=1e-6)
    assert found["query_words"] == []
    assert "html" not in found
    alone = call("explain", explained.directory, "--product", "mute", "--json").json
    assert alone["product"]["id"] == "mute"
    assert len(alone["neighbours"]) == 5


def test_the_command_explains_photos_and_products_in_chinese(explained: Shop, call: Caller, photo: Path) -> None:
    said = call("explain", explained.directory, "--image", photo, "--grid", "3", "--lang", "zh")
    assert said.code == 0, said.err
    assert "主要靠它的图片" in said.out
    assert "picture of the query" in said.out
    assert "比较时依据" in call("explain", explained.directory, "--product", "toy-0040", "--lang", "zh").out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "nothing to explain"),
        (("--hit", "toy-0040"), "nothing to explain"),
        (("--product", "toy-0040", "--query", "robot"), "--product explains a product by itself"),
        (("--product", "nobody"), "no product 'nobody'"),
        (("--query", "robot", "--using", "smell"), "no product block 'smell'"),
        (("--query", " "), "empty"),
    ],
)
def test_the_commands_mistakes_are_named(
    explained: Shop, call: Caller, arguments: tuple[str, ...], expected: str
) -> None:
    said = call("explain", explained.directory, *arguments, "--json")
    assert said.code == 2
    assert expected in said.error["message"]
