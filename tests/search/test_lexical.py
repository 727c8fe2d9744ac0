"""Field-weighted BM25 against a naive loop over dictionaries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodsense.errors import DataError, UsageError
from goodsense.search.lexical import Document, Lexical, LexicalSettings

SETTINGS = LexicalSettings(k1=0.9, b={"title": 0.3, "text": 0.8}, field_weights={"title": 2.0, "text": 0.5}, pairs=0.3)
WORDS_ONLY = LexicalSettings(pairs=0.0)

words = st.sampled_from("red blue green shoe car 车 大 new".split())
documents_of = st.lists(
    st.fixed_dictionaries({}, optional={"title": st.lists(words, max_size=5), "text": st.lists(words, max_size=9)}),
    max_size=9,
)


def pairs_of(tokens: Sequence[str]) -> list[str]:
    return [f"{a} {b}" for a, b in pairwise(tokens) if a != b]


def with_pairs(documents: list[Document]) -> list[Document]:
    return [{**d, "pairs": pairs_of(d.get("title", ()))} for d in documents]


class Naive:
    """The formulas of the module, one entry at a time."""

    def __init__(self, documents: list[Document], chosen: LexicalSettings) -> None:
        self.chosen = chosen
        self.n = len(documents)
        self.df = Counter(token for d in documents for token in {t for tokens in d.values() for t in tokens})
        self.average = {}
        for field in chosen.fields:
            lengths = [len(d[field]) for d in documents if d.get(field)]
            self.average[field] = sum(lengths) / len(lengths) if lengths else 1.0

    def idf(self, token: str) -> float:
        held = self.df[token] or 1
        return math.log(1 + (max(self.n, held) - held + 0.5) / (held + 0.5))

    def shares(self, document: Document, token: str) -> dict[str, float]:
        parts = {}
        for field in self.chosen.fields:
            tokens = document.get(field, ())
            if token in tokens:
                b = self.chosen.b_of(field)
                norm = 1 - b + b * len(tokens) / self.average[field]
                parts[field] = self.chosen.weight_of(field) * list(tokens).count(token) / norm
        whole = sum(parts.values())
        return {f: (self.chosen.k1 + 1) * part / (self.chosen.k1 + whole) for f, part in parts.items()}

    def terms(self, document: Document, query: list[str]) -> dict[str, float]:
        found = dict.fromkeys(self.chosen.fields, 0.0)
        for scale, tokens in ((1.0, query), (self.chosen.pairs, pairs_of(query))):
            mass = sum(self.idf(token) for token in tokens)
            for token in tokens:
                for field, share in self.shares(document, token).items():
                    found[field] += scale * self.idf(token) * share / mass
        return found


@settings(max_examples=60, deadline=None)
@given(documents_of, documents_of, st.lists(words | st.just("unheard"), min_size=1, max_size=6), st.randoms())
def test_terms_equal_the_naive_ones(base: list[Document], later: list[Document], query: list[str], random) -> None:  # type: ignore[no-untyped-def]
    naive = Naive(with_pairs(base), SETTINGS)
    lexical = Lexical.build(base, SETTINGS).extended(later)
    every = with_pairs([*base, *later])
    weights = lexical.encode_query(query)
    rows = np.array(random.choices(range(len(every)), k=12) if every else [], dtype=np.int64)
    names, values = lexical.terms(weights, rows)
    assert names == ("title", "text", "pairs")
    assert values.shape == (len(rows), 3)
    for row, found in zip(rows.tolist(), values, strict=True):
        expected = naive.terms(every[row], query)
        np.testing.assert_allclose(found, [expected[name] for name in names], rtol=1e-5, atol=1e-7)
    whole = lexical.score_all(weights)
    assert whole.shape == (len(every),)
    np.testing.assert_allclose(whole[rows], values.sum(axis=1), rtol=1e-5, atol=1e-7)
    if every:
        matrix = lexical.weights(rows)
        assert matrix.shape == (len(rows), len(lexical.vocabulary))
        probe = np.zeros(matrix.shape[1])
        probe[list(weights)] = list(weights.values())
        np.testing.assert_allclose(matrix @ probe, whole[rows], rtol=1e-5, atol=1e-7)
        own = lexical.weights()
        assert own.shape == (len(base), len(lexical.vocabulary))
        np.testing.assert_allclose(own @ probe, whole[: len(base)], rtol=1e-5, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(documents_of.filter(len), st.lists(words, min_size=1, max_size=6))
def test_an_explanation_adds_up(documents: list[Document], query: list[str]) -> None:
    lexical = Lexical.build(documents, SETTINGS)
    weights = lexical.encode_query(query)
    for row in range(len(documents)):
        found = lexical.explain(query, row)
        held = {t for ts in with_pairs(documents)[row].values() for t in ts}
        assert {token for _, token, _ in found} == held & {*query, *pairs_of(query)}
        assert [value for _, _, value in found] == sorted((value for _, _, value in found), reverse=True)
        np.testing.assert_allclose(sum(v for _, _, v in found), lexical.score_all(weights)[row], rtol=1e-5, atol=1e-9)


def test_queries_of_many_words_are_matched_alike() -> None:
    vocabulary = [f"w{i}" for i in range(100)]
    documents: list[Document] = [{"title": vocabulary[i : i + 40]} for i in range(60)]
    lexical = Lexical.build(documents, SETTINGS)
    weights = lexical.encode_query(vocabulary)
    assert len(weights) == 99 + 98
    rows = np.arange(60)
    np.testing.assert_allclose(lexical.terms(weights, rows)[1].sum(axis=1), lexical.score_all(weights), rtol=1e-5)


def test_a_full_match_scores_alike_however_rare_its_words_are() -> None:
    """The score of a title equal to the query depends on its length alone, so queries can be compared."""
    documents: list[Document] = [{"title": ["common", "one"]} for _ in range(50)] + [{"title": ["rare", "two"]}]
    lexical = Lexical.build(documents, WORDS_ONLY)
    common = lexical.score_all(lexical.encode_query(["common", "one"])).max()
    rare = lexical.score_all(lexical.encode_query(["rare", "two"])).max()
    assert common == pytest.approx(rare)


def test_an_unknown_word_takes_its_share_of_the_query() -> None:
    lexical = Lexical.build([{"title": ["red", "shoe"]}, {"title": ["blue", "shoe"]}], WORDS_ONLY)
    alone = lexical.score_all(lexical.encode_query(["red"]))[0]
    assert lexical.score_all(lexical.encode_query(["red", "unheard"]))[0] == pytest.approx(alone / 2)
    assert lexical.encode_query(["unheard"]) == {}
    assert lexical.encode_query([]) == {}


def test_repeated_words_weigh_more() -> None:
    lexical = Lexical.build([{"title": ["red", "shoe"]}, {"title": ["blue", "car"]}], WORDS_ONLY)
    weights = lexical.encode_query(["red", "red", "blue"])
    assert sorted(weights.values()) == pytest.approx([1 / 3, 2 / 3])


def test_a_later_product_is_found_by_its_new_word() -> None:
    lexical = Lexical.build([{"title": ["red", "shoe"]}, {"title": ["red", "car"]}], WORDS_ONLY)
    grown = lexical.extended([{"title": ["drone"]}]).extended([{"title": ["drone", "red"]}])
    weights = grown.encode_query(["drone"])
    assert list(weights.values()) == [1.0]
    assert (grown.score_all(weights) > 0).tolist() == [False, False, True, True]
    assert lexical.encode_query(["drone"]) == {}
    for token in ("red", "shoe"):  # the build's own scores stay
        np.testing.assert_array_equal(
            grown.score_all(grown.encode_query([token]))[:2], lexical.score_all(lexical.encode_query([token]))
        )


def test_it_comes_back_from_disk(tmp_path: Path) -> None:
    documents: list[Document] = [{"title": ["red", "红色", "shoe"], "text": ["red"]}, {}, {"text": ["car"] * 3}]
    lexical = Lexical.build(documents, SETTINGS)
    lexical.extended([{"title": ["late"]}]).save(tmp_path)
    loaded = Lexical.load(tmp_path)
    assert loaded.settings == SETTINGS
    assert len(loaded) == 3
    for query in (["red", "car"], ["红色"], ["late"]):
        weights = loaded.encode_query(query)
        assert weights == lexical.encode_query(query)
        np.testing.assert_array_equal(loaded.score_all(weights), lexical.score_all(weights))
        np.testing.assert_array_equal(loaded.terms(weights, np.arange(3))[1], lexical.terms(weights, np.arange(3))[1])


def test_words_side_by_side_count_once_more() -> None:
    documents: list[Document] = [
        {"title": ["red", "shoe", "rack"]},
        {"title": ["shoe", "rack", "red"]},
        {"title": ["x"]},
    ]
    lexical = Lexical.build(documents, LexicalSettings(pairs=0.5))
    names, values = lexical.terms(lexical.encode_query(["shoe", "red"]), np.arange(3))
    assert names[-1] == "pairs"
    assert values[0].tolist() == values[1].tolist()  # neither has `shoe red`
    values = lexical.terms(lexical.encode_query(["red", "shoe"]), np.arange(3))[1]
    assert values[0, -1] > values[1, -1] == values[2, -1] == 0
    assert values[0, :-1].tolist() == values[1, :-1].tolist()
    assert values[0, -1] == pytest.approx(0.5)  # the whole of the query's pairs, in a title of average length
    assert ("pairs", "red shoe", pytest.approx(0.5)) in lexical.explain(["red", "shoe"], 0)


def test_without_a_title_there_are_no_pairs() -> None:
    assert LexicalSettings(field_weights={"text": 1.0}).fields == ("text",)
    assert LexicalSettings(field_weights={"title": 0.0, "text": 1.0}).fields == ("text",)
    assert LexicalSettings(pairs=0.0).fields == ("title", "description")


def test_a_damaged_or_foreign_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        Lexical.load(tmp_path)
    Lexical.build([{"title": ["red"]}]).save(tmp_path)
    path = tmp_path / "lexical.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(DataError, match="format 99"):
        Lexical.load(tmp_path)


def test_large_builds_have_no_seam() -> None:
    """Documents repeat with a period, and so must their scores, over every chunk in which they are weighed."""
    period, n = 84, 20_100
    documents = ({"title": [f"w{i % 7}", f"w{i % 3}"], "text": ["x"] * (i % 4)} for i in range(n))
    lexical = Lexical.build(documents, SETTINGS)
    scores = lexical.score_all(lexical.encode_query(["w1", "w2", "x"]))
    assert scores.shape == (n,)
    assert len(np.unique(scores)) > 10
    np.testing.assert_array_equal(scores, scores[np.arange(n) % period])
    rows = np.arange(19_990, 20_010)
    values = lexical.terms(lexical.encode_query(["w1", "w2", "x"]), rows)[1]
    np.testing.assert_allclose(values.sum(axis=1), scores[rows], rtol=1e-5)


def test_a_field_of_weight_zero_is_left_out_and_an_unknown_one_refused() -> None:
    chosen = LexicalSettings(field_weights={"title": 1.0, "text": 0.0}, pairs=0.0)
    lexical = Lexical.build([{"title": ["red"], "text": ["blue"]}], chosen)
    assert lexical.fields == ("title",)
    assert lexical.encode_query(["blue"]) == {}
    with pytest.raises(UsageError, match="'colour'"):
        Lexical.build([{"colour": ["red"]}], chosen)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"k1": 0.0}, "k1 is 0.0"),
        ({"b": 1.5}, r"b of \* is 1.5"),
        ({"b": {"title": -1.0}}, "b of title"),
        ({"b": {"titel": 0.5}}, "unknown field 'titel'"),
        ({"pairs": -1.0}, "pairs weigh -1.0"),
        ({"field_weights": {"pairs": 1.0}}, "may be called 'pairs'"),
        ({"field_weights": {"title": -1.0}}, "weight of 'title'"),
        ({"field_weights": {"title": 0.0}}, "no lexical field"),
        ({"k1": float("nan")}, "k1 is nan"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        LexicalSettings(**wrong)  # type: ignore[arg-type]
