"""How far old vectors, carried to a new space by a linear map, stand in for vectors encoded anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import GoodsenseError, UsageError
from goodsense.evaluate import evaluate_run
from goodsense.evaluate.migration import LEAST_ROWS, MapQuality, fit_map
from goodsense.search.encode import encode_query, narrowed
from goodsense.shop.live import Live
from goodsense.shop.trial_queries import Asked
from goodsense.types import Embeddings, Vectors, similarity

MOST = 20_000  # products that a map is learned and judged on
K = 10


@dataclass(frozen=True)
class Recall:
    """Recall@10 by one block alone: with the old encoder, the new one, and the new one asked about carried vectors."""

    queries: int
    old: float
    new: float
    carried: float


@dataclass(frozen=True)
class Carried:
    """A block that two builds encode differently, and what a map from the one to the other keeps."""

    block: str
    quality: MapQuality
    recall: Recall | None

    @property
    def verdict(self) -> str:
        """In plain words, whether encoding anew can be saved."""
        kept = f"{self.quality.kept:.0%} of the nearest neighbours"
        if self.recall is not None and self.recall.new > 0:
            found = self.recall
            kept += f", R@{K} {found.carried:.3f} of {found.new:.3f} ({found.old:.3f} before)"
        use = "good enough to wait with encoding" if self.quality.good_enough else "encode anew"
        return f"{self.block}: old vectors carried by a linear map ({self.quality.method}) keep {kept}: {use}"

    def to_json(self) -> dict[str, Any]:
        recall = None if self.recall is None else asdict(self.recall)
        return {"block": self.block, "quality": self.quality.to_json(), "recall": recall, "verdict": self.verdict}


def changed_blocks(old: Live, new: Live) -> list[str]:
    """Blocks that both builds have, from different encoders."""
    before, after = old.base.meta["encoders"], new.base.meta["encoders"]
    return [name for name in after if name in before and before[name]["fingerprint"] != after[name]["fingerprint"]]


def carried_blocks(old: Live, new: Live, asked: Asked, *, seed: int) -> tuple[list[Carried], list[str]]:
    """What a linear map keeps, block by block; and why there is none for some."""
    found, notes = [], []
    for name in changed_blocks(old, new):
        if name in new.base.meta.get("carried", {}):  # these are mapped already; the build has said how well
            continue
        before, after = _paired(old, new, name, seed)
        try:
            quality = fit_map(before, after, k=K, seed=seed).quality
        except UsageError as error:
            notes.append(f"{name}: no map from the old vectors to the new ones: {error.message}")
            continue
        found.append(Carried(name, quality, _recall(old, new, name, (before, after), asked, seed)))
    return found, notes


def _paired(old: Live, new: Live, name: str, seed: int) -> tuple[Embeddings, Embeddings]:
    """The same products in both builds, as many as are needed; ``(n, d_old)`` and ``(n, d_new)``."""
    blocks = old.base.blocks[name], new.base.blocks[name]
    rows = {id: row for row, id in enumerate(old.base.ids) if blocks[0].present[row]}
    both = [(rows[id], row) for row, id in enumerate(new.base.ids) if blocks[1].present[row] and id in rows]
    if len(both) > MOST:
        picked = np.sort(np.random.default_rng(seed).choice(len(both), MOST, replace=False)).tolist()
        both = [both[at] for at in picked]
    ids = tuple(new.base.ids[row] for _, row in both)
    sides = []
    for block, own in zip(blocks, zip(*both, strict=True) if both else ((), ()), strict=True):
        at = np.array(own, dtype=np.int64)
        sides.append(Embeddings.of_products(ids, np.array(block.vectors[at]), np.ones(len(at), dtype=np.bool_)))
    return sides[0], sides[1]


def _recall(
    old: Live, new: Live, name: str, sides: tuple[Embeddings, Embeddings], asked: Asked, seed: int
) -> Recall | None:
    """The same queries over the same products, three ways; None where no query reaches the block in both builds."""
    before, after = sides
    if len(before) < 2 * LEAST_ROWS:
        return None
    there = set(after.ids)
    qrels = {id: kept for id, own in asked.qrels.items() if (kept := _within(own, there))}
    old_probes, new_probes = _probes(old, name, asked, qrels), _probes(new, name, asked, qrels)
    common = [id for id in qrels if id in old_probes and id in new_probes]
    if not common:
        return None
    ids, judged = tuple(after.ids), {id: qrels[id] for id in common}
    spaces = (old_probes, before.vectors), (new_probes, after.vectors), (new_probes, _unseen(before, after, seed))
    reached = []
    for (probes, gallery), live in zip(spaces, (old, new, new), strict=True):
        distance = live.base.blocks[name].distance
        run = {id: _best(ids, _scores(probes[id], gallery, distance)) for id in common}
        reached.append(evaluate_run(run, judged, ks=(K,)).metrics[f"recall@{K}"])
    return Recall(len(common), *reached)


def _within(grades: Mapping[str, int], ids: set[str]) -> dict[str, int]:
    """Judgements of these products, if any of them is relevant."""
    kept = {id: grade for id, grade in grades.items() if id in ids}
    return kept if any(grade > 0 for grade in kept.values()) else {}


def _unseen(before: Embeddings, after: Embeddings, seed: int) -> Vectors:
    """Every old vector carried by a map that was not fitted on it, ``(n, d_new)``."""
    order = np.random.default_rng(seed).permutation(len(before))
    mapped = np.zeros((len(before), after.dim), dtype=np.float32)
    halves = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    for learned, carried in (halves, halves[::-1]):
        found = fit_map(before.take(learned), after.take(learned), k=K, seed=seed)
        mapped[carried] = found.carry(before.take(carried)).vectors
    return mapped


Probes = list[tuple[float, NDArray[np.float32]]]  # weight and (d,) of every part of a query


def _probes(live: Live, name: str, asked: Asked, qrels: Mapping[str, Any]) -> dict[str, Probes]:
    """What queries look for in one block; those that do not reach it are left out."""
    found: dict[str, Probes] = {}
    for id in qrels:
        try:
            query = narrowed(asked.queries[id], [name], live.base, live.encoders)
            parts = encode_query(query, live.base, live.encoders).parts
        except GoodsenseError:
            continue
        if probes := [(part.part.weight, part.probes[name]) for part in parts if name in part.probes]:
            found[id] = probes
    return found


def _scores(probes: Probes, gallery: Vectors, distance: Any) -> NDArray[np.float64]:
    total = np.zeros(len(gallery))
    for weight, probe in probes:
        total += weight * similarity(probe, gallery, distance).astype(np.float64)
    return total


def _best(ids: Sequence[str], scores: NDArray[np.float64]) -> list[tuple[str, float]]:
    return [(ids[at], float(scores[at])) for at in np.argsort(-scores, kind="stable")[: 5 * K].tolist()]
