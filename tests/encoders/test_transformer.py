"""The small transformer that a shop pretrains on its own texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from goodsense.encoders import contrastive, make_encoder
from goodsense.encoders.contrastive import Corpus
from goodsense.encoders.hashed import HashedWords
from goodsense.encoders.transformer import LONGEST, TransformerEncoder, hidden
from goodsense.errors import UsageError
from goodsense.learning.corruption import NOT_ASKED
from goodsense.learning.networks import seeded
from tests.encoders.test_text_pairs import WORDS, toys


@pytest.fixture(scope="module")
def encoder() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrastive, "BATCH", 16)
        made = TransformerEncoder(dim=16, width=16, heads=2, layers=1, epochs=20, field_weights={"*": 1.0})
        return made.fit(toys(), seed=0)


def corpus_of(texts: list[list[str]]) -> Corpus:
    hashed = HashedWords(buckets=2**12, char_ngrams=(3, 3), char_weight=1.0)
    hashed.fit(texts)
    return Corpus.of(texts, hashed)


def test_training_ranks_the_right_description_first(encoder: Any) -> None:
    titles = encoder.encode_query(list(WORDS))
    descriptions = encoder.encode([{"description": words} for words in WORDS.values()])
    assert (titles @ descriptions.T).argmax(axis=1).tolist() == list(range(len(WORDS)))
    assert encoder.losses[-1] < 0.8 * encoder.losses[0]


def test_hidden_words_are_guessed_first(encoder: Any) -> None:
    assert len(encoder.pretraining_losses) == 3
    assert encoder.pretraining_losses[-1] < encoder.pretraining_losses[0]
    plain = TransformerEncoder(dim=8, width=8, heads=2, pretrain_epochs=0, epochs=1).fit(toys(), seed=0)
    assert plain.pretraining_losses == []


def test_reading_order_matters() -> None:
    encoder = TransformerEncoder(dim=8, width=8, heads=2, pretrain_epochs=1, epochs=1).fit(toys(), seed=0)
    one, other = encoder.encode([{"title": "red lamp blue"}, {"title": "blue lamp red"}])
    assert np.abs(one - other).max() > 1e-4


def test_hidden_words_are_those_of_the_text() -> None:
    texts = [[f"word{i}" for i in range(length)] for length in (3, 100)]
    corpus = corpus_of(texts)
    batch = hidden(corpus, np.array([1, 0]), np.random.default_rng(0))
    assert batch.shown.shape == (2, LONGEST)
    assert batch.there.sum(axis=1).tolist() == [LONGEST, 3]
    asked = batch.targets != NOT_ASKED
    assert asked.sum(axis=1).tolist() == [round(0.15 * LONGEST), 1]
    restored = np.where(asked, batch.targets, batch.shown)
    assert (np.diff(restored[0]) == 1).all()  # words are numbered in the order of the text: a run of it
    assert restored[1, :3].tolist() == batch.texts.words[-3:].tolist()
    assert batch.shown.max() <= len(batch.texts.row_starts) - 1  # the mask is the place after the last word


def test_the_guess_is_the_loop_over_the_words_of_the_batch() -> None:
    corpus = corpus_of([["red", "small", "lamp"], ["red", "whistle"]])
    encoder = TransformerEncoder(dim=4, width=6, heads=2, layers=1)
    with seeded(0):
        network: Any = encoder._made(corpus.matrix.shape[1]).eval()
    batch = hidden(corpus, np.array([0, 1]), np.random.default_rng(1))
    with torch.inference_mode():
        table = torch.from_numpy(corpus.matrix.toarray()) @ network.table  # (words, width)
        inputs = torch.cat([table * 6**0.5, network.mask])
        total = 0.0
        for row in range(2):
            words = batch.shown[row][batch.there[row]]
            states = network.layers(inputs[torch.from_numpy(words)][None], torch.ones(1, len(words), dtype=torch.bool))[
                0
            ]
            for place, target in enumerate(batch.targets[row]):
                if target != NOT_ASKED:
                    scores = network.told(states[place][None], table)[0]
                    total += float(scores.logsumexp(dim=0) - scores[int(target)]) / 2  # one word a text is asked for
        assert float(network.guess(batch)) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("options", [{"heads": 5}, {"heads": 0}, {"layers": 0}, {"width": 0}, {"pretrain_epochs": -1}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_encoder("text", "transformer", options)


def test_a_catalog_without_words_can_be_fitted() -> None:
    encoder = make_encoder("text", "transformer", {"dim": 4}).fit([{"title": "!"}, {}], seed=0)
    assert not encoder.encode([{"title": "mug"}, {"title": ""}]).any()
