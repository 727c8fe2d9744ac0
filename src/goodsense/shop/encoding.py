"""Encode what is not cached: fit once, freeze, and from then on only what is new or changed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import encoder_options, make_encoder
from goodsense.encoders.descriptors import DescriptorsEncoder
from goodsense.encoders.parallel import describe_files, encode_media
from goodsense.errors import DataError
from goodsense.media import MediaStore, decode_image
from goodsense.progress import Progress, silent
from goodsense.shop.artefacts import frozen_encoder, save_encoder, settings_key
from goodsense.shop.listing import Listing, input_hashes, joint_hash
from goodsense.shop.recipe import Recipe
from goodsense.shop.vectors import VectorCache
from goodsense.text import Tokenizer
from goodsense.types import Encoder, FittedEncoder, Image, Mask, Modality, Vectors, normalise

CHUNK = 2_000
FIT_PHOTOS = 4_000
FIT_SIDE = 256
GROWTH = 0.25
UNKNOWN = 0.10
BLOCKS: tuple[Modality, ...] = ("text", "image", "attributes")


@dataclass
class BlockReport:
    """How one modality was encoded; counts are inputs (a product with two photos has two)."""

    present: int = 0
    encoded: int = 0
    cached: int = 0
    broken: int = 0
    seconds: float = 0.0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class EncodedBlock:
    """One product block, the vectors of its inputs, and the encoder that made both.

    ``inputs`` is ``(m, d)``; ``spans[row]`` are the positions of a product's inputs in it.
    """

    modality: Modality
    name: str
    encoder: Encoder
    vectors: Vectors  # (n, d), pooled per product
    present: Mask  # (n,)
    inputs: Vectors
    spans: Sequence[tuple[int, ...]]
    sources: Sequence[str]  # joint content hash of each product's inputs
    report: BlockReport = field(default_factory=BlockReport)


def tokenizer_of(recipe: Recipe) -> Tokenizer:
    text = recipe.text
    return Tokenizer(dictionary=text.dictionary, stem=text.stem, stop_words=text.stop_words)


def options_for(recipe: Recipe, modality: Modality) -> dict[str, Any]:
    """The options that a recipe gives an encoder; text encoders that weigh fields take the recipe's weights."""
    options = recipe.options_of(modality)
    if modality == "text" and "field_weights" in encoder_options("text", recipe.encoders.text):
        options.setdefault("field_weights", dict(recipe.text.fields))
    return options


def encode_blocks(
    shop: Path, recipe: Recipe, listing: Listing, *, refit: bool = False, workers: int = 2, progress: Progress = silent
) -> dict[str, EncodedBlock]:
    """Every block that the recipe names, from the cache where it can be."""
    found: dict[str, EncodedBlock] = {}
    for modality in BLOCKS:
        name = getattr(recipe.encoders, modality)
        if name and any(_values(listing, modality)):
            stage = _Stage(shop, recipe, modality, name, workers, progress)
            found[modality] = stage.run(listing, refit=refit)
    return found


@dataclass(frozen=True)
class _Stage:
    shop: Path
    recipe: Recipe
    modality: Modality
    name: str
    workers: int
    progress: Progress
    described: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # photos that the fit has seen already

    def run(self, listing: Listing, *, refit: bool) -> EncodedBlock:
        started = time.perf_counter()
        report = BlockReport()
        encoder = self._encoder(listing, report, refit=refit)
        hashes, spans = _inputs(listing, self.modality)
        cache = VectorCache(self.shop / "vectors" / encoder.fingerprint[:32], encoder.dim)
        unique = list(dict.fromkeys(hashes))
        _, known = cache.get(unique)
        todo = [hash for hash, have in zip(unique, known.tolist(), strict=True) if not have]
        for chunk, vectors in self._encoded(encoder, listing, todo, hashes, spans):
            cache.put(chunk, vectors)
            report.encoded += len(chunk)
        inputs, _ = cache.get(hashes)
        vectors, present = pool(inputs, spans)
        report.cached = len(unique) - len(todo)
        report.broken = int((~inputs.any(axis=1)).sum()) if self.modality == "image" else 0
        report.present = int(present.sum())
        report.seconds = round(time.perf_counter() - started, 3)
        sources = [joint_hash([hashes[spot] for spot in span]) for span in spans]
        return EncodedBlock(self.modality, self.name, encoder, vectors, present, inputs, spans, sources, report)

    # ---- the encoder: frozen if there is one, else fitted now

    def _encoder(self, listing: Listing, report: BlockReport, *, refit: bool) -> Encoder:
        options = options_for(self.recipe, self.modality)
        tokenizer = tokenizer_of(self.recipe) if self.modality == "text" else None
        key = settings_key(encoder=self.name, options=options, tokenizer=tokenizer.fingerprint if tokenizer else "")
        rows = [row for row in listing.learnable if _values(listing, self.modality)[row]]
        frozen = frozen_encoder(self.shop, self.modality, key)
        why = _why_refit(frozen, rows, listing, self.modality, refit=refit)
        if frozen is not None and not why:
            return frozen[0]
        report.note = f"fitted on {len(rows)} products ({why})" if why else f"fitted on {len(rows)} products"
        encoder = make_encoder(self.modality, self.name, options, tokenizer=tokenizer)
        if isinstance(encoder, FittedEncoder):
            self.progress(f"fit {self.modality}", 0, None)
            encoder = self._fit(encoder, listing, rows)
            number = 1 + (frozen[1]["number"] if frozen else 0)
            facts = {"encoder": self.name, "key": key, "rows": len(rows), "number": number}
            save_encoder(self.shop, self.modality, encoder, facts)
        return encoder

    def _fit(self, encoder: FittedEncoder, listing: Listing, rows: Sequence[int]) -> FittedEncoder:
        seed = self.recipe.seed
        if self.modality != "image":
            return encoder.fit([_values(listing, self.modality)[row] for row in rows], seed=seed)
        photos = self._fit_photos(listing, rows)
        if not isinstance(encoder, DescriptorsEncoder):
            return encoder.fit(list(self._decoded(photos)), seed=seed)
        store = MediaStore(self.shop / "media")
        for i, found in describe_files([store.path(photo) for photo in photos], workers=self.workers):
            if not isinstance(found, str):
                self.described[photos[i]] = found
            self.progress("fit image", i + 1, len(photos))
        raw = list(self.described.values())
        return encoder.fit_described(raw, seed=seed)

    def _fit_photos(self, listing: Listing, rows: Sequence[int]) -> list[str]:
        photos = list(dict.fromkeys(photo for row in rows for photo in listing.photos[row]))
        if len(photos) > FIT_PHOTOS:
            picked = np.random.default_rng(self.recipe.seed).choice(len(photos), FIT_PHOTOS, replace=False)
            photos = [photos[i] for i in np.sort(picked).tolist()]
        return photos

    def _decoded(self, photos: Iterable[str]) -> Iterator[Image]:
        store = MediaStore(self.shop / "media")
        for photo in photos:
            try:
                yield decode_image(store.read(photo), name=photo, max_side=FIT_SIDE)
            except DataError:
                continue  # reported where it is encoded

    # ---- the vectors

    def _encode_photos(self, encoder: Encoder, photos: Sequence[str]) -> Vectors:
        """Zero rows for pictures that cannot be decoded."""
        store = MediaStore(self.shop / "media")
        vectors = np.zeros((len(photos), encoder.dim), dtype=np.float32)
        if isinstance(encoder, DescriptorsEncoder):
            seen = [i for i, photo in enumerate(photos) if photo in self.described]
            rest = [i for i, photo in enumerate(photos) if photo not in self.described]
            if seen:
                vectors[seen] = encoder.project([self.described[photos[i]] for i in seen])
            paths = [store.path(photos[i]) for i in rest]
            vectors[rest] = encode_media(encoder, paths, workers=self.workers).vectors
            return vectors
        for i, photo in enumerate(photos):
            with suppress(DataError):
                vectors[i] = encoder.encode([decode_image(store.read(photo), name=photo)])[0]
        return vectors

    def _encoded(
        self,
        encoder: Encoder,
        listing: Listing,
        todo: Sequence[str],
        hashes: Sequence[str],
        spans: Sequence[tuple[int, ...]],
    ) -> Iterator[tuple[list[str], Vectors]]:
        """Chunks of content hashes with their vectors, in order."""
        stage, done = f"encode {self.modality}", 0
        owner = {hashes[spot]: row for row, span in enumerate(spans) for spot in span}
        for start in range(0, len(todo), CHUNK):
            chunk = list(todo[start : start + CHUNK])
            self.progress(stage, done, len(todo))
            if self.modality == "image":
                vectors = self._encode_photos(encoder, chunk)
            else:
                values = _values(listing, self.modality)
                vectors = encoder.encode([values[owner[hash]] for hash in chunk])
            done += len(chunk)
            yield chunk, vectors
            self.progress(stage, done, len(todo))


def pool(inputs: Vectors, spans: Sequence[tuple[int, ...]]) -> tuple[Vectors, Mask]:
    """Mean of a product's unit input vectors, unit again; zero inputs do not count. ``(m, d) -> (n, d), (n,)``."""
    sums = np.zeros((len(spans), inputs.shape[1]), dtype=np.float32)
    if len(inputs):
        owners = np.repeat(np.arange(len(spans)), [len(span) for span in spans])
        positions = np.fromiter((spot for span in spans for spot in span), dtype=np.int64, count=len(owners))
        if all(len(span) <= 1 for span in spans):
            sums[owners] = normalise(inputs[positions])
        else:
            np.add.at(sums, owners, normalise(inputs[positions]))
    vectors = normalise(sums)
    return vectors, np.asarray(vectors.any(axis=1), dtype=np.bool_)


def _values(listing: Listing, modality: Modality) -> Sequence[Any]:
    if modality == "text":
        return listing.texts
    return listing.photos if modality == "image" else listing.attributes


def _inputs(listing: Listing, modality: Modality) -> tuple[list[str], list[tuple[int, ...]]]:
    """Content hashes of all inputs, and per product the positions of its own."""
    hashes: list[str] = []
    spans: list[tuple[int, ...]] = []
    for own in input_hashes(listing, modality):
        spans.append(tuple(range(len(hashes), len(hashes) + len(own))))
        hashes += own
    return hashes, spans


def _why_refit(
    frozen: tuple[Encoder, Mapping[str, Any]] | None,
    rows: Sequence[int],
    listing: Listing,
    modality: Modality,
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
    if unknown is not None and rows:
        values = _values(listing, modality)
        share = unknown([values[row] for row in rows[:: max(1, len(rows) // 2_000)]])
        if share > UNKNOWN:
            return f"{share:.0%} of the words are unknown to it"
    return ""
