"""Validation queries that ask for a kind of product, as shoppers do, and not for one that they know.

Such a query is a few words of a product's facts (brand, category, attributes), and every product of the validation
split that has all of them answers it. The facts of all these products are silent meanwhile: their titles, descriptions,
pictures and sounds have to tell. Products that anything was learned from are not among them, so what has only been
learned by heart finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.joint import JOINT, JointEncoder
from goodsense.search.calibration import BM25
from goodsense.search.encode import encode_query
from goodsense.search.snapshot import Snapshot
from goodsense.shop.encoding import EncodedBlock
from goodsense.shop.joining import fused
from goodsense.shop.listing import Listing
from goodsense.shop.pairs import PER_KIND, SILENT, fact_words
from goodsense.shop.tuning import TuningQuery
from goodsense.types import Mask, Query, Rows, Vectors, prepare, similarity

MOST = 1_000  # products among which kinds are looked for
LEAST = 20  # with fewer, a kind is a product
WORDS = 3
SHARE = 0.25  # of the products; a kind that is larger says too little

Seen = Mapping[str, tuple[Vectors, Mask]]


def kind_queries(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], listing: Listing, *, seed: int
) -> list[TuningQuery]:
    """Queries for kinds of validation products; none where there are too few products with facts."""
    rng = np.random.default_rng([seed, len(listing)])
    held = np.array([row for row, split in enumerate(listing.splits) if split == "val"], dtype=np.int64)
    rows = np.sort(rng.permutation(held)[:MOST])
    if len(rows) < LEAST or snapshot.lexical is None:
        return []
    asked = dict(_asked([fact_words(listing.texts[row]) for row in rows.tolist()], rng))
    if not asked:
        return []
    texts = [{n: t for n, t in listing.texts[row].items() if n not in SILENT} for row in rows.tolist()]
    seen = _seen(snapshot, blocks, rows, texts)
    words = _lexical_scores(snapshot, texts, list(asked))
    encoders = {name: block.encoder for name, block in blocks.items()}
    found = []
    for text, relevant in asked.items():
        terms = {("text", BM25): _calibrated(snapshot, BM25, words[text])}
        for name, probe in encode_query(Query.of_text(text), snapshot, encoders).parts[0].probes.items():
            vectors, present = seen[name]
            raw = similarity(probe, vectors, snapshot.blocks[name].distance)
            terms["text", name] = np.where(present, _calibrated(snapshot, name, raw), 0.0)
        gains = np.zeros(len(rows))
        gains[list(relevant)] = 1.0
        best = 1.0 / np.log2(np.arange(2, min(len(relevant), 10) + 2))
        found.append(TuningQuery(f"kind-{text}", terms, gains, float(best.sum())))
    return found


def _asked(facts: Sequence[Sequence[str]], rng: np.random.Generator) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Words and the places of the products that have them all; each kind once."""
    having: dict[str, set[int]] = {}
    for place, words in enumerate(facts):
        for word in words:
            having.setdefault(word.lower(), set()).add(place)
    known: set[tuple[int, ...]] = set()
    for place in rng.permutation(len(facts)).tolist():
        words = facts[place]
        if not words:
            continue
        picked = sorted(rng.choice(len(words), size=min(len(words), int(rng.integers(1, WORDS + 1))), replace=False))
        relevant = tuple(sorted(set.intersection(*(having[words[i].lower()] for i in picked))))
        if 2 <= len(relevant) <= SHARE * len(facts) and relevant not in known and len(known) < PER_KIND:
            known.add(relevant)
            yield " ".join(words[i] for i in picked), relevant


def _seen(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], rows: Rows, texts: Sequence[Mapping[str, str]]
) -> Seen:
    """The vectors of these rows in every block, with their facts silent."""
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
