"""Kill -9 at random moments of ingest and build; nothing acknowledged may be lost and the next run goes on."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from goodsense.shop import Shop
from goodsense.shop.build import build
from goodsense.shop.encoding import BLOCKS
from goodsense.shop.recipe import Recipe
from goodsense.shop.truth import Truth
from tests.shop.catalogs import full_toys, shoppers_of, toy

PRODUCTS = 30
QUERIES = ("wooden train", "red drum", "blue kite plastic", "teapot")

_INGEST = """
import sys
from pathlib import Path
import goodsense.shop.ingest as ingest
from goodsense.shop import Shop
ingest.BATCH = 50
with Shop.create(Path(sys.argv[1])) as shop:
    print("ready", flush=True)
    shop.ingest(Path(sys.argv[2]), progress=lambda stage, done, total: print(done, flush=True))
"""
_BUILD = """
import sys
from pathlib import Path
from goodsense.shop.build import build
from goodsense.shop.recipe import Recipe
build(Path(sys.argv[1]), Recipe(), workers=1, progress=lambda stage, done, total, note="": print(stage, flush=True))
"""


def run_ingest_kills(work: Path, count: int, seed: int, products: int = 6_000) -> dict[str, Any]:
    """Kill ``count`` ingests; every row whose batch was acknowledged must be there, and a rerun completes the rest."""
    rng = random.Random(seed)
    feed = work / "feed.csv"
    rows = _write_feed(feed, products)
    span = _time_ingest(work, feed)
    acknowledged_in_all = 0
    for number in range(count):
        shop = work / f"ingest-{number}"
        child = _start(_INGEST, shop, feed)
        assert child.stdout is not None
        child.stdout.readline()  # ready
        time.sleep(rng.random() * span)
        _kill(child)
        last = [int(line) for line in child.stdout.read().split() if line.isdigit()]
        child.stdout.close()
        acknowledged = last[-1] if last else 0
        with Truth.open(shop) as truth:
            kept = {product.id for product in truth.products()}
        lost = set(rows[:acknowledged]) - kept
        assert not lost, f"kill {number}: {len(lost)} of {acknowledged} acknowledged rows are lost"
        with Shop.open(shop) as opened:
            report = opened.ingest(feed)
            assert (report.read, len(opened)) == (len(rows), len(rows))
            assert report.unchanged >= acknowledged
        acknowledged_in_all += acknowledged
        shutil.rmtree(shop)
    return {"kills": count, "seed": seed, "rows": len(rows), "acknowledged_in_all": acknowledged_in_all, "lost": 0}


def run_build_kills(work: Path, count: int, seed: int) -> dict[str, Any]:
    """Kill ``count`` builds of a shop with every modality.

    The shop stays searchable, and the next build goes on and ends with the same bytes, so with the same answers, as one
    that nobody killed.
    """
    rng = random.Random(seed)
    reference = work / "reference"
    with Shop.create(reference) as shop:
        shop.add(full_toys(PRODUCTS, reference))
        events, reviews = shoppers_of(PRODUCTS)
        shop.add_events(events)
        shop.add_reviews(reviews)
    pristine = work / "pristine"
    shutil.copytree(reference, pristine)
    started = time.monotonic()
    build(reference, Recipe(), workers=1)
    with Shop.open(reference) as shop:
        expected, bytes_expected = _answers(shop), _digest(reference)
    span = time.monotonic() - started
    resumed = 0
    for number in range(count):
        directory = work / f"build-{number}"
        shutil.copytree(pristine, directory)
        child = _start(_BUILD, directory)
        assert child.stdout is not None
        time.sleep(rng.random() * span)
        _kill(child)
        child.stdout.close()
        with Shop.open(directory) as shop:
            report = _build_when_free(shop)
            resumed += any(m["cached"] for m in report.modalities.values())
            assert _answers(shop) == expected, f"kill {number}: other answers than an unkilled build"
            assert _digest(directory) == bytes_expected, f"kill {number}: other bytes than an unkilled build"
            live = (directory / "CURRENT").read_text().strip()
            left = [path.name for path in (directory / "builds").iterdir()]
            assert live in left
            assert not [name for name in left if name.startswith(".")], f"kill {number}: drafts were left behind"
            shop.add([toy(500)])
            assert len(shop.search("no 500", k=3))
        shutil.rmtree(directory)
    return {
        "kills": count,
        "seed": seed,
        "products": PRODUCTS,
        "modalities": len(BLOCKS),
        "resumed_from_cache": resumed,
        "different_answers": 0,
        "different_bytes": 0,
    }


def _digest(shop: Path) -> dict[str, str]:
    """A hash of every file of the live build."""
    live = shop / "builds" / (shop / "CURRENT").read_text().strip()
    files = sorted(path for path in live.rglob("*") if path.is_file() and path.name != "engine.lock")
    return {str(path.relative_to(live)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _answers(shop: Shop) -> list[list[tuple[str, float]]]:
    return [[(hit.id, round(hit.score, 6)) for hit in shop.search(query, k=10)] for query in QUERIES]


def _build_when_free(shop: Shop) -> Any:
    """A killed parent's child ends within a moment; until then the build lock is its."""
    from goodsense.errors import StorageError

    deadline = time.monotonic() + 20
    while True:
        try:
            return build(shop.directory, Recipe(), workers=1)  # in this process: it starts sooner
        except StorageError:
            assert time.monotonic() < deadline, "the killed build still holds its lock"
            time.sleep(0.2)


def _write_feed(path: Path, count: int) -> list[str]:
    items = [toy(number) for number in range(count)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "description", "brand", "price", "currency"])
        writer.writerows([p.id, p.title, p.description, p.brand, str(p.price.major), "CNY"] for p in items if p.price)
    return [product.id for product in items]


def _time_ingest(work: Path, feed: Path) -> float:
    child = _start(_INGEST, work / "timing", feed)
    assert child.stdout is not None
    child.stdout.readline()
    started = time.monotonic()
    child.stdout.read()
    child.stdout.close()
    assert child.wait() == 0
    shutil.rmtree(work / "timing")
    return time.monotonic() - started


def _start(script: str, *arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def _kill(child: subprocess.Popen[str]) -> None:
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
