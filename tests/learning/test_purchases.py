"""Networks over purchases: what must not matter to them does not, and they find a rule that is there."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import DataError, UsageError
from goodsense.learning.networks import seeded
from goodsense.learning.purchase_cases import PurchaseCases
from goodsense.learning.purchase_network import NETWORKS, PurchaseNetwork
from goodsense.learning.purchases import PurchasePredictor
from goodsense.types import Embeddings

DIM, SMALL = 6, {"width": 16, "layers": 1, "heads": 2, "dropout": 0.0}


def network(name: str, layers: int = 2) -> PurchaseNetwork:
    with seeded(0):
        made = PurchaseNetwork(DIM, network=name, width=16, layers=layers, heads=2, longest=5)
    made.eval()
    return made


def products(seed: int = 0) -> tuple[Embeddings, np.ndarray[Any, Any]]:
    """Forty products of four kinds, told by their vectors."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(40) % 4
    vectors = (np.eye(4, DIM)[kinds] + 0.1 * rng.normal(size=(40, DIM))).astype(np.float32)
    return Embeddings.of_products([f"p{n}" for n in range(40)], vectors), kinds


def questions(count: int, seed: int) -> PurchaseCases:
    """Who bought a kind buys that kind again, and none of the others."""
    kinds, rng = products()[1], np.random.default_rng(seed)
    own = rng.integers(4, size=count)
    bought = rng.random(count) < 0.5
    asked = np.where(bought, own, (own + rng.integers(1, 4, size=count)) % 4)
    candidates = np.array([rng.choice(np.flatnonzero(kinds == kind)) for kind in asked])
    history = np.array([rng.choice(np.flatnonzero(kinds == kind), 3) for kind in own])
    history[rng.random(count) < 0.5, 2] = -1
    return PurchaseCases(np.arange(count), history, candidates, (~bought).astype(np.int8))


@cache
def fitted(name: str) -> PurchasePredictor:
    made = PurchasePredictor(name, **SMALL, epochs=8, batch=32, rate=5e-3)  # type: ignore[arg-type]
    return made.fit(products()[0], questions(400, 1), questions(80, 2))


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_are_answered_as_if_alone_and_padding_has_no_influence(name: str) -> None:
    made, rng = network(name), torch.Generator().manual_seed(1)
    history, candidates = (torch.randn(shape, generator=rng) for shape in ((4, 5, DIM), (4, DIM)))
    there = torch.arange(5) < torch.tensor([[5], [3], [1], [0]])
    with torch.inference_mode():
        whole = made(history, there, candidates)
        changed = made(torch.where(there[:, :, None], history, 9.0), there, candidates)
        for row, length in enumerate((5, 3, 1, 0)):
            short = made(history[row : row + 1, :length], there[row : row + 1, :length], candidates[row : row + 1])
            assert torch.allclose(short, whole[row : row + 1], atol=1e-5)
    assert torch.allclose(whole, changed, atol=1e-6)
    assert whole.shape == (4,)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_a_recurrent_network_reads_from_the_oldest_on(name: str) -> None:
    made, rng = network(name), torch.Generator().manual_seed(2)
    history, candidate = torch.randn((1, 3, DIM), generator=rng), torch.randn((1, DIM), generator=rng)
    with torch.inference_mode():
        tokens = [made.inputs(past) + made.against(past * candidate[0]) for past in history[0].flip(0)]
        last = made.reader.reading(torch.stack(tokens)[None])[0][:, -1]
        beside = made.reader.compared(torch.cat([last, made.inputs(candidate) + made.asked], dim=1))
        expected = made.told(beside)[:, 0]
        found = made(history, torch.ones(1, 3, dtype=torch.bool), candidate)
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_order_of_purchases_can_matter(name: str) -> None:
    made, history = network(name), torch.randn((1, 3, DIM), generator=torch.Generator().manual_seed(3))
    there, candidate = torch.ones(1, 3, dtype=torch.bool), torch.ones(1, DIM)
    with torch.inference_mode():
        assert not torch.allclose(made(history, there, candidate), made(history.flip(1), there, candidate), atol=1e-5)


@pytest.mark.parametrize("name", ["transformer", "gru"])
def test_a_rule_that_is_there_is_found(name: str) -> None:
    made, asked = fitted(name), questions(300, 3)
    right = (made.predict_proba(products()[0], asked) > 0.5) == asked.bought
    assert right.mean() > 0.95
    assert made.history is not None
    assert made.history.learned
    assert made.parameters > 1_000


def test_a_seed_repeats_a_training() -> None:
    def logits(seed: int) -> Any:
        made = PurchasePredictor("gru", **SMALL, epochs=1, batch=32)  # type: ignore[arg-type]
        return made.fit(products()[0], questions(64, 1), seed=seed).logits(products()[0], questions(9, 2))

    first = logits(5)
    assert np.array_equal(first, logits(5))
    assert not np.allclose(first, logits(6))


@pytest.mark.parametrize("name", ["transformer", "gru"])
def test_a_predictor_comes_back_from_its_parts(name: str) -> None:
    made, asked = fitted(name), questions(20, 4)
    settings, arrays = made.to_parts()
    again = PurchasePredictor.from_parts(settings, arrays)
    assert np.array_equal(again.logits(products()[0], asked), made.logits(products()[0], asked))


def test_what_stands_in_absent_rows_has_no_influence() -> None:
    block, _ = products()
    present = np.arange(40) % 5 > 0
    noise = np.where(present[:, None], block.vectors, np.float32(7))
    asked, made = questions(30, 5), fitted("transformer")
    blank = Embeddings(block.ids, block.owners, np.where(present[:, None], block.vectors, np.float32(0)), present)
    other = Embeddings(block.ids, block.owners, noise, present)
    assert np.array_equal(made.logits(blank, asked), made.logits(other, asked))


def test_older_purchases_than_it_looks_back_on_are_left_out() -> None:
    block, asked = products()[0], questions(20, 6)
    made = PurchasePredictor("transformer", **SMALL, history=2, epochs=0)  # type: ignore[arg-type]
    made.fit(block, questions(40, 1))
    short = PurchaseCases(asked.users, asked.history[:, :2], asked.candidates, asked.kinds)
    assert np.allclose(made.logits(block, asked), made.logits(block, short), atol=1e-6)


def test_no_questions_get_no_answers() -> None:
    assert fitted("gru").logits(products()[0], questions(5, 1).take(np.zeros(0, dtype=np.int64))).shape == (0,)


def test_what_makes_no_sense_is_refused() -> None:
    block, asked = products()[0], questions(20, 1)
    with pytest.raises(DataError, match="all 9 cases have the same answer"):
        PurchasePredictor(**SMALL).fit(block, asked.take(np.flatnonzero(asked.bought)[:9]))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not fitted"):
        PurchasePredictor(**SMALL).logits(block, asked)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="there are 5"):
        fitted("gru").logits(block.take(np.arange(5)), asked)
    with pytest.raises(UsageError, match="fitted with 6"):
        fitted("gru").logits(Embeddings.of_products(block.ids, np.ones((40, 3), np.float32)), asked)
    with pytest.raises(UsageError, match="there is no network 'rnn'"):
        PurchasePredictor("rnn")
    with pytest.raises(UsageError, match="do not divide"):
        PurchasePredictor(width=10, heads=4, epochs=0).fit(block, asked)
    with pytest.raises(UsageError, match="at least 2"):
        PurchasePredictor(batch=1)
