from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.text.measures import Measure, find_measures, find_sizes, normalise_measures, normalise_sizes
from goodsense.text.numbers import arabic_numbers, chinese_number


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("一百二十", 120),
        ("十二", 12),
        ("二十一", 21),
        ("两千三", 2_300),
        ("一万五", 15_000),
        ("一千零五", 1_005),
        ("一千零五十", 1_050),
        ("三千万", 30_000_000),
        ("一亿两千万", 120_000_000),
        ("二零二四", 2_024),
        ("壹佰贰拾", 120),
        ("三点五", 3.5),
        ("半", 0.5),
        ("百", None),
        ("二三十", None),
        ("一点", None),
        ("杯子", None),
        ("", None),
    ],
)
def test_chinese_numerals_are_numbers(written: str, expected: float | None) -> None:
    assert chinese_number(written) == expected


def written_in_chinese(number: int) -> str:
    """The plain way to write a number below ten thousand: an independent table."""
    digits, units, found, gap = "零一二三四五六七八九", ["", "十", "百", "千"], "", False
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            found += ("零" if gap and found else "") + digits[digit] + units[place]
        gap = not digit
    return found


@given(st.integers(1, 9_999))
def test_every_number_comes_back(number: int) -> None:
    assert chinese_number(written_in_chinese(number)) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一百二十片装，三件套，两斤半", "120片装，3件套，2.5斤"),
        ("一个半小时，半斤，一半", "1.5小时，0.5斤，一半"),
        ("百分之五十棉，三分之一", "50%棉，1/3"),
        ("两三件，二零二四年款", "2-3件，2024年款"),
        ("三星手机一样好，第一次买，千万别买，十分好，五一特价", None),
        ("买一送一，一心一意，百度，万一", None),
    ],
)
def test_numerals_become_digits_where_they_are_numbers(text: str, expected: str | None) -> None:
    assert arabic_numbers(text) == (text if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5L 保温杯 / 16 oz", "500 ml 保温杯 / 473.2 ml"),
        ("16 oz steak", "453.6 g steak"),
        ("16 fl. oz. of it", "473.2 ml of it"),
        ("A 12 oz. mug", "A 354.9 ml mug"),
        ('8" x 10" tray', "20.32 x 25.4 cm tray"),
        ("10cm x 20cm x 5mm", "10 x 20 x 0.5 cm"),
        ("5-10kg", "5000-10000 g"),
        ("1/2 inch", "1.27 cm"),
        ("五百毫升", "500 ml"),
        ("长30厘米宽2米", "长30 cm宽200 cm"),
        ("两斤装", "1000 g装"),
        ("1,000 g, 2 lbs", "1000 g, 907.2 g"),
        ("1TB or 512 GB", "1000 gb or 512 gb"),
        ("2400MHz", "2.4 ghz"),
        ("5G手机 8-in-1 WH-1000XM4", "5G手机 8-in-1 WH-1000XM4"),
        ("size 8 in black", "size 8 in black"),
        ("1/0 m", "100 cm"),
    ],
)
def test_measures_are_told_in_one_way(text: str, expected: str) -> None:
    assert normalise_measures(text) == expected
    assert normalise_measures(expected) == expected


def test_measures_say_where_they_stand() -> None:
    text = "tray, 10 x 20 cm, 2kg"
    assert find_measures(text) == [
        Measure((10, 20), "cm", 6, 16, "x"),
        Measure((2_000,), "g", 18, 21),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("加大码 / XXL, EU 42, 均码", ["XL", "2XL", "EU 42", "one size"]),
        ("extra large, x-small, 3XL, Extra Extra Large", ["XL", "XS", "3XL", "2XL"]),
        ("size: M 尺码：L S码 大号 中码", ["M", "L", "S", "L", "M"]),
        ("EUR 38.5, UK 8, us 10, 欧码42, 36码半", ["EU 38.5", "UK 8", "US 10", "EU 42", "EU 36.5"]),
        ("size medium, large-sized, one size fits all", ["M", "L", "one size"]),
        ("medium roast, x-ray, m&m, 大号杯, 1号店, us 1080p, L'Oreal, use 10", []),
    ],
)
def test_sizes_are_found(text: str, expected: list[str]) -> None:
    assert find_sizes(text) == expected


def test_sizes_are_told_in_one_way() -> None:
    done = normalise_sizes("羊毛衫 加大码, extra-large, 42码, Levi's large size")
    assert done == "羊毛衫 XL, XL, EU 42, Levi's L"
    assert normalise_sizes(done) == done
