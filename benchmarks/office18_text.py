"""Next item on Amazon Office Products 2018 with whole titles and descriptions: what content does where the log is thin.

Reads ``amazon_office18_text``: items with texts, and what users took before each validation and test event.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, report_path
from benchmarks.sequences import KS, Asked, figures, fitted, searched, summary
from goodsense.encoders.lsa import LsaEncoder
from goodsense.events import Interactions
from goodsense.recommend import Content, histories_of
from goodsense.text.clean import clean
from goodsense.types import Embeddings

PROTOCOL = (
    "amazon_office18_text (Office Products 2018, given split by global time; the training log is not in the data): "
    "models learn from what users of val events took, first history and all val targets, which is earlier than every "
    "test event; settings are chosen on val with the histories before each user's first val target as the log; every "
    "test event is asked once with its given history (at most 10 items), its target ranked among all 3,459 items but "
    "those of the history (a target that is in it counts as missed); content: LSA of title, brand and description, 256 "
    "columns, fitted on the texts of all items; not comparable with models of the full training log; intervals by "
    "bootstrap over events"
)
PLAIN = ("popular", "item-knn", "session-knn", "ease", "content", "ease-side", "graph-filter")
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "sasrec (content)": ("sasrec", {"inputs": "content", "batch": 32}),
    "sasrec (both)": ("sasrec", {"inputs": "both", "batch": 32}),
    "gru4rec (content)": ("gru4rec", {"inputs": "content", "batch": 32}),
    "sasrec (ids)": ("sasrec", {"inputs": "ids", "batch": 32}),
    "cnn, caser (content)": ("cnn", {"inputs": "content", "shape": "caser", "batch": 32}),
}
SEEDS = 5
CLEARLY = 0.01  # above popularity, in nDCG@20 of items that nobody touched


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--seeds", type=int, default=SEEDS, help="of networks")
    made.add_argument("--only", nargs="+", help="some of the models; makes no result of its own")
    options = made.parse_args()
    bench = Bench("office18_text", PROTOCOL, seeds={"lsa": 0}, settings={"seeds of networks": options.seeds})
    path = report_path(options, bench.name, whole=options.only is None)
    for _ in run(bench, options.data / "amazon_office18_text", options.seeds, options.only):
        if path is not None:
            bench.write(path)
    if path is None:
        bench.write(None)


def run(bench: Bench, folder: Path, seeds: int, only: Sequence[str] | None) -> Iterator[str]:
    """Model after model; the report holds all that was found so far."""
    content, events = read_items(folder), read_events(folder)
    val, test = ([own for own in events if own["split"] == split] for split in (1, 2))
    early, log = learned_from(val, content.ids, targets=False), learned_from(val, content.ids, targets=True)
    asked_val, asked = asked_of(val, content.ids), asked_of(test, content.ids)
    touched = np.bincount(log.item_rows, minlength=len(content)) > 0
    slices = {"cold items": ~touched[asked.targets], "warm items": touched[asked.targets]}
    names = [name for name in (*PLAIN, *NETWORKS) if only is None or name in only]
    table: list[dict[str, Any]] = []
    bench.details |= {
        "log": {"users": len(log.users), "events": len(log), "items touched": int(touched.sum())},
        "asked": {"events": len(asked.targets), "targets in the history": repeated(asked)},
        **{f"asked, {name}": int(mask.sum()) for name, mask in slices.items()},
        "table": table,
    }
    for name in names:
        kind, options = kind_of(name)
        with bench.stage(name):
            options = options or searched(kind, early, content, asked_val)
            fits = [fitted(kind, log, content, options, seed) for seed in range(seeds if name in NETWORKS else 1)]
            runs = [figures(fit.model, asked) for fit in fits]
        table.append(told(name, options, runs, slices) | {"fit_cpu_s": round(fits[0].cpu_s, 2)})
        for metric in (f"{what}@{k}" for what in ("recall", "ndcg") for k in KS):
            bench.figure(f"{name}: {metric}", table[-1]["test"][metric])
        against_popular(bench, table)
        yield name


def kind_of(name: str) -> tuple[str, dict[str, Any]]:
    return NETWORKS.get(name, (name, {}))


def told(
    name: str,
    options: Mapping[str, Any],
    runs: Sequence[Mapping[str, NDArray[np.float64]]],
    slices: Mapping[str, NDArray[np.bool_]],
) -> dict[str, Any]:
    """A line of the table."""
    parts = {
        each: summary([{key: own[mask] for key, own in run.items()} for run in runs]) for each, mask in slices.items()
    }
    return {"model": name, "options": dict(options), "seeds": len(runs), "test": summary(runs), "slices": parts}


def against_popular(bench: Bench, table: Sequence[Mapping[str, Any]]) -> None:
    """What the last model of the table finds of items that nobody touched, beside popularity."""
    cold = {row["model"]: row["slices"]["cold items"]["ndcg@20"] for row in table}
    name = table[-1]["model"]
    bench.figure(f"cold items, {name}: ndcg@20", cold[name])
    if name in ("content", "sasrec (content)", "sasrec (both)"):
        bench.figure(f"cold items, {name} over popular: ndcg@20", cold[name] - cold.get("popular", 0.0), target=CLEARLY)


def repeated(asked: Asked) -> int:
    """Targets that are in their own history."""
    own = asked.targets[asked.histories.user_rows] == asked.histories.item_rows
    return len(np.unique(asked.histories.user_rows[own]))


# ---- files


def read_items(folder: Path) -> Content:
    """Texts as content."""
    import pyarrow.parquet as parquet

    rows = sorted(parquet.read_table(folder / "items.parquet").to_pylist(), key=lambda row: row["item"])
    ids = tuple(item_id(row["item"]) for row in rows)
    texts = [
        {"title": clean(row["title"] or ""), "brand": row["brand"] or "", "description": described(row["description"])}
        for row in rows
    ]
    vectors = LsaEncoder().fit(texts, seed=0).encode(texts)
    return Content(ids, {"text": Embeddings.of_products(ids, vectors, np.any(vectors != 0, axis=1))})


def described(text: str | None) -> str:
    """The paragraphs of a description, which the source has as a Python list."""
    try:
        parts = ast.literal_eval(text or "[]")
    except (SyntaxError, ValueError):
        parts = [text]
    return clean(" ".join(str(part) for part in parts))


def read_events(folder: Path) -> list[dict[str, Any]]:
    """All events in the order of the file, which is that of time for every user."""
    import pyarrow.parquet as parquet

    rows: list[dict[str, Any]] = parquet.read_table(folder / "eval_events.parquet").to_pylist()
    return rows


def learned_from(events: Sequence[Mapping[str, Any]], ids: tuple[str, ...], *, targets: bool) -> Interactions:
    """What each user had taken before the first of these events, and with ``targets`` also what they took then."""
    taken: dict[str, list[str]] = {}
    for event in events:
        own = taken.setdefault(event["user"], [item_id(item) for item in event["history"]])
        if targets:
            own.append(item_id(event["target"]))
    return over(histories_of(list(taken.values()), users=list(taken)), ids)


def asked_of(events: Sequence[Mapping[str, Any]], ids: tuple[str, ...]) -> Asked:
    """Every event as a question of its own."""
    histories = histories_of([[item_id(item) for item in event["history"]] for event in events])
    places = {id: row for row, id in enumerate(ids)}
    targets = np.array([places[item_id(event["target"])] for event in events], dtype=np.int64)
    return Asked(over(histories, ids), targets)


def over(histories: Interactions, ids: tuple[str, ...]) -> Interactions:
    """The same histories over all items."""
    from goodsense.recommend.histories import aligned

    return aligned(histories, ids, {id: row for row, id in enumerate(ids)})


def item_id(number: int) -> str:
    return f"o{number:05d}"


if __name__ == "__main__":
    main()
