"""Fashion products: what a picture and a title without the words of labels know together of the kind of a product.

Reads ``fashion_products/products.csv`` and its pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path, spread
from benchmarks.fashion import ENCODERS, TYPE
from goodsense.encoders import make_encoder
from goodsense.evaluate import bootstrap
from goodsense.fusion import AdditiveFusion
from goodsense.media import decode_image
from goodsense.text import Tokenizer
from goodsense.types import Embeddings, MediaEncoder, Vectors
from goodsense.understand import LabelMask
from goodsense.understand.heads import KernelRidgeHead, fit_kernel_classifiers

PROTOCOL = (
    "fashion_products: own split by group of equal titles and near-equal pictures (no title straddles); the words of "
    "every articleType are taken out of all titles; encoders are fitted on train without labels; the head is an RBF "
    "kernel ridge, on pictures, on titles, or on both side by side (the product of their kernels); its settings and "
    "what titles count beside pictures are chosen by three-fold cross-validation by group within train and val, the "
    "head is then fitted on train and val together, and test is looked at once; the gain over the better of the two "
    "alone is bootstrapped over the test products"
)
PICTURES = "descriptors+fisher"
PICTURE_OPTIONS: dict[str, Any] = {
    "descriptors": ENCODERS["shapes"][1],
    "fisher": {"dim": 1024, "weights": {"gradients": 1.0, "colours": 0.4}},
    "weights": {"descriptors": 1.0, "fisher": 0.25},
}
WORDS = "lsa+sketch"
WORD_OPTIONS: dict[str, Any] = {"lsa": {"dim": 512}, "sketch": {}}
CASES: Mapping[str, tuple[Mapping[str, float], ...]] = {
    "the picture": ({"image": 1.0},),
    "the title, labels masked": ({"text": 1.0},),
    "picture and title, labels masked": tuple({"image": 1.0, "text": share} for share in (0.05, 0.1, 0.2)),
}
BOTH = "picture and title, labels masked"
SETTINGS = ((1.0, 0.01), (1.0, 0.1), (2.0, 0.03))  # width and ridge
FOLDS = 3
TARGET = 0.905

Blocks = Mapping[str, Embeddings]
Choice = tuple[Mapping[str, float], tuple[float, float]]


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="products to use, spread over the file")
    options = made.parse_args()
    bench = Bench("fashion_fused", PROTOCOL, seeds={"encoders": 0, "heads": 0}, settings={"limit": options.limit})
    run(bench, options.data / "fashion_products", options.limit)
    bench.write(report_path(options, bench.name, whole=options.limit is None))


def run(bench: Bench, data: Path, limit: int | None) -> None:
    rows = spread(read_csv(data / "products.csv"), limit)
    split = np.array([row["split"] for row in rows])
    blocks = {"image": pictures(bench, data, rows, split), "text": titles(bench, rows, split)}
    truth = np.array([row[TYPE] for row in rows], dtype=np.object_)
    groups = np.array([int(row["group"]) for row in rows])
    known, test = np.flatnonzero(split != "test"), np.flatnonzero(split == "test")
    right: dict[str, NDArray[np.bool_]] = {}
    for name, candidates in CASES.items():
        with bench.stage(f"choose a head on {name}"):
            choice = chosen(bench, name, blocks, truth, known, groups[known] % FOLDS, candidates)
        with bench.stage(f"head on {name}"):
            vectors = fused(blocks, choice[0], known)
            (head,) = heads(vectors[known], truth[known], [choice[1]])
            right[name] = head.predict(vectors[test]) == truth[test]
        aim = TARGET if name == BOTH else None
        bench.figure(f"articleType from {name}: accuracy", float(right[name].mean()), target=aim)
    gained(bench, right)


def pictures(bench: Bench, data: Path, rows: Sequence[Mapping[str, str]], split: NDArray[np.str_]) -> Embeddings:
    with bench.stage("pictures"):
        encoder = make_encoder("image", PICTURES, PICTURE_OPTIONS)
        assert isinstance(encoder, MediaEncoder)
        images = [decode_image((data / row["image"]).read_bytes(), name=row["image"]) for row in rows]
        describe = encoder.describe
        encoder.fit_described([describe(images[row]) for row in np.flatnonzero(split == "train").tolist()], seed=0)
        describe = encoder.describe
        vectors = encoder.project([describe(image) for image in images])
    bench.settings["pictures"] = [PICTURES, PICTURE_OPTIONS]
    return Embeddings.of_products([row["id"] for row in rows], vectors, np.asarray(vectors.any(axis=1)))


def titles(bench: Bench, rows: Sequence[Mapping[str, str]], split: NDArray[np.str_]) -> Embeddings:
    with bench.stage("titles"):
        mask = LabelMask.of([row[TYPE] for row in rows], tokenizer=Tokenizer())
        values: list[Any] = [mask.apply({"title": row["title"]}) for row in rows]
        encoder = make_encoder("text", WORDS, WORD_OPTIONS)
        encoder.fit([values[row] for row in np.flatnonzero(split == "train").tolist()], seed=0)
        vectors = encoder.encode(values)
    bench.settings["titles"] = [WORDS, WORD_OPTIONS]
    return Embeddings.of_products([row["id"] for row in rows], vectors, np.asarray(vectors.any(axis=1)))


def chosen(
    bench: Bench,
    name: str,
    blocks: Blocks,
    truth: NDArray[Any],
    known: NDArray[np.int64],
    folds: NDArray[np.int64],
    candidates: Sequence[Mapping[str, float]],
) -> Choice:
    """The weights of blocks and the settings of the head that are right most often on groups held out."""
    found: list[tuple[float, Choice]] = []
    for weights in candidates:
        vectors, hits = fused(blocks, weights, known)[known], np.zeros(len(SETTINGS))
        for fold in range(FOLDS):
            fit, held = folds != fold, folds == fold
            for place, head in enumerate(heads(vectors[fit], truth[known][fit], SETTINGS)):
                hits[place] += np.count_nonzero(head.predict(vectors[held]) == truth[known][held])
        found += [(hit / len(known), (weights, own)) for hit, own in zip(hits, SETTINGS, strict=True)]
    bench.details[f"{name}: cross-validated"] = [
        {"weights": dict(weights), "width": width, "ridge": ridge, "accuracy": score}
        for score, (weights, (width, ridge)) in found
    ]
    best = max(found, key=lambda one: one[0])[1]
    bench.settings[f"{name}: chosen"] = {"weights": dict(best[0]), "width": best[1][0], "ridge": best[1][1]}
    return best


def heads(vectors: Vectors, truth: NDArray[Any], settings: Sequence[tuple[float, float]]) -> list[KernelRidgeHead]:
    made = [KernelRidgeHead(width, ridge) for width, ridge in settings]
    return list(fit_kernel_classifiers(made, vectors, truth.tolist(), seed=0))


def fused(blocks: Blocks, weights: Mapping[str, float], known: NDArray[np.int64]) -> Vectors:
    """Blocks side by side, each around the centre of the rows ``known``: ``(n, d)``."""
    used = {name: blocks[name] for name in weights}
    fusion = AdditiveFusion(weights).fit({name: block.take(known) for name, block in used.items()})
    return fusion.fuse(used).vectors


def gained(bench: Bench, right: Mapping[str, NDArray[np.bool_]]) -> None:
    """What the two together are right more often than the better one alone, with its bounds."""
    alone = max((name for name in right if name != BOTH), key=lambda name: float(right[name].mean()))
    gain = bootstrap(right[BOTH].astype(np.float64) - right[alone])
    bench.settings["better alone"] = alone
    bench.figure("gain over the better one alone", gain.mean)
    bench.figure("gain over the better one alone, lower 2.5 % bound", gain.lower, target=0.0)
    bench.figure("gain over the better one alone, upper 2.5 % bound", gain.upper)


if __name__ == "__main__":
    main()
