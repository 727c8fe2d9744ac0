from __future__ import annotations

import pytest

from goodsense.text.pinyin import homophones, initials, pinyin_tokens, syllables, to_pinyin


def test_characters_are_read_within_their_words() -> None:
    assert to_pinyin("红色火车 500ml") == "hong se huo che 500ml"
    assert to_pinyin("重庆, 重量") == "chong qing, zhong liang"
    assert to_pinyin("女士T恤", tones=True) == "nǚ shì T xù"
    assert to_pinyin("绿色", separator="") == "lvse"
    assert to_pinyin("plain text") == "plain text"


def test_initials_are_what_one_types() -> None:
    assert initials("红色火车 (abc)") == "hshc"
    assert initials("abc") == ""


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("hongsehuoche", ["hong", "se", "huo", "che"]),
        ("Chongqing", ["chong", "qing"]),
        ("xian", ["xian"]),
        ("nvshi", ["nv", "shi"]),
        ("thermos", []),
        ("", []),
        ("a" * 500, []),
    ],
)
def test_letters_are_cut_into_syllables(letters: str, expected: list[str]) -> None:
    assert syllables(letters) == expected


@pytest.mark.parametrize("query", ["hongse huoche", "hongsehuoche", "Hongse", "红色火车", "huoche"])
def test_pinyin_meets_the_characters(query: str) -> None:
    product = set(pinyin_tokens("木质红色火车 Toy"))
    other = set(pinyin_tokens("蓝色飞机"))
    assert product & set(pinyin_tokens(query))
    assert not other & set(pinyin_tokens(query))


def test_initials_meet_the_characters_when_asked_for() -> None:
    assert "hshc" in pinyin_tokens("红色火车", with_initials=True)
    assert "hshc" not in pinyin_tokens("红色火车")


def test_homophones_are_read_alike() -> None:
    table = homophones()
    assert "北" in table["杯"]
    assert all(other != "杯" for other in table["杯"])
    assert {to_pinyin(char) for char in table["温"]} == {"wen"}
