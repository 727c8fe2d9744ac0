"""A long log of which one line in a hundred is broken, in ways that are known: what goes in, and what is rejected."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from goodsense.shop import Shop

HEADER = "user,item,type,quantity,timestamp\n"
START = 1_700_000_000
BROKEN = {  # what the line looks like, and what its reject says
    ",i{n},view,1,{at}": "the user is missing",
    "u{n},,purchase,1,{at}": "the item is missing",
    "u{n},i1,purchase,-3,{at}": "a quantity cannot be negative",
    "u{n},i1,purchase,many,{at}": "expected a number, found text",
    "u{n},i1,view,1,2099-01-01": "the time lies in the future",
    "u{n},i1,view,1,someday": "the time cannot be read",
    "u{n},i1,view": "the row has 3 cells, the header 5",
    'u{n},"i1,view,1,{at}': "read on from the next line",
    "u{n},i\x001,view,1,{at}": "it holds a NUL character",
}
_INGEST = """
import json, resource, sys, time
from pathlib import Path
from goodsense.shop import Shop
with Shop.create(Path(sys.argv[1])) as shop:
    report = shop.ingest_events(Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({**report.to_json(), "peak_mb": peak, "cpu_s": time.process_time()}))
"""


def write_log(path: Path, lines: int, *, seed: int) -> tuple[int, Counter[str]]:
    """Write a log; the number of good lines, and how often each reason is to be given.

    A tenth of the good lines repeats another one to the second: they are true repeats, and stay.
    """
    rng = random.Random(seed)
    kinds = tuple(BROKEN)
    expected: Counter[str] = Counter()
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        before = f"u0,i0,view,1,{START}\n"
        for n in range(lines):
            chance = rng.random()
            if chance < 0.01:
                kind = rng.choice(kinds)
                expected[BROKEN[kind]] += 1
                file.write(kind.format(n=n, at=START + n % 10_000_000) + "\n")
                continue
            if chance > 0.109:
                user, item = rng.randrange(lines // 50 + 1), int(rng.paretovariate(0.7)) % 50_000
                kind = "purchase" if chance > 0.97 else "view"
                before = f"u{user},i{item},{kind},1,{START + n % 10_000_000}\n"
            file.write(before)
    return lines - expected.total(), expected


Ingest: TypeAlias = Callable[[Path, Path], dict[str, Any]]


def ingest_apart(shop: Path, log: Path) -> dict[str, Any]:
    """Put a log into a shop in a process of its own, whose memory is told."""
    done = subprocess.run([sys.executable, "-c", _INGEST, shop, log], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ingest_here(shop: Path, log: Path) -> dict[str, Any]:
    with Shop.create(shop) as opened:
        return {**opened.ingest_events(log).to_json(), "peak_mb": 0, "cpu_s": 1.0}


def run_broken_log(work: Path, lines: int, seed: int, *, ingest: Ingest = ingest_apart) -> dict[str, Any]:
    """Put such a log into a shop twice; how fast, and with how much memory."""
    log = work / "log.csv"
    good, expected = write_log(log, lines, seed=seed)
    first = ingest(work / "shop", log)
    assert (first["added"], first["rejected"]) == (good, expected.total())
    assert _reasons(work / "shop" / "rejects-events.jsonl") == expected
    again = ingest(work / "shop", log)
    assert (again["added"], again["unchanged"], again["events"]) == (0, good, good)
    rates = {name: round(lines / one["cpu_s"]) for name, one in (("rows_per_cpu_s", first), ("again", again))}
    return {"lines": lines, "rejected": expected.total(), **rates, "peak_mb": max(first["peak_mb"], again["peak_mb"])}


def _reasons(rejects: Path) -> Counter[str]:
    """How often each known reason is given; another one is an error."""
    with rejects.open(encoding="utf-8") as file:
        told = [json.loads(line)["reason"] for line in file]
    return Counter(next(reason for reason in BROKEN.values() if reason in one) for one in told)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        print(run_broken_log(Path(directory), int(sys.argv[1]), seed=1))
