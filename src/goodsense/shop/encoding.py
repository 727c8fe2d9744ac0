"""Every block of a build: which encoder makes it, from what, and the vectors of a product from those of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.encoders import encoder_options, parts_of
from goodsense.encoders.parallel import MediaWorkers
from goodsense.progress import Progress, silent
from goodsense.shop.listing import Listing, input_hashes
from goodsense.shop.recipe import Recipe
from goodsense.shop.scratch import Scratch
from goodsense.text import Tokenizer
from goodsense.types import Encoder, Mask, Modality, Vectors, normalise

if TYPE_CHECKING:
    from goodsense.shop.old_vectors import OldVectors

MEDIA: tuple[Modality, ...] = ("image", "video", "audio")
FACTS: tuple[Modality, ...] = ("text", "attributes", "reviews", "behaviour")
_POOLED = 8_192  # products at once
BLOCKS: tuple[Modality, ...] = ("text", "image", "audio", "video", "attributes", "reviews", "behaviour")


@dataclass
class BlockReport:
    """How one modality was encoded; counts are inputs (a product with two photos has two).

    ``carried`` have an old encoder's vector, carried over, instead of one of their own.
    """

    present: int = 0
    encoded: int = 0
    cached: int = 0
    broken: int = 0
    carried: int = 0
    seconds: float = 0.0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class EncodedBlock:
    """One product block, the vectors of its inputs, and the encoder that made both.

    ``inputs`` is ``(m, d)``; ``spans[row]`` are the positions of a product's inputs in it. ``broken`` says of content
    hashes what was wrong with the file. The joint block has no inputs but ``members``, the blocks that it is made of.
    """

    modality: str
    name: str
    encoder: Encoder
    vectors: Vectors  # (n, d), pooled per product
    present: Mask  # (n,)
    inputs: Vectors
    spans: Sequence[tuple[int, ...]]
    hashes: Sequence[str]  # of the inputs
    sources: Sequence[str]  # joint content hash of each product's inputs
    broken: dict[str, str] = field(default_factory=dict)
    report: BlockReport = field(default_factory=BlockReport)
    members: Mapping[str, EncodedBlock] = field(default_factory=dict)


def tokenizer_of(recipe: Recipe) -> Tokenizer:
    text = recipe.text
    return Tokenizer(dictionary=text.dictionary, stem=text.stem, stop_words=text.stop_words)


def options_for(recipe: Recipe, modality: Modality) -> dict[str, Any]:
    """The options that a recipe gives an encoder; text encoders that weigh fields take the recipe's weights."""
    options = recipe.options_of(modality)
    if modality == "text":
        weights = {"field_weights": dict(recipe.text.fields)}
        name = recipe.encoders.text
        for part in parts_of("text", name):
            if "field_weights" in encoder_options("text", part):
                options[part] = {**weights, **options.get(part, {})}
        if "field_weights" in encoder_options("text", name):
            options = {**weights, **options}
    return options


def encode_blocks(
    shop: Path,
    recipe: Recipe,
    listing: Listing,
    *,
    scratch: Scratch,
    refit: bool = False,
    workers: int = 2,
    old: OldVectors | None = None,
    progress: Progress = silent,
) -> dict[str, EncodedBlock]:
    """Every block that the recipe names, from the cache where it can be, or from ``old`` vectors.

    Media are read by worker processes, one modality after the other, while this process encodes what needs no file.
    """
    from goodsense.shop.stage import Stage

    if any(listing.photos) or any(listing.clips):
        import cv2  # noqa: F401  it changes the environment, which libraries that the other lane loads would be reading

    with MediaWorkers(workers) as readers:

        def made(modality: Modality) -> EncodedBlock | None:
            name = getattr(recipe.encoders, modality)
            own = input_hashes(listing, modality) if name else []
            if not any(own):
                return None
            stage = Stage(shop, recipe, modality, name, readers, progress, scratch, old=old)
            return stage.run(listing, own, refit=refit)

        found = {block.modality: block for block in _side_by_side(made, (MEDIA, FACTS)) if block is not None}
    return {modality: found[modality] for modality in BLOCKS if modality in found}


def _side_by_side(
    work: Callable[[Modality], EncodedBlock | None], lanes: Sequence[Sequence[Modality]]
) -> Iterable[EncodedBlock | None]:
    """What every modality gives; those of a lane one after the other, the lanes at the same time."""
    with ThreadPoolExecutor(len(lanes)) as pool:
        running = [pool.submit(lambda lane: [work(modality) for modality in lane], lane) for lane in lanes]
        return [block for future in running for block in future.result()]


def pool(inputs: Vectors, spans: Sequence[tuple[int, ...]], out: Vectors | None = None) -> tuple[Vectors, Mask]:
    """Mean of a product's unit input vectors, unit again; zero inputs do not count. ``(m, d) -> (n, d), (n,)``.

    ``out`` are zeros to write the vectors into, such as a mapped file.
    """
    vectors = np.zeros((len(spans), inputs.shape[1]), dtype=np.float32) if out is None else out
    present = np.zeros(len(spans), dtype=np.bool_)
    for start in range(0, len(spans), _POOLED):
        chunk = spans[start : start + _POOLED]
        owners = np.repeat(np.arange(len(chunk)), [len(span) for span in chunk])
        positions = np.fromiter((spot for span in chunk for spot in span), dtype=np.int64, count=len(owners))
        sums = np.zeros((len(chunk), inputs.shape[1]), dtype=np.float32)
        if all(len(span) <= 1 for span in chunk):
            sums[owners] = normalise(inputs[positions])
        else:
            np.add.at(sums, owners, normalise(inputs[positions]))
        vectors[start : start + len(chunk)] = normalise(sums)
        present[start : start + len(chunk)] = sums.any(axis=1)
    return vectors, present
