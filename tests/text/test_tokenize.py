from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.errors import DataError, UsageError
from goodsense.text import STOP_WORDS, Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running Shoes for Men", ["run", "shoe", "men"]),
        ("Women’s dresses", ["women", "dress"]),
        ("T-Shirt", ["tshirt", "shirt"]),
        ("tshirts", ["tshirt", "shirt"]),
        ("water-proof", ["waterproof", "water", "proof"]),
        ("all-in-one", ["allinon", "one"]),
        ("black/white", ["black", "white"]),
        ("WH-1000XM4", ["wh1000xm4", "wh", "1000xm4"]),
        ("SM-G991B/DS", ["smg991bds", "sm", "g991b", "ds"]),
        ("AB_12.34", ["ab1234", "ab", "12", "34"]),
        ("978-3-16-148410-0", ["9783161484100", "978", "3", "16", "148410", "0"]),
        ("iPhone12", ["iphone12", "iphon", "12"]),
        ("8-in-1 grater", ["8in1", "8", "1", "grater"]),
        ("size 8 in black", ["size", "8", "black"]),
        ("10 x 20cm", ["10x20", "10", "10cm", "20", "20cm"]),
        ('8"x10" frame', ["8x10", "8", "8inch", "10", "10inch", "frame"]),
        ("10-12 inch", ["10-12", "10", "10inch", "12", "12inch"]),
        ("1,000.50 and 8.0 and .5 kg", ["1000.5", "8", "0.5", "0.5kg"]),
        ("24/7", ["24/7", "24", "7"]),
        ("5½ inch", ["5", "1/2", "1/2inch"]),
        ("U.S.A. made", ["usa", "made"]),
        ("XXL", ["2xl"]),
        ("Café ØRSTED straße", ["cafe", "orst", "strass"]),
        ("Привет мир", ["привет", "мир"]),
        ("नमस्ते", ["नमस्ते"]),
        ("カメラ", ["カメ", "メラ"]),
        ("가방", ["가방"]),
        ("不锈钢保温杯", ["不锈钢", "不锈", "保温杯", "保温"]),
        ("男士的短袖T恤", ["男士", "短袖", "t恤"]),
        ("卡拉OK话筒", ["卡拉ok", "卡拉", "ok", "话筒"]),
        ("３Ｃ数码 ２ＴＢ", ["3c数码", "3c", "数码", "2", "2tb"]),
        ("5克拉钻石 2升级版", ["5", "克拉", "钻石", "2", "升级版", "升级"]),
        ("<b>red</b> &amp; blue", ["red", "blue"]),
        ("  \n ", []),
        ("!!! --- ...", []),
        ("", []),
    ],
)
def test_known_answers(tokenizer: Tokenizer, text: str, expected: list[str]) -> None:
    assert tokenizer.tokens(text) == expected


@pytest.mark.parametrize(
    "spellings",
    [
        ["t-shirt", "tshirt", "t shirt", "T-Shirts", "TSHIRT", "t-shirt's"],
        ["8 inch", '8"', "8in", "8-inch", "8 inches", "8英寸", "8”", "8′′", "8.0 Inch", "8''"],
        ["500ml", "500 ml", "500ML", "500 Millilitres", "500毫升", "５００ｍｌ", "500.0 ml"],
        ["1.5kg", "1.50 KG", "1.5公斤", "1.5 kilograms"],
        ["16GB", "16 gb", "16 Gigabytes"],
        ["12-pack", "12 pack", "12 Packs"],
        ["10x20cm", "10 x 20 cm", "10*20厘米", "10 × 20 CM"],
        ["Levi's", "levis", "LEVI’S"],
        ["H&M", "h & m", "H&amp;M"],
        ["WH-1000XM4", "wh/1000xm4", "WH_1000XM4", "wh.1000xm4"],
        ["café", "CAFE", "cafe\u0301", "Cafe"],
        ["5,000 mAh", "5000mah", "5000毫安"],
    ],
    ids=lambda spellings: spellings[0],
)
def test_spellings_of_one_thing_give_equal_tokens(tokenizer: Tokenizer, spellings: list[str]) -> None:
    found = {text: tokenizer.tokens(text) for text in spellings}
    assert set(map(tuple, found.values())) == {tuple(found[spellings[0]])}, found


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("WH-1000XM4", "wh1000xm4"),
        ("WH-1000XM4", "wh 1000xm4"),
        ("WH-1000XM4", "1000xm4"),
        ("iPhone12 case", "iphone 12"),
        ("wi-fi router", "wifi"),
        ("water-proof jacket", "waterproof"),
        ("water-proof jacket", "water proof"),
        ("PS5-CFI.1116A", "ps5cfi1116a"),
        ("iPhone 11/12", "iphone 12"),
        ("500ml bottle", "500"),
        ("大容量保温杯", "保温"),
        ("短袖T恤衫", "T恤"),
        ("维生素C片", "维生素"),
    ],
)
def test_what_is_asked_is_found_whole(tokenizer: Tokenizer, written: str, asked: str) -> None:
    assert set(tokenizer.tokens(asked)) <= set(tokenizer.tokens(written))


def test_stop_words_go_unless_nothing_else_is_left() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.tokens("the lamp and the 灯 的") == ["lamp", "灯"]
    assert tokenizer.tokens("The Who") == ["the", "who"]
    assert tokenizer.tokens("的") == ["的"]
    assert Tokenizer(stop_words=False).tokens("the lamp") == ["the", "lamp"]
    assert Tokenizer().tokens("no wire without") == ["no", "wire", "without"]


def test_without_stemming_words_stay_whole() -> None:
    assert Tokenizer(stem=False).tokens("Running shoes") == ["running", "shoes"]


def test_the_dictionary_keeps_the_shops_words_together() -> None:
    plain = Tokenizer()
    own = Tokenizer(dictionary=["超长待机王", "Air Max", "V领打底衫", "The", "Q弹果C", "大"])
    assert "超长待机王" not in plain.tokens("超长待机王手机")
    assert own.tokens("超长待机王手机")[0] == "超长待机王"
    assert own.tokens("Nike AIR  MAX 90") == ["nike", "air_max", "air", "max", "90"]
    assert own.tokens("fair maximum") == plain.tokens("fair maximum")  # only whole words
    assert own.tokens("女v领打底衫")[:2] == ["女", "v领打底衫"]
    assert own.tokens("好吃Q弹果C糖")[1] == "q弹果c"
    assert own.tokens("The lamp") == ["the", "lamp"]
    assert Tokenizer(dictionary=["air max", "max 90", "ir max"]).tokens("air max") == ["air_max", "air", "max"]
    assert set(plain.tokens("V领打底衫")) <= set(own.tokens("V领打底衫"))


def test_one_tokenizers_dictionary_is_no_other_ones() -> None:
    sentence = "云朵棉花糖被子"
    before = Tokenizer().tokens(sentence)
    assert Tokenizer(dictionary=["云朵棉花糖被"]).tokens(sentence)[0] == "云朵棉花糖被"
    assert Tokenizer().tokens(sentence) == before


def test_a_large_dictionary_stays_quick() -> None:
    own = Tokenizer(dictionary=[f"brand{number} line {number % 7}" for number in range(3000)])
    start = time.perf_counter()
    for number in range(2000):
        assert f"brand{number}_line_{number % 7}" in own.tokens(f"new Brand{number} Line {number % 7} pan")
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("dictionary", ["word", [1, 2], ["x" * 65]])
def test_a_wrong_dictionary_is_refused(dictionary: list[str]) -> None:
    with pytest.raises(UsageError, match="dictionary"):
        Tokenizer(dictionary=dictionary)


def test_json_gives_an_equal_tokenizer() -> None:
    first = Tokenizer(dictionary=["Air Max", "保温杯垫"], stem=False, stop_words=False)
    again = Tokenizer.from_json(json.loads(json.dumps(first.to_json())))
    assert again.to_json() == first.to_json()
    assert again.fingerprint == first.fingerprint
    text = "The Air Max 保温杯垫 shoes"
    assert again.tokens(text) == first.tokens(text)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"dictionary": [], "stem": True},
        {"dictionary": [], "stem": 1, "stop_words": True},
        {"dictionary": [], "stem": True, "stop_words": True, "speed": 1},
    ],
)
def test_wrong_settings_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(DataError, match="tokenizer settings"):
        Tokenizer.from_json(data)


def test_the_fingerprint_tells_settings_apart_and_ignores_the_order_of_the_dictionary() -> None:
    every = [Tokenizer(), Tokenizer(stem=False), Tokenizer(stop_words=False), Tokenizer(dictionary=["a b"])]
    assert len({tokenizer.fingerprint for tokenizer in every}) == len(every)
    one, other = Tokenizer(dictionary=["ab c", "D e"]), Tokenizer(dictionary=["d e", "ab c", "ab  c"])
    assert one.fingerprint == other.fingerprint


def test_threads_get_the_same_tokens() -> None:
    texts = [f"WH-{number} 保温杯{number}毫升 T恤 running shoes" for number in range(200)]
    expected = [Tokenizer().tokens(text) for text in texts[:3]]
    shared = Tokenizer()
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: [shared.tokens(text) for text in texts], range(4)))
    assert all(run == runs[0] for run in runs)
    assert runs[0][:3] == expected


@given(st.text(st.characters(max_codepoint=126)))
def test_case_makes_no_difference(text: str) -> None:
    tokenizer = Tokenizer()
    expected = tokenizer.tokens(text)
    assert tokenizer.tokens(text.upper()) == expected
    assert tokenizer.tokens(text.lower()) == expected


@given(st.text())
def test_any_text_gives_the_same_sound_tokens_each_time(text: str) -> None:
    shared = _SHARED.tokens(text)
    assert shared == _SHARED.tokens(text) == Tokenizer().tokens(text)
    assert all(token and not token.isspace() and " " not in token and len(token) <= 160 for token in shared)


_SHARED = Tokenizer()

WORDS = st.sampled_from(
    [
        "t-shirt",
        "8",
        "inch",
        "x",
        "10",
        "cm",
        "保温杯",
        "的",
        "WH-1000",
        "&",
        "h",
        "m",
        "the",
        "1,000",
        "/",
        "-",
        "t恤",
        '"',
    ]
)


@given(st.lists(WORDS, max_size=12), st.lists(WORDS, max_size=12))
def test_texts_apart_are_tokenised_apart(first: list[str], second: list[str]) -> None:
    tokenizer = Tokenizer(stop_words=False)
    one, two = " ".join(first), " ".join(second)
    assert tokenizer.tokens(f"{one} ; {two}") == tokenizer.tokens(one) + tokenizer.tokens(two)


@pytest.mark.parametrize(
    "hostile",
    [
        *(unit * 30_000 for unit in ("11", "1x", "1 ", "t ", "1-", ".1", "a-", "a.", "aaa", "''", "& ", "5 '")),
        *("1*" * 30_000 + "a", "1,111" * 15_000, "杯" * 10_000, "卡拉" * 10_000, "t恤" * 10_000),
    ],
    ids=lambda text: text[:6],
)
def test_hostile_text_takes_linear_time(tokenizer: Tokenizer, hostile: str) -> None:
    start = time.perf_counter()
    tokenizer.tokens(hostile)
    assert time.perf_counter() - start < 5


def test_stop_words_are_real_lists_in_their_folded_form() -> None:
    assert set(STOP_WORDS) == {"en", "zh"}
    assert all(len(words) >= 140 for words in STOP_WORDS.values())
    assert {"the", "and", "dont"} <= STOP_WORDS["en"]
    assert {"的", "了", "以及"} <= STOP_WORDS["zh"]
    assert not {"no", "not", "without"} & STOP_WORDS["en"]
    assert all(word == word.lower() and "'" not in word for words in STOP_WORDS.values() for word in words)
