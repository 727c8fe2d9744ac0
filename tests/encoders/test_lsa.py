from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodsense.encoders import make_encoder
from goodsense.encoders.decomposition import truncated_svd
from goodsense.encoders.lsa import LsaEncoder
from goodsense.encoders.vocabulary import count, spelling
from goodsense.text import Tokenizer
from tests.encoders import samples


@pytest.fixture(scope="module")
def encoder() -> Any:
    return LsaEncoder(dim=32).fit(samples.texts(), seed=0)


def best(encoder: Any, query: str) -> str:
    products = samples.texts()
    scores = encoder.encode(products) @ encoder.encode_query([query])[0]
    return products[int(scores.argmax())]["title"]


def test_a_query_finds_its_product(encoder: Any) -> None:
    assert best(encoder, "nordwind blue watch") == "Nordwind blue watch"
    assert best(encoder, "zephyr black shirt") == "Zephyr black shirt"


def test_a_misspelt_query_finds_its_product(encoder: Any) -> None:
    assert best(encoder, "nordwnid blue wacth") == "Nordwind blue watch"


def test_rows_are_of_unit_length(encoder: Any) -> None:
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(samples.texts()), axis=1), 1, atol=1e-6)


def test_text_of_unknown_content_is_a_zero_row(encoder: Any) -> None:
    assert not encoder.encode_query(["жщъ", "", "  ", "!!!"]).any()


def test_chinese_compounds_share_their_parts() -> None:
    titles = ["纯棉衬衫", "真皮皮鞋", "不锈钢手表", "羊毛围巾", "运动皮鞋"]
    encoder = LsaEncoder(dim=8).fit([{"title": title} for title in titles], seed=0)
    scores = encoder.encode([{"title": title} for title in titles]) @ encoder.encode_query(["皮鞋"])[0]
    assert set(np.argsort(-scores)[:2].tolist()) == {1, 4}


def test_fields_that_weigh_nothing_are_not_read() -> None:
    encoder = LsaEncoder(dim=16, field_weights={"title": 1.0}).fit(samples.texts(), seed=0)
    one = encoder.encode([{"title": "red shoe", "description": "steel watch"}])
    np.testing.assert_array_equal(one, encoder.encode([{"title": "red shoe"}]))
    assert not encoder.encode([{"description": "steel watch"}]).any()


def test_weights_are_about_fields_not_about_their_length() -> None:
    """A description repeated many times says no more than once."""
    encoder = LsaEncoder(dim=16, word_ngrams=1).fit(samples.texts(), seed=0)
    short = encoder.encode([{"title": "red shoe", "description": "steel watch"}])
    long = encoder.encode([{"title": "red shoe", "description": "steel watch " * 50}])
    np.testing.assert_allclose(short, long, atol=1e-5)


@pytest.mark.parametrize(
    "corpus",
    [[], [{}], [{"title": ""}, {"title": " "}], [{"title": "one"}], [{"title": "same words"}] * 5],
    ids=["none", "no fields", "all empty", "one product", "all alike"],
)
def test_degenerate_catalogs_keep_the_dimension(corpus: list[dict[str, str]]) -> None:
    encoder = LsaEncoder(dim=40).fit(corpus, seed=0)
    found = encoder.encode([*corpus, {"title": "one"}, {"title": "same words"}])
    assert found.shape == (len(corpus) + 2, 40)
    assert np.isfinite(found).all()
    if any(text.strip() for row in corpus for text in row.values()):
        assert found.any(axis=1).sum() >= len(corpus)


def test_the_tokenizer_is_part_of_the_fingerprint() -> None:
    prints = {
        make_encoder("text", "lsa", {"dim": 8}, tokenizer=tokenizer).fit(samples.texts(), seed=0).fingerprint
        for tokenizer in (Tokenizer(), Tokenizer(dictionary=["nordwind blue"]), Tokenizer(stop_words=False))
    }
    assert len(prints) == 3


def test_a_refit_forgets_the_first_catalog() -> None:
    encoder = LsaEncoder(dim=8).fit(samples.texts(), seed=0)
    encoder.fit([{"title": "grün"}, {"title": "blau"}], seed=0)
    fresh = LsaEncoder(dim=8).fit([{"title": "grün"}, {"title": "blau"}], seed=0)
    assert encoder.fingerprint == fresh.fingerprint


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_gives_finite_rows(texts: list[str]) -> None:
    encoder = LsaEncoder(dim=6).fit([{"title": text} for text in texts], seed=0)
    norms = np.linalg.norm(encoder.encode_query([*texts, "shoe"]), axis=1)
    assert ((np.abs(norms - 1) < 1e-5) | (norms == 0)).all()


def test_spelling() -> None:
    assert spelling("ab", 3, 4) == ["<ab", "ab>", "<ab>"]
    assert spelling("皮鞋", 3, 5) == ["皮", "鞋", "皮鞋"]


def test_counts_and_idf() -> None:
    documents = [{"t": ["red", "shoe"]}, {"t": ["red", "red", "shoe"]}, {"t": ["red"]}]
    found = count(documents, char_ngrams=(3, 3), word_ngrams=2, limits=(1, 10, 10))
    assert found.words.names == ("red",)  # the most frequent; its count is of documents, not of places
    np.testing.assert_allclose(found.words.idf, [np.log(4 / 4) + 1])
    assert found.runs.names == ("red shoe",)
    assert found.words.unseen == pytest.approx(np.log(4) + 1)


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (1_100, 1_010)], ids=["tall", "wide", "randomised"])
def test_the_decomposition_matches_the_full_one(shape: tuple[int, int]) -> None:
    from scipy.sparse import csr_array

    random = np.random.default_rng(3)
    low = np.zeros(shape)
    for i, strength in enumerate((9, 7, 5, 3, 2)):  # five blocks of rank one
        rows, columns = np.arange(shape[0]) % 5 == i, np.arange(shape[1]) % 5 == i
        low[np.ix_(rows, columns)] = strength * np.outer(
            random.uniform(1, 2, size=rows.sum()), random.uniform(1, 2, size=columns.sum())
        )
    found = truncated_svd(csr_array(low.astype(np.float32)), 8, seed=1)
    expected = np.linalg.svd(low, full_matrices=False)[2][:5].T
    np.testing.assert_allclose(np.abs((found[:, :5] * expected).sum(axis=0)), 1, atol=1e-3)
    assert not found[:, 5:].any()
    assert (found[np.abs(found).argmax(axis=0)[:5], np.arange(5)] > 0).all()
