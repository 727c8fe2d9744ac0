"""Steps that tidy texts: white space, width, markup, encoding damage, case, Chinese script."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from goodsense.catalog import Product
from goodsense.quality.cleaning.fields import check_field, map_texts
from goodsense.quality.cleaning.step import PureStep
from goodsense.text.clean import normalise_whitespace, repair_mojibake, strip_html
from goodsense.text.personal import redact
from goodsense.text.script import HAN, ChineseScript, to_script

FieldName = Annotated[str, AfterValidator(check_field)]
TEXTS: tuple[str, ...] = ("title", "description", "bullets", "brand", "category", "attributes", "options")


class TextStep(PureStep):
    """A step that changes texts one by one."""

    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)] = TEXTS
    only: tuple[str, ...] = ()

    def change(self, product: Product) -> Product:
        if self.only and product.id not in self.only:
            return product
        for field in self.fields:
            product = map_texts(product, field, self.tidy)
        return product

    def tidy(self, text: str) -> str:
        """The text as it should be."""
        raise NotImplementedError


class Whitespace(TextStep):
    """One space between words, one line break between lines, none at the ends."""

    do: Literal["whitespace"] = "whitespace"

    def tidy(self, text: str) -> str:
        return normalise_whitespace(text)


_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_WIDE_LATIN = {code: to for code, to in _WIDE.items() if chr(to).isalnum() or chr(to) in "-+/%&#.@_"} | {0x3000: 32}


class Width(TextStep):
    """Full-width letters, digits and signs (ＡＢＣ１２３) become narrow; Chinese punctuation stays Chinese."""

    do: Literal["width"] = "width"

    def tidy(self, text: str) -> str:
        return text.translate(_WIDE_LATIN if HAN.search(text) else _WIDE | {0x3000: 32})


class Html(TextStep):
    """Markup goes, entities become characters, block tags become line breaks."""

    do: Literal["html"] = "html"

    def tidy(self, text: str) -> str:
        return normalise_whitespace(strip_html(text)) if "<" in text or "&" in text else text


class Mojibake(TextStep):
    """UTF-8 that was read as Windows-1252 (``dÃ©cor``) is repaired where that is certain."""

    do: Literal["mojibake"] = "mojibake"

    def tidy(self, text: str) -> str:
        return repair_mojibake(text)


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SMALL = frozenset("a an and as at but by for from in of on or the to with".split())


class Case(TextStep):
    """Shouting becomes title, sentence or lower case; ``keep`` are words that stay as they are written there.

    Texts are changed only if they shout: at least four letters, none of them small. Short capitals with digits
    beside them (``USB3``) stay.
    """

    do: Literal["case"] = "case"
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)] = ("title",)
    to: Literal["title", "sentence", "lower"] = "title"
    keep: tuple[str, ...] = ()

    def tidy(self, text: str) -> str:
        letters = [sign for sign in text if sign.isalpha() and sign.lower() != sign.upper()]
        if len(letters) < 4 or any(sign.islower() for sign in letters):
            return text
        kept = {word.casefold(): word for word in self.keep}
        first = True

        def cased(match: re.Match[str]) -> str:
            nonlocal first
            word, begins, first = match.group(), first, False
            if word.casefold() in kept:
                return kept[word.casefold()]
            beside = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
            if any(sign.isdigit() for sign in beside) and len(word) < 4:
                return word
            small = word.lower()
            if self.to == "lower" or (not begins and (self.to == "sentence" or small in _SMALL)):
                return small
            return small[:1].upper() + small[1:]

        return _WORD.sub(cased, text)


class Script(TextStep):
    """Chinese text in one script: simplified or traditional (mainland, Taiwan or Hong Kong words)."""

    do: Literal["script"] = "script"
    to: ChineseScript = "zh-hans"

    def tidy(self, text: str) -> str:
        return to_script(text, self.to)


class Redact(TextStep):
    """Personal data (phone numbers, addresses, card numbers) gives way to its kind: ``[PHONE]``."""

    do: Literal["redact"] = "redact"
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)] = ("title", "description", "bullets")

    def tidy(self, text: str) -> str:
        return redact(text)
