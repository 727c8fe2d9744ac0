"""How good is this shop's search, and what do its vectors know? Measured on what was held out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.values import split_of
from goodsense.catalog.product import Product
from goodsense.errors import DataError, UsageError
from goodsense.evaluate import RankingReport, evaluate_run, read_qrels, read_queries
from goodsense.fusion import AdditiveFusion
from goodsense.progress import Progress, silent
from goodsense.shop.blind import blind_blocks, honest_modalities, known_fields, label_of, number_of
from goodsense.shop.listing import fill_splits
from goodsense.shop.shop import Shop
from goodsense.types import Embeddings, Vectors
from goodsense.understand import (
    Chosen,
    ClassifierResult,
    RegressorResult,
    choose_classifier,
    choose_regressor,
    evaluate_classifier,
    evaluate_regressor,
)

DEPTH = 100  # hits per query; recall@100 needs them


@dataclass(frozen=True)
class SearchEvaluation:
    """Ranking metrics of a shop on judged queries, and how long an answer took."""

    report: RankingReport
    run: Mapping[str, Sequence[tuple[str, float]]]
    latency_ms: Mapping[str, float]
    skipped: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        found = self.report.to_json()
        return {**found, "latency_ms": dict(self.latency_ms), "skipped": self.skipped, "seconds": self.seconds}


def evaluate_search(
    shop: Shop,
    queries: Path,
    qrels: Path,
    *,
    ks: Sequence[int] = (10,),
    judged_only: bool = False,
    using: Sequence[str] | None = None,
    progress: Progress = silent,
) -> SearchEvaluation:
    """Answer judged queries and score the answers.

    ``judged_only`` ranks within each query's judged pool. With ``using``, parts of a query that cannot reach these
    blocks fall away; a query left without any gets an empty answer and counts as 0; ``skipped`` says how many.
    """
    started = time.perf_counter()
    asked, grades = read_queries(queries), read_qrels(qrels)
    run: dict[str, list[tuple[str, float]]] = {}
    took, skipped = [], 0
    depth = max(DEPTH, *ks)
    for done, (id, query) in enumerate(asked):
        progress("evaluate search", done, len(asked))
        if id not in grades:
            continue
        begun = time.perf_counter()
        try:
            if judged_only:
                run[id] = shop.rank(query, list(grades[id]), using=using)
            else:
                run[id] = [(hit.id, hit.score) for hit in shop.search(query, k=depth, using=using)]
        except UsageError:
            if not using:
                raise
            run[id], skipped = [], skipped + 1
        took.append((time.perf_counter() - begun) * 1e3)
    progress("evaluate search", len(asked), len(asked))
    if using and skipped == len(run):
        raise UsageError(f"no query can reach {', '.join(using)}.", fix="Use other blocks, or other queries.")
    report = evaluate_run(run, grades, ks=sorted({*ks, 10}))
    p50, p99 = np.percentile(took, [50, 99]).tolist() if took else (0.0, 0.0)
    latency = {"p50": round(p50, 3), "p99": round(p99, 3)}
    return SearchEvaluation(report, run, latency, skipped, round(time.perf_counter() - started, 3))


def store_judgements(shop: Shop, queries: Path, qrels: Path | None = None) -> tuple[int, int]:
    """Keep queries and their judgements in the truth, for the next build; returns how many of both.

    Weights are tuned on judged queries. Pictures among the queries, judged or not, show how shoppers' photos differ
    from the shop's own. Without ``qrels`` every query is kept, with them those that are judged.
    """
    grades = read_qrels(qrels) if qrels is not None else {}
    asked = {id: query for id, query in read_queries(queries) if qrels is None or id in grades}
    if not asked:
        raise DataError(f"{qrels} judges none of the queries of {queries}.", fix="Check that their query ids agree.")
    as_json = {id: json.dumps(query.to_json(), ensure_ascii=False) for id, query in asked.items()}
    kept = {id: dict(grades.get(id, {})) for id in asked}
    shop.truth.add_judgements(as_json, kept)
    return len(asked), sum(len(judged) for judged in kept.values())


# ---- what the vectors know: classification and regression


def evaluate_classify(
    shop: Shop,
    label: str,
    *,
    modalities: Sequence[str] = (),
    mask_label: bool = False,
    split_column: str = "split",
    seed: int = 0,
    progress: Progress = silent,
) -> ClassifierResult:
    """Learn a field's value from the other fields and report on rows that were never learned from.

    The field itself, and every field that equals it, is taken out of the inputs, and encoders of text and attributes
    are fitted anew on the training rows. Settings are chosen on validation rows; the chosen head is then fitted on
    training and validation rows together. ``mask_label`` also removes the words of all its values from all text.

    Raises
    ------
    UsageError
        If no product has the field, or a modality is unknown.
    """
    products = list(shop.truth.products())
    labels = {p.id: value for p in products if (value := label_of(p, label))}
    if not labels:
        raise UsageError(f"no product has a value for {label!r}.", fix=known_fields(products))
    blocks, splits = _held(shop, products, label, labels, modalities, mask_label, split_column, seed, progress)

    def score(train: Embeddings, val: Embeddings) -> float:
        return _score(choose_classifier(*_xy(train, labels), *_xy(val, labels), names=("kernel-ridge",), seed=seed))

    fused = _best_fusion(blocks, splits, score, progress)
    return evaluate_classifier(fused, labels, splits, seed=seed, refit=True, progress=progress)


def evaluate_regress(
    shop: Shop,
    target: str,
    *,
    modalities: Sequence[str] = (),
    split_column: str = "split",
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[RegressorResult, dict[str, float]]:
    """Learn a numeric field (``price``, or an attribute) from the other fields; rules as in classification.

    Also returns the true numbers, by product id.
    """
    products = list(shop.truth.products())
    targets = {p.id: value for p in products if (value := number_of(p, target)) is not None}
    if not targets:
        raise UsageError(f"no product has a number for {target!r}.", fix=known_fields(products))
    labels = {id: f"{value:g}" for id, value in targets.items()}
    blocks, splits = _held(shop, products, target, labels, modalities, False, split_column, seed, progress)

    def score(train: Embeddings, val: Embeddings) -> float:
        return _score(choose_regressor(*_xy(train, targets), *_xy(val, targets), names=("ridge",), seed=seed))

    fused = _best_fusion(blocks, splits, score, progress)
    return evaluate_regressor(fused, targets, splits, seed=seed, refit=True, progress=progress), targets


def _held(
    shop: Shop,
    products: Sequence[Product],
    field: str,
    labels: Mapping[str, str],
    modalities: Sequence[str],
    mask: bool,
    split_column: str,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Embeddings], dict[str, str]]:
    """Blocks made without the target, of the products that have it, and their splits."""
    labelled = [product for product in products if product.id in labels]
    given = [_split_of(product, split_column) for product in labelled]
    splits = fill_splits(given, [product.title or product.id for product in labelled])
    train = [i for i, split in enumerate(splits) if split == "train"]
    used = honest_modalities(shop, modalities, held_out=split_column == "split" and any(given))
    blocks = blind_blocks(
        shop, labelled, field, labels, train=train, modalities=used, mask=mask, seed=seed, progress=progress
    )
    # without any given split the report comes from cross-validation, so nothing is held out here
    ids = [product.id for product in labelled]
    return blocks, dict(zip(ids, splits if any(given) else [""] * len(splits), strict=True))


def _best_fusion(
    blocks: Mapping[str, Embeddings],
    splits: Mapping[str, str],
    score: Callable[[Embeddings, Embeddings], float],
    progress: Progress,
) -> Embeddings:
    """Blocks as one vector; how much each counts is chosen on validation rows, equally without any."""
    if len(blocks) == 1:
        return next(iter(blocks.values()))
    even = dict.fromkeys(blocks, 1.0)
    ids = next(iter(blocks.values())).ids
    train, val = (np.array([i for i, id in enumerate(ids) if splits[id] == name]) for name in ("train", "val"))
    if not len(train) or not len(val):
        return AdditiveFusion(even).fuse(blocks)
    tried = [even, *({**dict.fromkeys(blocks, share), name: 1.0} for name in blocks for share in (0.3, 0.1))]
    best: tuple[float, Embeddings] | None = None
    for done, weights in enumerate(tried):
        progress("weigh the blocks", done, len(tried))
        fused = AdditiveFusion(weights).fuse(blocks)
        reached = score(fused.take(train), fused.take(val))
        if best is None or reached > best[0]:
            best = reached, fused
    progress("weigh the blocks", len(tried), len(tried))
    assert best is not None
    return best[1]


def _xy(block: Embeddings, targets: Mapping[str, Any]) -> tuple[Vectors, list[Any]]:
    return block.vectors, [targets[id] for id in block.ids]


def _score(chosen: Chosen) -> float:
    return chosen.score if chosen.score is not None else 0.0


def _split_of(product: Product, column: str) -> str:
    if column == "split":
        return product.split
    value = product.attributes.get(column, product.extra.get(column, ""))
    if isinstance(value, float):
        value = f"{value:g}"
    try:
        return split_of(value)
    except BadValue as error:
        raise DataError(f"product {product.id!r}: {column} is {value!r}, an {error.reason}.", fix=error.fix) from error
