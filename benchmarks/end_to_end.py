"""Encoders trained together with their head against frozen encoders: time, memory and gain, on two kinds of data.

Reads ``fashion_products/products.csv`` and its pictures, and ``tiktok``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path, spread
from benchmarks.next_item import K, Taken, both_ways
from goodsense.encoders.bag import BagEncoder
from goodsense.encoders.cnn import CnnEncoder, Letterbox
from goodsense.evaluate.experiment import paired_bootstrap
from goodsense.fusion.crossing import reciprocal_ranks
from goodsense.fusion.end_to_end import PicturesTexts, Way, compare_end_to_end
from goodsense.fusion.joint_network import JointNetwork
from goodsense.learning.schedules import Schedule
from goodsense.media import decode_image

PROTOCOL = (
    "Both ways begin with the same encoders and the same head, have settings of their own (their epochs were set "
    "after a trial on 300 products that told test figures, too), "
    "and are measured once on test; gains are paired differences with 95 % bootstrap intervals. fashion_products: a "
    "sample of the own split spread over the file, titles as they are; encoders are fitted on the train sample without "
    "labels, titles find pictures among all test products and the reverse, every product of the same title is a hit. "
    "tiktok: image and audio features and factors of the training interactions are the frozen encoders; a linear map "
    "of the features and the table of factors learn end to end; the weights of the epoch that is best on val are kept; "
    f"recall and NDCG at {K} of test users over all products but those taken in training. Seconds are of the training "
    "alone, of the processor where it says so; memory is what a way holds beyond what was held before"
)
TRAIN, TEST, SIDE = 1_500, 800, 48
CNN = {"side": SIDE, "width": 16, "epochs": 6, "augment": "mild"}
HEAD = Schedule(epochs=30, batch=256, rate=2e-3)
JOINT = Schedule(epochs=20, batch=128, rate=5e-4)
NEXT = Schedule(epochs=8, batch=1024, rate=3e-3, decay=1e-2, patience=3)


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="train products of fashion to use")
    options = made.parse_args()
    bench = Bench("end_to_end", PROTOCOL, seeds={"encoders": 0, "training": 0}, settings={"limit": options.limit})
    fashion(bench, options.data / "fashion_products", options.limit or TRAIN)
    tiktok(bench, options.data / "tiktok", options.limit)
    bench.write(report_path(options, bench.name, whole=options.limit is None))


def fashion(bench: Bench, data: Path, train: int) -> None:
    rows = read_csv(data / "products.csv")
    learned = pairs(data, spread([row for row in rows if row["split"] == "train"], train))
    tested = pairs(data, spread([row for row in rows if row["split"] == "test"], min(TEST, train)))
    bench.settings |= {"cnn": CNN, "head": vars(HEAD), "joint": vars(JOINT)}
    with bench.stage("fashion: encoders"):
        image = CnnEncoder(**CNN).fit_described(list(learned.pictures), seed=0)  # type: ignore[arg-type]
        text = BagEncoder().fit([{"title": title} for title in learned.texts], seed=0)
    with bench.stage("fashion: both ways"):
        found = compare_end_to_end(learned, tested, image=image, text=text, head=HEAD, joint=JOINT)
    for name, way in {"frozen": found.frozen, "end to end": found.joint}.items():
        told(bench, f"fashion, {name}", way)
    before, after = (ranks(way.network, tested) for way in (found.frozen, found.joint))
    for task in before:
        gain(bench, f"fashion: {task} MRR", before[task], after[task])


def pairs(data: Path, rows: Sequence[Mapping[str, str]]) -> PicturesTexts:
    shrink = Letterbox(SIDE)
    seen = [shrink(decode_image((data / row["image"]).read_bytes(), name=row["image"])) for row in rows]
    return PicturesTexts.of(np.stack(seen), [row["title"] for row in rows])


def told(bench: Bench, name: str, way: Way) -> None:
    for task, found in (("text -> picture", way.text_to_picture), ("picture -> text", way.picture_to_text)):
        bench.figure(f"{name}: {task} R@1", found.recall_1)
        bench.figure(f"{name}: {task} R@10", found.recall_10)
        bench.figure(f"{name}: {task} MRR", found.mrr)
    cost(bench, name, way.seconds, way.peak_bytes, way.parameters)


def cost(bench: Bench, name: str, seconds: float, memory: int, parameters: int) -> None:
    bench.figure(f"{name}: seconds to train", seconds, better="lower", unit="s")
    bench.figure(f"{name}: memory", memory / 2**20, better="lower", unit="MiB")
    bench.figure(f"{name}: parameters that learn", parameters, better="lower")


def ranks(network: JointNetwork, tested: PicturesTexts) -> dict[str, NDArray[np.float64]]:
    """Reciprocal ranks of every different title among all pictures, and of every picture among those titles."""
    groups, first = np.unique(tested.groups, return_index=True)
    looks = network.encode_pictures(tested.pictures)
    words = network.encode_texts([tested.texts[row] for row in first.tolist()])
    same = groups[:, None] == tested.groups
    return {
        "text -> picture": reciprocal_ranks(words, looks, same),
        "picture -> text": reciprocal_ranks(looks, words, same.T),
    }


def gain(bench: Bench, name: str, before: NDArray[np.float64], after: NDArray[np.float64]) -> None:
    found = paired_bootstrap(before, after)
    bench.figure(f"{name}, gain end to end", found.mean)
    bench.figure(f"{name}, gain end to end, lower bound", found.lower)
    bench.figure(f"{name}, gain end to end, upper bound", found.upper)


def tiktok(bench: Bench, data: Path, limit: int | None) -> None:
    taken = interactions(data, limit)
    with bench.stage("tiktok: both ways"):
        found = both_ways(taken, NEXT)
    bench.settings["next item"] = vars(NEXT)
    for name, way in found.items():
        bench.figure(f"tiktok, {name}: R@{K}", float(way.recall.mean()))
        bench.figure(f"tiktok, {name}: NDCG@{K}", float(way.ndcg.mean()))
        bench.figure(f"tiktok, {name}: processor seconds to train", way.cpu_s, better="lower", unit="s")
        cost(bench, f"tiktok, {name}", way.wall_s, way.peak_bytes, way.parameters)
        bench.details[f"tiktok, {name}"] = {"validation": way.history.validation, "best epoch": way.history.best_epoch}
    frozen, joint = found["frozen"], found["end to end"]
    gain(bench, f"tiktok: R@{K}", frozen.recall, joint.recall)
    gain(bench, f"tiktok: NDCG@{K}", frozen.ndcg, joint.ndcg)


def interactions(data: Path, limit: int | None) -> Taken:
    """Of all users, or of the first of them."""
    from pyarrow import parquet

    table = parquet.read_table(data / "interactions.parquet")
    users, items, split = (table[name].to_numpy().astype(np.int64) for name in ("user", "item", "split"))
    kept = users < (limit or users.max() + 1)
    parts = [np.load(data / f"{name}_feat_f16.npy").astype(np.float32) for name in ("image", "audio")]
    unit = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in parts]
    return Taken(users[kept], items[kept], split[kept], np.concatenate(unit, axis=1))


if __name__ == "__main__":
    main()
