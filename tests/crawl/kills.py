"""Kill -9 at random moments of a crawl; the next run goes on, fetches nothing twice but what was in flight."""

from __future__ import annotations

import multiprocessing
import random
import signal
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from goodsense.catalog.product import dumps
from goodsense.media.fetch import FetchPolicy
from goodsense.shop import Shop
from goodsense.shop.crawling import crawl_into
from goodsense.shop.truth import Truth
from tests.crawl.webshop import WebShop, webshop

POLICY = FetchPolicy(allow_private=True, per_host_delay_s=0, retries=0)


def run_crawl_kills(work: Path, count: int, seed: int, products: int = 2_000) -> dict[str, Any]:
    """Crawl a shop once undisturbed and once killed ``count`` times; both must end with the same catalog."""
    rng = random.Random(seed)
    with webshop(products, traps=False) as served:
        whole = _finish(*_start(work / "whole", served))
        expected = _catalog(work / "whole")
        assert set(expected) == served.expected_ids(), "the undisturbed crawl did not find every product"
        requests, served.requests[:] = len(served.requests), []
        marks = sorted(rng.randrange(1, requests) for _ in range(count))
        kills = 0
        for mark in marks:
            kills += _killed(work / "killed", served, mark, rng)
        report = _finish(*_start(work / "killed", served))
        assert _catalog(work / "killed") == expected, "a killed crawl found other products"
        served.requests = [path for path in served.requests if path != "/robots.txt"]
        again = sum(served.repeated().values()) - len(served.repeated())
        assert again <= kills, f"{again} pages were fetched twice after {kills} kills: {served.repeated()}"
        assert not served.forbidden(), f"asked for what robots.txt forbids: {served.forbidden()}"
        for name in ("pages", "products", "redirected", "disallowed", "failed"):
            assert report[name] == whole[name], f"{name}: {report[name]} after kills, {whole[name]} without"
    return {"kills": kills, "seed": seed, "products": products, "requests": requests, "fetched_twice": again}


def _killed(shop: Path, served: WebShop, mark: int, rng: random.Random) -> int:
    """Let a crawl go on until the server was asked ``mark`` times in all, and end it a moment later."""
    reached = threading.Event()
    served.pause = lambda path: reached.set() if len(served.requests) >= mark else None
    child, _ = _start(shop, served)
    while child.is_alive() and not reached.wait(0.01):
        continue
    time.sleep(rng.random() * 0.01)
    child.kill()
    child.join()
    served.pause = lambda path: None
    return int(child.exitcode == -signal.SIGKILL)


def _start(shop: Path, served: WebShop) -> tuple[BaseProcess, Connection]:
    """A crawl in a process of its own, and where it tells its report."""
    context = multiprocessing.get_context("fork")  # what is imported stays so, which saves seconds
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_crawl, args=(shop, served.url, there))
    child.start()
    there.close()
    return child, here


def _crawl(shop: Path, url: str, pipe: Connection) -> None:
    with Shop.create(shop) as opened:
        pipe.send(crawl_into(opened.truth, url, policy=POLICY).to_json())


def _finish(child: BaseProcess, pipe: Connection) -> dict[str, Any]:
    found: dict[str, Any] = pipe.recv()
    child.join()
    assert child.exitcode == 0
    assert found["ended"] == "finished"
    return found


def _catalog(shop: Path) -> dict[str, str]:
    with Truth.open(shop) as truth:
        return {product.id: dumps(product) for product in truth.products()}
