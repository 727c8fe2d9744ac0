"""Recommendation of TikTok videos with vectors of image and audio: reads ``tiktok``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.recommending import RULES, Split, item_ids, read_split, run
from benchmarks.tiktok import read_blocks
from goodsense.recommend import Content
from goodsense.types import Embeddings

PROTOCOL = (
    f"tiktok, {RULES}; content: the given vectors of image and audio; published on this split: MMHCL recall@20 .1139, "
    "ndcg@20 .0492 (with text, which is not in the data)"
)
TARGETS = {"recall@20": 0.117, "ndcg@20": 0.051}


def main() -> None:
    run(__doc__ or "", "tiktok_recommend", PROTOCOL, TARGETS, "tiktok", read)


def read(folder: Path) -> Split:
    """Events, and the vectors of pictures and sounds."""
    blocks = read_blocks(folder)
    ids = item_ids(len(blocks["image"]))
    own = {name: Embeddings.of_products(ids, block.vectors, block.present) for name, block in blocks.items()}
    return Split(*read_split(folder, len(ids)), Content(ids, own))


if __name__ == "__main__":
    main()
