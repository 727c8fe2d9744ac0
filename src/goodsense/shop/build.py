"""The build pipeline: from the truth to an immutable directory that can be searched.

Read the catalog as of one ``seq`` -> encode what is not cached -> join words, pictures, sounds and clips -> assemble
blocks, postings and columns -> calibrate, tune, let the gate decide -> fill the engine -> publish by atomic rename.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goodsense.encoders.hub import allow_downloads
from goodsense.errors import DataError
from goodsense.fusion.joint import JOINT
from goodsense.index import QdrantEdgeIndex
from goodsense.progress import Progress, silent
from goodsense.search.calibration import Calibration
from goodsense.search.columns import Columns
from goodsense.search.lexical import Lexical, LexicalSettings
from goodsense.search.snapshot import Block, Snapshot
from goodsense.shop.artefacts import clear_drafts, current_build
from goodsense.shop.encoding import EncodedBlock, encode_blocks, tokenizer_of
from goodsense.shop.evidence import calibrate, gather_evidence, typical_best
from goodsense.shop.generations import Generation, Generations, Role, building, place_build, publish_build
from goodsense.shop.joining import chosen_fusion, join_blocks
from goodsense.shop.listing import Listing, read_listing
from goodsense.shop.old_vectors import OldVectors
from goodsense.shop.recipe import Recipe
from goodsense.shop.recommending.making import make_recommender
from goodsense.shop.scratch import Scratch
from goodsense.shop.shifts import query_shifts
from goodsense.shop.truth import Truth
from goodsense.shop.tuning import Verdict, balanced, learn_confidence, tune, tune_asides, tune_parts
from goodsense.text import Tokenizer

EXACT_BELOW = 20_000  # products; a smaller shop needs no engine


@dataclass
class BuildReport:
    """What a build did; ``notes`` are worth reading."""

    build: str
    products: int = 0
    modalities: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    engine: str = ""
    seq: int = 0
    verdict: dict[str, Any] = field(default_factory=dict)
    recommender: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def build(
    shop: Path,
    recipe: Recipe,
    *,
    refit: bool = False,
    download: bool = False,
    workers: int = 2,
    role: Role = "live",
    recipe_file: str = "",
    carry: int = 0,
    progress: Progress = silent,
) -> BuildReport:
    """Build a shop. What is cached is not encoded again; what was killed goes on where it stopped.

    Models of the hub that the recipe names must be here, unless ``download`` allows to fetch them. With another
    ``role`` than ``live`` what serves stays, and the build is put beside it, with the text of its ``recipe_file``.
    With ``carry``, it encodes so many inputs of each block anew and carries others from what serves, if that is good.

    Raises
    ------
    StorageError
        If another build of this shop is running.
    DataError
        If the shop has no products.
    """
    with building(shop):
        clear_drafts(shop)
        with Truth.open(shop) as truth, Scratch.of(shop) as scratch, allow_downloads(download):
            builder = _Builder(shop, recipe, truth, workers, progress, scratch, role, recipe_file, carry)
            return builder.run(refit=refit)


class _Builder:
    """One run of the pipeline; holds what every stage needs."""

    def __init__(
        self,
        shop: Path,
        recipe: Recipe,
        truth: Truth,
        workers: int,
        progress: Progress,
        scratch: Scratch,
        role: Role,
        recipe_file: str,
        carry: int,
    ) -> None:
        self.shop, self.recipe, self.truth, self.workers, self.progress = shop, recipe, truth, workers, progress
        self.scratch, self.role, self.recipe_file, self.carry = scratch, role, recipe_file, carry
        self.started = self.stage_started = time.perf_counter()
        self.report = BuildReport(build="")

    def run(self, *, refit: bool) -> BuildReport:
        standing = None if refit else self._standing()
        if standing is not None:
            return self._unchanged(standing)
        chosen_fusion(self.recipe.fusion)  # what is wrong with it should not be told after an hour of encoding
        tokenizer = tokenizer_of(self.recipe)
        listing, seq = read_listing(
            self.truth, group_of=lambda title: group_key(tokenizer, title), progress=self.progress
        )
        if not len(listing):
            raise DataError(f"{self.shop} has no products.", fix=f"Put a feed in: goodsense ingest {self.shop} FEED")
        self._lap("read")
        blocks = encode_blocks(
            self.shop,
            self.recipe,
            listing,
            scratch=self.scratch,
            refit=refit,
            workers=self.workers,
            old=OldVectors.of_live(self.shop, anew=self.carry, seed=self.recipe.seed) if self.carry else None,
            progress=self.progress,
        )
        self._lap("encode")
        blocks = self._join(listing, blocks, refit=refit)
        self._lap("join")
        snapshot = self._assemble(listing, blocks, tokenizer)
        self._lap("assemble")
        snapshot, verdict = self._tune(snapshot, blocks, listing)
        self._lap("tune")
        return self._publish(snapshot, blocks, listing, seq, verdict)

    # ---- stages

    def _join(self, listing: Listing, blocks: dict[str, EncodedBlock], *, refit: bool) -> dict[str, EncodedBlock]:
        joint, reason = join_blocks(
            self.shop,
            self.recipe,
            listing,
            blocks,
            scratch=self.scratch,
            truth=self.truth,
            refit=refit,
            progress=self.progress,
        )
        self.report.notes += [f"{JOINT}: {reason}"] if reason else []
        return blocks if joint is None else {**blocks, JOINT: joint}

    def _assemble(self, listing: Listing, blocks: Mapping[str, EncodedBlock], tokenizer: Tokenizer) -> Snapshot:
        distance = self.recipe.index.distance
        weights = {name: weight for name, weight in self.recipe.lexical.fields.items() if weight > 0}
        documents = []
        for row, text in enumerate(listing.texts):
            documents.append({name: tokenizer.tokens(text[name]) for name in weights if name in text})
            if row % 2_000 == 0:
                self.progress("words", row, len(listing))
        words = self.recipe.lexical
        settings = LexicalSettings(k1=words.k1, b=words.b, field_weights=weights, pairs=words.pairs)
        self.progress("words", len(listing), len(listing))
        return Snapshot(
            ids=listing.ids,
            titles=listing.titles,
            blocks={
                # pooled vectors are of unit length or zero, so they are prepared for every distance
                name: Block(block.vectors, block.present, distance, sources=block.sources)
                for name, block in blocks.items()
            },
            columns=Columns.from_fields(listing.columns(), len(listing)),
            calibration=Calibration({}),
            tokenizer=tokenizer,
            lexical=Lexical.build(documents, settings),
            base_rows=len(listing),
            _row_of={id: row for row, id in enumerate(listing.ids)},
        )

    def _tune(
        self, snapshot: Snapshot, blocks: Mapping[str, EncodedBlock], listing: Listing
    ) -> tuple[Snapshot, Verdict]:
        self.progress("calibrate and tune", 0, None)
        seed = self.recipe.seed
        queries, qrels = self.truth.judged_queries()
        snapshot = replace(snapshot, calibration=calibrate(snapshot, blocks, listing, seed=seed))
        encoders = {name: block.encoder for name, block in blocks.items()}
        shifts = query_shifts(snapshot, encoders, queries, seed=seed)
        snapshot = replace(snapshot, calibration=replace(snapshot.calibration, shifts=shifts))
        self.report.notes += [f"{name}: what all {kind} queries have in common is left out" for kind, name in shifts]
        evidence = gather_evidence(snapshot, blocks, listing, (queries, qrels), seed=seed)
        calibration, given = snapshot.calibration, self.recipe.fusion.weights
        if given == "tuned":
            calibration, verdict = tune(
                calibration,
                evidence.queries,
                source=evidence.source,
                gate=self.recipe.fusion.gate,
                seed=seed,
                pretrained=[name for name, encoder in encoders.items() if getattr(encoder, "pretrained", False)],
            )
            calibration = tune_asides(calibration, evidence.queries)
        else:
            for kind in {kind for kind, _ in calibration.maps}:
                calibration = calibration.reweighted(kind, given)
            verdict = Verdict(True, "weights given by the recipe", "recipe", weights=dict(given))
        if JOINT in blocks and not calibration.reaches("text", JOINT):
            self.report.notes.append(f"{JOINT}: words do without it; no validation query is answered better with it")
        snapshot = replace(snapshot, calibration=calibration)
        calibration = balanced(calibration, typical_best(snapshot, blocks, listing, seed=seed))
        if given == "tuned":
            calibration = tune_parts(calibration, evidence.queries)
        return replace(snapshot, calibration=learn_confidence(calibration, evidence.queries)), verdict

    def _publish(
        self,
        snapshot: Snapshot,
        blocks: Mapping[str, EncodedBlock],
        listing: Listing,
        seq: int,
        verdict: Verdict,
    ) -> BuildReport:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{seq}"
        draft = self.shop / "builds" / f".{name}"
        draft.mkdir(parents=True)
        engine = self._engine_name(len(listing))
        encoders = {modality: _described(block) for modality, block in blocks.items()}
        prior = listing.rating_prior.to_json() if listing.rating_prior is not None else None
        meta = {"seq": seq, "engine": engine, "encoders": encoders, "verdict": verdict.to_json(), "reviews": prior}
        if carried := {modality: block.report.carried for modality, block in blocks.items() if block.report.carried}:
            meta["carried"] = carried
        snapshot = replace(snapshot, meta=meta)
        snapshot.save(draft)
        (draft / "recipe.toml").write_text(self.recipe.to_toml(), "utf-8")
        self._lap("write")
        self._make_recommender(snapshot, draft)
        self._lap("recommend")
        if engine == "qdrant-edge":
            self.progress("fill engine", 0, None)
            QdrantEdgeIndex.create(draft / "engine", snapshot.index_rows(), distance=self.recipe.index.distance).close()
        self._lap("engine")
        publish_build(self.shop, draft, name, seq=seq, role=self.role, recipe=self.recipe_file)
        self._lap("publish")
        return self._reported(name, blocks, listing, seq, verdict, engine)

    def _make_recommender(self, snapshot: Snapshot, draft: Path) -> None:
        made = make_recommender(
            self.truth, snapshot, self.recipe.recommend, draft, seed=self.recipe.seed, progress=self.progress
        )
        self.report.recommender = made.to_json()
        self.report.notes += [f"recommender: {made.note}", *made.notes]

    # ---- reporting

    def _reported(
        self,
        name: str,
        blocks: Mapping[str, EncodedBlock],
        listing: Listing,
        seq: int,
        verdict: Verdict,
        engine: str,
    ) -> BuildReport:
        report = self.report
        report.build, report.products, report.seq, report.engine = name, len(listing), seq, engine
        report.modalities = {modality: block.report.to_json() for modality, block in blocks.items()}
        report.verdict = verdict.to_json()
        for modality, block in blocks.items():
            if block.report.note:
                report.notes.append(f"{modality}: {block.report.note}")
            if block.report.broken:
                where = self._list_broken(block, listing)
                report.notes.append(f"{modality}: {block.report.broken} files could not be decoded; see {where}")
        for modality, missing in sorted(listing.not_fetched.items()):
            report.notes.append(f"{modality}: {missing} files are named but not fetched or not there")
        report.seconds = round(time.perf_counter() - self.started, 3)
        return report

    def _list_broken(self, block: EncodedBlock, listing: Listing) -> Path:
        """Write down which files are broken and why; returns where."""
        path = self.shop / "reports" / f"broken-{block.modality}.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for row, spots in enumerate(block.spans):
                for hash in (block.hashes[spot] for spot in spots):
                    if hash in block.broken:
                        line = {"product": listing.ids[row], "sha256": hash, "reason": block.broken[hash]}
                        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return path

    def _standing(self) -> Path | None:
        """A build that is what this one would be."""
        if self.role == "live":
            live = current_build(self.shop)
            return live if live is not None and self._up_to_date(live) else None
        state = Generations.read(self.shop)
        for kept in (state.beside, state.against, state.previous):
            path = self.shop / "builds" / kept.build if kept is not None else None
            if path is not None and path.is_dir() and self._up_to_date(path):
                place_build(self.shop, Generation(path.name, self.truth.seq, self.recipe_file), self.role)
                return path
        return None

    def _up_to_date(self, build: Path) -> bool:
        snapshot_meta = Snapshot.open(build).meta
        return (
            snapshot_meta["seq"] == self.truth.seq
            and (bool(self.carry) or "carried" not in snapshot_meta)
            and (build / "recipe.toml").read_text("utf-8") == self.recipe.to_toml()
        )

    def _unchanged(self, live: Path) -> BuildReport:
        snapshot = Snapshot.open(live)
        self.report.build, self.report.products = live.name, len(snapshot)
        self.report.seq, self.report.engine = snapshot.meta["seq"], snapshot.meta["engine"]
        self.report.verdict = snapshot.meta["verdict"]
        for modality, block in snapshot.blocks.items():
            present = int(block.present.sum())
            self.report.modalities[modality] = {"present": present, "encoded": 0, "cached": present, "seconds": 0.0}
        self.report.notes.append(f"nothing changed since the {'live' if self.role == 'live' else 'same'} build")
        self.report.seconds = round(time.perf_counter() - self.started, 3)
        return self.report

    def _engine_name(self, products: int) -> str:
        asked = self.recipe.index.engine
        if asked != "auto":
            return asked
        return "exact" if products < EXACT_BELOW else "qdrant-edge"

    def _lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.report.stages[stage] = round(now - self.stage_started, 3)
        self.stage_started = now


def _described(block: EncodedBlock) -> dict[str, Any]:
    """What opens the block's encoder again."""
    found: dict[str, Any] = {"name": block.name, "fingerprint": block.encoder.fingerprint}
    return {**found, "members": list(block.members)} if block.members else found


def group_key(tokenizer: Tokenizer, title: str) -> str:
    """Products with the same words in their titles are duplicates of one another."""
    return " ".join(sorted(tokenizer.tokens(title)))
