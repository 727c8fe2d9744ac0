"""Fill in docs/recommenders.md: what every recommender reached on every set, from the committed results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.common import RESULTS
from goodsense.recommend import MODELS

PAGE = RESULTS.parent.parent / "docs" / "recommenders.md"
START, END = "<!-- measured -->\n", "<!-- end of measured -->"
SETS: Mapping[str, tuple[str, tuple[str, str]]] = {
    "sports": ("Sports", ("recall@20", "ndcg@20")),
    "baby": ("Baby", ("recall@20", "ndcg@20")),
    "tiktok_recommend": ("TikTok", ("recall@20", "ndcg@20")),
    "instruments18": ("Instruments", ("recall@20", "ndcg@20")),
    "office18_text": ("Office", ("recall@20", "ndcg@20")),
    "ml100k": ("ml100k", ("recall@20", "ndcg@20")),
}
TIMED = "sports"  # whose fits are told


def main() -> None:
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")


def filled(text: str) -> str:
    """The page with its table made anew."""
    before, rest = text.split(START)
    after = rest.split(END)[-1]
    return f"{before}{START}\n" + "\n".join(table()) + f"\n\n{END}{after}"


def table() -> Iterator[str]:
    """A line for every recommender and every peer: recall and NDCG at 20 on test, and the seconds of a fit."""
    found = {name: figures_of(name) for name in SETS if (RESULTS / f"{name}.json").exists()}
    rows = rows_of(found)
    yield "| recommender | " + " | ".join(SETS[name][0] for name in found) + f" | fit, s ({SETS[TIMED][0]}) |"
    yield "|---|" + "---|" * (len(found) + 1)
    best = {
        name: max((pair[1] for pair in own.values() if pair[1] is not None), default=None)
        for name, own in found.items()
    }
    fits = seconds() if TIMED in found else {}
    for row in rows:
        cells = [cell(found[name].get(row), best[name]) for name in found]
        yield f"| `{row}` | " + " | ".join(cells) + f" | {fits.get(row, '')} |"


def rows_of(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """All that was measured: ours in the order of the registry, variants behind their model, then peers."""
    every = list(dict.fromkeys(row for own in found.values() for row in own))
    order = {name: place for place, name in enumerate(MODELS)}
    return sorted(every, key=lambda row: (order.get(re.split(r" \(", row)[0], len(order)), every.index(row)))


def figures_of(name: str) -> dict[str, tuple[float | None, float | None]]:
    """Recommender -> its two figures on a set."""
    report: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    found: dict[str, list[float | None]] = {}
    for title, figure in report["figures"].items():
        row, _, metric = title.rpartition(": ")
        if metric in SETS[name][1] and not row.startswith("cold items"):
            found.setdefault(row, [None, None])[SETS[name][1].index(metric)] = figure["value"]
    return {row: (pair[0], pair[1]) for row, pair in found.items()}


def seconds() -> dict[str, str]:
    """Recommender -> processor seconds of one fit."""
    report: dict[str, Any] = json.loads((RESULTS / f"{TIMED}.json").read_text("utf-8"))
    fits = {
        title.removesuffix(": fit"): own["value"] for title, own in report["figures"].items() if title.endswith(": fit")
    }
    return {row: f"{value:.3g}" for row, value in fits.items()}


def cell(pair: tuple[float | None, float | None] | None, best: float | None) -> str:
    if pair is None or None in pair:
        return ""
    told = " / ".join(f"{value:.4f}".lstrip("0") if value else "0" for value in pair)
    return f"**{told}**" if best is not None and pair[1] == best else told


if __name__ == "__main__":
    main()
