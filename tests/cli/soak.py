"""Two processes change and search one shop for a while; at the end both answer as a fresh process does."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

from goodsense.shop import Recipe, Shop
from goodsense.shop.recipe import IndexTable
from tests.cli.calls import environment
from tests.shop.catalogs import toy, toys

QUERIES = ("wooden train", "red drum", "blue kite plastic", "teapot")
BASE, OWN = 120, 150  # products of the build, and products that each process may add
Answers = list[list[tuple[str, float]]]


def run_soak(work: Path, *, seconds: float, seed: int, engine: Literal["exact", "qdrant-edge"]) -> dict[str, Any]:
    """Run the two processes, then compare the catalog and the answers with those of a fresh open.

    Raises
    ------
    AssertionError
        If a process failed, a change is lost, or answers differ.
    """
    directory = work / f"soak-{engine}"
    with Shop.create(directory) as shop:
        shop.add(toys(BASE, directory))
        shop.build(Recipe(index=IndexTable(engine=engine)), workers=1)
    until = time.time() + seconds
    command = [sys.executable, "-m", "tests.cli.soak", str(directory), str(until), str(seed)]
    children = [
        subprocess.Popen([*command, str(number)], stdin=-1, stdout=-1, stderr=-1, text=True, env=environment())
        for number in (0, 1)
    ]
    stopped = [_read(child, "stopped", seconds + 120) for child in children]
    with Shop.open(directory) as shop:
        _check_catalog(shop, stopped, f"{engine}, seed {seed}")
        expected = _answers(shop)
    for child in children:
        assert child.stdin is not None
        child.stdin.write("answer\n")
        child.stdin.flush()
    answers: list[Answers] = [_read(child, "answers", 120)["answers"] for child in children]
    for child in children:
        child.communicate(timeout=60)
    for number, found in enumerate(answers):
        _compare(found, expected, exact=engine == "exact", case=f"{engine}, seed {seed}, process {number}")
    counts = {key: sum(one["counts"][key] for one in stopped) for key in ("add", "delete", "search")}
    return {"engine": engine, "seed": seed, "seconds": seconds, **counts}


def _read(child: subprocess.Popen[str], key: str, patience_s: float) -> dict[str, Any]:
    """The child's next line, which must hold ``key``."""
    from threading import Timer

    assert child.stdout is not None
    assert child.stderr is not None
    guard = Timer(patience_s, child.kill)
    guard.start()
    line = child.stdout.readline()
    guard.cancel()
    assert line, f"a process of the soak failed: {child.stderr.read()[-2000:]}"
    found: dict[str, Any] = json.loads(line)
    assert key in found, found
    return found


def _check_catalog(shop: Shop, stopped: list[dict[str, Any]], case: str) -> None:
    kept = {p.id: str(p.price.major) for p in shop.truth.products() if p.price and int(p.id[-4:]) >= BASE}
    told = {id: price for one in stopped for id, price in one["stopped"].items()}
    assert kept == told, f"{case}: {sorted(kept.items() ^ told.items())[:10]} differ from what was acknowledged"


def _compare(found: Answers, expected: Answers, *, exact: bool, case: str) -> None:
    """Exact engines agree; an approximate one may miss products, but never scores one differently."""
    for query, one, other in zip(QUERIES, found, expected, strict=True):
        scores = dict(other)
        if exact:
            assert [tuple(hit) for hit in one] == other, f"{case}: {query!r} answers {one}, a fresh open {other}"
            continue
        common = [(id, score) for id, score in one if id in scores]
        assert len(common) >= 0.7 * len(other), f"{case}: {query!r} has {len(common)} of {len(other)} hits"
        assert all(abs(score - scores[id]) < 1e-5 for id, score in common), f"{case}: {query!r} is scored otherwise"


def _answers(shop: Shop) -> Answers:
    return [[(hit.id, round(hit.score, 6)) for hit in shop.search(query)] for query in QUERIES]


class _Worker:
    """One process: adds, deletes and searches its own range of products, and knows what must be there."""

    def __init__(self, shop: Shop, number: int, seed: int) -> None:
        self.shop = shop
        self.rng = random.Random(f"{seed}/{number}")
        self.first = BASE + number * OWN
        self.prices: dict[str, str] = {}
        self.counts = {"add": 0, "delete": 0, "search": 0}

    def step(self) -> None:
        action = self.rng.choices(("add", "delete", "search"), (4, 2, 3))[0]
        getattr(self, action)()
        self.counts[action] += 1

    def add(self) -> None:
        numbers = self.rng.sample(range(self.first, self.first + OWN), self.rng.choice((1, 1, 5)))
        made = [toy(number, price=f"{self.rng.randrange(1, 999)}.50") for number in numbers]
        self.shop.add(made)
        self.prices |= {product.id: str(product.price.major) for product in made if product.price}

    def delete(self) -> None:
        gone = self.rng.sample(sorted(self.prices), min(len(self.prices), 2))
        assert self.shop.delete(gone) == len(gone)
        for id in gone:
            del self.prices[id]

    def search(self) -> None:
        """A product of mine is found by its number exactly if it is there."""
        number = self.rng.randrange(self.first, self.first + OWN)
        id = f"toy-{number:04d}"
        found = self.shop.search(f"no {number}", where=f"pieces = {number}", k=3).ids
        assert found == ((id,) if id in self.prices else ()), f"{id}: found {found}, there: {id in self.prices}"


def main(directory: str, until: str, seed: str, number: str) -> None:
    """One of the two processes."""
    with Shop.open(directory) as shop:
        worker = _Worker(shop, int(number), int(seed))
        while time.time() < float(until):
            worker.step()
        sys.stdout.write(json.dumps({"stopped": worker.prices, "counts": worker.counts}) + "\n")
        sys.stdout.flush()
        assert sys.stdin.readline() == "answer\n"
        sys.stdout.write(json.dumps({"answers": _answers(shop)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
