from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.catalog import Money
from goodsense.catalog.money import minor_digits


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("19.99", "USD", 1999), (5, "CNY", 500), ("1299", "JPY", 1299), ("1.234", "KWD", 1234), ("0", "EUR", 0)],
)
def test_major_units_become_minor_ones(amount: str | int, currency: str, minor: int) -> None:
    assert Money.of(amount, currency) == Money(minor, currency)


def test_half_a_cent_goes_to_the_even_neighbour() -> None:
    assert Money.of("0.125", "USD").minor == 12
    assert Money.of("0.135", "USD").minor == 14


def test_currency_is_trimmed_and_upper_case() -> None:
    assert Money.of(1, " usd ").currency == "USD"


@pytest.mark.parametrize("amount", ["", "abc", "NaN", "Infinity", "1e15"])
def test_no_finite_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        Money.of(amount, "USD")


@pytest.mark.parametrize("currency", ["", "US", "USDX", "U1D", "元元元"])
def test_no_code_of_three_letters_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        Money.of(1, currency)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_major_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.of(money.major, currency) == money
    assert Money.of(str(money).split()[0], currency) == money
    assert -money.major.as_tuple().exponent == minor_digits(currency)
    assert money.major * Decimal(10) ** minor_digits(currency) == minor
