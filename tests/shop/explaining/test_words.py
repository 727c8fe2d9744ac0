"""What words do: exact for BM25, and for vectors what is really lost without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goodsense.catalog.product import text_fields
from goodsense.encoders import contrastive
from goodsense.encoders.gradients import word_gradients
from goodsense.encoders.transformer import TransformerEncoder
from goodsense.fusion.joint import JOINT
from goodsense.search.encode import encode_query
from goodsense.shop import Shop, make_query
from goodsense.shop.explaining.case import Case
from goodsense.shop.explaining.results import Word
from goodsense.shop.explaining.words import marked, product_words, query_words, strongest
from goodsense.text import Tokenizer
from goodsense.types import Query, prepare
from tests.encoders.test_text_pairs import toys as texts

ID = "toy-0036"  # a red plastic robot


def case_of(shop: Shop, query: Query | str, id: str = ID) -> Case:
    asked = Query.of_text(query) if isinstance(query, str) else query
    return Case.of(shop, shop.encode(asked), id)


def by_name(words: tuple[Word, ...]) -> dict[str, Word]:
    return {word.text: word for word in words}


@pytest.mark.parametrize("text", ["plastic robot", "Plastic robots, white", "robot robot the plastic", "白色 robot"])
def test_words_of_bm25_sum_to_its_terms(explained: Shop, text: str) -> None:
    case = case_of(explained, text)
    terms = explained.snapshot.terms(case.query, case.at)
    bm25 = sum(v for name, v in zip(terms.names, terms.values[0], strict=True) if name.startswith("bm25."))
    assert bm25 > 0
    for words in (query_words(case), product_words(case)):
        assert sum(word.bm25 for word in words) == pytest.approx(bm25, abs=1e-9)


def test_a_word_is_named_as_it_is_written_on_either_side(explained: Shop) -> None:
    case = case_of(explained, "Robots")
    assert by_name(query_words(case))["Robots"].bm25 == pytest.approx(by_name(product_words(case))["robot"].bm25)


def test_adjacent_words_are_named_together(explained: Shop) -> None:
    words = by_name(query_words(case_of(explained, "plastic robot")))
    assert words["plastic robot"].bm25 > 0
    assert words["plastic robot"].vectors == {}


def test_a_word_of_the_query_is_worth_what_its_terms_lose_without_it(explained: Shop) -> None:
    case = case_of(explained, "white plastic robot")
    words = by_name(query_words(case))
    whole = terms_of(explained, "white plastic robot")
    for word, rest in (("white", "plastic robot"), ("robot", "white plastic")):
        less = terms_of(explained, rest)
        for block in ("text", JOINT):
            assert words[word].vectors[block] == pytest.approx(whole[block] - less[block], abs=1e-5)
            assert words[word].method[block] == "occlusion"


def terms_of(shop: Shop, text: str) -> dict[str, float]:
    terms = shop.snapshot.terms(shop.encode(make_query(text)), shop.snapshot.rows_of([ID]))
    return dict(zip(terms.names, terms.values[0].tolist(), strict=True))


def test_a_word_of_the_product_is_worth_what_its_terms_lose_without_it(explained: Shop) -> None:
    case = case_of(explained, "plastic robot")
    found = by_name(product_words(case))["plastic"]
    fields = {name: text.replace("plastic", "") for name, text in text_fields(case.product).items()}
    text, joint = explained.encoders["text"], explained.snapshot.joint
    assert joint is not None
    less = prepare(text.encode([fields]), "cosine")[0]
    image = explained.snapshot.blocks["image"].gather(case.at)[0]
    part, whole = case.query.parts[0], terms_of(explained, "plastic robot")
    for name, vector in (("text", less), (JOINT, joint.encode([{"text": less, "image": image}])[0])):
        raw = np.array([vector @ part.probes[name]])
        left = float(explained.snapshot.affine_of(part, name)(raw)[0])
        assert found.vectors[name] == pytest.approx(whole[name] - left, abs=1e-5)


def test_a_word_that_subtracts_is_negative(explained: Shop) -> None:
    case = case_of(explained, make_query("robot", without="plastic"))
    assert by_name(query_words(case))["plastic"].value < 0 < by_name(query_words(case))["robot"].value


def test_a_product_without_text_has_no_words(explained: Shop) -> None:
    case = case_of(explained, "red robot", "mute")
    assert product_words(case) == ()
    assert set(by_name(query_words(case))["red"].vectors) == {JOINT}


def test_pictures_alone_have_words_of_the_product_only_where_they_meet(explained: Shop) -> None:
    case = case_of(explained, Query.like("mute"))
    assert query_words(case) == ()
    assert {name for word in product_words(case) for name in word.vectors} == {JOINT}


def test_a_query_read_by_a_network_has_integrated_gradients(explained: Shop) -> None:
    """The shop's own text block exchanged for one of a network: the term is the network's cosine, calibrated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrastive, "BATCH", 16)
        made = TransformerEncoder(dim=16, width=16, heads=2, layers=1, epochs=1, pretrain_epochs=0)
        network: Any = made.fit(texts(), seed=0)
    title = str(texts()[0]["title"])
    row = prepare(network.encode([texts()[0]]), "cosine")
    snapshot = explained.snapshot
    block = replace(snapshot.blocks["text"], vectors=np.repeat(row, len(snapshot), axis=0))
    alone = replace(snapshot, blocks={"text": block}, joint=None)
    encoders = {"text": network}
    case = Case(alone, encoders, encode_query(Query.of_text(title), alone, encoders), 1, explained.truth.get([ID])[ID])
    words = by_name(query_words(case))
    spans = alone.tokenizer.spans(title)
    graded = word_gradients(network, title, spans, row[0])
    assert graded is not None
    affine = alone.affine_of(case.query.parts[0], "text")
    for (start, end), value in zip(spans, graded.values.tolist(), strict=True):
        word = words[title[start:end]]
        assert word.method["text"] == "gradients"
        assert word.vectors["text"] == pytest.approx(value * affine.weight / affine.scale, abs=1e-6)


def test_texts_are_cut_into_words_and_what_is_between() -> None:
    worth = [Word("Train", 0.5), Word("红色", -0.25)]
    found = marked(Tokenizer(), {"title": "红色 train, train!"}, worth)
    assert found == {"title": [("红色", -0.25), (" ", 0.0), ("train", 0.5), (", ", 0.0), ("train", 0.5), ("!", 0.0)]}


def test_the_strongest_words_are_those_that_raise_the_score() -> None:
    words = [Word("a", 1.0), Word("b", 0.5), Word("c", 0.01), Word("d", -2.0)]
    assert [word.text for word in strongest(words, 3)] == ["a", "b"]
    assert strongest([Word("d", -2.0)], 3) == []
