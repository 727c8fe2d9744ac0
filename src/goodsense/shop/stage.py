"""Encode one modality: fit once, freeze, and from then on only what is new or changed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import make_encoder, parts_of
from goodsense.encoders.hub import describe_model
from goodsense.encoders.parallel import Broken, FileReader, MediaWorkers
from goodsense.learning.checkpoints import kept_in
from goodsense.media import MediaStore
from goodsense.progress import Progress
from goodsense.shop.artefacts import frozen_encoder, save_encoder, settings_key
from goodsense.shop.encoding import FACTS, BlockReport, EncodedBlock, options_for, pool, tokenizer_of
from goodsense.shop.listing import Listing, joint_hash
from goodsense.shop.old_vectors import OldVectors
from goodsense.shop.recipe import Recipe
from goodsense.shop.scratch import Scratch
from goodsense.shop.vectors import VectorCache
from goodsense.types import Encoder, FittedEncoder, MediaEncoder, Modality, Vectors

CHUNK = 2_000  # inputs per shard of the cache
BATCH = 256  # described media that are projected at once
FIT_FILES: Mapping[str, int] = {"image": 4_000, "audio": 4_000, "video": 1_500}  # that a fit reads, of more a sample
FIT_LABELLED = 20_000  # that a fit with labels reads
GROWTH = 0.25
UNKNOWN = 0.10


@dataclass(frozen=True)
class Stage:
    """One modality of one build."""

    shop: Path
    recipe: Recipe
    modality: Modality
    name: str
    workers: MediaWorkers
    progress: Progress
    scratch: Scratch
    described: dict[str, NDArray[Any]] = field(default_factory=dict)  # what the fit has read and encoding can use
    old: OldVectors | None = None  # that may stand in for new ones

    def run(self, listing: Listing, own: Sequence[tuple[str, ...]], *, refit: bool) -> EncodedBlock:
        """The block, from the cache where it can be; ``own`` are the content hashes of every product's inputs."""
        started = time.perf_counter()
        report = BlockReport()
        encoder = self._encoder(listing, own, report, refit=refit)
        hashes = [hash for product in own for hash in product]
        cache = VectorCache(self.shop / "vectors" / encoder.fingerprint[:32], encoder.dim)
        unique = list(dict.fromkeys(hashes))
        todo = [hash for hash, have in zip(unique, cache.known(unique).tolist(), strict=True) if not have]
        report.cached = len(unique) - len(todo)
        spared = self.old.spared(self.modality, encoder, todo, but=self.described) if self.old is not None else []
        self._encode(encoder, listing, _without(todo, spared), own, report, cache)
        carried = self._carried(cache, unique, spared, report)
        if carried is None:
            self._encode(encoder, listing, spared, own, report, cache)
        inputs, _ = cache.get(hashes, self.scratch.zeros(len(hashes), encoder.dim))
        if carried is not None:
            _fill(inputs, hashes, spared, carried)
        spans = _spans(own)
        vectors, present = pool(inputs, spans, self.scratch.zeros(len(spans), encoder.dim))
        asked = set(unique)
        reasons = {hash: reason for hash, reason in cache.reasons().items() if hash in asked}
        report.broken, report.present = len(reasons), int(present.sum())
        report.seconds = round(time.perf_counter() - started, 3)
        sources = [joint_hash(product) for product in own]
        return EncodedBlock(
            self.modality, self.name, encoder, vectors, present, inputs, spans, hashes, sources, reasons, report
        )

    # ---- the encoder: frozen if there is one, else fitted now

    def _encoder(
        self, listing: Listing, own: Sequence[tuple[str, ...]], report: BlockReport, *, refit: bool
    ) -> Encoder:
        options = options_for(self.recipe, self.modality)
        words = self.modality in ("text", "reviews")
        tokenizer = tokenizer_of(self.recipe) if words else None
        key = settings_key(encoder=self.name, options=options, tokenizer=tokenizer.fingerprint if tokenizer else "")
        rows = [row for row in listing.learnable if own[row]]
        frozen = frozen_encoder(self.shop, self.modality, key)
        why = self._why_refit(frozen, rows, listing, refit=refit)
        if frozen is not None and not why:
            return frozen[0]
        encoder = make_encoder(self.modality, self.name, options, tokenizer=tokenizer)
        report.note = f"fitted on {len(rows)} products ({why})" if why else f"fitted on {len(rows)} products"
        pretrained = [part for part in parts_of(self.modality, self.name) or (self.name,) if part.startswith("hub:")]
        if pretrained:
            report.note = "; ".join(str(describe_model(part)) for part in pretrained)
        self.progress(f"fit {self.modality}", 0, None)
        unfinished = self.shop / "models" / self.modality / ".training"
        with kept_in(unfinished, key=joint_hash([key, *(hash for row in rows for hash in own[row])])):
            encoder = self._fitted(encoder, listing, own, rows)
        number = 1 + (frozen[1]["number"] if frozen else 0)
        facts = {"encoder": self.name, "key": key, "rows": len(rows), "number": number}
        save_encoder(self.shop, self.modality, encoder, facts)
        shutil.rmtree(unfinished, ignore_errors=True)
        return encoder

    def _fitted(
        self, encoder: FittedEncoder, listing: Listing, own: Sequence[tuple[str, ...]], rows: Sequence[int]
    ) -> FittedEncoder:
        seed = self.recipe.seed
        if not isinstance(encoder, MediaEncoder):
            values = listing.values(self.modality)
            return encoder.fit([values[row] for row in rows], seed=seed)
        owners = {hash: row for row in reversed(rows) for hash in own[row]}
        limit = FIT_LABELLED if encoder.learns_labels else FIT_FILES[self.modality]
        files = _sample(list(dict.fromkeys(hash for row in rows for hash in own[row])), limit, seed)
        before = encoder.describe
        read: dict[str, NDArray[Any]] = {}
        for number, found in self._read(encoder, files):
            if isinstance(found, np.ndarray):
                read[files[number]] = found
            self.progress(f"read {self.modality} to learn from", number + 1, len(files))
        labels = [listing.labels(owners[hash]) for hash in read]
        fitted = encoder.fit_described(list(read.values()), labels=labels, seed=seed, progress=self.progress)
        if fitted.describe == before:
            self.described.update(read)
        return fitted

    def _read(self, encoder: MediaEncoder, files: Sequence[str]) -> Iterator[tuple[int, NDArray[Any] | Broken | None]]:
        store = MediaStore(self.shop / "media")
        reader = FileReader(encoder.wish, encoder.describe)
        return self.workers.read([store.path(hash) for hash in files], reader)

    def _why_refit(
        self,
        frozen: tuple[Encoder, Mapping[str, Any]] | None,
        rows: Sequence[int],
        listing: Listing,
        *,
        refit: bool,
    ) -> str:
        """Why the frozen encoder no longer serves; empty when it does, or when there is none."""
        if frozen is None:
            return ""
        encoder, facts = frozen
        if refit:
            return "asked for"
        added = len(rows) - facts["rows"]
        if added > GROWTH * facts["rows"]:
            return f"{added} products more than the {facts['rows']} it had learned from"
        unknown = getattr(encoder, "unknown_share", None)
        if unknown is not None and rows and self.modality in FACTS:
            values = listing.values(self.modality)
            share = unknown([values[row] for row in rows[:: max(1, len(rows) // 2_000)]])
            if share > UNKNOWN:
                return f"{share:.0%} of the words are unknown to it"
        return ""

    # ---- the vectors

    def _encode(
        self,
        encoder: Encoder,
        listing: Listing,
        todo: Sequence[str],
        own: Sequence[tuple[str, ...]],
        report: BlockReport,
        cache: VectorCache,
    ) -> None:
        """Encode these inputs, chunk by chunk, into the cache."""
        for chunk, vectors, broken in self._encoded(encoder, listing, todo, own, report):
            cache.put(chunk, vectors, broken)
            report.encoded += len(chunk)

    def _carried(
        self, cache: VectorCache, unique: Sequence[str], spared: Sequence[str], report: BlockReport
    ) -> Vectors | None:
        """Old vectors of what was spared, in the new space; None if there are none, or they are not good enough."""
        if self.old is None or not spared:
            return None
        encoded = [hash for hash, here in zip(unique, cache.known(unique).tolist(), strict=True) if here]
        vectors, said = self.old.carried(self.modality, cache, encoded, spared)
        report.note = "; ".join(filter(None, [report.note, said]))
        report.carried = 0 if vectors is None else len(spared)
        return vectors

    def _encoded(
        self,
        encoder: Encoder,
        listing: Listing,
        todo: Sequence[str],
        own: Sequence[tuple[str, ...]],
        report: BlockReport,
    ) -> Iterator[tuple[list[str], Vectors, dict[str, str]]]:
        """Chunks of content hashes with their vectors, and what is wrong with some of them, in order."""
        if isinstance(encoder, MediaEncoder):
            yield from self._encoded_files(encoder, todo, report)
            return
        stage, values = f"encode {self.modality}", listing.values(self.modality)
        owner = {hash: row for row, product in enumerate(own) for hash in product}
        for start in range(0, len(todo), CHUNK):
            chunk = list(todo[start : start + CHUNK])
            self.progress(stage, start, len(todo))
            yield chunk, encoder.encode([values[owner[hash]] for hash in chunk]), {}
            self.progress(stage, start + len(chunk), len(todo))

    def _encoded_files(
        self, encoder: MediaEncoder, todo: Sequence[str], report: BlockReport
    ) -> Iterator[tuple[list[str], Vectors, dict[str, str]]]:
        """Workers read and describe what comes next while this process projects what they have done."""
        seen = [hash for hash in todo if hash in self.described]
        rest = [hash for hash in todo if hash not in self.described]
        stage, done = f"encode {self.modality}", 0
        for chunk in _chunks(seen, CHUNK):
            yield chunk, encoder.project([self.described[hash] for hash in chunk]), {}
            done += len(chunk)
            self.progress(stage, done, len(todo))
        self.described.clear()
        batch = _Batch(encoder)
        for number, found in self._read(encoder, rest):
            batch.add(rest[number], found)
            done += 1
            report.broken += isinstance(found, Broken)
            if done % 16 == 0 or done == len(todo):
                self.progress(stage, done, len(todo), note=_note(report))
            if len(batch.hashes) == CHUNK or done == len(todo):
                yield batch.taken()


@dataclass
class _Batch:
    """Described media on their way to vectors; projected ``BATCH`` at a time."""

    encoder: MediaEncoder
    hashes: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    _vectors: dict[int, Vectors] = field(default_factory=dict)
    _waiting: dict[int, NDArray[Any]] = field(default_factory=dict)

    def add(self, hash: str, found: NDArray[Any] | Broken | None) -> None:
        if isinstance(found, Broken):
            self.broken[hash] = found.reason
        elif found is not None:
            self._waiting[len(self.hashes)] = found
        self.hashes.append(hash)
        if len(self._waiting) == BATCH:
            self._project()

    def taken(self) -> tuple[list[str], Vectors, dict[str, str]]:
        """Everything so far; zero rows where there is nothing to see or hear."""
        self._project()
        vectors = np.zeros((len(self.hashes), self.encoder.dim), dtype=np.float32)
        for row, vector in self._vectors.items():
            vectors[row] = vector
        found = self.hashes, vectors, self.broken
        self.hashes, self.broken, self._vectors = [], {}, {}
        return found

    def _project(self) -> None:
        if self._waiting:
            projected = self.encoder.project(list(self._waiting.values()))
            self._vectors.update(zip(self._waiting, projected, strict=True))
            self._waiting.clear()


def _note(report: BlockReport) -> str:
    parts = [f"{report.cached:,} cached"] if report.cached else []
    parts += [f"{report.broken:,} rejected"] if report.broken else []
    return ", ".join(parts)


def _without(hashes: Sequence[str], others: Sequence[str]) -> list[str]:
    left_out = set(others)
    return [hash for hash in hashes if hash not in left_out]


def _fill(inputs: Vectors, hashes: Sequence[str], known: Sequence[str], vectors: Vectors) -> None:
    """Write these vectors wherever their hash stands."""
    rows = {hash: row for row, hash in enumerate(known)}
    spots = [spot for spot, hash in enumerate(hashes) if hash in rows]
    inputs[spots] = vectors[[rows[hashes[spot]] for spot in spots]]


def _spans(own: Sequence[tuple[str, ...]]) -> list[tuple[int, ...]]:
    """Per product the positions of its inputs among all."""
    ends = np.cumsum([len(product) for product in own]).tolist()
    return [tuple(range(end - len(product), end)) for product, end in zip(own, ends, strict=True)]


def _sample(files: list[str], limit: int, seed: int) -> list[str]:
    if len(files) <= limit:
        return files
    picked = np.random.default_rng(seed).choice(len(files), limit, replace=False)
    return [files[i] for i in np.sort(picked).tolist()]


def _chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
