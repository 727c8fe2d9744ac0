"""Next item on Amazon Musical Instruments 2018: sequence models by ids, content and both, and items nobody touched.

Reads ``amazon_instruments18``: the order of what users took, and codes of texts and pictures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, report_path
from benchmarks.sequences import Asked, Whole, figures, fitted, log_of, searched, summary
from goodsense.events import Interactions
from goodsense.recommend import Content
from goodsense.types import Embeddings

PROTOCOL = (
    "amazon_instruments18 (Musical Instruments 2018, 5-core, given leave-one-out split): models learn from train "
    "events alone, networks stop by nDCG@20 of last train items that they hold out themselves; networks and "
    "content have one setting, those of the others are chosen on val "
    "(history: train events), test is touched once (history: train and val events); the target is ranked among all "
    "6,250 items but those in the user's history; one target a user, so recall is hit rate; content: for each modality "
    "one-hot prefixes of the given codes, 1 to 3 long, that two items share, by truncated SVD to 256 columns; cold "
    "items: a tenth of the items is drawn, all their train events are taken out, users whose test item is among them "
    "are asked with a history without them, ranked among all items and among the cold ones alone; intervals by "
    "bootstrap over users"
)
PLAIN = ("popular", "item-knn", "user-knn", "session-knn", "ease", "ease-side", "graph-filter", "content")
FIXED: dict[str, tuple[str, dict[str, Any]]] = {  # not searched: networks, and what would take long to search
    "sasrec (both)": ("sasrec", {"inputs": "both"}),
    "sasrec (ids)": ("sasrec", {"inputs": "ids"}),
    "sasrec (content)": ("sasrec", {"inputs": "content"}),
    "gru4rec (both)": ("gru4rec", {"inputs": "both"}),
    "cnn, caser (both)": ("cnn", {"inputs": "both", "shape": "caser"}),
    "next-basket (both)": ("next-basket", {"inputs": "both"}),
    "cnn, nextitnet (both)": ("cnn", {"inputs": "both"}),
    "content": ("content", {"attention": 0.0, "fading": 0.8}),
}
NETWORKS = tuple(name for name in FIXED if name != "content")
COLD = ("sasrec (content)", "sasrec (both)", "sasrec (ids)")
COLD_PLAIN = ("popular", "item-knn", "ease-side", "content")
NEXT, UNTOUCHED = "next item", "cold items"
SEEDS, COLUMNS, DEPTH = 5, 256, 3
CLEARLY = 0.01  # "clearly above popularity" of the issue, in nDCG@20 among all items


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


@dataclass(frozen=True, eq=False)
class Question:
    """One way to ask: what models learn from, what they are asked, among which items, and slices of the asked."""

    name: str
    train: Interactions
    test: Asked
    among: Mapping[str, NDArray[np.bool_] | None]
    slices: Mapping[str, NDArray[np.bool_]]


@dataclass(eq=False)
class Row:
    """What came of one model over the seeds: figures of every asked user, by where they were sought."""

    question: str
    model: str
    options: dict[str, Any]
    runs: list[dict[str, dict[str, NDArray[np.float64]]]]
    wall_s: list[float]
    cpu_s: list[float]

    def told(self, slices: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
        """The row as JSON."""
        first = next(iter(self.runs[0]))
        return {
            "model": self.model,
            "options": self.options,
            "seeds": len(self.runs),
            **{among: summary([run[among] for run in self.runs]) for among in self.runs[0]},
            "slices": {
                name: summary([{key: own[mask] for key, own in run[first].items()} for run in self.runs])
                for name, mask in slices.items()
                if mask.any()
            },
            "fit_wall_s": round(float(np.mean(self.wall_s)), 1),
            "fit_cpu_s": round(float(np.mean(self.cpu_s)), 1),
        }


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--seeds", type=int, default=SEEDS, help="of networks, at most")
    made.add_argument("--minutes", type=float, default=math.inf, help="begin no fit later; every row tells its seeds")
    made.add_argument("--only", nargs="+", help="some of the models; the others stay as they are in the report")
    made.add_argument("--question", nargs="+", choices=(NEXT, UNTOUCHED), default=(NEXT, UNTOUCHED), help="with --only")
    options = made.parse_args()
    bench = Bench("instruments18", PROTOCOL, seeds={"cold items": 0}, settings={"seeds at most": options.seeds})
    path = report_path(options, bench.name, whole=True)
    assert path is not None
    data = read(options.data / "amazon_instruments18")
    asked = questions(data)
    table = kept(path) if options.only is not None else {}
    rows: dict[tuple[str, str], Row] = {}
    for question, name, seed in jobs(options.question, options.seeds, options.only):
        if time.perf_counter() - bench.started > 60 * options.minutes:
            break
        with bench.stage(f"{question}: {name}"):
            row = one(asked[question], data, name, seed, rows)
        table[question, name] = row.told(asked[question].slices)
        tell(bench, asked, table)
        bench.write(path)


def kept(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of an earlier report, by question and model."""
    import json

    details = json.loads(path.read_text("utf-8"))["details"] if path.exists() else {}
    return {(question, row["model"]): row for question, own in details.items() for row in own["table"]}


def jobs(asked: Sequence[str], seeds: int, only: Sequence[str] | None) -> Iterator[tuple[str, str, int]]:
    """Question, model and seed; all models have a seed before any has the next."""
    for seed in range(seeds):
        for question in asked:
            plain = PLAIN if question == NEXT else COLD_PLAIN
            networks = NETWORKS if question == NEXT else COLD
            for name in (*networks, *(plain if seed == 0 else ())):
                if only is None or name in only:
                    yield question, name, seed


def kind_of(name: str) -> tuple[str, dict[str, Any]]:
    return FIXED.get(name, (name, {}))


def questions(data: Data) -> dict[str, Question]:
    """The next item, and the next item where it is one that nobody touched."""
    train, test = data.log(data.parts == 0), data.asked(2)
    events = np.bincount(train.item_rows, minlength=len(train.items))
    few = np.diff(test.histories.starts) <= 5
    slices = {"cold items": events[test.targets] == 0, "5 events or fewer": few, "more events": ~few}
    cold = np.zeros(len(data.content), dtype=np.bool_)
    cold[np.random.default_rng(0).choice(len(cold), len(cold) // 10, replace=False)] = True
    without = data.log((data.parts == 0) & ~cold[data.items])
    asked = data.asked(2, ~cold[data.items] | (data.parts == 2))
    asked = asked.only(cold[asked.targets])
    return {
        NEXT: Question(NEXT, train, test, {"test": None}, slices),
        UNTOUCHED: Question(UNTOUCHED, without, asked, {"all items": None, "cold items alone": cold}, {}),
    }


def one(question: Question, data: Data, name: str, seed: int, rows: dict[tuple[str, str], Row]) -> Row:
    """Fit a model and ask it."""
    kind, options = kind_of(name)
    key = (question.name, name)
    if key not in rows:
        chosen = options or (
            searched(kind, question.train, data.content, data.asked(1)) if question.name == NEXT else {}
        )
        rows[key] = Row(question.name, name, chosen, [], [], [])
    row = rows[key]
    fit = fitted(kind, question.train, data.content, row.options, seed)
    row.runs.append({among: figures(fit.model, question.test, allowed=mask) for among, mask in question.among.items()})
    row.wall_s.append(fit.wall_s)
    row.cpu_s.append(fit.cpu_s)
    return row


def tell(bench: Bench, asked: Mapping[str, Question], table: Mapping[tuple[str, str], dict[str, Any]]) -> None:
    """All that is known so far, in the report."""
    bench.figures.clear()
    bench.details = {
        name: {
            "users": len(question.test.targets),
            **{f"users, {each}": int(mask.sum()) for each, mask in question.slices.items()},
            "table": [row for (where, _), row in table.items() if where == name],
        }
        for name, question in asked.items()
    }
    for (question, model), row in table.items():
        for among in asked[question].among:
            for metric in ("recall@10", "recall@20", "ndcg@10", "ndcg@20"):
                start, end = ("", "") if question == NEXT else ("cold split, ", f" among {among}")
                bench.figures[f"{start}{model}: {metric}{end}"] = figure(row[among][metric])
    popular = table.get((UNTOUCHED, "popular"))
    for model in COLD[:2]:
        if popular is not None and (UNTOUCHED, model) in table:
            gain = table[UNTOUCHED, model]["all items"]["ndcg@20"] - popular["all items"]["ndcg@20"]
            bench.figures[f"cold split, {model} over popular: ndcg@20 among all items"] = figure(gain, CLEARLY)


def figure(value: float, target: float | None = None) -> dict[str, Any]:
    return {"value": value, "unit": "", "better": "higher", "target": target}


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
