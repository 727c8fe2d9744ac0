"""A million rows through every streaming feed format: rows per second and peak memory, reading and writing.

Every format gets the same generated products, written by its own writer; the file is then read in a fresh process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import Bench, disk_mb, in_child, parser, report_path, say, working_directory
from benchmarks.generated import products
from goodsense.catalog import Product
from goodsense.catalog.feeds import FORMATS, read_feed, write_feed
from goodsense.tables import Rejects
from goodsense.types import AudioRef, ImageRef, VideoRef

ROWS = 1_000_000
MEMORY_MIB = 500
FAST, SLOW = 5_000, 2_500  # rows per second that are asked of tables and JSON Lines, and of XML and Shopify
ASKED_SLOW = frozenset({"google-xml", "shopify", "shopify-jsonl"})
WHOLE = frozenset({"image-folder"})  # a folder of files, which no million rows stream through


def main() -> None:
    made = parser(__doc__ or "", data=False)
    made.add_argument("--rows", type=int, default=ROWS, help="rows per format")
    made.add_argument("--only", nargs="+", help="some formats")
    options = made.parse_args()
    names = [known.name for known in FORMATS if known.name not in WHOLE]
    bench = Bench(
        "feeds",
        f"{options.rows:,} generated products, one row each, written by the format's writer and read back by "
        "`read_feed` in a process of its own; peak memory is that of the reading process. Rows count products; "
        "a Shopify or WooCommerce product has one line here",
        settings={"rows": options.rows},
    )
    with working_directory(options.work) as work:
        for name in options.only or names:
            measure(bench, name, work / "feed", options.rows)
    whole = options.rows == ROWS and not options.only
    bench.write(report_path(options, "feeds", whole=whole))


def measure(bench: Bench, name: str, path: Path, rows: int) -> None:
    """One format, written and read."""
    with bench.stage(name):
        written = in_child(_write, name, str(path), rows)
        size = disk_mb(path)
        read = in_child(_read, name, str(path))
    path.unlink()
    bench.details[name] = {"written": written, "read": read, "file_mb": round(size, 1)}
    if read["products"] != rows or read["rejected"]:
        raise SystemExit(f"{name}: {read['products']} of {rows} products came back, {read['rejected']} were rejected")
    target = SLOW if name in ASKED_SLOW else FAST
    bench.figure(f"{name}: read", rows / read["seconds"], target=target, unit="rows/s")
    bench.figure(f"{name}: peak memory", read["peak_rss_mb"], target=MEMORY_MIB, better="lower", unit="MiB")
    bench.figure(f"{name}: write", rows / written["seconds"], unit="rows/s")


def _write(name: str, path: str, rows: int) -> dict[str, Any]:
    started = time.perf_counter()
    count = write_feed(_products(name, rows), Path(path), format=name)
    return {"products": count, "seconds": time.perf_counter() - started}


def _products(name: str, rows: int) -> Iterator[Product]:
    """The generated products, with a picture, and with a clip where a format is about clips."""
    for number, product in enumerate(products(rows)):
        media = (VideoRef(f"v/{number}.mp4"), AudioRef(f"a/{number}.wav")) if name == "clips" else ()
        yield replace(product, media=media[:1] or (ImageRef(f"https://shop.example/{number}.jpg"),))


def _read(name: str, path: str) -> dict[str, Any]:
    rejects = Rejects.to_memory(keep=3)
    started = time.perf_counter()
    feed = read_feed(Path(path), format=name, rejects=rejects, currency="CNY")
    count = sum(1 for _ in feed)
    seconds = time.perf_counter() - started
    for reject in rejects.first:
        say(str(reject))
    return {"products": count, "seconds": seconds, "rejected": rejects.rows}


if __name__ == "__main__":
    main()
