"""What tuning is judged on: stored judgements where there are any, else pseudo-queries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.joint import JOINT
from goodsense.search.calibration import BM25, Affine, Calibration
from goodsense.search.encode import EncodedPart, EncodedQuery, encode_query, kinds_of
from goodsense.search.snapshot import Snapshot
from goodsense.shop.belonging import teaching_queries
from goodsense.shop.browsing import kind_queries
from goodsense.shop.encoding import EncodedBlock
from goodsense.shop.joint_evidence import JointEvidence, first_query, left_of_photo
from goodsense.shop.listing import Listing
from goodsense.shop.pairs import Catalog, PseudoQuery, pseudo_queries
from goodsense.shop.tuning import TuningQuery
from goodsense.types import REF_TYPES, Part, Query, Rows, Vectors, prepare, similarity

POOL = 200  # best rows of each block, per query
BEST_AMONG = 10_000  # products among which a typical best match is looked for
ASIDE = 0.25  # what a picture counts among clips and a clip among sounds, beside its own kind
MOST_WEIGHT = 10.0  # of a query for a kind of product, beside one for a product
PAIRS = (200, 500)  # random queries x random products behind a calibration


@dataclass(frozen=True, eq=False)
class Evidence:
    """Validation queries with their raw similarities, and where they came from."""

    queries: list[TuningQuery]
    source: str


def calibrate(snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], listing: Listing, *, seed: int) -> Calibration:
    """Affine maps per (query kind, block) from random pairs; test products are left out."""
    rng = np.random.default_rng(seed)
    rows = np.array([row for row, split in enumerate(listing.splits) if split != "test"], dtype=np.int64)
    maps: dict[tuple[str, str], Affine] = {}
    for name, block in blocks.items():
        present = rows[block.present[rows]]
        if not len(present):
            continue
        vectors, distance = snapshot.blocks[name].vectors, snapshot.blocks[name].distance
        products = _sample(present, PAIRS[1], rng)
        alike = vectors[_sample(present, PAIRS[0], rng)]
        maps["like", name] = Affine.fitted(_pairs(alike, vectors[products], distance))
        maps["vector", name] = maps["like", name]
        picked = _sample(present, PAIRS[0], rng)
        for kind in sorted(kinds_of(block.encoder)):
            asked = _sample_queries(block, listing, picked, kind)
            asked = asked[asked.any(axis=1)]
            if not len(asked):  # no such query says anything yet: as products of one another
                maps[kind, name] = maps["like", name]
                continue
            fitted = Affine.fitted(_pairs(prepare(asked, distance), vectors[products], distance))
            maps[kind, name] = replace(fitted, weight=ASIDE) if _is_aside(kind, block) else fitted
    if snapshot.lexical is not None:
        maps["text", BM25] = _lexical_affine(snapshot, listing, rows, rng)
    return Calibration(maps)


def _is_aside(kind: str, block: EncodedBlock) -> bool:
    """Whether this block is not what a query looks for first: clips for a picture, sounds for a clip, the joint one."""
    return bool(block.members) or (kind in REF_TYPES and kind != block.modality)


def _sample(rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    return rng.permutation(rows)[:n]


def _sample_queries(block: EncodedBlock, listing: Listing, rows: Rows, kind: str) -> Vectors:
    """Query vectors of the kind a shopper sends: a few words of a title, or one photo, sound or clip."""
    if kind == "text":
        return block.encoder.encode_query([" ".join(listing.titles[row].split()[:4]) for row in rows.tolist()])
    if block.members:
        return np.stack([first_query(block, row, kind) for row in rows.tolist()])
    return block.inputs[[block.spans[row][0] for row in rows.tolist()]]


def _pairs(queries: Vectors, products: Vectors, distance: object) -> NDArray[np.float32]:
    return np.concatenate([similarity(query, products, distance) for query in queries])  # type: ignore[arg-type]


def _lexical_affine(snapshot: Snapshot, listing: Listing, rows: Rows, rng: np.random.Generator) -> Affine:
    assert snapshot.lexical is not None
    scores = []
    for row in _sample(rows, PAIRS[0], rng).tolist():
        tokens = snapshot.tokenizer.tokens(listing.titles[row])[:4]
        scores.append(snapshot.lexical.score_all(snapshot.lexical.encode_query(tokens)))
    return Affine.of_lexical(np.concatenate(scores) if scores else np.zeros(0))


def typical_best(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], listing: Listing, *, seed: int
) -> dict[str, float]:
    """By query kind, the median score of the best other product for sample queries of that kind."""
    rng = np.random.default_rng(seed)
    rows = np.array([row for row, split in enumerate(listing.splits) if split != "test"], dtype=np.int64)
    products = np.sort(_sample(rows, BEST_AMONG, rng))
    scores: dict[str, list[float]] = {}
    for row in _sample(rows, PAIRS[0], rng).tolist():
        for part in _sample_parts(snapshot, blocks, listing, row):
            others = products[products != row]
            if (part.probes or part.lexical) and len(others):
                query = EncodedQuery(Query((part.part,)), (part,))
                scores.setdefault(part.part.kind, []).append(float(snapshot.scores(query, others).max()))
    return {kind: float(np.median(found)) for kind, found in scores.items()}


def _sample_parts(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], listing: Listing, row: int
) -> Iterable[EncodedPart]:
    """Queries that this product inspires: words of its title, its photo, "like this"."""
    encoders = {name: block.encoder for name, block in blocks.items()}
    words = " ".join(listing.titles[row].split()[:4])
    like = Query((*((Part("text", words),) if words else ()), Part("like", listing.ids[row])))
    yield from encode_query(like, snapshot, encoders).parts
    for kind, ref in REF_TYPES.items():
        probes = {}
        for name, block in blocks.items():
            if kind in kinds_of(block.encoder) and (vector := first_query(block, row, kind)).any():
                probes[name] = prepare(vector[None], snapshot.blocks[name].distance)[0]
        if probes:
            yield EncodedPart(Part(kind, ref(listing.ids[row])), probes)  # type: ignore[arg-type]


def gather_evidence(
    snapshot: Snapshot,
    blocks: Mapping[str, EncodedBlock],
    listing: Listing,
    judged: tuple[dict[str, str], dict[str, dict[str, int]]],
    *,
    seed: int,
) -> Evidence:
    """Judged queries if the shop has at least ten of them, else pseudo-queries from validation products."""
    queries, qrels = judged
    usable = {id: text for id, text in queries.items() if any(grade > 0 for grade in qrels[id].values())}
    if JOINT in blocks:  # which may have learned from some of them
        taught = teaching_queries(queries, qrels)
        usable = {id: text for id, text in usable.items() if id not in taught}
    if len(usable) >= 10:
        return Evidence(list(_judged(snapshot, blocks, usable, qrels)), f"{len(usable)} judged queries")
    image = blocks.get("image")
    photos = [len(span) for span in image.spans] if image else [0] * len(listing)
    catalog = Catalog(listing.texts, listing.groups, listing.splits, photos, _shown(blocks, len(listing)).tolist())
    made = pseudo_queries(catalog, seed=seed)
    known = list(_pseudo(snapshot, blocks, made))
    kinds = kind_queries(snapshot, blocks, listing, seed=seed)
    found = [*known, *as_many(kinds, sum(query.words_only for query in known))]
    return Evidence(found, f"{len(found)} pseudo-queries from validation products")


def as_many(kinds: Sequence[TuningQuery], others: int) -> list[TuningQuery]:
    """Queries for kinds of products weighing as much as those for products that somebody knows, in all.

    Each counts for :data:`MOST_WEIGHT` at most: a handful of queries is no half of the evidence.
    """
    weight = min(MOST_WEIGHT, max(1.0, others / len(kinds))) if kinds else 1.0
    return [replace(query, weight=weight) for query in kinds]


def _shown(blocks: Mapping[str, EncodedBlock], count: int) -> NDArray[np.bool_]:
    """Products that the joint block knows by more than their text: words find them even without it. ``(n,)``."""
    found = np.zeros(count, dtype=np.bool_)
    for name, member in (blocks[JOINT].members if JOINT in blocks else {}).items():
        found |= member.present & (name != "text")
    return found


def _judged(
    snapshot: Snapshot,
    blocks: Mapping[str, EncodedBlock],
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
) -> Iterable[TuningQuery]:
    encoders = {name: block.encoder for name, block in blocks.items()}
    for id, text in queries.items():
        encoded = encode_query(Query.from_json(json.loads(text)), snapshot, encoders)
        raw: dict[tuple[str, str], NDArray[np.float64]] = {}
        for part in encoded.parts:
            if part.lexical and snapshot.lexical is not None:
                raw[part.part.kind, BM25] = snapshot.lexical.score_all(part.lexical)
            for name, probe in part.probes.items():
                block = snapshot.blocks[name]
                raw[part.part.kind, name] = _masked(similarity(probe, block.vectors, block.distance), block.present)
        grades = {snapshot.row_of(p): g for p, g in qrels[id].items() if p in snapshot._row_of}
        if raw and grades:
            yield _tuning_query(snapshot, id, raw, grades)


def _pseudo(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], queries: Sequence[PseudoQuery]
) -> Iterable[TuningQuery]:
    vectors = _text_vectors(snapshot, blocks["text"], queries) if "text" in blocks else {}
    others = _other_probes(snapshot, blocks, queries)
    joint = JointEvidence.of(snapshot, blocks[JOINT], queries, vectors) if JOINT in blocks else None
    for query in queries:
        raw: dict[tuple[str, str], NDArray[np.float64]] = {}
        if query.text:
            raw |= _text_similarities(snapshot, vectors.get(query.id), query)
            raw |= _other_similarities(snapshot, others, query)
        if query.photo is not None:
            raw |= _photo_similarities(snapshot, blocks["image"], query)
        if joint is not None:
            raw |= joint.similarities(query)
        if raw:
            yield _tuning_query(snapshot, query.id, raw, dict.fromkeys(query.relevant, 1))


def _text_vectors(
    snapshot: Snapshot, text: EncodedBlock, queries: Sequence[PseudoQuery]
) -> dict[str, tuple[Vectors, Vectors]]:
    """By query id, the probe ``(d,)`` and what remains of the masked rows ``(m, d)``; all encoded at once."""
    asked = [query for query in queries if query.text]
    distance = snapshot.blocks["text"].distance
    probes = prepare(text.encoder.encode_query([query.text for query in asked]), distance)
    remaining = prepare(text.encoder.encode([left for query in asked for left in query.masked.values()]), distance)
    ends = np.cumsum([len(query.masked) for query in asked]).tolist()
    return {
        query.id: (probe, remaining[end - len(query.masked) : end])
        for query, probe, end in zip(asked, probes, ends, strict=True)
    }


def _text_similarities(
    snapshot: Snapshot, vectors: tuple[Vectors, Vectors] | None, query: PseudoQuery
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """All rows, the masked ones by what remains of their text."""
    found: dict[tuple[str, str], NDArray[np.float64]] = {}
    rows = list(query.masked)
    if snapshot.lexical is not None:
        weights = snapshot.lexical.encode_query(snapshot.tokenizer.tokens(query.text))
        scores = snapshot.lexical.score_all(weights).astype(np.float64)
        if rows:
            known = snapshot.lexical.settings.field_weights
            texts = [{n: t for n, t in query.masked[row].items() if n in known} for row in rows]
            tokens = [{n: snapshot.tokenizer.tokens(t) for n, t in text.items()} for text in texts]
            scores[rows] = snapshot.lexical.extended(tokens).terms(weights, _after(snapshot, len(rows)))[1].sum(axis=1)
        found["text", BM25] = scores
    if vectors is not None and vectors[0].any():
        block, (probe, remaining) = snapshot.blocks["text"], vectors
        values = _masked(similarity(probe, block.vectors, block.distance), block.present)
        values[rows] = _masked(similarity(probe, remaining, block.distance), np.asarray(remaining.any(axis=1)))
        found["text", "text"] = values
    return found


def _other_probes(
    snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], queries: Sequence[PseudoQuery]
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """By block and query id, the probes of texts for blocks that are not made of the product's own text.

    Nothing is masked there: what a query took from the text stands in no photo and in no review.
    """
    asked = {query.id: query.text for query in queries if query.text}
    found = {}
    for name, block in blocks.items():
        if name not in ("text", JOINT) and "text" in block.encoder.accepts:
            probes = prepare(block.encoder.encode_query(list(asked.values())), snapshot.blocks[name].distance)
            found[name] = {id: probe for id, probe in zip(asked, probes, strict=True) if probe.any()}
    return found


def _other_similarities(
    snapshot: Snapshot, probes: Mapping[str, Mapping[str, NDArray[np.float32]]], query: PseudoQuery
) -> dict[tuple[str, str], NDArray[np.float64]]:
    found = {}
    for name, by_query in probes.items():
        if query.id in by_query:
            block = snapshot.blocks[name]
            found["text", name] = _masked(similarity(by_query[query.id], block.vectors, block.distance), block.present)
    return found


def _photo_similarities(
    snapshot: Snapshot, image: EncodedBlock, query: PseudoQuery
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """All rows, the photo's own product by its other photos."""
    assert query.photo is not None
    row, which = query.photo
    block = snapshot.blocks["image"]
    probe = prepare(image.inputs[[image.spans[row][which]]], block.distance)[0]
    values = _masked(similarity(probe, block.vectors, block.distance), block.present)
    kept = prepare(left_of_photo(image, row, which)[None], block.distance)
    values[row] = similarity(probe, kept, block.distance)[0]
    return {("image", "image"): values}


def _after(snapshot: Snapshot, count: int) -> Rows:
    return np.arange(snapshot.base_rows, snapshot.base_rows + count, dtype=np.int64)


def _masked(values: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(present, values.astype(np.float64), np.nan)


def _best(values: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Rows of the ``k`` largest values, in no order."""
    return np.argpartition(-values, k)[:k] if k < len(values) else np.arange(len(values))


def _tuning_query(
    snapshot: Snapshot,
    id: str,
    raw: Mapping[tuple[str, str], NDArray[np.float64]],
    grades: Mapping[int, int],
) -> TuningQuery:
    """Cut the similarities down to the pool: the best rows of every block and everything judged."""
    tops = [_best(np.nan_to_num(values, nan=-np.inf), POOL) for values in raw.values()]
    pool = np.unique(np.concatenate([*tops, np.fromiter(grades, dtype=np.int64)]))
    terms = {}
    for (kind, block), values in raw.items():
        affine = snapshot.calibration.affine(kind, block)
        calibrated = (values[pool] - affine.mean) / affine.scale
        terms[kind, block] = np.nan_to_num(calibrated, nan=0.0)
    gains = np.array([2.0 ** grades.get(row, 0) - 1 for row in pool.tolist()])
    best = np.sort(2.0 ** np.array(list(grades.values())) - 1)[::-1][:10]
    return TuningQuery(id, terms, gains, float((best / np.log2(np.arange(2, len(best) + 2))).sum()))
