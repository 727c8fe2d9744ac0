from __future__ import annotations

import pytest

from goodsense.text.emoji import emoji_to_words, remove_emoji


@pytest.mark.parametrize(
    ("text", "words", "removed"),
    [
        ("Great mug 😍😍 fast 🚚 :)", "Great mug love fast delivery happy", "Great mug fast"),
        ("杯子很好👍🏽👍", "杯子很好 赞", "杯子很好"),
        ("全家👨‍👩‍👧都喜欢❤️", "全家 家庭 都喜欢 爱心", "全家 都喜欢"),
        ("So-so 😡\n-_- yes", "So-so angry\nannoyed yes", "So-so\nyes"),
        ("a bird 🦩", "a bird flamingo", "a bird"),
        ("一只🦩", "一只", "一只"),
        ("http://x.y 10:30 Nike™ 5* (a:b)", None, None),
    ],
)
def test_emoji_become_words_or_go(text: str, words: str | None, removed: str | None) -> None:
    assert emoji_to_words(text) == (text if words is None else words)
    assert remove_emoji(text) == (text if removed is None else removed)


def test_the_language_can_be_chosen() -> None:
    assert emoji_to_words("很好👍", "en") == "很好 good"
    assert emoji_to_words("good 👍", "zh") == "good 赞"
