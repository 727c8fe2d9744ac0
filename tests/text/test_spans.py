"""Where words stand in a text, as it is written."""

from __future__ import annotations

from itertools import pairwise

import pytest

from goodsense.text import Tokenizer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Red, wooden train!", ["Red", "wooden", "train"]),
        ("the children's T-shirt (XL)", ["the", "children's", "T-shirt", "XL"]),
        ("木头鸭子 3岁以上", ["木头", "鸭子", "3", "岁", "以上"]),
        ("Café crème – 2 x 50 ml", ["Café", "crème", "2", "x", "50", "ml"]),
        ("red红色train", ["red", "红色", "train"]),
        ("", []),
        (" ?! ", []),
    ],
)
def test_words_as_they_are_written(text: str, words: list[str]) -> None:
    spans = Tokenizer().spans(text)
    assert [text[start:end] for start, end in spans] == words
    assert spans == sorted(spans)
    assert all(before <= after for (_, before), (after, _) in pairwise(spans))


def test_words_of_the_shops_dictionary_stay_whole() -> None:
    assert Tokenizer(dictionary=["奇可噜"]).spans("奇可噜木头") == [(0, 3), (3, 5)]
