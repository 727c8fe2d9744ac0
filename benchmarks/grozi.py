"""Products in store clips: which product is it, by one frame, by pooled frames, by movement, by a network over time.

Reads ``grozi_video``: clips, and tracks of frames.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path
from goodsense.encoders.conv3d import Conv3dEncoder
from goodsense.encoders.frames import FramesEncoder
from goodsense.encoders.motion import MotionEncoder
from goodsense.media.reading import ClipWish, read_medium
from goodsense.types import Clip, MediaEncoder

PROTOCOL = (
    "grozi_video: the gallery is one train clip (mp4) of each of 120 products; queries are the 164 test tracks of at "
    "least 6 frames, letterboxed like the clips; top-1 by the cosine of one vector per clip. Encoders are fitted on "
    "all train tracks and train clips. Unseen: products are halved by a fixed permutation; each half is searched by "
    "its own test tracks in a gallery of its own clips, by encoders fitted on the other half's train tracks and clips "
    "alone; all 164 queries count once. How surroundings are cut away, shrinkages and the frames' settings were chosen "
    "on train tracks held out by time"
)
FPS, SIDE, LEAST = 6.0, 112, 6
WIDTH = 16  # of the networks: halves the time of the usual one, and more
ONE = "one middle frame"
Described = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """Clips with the product of each."""

    clips: list[Clip]
    products: NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    learn: Part
    gallery: Part
    queries: Part
    halves: tuple[frozenset[int], frozenset[int]]


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--networks", action="store_true", help="compare the networks over time, and nothing else")
    made.add_argument("--epochs", type=int, default=10, help="of the networks")
    options = made.parse_args()
    bench = Bench("grozi-conv3d" if options.networks else "grozi", PROTOCOL, seeds={"fit": 0, "halves": 0})
    with bench.stage("read"):
        data = read(options.data / "grozi_video")
    bench.details["clips"] = {"learn": len(data.learn.clips), "queries": len(data.queries.clips)}
    if options.networks:
        bench.settings |= {"epochs": options.epochs, "width": WIDTH}
        networks(bench, data, options.epochs)
    else:
        with_frames(bench, data)
        gains(bench)
        with bench.stage("motion"):
            compare(bench, data, "motion", MotionEncoder)
    bench.write(report_path(options, bench.name, whole=True))


def networks(bench: Bench, data: Data, epochs: int) -> None:
    """The same network with whole and with divided kernels."""
    for kind in ("3d", "2+1d"):

        def make(kind: str = kind) -> MediaEncoder:
            return Conv3dEncoder(kind=kind, width=WIDTH, epochs=epochs)

        with bench.stage(f"conv3d {kind}"):
            compare(bench, data, f"conv3d {kind}", make)


def with_frames(bench: Bench, data: Data) -> None:
    """One frame and every pool, with and without what is learned from products."""
    for pool in (ONE, "mean", "max", "vlad", "action-vlad"):
        name = "mean" if pool == ONE else pool
        fewer = {"frames": 4, "grid": 2} if pool == "action-vlad" else {}

        def make(learned: str, name: str = name, fewer: Mapping[str, Any] = fewer) -> MediaEncoder:
            return FramesEncoder(pool=name, discriminant=learned, **fewer)

        with bench.stage(f"frames {pool}"):
            raw = describe(bench, f"frames {name}", make("off"), data)
            cut = middle if pool == ONE else None
            for learned, seen_target, unseen_target in (
                ("off", None, None),
                ("apart", 0.97, None),
                ("steady", None, 0.83),
            ):
                title = f"{pool}, discriminant {learned}"
                seen(
                    bench, title, lambda learned=learned: make(learned), data, raw, cut, _aim(pool, seen_target, "mean")
                )
                unseen(
                    bench,
                    title,
                    lambda learned=learned: make(learned),
                    data,
                    raw,
                    cut,
                    _aim(pool, unseen_target, "max"),
                )


def gains(bench: Bench) -> None:
    """How much pooling adds to one frame of products that were never seen, by the same learning."""
    for pool, target in (("mean", None), ("max", 0.04), ("vlad", None)):
        both = [f"{name}, discriminant steady: top-1 of 60 unseen products" for name in (pool, ONE)]
        pooled, alone = (bench.figures[name]["value"] for name in both)
        bench.figure(f"{pool} over one frame, 60 unseen products", pooled - alone, target=target)


def _aim(pool: str, target: float | None, of: str) -> float | None:
    return target if pool == of else None


def compare(bench: Bench, data: Data, title: str, make: Callable[[], MediaEncoder]) -> None:
    raw = describe(bench, title, make(), data)
    seen(bench, title, make, data, raw)
    unseen(bench, title, make, data, raw)


def seen(
    bench: Bench,
    title: str,
    make: Callable[[], MediaEncoder],
    data: Data,
    raw: Mapping[str, Described],
    cut: Callable[[Described], Described] | None = None,
    target: float | None = None,
) -> None:
    """Top-1 among all products, by an encoder that learned from clips of all."""
    hits, seconds = _hits(make(), data, raw, cut, everyone(data), everyone(data))
    bench.figure(f"{title}: top-1 of 120 products", float(hits.mean()), target=target)
    bench.details.setdefault("processor seconds of the fit", {})[title] = round(seconds, 1)


def unseen(
    bench: Bench,
    title: str,
    make: Callable[[], MediaEncoder],
    data: Data,
    raw: Mapping[str, Described],
    cut: Callable[[Described], Described] | None = None,
    target: float | None = None,
) -> None:
    """Top-1 among 60 products, by an encoder that learned from clips of the other 60; both ways."""
    one, other = data.halves
    found = [_hits(make(), data, raw, cut, *pair)[0] for pair in ((one, other), (other, one))]
    bench.figure(f"{title}: top-1 of 60 unseen products", float(np.concatenate(found).mean()), target=target)


def everyone(data: Data) -> frozenset[int]:
    return data.halves[0] | data.halves[1]


def _hits(
    encoder: MediaEncoder,
    data: Data,
    raw: Mapping[str, Described],
    cut: Callable[[Described], Described] | None,
    learn: frozenset[int],
    search: frozenset[int],
) -> tuple[NDArray[np.bool_], float]:
    """Whether the best answer to each query is right; and how long the fit took."""
    of_learn, of_search = _in(data.learn.products, learn), _in(data.gallery.products, search)
    asked = _in(data.queries.products, search)
    started = time.process_time()
    labels = [{"id": str(data.learn.products[i]), "product": str(data.learn.products[i])} for i in of_learn]
    encoder.fit_described([raw["learn"][i] for i in of_learn], labels=labels, seed=0)
    seconds = time.process_time() - started
    shorten = cut or (lambda described: described)
    gallery = encoder.project(shorten([raw["gallery"][i] for i in of_search]))
    queries = encoder.project(shorten([raw["queries"][i] for i in asked]))
    answers = data.gallery.products[of_search][(queries @ gallery.T).argmax(axis=1)]
    return answers == data.queries.products[asked], seconds


def _in(products: NDArray[np.int64], wanted: frozenset[int]) -> NDArray[np.int64]:
    return np.flatnonzero(np.isin(products, sorted(wanted)))


def middle(described: Described) -> Described:
    """Of each clip the frame in the middle alone."""
    return [clip[len(clip) // 2 : len(clip) // 2 + 1] for clip in described]


_kept: dict[str, dict[str, Described]] = {}


def describe(bench: Bench, title: str, encoder: MediaEncoder, data: Data) -> Mapping[str, Described]:
    """What the encoder describes of every clip, once; and how many clips per second that is."""
    key = "frames" if title in ("frames mean", "frames max", "frames vlad") else title
    if key not in _kept:
        if key != "frames":
            _kept.pop("frames action-vlad", None)
        one = encoder.describe
        started = time.process_time()
        parts = {"learn": data.learn, "gallery": data.gallery, "queries": data.queries}
        _kept[key] = {name: [one(clip) for clip in part.clips] for name, part in parts.items()}
        count = sum(len(part.clips) for part in parts.values())
        bench.details.setdefault("clips described per processor second", {})[key] = round(
            count / (time.process_time() - started), 1
        )
    return _kept[key]


# ---- the data


def read(folder: Path) -> Data:
    """Clips and tracks as clips."""
    tracks: dict[tuple[int, int], list[dict[str, str]]] = {}
    for row in read_csv(folder / "frames.csv"):
        tracks.setdefault((int(row["product_id"]), int(row["track"])), []).append(row)
    wish = ClipWish(fps=FPS, max_frames=24, max_side=SIDE)
    rows = [row for row in read_csv(folder / "clips.csv") if row["split"] == "train"]
    files = [read_medium((folder / row["clip"]).read_bytes(), wish, name=row["clip"]) for row in rows]
    gallery = _part([clip for clip in files if isinstance(clip, Clip)], [int(row["product_id"]) for row in rows])
    train = {place: found for place, found in tracks.items() if found[0]["split"] == "train"}
    test = {p: found for p, found in tracks.items() if found[0]["split"] == "test" and len(found) >= LEAST}
    learn = _part([_clip(folder, found) for found in train.values()], [product for product, _ in train])
    everything = _part(learn.clips + gallery.clips, [*learn.products.tolist(), *gallery.products.tolist()])
    queries = _part([_clip(folder, found) for found in test.values()], [product for product, _ in test])
    order = np.random.default_rng(0).permutation(np.unique(gallery.products)).tolist()
    return Data(everything, gallery, queries, (frozenset(order[:60]), frozenset(order[60:])))


def _part(clips: list[Clip], products: Sequence[int]) -> Part:
    return Part(clips, np.array(products, dtype=np.int64))


def _clip(folder: Path, rows: Sequence[Mapping[str, str]]) -> Clip:
    from goodsense.media.decode import decode_image

    frames = [_letterboxed(decode_image((folder / row["frame"]).read_bytes(), name=row["frame"])) for row in rows]
    return Clip(np.stack(frames), np.arange(len(frames)) / FPS, len(frames) / FPS)


def _letterboxed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    scale = SIDE / max(image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    found = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    found[top : top + height, left : left + width] = small
    return found


if __name__ == "__main__":
    main()
