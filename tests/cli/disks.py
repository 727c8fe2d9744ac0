"""Full and read-only disks: a clear message, exit code 3, no acknowledged row lost, and the next run goes on.

A small tmpfs is the disk, so this needs the right to mount; :func:`may_mount` tells.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from goodsense.shop import Shop
from goodsense.shop.truth import Truth
from tests.cli.calls import Called, environment, run_command
from tests.shop.catalogs import toy, toys

QUERIES = ("wooden train", "red drum", "blue kite plastic", "teapot")
LARGE = "512m"
_DATA = 3  # the exit code of what cannot be stored

# the installed command, with small batches, telling on standard error how many rows are durable
_INGEST = """
import sys
import goodsense.shop.ingest as ingest
from goodsense.cli import main, output
ingest.BATCH = 100
output.TerminalProgress.__call__ = lambda self, stage, done, total, **_: print(done, file=sys.stderr, flush=True)
main()
"""


def may_mount(work: Path) -> bool:
    """Whether this process may mount a file system of its own."""
    try:
        with disk(work / "trial"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def disk(where: Path, size: str = LARGE) -> Iterator[Path]:
    """A file system of its own, gone at the end."""
    where.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", where)
    try:
        yield where
    finally:
        unmount(where)


def unmount(where: Path) -> None:
    """Take a disk away, if it is still there."""
    if os.path.ismount(where):
        subprocess.run(["umount", "--lazy", where], check=True)


def resize(where: Path, *, spare: int | None) -> None:
    """Leave so many bytes free; None for plenty."""
    size = LARGE if spare is None else str(shutil.disk_usage(where).used + spare)
    _mount("-o", f"remount,rw,size={size}", where)


def run_full_disk_ingests(work: Path, count: int, seed: int) -> dict[str, Any]:
    """Fill the disk at random points of an ingest; what was acknowledged is there, and a rerun completes the rest."""
    rng = random.Random(seed)
    feed, ids = _write_feed(work / "feed.csv", 8_000)
    failed = acknowledged_in_all = 0
    with disk(work / "disk") as place:
        for number in range(count):
            resize(place, spare=rng.randrange(64_000, 3_000_000))
            called = _ingest(place / "shop", feed)
            acknowledged = _acknowledged(called)
            if called.code:
                failed += 1
                _check_no_space(called, f"seed {seed}, ingest {number}")
            resize(place, spare=None)
            kept = _ids(place / "shop")
            lost = set(ids[:acknowledged]) - kept
            assert not lost, f"seed {seed}, ingest {number}: {len(lost)} of {acknowledged} acknowledged rows are lost"
            again = _ingest(place / "shop", feed)
            assert again.code == 0, f"seed {seed}, ingest {number}: the next run fails: {again.err[-500:]}"
            assert _ids(place / "shop") == set(ids)
            acknowledged_in_all += acknowledged
            shutil.rmtree(place / "shop")
    return {"cases": count, "disk_was_full": failed, "acknowledged_in_all": acknowledged_in_all, "lost": 0}


def run_full_disk_builds(work: Path, count: int, seed: int) -> dict[str, Any]:
    """Fill the disk at random points of a build: the live build goes on answering, and the next run completes."""
    rng = random.Random(seed)
    pristine, before, after, needed = _built_and_changed(work)
    failed = 0
    with disk(work / "disk") as place:
        for number in range(count):
            case = f"seed {seed}, build {number}"
            shop = Path(shutil.copytree(pristine, place / "shop"))
            live = (shop / "CURRENT").read_text("utf-8")
            resize(place, spare=rng.randrange(40_000, needed))
            called = run_command("build", shop, "--refit", "--workers", "1", "--json")
            if called.code:
                failed += 1
                _check_no_space(called, case)
                assert (shop / "CURRENT").read_text("utf-8") == live, f"{case}: another build is live"
                found = run_command("search", shop, QUERIES[0], "--json")
                assert found.code == 0, f"{case}: no search while the disk is full: {found.err[-500:]}"
            resize(place, spare=None)
            if called.code:
                assert _answers(shop) == before, f"{case}: the live build answers otherwise"
                again = run_command("build", shop, "--refit", "--workers", "1", "--json")
                assert again.code == 0, f"{case}: the next build fails: {again.err[-500:]}"
            assert _answers(shop) == after, f"{case}: other answers than an undisturbed build"
            shutil.rmtree(shop)
    return {"cases": count, "disk_was_full": failed}


def run_read_only(work: Path) -> dict[str, Any]:
    """A shop on a read-only disk: every writer says so, and what is built can be searched."""
    feed, _ = _write_feed(work / "more.csv", 10)
    with disk(work / "disk") as place:
        shop = place / "shop"
        with Shop.create(shop) as opened:
            opened.add(toys(60))
            opened.build(workers=1)
            expected = [hit.id for hit in opened.search(QUERIES[0])]
        _mount("-o", "remount,ro", place)
        for arguments in (["ingest", shop, feed], ["ingest", place / "new", feed], ["build", shop, "--refit"]):
            called = run_command(*arguments, "--json")
            assert called.code == _DATA, f"{arguments[0]}: exit code {called.code}: {called.err[-500:]}"
            assert called.error["code"] == "storage", called.err
            assert "cannot be written" in called.error["message"], called.err
            assert called.error["fix"], called.err
        found = run_command("search", shop, QUERIES[0], "--json")
        assert found.code == 0, f"search: {found.err[-500:]}"
        assert [hit["id"] for hit in found.json["hits"]] == expected
        _mount("-o", "remount,rw", place)
        assert run_command("ingest", shop, feed).code == 0
    return {"cases": 5}


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


def _ingest(shop: Path, feed: Path) -> Called:
    command = [sys.executable, "-c", _INGEST, "ingest", str(shop), str(feed), "--json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment(), timeout=120)
    return Called(done.returncode, done.stdout, done.stderr)


def _acknowledged(called: Called) -> int:
    return max((int(line) for line in called.err.splitlines() if line.isdigit()), default=0)


def _check_no_space(called: Called, case: str) -> None:
    assert called.code == _DATA, f"{case}: exit code {called.code}: {called.err[-1500:]}"
    assert "Traceback" not in called.err, f"{case}: {called.err[-1500:]}"
    error = json.loads(called.err.splitlines()[-1])["error"]
    assert error["code"] == "storage", f"{case}: {error}"
    assert "space" in f"{error['message']} {error['fix']}".lower(), f"{case}: {error}"


def _ids(shop: Path) -> set[str]:
    if not (shop / "catalog.sqlite").exists():
        return set()
    with Truth.open(shop) as truth:
        return {product.id for product in truth.products()}


def _answers(shop: Path) -> list[list[tuple[str, float]]]:
    with Shop.open(shop) as opened:
        return [[(hit.id, round(hit.score, 6)) for hit in opened.search(query)] for query in QUERIES]


def _built_and_changed(work: Path) -> tuple[Path, list[Any], list[Any], int]:
    """A built shop with later changes; its answers before and after the next build; the bytes that build needs."""
    pristine, reference = work / "pristine", work / "reference"
    with Shop.create(pristine) as shop:
        shop.add(toys(100, pristine))
        shop.build(workers=1)
        shop.add([toy(number) for number in range(100, 130)])
    before = _answers(pristine)
    shutil.copytree(pristine, reference)
    small = _size(reference)
    with Shop.open(reference) as shop:
        shop.build(refit=True, workers=1)
    return pristine, before, _answers(reference), max(200_000, _size(reference) - small)


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _write_feed(path: Path, count: int) -> tuple[Path, list[str]]:
    lines = [f"p{n:06d},thing number {n},{'a plain description of it ' * 8}\n" for n in range(count)]
    path.write_text("id,title,description\n" + "".join(lines), "utf-8")
    return path, [line.partition(",")[0] for line in lines]
