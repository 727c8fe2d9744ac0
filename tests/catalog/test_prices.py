from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.catalog import Money
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.prices import CURRENCIES, parse_currency, parse_price


@pytest.mark.parametrize(
    ("text", "currency", "minor", "code"),
    [
        ("19.99 USD", None, 1999, "USD"),
        ("USD 19.99", None, 1999, "USD"),
        ("usd19.9", None, 1990, "USD"),
        ("$1,299.00", None, 129900, "USD"),
        ("$5", "CAD", 500, "CAD"),
        ("$5", "EUR", 500, "USD"),
        ("¥59.9", None, 5990, "CNY"),
        ("￥59.9", None, 5990, "CNY"),
        ("¥1,200", "JPY", 1200, "JPY"),
        ("59元", None, 5900, "CNY"),
        ("￥59.9元", None, 5990, "CNY"),
        ("$12.00 USD", None, 1200, "USD"),
        ("$12 CAD", None, 1200, "CAD"),
        ("５９．５元", None, 5950, "CNY"),
        ("1.299,00 €", None, 129900, "EUR"),
        ("€ 1 299,00", None, 129900, "EUR"),
        ("1'299.50 CHF", None, 129950, "CHF"),
        ("19,99 €", None, 1999, "EUR"),
        ("1,299", "USD", 129900, "USD"),
        ("1,23,456.00", "INR", 12345600, "INR"),
        ("Rs. 499", None, 49900, "INR"),
        ("Rs.499", None, 49900, "INR"),
        ("₹1,499", None, 149900, "INR"),
        ("120.000 ₫", None, 120000, "VND"),
        ("1.234.567,8 €", None, 123456780, "EUR"),
        ("12.345", "USD", 1234, "USD"),
        ("0.500", "KWD", 500, "KWD"),
        ("HK$88", None, 8800, "HKD"),
        ("0", "USD", 0, "USD"),
        (19.99, "USD", 1999, "USD"),
        (5, "JPY", 5, "JPY"),
        (Decimal("0.1"), "EUR", 10, "EUR"),
        ([1999, "USD"], None, 1999, "USD"),
        ({"amount": "19.99", "currency": "USD"}, None, 1999, "USD"),
        ({"value": 7, "currency_code": "EUR"}, "USD", 700, "EUR"),
    ],
)
def test_prices_as_shops_write_them(text: Any, currency: str | None, minor: int, code: str) -> None:
    assert parse_price(text, currency) == Money(minor, code)


def test_without_any_currency_the_number_stays() -> None:
    assert parse_price("1,299.5", None) == 1299.5
    assert parse_price(7, None) == 7.0


@pytest.mark.parametrize(
    "text",
    [
        *("free", "10-20 USD", "-5 USD", "1.299 €", "12 XYZ", "€5$", "5,5,5 USD", "", "1e5", "59元起", "9" * 70, "$"),
        *(True, None, {}, [1], float("inf"), "1" * 20, {"amount": [1]}, [1, 2], [-5, "USD"]),
    ],
)
def test_what_is_no_single_price_is_refused(text: Any) -> None:
    with pytest.raises(BadValue) as caught:
        parse_price(text, None)
    assert caught.value.reason
    assert caught.value.fix


@given(st.integers(0, 10**11), st.sampled_from(sorted(CURRENCIES)), st.none() | st.sampled_from(["USD", "CNY"]))
def test_every_written_amount_reads_back(minor: int, currency: str, other: str | None) -> None:
    money = Money(minor, currency)
    assert parse_price(str(money), other) == money


@given(st.text(max_size=30), st.none() | st.sampled_from(["USD", "VND", "EUR"]))
def test_any_text_is_a_price_or_a_bad_value(text: str, currency: str | None) -> None:
    try:
        found = parse_price(text, currency)
    except BadValue:
        return
    assert found.minor >= 0 if isinstance(found, Money) else found >= 0


@pytest.mark.parametrize(
    ("text", "code"), [("CNY", "CNY"), ("人民币", "CNY"), ("¥", "CNY"), (" eur ", "EUR"), ("円", "JPY")]
)
def test_currencies(text: str, code: str) -> None:
    assert parse_currency(text) == code


def test_unknown_currencies_are_refused() -> None:
    for bad in ("XYZ", "dollars", 5):
        with pytest.raises(BadValue):
            parse_currency(bad)
