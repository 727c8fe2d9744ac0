"""Taking a label's own words out of the text, so that a classifier has to understand the goods to name them.

A title that says "Blue Shirt" gives its class away. Removing the words of *every* label (the default way) also
keeps a classifier from reading which word is missing; removing one product's own label is offered as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from goodsense.text import clean

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7a3\U00020000-\U0003ffff"
_HAS_CJK = re.compile(f"[{_CJK}]")
_WORD = re.compile(rf"[^\W_{_CJK}]+(?:['’-][^\W_{_CJK}]+)*")  # it's, t-shirt
_JOINED = re.compile(r"['’-]")
_GAP = re.compile(r"\s{2,}")


class Tokens(Protocol):
    """The one method of :class:`goodsense.text.Tokenizer` that masking needs."""

    def tokens(self, text: str) -> list[str]: ...


@dataclass(frozen=True, eq=False)
class LabelMask:
    """Removes words from texts.

    ``words`` are tokens: a written word goes if any of its tokens is among them, so singular, plural and other forms
    with the same stem go alike, as do ``t-shirt`` and ``t shirt`` for the label ``Tshirts``. ``phrases`` are
    removed wherever they stand, which is how Chinese labels are found inside sentences.
    """

    tokenizer: Tokens
    words: frozenset[str]
    phrases: tuple[str, ...]
    _given: dict[str, bool] = field(default_factory=dict, repr=False)  # written word -> does it go

    @classmethod
    def of(cls, labels: Iterable[str], *, tokenizer: Tokens) -> LabelMask:
        """Mask the words of all these labels."""
        words: set[str] = set()
        phrases: set[str] = set()
        for label in {clean(label) for label in labels}:
            tokens = tokenizer.tokens(label) or label.casefold().split()
            runs = _WORD.findall(label)
            words |= {token for token in tokens if not _HAS_CJK.search(token)}
            words |= {
                token for token in tokenizer.tokens("".join(runs)) if len(runs) > 1 and not _HAS_CJK.search(token)
            }
            phrases |= {token for token in (*label.casefold().split(), *tokens) if _HAS_CJK.search(token)}
        return cls(tokenizer, frozenset(words), tuple(sorted(phrases, key=lambda phrase: (-len(phrase), phrase))))

    def apply(self, text_fields: Mapping[str, str]) -> dict[str, str]:
        """Every field without the masked words; fields keep their names, even when nothing is left."""
        return {name: self.strip_text(text) for name, text in text_fields.items()}

    def strip_text(self, text: str) -> str:
        """One text without the masked words."""
        left = clean(text)
        if self.phrases:
            left = re.sub("|".join(map(re.escape, self.phrases)), " ", left, flags=re.IGNORECASE)
        spans = list(_WORD.finditer(left))
        gone = [self._goes(span.group()) for span in spans]
        for at in range(len(spans) - 1):  # a label written as two words: "flip flop", "t shirt"
            between = left[spans[at].end() : spans[at + 1].start()]
            if between.strip(" -") == "" and self._is_word(spans[at].group() + spans[at + 1].group()):
                gone[at] = gone[at + 1] = True
        kept, end = [], 0
        for span, goes in zip(spans, gone, strict=True):
            kept.append(left[end : span.start()] + ("" if goes else span.group()))
            end = span.end()
        return _GAP.sub(" ", "".join(kept) + left[end:]).strip()

    def _goes(self, written: str) -> bool:
        if written not in self._given:
            joined = _JOINED.sub("", written)
            tokens = {*self.tokenizer.tokens(written), *self.tokenizer.tokens(joined), joined.casefold()}
            self._given[written] = not self.words.isdisjoint(tokens)
        return self._given[written]

    def _is_word(self, joined: str) -> bool:
        """Whether two written words make one masked word together; its parts alone don't count."""
        return not self.words.isdisjoint(self.tokenizer.tokens(_JOINED.sub("", joined))[:1])


def mask_label(text_fields: Mapping[str, str], label: str, *, tokenizer: Tokens) -> dict[str, str]:
    """Remove the words of one product's own label from all its texts.

    What is missing then still tells something about the class; :meth:`LabelMask.of` with the labels of all products
    does not have that leak.
    """
    return LabelMask.of([label], tokenizer=tokenizer).apply(text_fields)


def mask_labels(
    texts: Mapping[str, Mapping[str, str]], labels: Mapping[str, str], *, tokenizer: Tokens
) -> dict[str, dict[str, str]]:
    """Remove the words of every label that occurs from the texts of every product (both keyed by product id)."""
    mask = LabelMask.of(labels.values(), tokenizer=tokenizer)
    return {product: mask.apply(fields) for product, fields in texts.items()}
