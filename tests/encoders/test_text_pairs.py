from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.encoders import contrastive
from goodsense.encoders.bag import BagEncoder
from goodsense.encoders.contrastive import Corpus, view
from goodsense.encoders.hashed import HashedWords
from goodsense.encoders.rnn import RnnEncoder
from goodsense.encoders.text_pairs import TextPairs, info_nce

# titles and descriptions share no word: only training can tell what belongs together
WORDS = {
    "kettle": "boils water quickly",
    "lamp": "lights your desk",
    "racket": "hits balls hard",
    "shovel": "digs deep holes",
    "pillow": "rests tired heads",
    "whistle": "sounds shrill far",
    "围巾": "冬天保暖柔软",
    "积木": "拼搭城堡房子",
}


def toys() -> list[dict[str, str]]:
    colours = "red green blue black white".split()
    return [
        {"title": f"{colour} {thing}", "description": f"{words} {colour}"}
        for thing, words in WORDS.items()
        for colour in colours
    ]


@pytest.fixture(scope="module", params=[BagEncoder, RnnEncoder])
def encoder(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrastive, "BATCH", 16)
        kind = request.param
        return kind(dim=16, epochs=25, field_weights={"*": 1.0}).fit(toys(), seed=0)


def test_training_ranks_the_right_description_first(encoder: Any) -> None:
    titles = encoder.encode_query(list(WORDS))
    descriptions = encoder.encode([{"description": words} for words in WORDS.values()])
    assert (titles @ descriptions.T).argmax(axis=1).tolist() == list(range(len(WORDS)))


def test_the_loss_falls(encoder: Any) -> None:
    assert encoder.losses[-1] < 0.8 * encoder.losses[0]


def test_a_misspelt_word_lands_near_the_word(encoder: Any) -> None:
    typo, right, other = encoder.encode_query(["whistel", "whistle", "pillow"])
    assert typo @ right > typo @ other


def test_words_are_known_by_themselves_or_their_spelling(encoder: Any) -> None:
    assert encoder.unknown_share([{"title": "red whistle"}]) == 0
    assert encoder.unknown_share([{"title": "red zzyzxq"}]) == 0.5


def test_encoding_a_bag_needs_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = BagEncoder(dim=8, epochs=1).fit(toys(), seed=0)
    encoder.save(tmp_path)
    expected = encoder.encode(toys()[:5])
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    np.testing.assert_array_equal(BagEncoder.load(tmp_path).encode(toys()[:5]), expected)


def test_a_bag_encodes_as_its_network_does() -> None:
    encoder = BagEncoder(dim=8, epochs=1).fit(toys(), seed=0)
    corpus = Corpus.of([["red", "kettl"], ["whistl"]], encoder._hashed)
    network = encoder._made(len(encoder._hashed))
    network.load_state_dict({"table": torch.from_numpy(encoder._arrays["table"])})
    with torch.inference_mode():
        expected = network(corpus.batch([0, 1])).numpy()
    np.testing.assert_allclose(encoder._vectors(corpus.batch([0, 1])), expected, atol=1e-6)


def test_reading_order_matters_to_the_rnn_alone() -> None:
    one, other = {"title": "red lamp blue"}, {"title": "blue lamp red"}
    bag = BagEncoder(dim=8, epochs=1).fit(toys(), seed=0).encode([one, other])
    rnn = RnnEncoder(dim=8, epochs=1).fit(toys(), seed=0).encode([one, other])
    np.testing.assert_allclose(bag[0], bag[1], atol=1e-6)
    assert np.abs(rnn[0] - rnn[1]).max() > 1e-4


# ---- pairs


def test_pairs_join_the_title_with_what_stands_beside_it() -> None:
    pairs = TextPairs.of(
        [
            {"title": "a", "description": "b", "category": "c", "brand": "no partner"},
            {"title": "a", "category": "c"},
            {"category": "c", "attributes": "without a title"},
            {"title": " ", "description": ""},
        ]
    )
    found = {
        (pairs.texts[a], pairs.texts[b], pairs.kinds[k])
        for a, b, k in zip(pairs.left, pairs.right, pairs.kind, strict=True)
    }
    assert found == {
        ("a", "a", "title"),
        ("a", "b", "description"),
        ("a", "c", "category"),
        ("without a title", "without a title", "title"),
        ("without a title", "c", "category"),
    }
    assert len(pairs) == len(found)


def test_every_pair_comes_once_an_epoch_in_batches_of_one_kind() -> None:
    values = [{"title": f"t{i}", "description": f"d{i % 7}", "category": "ab"[i % 2]} for i in range(50)]
    pairs = TextPairs.of(values)
    batches = list(pairs.batches(8, np.random.default_rng(0)))
    assert len(batches) == pairs.steps(8)
    assert all(len(set(pairs.kind[batch].tolist())) == 1 for batch in batches)
    seen = sorted(np.concatenate(batches).tolist())
    assert len(seen) == len(set(seen)) >= len(pairs) - len(pairs.kinds)


def test_pairs_with_a_common_text_are_equal() -> None:
    pairs = TextPairs.of([{"title": t, "category": c} for t, c in [("x", "k"), ("y", "k"), ("z", "m")]])
    batch = np.flatnonzero(pairs.kind == pairs.kinds.index("category"))
    np.testing.assert_array_equal(pairs.equal(batch), [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_info_nce_is_the_naive_loop_without_equal_targets() -> None:
    rng = np.random.default_rng(0)
    left, right = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 5, 3)))
    equal = np.eye(5, dtype=bool)
    equal[0, 3] = equal[3, 0] = True
    total = 0.0
    for a, b in ((left, right), (right, left)):
        for i in range(5):
            others = [np.exp(a[i] @ b[j] / 0.2) for j in range(5) if j == i or not equal[i, j]]
            total -= np.log(np.exp(a[i] @ b[i] / 0.2) / sum(others)) / 10
    found = info_nce(torch.from_numpy(left), torch.from_numpy(right), equal, 0.2)
    assert float(found) == pytest.approx(total, rel=1e-6)


# ---- words


def test_hashed_words_share_their_spelling() -> None:
    words = HashedWords(buckets=2**16, char_ngrams=(3, 4), char_weight=0.5)
    words.fit([["kettle", "red"], ["kettles"]])
    table = words.matrix(["kettle", "kettles", "ketle", "qqq"]).toarray()
    assert table[0] @ table[1] > 0
    assert table[2].any()  # by its spelling alone
    assert not table[3].any()
    assert table[0].sum() == pytest.approx(1.5)  # itself, and all of its spelling
    assert words.word("qqq")[2] > words.word("kettle")[2]


def test_rare_spellings_of_a_large_catalog_get_no_row() -> None:
    words = HashedWords(buckets=2**16, char_ngrams=(3, 3), char_weight=1.0)
    words.fit([["common"]] * 2_500 + [["zqxzqx"]])
    assert words.word("common")[0]
    assert words.word("zqxzqx")[0] == []
    assert not words.knows("zqxzqx")


def test_a_view_keeps_the_order_and_is_never_empty() -> None:
    text = np.arange(500)
    for seed in range(50):
        seen = view(text, np.random.default_rng(seed))
        assert 0 < len(seen) < 100
        assert (np.diff(seen) > 0).all()
        assert len(view(text[:1], np.random.default_rng(seed))) == 1
