"""Numbers that stand for a person: identity cards, bank cards, accounts, passports, number plates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from goodsense.text.personal.spans import Personal, announced, in_address_of_page, luhn, names_goods

_PROVINCES = frozenset(
    map(int, "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65".split())
) | {71, 81, 82, 83}
_ID_CARD = re.compile(r"(?<![\dA-Za-z.])(\d{6})([- ]?)((?:18|19|20)\d{6})\2(\d{3}[\dXx])(?![\dA-Za-z]|\.\d)")
_OLD_ID_CARD = re.compile(r"(?<![\dA-Za-z.-])\d{15}(?![\dA-Za-z-]|\.\d)")
_ID_WORDS = re.compile(
    r"(?:身份证|证件|id\s?card|identity)\s?(?:号码?|no\.?|number)?\s?(?:是|为|is)?\s?[:#]?\s?$", re.I
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

_SSN = re.compile(r"(?<![\w.-])(?!000|666|9)(\d{3})([- ]?)(?!00)\d\d\2(?!0000)\d{4}(?![\w-]|\.\d)")
_SSN_WORDS = re.compile(
    r"(?:\bssn|social(?:\s+security)?)\s?(?:number|no\.?|num|#)?\s?(?:is|was)?\s?[:#]?\s?$", re.IGNORECASE
)

_CARD = re.compile(
    r"(?<![\dA-Za-z.=/-])\d(?:\d{12,18}|\d{3}(?P<s>[- ])\d{4}(?P=s)\d{4}(?P=s)\d{1,4}(?:(?P=s)\d{1,3})?"
    r"|\d{3}(?P<t>[- ])\d{6}(?P=t)\d{4,5})(?![\dA-Za-z]|[-.]\d)"
)
_CARD_WORDS = re.compile(
    r"(?:卡号|银行卡|信用卡|储蓄卡|借记卡|账号|帐号|账户|工行|农行|建行|中行|招行|\bcard|\bvisa|mastercard|amex|unionpay|"
    r"american express|debit|credit)"
    r"\s?(?:card)?\s?(?:号码?|no\.?|number|ending)?\s?(?:是|为|is|was)?\s?[:#]?\s?$",
    re.IGNORECASE,
)
_ISSUERS = re.compile(
    r"4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|62\d{14,17}"
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|9558\d{15}"
)

_PASSPORT = re.compile(
    r"(?<![A-Za-z0-9])(?:[EGDSPHMK]\d{8}|E[A-HJ-NP-Z]\d{7}|[A-Z]{1,2}\d{6,8}|\d{9})(?![A-Za-z0-9])", re.I
)
_PASSPORT_WORDS = re.compile(
    r"(?:护照|通行证|passport)\s?(?:号码?|no\.?|number|#)?\s?(?:是|为|is|was)?\s?[:#]?\s?$", re.I
)

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])", re.IGNORECASE
)
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI NL FO GL",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU XK",
        "21": "CH HR LI LV",
        "22": "BG DE GB GE IE ME RS BH CR",
        "23": "AE GI IL TL",
        "24": "CZ ES SE SK RO SA TN PK MD",
        "25": "PT",
        "26": "IS TR",
        "27": "FR GR IT MC SM MR",
        "28": "AL AZ CY HU LB PL DO GT",
        "29": "BR PS QA UA",
        "30": "JO KW MU",
        "31": "MT SC",
        "32": "LC",
    }.items()
    for country in countries.split()
}

_PLATE = re.compile(
    r"([京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼])([A-HJ-NP-Z])([·•.\s-]?)"
    r"([DF][A-HJ-NP-Z0-9]\d{4}|\d{5}[DF]|[A-HJ-NP-Z0-9]{5}|[A-HJ-NP-Z0-9]{4}[学警港澳挂])(?![A-Za-z0-9])"
)
_ADJECTIVES = frozenset("新黑青")  # 新A12345, 黑X58000: a new or a black article rather than a car
_PLATE_WORDS = re.compile(
    r"(?:车牌|牌照|车号|车辆|plate)\s?(?:号码?|no\.?|number)?\s?(?:是|为|is)?\s?[:#]?\s?$", re.IGNORECASE
)


def identifiers(text: str) -> Iterator[Personal]:
    """Numbers of persons, cards, accounts and cars in a narrow text."""
    for detector in (_id_cards, _ssns, _cards, _passports, _ibans, _plates):
        for found in detector(text):
            if not in_address_of_page(text, found.start):
                yield found


def _id_cards(text: str) -> Iterator[Personal]:
    for found in _ID_CARD.finditer(text):
        digits = found[1] + found[3] + found[4]
        if int(digits[:2]) in _PROVINCES and _is_date(found[3]) and _check_sign(digits) == digits[-1].upper():
            yield Personal(*found.span(), "id_card", 0.99)
    for found in _OLD_ID_CARD.finditer(text):
        digits = found.group()
        told = announced(_ID_WORDS, text, found.start())
        if int(digits[:2]) not in _PROVINCES or not _is_date(f"19{digits[6:12]}"):
            continue
        if told or not (luhn(digits) or names_goods(text, found.start())):  # a phone's IMEI passes the Luhn check
            yield Personal(*found.span(), "id_card", 0.9 if told else 0.55)


def _is_date(digits: str) -> bool:
    try:
        found = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return date(1880, 1, 1) < found < date.today()


def _check_sign(digits: str) -> str:
    """The last sign of an identity card (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False))
    return "10X98765432"[total % 11]


def _ssns(text: str) -> Iterator[Personal]:
    for found in _SSN.finditer(text):
        told = announced(_SSN_WORDS, text, found.start())
        if told or (found[2] == "-" and not names_goods(text, found.start())):
            yield Personal(*found.span(), "ssn", 0.9 if told else 0.6)


def _cards(text: str) -> Iterator[Personal]:
    for found in _CARD.finditer(text):
        digits = re.sub(r"\D", "", found.group())
        if not luhn(digits):
            continue
        told = announced(_CARD_WORDS, text, found.start())
        known = _ISSUERS.fullmatch(digits) is not None and not names_goods(text, found.start())
        if told or known:
            yield Personal(*found.span(), "bank_card", 0.95 if told else 0.8)


def _passports(text: str) -> Iterator[Personal]:
    for found in _PASSPORT.finditer(text):
        if announced(_PASSPORT_WORDS, text, found.start()):
            yield Personal(*found.span(), "passport", 0.9)


def _ibans(text: str) -> Iterator[Personal]:
    for found in _IBAN.finditer(text):
        compact = found.group().replace(" ", "").upper()
        length = _IBAN_LENGTHS.get(compact[:2], 0)
        if length and len(compact) >= length and _mod_97(compact[:length]):
            end = found.start() + _end_of(found.group(), length)
            yield Personal(found.start(), end, "iban", 0.99)


def _end_of(shown: str, length: int) -> int:
    """Where the ``length``-th sign that is no space ends."""
    places = [place for place, char in enumerate(shown) if char != " "]
    return places[length - 1] + 1


def _mod_97(iban: str) -> bool:
    """The check of ISO 13616."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _plates(text: str) -> Iterator[Personal]:
    for found in _PLATE.finditer(text):
        told = announced(_PLATE_WORDS, text, found.start())
        number = found[4]
        if sum(char.isdigit() for char in number) < 2 or (found[3] not in ("", "·", "•") and not told):
            continue
        if told or found[3] or (found[1] not in _ADJECTIVES and not names_goods(text, found.start())):
            yield Personal(*found.span(), "plate", 0.9 if told or found[3] else 0.7)
