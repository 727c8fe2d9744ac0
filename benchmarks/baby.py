"""Recommendation on Amazon Baby from behaviour alone: reads ``amazon_baby``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common import Bench, parser, report_path
from benchmarks.recommending import RULES, Split, compared, read_split

PROTOCOL = (
    f"amazon_baby, {RULES}; behaviour only: the features of the items are not in the data; published on this split: "
    "LightGCN recall@20 .0698, ndcg@20 .0319; with features BM3 .0839/.0361, DiffMM .0975/.0411"
)
TARGETS = {"recall@20": 0.088}


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--only", nargs="+", help="some of the models; makes no result of its own")
    options = made.parse_args()
    bench = Bench("baby", PROTOCOL, seeds={"models": 0})
    path = report_path(options, bench.name, whole=options.only is None)
    for _ in compared(bench, read, options.data / "amazon_baby", TARGETS, options.only):
        if path is not None:
            bench.write(path)
    if path is None:
        bench.write(None)


def read(folder: Path) -> Split:
    """Events alone."""
    return Split(*read_split(folder), None)


if __name__ == "__main__":
    main()
