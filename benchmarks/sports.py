"""Recommendation on Amazon Sports with keywords, categories and path words: reads ``amazon_sports``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.recommending import RULES, Split, item_ids, read_split, run
from goodsense.recommend import Content

PROTOCOL = (
    f"amazon_sports, {RULES}; content: keywords, path words and attributes of the items as tags; published on "
    "this split: MMHCL recall@20 .1064, ndcg@20 .0501 (2.5 h on a GPU)"
)
TARGETS = {"recall@20": 0.112, "ndcg@20": 0.053, "search": 60.0}


def main() -> None:
    run(__doc__ or "", "sports", PROTOCOL, TARGETS, "amazon_sports", read)


def read(folder: Path) -> Split:
    """Events, and tags of items: every word and every attribute is one."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(folder / "items.parquet")
    columns = (table[name].to_pylist() for name in ("keywords", "path", "attributes"))
    tags = tuple(
        tuple(
            dict.fromkeys(
                [
                    *(f"keyword={word}" for word in words.split()),
                    *(f"path={word}" for word in path.split()),
                    *(f"attribute={number}" for number in numbers),
                ]
            )
        )
        for words, path, numbers in zip(*columns, strict=True)
    )
    return Split(*read_split(folder, len(tags)), Content(item_ids(len(tags)), tags=tags))


if __name__ == "__main__":
    main()
