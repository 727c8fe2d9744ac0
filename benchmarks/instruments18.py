"""Next item on Amazon Musical Instruments 2018: sequence models by ids, content and both, and items nobody touched.

Reads ``amazon_instruments18``: the order of what users took, and codes of texts and pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, report_path
from benchmarks.sequences import Asked, Fitted, Whole, figures, fitted, log_of, searched, summary
from goodsense.events import Interactions
from goodsense.recommend import MODELS, Content
from goodsense.types import Embeddings

PROTOCOL = (
    "amazon_instruments18 (Musical Instruments 2018, 5-core, given leave-one-out split): models learn from train "
    "events alone, networks stop by nDCG@20 of last train items that they hold out themselves, settings chosen on val "
    "(history: train events), test is touched once (history: train and val events); the target is ranked among all "
    "6,250 items but those in the user's history; one target a user, so recall is hit rate; content: for each modality "
    "one-hot prefixes of the given codes, 1 to 3 long, that two items share, by truncated SVD to 256 columns; cold "
    "items: a tenth of the items is drawn, all their train events are taken out, users whose test item is among them "
    "are asked with a history without them, ranked among all items and among the cold ones alone; intervals by "
    "bootstrap over users"
)
PLAIN = ("popular", "recent", "item-knn", "user-knn", "session-knn", "ease", "ease-side", "slim", "graph-filter")
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "sasrec (ids)": ("sasrec", {"inputs": "ids"}),
    "sasrec (content)": ("sasrec", {"inputs": "content"}),
    "sasrec (both)": ("sasrec", {"inputs": "both"}),
    "gru4rec (both)": ("gru4rec", {"inputs": "both"}),
    "cnn, nextitnet (both)": ("cnn", {"inputs": "both"}),
    "cnn, caser (both)": ("cnn", {"inputs": "both", "shape": "caser"}),
    "next-basket (both)": ("next-basket", {"inputs": "both"}),
}
COLD = ("sasrec (ids)", "sasrec (content)", "sasrec (both)")
SEEDS, COLUMNS, DEPTH = 5, 256, 3
TARGETS = {"cold split, sasrec (content) over popular: nDCG@20": 0.005}


@dataclass(frozen=True, eq=False)
class Data:
    """Who took what, in which order and part (0 train, 1 val, 2 test), all ``(e,)``; and what is known of the items."""

    users: Whole
    items: Whole
    places: NDArray[np.float64]
    parts: Whole
    content: Content

    def log(self, mask: NDArray[np.bool_]) -> Interactions:
        """Some events, over all users and items."""
        count = int(self.users.max()) + 1
        return log_of(self.users[mask], self.items[mask], self.places[mask], self.content.ids, count)

    def asked(self, part: int, mask: NDArray[np.bool_] | None = None) -> Asked:
        """What came in a part, and what every user took before; of events under a mask alone."""
        kept = np.ones(len(self.users), dtype=np.bool_) if mask is None else mask
        targets = np.full(int(self.users.max()) + 1, -1)
        own = (self.parts == part) & kept
        targets[self.users[own]] = self.items[own]
        return Asked(self.log((self.parts < part) & kept), targets).only(targets >= 0)


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--seeds", type=int, default=SEEDS, help="of whatever is random")
    made.add_argument("--only", nargs="+", help="some of the models; makes no result of its own")
    options = made.parse_args()
    seeds = list(range(options.seeds))
    bench = Bench("instruments18", PROTOCOL, seeds={str(seed): seed for seed in seeds})
    run(bench, read(options.data / "amazon_instruments18"), seeds, options.only)
    bench.write(report_path(options, bench.name, whole=options.only is None))


def run(bench: Bench, data: Data, seeds: Sequence[int], only: Sequence[str] | None) -> None:
    names = [name for name in (*PLAIN, *NETWORKS) if only is None or name in only]
    with bench.stage("next item"):
        bench.details["next item"] = next_item(bench, data, [name for name in names if known(name)], seeds)
    with bench.stage("cold items"):
        cold = ("popular", *COLD) if only is None else [name for name in names if name in COLD]
        bench.details["cold items"] = cold_items(bench, data, cold, seeds)


def known(name: str) -> bool:
    return kind_of(name)[0] in MODELS


def kind_of(name: str) -> tuple[str, dict[str, Any]]:
    return NETWORKS.get(name, (name, {}))


def next_item(bench: Bench, data: Data, names: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    train, val, test = data.log(data.parts == 0), data.asked(1), data.asked(2)
    events = np.bincount(train.item_rows, minlength=len(train.items))
    cold, few = events[test.targets] == 0, np.diff(test.histories.starts) <= 5
    table = []
    for name in names:
        kind, options = kind_of(name)
        options = options or searched(kind, train, data.content, val)
        fits = [fitted(kind, train, data.content, options, seed) for seed in (seeds if name in NETWORKS else (0,))]
        runs = [figures(fit.model, test) for fit in fits]
        slices = {"cold items": cold, "5 events or fewer": few, "more events": ~few}
        table.append(
            {
                "model": name,
                "options": options,
                "test": summary(runs),
                "validation": round(float(np.mean([figures(fit.model, val)["ndcg@20"].mean() for fit in fits])), 5),
                "slices": {each: summary([part(run, mask) for run in runs]) for each, mask in slices.items()},
                **effort(fits),
            }
        )
        for metric in ("recall@10", "recall@20", "ndcg@10", "ndcg@20"):
            bench.figure(f"{name}: {metric}", table[-1]["test"][metric])
    return table


def part(run: dict[str, NDArray[np.float64]], mask: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    return {name: values[mask] for name, values in run.items()}


def effort(fits: Sequence[Fitted]) -> dict[str, float]:
    """Seconds of one fit, the mean over seeds."""
    wall, cpu = (float(np.mean([getattr(fit, name) for fit in fits])) for name in ("wall_s", "cpu_s"))
    return {"fit_wall_s": round(wall, 2), "fit_cpu_s": round(cpu, 2)}


def cold_items(bench: Bench, data: Data, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    cold = np.zeros(len(data.content), dtype=np.bool_)
    cold[rng.choice(len(cold), len(cold) // 10, replace=False)] = True
    train = data.log((data.parts == 0) & ~cold[data.items])
    asked = data.asked(2, ~cold[data.items] | (data.parts == 2))
    asked = asked.only(cold[asked.targets])
    table = []
    for name in names:
        kind, options = kind_of(name)
        fits = [fitted(kind, train, data.content, options, seed) for seed in (seeds if name in NETWORKS else (0,))]
        among_all = summary([figures(fit.model, asked) for fit in fits])
        among_cold = summary([figures(fit.model, asked, allowed=cold) for fit in fits])
        table.append({"model": name, "among all items": among_all, "among cold items": among_cold, **effort(fits)})
        bench.figure(f"cold split, {name}: nDCG@20", among_all["ndcg@20"])
        bench.figure(f"cold split, {name}: nDCG@20 among cold items", among_cold["ndcg@20"])
    found = {row["model"]: row["among all items"]["ndcg@20"] for row in table}
    for name in ("sasrec (content)", "sasrec (both)"):
        if name in found and "popular" in found:
            gain = f"cold split, {name} over popular: nDCG@20"
            bench.figure(gain, found[name] - found["popular"], target=TARGETS.get(gain))
    return {"cold items": int(cold.sum()), "users": len(asked.targets), "table": table}


# ---- files


def read(folder: Path) -> Data:
    """Interactions, and codes as content."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(folder / "interactions.parquet")
    users, items, places, parts = (table[name].to_numpy() for name in ("user", "item", "pos", "split_loo"))
    known = parquet.read_table(folder / "items.parquet")
    order = np.argsort(known["item"].to_numpy())
    ids = tuple(f"i{number:05d}" for number in range(len(order)))
    blocks = {}
    for name in ("text", "image"):
        codes = np.array(known[f"{name}_codes"].to_pylist(), dtype=np.int64)[order]
        blocks[name] = Embeddings.of_products(ids, of_codes(codes))
    as_whole = [each.astype(np.int64) for each in (users, items, parts)]
    return Data(as_whole[0], as_whole[1], places.astype(np.float64), as_whole[2], Content(ids, blocks))


def of_codes(codes: Whole) -> NDArray[np.float32]:
    """Codes ``(n, l)``, coarse to fine, as vectors ``(n, COLUMNS)``: what shares a longer prefix is nearer."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.decomposition import TruncatedSVD

    parts = []
    for depth in range(1, DEPTH + 1):
        places = np.unique(codes[:, :depth], axis=0, return_inverse=True)[1].ravel()
        matrix = csr_matrix((np.ones(len(codes)), (np.arange(len(codes)), places)))
        parts.append(matrix[:, np.bincount(places) > 1])
    found: NDArray[np.float32] = TruncatedSVD(COLUMNS, random_state=0).fit_transform(hstack(parts)).astype(np.float32)
    return found


if __name__ == "__main__":
    main()
