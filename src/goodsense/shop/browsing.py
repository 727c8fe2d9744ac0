"""Validation queries that ask for a kind of product, as shoppers do, and not for one that they know.

Such a query names some of a product's facts (brand, levels of the category, attributes), and every product of the
validation split that has the same ones answers it. The facts of all these products are silent meanwhile: their titles,
descriptions, pictures and sounds have to tell. Products that anything was learned from are not among them, so what has
only been learned by heart finds nothing.

A product without such a fact, or with one in another script, may well be what is asked for, and only its picture tells:
it is neither right nor wrong, so it does not count. To be fair to what finds such products, as many of the others keep
the asked words to themselves, in all of their text, as there are products that do so by nature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog.product import AttributeValue
from goodsense.fusion.joint import JOINT, JointEncoder
from goodsense.search.calibration import BM25
from goodsense.search.encode import encode_query
from goodsense.search.snapshot import Snapshot
from goodsense.shop.encoding import EncodedBlock
from goodsense.shop.joining import fused
from goodsense.shop.listing import Listing
from goodsense.shop.pairs import PER_KIND, SILENT
from goodsense.shop.tuning import TuningQuery
from goodsense.types import Mask, Query, Rows, TextFields, Vectors, prepare, similarity

MOST = 1_000  # products among which kinds are looked for
LEAST = 20  # with fewer, a kind is a product
FACTS = 3  # named by a query at most
CATEGORY = "category"
SHARE = 0.25  # of the products; a kind that is larger says too little
_HAN = re.compile(r"[\u4e00-\u9fff]")

Seen = Mapping[str, tuple[Vectors, Mask]]


@dataclass(frozen=True)
class Kind:
    """A query for a kind of product: the values that it names, and places of the products that have them all.

    ``known`` are these and the products of which it is certain that they lack one; ``reticent`` those of them that keep
    the values to themselves while the query is scored.
    """

    values: tuple[str, ...]
    relevant: tuple[int, ...]
    known: tuple[int, ...]
    reticent: tuple[int, ...]

    @property
    def text(self) -> str:
        return " ".join(self.values)

    def without(self, fields: TextFields) -> dict[str, str]:
        """What a text says when it does not say this."""
        said = re.compile("|".join(re.escape(value) for value in self.values), re.IGNORECASE)
        return {name: said.sub(" ", text) for name, text in fields.items()}


def kind_queries(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], listing: Listing, *, seed: int
) -> list[TuningQuery]:
    """Queries for kinds of validation products; none where there are too few products with facts."""
    rng = np.random.default_rng([seed, len(listing)])
    held = np.array([row for row, split in enumerate(listing.splits) if split == "val"], dtype=np.int64)
    rows = np.sort(rng.permutation(held)[:MOST])
    if len(rows) < LEAST or snapshot.lexical is None:
        return []
    kinds = list(kinds_of_facts([facts_of(listing.attributes[row]) for row in rows.tolist()], rng))
    if not kinds:
        return []
    texts = [{n: t for n, t in listing.texts[row].items() if n not in SILENT} for row in rows.tolist()]
    changes = [(at, place, kind.without(texts[place])) for at, kind in enumerate(kinds) for place in kind.reticent]
    changes = [(at, place, text) for at, place, text in changes if text != texts[place]]
    every = [*texts, *(text for _, _, text in changes)]
    seen = _seen(snapshot, blocks, np.concatenate([rows, rows[[place for _, place, _ in changes]]]), every)
    words = _lexical_scores(snapshot, every, [kind.text for kind in kinds])
    encoders = {name: block.encoder for name, block in blocks.items()}
    found = []
    for at, kind in enumerate(kinds):
        taken = np.arange(len(rows))  # the row of `every` that stands for each product
        for number, (own, place, _) in enumerate(changes):
            if own == at:
                taken[place] = len(rows) + number
        taken = taken[list(kind.known)]
        terms = {("text", BM25): _calibrated(snapshot, BM25, words[kind.text][taken])}
        for name, probe in encode_query(Query.of_text(kind.text), snapshot, encoders).parts[0].probes.items():
            vectors, present = seen[name]
            raw = similarity(probe, vectors[taken], snapshot.blocks[name].distance)
            terms["text", name] = np.where(present[taken], _calibrated(snapshot, name, raw), 0.0)
        gains = np.isin(kind.known, kind.relevant).astype(np.float64)
        best = 1.0 / np.log2(np.arange(2, min(len(kind.relevant), 10) + 2))
        found.append(TuningQuery(f"kind-{kind.text}", terms, gains, float(best.sum())))
    return found


def facts_of(attributes: Mapping[str, AttributeValue]) -> dict[str, str]:
    """What a product is, in words that a shopper may use: fact -> value, every level of the category a fact."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        if name == CATEGORY and isinstance(value, tuple):
            found |= {f"{CATEGORY} {depth}": level for depth, level in enumerate(value)}
        elif isinstance(value, str) and value:
            found[name] = value
    return found


def kinds_of_facts(facts: Sequence[Mapping[str, str]], rng: np.random.Generator) -> Iterator[Kind]:
    """Every kind once, by products in random order: the deepest level of their category alone, and with other facts.

    Where products have no category, one to three of their other facts.
    """
    known: set[tuple[int, ...]] = set()
    for place in rng.permutation(len(facts)).tolist():
        for wanted in _wishes(facts[place], rng):
            answers = [_answers(own, wanted) for own in facts]
            relevant = tuple(at for at, answer in enumerate(answers) if answer)
            judged = tuple(at for at, answer in enumerate(answers) if answer is not None)
            if not 2 <= len(relevant) <= SHARE * len(judged) or relevant in known:
                continue
            known.add(relevant)
            silent = rng.random(len(judged)) < 1 - len(judged) / len(facts)
            reticent = tuple(at for at, is_silent in zip(judged, silent.tolist(), strict=True) if is_silent)
            yield Kind(tuple(wanted.values()), relevant, judged, reticent)
            if len(known) == PER_KIND:
                return


def _wishes(own: Mapping[str, str], rng: np.random.Generator) -> Iterator[dict[str, str]]:
    """What somebody may ask for whom this product would please."""
    leaf = max((name for name in own if name.startswith(f"{CATEGORY} ")), default=None)
    others = [name for name in sorted(own) if not name.startswith(CATEGORY)]
    others = [others[at] for at in rng.permutation(len(others)).tolist()]
    if leaf is not None:
        yield {leaf: own[leaf]}
        yield from ({name: own[name], leaf: own[leaf]} for name in others)
    else:
        yield from ({name: own[name] for name in others[: count + 1]} for count in range(min(FACTS, len(others))))


def _answers(own: Mapping[str, str], wanted: Mapping[str, str]) -> bool | None:
    """Whether a product has all of these facts; None where it does not say."""
    sure = True
    for name, value in wanted.items():
        has = own.get(name, "")
        if has.casefold() == value.casefold():
            continue
        if has and bool(_HAN.search(has)) == bool(_HAN.search(value)):
            return False
        sure = False
    return True if sure else None


def _seen(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], rows: Rows, texts: Sequence[Mapping[str, str]]
) -> Seen:
    """The vectors of these rows in every block when they say this."""
    found = {name: (np.array(block.vectors[rows]), block.present[rows]) for name, block in blocks.items()}
    if "text" in blocks:
        remaining = blocks["text"].encoder.encode(list(texts))
        found["text"] = prepare(remaining, "cosine"), np.asarray(remaining.any(axis=1))
    if JOINT in blocks:
        joint = blocks[JOINT].encoder
        assert isinstance(joint, JointEncoder)
        found[JOINT] = fused(joint, {name: found[name] for name in joint.members})
    return found


def _lexical_scores(
    snapshot: Snapshot, texts: Sequence[Mapping[str, str]], asked: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    assert snapshot.lexical is not None
    tokens = snapshot.tokenizer.tokens
    known = snapshot.lexical.settings.field_weights
    extended = snapshot.lexical.extended([{n: tokens(t) for n, t in text.items() if n in known} for text in texts])
    late = np.arange(snapshot.base_rows, snapshot.base_rows + len(texts), dtype=np.int64)
    weights = {text: snapshot.lexical.encode_query(tokens(text)) for text in asked}
    return {text: extended.terms(own, late)[1].sum(axis=1).astype(np.float64) for text, own in weights.items()}


def _calibrated(snapshot: Snapshot, name: str, raw: NDArray[np.floating]) -> NDArray[np.float64]:
    affine = snapshot.calibration.affine("text", name)
    found: NDArray[np.float64] = (raw.astype(np.float64) - affine.mean) / affine.scale
    return found
