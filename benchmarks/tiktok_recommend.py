"""Recommendation of TikTok videos with vectors of image and audio: reads ``tiktok``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common import Bench, parser, report_path
from benchmarks.recommending import RULES, Split, compared, item_ids, read_split
from benchmarks.tiktok import read_blocks
from goodsense.recommend import Content
from goodsense.types import Embeddings

PROTOCOL = (
    f"tiktok, {RULES}; content: the given vectors of image and audio; published on this split: MMHCL recall@20 .1139, "
    "ndcg@20 .0492 (with text, which is not in the data)"
)
TARGETS = {"recall@20": 0.117, "ndcg@20": 0.051}


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--only", nargs="+", help="some of the models; makes no result of its own")
    options = made.parse_args()
    bench = Bench("tiktok_recommend", PROTOCOL, seeds={"models": 0})
    path = report_path(options, bench.name, whole=options.only is None)
    for _ in compared(bench, read, options.data / "tiktok", TARGETS, options.only):
        if path is not None:
            bench.write(path)
    if path is None:
        bench.write(None)


def read(folder: Path) -> Split:
    """Events, and the vectors of pictures and sounds."""
    blocks = read_blocks(folder)
    ids = item_ids(len(blocks["image"]))
    own = {name: Embeddings.of_products(ids, block.vectors, block.present) for name, block in blocks.items()}
    return Split(*read_split(folder, len(ids)), Content(ids, own))


if __name__ == "__main__":
    main()
