"""Integrated gradients against the same done by differences, and against what they must sum to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from goodsense.encoders import contrastive, make_encoder
from goodsense.encoders.gradients import WordGradients, _gated, word_gradients
from goodsense.encoders.rnn import RnnEncoder
from goodsense.encoders.transformer import TransformerEncoder
from goodsense.text import Tokenizer
from goodsense.types import normalise
from tests.encoders.hub import models
from tests.encoders.test_text_pairs import WORDS, toys

TEXT = "red wooden train, a train for children"


@pytest.fixture(scope="module", params=["rnn", "transformer", "hub"])
def encoder(request: pytest.FixtureRequest) -> Any:
    if request.param == "hub":
        return make_encoder("text", f"hub:{models.ready('bert')}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrastive, "BATCH", 16)
        if request.param == "rnn":
            return RnnEncoder(dim=16, width=16, epochs=1, field_weights={"*": 1.0}).fit(toys(), seed=0)
        made = TransformerEncoder(dim=16, width=16, heads=2, layers=1, epochs=1, pretrain_epochs=0)
        return made.fit(toys(), seed=0)


def text_of(encoder: Any) -> str:
    return (
        "red cotton shirt by acme" if hasattr(encoder, "_folder") else " ".join([*list(WORDS)[:3], next(iter(WORDS))])
    )


def target_of(encoder: Any) -> NDArray[np.float32]:
    rows: NDArray[np.float32] = normalise(np.random.default_rng(3).normal(size=(1, encoder.dim)).astype(np.float32))
    return np.asarray(rows[0])


def graded(encoder: Any, *, steps: int = 32) -> WordGradients:
    text = text_of(encoder)
    found = word_gradients(encoder, text, Tokenizer().spans(text), target_of(encoder), steps=steps)
    assert found is not None
    return found


def test_words_and_the_rest_sum_to_the_cosine(encoder: Any) -> None:
    found = graded(encoder, steps=200)
    vector = normalise(encoder.encode_query([text_of(encoder)]))[0]
    assert found.cosine == pytest.approx(float(vector @ target_of(encoder)), abs=1e-5)
    assert float(found.values.sum()) + found.rest == pytest.approx(found.cosine, abs=5e-3)
    assert np.abs(found.values).max() > 1e-3


def test_they_are_the_averages_of_differences(encoder: Any) -> None:
    """The slope of the cosine in every gate, by two calls each, at the middles of four pieces of the line."""
    text, target = text_of(encoder), torch.from_numpy(target_of(encoder))
    spans = Tokenizer().spans(text)
    gated = _gated(encoder, text, spans)
    assert gated is not None

    def cosine(gates: torch.Tensor) -> float:
        with torch.no_grad():
            return float(torch.nn.functional.normalize(gated.vector(gates), dim=0) @ target)

    expected = np.zeros(len(spans))
    for place, word in enumerate(gated.words):
        for step in range(4):
            near = torch.full((gated.count,), (step + 0.5) / 4)
            near[place] += 5e-3
            up = cosine(near)
            near[place] -= 1e-2
            if word >= 0:
                expected[word] += (up - cosine(near)) / 1e-2 / 4
    np.testing.assert_allclose(graded(encoder, steps=4).values, expected, atol=2e-3)


def test_they_are_the_same_every_time_and_leave_the_encoder_as_it_was(encoder: Any) -> None:
    before = encoder.encode_query([text_of(encoder)])
    np.testing.assert_array_equal(graded(encoder).values, graded(encoder).values)
    np.testing.assert_array_equal(encoder.encode_query([text_of(encoder)]), before)


def test_what_no_network_reads_has_none() -> None:
    lsa = make_encoder("text", "lsa", {"dim": 8}).fit(toys(), seed=0)
    bag = make_encoder("text", "bag", {"dim": 8, "epochs": 1}).fit(toys(), seed=0)
    for other in (lsa, bag, object()):
        assert word_gradients(other, TEXT, [(0, 3)], np.ones(8, dtype=np.float32)) is None


def test_nothing_known_and_nothing_to_compare_with_have_none(encoder: Any) -> None:
    assert word_gradients(encoder, "red", [(0, 3)], np.zeros(encoder.dim, dtype=np.float32)) is None
    if isinstance(encoder, contrastive.TrainedOnPairs):
        assert word_gradients(encoder, "?!", [], target_of(encoder)) is None
