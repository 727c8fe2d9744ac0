"""Telephone numbers: Chinese ones in every spelling, international ones, American and British ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from goodsense.text.personal.spans import Personal, announced, in_address_of_page, names_goods

_BEFORE = r"(?<![\dA-Za-z=_#$€£¥￥/])(?<!\d[.,-])(?<![A-Za-z]-)"
_AFTER = r"(?![\dA-Za-z]|[.,]\d|-\d|\s?(?:元|块|rmb|usd|%))"
_CALL = re.compile(
    r"(?:电话|手机|手机号|联系方式|联系|座机|热线|致电|拨打|打给|☎|📞|(?<![a-z])(?:tel|telephone|phone|mobile|cell|call|"
    r"whatsapp|text|sms|fax|reach|ring|contact))"
    r"\s?(?:号码?|是|为|了|no\.?|number|me|us|him|her|at|on|is)?\s?(?:at|on|is|是)?\s?[:.]?\s?$",
    re.IGNORECASE,
)
_MOBILE = re.compile(
    _BEFORE + r"(?:\(?\+?86\)?[- ]?)?"
    r"1[3-9](?:\d{9}|\d(?P<a>[-. ])\d{4}(?P=a)\d{4}|\d\d(?P<b>[-. ])\d{3}(?P=b)\d{4})" + _AFTER,
    re.IGNORECASE,
)
_ONE_BY_ONE = re.compile(_BEFORE + r"1(?P<s>[-. ])[3-9](?:(?P=s)\d){9}" + _AFTER, re.IGNORECASE)
_LANDLINE = re.compile(
    _BEFORE + r"(?:\+?86[- ]?)?(?:\(0\d{2,3}\) ?|0\d{2,3}[- ]?)[2-9]\d{2,3}[- ]?\d{4}(?:转\d{1,5}|-\d{1,4})?" + _AFTER,
    re.IGNORECASE,
)
_LOCAL = re.compile(r"(?<!\d)[2-8]\d{2,3}[- ]?\d{4}(?![\d-]|\.\d)")
_INTERNATIONAL = re.compile(r"(?<![\dA-Za-z+=])(?:\+|00)(?=[1-9])\d[\d ().-]{6,18}\d(?![\dA-Za-z])")
_AMERICAN = re.compile(_BEFORE + r"(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}(?P<s>[-. ]))\d{3}[-. ]\d{4}" + _AFTER, re.IGNORECASE)
_BRITISH = re.compile(_BEFORE + r"\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}" + _AFTER, re.IGNORECASE)
_ANY = re.compile(r"(?<![\d.+])\+?\(?\d[\d ().-]{5,18}\d(?![\d%])")
_SERVICE = re.compile(r"(?:86)?0?(?:400|800|95\d)|1?(?:800|888|877|866|855|844|833)")  # no one's own
_DIGITS = dict(zip("〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖", "0012345678911" + "23456789", strict=True))
_SPOKEN = re.compile(r"[〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖\d]{11}")
_TO_DIGITS = str.maketrans(_DIGITS)


def phones(text: str) -> Iterator[Personal]:
    """Telephone numbers in a narrow text."""
    yield from _chinese(text)
    yield from _spoken(text)
    yield from _foreign(text)
    yield from _told(text)


def _chinese(text: str) -> Iterator[Personal]:
    for found in _MOBILE.finditer(text):
        told = announced(_CALL, text, found.start())
        if told or (not _of_goods(text, found.start()) and _valid(found.group(), "CN")):
            yield Personal(*found.span(), "phone", 0.95 if told else 0.85)
    for found in _ONE_BY_ONE.finditer(text):
        if not _is_scale(found.group()) and _valid(found.group(), "CN"):
            yield Personal(*found.span(), "phone", 0.7)
    for found in _LANDLINE.finditer(text):
        told = announced(_CALL, text, found.start())
        parted = re.search(r"[- )]", found.group()) is not None
        if (told or (parted and not _of_goods(text, found.start()))) and _valid(found.group(), "CN"):
            yield Personal(*found.span(), "phone", 0.9 if told else 0.75)


def _spoken(text: str) -> Iterator[Personal]:
    """Eleven digits, some of them Chinese (一三八零零...)."""
    for found in _SPOKEN.finditer(text):
        digits = found.group().translate(_TO_DIGITS)
        if not found.group().isdecimal() and re.match(r"1[3-9]", digits) and _valid(digits, "CN"):
            yield Personal(*found.span(), "phone", 0.8)


def _foreign(text: str) -> Iterator[Personal]:
    for found in _INTERNATIONAL.finditer(text):
        number = found.group()
        number = number if number[0] == "+" else f"+{number[2:]}"
        parted = re.search(r"[ ()-]", number) is not None
        sure = found.group()[0] == "+" or parted or announced(_CALL, text, found.start())
        if sure and not names_goods(text, found.start()) and _valid(number, None):
            yield Personal(*found.span(), "phone", 0.9)
    for pattern, region in ((_AMERICAN, "US"), (_BRITISH, "GB"), (_BRITISH, "TW")):
        for found in pattern.finditer(text):
            told = announced(_CALL, text, found.start()) and not _is_service(found.group())
            if told or (not _of_goods(text, found.start()) and _valid(found.group(), region)):
                yield Personal(*found.span(), "phone", 0.85 if told else 0.7)


def _told(text: str) -> Iterator[Personal]:
    """Whatever could be a number at all, right after the word for it."""
    for pattern in (_ANY, _LOCAL):
        for found in pattern.finditer(text):
            digits = sum(char.isdigit() for char in found.group())
            told = 7 <= digits <= 15 and announced(_CALL, text, found.start())
            if told and not _is_service(found.group()) and not _is_date(found.group()):
                yield Personal(*found.span(), "phone", 0.65)


def _of_goods(text: str, start: int) -> bool:
    return names_goods(text, start) or in_address_of_page(text, start)


def _is_service(number: str) -> bool:
    return _SERVICE.match(re.sub(r"\D", "", number)) is not None


def _is_scale(number: str) -> bool:
    """Whether single digits only go up: sizes, a scale, a countdown."""
    digits = [int(char) for char in number if char.isdigit()]
    return all(a <= b for a, b in pairwise(digits))


def _is_date(number: str) -> bool:
    return re.fullmatch(r"(?:19|20)\d\d[-. ]?[01]?\d[-. ]?[0-3]?\d(?: .*)?", number) is not None


def _valid(number: str, region: str | None) -> bool:
    """Whether the numbering plan of a country has it, and it belongs to a person rather than to a hotline."""
    import phonenumbers
    from phonenumbers import PhoneNumberType as Type

    try:
        parsed = phonenumbers.parse(number.split("转")[0], region)
    except phonenumbers.NumberParseException:
        return False
    hotlines = (Type.TOLL_FREE, Type.PREMIUM_RATE, Type.SHARED_COST, Type.UAN)
    return phonenumbers.is_valid_number(parsed) and phonenumbers.number_type(parsed) not in hotlines
