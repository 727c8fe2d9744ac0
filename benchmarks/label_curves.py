"""Few labels: what products without a label, and what shoppers did with them, add at 1, 5 and 10 % of the labels.

Reads ``fashion_products/products.csv`` and its pictures, and ``amazon_sports``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path, say, spread
from goodsense.encoders import make_encoder
from goodsense.evaluate.plots import COLOURS, bare, blank_figure, save_figure
from goodsense.factors.als import als_factors
from goodsense.learning.learners import Learner
from goodsense.learning.semi import SHARES, SUPERVISED, LabelCurves, LabelGain, label_curves, standard_learners
from goodsense.media import decode_image
from goodsense.progress import Progress
from goodsense.types import Embeddings, MediaEncoder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROTOCOL = (
    "Five seeds draw 1, 5 and 10 % of the training labels, of each class at least one; a larger share holds the "
    "smaller one. Every method has its defaults, so nothing is chosen, and sees the other training products without "
    "labels; test products are seen by no fit. fashion_products: articleType from the picture and the title without "
    "the words of any articleType; own split by group, 2,500 products spread over the file, types of 20 training "
    "products or more; encoders saw the training products, no labels. amazon_sports: the category below the root from "
    "five keywords per product; 2,500 products drawn by a seed, a third of them the test; behaviour is a factor "
    "vector of the training interactions, shown to collaborative training alone and in its fit alone; 'labels alone' "
    "is the same network without it. Accuracy is the mean over the seeds; gains are over logistic regression on the "
    "labels alone, seed by seed (those of all methods stand in the report); a deviation is that of the five seeds"
)
SEEDS = (0, 1, 2, 3, 4)
TYPE, LEAST = "articleType", 20
FASHION, SPORTS = 2_500, 2_500  # products
SPORTS_TEST, ROOT = 1 / 3, 2  # the share to test on, and the number of the root category
TEXT_DIM, PICTURE_DIM, BEHAVIOUR_DIM = 128, 128, 64
COLLABORATIVE, ALONE = "collaborative", "labels alone, the same network"
PICTURE = Path(__file__).parent.parent / "docs" / "images" / "label-curves.png"
Blocks = Mapping[str, Embeddings]
Learners = Mapping[str, Callable[[], Learner]]


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="products of fashion to use, spread over the file")
    made.add_argument("--picture", type=Path, help="where the picture goes; default: docs/images")
    options = made.parse_args()
    bench = Bench("label_curves", PROTOCOL, settings={"limit": options.limit, "shares": SHARES})
    bench.seeds = {"labels": len(SEEDS), "encoders": 0}
    found = {
        "fashion": fashion(bench, options.data / "fashion_products", options.limit),
        "sports": sports(bench, options.data / "amazon_sports", options.limit),
    }
    whole = options.limit is None
    if whole or options.picture:
        draw(found, options.picture or PICTURE)
    bench.write(report_path(options, bench.name, whole=whole))


def fashion(bench: Bench, data: Path, limit: int | None) -> LabelCurves:
    """articleType of products from picture and masked title."""
    every = [row for row in read_csv(data / "products.csv") if row["split"] != "val"]
    rows = spread(every, limit or FASHION)
    test = np.array([row["split"] == "test" for row in rows])
    with bench.stage("fashion: encode"):
        blocks = {"text": titles(rows, test), "image": pictures(data, rows, test)}
    labels = codes([row[TYPE] for row in rows], test)
    return curves(bench, "fashion", standard_learners(["text", "image"]), blocks, labels, test)


def sports(bench: Bench, data: Path, limit: int | None) -> LabelCurves:
    """The category of products from keywords, with behaviour in the fit."""
    from pyarrow import parquet

    items = parquet.read_table(data / "items.parquet").to_pylist()
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(items), min(SPORTS, limit or SPORTS), replace=False))
    test = rng.random(len(chosen)) < SPORTS_TEST
    rows = [items[place] for place in chosen.tolist()]
    with bench.stage("sports: encode"):
        blocks = {"text": keywords(rows, test), "behaviour": behaviour(data, chosen, len(items))}
    learners = dict(standard_learners(["text"], behaviour="behaviour"))
    from goodsense.learning.collaborative import CollaborativeTower

    learners[ALONE] = lambda: CollaborativeTower("behaviour", target="none")
    labels = codes([category(row["attributes"]) for row in rows], test)
    return curves(bench, "sports", learners, blocks, labels, test)


# ---- what products have


def titles(rows: Sequence[Mapping[str, str]], test: NDArray[np.bool_]) -> Embeddings:
    """Titles without the words of any type."""
    words = {word for row in rows for word in re.findall(r"\w+", row[TYPE].casefold()) if len(word) > 2}
    words |= {word.removesuffix("s") for word in words}
    label = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, words), key=len, reverse=True))})\b", re.IGNORECASE)
    return encoded_texts([row["id"] for row in rows], [label.sub(" ", row["title"]) for row in rows], test)


def keywords(rows: Sequence[Mapping[str, Any]], test: NDArray[np.bool_]) -> Embeddings:
    return encoded_texts([row["asin"] for row in rows], [row["keywords"] for row in rows], test)


def encoded_texts(ids: Sequence[str], texts: Sequence[str], test: NDArray[np.bool_]) -> Embeddings:
    encoder = make_encoder("text", "lsa", {"dim": TEXT_DIM})
    values: list[Any] = [{"title": text} for text in texts]
    encoder.fit([value for value, held in zip(values, test, strict=True) if not held], seed=0)
    found = encoder.encode(values)
    return Embeddings.of_products(ids, found, np.asarray(found.any(axis=1)))


def pictures(data: Path, rows: Sequence[Mapping[str, str]], test: NDArray[np.bool_]) -> Embeddings:
    encoder = make_encoder("image", "descriptors", {"dim": PICTURE_DIM})
    assert isinstance(encoder, MediaEncoder)
    describe = encoder.describe
    raw = [describe(decode_image((data / row["image"]).read_bytes(), name=row["image"])) for row in rows]
    encoder.fit_described([one for one, held in zip(raw, test, strict=True) if not held], seed=0)
    found = encoder.project(raw)
    return Embeddings.of_products([row["id"] for row in rows], found, np.asarray(found.any(axis=1)))


def behaviour(data: Path, chosen: NDArray[np.int64], count: int) -> Embeddings:
    """Factors of who bought what in the training interactions, of the chosen products."""
    from pyarrow import parquet
    from scipy.sparse import csr_matrix

    table = parquet.read_table(data / "interactions.parquet")
    user, item, split = (table[name].to_numpy().astype(np.int64) for name in ("user", "item", "split"))
    user, item = user[split == 0], item[split == 0]
    bought = csr_matrix((np.ones(len(user)), (item, user)), shape=(count, int(user.max()) + 1))
    found = als_factors(bought, dim=BEHAVIOUR_DIM, iterations=6, seed=0).rows[chosen].astype(np.float32)
    there = np.asarray(bought.sum(axis=1)).ravel()[chosen] > 0
    return Embeddings.of_products([str(place) for place in chosen.tolist()], found * there[:, None], there)


def category(attributes: Sequence[int]) -> str:
    """The number that stands below the root in a product's path; nothing where it has none."""
    places = [place for place, one in enumerate(attributes) if one == ROOT]
    below = attributes[places[0] + 1 :] if places else []
    return str(below[0]) if len(below) else ""


def codes(names: Sequence[str], test: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Classes of enough training products, as whole numbers; -1 for all others."""
    values, found = np.unique(np.array(names), return_inverse=True)
    often = np.bincount(found[~test], minlength=len(values)) >= LEAST
    return np.where(often[found] & (np.array(names) != ""), found, -1).astype(np.int64)


# ---- curves, figures, the picture


def curves(
    bench: Bench,
    name: str,
    learners: Learners,
    blocks: Blocks,
    labels: NDArray[np.int64],
    test: NDArray[np.bool_],
) -> LabelCurves:
    first = next(iter(blocks.values()))
    same = {key: Embeddings(first.ids, first.owners, block.vectors, block.present) for key, block in blocks.items()}
    with bench.stage(f"{name}: curves"):
        found = label_curves(learners, same, labels, test, shares=SHARES, seeds=SEEDS, progress=told(bench.name))
    classes = len(np.unique(labels[labels >= 0]))
    bench.details[name] = {"train": int((~test).sum()), "test": found.tested, "classes": classes}
    bench.details[name] |= {"points": [vars(point) for point in found.points]}
    bench.details[name] |= {"gains": [vars(one) for one in found.gains()]}
    for one in found.gains():
        where = f"{name}: {one.method}, {one.share:.0%} of the labels"
        bench.figure(f"{where}: accuracy", one.accuracy)
        bench.figure(f"{where}: deviation", one.accuracy_spread, better="lower")
    best_gain(bench, name, [one for one in found.gains() if one.method != SUPERVISED])
    return found


def best_gain(bench: Bench, name: str, gains: Sequence[LabelGain]) -> None:
    """Of the method that adds most over all shares, its gain at each."""
    methods = dict.fromkeys(one.method for one in gains)
    best = max(methods, key=lambda method: sum(one.gain for one in gains if one.method == method))
    for one in (one for one in gains if one.method == best):
        where = f"{name}: most is added by {best}, {one.share:.0%} of the labels"
        bench.figure(f"{where}: gain", one.gain)
        bench.figure(f"{where}: deviation of the gain", one.gain_spread, better="lower")


def told(name: str) -> Progress:
    def progress(stage: str, done: int, total: int | None, *, note: str = "") -> None:
        if done % 20 == 0 or done == total:
            say(f"  {name}: {done} of {total}")

    return progress


def draw(found: Mapping[str, LabelCurves], path: Path) -> None:
    """One panel per data set: accuracy over the share of labels, with a bar of one deviation to either side."""
    figure = blank_figure(11.0, 4.6)
    panels = figure.subplots(1, len(found))
    names = list(dict.fromkeys(one.method for curve in found.values() for one in curve.gains()))
    for axes, (title, curve) in zip(panels, found.items(), strict=True):
        bare(axes, grid="y")
        for place, name in enumerate(names):
            _line(axes, [one for one in curve.gains() if one.method == name], place)
        axes.set_title(TITLES[title], fontsize=10)
        axes.set_xscale("log")
        axes.set_xticks(SHARES, [f"{share:.0%}" for share in SHARES])
        axes.minorticks_off()
        axes.set_xlabel("share of the labels")
        axes.set_ylabel("accuracy on test products")
    lines = {line.get_label(): line for axes in panels for line in axes.get_lines() if line.get_label() in names}
    figure.legend(
        list(lines.values()),
        list(lines),
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=9,
        handlelength=3,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path)


TITLES = {"fashion": "fashion: type from picture and masked title", "sports": "sports: category from five keywords"}
STYLES = ("-", "--", ":")


def _line(axes: Axes, points: Sequence[LabelGain], place: int) -> None:
    if not points:
        return
    shares = [one.share for one in points]
    shares = [share * 1.02 ** (place - 4) for share in shares]  # side by side, so that no bar hides another
    mean, deviation = (np.array([getattr(one, name) for one in points]) for name in ("accuracy", "accuracy_spread"))
    colour, style = COLOURS[place % len(COLOURS)], STYLES[place // len(COLOURS)]
    axes.plot(shares, mean, style, color=colour, label=points[0].method, linewidth=1.8, marker="o", markersize=3.5)
    axes.errorbar(shares, mean, deviation, fmt="none", ecolor=colour, elinewidth=0.9, capsize=2)


if __name__ == "__main__":
    main()
