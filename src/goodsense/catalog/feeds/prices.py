"""Prices as shops write them: ``19.99 USD``, ``$1,299.00``, ``¥59.9``, ``1.299,00 €``, ``59元``."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.money import Money, minor_digits

CURRENCIES = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD "
    "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX "
    "USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL".split()
)
# A symbol that several currencies share stands first for the usual one; the shop's own currency wins if it is listed.
_SYMBOLS: dict[str, tuple[str, ...]] = {
    "US$": ("USD",),
    "HK$": ("HKD",),
    "NT$": ("TWD",),
    "MOP$": ("MOP",),
    "C$": ("CAD",),
    "CA$": ("CAD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "NZ$": ("NZD",),
    "S$": ("SGD",),
    "R$": ("BRL",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP"),
    "¥": ("CNY", "JPY"),
    "元": ("CNY", "TWD", "HKD"),
    "圆": ("CNY",),
    "人民币": ("CNY",),
    "RMB": ("CNY",),
    "円": ("JPY",),
    "€": ("EUR",),
    "£": ("GBP",),
    "₹": ("INR",),
    "RS": ("INR", "PKR", "LKR"),
    "RS.": ("INR", "PKR", "LKR"),
    "₩": ("KRW",),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₴": ("UAH",),
    "₫": ("VND",),
    "฿": ("THB",),
    "₱": ("PHP",),
    "₪": ("ILS",),
    "ZŁ": ("PLN",),
    "KČ": ("CZK",),
    "FT": ("HUF",),
}
_DOT_GROUPS = frozenset({"VND", "IDR", "CLP", "COP", "PYG", "ISK"})  # 120.000 is a hundred and twenty thousand
_EITHER = frozenset({"EUR", "BRL", "DKK", "TRY", "ARS"})  # 1.299 may be either
_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,2})?")
_CODED = re.compile(r"(\d{1,12}(?:\.\d{1,3})?) ([A-Z]{3})")
_ANY = re.compile(r"([A-Za-z]+\.|[^\d\s.,'+-]*)\s*([\d.,'\s]*\d)\s*([^\d\s,'+-]*)")
_FIX = "Write it as an amount and a currency, such as 19.99 USD."


def parse_price(value: Any, currency: str | None) -> Money | float:
    """Money, or the bare number when neither the value nor ``currency`` (of the row or the shop) names a currency.

    Raises
    ------
    BadValue
        If it is no single price, is negative, or may mean two amounts.
    """
    if isinstance(value, str):
        return _from_text(value, currency)
    if isinstance(value, bool):
        raise BadValue("the price is true or false", _FIX)
    if isinstance(value, (int, float, Decimal)):
        return _money(Decimal(str(value)), currency)
    if isinstance(value, list) and len(value) == 2 and type(value[0]) is int and isinstance(value[1], str):
        return _checked(Money(value[0], _code(value[1])))
    if isinstance(value, dict):
        amount = next((value[name] for name in ("amount", "value", "price") if name in value), None)
        code = next((value[name] for name in ("currency", "currency_code", "currencyCode") if name in value), None)
        if amount is not None and not isinstance(amount, (dict, list)):
            return parse_price(amount, parse_currency(code) if code else currency)
    raise BadValue("the price is no number", _FIX)


def parse_currency(value: Any) -> str:
    """An ISO 4217 code from a code, a symbol or a Chinese name."""
    if not isinstance(value, str):
        raise BadValue("the currency is no text", "Write a code such as CNY, USD or EUR.")
    return _code(value)


def _from_text(text: str, currency: str | None) -> Money | float:
    if currency is not None and _PLAIN.fullmatch(text) and minor_digits(currency) == 2:
        whole, _, cents = text.partition(".")
        return Money(int(whole + cents.ljust(2, "0")), currency)
    if coded := _CODED.fullmatch(text):
        return _money(Decimal(coded.group(1)), _code(coded.group(2)))
    plain = unicodedata.normalize("NFKC", text).strip()
    if len(plain) > 60:
        raise BadValue("the price is no number", _FIX)
    if plain.startswith("-"):
        raise BadValue("the price is negative", _FIX)
    found = _ANY.fullmatch(plain)
    if found is None:
        raise BadValue("the price is no single amount", _FIX)
    signs = [sign for sign in (found.group(1), found.group(3)) if sign]
    code = _code_of(signs, currency) if signs else currency
    return _money(_number(found.group(2), code), code)


def _code(sign: str) -> str:
    return _meanings(sign)[0]


def _code_of(signs: list[str], preferred: str | None) -> str:
    """The currency that all signs of a price may mean: ``$12 USD``, ``¥99元``."""
    known = [code for code in _meanings(signs[0]) if all(code in _meanings(sign) for sign in signs[1:])]
    if not known:
        raise BadValue("the price names two currencies", _FIX)
    return preferred if preferred in known else known[0]


def _meanings(sign: str) -> tuple[str, ...]:
    """The currencies that a code or symbol may mean, the usual one first."""
    upper = unicodedata.normalize("NFKC", sign).strip().upper()
    known = (upper,) if upper in CURRENCIES else _SYMBOLS.get(upper)
    if known is None:
        raise BadValue(f"{sign[:20]!r} is no known currency", "Write a code such as CNY, USD or EUR.")
    return known


def _number(text: str, currency: str | None) -> Decimal:
    """Tell decimal signs from group signs; the last of two kinds is the decimal sign."""
    digits = re.sub(r"[\s']", "", text)
    kinds = {sign for sign in digits if sign in ".,"}
    if len(kinds) == 2:
        decimal_sign = max(kinds, key=digits.rindex)
        group = "," if decimal_sign == "." else "."
        whole, _, fraction = digits.rpartition(decimal_sign)
        return _grouped(whole, group, fraction)
    if not kinds:
        return Decimal(digits)
    sign = kinds.pop()
    if digits.count(sign) > 1 or _groups(digits, sign, currency):
        return _grouped(digits, sign, "")
    whole, _, fraction = digits.partition(sign)
    return Decimal(f"{whole or '0'}.{fraction or '0'}")


def _groups(digits: str, sign: str, currency: str | None) -> bool:
    """Whether the only ``,`` or ``.`` of a number parts thousands."""
    whole, _, fraction = digits.partition(sign)
    if len(fraction) != 3 or not 1 <= len(whole) <= 3 or whole.startswith("0"):
        return False
    if sign == "," or currency in _DOT_GROUPS:
        return True
    if currency in _EITHER:
        raise BadValue("the price may mean thousands or thousandths", "Write it with two decimals, such as 1299.00.")
    return False


def _grouped(whole: str, group: str, fraction: str) -> Decimal:
    if not re.fullmatch(rf"\d{{1,3}}(?:\{group}\d{{2,4}})*\{group}\d{{3}}|\d+", whole):
        raise BadValue("the digits of the price are grouped in no known way", _FIX)
    return Decimal(f"{whole.replace(group, '')}.{fraction or '0'}")


def _money(amount: Decimal, currency: str | None) -> Money | float:
    if not amount.is_finite() or amount < 0:
        raise BadValue("the price is negative" if amount < 0 else "the price is no finite number", _FIX)
    if amount >= Decimal(10) ** 12:
        raise BadValue("the price is 10^12 or more", _FIX)
    return float(amount) if currency is None else Money.of(amount, currency)


def _checked(money: Money) -> Money:
    if not 0 <= money.minor < 10**15:
        raise BadValue("the price is negative or too large", _FIX)
    return money
