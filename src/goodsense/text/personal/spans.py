"""What every detector of personal data gives and needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

PersonalKind: TypeAlias = Literal[
    "phone", "mail", "address", "id_card", "ssn", "bank_card", "passport", "iban", "plate", "account", "ip"
]
KINDS: tuple[PersonalKind, ...] = get_args(PersonalKind)

# One character for one, so that places in the narrow text are places in the text.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0x3000: " ",
    0xA0: " ",
    **dict.fromkeys(map(ord, "‐‑‒–—―−─﹣"), "-"),
}
_GOODS = re.compile(
    r"(?:订单|单号|运单|快递|货号|款号|型号|机型|条码|编号|编码|序列|批号|版本|固件|商品|产品|流水|(?<![a-z])(?:sku|ean|gtin|upc|isbn|"
    r"asin|imei|model|order|tracking|item|part|serial|s/n|p/n|batch|invoice|version|firmware|ref|reference|article|"
    r"product|barcode|lot|style|mpn))"
    r"\s?(?:号码?|id|no\.?|nr\.?|number|code|num|#)?(?: ?\([^()]{1,12}\))?\s{0,2}"
    r"(?:is|are|was|是|为)?\s{0,2}[:#]?\s{0,2}$",
    re.IGNORECASE,
)
_LOOK_BACK = 32


@dataclass(frozen=True, slots=True)
class Personal:
    """One piece of personal data: ``text[start:end]``, of which kind, how sure (0 to 1)."""

    start: int
    end: int
    kind: PersonalKind
    confidence: float


def narrowed(text: str) -> str:
    """The text with full-width signs narrow and every dash a ``-``, each in its place."""
    return text if text.isascii() else text.translate(_NARROW)


def names_goods(text: str, start: int) -> bool:
    """Whether the words before ``start`` announce an order, an article or a part rather than a person."""
    return _GOODS.search(text[max(0, start - _LOOK_BACK) : start]) is not None


def announced(words: re.Pattern[str], text: str, start: int) -> bool:
    """Whether words stand right before ``start``; the pattern ends in ``$``."""
    return words.search(text[max(0, start - _LOOK_BACK) : start]) is not None


def in_address_of_page(text: str, start: int) -> bool:
    """Whether a place is inside a URL."""
    word = re.split(r"\s", text[max(0, start - 300) : start])[-1]
    return "://" in word or word.lower().startswith("www.")


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
