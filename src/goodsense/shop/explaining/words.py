"""What every word of a query, and of a product's texts, does for a score.

The terms of BM25 are sums over words, so their words are exact. For vectors a word is worth what the term loses when
the word is left out everywhere (occlusion: Zeiler and Fergus, ECCV 2014; Li et al., "Understanding neural networks
through representation erasure", 2016), or, of a query read by a network of torch, its integrated gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from goodsense.catalog.product import text_fields
from goodsense.encoders.gradients import word_gradients
from goodsense.search.calibration import BM25
from goodsense.search.encode import EncodedPart
from goodsense.shop.explaining.case import Case, Terms
from goodsense.shop.explaining.results import NEGLIGIBLE, Word
from goodsense.text import Tokenizer

MOST_WORDS = 120  # different words of a product, or of a query, that are left out in turn
OCCLUSION, GRADIENTS = "occlusion", "gradients"


def query_words(case: Case) -> tuple[Word, ...]:
    """The words of a query's texts, by what they do for the score of the product."""
    ledger = _Ledger()
    for part in case.query.parts:
        if part.part.kind == "text":
            _read_query(case, part, ledger)
    return ledger.words()


def product_words(case: Case) -> tuple[Word, ...]:
    """The words of a product, by what they do for its score."""
    ledger = _Ledger()
    texts = _Texts.of(case.snapshot.tokenizer, text_fields(case.product))
    for part in case.query.parts:
        _exact(case, part, texts, ledger)
    if "text" in case.encoders and case.has("text") and case.counts("text") and texts.words:
        words = texts.words[:MOST_WORDS]
        values = [dict(texts.fields), *(texts.without(word) for word in words)]
        ledger.lost(words, case.of_product("text", case.encoders["text"].encode(values)), OCCLUSION)
    return ledger.words()


def _read_query(case: Case, part: EncodedPart, ledger: _Ledger) -> None:
    text = " ".join(str(part.part.value).split())
    texts = _Texts.of(case.snapshot.tokenizer, {"query": text})
    _exact(case, part, texts, ledger)
    words = texts.words[:MOST_WORDS]
    if not words or not part.probes:
        return
    variants = [text, *(texts.without(word).get("query", "") for word in words)]
    terms = case.of_query(part, lambda encoder: variants)
    graded = _graded(case, part, text, texts) if "text" in terms else None
    if graded is not None:
        terms.pop("text")
        for word, value in graded.items():
            ledger.add(word, "text", value, GRADIENTS)
    ledger.lost(words, terms, OCCLUSION)


def _graded(case: Case, part: EncodedPart, text: str, texts: _Texts) -> dict[str, float] | None:
    """Integrated gradients of the text term by word; None where the encoder is no network of torch."""
    spans = case.snapshot.tokenizer.spans(text)
    encoder, block = case.encoders["text"], case.snapshot.blocks["text"]
    if block.distance != "cosine" or (part.part.kind, "text") in case.snapshot.calibration.shifts:
        return None
    found = word_gradients(encoder, text, spans, case.vector("text")[0])
    if found is None:
        return None
    affine = case.snapshot.affine_of(part, "text")
    scale = affine.weight / affine.scale * part.part.weight
    graded: dict[str, float] = {}
    for (start, end), value in zip(spans, found.values.tolist(), strict=True):
        word = texts.name_of(text[start:end])
        graded[word] = graded.get(word, 0.0) + scale * value
    return graded


def _exact(case: Case, part: EncodedPart, texts: _Texts, ledger: _Ledger) -> None:
    """What the words of a query contribute to the terms of BM25, under the names by which ``texts`` has them."""
    lexical = case.snapshot.lexical
    if lexical is None or not part.lexical:
        return
    affine = case.snapshot.affine_of(part, BM25)
    scale = affine.weight * part.part.weight / affine.scale
    for _, token, value in lexical.explain(list(part.tokens), case.row):
        ledger.add(texts.said(token), BM25, scale * value, "exact")


@dataclass(frozen=True, eq=False)
class _Texts:
    """Texts by field and their different words, in the order in which they come, as first written."""

    fields: Mapping[str, str]
    spans: Mapping[str, Sequence[tuple[int, int]]]
    names: Mapping[str, str]  # a word in lower case -> as first written
    tokens: Mapping[str, str]  # a token of the index -> the first word that gives it

    @classmethod
    def of(cls, tokenizer: Tokenizer, fields: Mapping[str, str]) -> _Texts:
        spans = {name: tokenizer.spans(text) for name, text in fields.items()}
        names: dict[str, str] = {}
        for name, own in spans.items():
            for start, end in own:
                word = fields[name][start:end]
                names.setdefault(word.casefold(), word)
        tokens: dict[str, str] = {}
        for word in names.values():
            for token in tokenizer.tokens(word):
                tokens.setdefault(token, word)
        return cls(fields, spans, names, tokens)

    @property
    def words(self) -> list[str]:
        return list(self.names.values())

    def name_of(self, word: str) -> str:
        return self.names[word.casefold()]

    def said(self, token: str) -> str:
        """The word that stands for a token; pairs and phrases are named by themselves."""
        if token in self.tokens:
            return self.tokens[token]
        parts = token.replace("_", " ").split()
        return " ".join(self.tokens.get(part, part) for part in parts)

    def without(self, word: str) -> dict[str, str]:
        """The texts without any occurrence of a word; a field in which nothing is left is left out."""
        gone = word.casefold()
        found = {}
        for name, text in self.fields.items():
            kept, last = [], 0
            for start, end in self.spans[name]:
                if text[start:end].casefold() == gone:
                    kept.append(text[last:start])
                    last = end
            left = "".join([*kept, text[last:]])
            if not kept or any(char.isalnum() for char in left):
                found[name] = left
        return found


@dataclass(eq=False)
class _Ledger:
    """Values of words by block, as they are found."""

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    methods: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, word: str, block: str, value: float, method: str) -> None:
        own = self.values.setdefault(word, {})
        own[block] = own.get(block, 0.0) + value
        self.methods.setdefault(word, {})[block] = method

    def lost(self, words: Sequence[str], terms: Terms, method: str) -> None:
        """Of terms ``(1 + n,)``, whole and then without each word, what each word takes with it."""
        for block, values in terms.items():
            for word, value in zip(words, (values[0] - values[1:]).tolist(), strict=True):
                if abs(value) > NEGLIGIBLE:
                    self.add(word, block, value, method)

    def words(self) -> tuple[Word, ...]:
        """The strongest first."""
        found = []
        for word, values in self.values.items():
            vectors = {name: value for name, value in values.items() if name != BM25}
            methods = {name: method for name, method in self.methods[word].items() if name != BM25}
            found.append(Word(word, values.get(BM25, 0.0), vectors, methods))
        return tuple(sorted(found, key=lambda word: (-word.value, word.text)))


def marked(tokenizer: Tokenizer, texts: Mapping[str, str], words: Iterable[Word]) -> dict[str, list[tuple[str, float]]]:
    """Texts by field, cut into pieces with what the word of each does; 0 for what is between words."""
    worth = {word.text.casefold(): word.value for word in words}
    found: dict[str, list[tuple[str, float]]] = {}
    for name, text in texts.items():
        pieces: list[tuple[str, float]] = []
        last = 0
        for start, end in tokenizer.spans(text):
            pieces += [(text[last:start], 0.0)] if start > last else []
            pieces.append((text[start:end], worth.get(text[start:end].casefold(), 0.0)))
            last = end
        found[name] = [*pieces, *([(text[last:], 0.0)] if last < len(text) else [])]
    return found


def strongest(words: Sequence[Word], most: int) -> list[Word]:
    """The words that raise the score, the strongest first, down to a twentieth of the first."""
    raising = [word for word in words if word.value > NEGLIGIBLE]
    return [word for word in raising[:most] if word.value > raising[0].value / 20]


def largest(words: Sequence[Word]) -> float:
    """The most that any word does, for colours."""
    return float(np.max([abs(word.value) for word in words], initial=NEGLIGIBLE))
