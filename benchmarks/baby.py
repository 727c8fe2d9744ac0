"""Recommendation on Amazon Baby from behaviour alone: reads ``amazon_baby``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.recommending import RULES, Split, read_split, run

PROTOCOL = (
    f"amazon_baby, {RULES}; behaviour only: the features of the items are not in the data; published on this split: "
    "LightGCN recall@20 .0698, ndcg@20 .0319; with features BM3 .0839/.0361, DiffMM .0975/.0411"
)
TARGETS = {"recall@20": 0.088}


def main() -> None:
    run(__doc__ or "", "baby", PROTOCOL, TARGETS, "amazon_baby", read)


def read(folder: Path) -> Split:
    """Events alone."""
    return Split(*read_split(folder), None)


if __name__ == "__main__":
    main()
