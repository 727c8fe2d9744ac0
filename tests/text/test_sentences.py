from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.text.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Holds 0.5 l. Keeps tea hot for 3.5 hours!", ["Holds 0.5 l.", "Keeps tea hot for 3.5 hours!"]),
        ("Dr. Smith likes No. 5, e.g. the red one. Good.", ["Dr. Smith likes No. 5, e.g. the red one.", "Good."]),
        ("A 12 oz. mug. It weighs 5 lb. Great!", ["A 12 oz. mug.", "It weighs 5 lb.", "Great!"]),
        ("J. K. Rowling wrote it. See shop.example.com now.", ["J. K. Rowling wrote it.", "See shop.example.com now."]),
        ("Well... it works. Wait... What?! Yes.", ["Well... it works.", "Wait...", "What?!", "Yes."]),
        ('"Great!" she said. "Buy it." He did.', ['"Great!" she said.', '"Buy it."', "He did."]),
        ("He said (Buy it. Now.) and left.", ["He said (Buy it. Now.) and left."]),
        ("1. Wash it. 2. Dry it.", ["1. Wash it.", "2. Dry it."]),
        ("no stop\nbut lines\n\n", ["no stop", "but lines"]),
        ("很好用。下次还买！真的？", ["很好用。", "下次还买！", "真的？"]),
        ("价格3.5元。这个……还不错，（真的！）很好。", ["价格3.5元。", "这个……还不错，（真的！）很好。"]),
        ("“太好了！”她说。“买吧。”他买了。", ["“太好了！”她说。", "“买吧。”", "他买了。"]),
        ("你好！！下次再来？？好的", ["你好！！", "下次再来？？", "好的"]),
        ("质量好.物流快. Very good. 谢谢", ["质量好.", "物流快.", "Very good.", "谢谢"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_texts_are_cut_where_sentences_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet="ab A1.。!！?…\"'“”()（） \n3你好说，", max_size=60))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_long_texts_take_no_longer_per_letter() -> None:
    text = "Good (very. good" * 2_000 + "!" * 5_000
    assert sentences(text)
