"""Explanations of a shop's hits and products, put together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.catalog.product import Product, text_fields
from goodsense.errors import UsageError
from goodsense.fusion.joint import JOINT, rows_of
from goodsense.progress import Progress, silent
from goodsense.search.explain import account, modalities_of, rank_of
from goodsense.search.lexical import Lexical
from goodsense.search.snapshot import Snapshot
from goodsense.shop.blind import label_of
from goodsense.shop.explaining.case import Case
from goodsense.shop.explaining.regions import GRID, product_regions, query_regions
from goodsense.shop.explaining.results import (
    NEGLIGIBLE,
    HitExplanation,
    Neighbour,
    ProductExplanation,
    ranked,
)
from goodsense.shop.explaining.words import product_words, query_words
from goodsense.shop.picture import photos_of
from goodsense.types import Query, Rows

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

MOST_RANKED = 300_000  # products among which ranks are counted
NEIGHBOURS = 5
SHARED_WORDS = 6


def explain_hit(
    shop: Shop,
    query: Query | str,
    id: str | None = None,
    *,
    using: Sequence[str] | None = None,
    words: bool = True,
    pictures: bool = True,
    grid: int = GRID,
    progress: Progress = silent,
) -> HitExplanation:
    """Why a product scores what it scores for a query.

    Parameters
    ----------
    shop
        Built.
    query
        What was asked, or a text.
    id
        The product; None for the best hit.
    using
        The blocks that the query may reach; None for all.
    words, pictures
        Whether words, and parts of pictures, are looked at, which takes encoding them many times.
    grid
        Cells of a picture, along each side.

    Raises
    ------
    UsageError
        If there is no such product, nothing is found, or the query asks for nothing but a filter.
    """
    started = time.perf_counter()
    asked = Query.of_text(query) if isinstance(query, str) else query
    if not asked.parts:
        raise UsageError("a filter alone scores nothing.", fix="Give a text, a picture or a product to be like.")
    encoded = shop.encode(asked, using=using)
    chosen = _best(shop, asked, using) if id is None else id
    case = Case.of(shop, encoded, chosen)
    found, notes = _accounted(case, chosen), list(_warnings(case, chosen))
    steps = 1 + words + pictures
    progress("explain", 1, steps)
    if words:
        found = {**found, "query_words": query_words(case), "product_words": product_words(case)}
        progress("explain", 2, steps)
    if pictures:
        own, reason = product_regions(case, shop.read_medium, grid=grid)
        found["regions"] = (*query_regions(case, grid=grid), *([own] if own is not None else []))
        notes += [reason] if reason else []
        progress("explain", steps, steps)
    seconds = round(time.perf_counter() - started, 3)
    texts = text_fields(case.product)
    return HitExplanation(asked, chosen, case.product.title, texts=texts, notes=tuple(notes), seconds=seconds, **found)


def explain_product(shop: Shop, id: str, *, k: int = NEIGHBOURS, progress: Progress = silent) -> ProductExplanation:
    """Which modalities make up a product's vectors, and what its nearest neighbours share with it.

    Raises
    ------
    UsageError
        If there is no such product.
    """
    started = time.perf_counter()
    snapshot = shop.snapshot
    row = np.array([snapshot.row_of(id)], dtype=np.int64)
    itself = shop.encode(Query(Query.like(id).parts))
    own = account(snapshot, itself, row)
    values = {name: float(value[0]) for name, value in own.modalities.items() if own.present[name][0]}
    without = {name: float(value[0]) for name, value in own.without.items()}
    progress("explain", 1, 2)
    product = shop.truth.get([id])[id]
    neighbours = _neighbours(shop, id, product, k)
    progress("explain", 2, 2)
    return ProductExplanation(
        id,
        product.title,
        float(own.scores[0]),
        ranked(values, without, {}),
        _joint_shares(snapshot, row),
        tuple(name for name, there in own.present.items() if not there[0]),
        neighbours,
        photos_of(shop, [id]).get(id),
        tuple(_changed(snapshot, id)),
        round(time.perf_counter() - started, 3),
    )


# ---- of a hit


def _accounted(case: Case, id: str) -> dict[str, Any]:
    """The score, its terms, and its modalities with what the product would be without each."""
    snapshot, query = case.snapshot, case.query
    own = account(snapshot, query, case.at)
    score = float(own.scores[0])
    values = {name: float(value[0]) for name, value in own.modalities.items()}
    values = {name: value for name, value in values.items() if own.present.get(name, [True])[0]}
    without = {name: float(value[0]) for name, value in own.without.items()}
    ranks: dict[str, int | None] = {}
    rank: int | None = None
    if len(snapshot) <= MOST_RANKED:
        rank, *rest = rank_of(snapshot, query, id, [score, *(without.get(name, score) for name in values)])
        ranks = dict(zip(values, rest, strict=True))
    confidence = None
    if all(part.part.kind == "text" for part in query.parts):
        likely = snapshot.calibration.confidence_of(np.array([score]))
        confidence = None if likely is None else float(likely[0])
    return {
        "score": score,
        "rank": rank,
        "confidence": confidence,
        "terms": {name: float(value[0]) for name, value in own.terms.items()},
        "joint": {name: float(value[0]) for name, value in own.joint.items()},
        "modalities": ranked(values, without, ranks),
    }


def _best(shop: Shop, query: Query, using: Sequence[str] | None) -> str:
    hits = shop.search(query, k=1, using=using)
    if not hits.hits:
        raise UsageError(f"nothing is found: {hits.message or 'no product matches'}.", fix="Name a product by --hit.")
    return hits[0].id


def _warnings(case: Case, id: str) -> list[str]:
    """Why a search may not show the product although it has a score."""
    found = []
    if id in case.query.query.exclude:
        found.append("the query leaves this product out, so a search does not show it")
    if case.query.where is not None and not case.snapshot.mask(case.query.where)[case.row]:
        found.append("this product does not pass the filter, so a search does not show it")
    if not case.query.knows_anything:
        found.append("no word or picture of the query is known to this shop")
    return [*found, *_changed(case.snapshot, id)]


# ---- of a product


def _neighbours(shop: Shop, id: str, product: Product, k: int) -> tuple[Neighbour, ...]:
    hits = shop.similar(id, k=k)
    if not hits.hits:
        return ()
    snapshot = shop.snapshot
    rows = np.array([snapshot.row_of(hit.id) for hit in hits], dtype=np.int64)
    found = account(snapshot, shop.encode(Query.like(id)), rows)
    products = shop.truth.get(hits.ids)
    return tuple(
        Neighbour(
            hit.id,
            hit.title,
            hit.score,
            {name: float(values[place]) for name, values in found.modalities.items() if abs(values[place]) > 0},
            _shared_words(snapshot, product, products[hit.id]),
            _shared_fields(product, products[hit.id]),
        )
        for place, hit in enumerate(hits)
    )


def _shared_words(snapshot: Snapshot, left: Product, right: Product) -> tuple[str, ...]:
    """Words of one product that the other has, too, as the first writes them; the rarest in the shop first."""
    tokenizer = snapshot.tokenizer
    theirs = {token for text in text_fields(right).values() for token in tokenizer.tokens(text)}
    rarity: dict[str, float] = {}
    for name, text in text_fields(left).items():
        for start, end in tokenizer.spans(text) if name != "attributes" else ():  # those are compared as fields
            tokens = tokenizer.tokens(text[start:end])
            if tokens and theirs.issuperset(tokens):
                rarity.setdefault(text[start:end].casefold(), _rarity(snapshot.lexical, tokens[0]))
    return tuple(sorted(rarity, key=lambda word: (-rarity[word], word))[:SHARED_WORDS])


def _rarity(lexical: Lexical | None, token: str) -> float:
    if lexical is None:
        return 0.0
    number = lexical.vocabulary.find(token)
    return float(lexical.idf[number]) if 0 <= number < len(lexical.idf) else lexical.unseen_idf


def _shared_fields(left: Product, right: Product) -> dict[str, str]:
    names = ("brand", "category", *left.attributes)
    both = {name: (label_of(left, name), label_of(right, name)) for name in names}
    return {name: own for name, (own, theirs) in both.items() if own and own.casefold() == theirs.casefold()}


def _joint_shares(snapshot: Snapshot, row: Rows) -> dict[str, float]:
    """Modality -> what its part adds to the inner product of the joint vector with itself, which is 1."""
    joint, block = snapshot.joint, snapshot.blocks.get(JOINT)
    if joint is None or block is None or not block.gather_present(row)[0]:
        return {}
    blocks = {name: snapshot.blocks[name] for name in joint.members}
    given = {name: rows_of(own.gather(row), own.gather_present(row)) for name, own in blocks.items()}
    probe = joint.fuse(given).vectors[0]
    shares = {name: float(values[0]) for name, values in joint.split(probe, given).items()}
    present = modalities_of(snapshot, row)
    return {name: value for name, value in shares.items() if present[name][0] or abs(value) > NEGLIGIBLE}


def _changed(snapshot: Snapshot, id: str) -> list[str]:
    if snapshot.base_row(id) is not None:
        return []
    return ["this product changed since the build; what was not encoded yet counts as missing"]
