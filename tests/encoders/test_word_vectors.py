from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.encoders import glove, make_encoder
from goodsense.encoders.glove import GloveEncoder, cooccurrences, ridge_regression, solve
from goodsense.encoders.sif import common_directions, smooth_weights, without_directions
from goodsense.encoders.speller import Speller
from goodsense.encoders.word2vec import Word2VecEncoder
from goodsense.errors import UsageError
from goodsense.text import Tokenizer

TOPICS, COPIES = 12, 80
PLAIN = Tokenizer(stem=False)


def made_up_words(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = [rng.choice(list("bdfgklmnprstvz")) + rng.choice(list("aeiou")) for _ in range(3)]
        found["".join(syllables)] = None
    return list(found)


WORDS = made_up_words(10 * TOPICS + 10)
TWINS = [WORDS[10 * topic + i] for topic in range(TOPICS) for i in (0, 1)]


def catalog(copies: int = COPIES) -> list[dict[str, str]]:
    """Of the ten words of each topic the first two, its twins, stand in equal contexts; ten words stand everywhere."""
    rng = np.random.default_rng(1)
    rows = []
    for topic in range(TOPICS):
        own = WORDS[10 * topic : 10 * topic + 10]
        for copy in range(copies):
            words = [*rng.choice(own[2:], 4, replace=False), rng.choice(WORDS[-10:])]
            words.insert(2, own[copy % 2])
            rows.append({"title": " ".join(words)})
    return rows


def glove_encoder(**options: Any) -> GloveEncoder:
    return GloveEncoder(tokenizer=PLAIN, dim=16, **options)


@pytest.fixture(scope="module", params=["skip-gram", "cbow", "glove"])
def encoder(request: pytest.FixtureRequest) -> Any:
    if request.param == "glove":
        return glove_encoder().fit(catalog(), seed=0)
    return Word2VecEncoder(tokenizer=PLAIN, dim=16, kind=request.param, epochs=30).fit(catalog(), seed=0)


def test_words_in_equal_contexts_become_neighbours(encoder: Any) -> None:
    found = encoder.encode_query(TWINS)
    cosines = found @ found.T - 2 * np.eye(len(TWINS))
    np.testing.assert_array_equal(cosines.argmax(axis=1), np.arange(len(TWINS)) ^ 1)
    assert encoder.nearest(TWINS[0], 1)[0][0] in WORDS[1:10]


def test_nearest_names_words_as_they_are_written() -> None:
    rows = [{"title": f"{row['title']} shoes running"} for row in catalog(10)]
    encoder = GloveEncoder(dim=8, sweeps=2).fit(rows, seed=0)
    near = encoder.nearest("shoe", 500)
    words = [word for word, _ in near]
    assert "running" in words  # not its stem, and not the word that was asked for
    assert not {"run", "shoe", "shoes"} & set(words)
    assert [cosine for _, cosine in near] == sorted((cosine for _, cosine in near), reverse=True)
    assert encoder.nearest("zeppelin", 3) == []
    assert encoder.nearest("shoe", 0) == []


def test_a_word_that_was_never_learned_stands_where_its_spelling_does(encoder: Any) -> None:
    word = WORDS[2]
    typo, right, other = encoder.encode_query([word + word[-1], word, WORDS[12]])
    assert typo @ right > 0.7
    assert typo @ other < typo @ right - 0.3
    assert not encoder.encode_query(["xqxqxq"]).any()


def test_unknown_words_are_told(encoder: Any) -> None:
    assert encoder.unknown_share([{"title": f"{WORDS[0]} {WORDS[1]} zeppelin balloon"}]) == 0.5
    assert encoder.unknown_share([]) == 0


def test_pooling_is_the_papers_loop(encoder: Any) -> None:
    """A naive loop over Arora et al.: a / (a + p), the mean, the first principal component removed."""
    rows = [row["title"] for row in catalog()]
    tokens = [PLAIN.tokens(row) for row in rows]
    counts: dict[str, int] = {}
    for text in tokens:
        for token in text:
            counts[token] = counts.get(token, 0) + 1
    total, a = sum(counts.values()), encoder._settings["smoothing"]
    table = dict(zip(encoder._words, encoder._arrays["vectors"].astype(np.float64), strict=True))
    means = []
    for text in tokens:
        weights = [a / (a + counts[token] / total) for token in text]
        mean = sum(weight * table[token] for weight, token in zip(weights, text, strict=True))
        means.append(mean / sum(weights))
    first = np.linalg.svd(np.array(means), full_matrices=False)[2][0]
    expected = [mean - (mean @ first) * first for mean in means]
    expected = [row / np.linalg.norm(row) for row in expected]
    np.testing.assert_allclose(encoder.encode([{"title": row} for row in rows]), expected, atol=1e-4)


def test_fields_weigh_as_told() -> None:
    fields = {"title": WORDS[2], "description": " ".join(WORDS[12:16])}
    both = glove_encoder(field_weights={"title": 1.0, "*": 0.25}).fit(catalog(), seed=0)
    title, description = both.encode_query(list(fields.values()))
    found = both.encode([fields])[0]
    assert found @ title > found @ description
    alone = glove_encoder(field_weights={"title": 1.0}).fit(catalog(), seed=0)
    np.testing.assert_array_equal(alone.encode([fields]), alone.encode([{"title": WORDS[2]}]))


def test_smooth_weights_are_those_of_the_paper() -> None:
    np.testing.assert_allclose(smooth_weights(np.array([0.0, 0.001, 0.999]), 0.001), [1.0, 0.5, 0.001])


def test_common_directions_are_the_singular_vectors() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 6)) + 2
    found = common_directions(rows, 2)
    right = np.linalg.svd(rows, full_matrices=False)[2][:2]
    np.testing.assert_allclose(np.abs((found * right).sum(axis=1)), 1, atol=1e-6)
    np.testing.assert_allclose(without_directions(rows.astype(np.float32), found) @ found.T, 0, atol=1e-5)


def test_the_speller_prefers_the_nearest_and_knows_when_there_is_none() -> None:
    speller = Speller(["ceramic", "ceiling", "kitchen", "保温杯"])
    alike = speller.alike(["ceramics", "保温壶", "xyzzy"]).toarray()
    assert alike[0].argmax() == 0
    assert alike[1].argmax() == 3
    assert not alike[2].any()
    np.testing.assert_allclose(alike[:2].sum(axis=1), 1, rtol=1e-6)


# ---- GloVe


def test_cooccurrences_are_those_of_a_naive_count() -> None:
    sentences = [[0, 1, 2, 1], [3], [], [2, 0]]
    expected = np.zeros((4, 4))
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j in range(max(0, i - 2), min(len(sentence), i + 3)):
                if i != j:
                    expected[word, sentence[j]] += 1 / abs(i - j)
    np.testing.assert_allclose(cooccurrences(sentences, size=4, window=2).toarray(), expected, rtol=1e-6)


def tiny() -> Any:
    rng = np.random.default_rng(1)
    return cooccurrences([rng.integers(0, 12, size=9).tolist() for _ in range(30)], size=12, window=4)


def naive_loss(together: Any, found: Any, ridge: float) -> float:
    table = together.toarray()
    total = 0.0
    for i, j in zip(*table.nonzero(), strict=True):
        told = found.words[i] @ found.contexts[j] + found.biases[i, 0] + found.biases[j, 1]
        weight = min(1.0, (table[i, j] / glove.FULL_WEIGHT) ** glove.POWER)
        total += weight * (told - np.log(table[i, j])) ** 2
    return total + ridge * float((found.words**2).sum() + (found.contexts**2).sum() + (found.biases**2).sum())


def test_the_loss_is_the_papers_and_falls_with_every_sweep() -> None:
    together = tiny()
    found = solve(together, 3, sweeps=6, ridge=0.1, seed=0)
    assert found.losses[-1] == pytest.approx(naive_loss(together, found, 0.1), rel=1e-4)
    assert all(later < earlier for earlier, later in zip(found.losses, found.losses[1:], strict=False))


def test_the_solution_cannot_be_bettered_one_row_at_a_time() -> None:
    """Each context row is the weighted least squares solution, by the normal equations written out."""
    together = tiny()
    found = solve(together, 3, sweeps=3, ridge=0.1, seed=0)
    table = together.toarray()
    for j in range(12):
        rows = table[:, j].nonzero()[0]
        features = np.column_stack([found.words[rows], np.ones(len(rows))]).astype(np.float64)
        weights = np.minimum(1, (table[rows, j] / glove.FULL_WEIGHT) ** glove.POWER)
        aims = np.log(table[rows, j]) - found.biases[rows, 0]
        normal = features.T @ (weights[:, None] * features) + 0.1 * np.eye(4)
        expected = np.linalg.solve(normal, features.T @ (weights * aims))
        np.testing.assert_allclose([*found.contexts[j], found.biases[j, 1]], expected, atol=1e-3)


@pytest.mark.parametrize("rows", [3, 20])
def test_both_ways_to_solve_a_ridge_regression_agree(rows: int) -> None:
    rng = np.random.default_rng(rows)
    features, aims, weights = rng.normal(size=(rows, 7)), rng.normal(size=rows), rng.random(rows)
    expected = np.linalg.solve(
        features.T @ (weights[:, None] * features) + 0.2 * np.eye(7), features.T @ (weights * aims)
    )
    found = ridge_regression(*(a.astype(np.float32) for a in (features, aims, weights)), 0.2)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["word2vec", "glove", "bag", "rnn"])
def test_a_catalog_without_words_can_be_fitted(name: str) -> None:
    encoder = make_encoder("text", name, {"dim": 4}).fit([{"title": "!"}, {}], seed=0)
    assert not encoder.encode([{"title": "mug"}, {"title": ""}]).any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("word2vec", {"kind": "skipgram"}),
        ("word2vec", {"window": 0}),
        ("word2vec", {"smoothing": 0}),
        ("glove", {"ridge": 0}),
        ("glove", {"dim": 0}),
        ("glove", {"field_weights": {"title": -1}}),
        ("bag", {"epochs": 0}),
        ("bag", {"char_ngrams": [4, 3]}),
        ("rnn", {"cell": "elman"}),
        ("rnn", {"width": 0}),
    ],
)
def test_impossible_options_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_encoder("text", name, options)
