"""Kill -9 at random moments while events are put in; nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

from goodsense.events import write_events
from goodsense.shop import Shop
from goodsense.shop.behaviour import stored_events
from tests.events.samples import shoppers
from tests.shop.kills import _kill, _start

_INGEST = """
import sys
from pathlib import Path
import goodsense.shop.behaviour as behaviour
from goodsense.shop import Shop
behaviour.BATCH = 50
with Shop.create(Path(sys.argv[1])) as shop:
    print("ready", flush=True)
    shop.ingest_events(Path(sys.argv[2]), progress=lambda stage, done, total: print(done, flush=True))
"""


def run_event_kills(work: Path, count: int, seed: int, happened: int = 4_000) -> dict[str, Any]:
    """Kill ``count`` ingests of events; acknowledged batches must be there, and a rerun adds just the rest.

    They are of few users with few items: most of them happened before.
    """
    rng = random.Random(seed)
    events = shoppers(4, 4, happened, seed=seed)
    feed = work / "events.csv"
    write_events(events, feed, columns=("user", "item", "type", "timestamp"))
    expected = Counter(event.content for event in events)
    span = _time_ingest(work, feed)
    acknowledged_in_all = 0
    for number in range(count):
        shop = work / f"events-{number}"
        child = _start(_INGEST, shop, feed)
        assert child.stdout is not None
        child.stdout.readline()  # ready
        time.sleep(rng.random() * span)
        _kill(child)
        told = [int(line) for line in child.stdout.read().split() if line.isdigit()]
        child.stdout.close()
        acknowledged = told[-1] if told else 0
        with Shop.open(shop) as opened:
            kept = Counter(event.content for event in stored_events(opened.truth))
            lost = Counter(event.content for event in events[:acknowledged]) - kept
            assert not lost, f"kill {number}: {lost.total()} of {acknowledged} acknowledged events are lost"
            assert not kept - expected, f"kill {number}: events that never happened"
            report = opened.ingest_events(feed)
            assert (report.unchanged, report.added) == (kept.total(), happened - kept.total()), f"kill {number}"
            assert Counter(event.content for event in stored_events(opened.truth)) == expected, f"kill {number}"
        acknowledged_in_all += acknowledged
        shutil.rmtree(shop)
    return {"kills": count, "seed": seed, "acknowledged_in_all": acknowledged_in_all, "lost": 0}


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
