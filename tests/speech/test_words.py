from __future__ import annotations

import pytest

from goodsense.speech.words import pieces, said_number, written_words


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("Nike Men's T-Shirt, 200ml", ["nike", "men's", "t-shirt", "200ml"]),
        ("L’Oréal & Müller", ["l'oreal", "and", "muller"]),
        ("s.Oliver  (Black)", ["s.oliver", "black"]),
        ("红色小火车 train", []),
        ("", []),
    ],
)
def test_words_are_written_as_search_reads_them(phrase: str, words: list[str]) -> None:
    assert written_words(phrase) == words


def test_pieces_part_letters_and_digits() -> None:
    assert pieces("rx100-v2") == ["rx", "100", "v", "2"]


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        ("0", "zero"),
        ("13", "thirteen"),
        ("42", "forty two"),
        ("105", "one hundred five"),
        ("2160", "twenty one sixty"),
        ("1905", "nineteen oh five"),
        ("1900", "nineteen hundred"),
        ("3000", "three thousand"),
        ("007", "zero zero seven"),
        ("12345", "one two three four five"),
    ],
)
def test_numbers_are_said(digits: str, said: str) -> None:
    assert " ".join(said_number(digits)[0]) == said


def test_numbers_have_several_ways() -> None:
    assert [" ".join(way) for way in said_number("2160")] == [
        "twenty one sixty",
        "two thousand one hundred sixty",
        "two one six zero",
    ]
