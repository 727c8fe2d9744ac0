"""Objectives of pretraining: how their batches lie, what their losses are, and that they teach."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import DataError
from goodsense.learning.corruption import NOT_ASKED
from goodsense.learning.networks import seeded, weights_of
from goodsense.learning.pretraining import (
    MaskedWords,
    MissingSpans,
    NextSentences,
    NextWords,
    mean_loss,
    pretrain,
    shortened,
    told_loss,
)
from goodsense.learning.schedules import Schedule
from goodsense.learning.token_numbers import CLASS, END, MASK, SEPARATOR, TokenNumbers
from goodsense.learning.transformer import TokenTransformer, WritingTransformer

# every word is followed by one other, so a network that has learned tells nearly all of them
CYCLE = "red shoe by acme in large box with blue lid".split()
TEXTS = [[CYCLE[(start + step) % len(CYCLE)] for step in range(length)] for start in range(10) for length in (5, 8)]
NUMBERS = TokenNumbers.of(TEXTS, sentinels=4)
ROWS = [NUMBERS.numbers(text) for text in TEXTS]
DOCUMENTS = [[row[:3], row[3:]] for row in ROWS]


def made(objective: Any, **options: Any) -> Any:
    kind = WritingTransformer if isinstance(objective, MissingSpans) else TokenTransformer
    given = {"width": 16, "layers": 1, "heads": 2, "longest": objective.longest, "dropout": 0.0, **options}
    with seeded(0):
        return kind(len(NUMBERS), **given)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- layout


def test_masked_words_lie_between_special_tokens() -> None:
    objective = MaskedWords(ROWS, NUMBERS, longest=7)
    batch = objective.batch([0, 1], rng())
    assert batch.ids.shape == (2, 7)
    assert batch.ids[:, 0].tolist() == [CLASS, CLASS]
    assert batch.ids[:, 6].tolist() == [SEPARATOR, SEPARATOR]
    asked = batch.targets != NOT_ASKED
    assert asked.sum(dim=1).tolist() == [1, 1]
    assert not asked[:, [0, 6]].any()
    restored = torch.where(asked, batch.targets, batch.ids)[0, 1:-1]
    assert restored.tolist() == ROWS[0].tolist()
    changed = {int(objective.batch([0], rng(seed)).ids[0].eq(MASK).sum()) for seed in range(30)}
    assert changed == {0, 1}  # sometimes it is shown as it is


def test_sentences_lie_side_by_side() -> None:
    batch = NextSentences(DOCUMENTS, NUMBERS, share=0).batch([0, 1], rng())
    (first, second), row = DOCUMENTS[0], batch.asked.ids[0]
    assert row[:5].tolist() == [CLASS, *first, SEPARATOR]
    assert batch.segments[0, :7].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert (batch.asked.targets == NOT_ASKED).all()
    for seed in range(10):
        again = NextSentences(DOCUMENTS[:1], NUMBERS, share=0).batch([0], rng(seed))
        assert again.asked.ids[0].tolist() == [CLASS, *first, SEPARATOR, *second, SEPARATOR]
        assert again.follows.tolist() == [1]


def test_long_pairs_lose_the_end_of_the_longer() -> None:
    for m in range(1, 9):
        for n in range(1, 9):
            first, second = shortened(np.arange(m), np.arange(n), 6)
            expected = [m, n]
            while sum(expected) > 6:  # as BERT does it, one word at a time
                expected[int(expected[1] >= expected[0])] -= 1
            assert sorted([len(first), len(second)]) == sorted(expected)
            assert first.tolist() == list(range(len(first)))


def test_next_words_are_asked_one_place_before() -> None:
    batch = NextWords(ROWS, NUMBERS, longest=20).batch([0, 1], rng())
    short, long = ROWS[0].tolist(), ROWS[1].tolist()
    assert batch.ids[1].tolist() == [CLASS, *long]
    assert batch.targets[1].tolist() == [*long, END]
    assert batch.targets[0].tolist() == [*short, END, *[NOT_ASKED] * 3]
    assert batch.there.sum(dim=1).tolist() == [6, 9]


def test_spans_are_read_and_written() -> None:
    batch = MissingSpans(ROWS, NUMBERS).batch([1], rng())
    sentinels = [NUMBERS.first_sentinel, NUMBERS.first_sentinel + 1]
    shown, answer = batch.ids[0].tolist(), batch.answer.targets[0].tolist()
    assert answer[0] == sentinels[0]
    assert answer[2:] == [sentinels[1], END]  # one word of eight
    assert batch.answer.ids[0].tolist() == [CLASS, *answer[:-1]]
    place = shown.index(sentinels[0])
    assert [*shown[:place], answer[1], *shown[place + 1 :]] == ROWS[1].tolist()


@pytest.mark.parametrize("share", [0.15, 0.5, 1.0])
def test_long_texts_are_cut_to_what_a_network_reads(share: float) -> None:
    long = [np.arange(300) % 10 + NUMBERS.first_word]
    for objective in (
        MaskedWords(long, NUMBERS, longest=12, share=share),
        NextWords(long, NUMBERS, longest=12),
        MissingSpans(long, NUMBERS, longest=12, share=share),
        NextSentences([[long[0], long[0]]], NUMBERS, longest=12),
    ):
        loss = objective.loss(made(objective), objective.batch([0], rng()))
        assert loss.ndim == 0
        assert torch.isfinite(loss)


# ---- losses


@torch.no_grad()
def naive(network: Any, states: torch.Tensor, targets: torch.Tensor) -> float:
    terms = []
    for row, column in np.ndindex(*targets.shape):
        target = int(targets[row, column])
        if target != NOT_ASKED:
            logits = network.logits(states[row, column][None])[0].double()
            terms.append(float(torch.log(logits.exp().sum()) - logits[target]))
    return sum(terms) / len(terms)


def test_the_loss_is_the_mean_over_what_is_asked() -> None:
    objective = MaskedWords(ROWS, NUMBERS, share=0.4)
    network, batch = made(objective), objective.batch(range(5), rng())
    states = network(batch.ids, batch.there)
    assert float(objective.loss(network, batch).detach()) == pytest.approx(
        naive(network, states, batch.targets), rel=1e-5
    )
    nothing = told_loss(network, states, torch.full_like(batch.targets, NOT_ASKED))
    assert float(nothing.detach()) == 0


def test_berts_loss_is_the_sum_of_two() -> None:
    objective = NextSentences(DOCUMENTS, NUMBERS, share=0.3)
    network, batch = made(objective), objective.batch(range(6), rng())
    states = network(batch.asked.ids, batch.asked.there, segments=batch.segments)
    scores = network.follows(states[:, 0]).detach().double().softmax(dim=1)
    pairs = -sum(math.log(float(scores[row, int(batch.follows[row])])) for row in range(6)) / 6
    expected = pairs + naive(network, states, batch.asked.targets)
    assert float(objective.loss(network, batch).detach()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [NextWords, MissingSpans])
def test_what_is_written_is_scored_word_by_word(kind: Any) -> None:
    objective = kind(ROWS, NUMBERS)
    network, batch = made(objective), objective.batch(range(4), rng())
    if kind is NextWords:
        states, targets = network(batch.ids, batch.there, causal=True), batch.targets
    else:
        states, targets = network(batch.ids, batch.there, batch.answer.ids, batch.answer.there), batch.answer.targets
    assert float(objective.loss(network, batch).detach()) == pytest.approx(naive(network, states, targets), rel=1e-5)


# ---- training


@pytest.mark.parametrize(
    ("objective", "options", "schedule"),
    [
        (MaskedWords(ROWS, NUMBERS, longest=10, share=0.3), {"width": 32, "layers": 2}, Schedule(100, 10, 5e-3)),
        (NextWords(ROWS, NUMBERS), {}, Schedule(30, 10, 1e-2)),  # where a text begins and ends cannot be told
        (MissingSpans(ROWS, NUMBERS), {}, Schedule(30, 10, 1e-2)),
    ],
    ids=["masked words", "next words", "missing spans"],
)
def test_a_network_learns_what_follows_what(objective: Any, options: dict[str, Any], schedule: Schedule) -> None:
    network = made(objective, **options)
    start = mean_loss(network, objective, seed=1)
    assert start > 2
    history = pretrain(network, objective, schedule, seed=0)
    assert history.learned
    assert mean_loss(network, objective, seed=1) < 1
    assert not network.training


def test_a_network_learns_which_sentence_follows() -> None:
    titles = [[NUMBERS.numbers([word]), NUMBERS.numbers([word, word])] for word in CYCLE]
    objective = NextSentences(titles, NUMBERS, share=0)
    network = made(objective)
    pretrain(network, objective, Schedule(epochs=150, batch=10, rate=1e-2), seed=0)
    batch = objective.batch(list(range(10)) * 5, rng(3))
    assert 10 < int(batch.follows.sum()) < 40
    with torch.inference_mode():
        told = network.follows(network(batch.asked.ids, batch.asked.there, segments=batch.segments)[:, 0]).argmax(dim=1)
    assert float((told == batch.follows).double().mean()) > 0.7


def test_a_seed_repeats_a_training_and_held_out_texts_choose_its_end() -> None:
    objective, held_out = MaskedWords(ROWS[:12], NUMBERS), MaskedWords(ROWS[12:], NUMBERS)
    short = Schedule(epochs=3, batch=5, rate=1e-2)
    one, two = made(objective), made(objective)
    first = pretrain(one, objective, short, seed=4, held_out=held_out)
    assert pretrain(two, objective, short, seed=4, held_out=held_out) == first
    left, right = weights_of(one), weights_of(two)
    assert all(left[name].tobytes() == right[name].tobytes() for name in left)
    assert -max(first.validation) == pytest.approx(mean_loss(one, held_out, batch=5, seed=4), rel=1e-6)


def test_texts_without_words_are_refused() -> None:
    empty = np.zeros(0, dtype=np.int64)
    for kind in (MaskedWords, NextWords, MissingSpans):
        with pytest.raises(DataError, match="1 of them without a token"):
            kind([ROWS[0], empty], NUMBERS)
    with pytest.raises(DataError, match="two sentences"):
        NextSentences.of([[ROWS[0], empty], []], NUMBERS)
    assert len(NextSentences.of([[ROWS[0], empty, ROWS[1]], [ROWS[0]]], NUMBERS)) == 1
