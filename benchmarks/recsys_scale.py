"""Recommending at scale: a generated shop of 100,000 items and one of a million, 5 million events each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, in_child, parser, quantiles, report_path, working_directory
from goodsense.events import Interactions
from goodsense.recommend import Content, make_model
from goodsense.recommend.graph_search import chosen_filter
from goodsense.recommend.held_out import HeldOut
from goodsense.recommend.histories import blocks_of
from goodsense.types import Embeddings

PROTOCOL = (
    "generated: items fall into groups, by size and popularity with the long tail of a shop (Zipf, exponent .9); a "
    "shopper cares for one to five groups and takes four fifths of their items there, the rest by popularity of all; "
    "activity is log-normal; times over a year. One item of each of 5,000 shoppers is held out. Content is a noisy "
    "vector of the group, 64 columns, missing from a tenth. Every model in a process of its own, with its default "
    "options (item-knn with 80 neighbours); 'searched': the filter's weights are chosen on one held-out item of 4,096 "
    "shoppers, and fit is the seconds of both. Seconds by the clock, beside other work; memory is the peak of resident "
    "memory, data included. Batch: the best 20 for 100,000 shoppers, what they have left out. Fold-in: 1,000 shoppers "
    "one by one, from ids to ids. 'implicit' is the library implicit 0.7, item-knn with 80 neighbours, too, and all "
    "cores that it may use"
)
EVENTS, USERS, TARGETS_OF = 5_000_000, 100_000, 5_000
K, ALONE, NEIGHBOURS = 20, 1_000, 80
SHOPS = {"100k items": 100_000, "1M items": 1_000_000}
RIVALS = {
    "100k items": (
        "popular",
        "graph-filter",
        "graph-filter, searched",
        "graph-filter with content",
        "item-knn",
        "implicit item-knn",
        "implicit als",
    ),
    "1M items": ("graph-filter", "graph-filter with content", "item-knn"),
}
AIMED = ("graph-filter", "graph-filter, searched")
FIT_S, BATCH_S, FOLD_MS, MEMORY_MIB = 180.0, 60.0, 20.0, 8_192.0


@dataclass(frozen=True, eq=False)
class Log:
    """Generated events, one row each, by user and time; ``held`` is one item of each of some users."""

    train: Interactions
    held_users: NDArray[np.int64]
    held_items: NDArray[np.int64]


def main() -> None:
    made = parser(__doc__ or "", data=False)
    made.add_argument("--limit", type=int, help="events; users and items in proportion")
    made.add_argument(
        "--only", nargs="+", default=[], help="only these rivals; the report keeps the rows of the others"
    )
    options = made.parse_args()
    bench = Bench("recsys_scale", PROTOCOL, seeds={"data": 0, "models": 0}, settings={"limit": options.limit})
    path = report_path(options, bench.name, whole=options.limit is None)
    if options.only and path is not None and path.is_file():
        kept = json.loads(path.read_text("utf-8"))
        bench.figures, bench.details, bench.stages = kept["figures"], kept["details"], kept["stages"]
    with working_directory(options.work) as work:
        for _ in run(bench, work, (options.limit or EVENTS) / EVENTS, options.only):
            bench.write(path)  # what is known so far


def run(bench: Bench, work: Path, share: float, only: Sequence[str]) -> Iterator[None]:
    for shop, items in SHOPS.items():
        rivals = [rival for rival in RIVALS[shop] if not only or f"{shop}: {rival}" in only]
        if not rivals:
            continue
        with bench.stage(f"generate {shop}"):
            log = generate(round(USERS * share), round(items * share), round(EVENTS * share))
            log.train.save(work / "train.safetensors")
            np.savez(work / "held.npz", users=log.held_users, items=log.held_items)
            bench.details[shop] = told(log.train)
            del log
        for rival in rivals:
            with bench.stage(f"{shop}: {rival}"):
                found = in_child(implicitly if rival.startswith("implicit") else ours, work, rival)
            report(bench, shop, rival, found)
            yield


def report(bench: Bench, shop: str, rival: str, found: dict[str, Any]) -> None:
    name, aimed = f"{shop}: {rival}", rival in AIMED
    bench.figure(f"{name}: recall@20", found["recall"])
    seconds = found["fit_s"]
    bench.figure(f"{name}: fit", seconds, unit="s", better="lower", target=FIT_S if aimed else None)
    bench.figure(
        f"{name}: best 20 for all", found["batch_s"], unit="s", better="lower", target=BATCH_S if aimed else None
    )
    if "alone" in found:
        p99, target = found["alone"]["p99_ms"], FOLD_MS if aimed else None
        bench.figure(f"{name}: fold-in p50", found["alone"]["p50_ms"], unit="ms", better="lower")
        bench.figure(f"{name}: fold-in p99", p99, unit="ms", better="lower", target=target)
    memory, target = found["peak_rss_mb"], MEMORY_MIB if aimed else None
    bench.figure(f"{name}: memory", memory, unit="MiB", better="lower", target=target)


# ---- the data


def generate(users: int, items: int, events: int, *, seed: int = 0) -> Log:
    """A log with a tail and groups; the popularity of items runs over three to four orders of magnitude."""
    rng = np.random.default_rng(seed)
    groups = max(10, items // 200)
    appeal = 1.0 / np.arange(1, items + 1) ** 0.9
    group_of = rng.permutation(items) % groups  # (n,)
    by_group = np.argsort(group_of, kind="stable")
    bounds = np.searchsorted(group_of[by_group], np.arange(groups + 1))
    mass = np.concatenate(([0.0], np.cumsum(appeal[by_group])))
    activity = rng.lognormal(0, 1, users)
    owners = np.sort(rng.choice(users, events, p=activity / activity.sum()))
    size = np.diff(mass[bounds])
    wishes = rng.choice(groups, (users, 5), p=size / size.sum())  # a shopper's groups
    wanted = wishes[owners, rng.integers(0, rng.integers(1, 6, users)[owners])]
    low, high = mass[bounds[wanted]], mass[bounds[wanted + 1]]
    anywhere = rng.random(events) < 0.2
    low[anywhere], high[anywhere] = 0.0, mass[-1]
    drawn = np.searchsorted(mass, low + (high - low) * rng.random(events), side="right") - 1
    rows = by_group[np.minimum(drawn, items - 1)]
    times = 1.7e9 + rng.random(events) * 365 * 86_400
    return split(owners, rows, times, users, items, rng)


def split(
    owners: NDArray[np.int64],
    rows: NDArray[np.int64],
    times: NDArray[np.float64],
    users: int,
    items: int,
    rng: np.random.Generator,
) -> Log:
    """One item of each of some shoppers is for test, with all their events with it."""
    order = np.lexsort((times, owners))
    owners, rows, times = owners[order], rows[order], times[order]
    starts = np.searchsorted(owners, np.arange(users + 1))
    able = np.flatnonzero(np.diff(starts) >= 5)
    chosen = np.sort(rng.choice(able, min(TARGETS_OF, len(able)), replace=False))
    targets = rows[starts[chosen + 1] - 1]
    wanted = np.full(users, -1)
    wanted[chosen] = targets
    kept = rows != wanted[owners]
    train = Interactions(
        tuple(f"u{number:07d}" for number in range(users)),
        tuple(f"i{number:07d}" for number in range(items)),
        np.searchsorted(owners[kept], np.arange(users + 1)).astype(np.int64),
        rows[kept].astype(np.int32),
        np.ones(int(kept.sum())),
        times[kept],
        np.zeros(int(kept.sum()), np.int8),
    )
    return Log(train, chosen, targets)


def told(train: Interactions) -> dict[str, Any]:
    """How the log looks: its size, and how much the head has of it."""
    counts = np.sort(np.bincount(train.item_rows, minlength=len(train.items)))[::-1]
    pairs = len(train.pairs.item_rows)
    return {
        "users": len(train.users),
        "items": len(train.items),
        "events": len(train),
        "pairs": pairs,
        "items without an event": int((counts == 0).sum()),
        "share of the most popular 1 % of items": round(float(counts[: len(counts) // 100].sum() / counts.sum()), 3),
        "most events of a shopper": int(np.diff(train.starts).max()),
    }


def content_of(train: Interactions, *, seed: int = 1) -> Content:
    """A noisy vector of each item's group."""
    rng = np.random.default_rng(0)
    items = len(train.items)
    group_of = rng.permutation(items) % max(10, items // 200)  # the first draw of `generate`
    noise = np.random.default_rng(seed)
    middles = noise.normal(0, 1, (int(group_of.max()) + 1, 64)).astype(np.float32)
    vectors = middles[group_of] + noise.normal(0, 1.0, (items, 64)).astype(np.float32)
    present = noise.random(items) >= 0.1
    vectors[~present] = 0
    return Content(train.items, {"text": Embeddings(train.items, train.items, vectors, present)})


# ---- the rivals, each in a process of its own


def ours(work: Path, rival: str) -> dict[str, Any]:
    train, name = Interactions.load(work / "train.safetensors"), rival.split(",")[0].removesuffix(" with content")
    content = content_of(train) if "with content" in rival else None
    began = time.perf_counter()
    options = {"neighbours": NEIGHBOURS} if name == "item-knn" else {}
    model = make_model(name, **(searched_options(train, content) if rival.endswith(", searched") else options))
    model.fit(train, content, seed=0)
    fitted = time.perf_counter()
    some = next(blocks_of(train, USERS))
    ranked = model.recommend(some, K)
    done = time.perf_counter()
    alone = []
    for row in np.random.default_rng(2).integers(0, len(train.users), ALONE).tolist():
        began_one = time.perf_counter()
        one = next(iter(blocks_of(_one(train, row), 1)))
        model.recommend(one, K).ids()
        alone.append(1e3 * (time.perf_counter() - began_one))
    return {
        "fit_s": fitted - began,
        "batch_s": done - fitted,
        "alone": quantiles(alone),
        "recall": recall(ranked.rows, work),
    }


def searched_options(train: Interactions, content: Content | None) -> dict[str, Any]:
    """The filter's options that suit items held out of training, one each of 4,096 shoppers."""
    held, width = HeldOut.of(train), len(train.items)
    places = {user: row for row, user in enumerate(train.users)}
    asked = np.array([places[user] for user in held.histories.users], dtype=np.int64)
    pairs = train.user_rows.astype(np.int64) * width + train.item_rows
    validation = train.only(np.isin(pairs, asked * width + held.rows))
    return chosen_filter(held.train, validation, content).model.options


def _one(train: Interactions, row: int) -> Interactions:
    from dataclasses import replace

    part = slice(int(train.starts[row]), int(train.starts[row + 1]))
    return replace(
        train,
        users=(train.users[row],),
        starts=np.array([0, part.stop - part.start]),
        item_rows=train.item_rows[part],
        weights=train.weights[part],
        times=train.times[part],
        labels=train.labels[part],
    )


def implicitly(work: Path, rival: str) -> dict[str, Any]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import CosineRecommender

    matrix = Interactions.load(work / "train.safetensors").matrix
    matrix.data[:] = 1.0
    if rival.endswith("als"):
        model: Any = AlternatingLeastSquares(factors=64, iterations=15, random_state=0)
    else:
        model = CosineRecommender(K=NEIGHBOURS)
    began = time.perf_counter()
    model.fit(matrix, show_progress=False)
    fitted = time.perf_counter()
    parts = []
    for begin in range(0, matrix.shape[0], 1_024):
        users = np.arange(begin, min(begin + 1_024, matrix.shape[0]))
        parts.append(model.recommend(users, matrix[users], N=K, filter_already_liked_items=True)[0])
    done = time.perf_counter()
    return {"fit_s": fitted - began, "batch_s": done - fitted, "recall": recall(np.vstack(parts), work)}


def recall(rows: NDArray[Any], work: Path) -> float:
    """Of the held-out items, how many are among the best 20."""
    with np.load(work / "held.npz") as held:
        found = (rows[held["users"]] == held["items"][:, None]).any(axis=1)
    return float(found.mean())


if __name__ == "__main__":
    main()
