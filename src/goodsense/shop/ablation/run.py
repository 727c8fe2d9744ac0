"""The ablation of a shop: one goal after the other, from what is held out to what it is worth."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.evaluate.ablation import Ablation, ablate
from goodsense.evaluate.cases import Case, ranking_values
from goodsense.evaluate.controls import Control, control
from goodsense.evaluate.robustness import Measure, Robustness, missing_modalities
from goodsense.learning.lesson import Lesson
from goodsense.learning.pairs import Pairs
from goodsense.progress import Progress, silent
from goodsense.shop.ablation.asked import judged, next_item, shoppers_steps
from goodsense.shop.ablation.goals import Blocks, Fuse, Goal, by_cosine, enough, other_modality, same_label, sampled
from goodsense.shop.ablation.held import PARTS, Held, everywhere
from goodsense.shop.ablation.plan import Measured, Plan, ShopAblation
from goodsense.shop.ablation.rivals import QUICK, Bench, Entry, Field, Names, entries_for
from goodsense.shop.ablation.trials import CUTS, classification, retrieval
from goodsense.shop.blind import blind_blocks, honest_modalities

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

MOST_TRAIN = 20_000  # products that fusions learn from
METRIC = "ndcg@10"
METRICS = (METRIC, "mrr@10", "recall@1", "recall@10")  # looked at with modalities missing


def ablate_shop(shop: Shop, plan: Plan, *, progress: Progress = silent) -> ShopAblation:
    """Compare every modality, subset and fusion of a built shop on what was held out.

    Fusions learn from training products, winners are chosen on validation queries, test figures are computed once.

    Raises
    ------
    UsageError
        If the shop was not built, or a field or modality is unknown.
    DataError
        If there are fewer than two modalities, or too little can be held out to measure anything.
    """
    started = time.perf_counter()
    notes: list[str] = []
    progress("read catalog", 0, None)
    held = Held.of(shop, plan.modalities, notes)
    work = _Work(shop, plan, held, progress, notes)
    found = tuple(work.goals())
    if not found:
        raise DataError(
            f"nothing could be measured: {'; '.join(notes) or 'no goal was left'}.",
            fix="Add products, give them a split (train, val, test), or store judged queries (goodsense judge).",
        )
    counts = {part: list(held.parts).count(part) for part in PARTS}
    seconds = round(time.perf_counter() - started, 3)
    return ShopAblation(found, tuple(held.blocks), counts, tuple(dict.fromkeys(notes)), seconds)


@dataclass
class _Work:
    """What all goals share."""

    shop: Shop
    plan: Plan
    held: Held
    progress: Progress
    notes: list[str]
    _controlled: bool = field(default=False, init=False)

    def goals(self) -> Iterator[Measured]:
        """Every goal that is wanted and has the data."""
        if self.plan.wants("judged"):
            yield from self._judged()
        if self.plan.wants("label") or self.plan.wants("classify"):
            yield from self._labelled()
        if self.plan.wants("next"):
            yield from self._next()
        if self.plan.wants("other"):
            yield from self._other()

    # ---- one goal each

    def _judged(self) -> Iterator[Measured]:
        words = judged(self.shop, self.held.blocks, seed=self.plan.seed)
        if words.unreadable:
            self.notes.append(f"{words.unreadable} judged queries cannot be encoded any more")
        if self._enough(words.goal):
            self.notes.append("the search as built may have been tuned on the judged queries that it is tested on")
            bench = self._bench(self.held.blocks, self.held.parts, self.held.groups)
            found = retrieval(bench, words.goal, self._entries(), metric=METRIC, words=words)
            yield self._measured(words.goal, bench, found)

    def _labelled(self) -> Iterator[Measured]:
        """Products of the same label, and labels told, both by blocks that were not told them."""
        chosen = self.held.labels(self.plan.label)
        if chosen is None:
            self.notes.append("no label is looked for: no field has values that several products share")
            return
        name, labels = chosen
        rows = [row for row, product in enumerate(self.held.products) if product.id in labels]
        parts = [self.held.parts[row] for row in rows]
        values = [labels[self.held.products[row].id] for row in rows]
        blocks = self._blind(name, labels, rows, parts) if set(parts) == set(PARTS) else {}
        if len(blocks) < 2:
            self.notes.append(f"no {name} is looked for: fewer than two modalities are left where it is hidden")
            return
        groups = [self.held.groups[row] for row in rows]
        bench = self._bench(blocks, parts, groups)
        codes = np.unique(np.array(values, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
        bench.lesson, bench.target = Lesson(bench.lesson.groups, {name: codes[bench.train]}), name
        goal = same_label(name, blocks, parts, values, groups, seed=self.plan.seed)
        if self.plan.wants("label") and self._enough(goal):
            yield self._measured(goal, bench, retrieval(bench, goal, self._entries(), metric=METRIC))
        if self.plan.wants("classify"):
            yield self._classified(name, bench, parts, values)

    def _blind(self, name: str, labels: dict[str, str], rows: Sequence[int], parts: Sequence[str]) -> Blocks:
        """Blocks of these rows that were not told the label."""
        honest = honest_modalities(self.shop, self.plan.modalities, held_out=self.held.split_given)
        told = [modality for modality in self.held.blocks if modality not in honest]
        self.notes += [f"{modality} does not look for {name}: its encoder learned from labels" for modality in told]
        found = blind_blocks(
            self.shop,
            [self.held.products[row] for row in rows],
            name,
            labels,
            train=[place for place, part in enumerate(parts) if part == "train"],
            modalities=[modality for modality in self.held.blocks if modality in honest],
            mask=self.plan.mask,
            seed=self.plan.seed,
            progress=self.progress,
        )
        return everywhere(found, parts, self.notes)

    def _classified(self, name: str, bench: Bench, parts: Sequence[str], values: Sequence[str]) -> Measured:
        scores: dict[str, float] = {}
        found = classification(bench, parts, values, self._entries(), scores)
        ablation = self._ablated(found.cases, "accuracy")
        more = {case: {"macro_f1": score} for case, score in scores.items()}
        return Measured(
            f"tell {name}", f"the {name} of a product, told from its vector", ablation, found.reference, more=more
        )

    def _next(self) -> Iterator[Measured]:
        known = {product.id: row for row, product in enumerate(self.held.products)}
        steps, given = shoppers_steps(self.shop, known)
        blocks = {name: block for name, block in self.held.blocks.items() if given or name != "behaviour"}
        goal = next_item(blocks, {"validation": steps["val"], "test": steps["test"]}, seed=self.plan.seed)
        if len(blocks) < 2 or not self._enough(goal):
            return
        if len(blocks) < len(self.held.blocks):
            self.notes.append("behaviour does not look for the next item: it was learned from these very events")
        bench = self._bench(blocks, self.held.parts, self.held.groups)
        place = {row: at for at, row in enumerate(bench.train.tolist())}
        seen = [(place[one], place[other]) for one, other in steps["train"] if one in place and other in place]
        pairs = Pairs.of(seen, np.ones(len(seen)))
        bench.lesson, bench.target = pairs.lesson(bench.lesson.groups), "pairs" if len(pairs) else None
        yield self._measured(goal, bench, retrieval(bench, goal, self._entries(), metric=METRIC))

    def _other(self) -> Iterator[Measured]:
        goal = other_modality(self.held.blocks, self.held.parts, self.held.groups, seed=self.plan.seed)
        if self._enough(goal):
            bench = self._bench(self.held.blocks, self.held.parts, self.held.groups)
            yield self._measured(goal, bench, retrieval(bench, goal, self._entries(), metric=METRIC))

    # ---- what they share

    def _bench(self, blocks: Blocks, parts: Sequence[str], groups: Sequence[str]) -> Bench:
        train = sampled([row for row, part in enumerate(parts) if part == "train"], MOST_TRAIN, self.plan.seed)
        names = np.array([groups[row] for row in train.tolist()], dtype=np.str_)
        lesson = Lesson(np.unique(names, return_inverse=True)[1].astype(np.int64))
        return Bench(
            blocks,
            train,
            lesson,
            seed=self.plan.seed,
            progress=self.progress,
            effort=self.plan.effort,
            notes=self.notes,
        )

    def _entries(self) -> tuple[Entry, ...]:
        weights = self.shop.built_recipe.fusion.weights
        return entries_for(self.plan.effort, weights if isinstance(weights, dict) else None)

    def _enough(self, goal: Goal) -> bool:
        if enough(goal):
            return True
        counts = " and ".join(f"{len(task.queries)} {split}" for split, task in goal.tasks.items())
        there = any(task.queries for task in goal.tasks.values())
        why = f"{counts} queries are too few" if there else "the shop has nothing to ask"
        self.notes.append(f"{goal.name}: not measured, {why}")
        return False

    def _ablated(self, cases: Sequence[Case], metric: str) -> Ablation:
        return ablate(cases, metric=metric, level=self.plan.level, seed=self.plan.seed)

    def _measured(self, goal: Goal, bench: Bench, found: Field) -> Measured:
        ablation = self._ablated(found.cases, METRIC)
        fused = _most_fused(ablation, found)
        missing = _with_missing(bench, goal, *found.fusions[fused]) if self.plan.missing and fused else None
        checked = None
        if not (goal.crossing or self._controlled):
            checked, self._controlled = _control(bench, goal, ablation), True
        return Measured(
            goal.name,
            goal.what,
            ablation,
            found.reference,
            missing=missing,
            fused=fused if missing else "",
            control=checked,
            more=_by_side(goal, found),
        )


def _most_fused(ablation: Ablation, found: Field) -> str:
    """What is used, if that fuses modalities; else what does best on validation of all that does."""
    if ablation.winner in found.fusions:
        return ablation.winner
    return max(found.fusions, key=lambda name: ablation[name].validation[ablation.metric], default="")


def _with_missing(bench: Bench, goal: Goal, entry: Entry, names: Names) -> Robustness:
    """The goal again with each modality removed, beside a fusion that never had it, and with many missing."""

    def measure(fuse: Fuse, only: Names) -> Measure:
        def measured(blocks: Blocks) -> dict[str, NDArray[np.float64]]:
            kept = {name: blocks[name] for name in only}
            values = ranking_values(goal.scores("test", kept, by_cosine(fuse)), goal.tasks["test"], cuts=CUTS)
            return {metric: values[metric] for metric in METRICS}

        return measured

    whole = bench.fuse(entry, names)
    assert whole is not None
    retrained: dict[str, Measure] = {}
    for name in names:
        bench.progress("fuse with one modality less", len(retrained), len(names))
        rest = tuple(other for other in names if other != name)
        if (fuse := bench.fuse(entry, rest)) is not None:
            retrained[name] = measure(fuse, rest)
    bench.progress("fuse with one modality less", len(names), len(names))
    return missing_modalities(
        measure(whole, names), bench.only(names), retrained=retrained, samples=2_000, seed=bench.seed
    )


def _control(bench: Bench, goal: Goal, ablation: Ablation) -> Control:
    """The goal again with the second best modality made noise and the best one there twice."""
    singles = [row for row in ablation.rows if row.kind == "single"]
    best, second = sorted(singles, key=lambda row: (-row.validation[ablation.metric], row.name))[:2]

    def make(blocks: Blocks) -> Sequence[Case]:
        changed = Bench(blocks, bench.train, bench.lesson, bench.target, bench.seed, bench.progress, "quick")
        return retrieval(changed, goal, QUICK, metric=ablation.metric).cases

    return control(
        bench.blocks,
        make,
        noise=second.name,
        duplicate=best.name,
        metric=ablation.metric,
        level=ablation.level,
        seed=bench.seed,
    )


def _by_side(goal: Goal, found: Field) -> dict[str, dict[str, float]]:
    """The metric by what was asked with, where that differs."""
    sides = goal.sides["test"]
    if len(sides) < 2:
        return {}
    ends = np.cumsum([len(side.ids) for side in sides])[:-1]

    def told(case: Case) -> dict[str, float]:
        parts = np.split(np.asarray(case.values("test")[METRIC]), ends)
        return {f"{METRIC} by {side.name}": float(part.mean()) for side, part in zip(sides, parts, strict=True)}

    return {case.name: told(case) for case in found.cases}
