"""Picture encoders against each other: each fitted once, then alone and joined under the same head."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, head_of, say
from goodsense.encoders import make_encoder
from goodsense.encoders.joined import join
from goodsense.media import decode_image
from goodsense.types import Embeddings, Image, Labels, MediaEncoder, Vectors
from goodsense.understand import ClassifierResult, evaluate_classifier

HEADS = ("kernel-ridge",)
MOST_MINUTES = 8.0  # that a network may take to train


@dataclass(frozen=True, eq=False)
class Photos:
    """Pictures with what is known of them; encoders learn labels of the rows of the split ``train`` alone."""

    ids: Sequence[str]
    pictures: Sequence[Image]
    labels: Sequence[Labels]
    splits: Sequence[str]

    @classmethod
    def read(cls, folder: Path, rows: Sequence[tuple[str, str, Labels]]) -> Photos:
        """Of rows ``(file, split, labels)``."""
        pictures: list[Any] = [decode_image((folder / file).read_bytes(), name=file) for file, _, _ in rows]
        return cls([file for file, _, _ in rows], pictures, [row[2] for row in rows], [row[1] for row in rows])


def compare(
    bench: Bench,
    photos: Photos,
    field: str,
    encoders: Mapping[str, tuple[str, Mapping[str, Any]]],
    joins: Sequence[Mapping[str, float]],
    *,
    target: float,
) -> None:
    """Accuracy of every encoder and of every join; the one that is best on val is held to the target.

    Parameters
    ----------
    encoders
        What it is called here -> the encoder and its options.
    joins
        What a part is called here -> its weight.
    """
    vectors: dict[str, Vectors] = {}
    for name, (kind, options) in encoders.items():
        vectors[name] = encoded(bench, photos, name, kind, options)
    bench.settings[f"{field}: encoders"] = {name: [kind, dict(options)] for name, (kind, options) in encoders.items()}
    for weights in joins:
        called = (
            "+".join(weights) if len(set(weights.values())) == 1 else " ".join(f"{k}:{w:g}" for k, w in weights.items())
        )
        vectors[called] = together({part: vectors[part] for part in weights}, weights)
    found: dict[str, ClassifierResult] = {}
    truth = {id: label[field] for id, label in zip(photos.ids, photos.labels, strict=True)}
    for name, block in vectors.items():
        with bench.stage(f"head on {name}"):
            found[name] = evaluate_classifier(
                Embeddings.of_products(photos.ids, block, np.asarray(block.any(axis=1))),
                truth,
                dict(zip(photos.ids, photos.splits, strict=True)),
                heads=HEADS,
                refit=True,
            )
        metrics = dict(found[name].report.metrics)
        bench.details[f"{field} by {name}"] = {"metrics": metrics, "head": head_of(found[name].chosen[0])}
        bench.figure(f"{field} by {name}: accuracy", metrics["accuracy"])
    best = max(found, key=lambda name: found[name].chosen[0].score or 0.0)
    bench.settings[f"{field}: best on val"] = best
    bench.figure(
        f"{field} by the encoders best on val: accuracy", found[best].report.metrics["accuracy"], target=target
    )


def encoded(bench: Bench, photos: Photos, name: str, kind: str, options: Mapping[str, Any]) -> Vectors:
    """Fit on the training rows, then encode all; reports how long both took, in one process."""
    encoder = make_encoder("image", kind, options)
    assert isinstance(encoder, MediaEncoder)
    train = [row for row, split in enumerate(photos.splits) if split == "train"]
    started = time.perf_counter()
    with bench.stage(f"fit {name}"):
        describe = encoder.describe
        raw = [describe(photos.pictures[row]) for row in train]
        labels = [photos.labels[row] for row in train]
        encoder.fit_described(raw, labels=labels, seed=0, progress=_progress())
    if encoder.learns_labels:
        minutes = (time.perf_counter() - started) / 60
        bench.figure(f"{name}: minutes to train", minutes, target=MOST_MINUTES, better="lower", unit="min")
    started = time.perf_counter()
    with bench.stage(f"encode by {name}"):
        describe = encoder.describe
        vectors = encoder.project([describe(picture) for picture in photos.pictures])
    rate = len(photos.pictures) / (time.perf_counter() - started)
    bench.figure(f"{name}: pictures per second, one process", rate, unit="1/s")
    return vectors


def together(vectors: Mapping[str, Vectors], weights: Mapping[str, float]) -> Vectors:
    """What the joined encoder makes of its parts' vectors."""
    parts: dict[str, Any] = {name: _Known(block) for name, block in vectors.items()}
    return join("image", parts, weights).encode(range(len(next(iter(vectors.values())))))


class _Known:
    """An encoder of rows that are encoded already."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.dim = vectors, vectors.shape[1]

    def encode(self, rows: Sequence[int]) -> Vectors:
        found: Vectors = self.vectors[np.array(rows)]
        return found


def _progress() -> Any:
    """A line every minute."""
    last = [time.perf_counter()]

    def told(stage: str, done: int, total: int | None, *, note: str = "") -> None:
        if time.perf_counter() - last[0] > 60:
            last[0] = time.perf_counter()
            say(f"    {stage}: {done} of {total}")

    return told
