"""Which exponents, modalities and weights of the graph filter suit this shop: chosen on validation, in seconds.

Terms are scored once for a sample of shoppers; after that only their weighted sum changes, over the items that any term
has among its best. Weights are found by coordinate ascent from several starts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend.content import Content
from goodsense.recommend.graph_filter import LIKE, TASTE, TOGETHER, USUAL, GraphFilter
from goodsense.recommend.histories import newest
from goodsense.recommend.item_graphs import alike, degrees, powers, scaled_by, shares, taste, together
from goodsense.recommend.judging import over_all_items, sampled_users
from goodsense.recommend.signals import signals

USERS = 4_000  # validation shoppers that decide, at most
EXPONENTS: Mapping[str, tuple[float, ...]] = {
    "users": (0.5, 1.0),
    "seen": (0.3, 0.15, 0.5),
    "found": (0.0, 0.15, -0.1, -0.2),
}
FEW = 20  # events of a shopper that count, where those of busy ones mislead
STAGE = "search the graph filter"
_STEPS = (0.0, 0.5, 0.75, 1.3, 2.0)  # what a weight is multiplied by
_ROUNDS, _FROM = 5, 0.1  # of the ascent; where a weight of 0 starts again
_BEST, _FIRST = 40, 120  # candidates of every term, and of the usual blend
_AT_ONCE = 250  # shoppers scored together
_WALKS = 300_000_000  # from an item to a shopper to an item, while exponents are chosen
_NOTHING = np.float32(-1e30)


@dataclass(frozen=True, eq=False)
class ChosenFilter:
    """The filter that did best on validation.

    Parameters
    ----------
    model
        Fitted on train; ``model.options`` says how.
    metrics
        ``recall@20`` and ``ndcg@20`` of the shoppers that decided.
    users
        How many those were.
    tried
        Blends that were compared.
    """

    model: GraphFilter
    metrics: dict[str, float]
    users: int
    tried: int
    seconds: float


def chosen_filter(
    train: Interactions,
    validation: Interactions,
    content: Content | None = None,
    *,
    users: int | None = USERS,
    k: int = 20,
    seed: int = 0,
    progress: Progress = silent,
    **fixed: Any,
) -> ChosenFilter:
    """Fit on ``train`` the filter whose exponents, mix of modalities and weights do best on ``validation``.

    What is maximised is recall@k plus twice NDCG@k, which are of like size then.

    Parameters
    ----------
    train, validation
        Two parts of a split, over the same users.
    content
        What is known of the items.
    users
        Most validation shoppers, drawn; None for all.
    fixed
        Options of :class:`GraphFilter` besides exponents, mix and weights; without ``cap``, its default or
        :data:`FEW` is chosen.

    Raises
    ------
    UsageError
        If nobody in ``validation`` has a history in ``train``.
    """
    started = time.perf_counter()
    train, held_out = over_all_items(train, sampled_users(validation, users, seed), content=content)
    own = (content if content is not None else Content(())).aligned(train.items)
    plain = GraphFilter(**fixed)
    progress(STAGE, 0, 4, note="exponents")
    caps = [plain.cap] if "cap" in fixed or np.diff(train.starts).max() <= FEW else [plain.cap, FEW]
    capped = {cap: _Asked.of(train, held_out, cap) for cap in caps}
    found = {cap: _exponents(each, k) for cap, each in capped.items()}
    cap = max(caps, key=lambda each: found[each][1])  # of equal ones the first
    asked, exponents, tried = capped[cap], found[cap][0], sum(each[2] for each in found.values())
    progress(STAGE, 1, 4, note="graphs")
    plain = GraphFilter(**{**fixed, **exponents, "cap": cap})
    graph = together(
        asked.taken, users=plain.users, seen=plain.seen, found=plain.found, keep=plain.neighbours, progress=progress
    )
    by_modality = alike(own, neighbours=plain.alike, progress=progress)
    directions = taste(asked.taken, users=plain.users, dim=plain.dim, keep=max(1, plain.neighbours // 2), seed=seed)
    progress(STAGE, 2, 4, note="mix")
    mix, more = _mix(asked, graph, by_modality, k)
    model = GraphFilter(**{**plain.options, "mix": mix})
    graphs = model.joined(graph, by_modality, directions)
    progress(STAGE, 3, 4, note="weights")
    pool = asked.pool(graphs.terms, USUAL, k)
    weights, metrics, most = climbed(pool, _starts(pool.names))
    model = GraphFilter(**{**model.options, "weights": {**dict.fromkeys(USUAL, 0.0), **weights}})
    model.fit_graphs(train, graphs, progress=progress)
    took = round(time.perf_counter() - started, 3)
    return ChosenFilter(model, metrics, asked.count, tried + more + most, took)


def _starts(names: Sequence[str]) -> list[dict[str, float]]:
    """The usual weights, and co-occurrence with a little of one other term each."""
    usual = {name: USUAL[name] for name in names}
    plain = {name: float(name == TOGETHER) for name in names}
    taste_only = {**plain, TASTE: 0.5} if TASTE in names else plain
    return [usual, taste_only]


@dataclass(frozen=True, eq=False)
class _Asked:
    """The validation shoppers: what they took, and what was held out.

    Parameters
    ----------
    taken
        Of all shoppers, ``(u, n)`` CSR.
    histories, held_out
        ``(b, n)`` CSR.
    """

    taken: Any
    histories: Any
    held_out: Any

    @classmethod
    def of(cls, train: Interactions, held_out: Interactions, cap: int) -> _Asked:
        everything = signals(train)
        wanted = signals(held_out)
        rows = np.flatnonzero((np.diff(wanted.indptr) > 0) & (np.diff(everything.indptr) > 0))
        if not len(rows):
            raise UsageError("no shopper of the validation part is in the training part.", fix="Split otherwise.")
        return cls(signals(newest(train, cap)), everything[rows], wanted[rows])

    @property
    def count(self) -> int:
        return int(self.histories.shape[0])

    def few(self) -> _Asked:
        """So few of them, evenly taken, that walking to everybody who took the same items ends soon."""
        reached = np.asarray(self.taken.T @ degrees(self.taken, 1)).ravel()  # (n,) events of those who took an item
        step = max(1, math.ceil(float((self.histories @ reached).sum()) / _WALKS))
        return _Asked(self.taken, self.histories[::step], self.held_out[::step])

    def blocks(self) -> Iterator[_Asked]:
        """So few shoppers at a time that all their scores fit."""
        for begin in range(0, self.count, _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            yield _Asked(self.taken, self.histories[part], self.held_out[part])

    def pool(self, score: Callable[[Any], Mapping[str, Any]], usual: Mapping[str, float], k: int, *depth: int) -> Pool:
        """A pool of everybody; ``score`` maps histories ``(b, n)`` to what each term scores."""
        return Pool.joined([Pool.of(score(each.histories), each, usual, k, *depth) for each in self.blocks()])


# ---- exponents


def _exponents(asked: _Asked, k: int) -> tuple[dict[str, float], float, int]:
    """The exponents with which co-occurrence alone does best, one after another; no graph is made for it."""
    asked = asked.few()
    chosen = {name: values[0] for name, values in EXPONENTS.items()}
    known: dict[tuple[float, ...], float] = {}
    for name, values in (*EXPONENTS.items(), *EXPONENTS.items()):  # once more: each depends on the others
        for value in values:
            setting = {**chosen, name: value}
            key = tuple(setting.values())
            if key not in known:
                known[key] = _alone(asked, k, **setting)
            if known[key] > known[tuple(chosen.values())]:
                chosen = setting
    return chosen, known[tuple(chosen.values())], len(known)


def _alone(asked: _Asked, k: int, *, users: float, seen: float, found: float) -> float:
    """How well co-occurrence with these exponents does alone."""
    own, sizes = degrees(asked.taken, 0), degrees(asked.taken, 1)
    half = scaled_by(asked.taken, powers(sizes, -users), np.ones(len(own)))
    right = scaled_by(half, np.ones(len(sizes)), powers(own, -found))
    left = scaled_by(asked.taken, np.ones(len(sizes)), powers(own, -seen)).T.tocsr()
    pool = asked.pool(lambda histories: {TOGETHER: histories @ left @ right}, {TOGETHER: 1.0}, k, k, k)
    return pool.goal(pool.blended({TOGETHER: 1.0}))


def _mix(asked: _Asked, graph: Any, by_modality: Mapping[str, Any], k: int) -> tuple[dict[str, float] | None, int]:
    """The share of each modality with which it helps co-occurrence most; None for fewer than two."""
    if len(by_modality) < 2:
        return None, 0
    graphs = {TOGETHER: graph, **by_modality}
    usual = {TOGETHER: 1.0, **{name: USUAL[LIKE] / len(by_modality) for name in by_modality}}
    pool = asked.pool(lambda taken: {name: taken @ each for name, each in graphs.items()}, usual, k)
    weights, _, tried = climbed(pool, [usual])
    return {name: round(share, 4) for name, share in shares(by_modality, weights).items()}, tried


# ---- weights


@dataclass(frozen=True, eq=False)
class Pool:
    """What terms score the items that any of them has among its best, for some shoppers.

    Parameters
    ----------
    names
        The terms, ``(t,)``.
    scores
        ``(t, b, c)`` float32.
    empty
        ``(b, c)`` float32: 0, and hugely negative where there is no item.
    relevant
        ``(b, c)`` bool: whether the item was held out.
    counts
        ``(b,)`` how many items were held out of each shopper, in the pool or not.
    k
        How many are recommended.
    """

    names: tuple[str, ...]
    scores: NDArray[np.float32]
    empty: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    counts: NDArray[np.int64]
    k: int

    @classmethod
    def of(
        cls,
        terms: Mapping[str, Any],
        asked: Any,
        usual: Mapping[str, float],
        k: int,
        each: int = _BEST,
        blend: int = _FIRST,
    ) -> Pool:
        """From scores ``(b, n)`` by term; what a shopper has taken is left out."""
        n = asked.histories.shape[1]
        unseen = {name: without(scores, asked.histories) for name, scores in terms.items()}
        mixed = sum(np.float32(usual.get(name, 0.0)) * scores for name, scores in unseen.items()).tocsr()
        picks = [_picked(scores, each) for scores in unseen.values()] if len(unseen) > 1 else []
        codes = np.unique(np.concatenate([*picks, _picked(mixed, blend)]))
        rows = codes // n
        sizes = np.bincount(rows, minlength=asked.count)
        slots = np.arange(len(codes)) - (np.cumsum(sizes) - sizes)[rows]
        shape = (asked.count, max(k, int(sizes.max(initial=0))))
        scores = np.zeros((len(unseen), *shape), dtype=np.float32)
        for place, found in enumerate(unseen.values()):
            scores[place][rows, slots] = _at(found, codes)
        empty = np.full(shape, _NOTHING, dtype=np.float32)
        empty[rows, slots] = 0
        relevant = np.zeros(shape, dtype=np.bool_)
        relevant[rows, slots] = _at(asked.held_out, codes) > 0
        return cls(tuple(unseen), scores, empty, relevant, np.diff(asked.held_out.indptr).astype(np.int64), k)

    @classmethod
    def joined(cls, parts: Sequence[Pool]) -> Pool:
        """One pool under another."""
        width = max(part.empty.shape[1] for part in parts)

        def wide(array: NDArray[Any], filled: Any) -> NDArray[Any]:
            more = [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])]
            return np.pad(array, more, constant_values=filled)

        return cls(
            parts[0].names,
            np.concatenate([wide(part.scores, 0) for part in parts], axis=1),
            np.concatenate([wide(part.empty, _NOTHING) for part in parts]),
            np.concatenate([wide(part.relevant, False) for part in parts]),
            np.concatenate([part.counts for part in parts]),
            parts[0].k,
        )

    def blended(self, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """The weighted sum of the terms, ``(b, c)``."""
        found = self.empty.copy()
        for place, name in enumerate(self.names):
            if weights.get(name):
                found += np.float32(weights[name]) * self.scores[place]
        return found

    def metrics(self, blend: NDArray[np.float32]) -> dict[str, float]:
        """Mean recall@k and NDCG@k of a blend ``(b, c)``."""
        best = np.argpartition(-blend, self.k - 1, axis=1)[:, : self.k]
        order = np.argsort(-np.take_along_axis(blend, best, axis=1), axis=1, kind="stable")
        hits = np.take_along_axis(self.relevant, np.take_along_axis(best, order, axis=1), axis=1)
        discount = 1 / np.log2(np.arange(2, self.k + 2))
        ideal = np.cumsum(discount)[np.minimum(self.counts, self.k) - 1]
        recall, ndcg = hits.sum(axis=1) / self.counts, hits @ discount / ideal
        return {f"recall@{self.k}": float(recall.mean()), f"ndcg@{self.k}": float(ndcg.mean())}

    def goal(self, blend: NDArray[np.float32]) -> float:
        """What is maximised: recall@k plus twice NDCG@k."""
        found = self.metrics(blend)
        return found[f"recall@{self.k}"] + 2 * found[f"ndcg@{self.k}"]


def climbed(pool: Pool, starts: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float], int]:
    """The best weights that coordinate ascent finds from any of these, their metrics, and how many were tried.

    The first term keeps its weight: only ratios matter.
    """
    found = [_ascent(pool, dict(start)) for start in starts]
    _, weights = max((each[:2] for each in found), key=lambda each: each[0])
    rounded = {name: round(weight, 4) for name, weight in weights.items()}
    return rounded, pool.metrics(pool.blended(rounded)), sum(each[2] for each in found)


def _ascent(pool: Pool, weights: dict[str, float]) -> tuple[float, dict[str, float], int]:
    reached, tried = pool.goal(pool.blended(weights)), 1
    for _ in range(_ROUNDS):
        before = reached
        for place, name in enumerate(pool.names[1:], start=1):
            own, rest = weights[name], pool.blended({**weights, name: 0.0})
            values = [step * (own or _FROM) for step in _STEPS if own or step]
            goals = [pool.goal(rest + np.float32(value) * pool.scores[place]) for value in values]
            tried += len(values)
            if max(goals) > reached + 1e-6:
                reached, weights = max(goals), {**weights, name: values[int(np.argmax(goals))]}
        if reached - before < 1e-4:
            break
    return reached, weights, tried


def without(scores: Any, taken: Any) -> Any:
    """Scores ``(b, n)`` CSR without the entries of another matrix."""
    found = scores.tocsr()
    own = type(found)((np.ones(taken.nnz, np.float32), taken.indices, taken.indptr), shape=taken.shape)
    found = found - found.multiply(own)
    found.eliminate_zeros()
    return found.tocsr()


def _codes(matrix: Any) -> NDArray[np.int64]:
    """Row times columns plus column of every entry of a CSR matrix."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    codes: NDArray[np.int64] = rows * matrix.shape[1] + matrix.indices
    return codes


def _picked(scores: Any, k: int) -> NDArray[np.int64]:
    """Codes of the ``k`` largest entries of every row."""
    from goodsense.recommend.pruning import strongest

    return _codes(strongest(scores, k))


def _at(matrix: Any, codes: NDArray[np.int64]) -> NDArray[np.float32]:
    """The entries of a CSR matrix at some codes, 0 where there is none."""
    matrix.sort_indices()
    known = _codes(matrix)
    if not len(known):
        return np.zeros(len(codes), dtype=np.float32)
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[places] == codes, matrix.data[places], 0).astype(np.float32)
