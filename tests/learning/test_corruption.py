"""What pretraining hides, against what was there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.learning.corruption import NOT_ASKED, corrupt_spans, draw_next, mask_tokens
from goodsense.learning.token_numbers import PADDING, UNKNOWN_WORD, TokenNumbers, filled_up

SENTINEL, SENTINELS = 1_000, 8


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- numbers


def test_words_are_numbered_by_how_often_they_come() -> None:
    numbers = TokenNumbers.of([["red", "shoe"], ["red", "mug"], ["a"]], most=3, sentinels=2)
    assert numbers.words == ("red", "a", "mug")  # equally frequent ones by the alphabet
    assert len(numbers) == numbers.first_word + 3
    assert numbers.numbers(["mug", "shoe", "red"]).tolist() == [
        numbers.first_word + 2,
        UNKNOWN_WORD,
        numbers.first_word,
    ]
    every = numbers.tokens(range(len(numbers)))
    assert every[-3:] == ["red", "a", "mug"]
    assert every[numbers.first_sentinel : numbers.first_word] == ["<0>", "<1>"]
    assert every[PADDING] == "[PAD]"
    assert TokenNumbers.of([["red", "red"], ["mug"]], least=2).words == ("red",)
    assert numbers.numbers([]).shape == (0,)
    with pytest.raises(UsageError, match="expected from 1, 1 and 2 up"):
        TokenNumbers.of([], sentinels=1)


def test_rows_are_filled_up_on_the_right() -> None:
    ids, there = filled_up([np.array([7, 8]), np.array([], dtype=np.int64), np.array([9])])
    assert ids.tolist() == [[7, 8], [PADDING, PADDING], [9, PADDING]]
    assert there.tolist() == [[True, True], [False, False], [True, False]]
    assert filled_up([])[0].shape == (0, 1)


# ---- masks


def test_masking_has_berts_shares() -> None:
    ids = np.tile(np.arange(100, 140), (500, 1))  # 40 words a row, each a number of its own
    eligible = np.ones_like(ids, dtype=bool)
    eligible[:, 0] = False
    shown, targets = mask_tokens(ids, eligible, rng(), mask=4, words=(200, 300))
    asked = targets != NOT_ASKED
    assert (asked.sum(axis=1) == round(0.15 * 39)).all()
    assert not asked[:, 0].any()
    np.testing.assert_array_equal(targets[asked], ids[asked])
    np.testing.assert_array_equal(shown[~asked], ids[~asked])
    hidden, kept = shown[asked] == 4, shown[asked] == ids[asked]
    drawn = (shown[asked] >= 200) & (shown[asked] < 300)
    assert (hidden | kept | drawn).all()
    assert hidden.mean() == pytest.approx(0.8, abs=0.03)  # six standard errors
    assert drawn.mean() == pytest.approx(0.1, abs=0.03)
    assert asked[:, 1:].mean(axis=0).min() > 0.05  # no place is passed over


def test_a_short_row_asks_for_one_word_and_an_empty_one_for_none() -> None:
    ids = np.full((3, 5), 9)
    eligible = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [0] * 5], dtype=bool)
    for seed in range(20):
        _, targets = mask_tokens(ids, eligible, rng(seed), mask=4, words=(5, 6))
        assert (targets != NOT_ASKED).sum(axis=1).tolist() == [1, 1, 0]
        assert targets[1, 2] == 9
    shown, targets = mask_tokens(ids, eligible, rng(), mask=4, words=(5, 6), share=0)
    assert (targets == NOT_ASKED).all()
    np.testing.assert_array_equal(shown, ids)
    shown, targets = mask_tokens(ids, eligible, rng(), mask=4, words=(5, 6), share=1, masked=1, random=0)
    np.testing.assert_array_equal(shown == 4, eligible)


# ---- spans


def put_back(shown: list[int], answer: list[int]) -> list[int]:
    """The text again: each sentinel's run from the answer."""
    runs: dict[int, list[int]] = {}
    for number in answer:
        if number >= SENTINEL:
            last = runs.setdefault(number, [])
            assert not last
        else:
            last.append(number)
    return list(itertools.chain(*(runs[number] if number >= SENTINEL else [number] for number in shown)))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40, 200])
@pytest.mark.parametrize(("share", "mean"), [(0.15, 3.0), (0.5, 1.0), (0.9, 4.0)])
def test_spans_can_be_put_back(count: int, share: float, mean: float) -> None:
    tokens = np.arange(1, count + 1)
    for seed in range(20):
        shown, answer = corrupt_spans(
            tokens, rng(seed), first_sentinel=SENTINEL, sentinels=SENTINELS, share=share, mean=mean
        )
        found = [number for number in shown.tolist() if number >= SENTINEL]
        assert found == list(range(SENTINEL, SENTINEL + len(found)))  # in order, each once
        assert [number for number in answer.tolist() if number >= SENTINEL] == [*found, SENTINEL + len(found)]
        assert answer[0] == SENTINEL
        assert answer[-1] == SENTINEL + len(found)  # the last sentinel ends the answer
        assert len(found) < SENTINELS
        assert put_back(shown.tolist(), answer.tolist()) == tokens.tolist()
        hidden = (answer < SENTINEL).sum()
        assert hidden == min(max(round(share * count), 1), max(count - 1, 1))
        assert not ((shown[1:] >= SENTINEL) & (shown[:-1] >= SENTINEL)).any()  # runs do not touch
        assert len(answer) <= count + 2


def test_spans_are_as_long_as_asked_and_everywhere() -> None:
    hidden, runs = np.zeros(100), []
    for seed in range(300):
        tokens = np.arange(100)
        shown, answer = corrupt_spans(tokens, rng(seed), first_sentinel=SENTINEL, sentinels=SENTINELS)
        runs.append((shown >= SENTINEL).sum())
        hidden[answer[answer < SENTINEL]] += 1
    assert set(runs) == {5}  # 15 words in runs of 3
    assert hidden.min() > 10
    assert hidden.max() < 90  # 45 on average


# ---- next sentences


def test_half_of_the_second_sentences_follow() -> None:
    documents = [[np.array([10 * d + s]) for s in range(3)] for d in range(6)]
    found = [draw_next(documents, 2, rng(seed)) for seed in range(400)]
    for first, second, follows in found:
        assert first[0] in (20, 21)
        assert (second[0] == first[0] + 1) == follows
        assert follows or second[0] // 10 != 2
    assert np.mean([follows for *_, follows in found]) == pytest.approx(0.5, abs=0.1)
    assert {int(second[0]) // 10 for _, second, _ in found} == set(range(6))


def test_the_same_words_from_elsewhere_do_follow() -> None:
    alike = [[np.array([1]), np.array([2])], [np.array([2]), np.array([2])]]
    assert all(follows for seed in range(20) for *_, follows in [draw_next(alike, 0, rng(seed))])
    assert all(draw_next(alike[:1], 0, rng(seed))[2] for seed in range(5))
