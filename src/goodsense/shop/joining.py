"""The joint block of a build: words, pictures, sounds and clips in one space, learned on the shop's own products.

The fusion is fitted once on products of the train split that have two of these, and frozen, as encoders are; a
product's vector is made of the blocks that it has, whichever these are.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, missing_extra
from goodsense.fusion.base import FittedFusion
from goodsense.fusion.crossing import crossing
from goodsense.fusion.joint import JOINT, MEETING, JointEncoder, rows_of
from goodsense.fusion.plain import open_fusion
from goodsense.fusion.recipes import needs_torch
from goodsense.fusion.registry import make_fusion
from goodsense.learning.checkpoints import kept_in
from goodsense.learning.lesson import Lesson
from goodsense.learning.networks import EXTRA
from goodsense.progress import Progress
from goodsense.shop.artefacts import last_fitted, model_home, save_encoder, settings_key
from goodsense.shop.belonging import Records
from goodsense.shop.encoding import BlockReport, EncodedBlock
from goodsense.shop.lessons import Exam, Teaching
from goodsense.shop.listing import Listing, joint_hash
from goodsense.shop.recipe import FusionTable, Recipe
from goodsense.shop.scratch import Scratch
from goodsense.shop.stage import GROWTH
from goodsense.shop.truth import Truth
from goodsense.types import Embeddings, Encoder, Mask, Vectors

ENOUGH = 200  # products with two modalities, to learn how they meet
MOST = 100_000  # that a fit learns from, of more a sample
OFF, AUTO = "off", "auto"
TRAINED, CLOSED = "trained", "cca"
ENSEMBLE, OF_ENSEMBLE = "ensemble", {"members": "quick", "dim": 256}  # what `auto` tries beside the closed form
EXAMINED = 2_000  # validation products at most that fusions are compared on
LEAST_EXAMINED = 10
_LESSON = 2  # how a fit is taught: fits of another kind of lesson are made anew
_FUSED = 65_536  # products at once


Choice: TypeAlias = Mapping[str, Mapping[str, Any]]  # fusions with their options: of several the one that searches best


@dataclass(frozen=True, eq=False)
class Trial:
    """A fitted fusion, whether it learned anything, and how well validation products find themselves by it."""

    name: str
    fusion: FittedFusion
    learned: bool
    reason: str
    mrr: float = 0.0


def chosen_fusion(table: FusionTable) -> Choice | None:
    """The fusions to try for the joint block; None where the recipe wants none.

    Raises
    ------
    UsageError
        If there is no such fusion, or it has no such option.
    DependencyError
        If it needs torch, and torch is missing.
    """
    if table.joint == OFF:
        return None
    if table.joint == AUTO:
        options = {**OF_ENSEMBLE, **table.options}
        make_fusion(ENSEMBLE, **options)
        return {ENSEMBLE: options, CLOSED: {}}
    make_fusion(table.joint, **table.options)
    if needs_torch(table.joint, table.options) and find_spec("torch") is None:
        raise missing_extra("torch", EXTRA, needed_for=f"the fusion {table.joint!r}")
    return {table.joint: table.options}


def join_blocks(
    shop: Path,
    recipe: Recipe,
    listing: Listing,
    blocks: Mapping[str, EncodedBlock],
    *,
    scratch: Scratch,
    truth: Truth | None = None,
    refit: bool = False,
    progress: Progress,
) -> tuple[EncodedBlock | None, str]:
    """The joint block, or None and why there is none; the reason is empty where there is nothing to join.

    ``truth`` tells what belongs together beside the modalities of one product (:mod:`goodsense.shop.belonging`).
    """
    choice = chosen_fusion(recipe.fusion)
    members: dict[str, EncodedBlock] = {name: blocks[name] for name in MEETING if name in blocks}
    if choice is None or len(members) < 2:
        return None, ""
    return _Joining(shop, recipe.seed, choice, members, scratch, progress, truth).run(listing, refit=refit)


def open_joint(home: Path, spec: Mapping[str, Any], encoders: Mapping[str, Encoder]) -> JointEncoder:
    """The joint encoder of a build.

    Raises
    ------
    DataError
        If its fusion is gone.
    """
    if not home.is_dir():
        raise DataError(f"the build's fusion {home} is gone.", fix="Build the shop again: goodsense build SHOP --refit")
    return JointEncoder(open_fusion(spec["name"], home), {name: encoders[name] for name in spec["members"]})


def joint_source(sources: Sequence[str]) -> str:
    """One name for what a joint vector is made of: the sources of its members, in their order."""
    return joint_hash(sources) if any(sources) else ""


def fused(joint: JointEncoder, given: Mapping[str, tuple[Vectors, Mask]]) -> tuple[Vectors, Mask]:
    """Joint vectors ``(n, d)`` of rows that have these vectors in the member blocks, and which have one ``(n,)``."""
    found = joint.fuse({name: rows_of(vectors, present) for name, (vectors, present) in given.items()})
    return found.vectors, found.present


@dataclass(frozen=True)
class _Joining:
    """The joint block of one build."""

    shop: Path
    seed: int
    choice: Choice
    members: Mapping[str, EncodedBlock]
    scratch: Scratch
    progress: Progress
    truth: Truth | None = None

    def run(self, listing: Listing, *, refit: bool) -> tuple[EncodedBlock | None, str]:
        started = time.perf_counter()
        found = self._frozen(listing, refit=refit)
        if isinstance(found, str):
            return None, found
        home, facts = found
        if not facts["learned"]:
            return None, facts["reason"]
        encoders = {name: block.encoder for name, block in self.members.items()}
        joint = open_joint(home, {"name": facts["encoder"], "members": facts["members"]}, encoders)
        vectors, present = self._fused(joint, len(listing))
        report = BlockReport(present=int(present.sum()), encoded=int(present.sum()))
        report.note = "; ".join(filter(None, [f"{facts['encoder']} on {facts['rows']} products", facts["reason"]]))
        if facts["taught"]:
            report.note += f"; also learned from {', '.join(facts['taught'])}"
        report.seconds = round(time.perf_counter() - started, 3)
        members = {name: self.members[name] for name in joint.members}
        sources = [joint_source(own) for own in zip(*(block.sources for block in members.values()), strict=True)]
        empty, spans = np.zeros((0, joint.dim), dtype=np.float32), [()] * len(listing)
        name = facts["encoder"]
        block = EncodedBlock(
            JOINT, name, joint, vectors, present, empty, spans, (), sources, report=report, members=members
        )
        return block, ""

    # ---- the fusion: frozen if there is one, else fitted now

    def _frozen(self, listing: Listing, *, refit: bool) -> tuple[Path, dict[str, Any]] | str:
        """Where the fusion lies and what it was fitted on; or why there is none."""
        prints = {name: block.encoder.fingerprint for name, block in self.members.items()}
        key = settings_key(tried=self.choice, members=prints, lesson=_LESSON)
        rows = self._rows(listing)
        last = last_fitted(self.shop, JOINT, key)
        if last is not None and not refit and len(rows) - last[1]["rows"] <= GROWTH * last[1]["rows"]:
            return last
        if len(rows) < ENOUGH:
            return _too_few(len(rows))
        number = 1 + (last[1]["number"] if last else 0)
        try:
            return self._fitted(listing, rows, key, number)
        except DataError as error:
            return error.message

    def _rows(self, listing: Listing, *, split: str = "train") -> NDArray[np.int64]:
        """Rows of a split with two of the blocks."""
        several = np.sum([block.present for block in self.members.values()], axis=0) >= 2
        return np.flatnonzero(several & (np.array(listing.splits) == split)).astype(np.int64)

    def _fitted(self, listing: Listing, rows: NDArray[np.int64], key: str, number: int) -> tuple[Path, dict[str, Any]]:
        picked = rows
        if len(rows) > MOST:
            picked = np.sort(np.random.default_rng(self.seed).choice(rows, MOST, replace=False))
        held = self._rows(listing, split="val")[:EXAMINED]
        records = None if self.truth is None else Records.of(self.truth, listing)
        teaching = Teaching.of(self.members, listing, records, seed=self.seed)
        kinds, gains = self._kinds(teaching, picked, listing, records, held)
        blocks, lesson = teaching.material(picked, kinds)
        sources = [block.sources[row] for block in self.members.values() for row in picked.tolist()]
        unfinished = self.shop / "models" / JOINT / ".training"
        with kept_in(unfinished, key=joint_hash([key, str(self.seed), *kinds, *sources])):
            best = self._best(blocks, lesson, held, teaching.groups[held], listing)
        facts = {
            "encoder": best.name,
            "key": key,
            "rows": len(rows),
            "number": number,
            "members": list(blocks),
            "taught": {kind: len(teaching.lines[kind]) for kind in kinds},
            "gains": {kind: round(gain, 4) for kind, gain in gains.items()},
            "learned": best.learned,
            "reason": best.reason.rstrip("."),
        }
        save_encoder(self.shop, JOINT, best.fusion, facts)
        shutil.rmtree(unfinished, ignore_errors=True)
        return model_home(self.shop, JOINT, best.fusion.fingerprint), facts

    def _kinds(
        self,
        teaching: Teaching,
        rows: NDArray[np.int64],
        listing: Listing,
        records: Records | None,
        held: NDArray[np.int64],
    ) -> tuple[list[str], dict[str, float]]:
        """The kinds of views to learn from, and the gain of each; none where too few products can tell."""
        if len(held) < LEAST_EXAMINED or not teaching.lines:
            return [], {}
        return teaching.helpful(rows, Exam.of(self.members, listing, records, held), seed=self.seed)

    def _best(
        self,
        blocks: Mapping[str, Embeddings],
        lesson: Lesson,
        held: NDArray[np.int64],
        groups: NDArray[np.int64],
        listing: Listing,
    ) -> Trial:
        """Of the fusions to try the one by which validation products search best across modalities.

        Where there are too few of these, it is the first one, by its own account.

        Raises
        ------
        DataError
            If nothing can be learned by any.
        """
        trials: list[Trial] = []
        error = DataError("no fusion was tried.")
        tried = list(self.choice.items())
        for name, options in tried if len(held) >= LEAST_EXAMINED else tried[:1]:
            fusion = make_fusion(name, **options)
            try:
                fusion.fit(blocks, lesson=lesson, seed=self.seed, progress=self.progress)
            except DataError as caught:
                error = caught
                continue
            trials.append(_examined(name, fusion, self._taken(held, listing, names=list(blocks)), groups))
        if not trials:
            raise error
        best = max(trials, key=lambda trial: (trial.learned, trial.mrr))
        beaten = ", ".join(f"{trial.name} {trial.mrr:.3f}" for trial in trials if trial is not best and best.mrr)
        return replace(best, reason=f"{best.reason.rstrip('.')}; {beaten}") if beaten else best

    def _taken(self, rows: NDArray[np.int64], listing: Listing, *, names: Sequence[str] = ()) -> dict[str, Embeddings]:
        """The vectors of these rows in some members; in those that any of them has, if none is named."""
        ids = [listing.ids[row] for row in rows.tolist()]
        return {
            name: Embeddings.of_products(ids, np.array(block.vectors[rows]), block.present[rows])
            for name, block in self.members.items()
            if name in names or (not names and block.present[rows].any())
        }

    # ---- the vectors

    def _fused(self, joint: JointEncoder, count: int) -> tuple[Vectors, Mask]:
        vectors, present = self.scratch.zeros(count, joint.dim), np.zeros(count, dtype=np.bool_)
        for start in range(0, count, _FUSED):
            part = slice(start, min(start + _FUSED, count))
            given = {
                name: (np.array(block.vectors[part]), block.present[part])
                for name, block in self.members.items()
                if name in joint.members
            }
            vectors[part], present[part] = fused(joint, given)
            self.progress("join blocks", part.stop, count)
        return vectors, present


def _examined(name: str, fusion: FittedFusion, held: Mapping[str, Embeddings], groups: NDArray[np.int64]) -> Trial:
    """How well held-out products find themselves from one modality to another; what the fusion says without any."""
    if len(groups) < LEAST_EXAMINED:
        reason = getattr(fusion, "reason", "")
        return Trial(name, fusion, bool(getattr(fusion, "learned", True)), str(reason))
    singles = [fusion.fuse({own: block}).vectors for own, block in held.items()]
    found = crossing(singles, np.stack([block.present for block in held.values()], axis=1), groups)
    figures = (
        f"mean reciprocal rank across single modalities {found.mrr:.3f}, {found.chance:.3f} by chance, on "
        f"{len(groups)} validation products"
    )
    said = "learned" if found.beats_chance else "nothing was learned"
    return Trial(name, fusion, found.beats_chance, f"{said}: {figures}", found.mrr)


def _too_few(found: int) -> str:
    return (
        f"{found} products to learn from have two of {', '.join(MEETING)}; words, pictures, sounds and clips meet in "
        f"one space from {ENOUGH} on, {ENOUGH - found} more"
    )
