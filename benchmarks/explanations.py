"""Explanations: do terms sum to the score, is what is named first what carries a hit, and how long does it take.

Reads ``fashion_products/products.csv`` and its pictures; generates the demo shop.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count as count_from
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, parser, read_csv, report_path, spread, working_directory, write_csv
from goodsense.fusion.joint import JOINT, rows_of
from goodsense.media import MediaStore
from goodsense.search.calibration import BM25
from goodsense.search.encode import EncodedQuery
from goodsense.search.explain import WORDS, Accounts, account, joint_term, rank_of
from goodsense.search.snapshot import Snapshot
from goodsense.shop import Shop, Source, make_query
from goodsense.shop.explaining import explain_hit
from goodsense.types import ImageRef, Query

PROTOCOL = (
    "fashion_products: products spread evenly over the file, built with the default recipe; demo: the generated toy "
    "shop, built as its command builds it; queries are of products drawn at random with a fixed seed, in turn two or "
    "three words of their titles, one of their pictures, and both, the product itself left out; of every query's first "
    "ten hits with a score above 0 four are drawn; the modality that the explanation names first is taken from it "
    "(for texts: all words and the text vector; the joint vector is made anew of what is left) and the hit is ranked "
    "again among all products, exactly; a case counts where its rank is worse; brute force averages over every order "
    "of the modalities, each coalition scored by itself"
)
PRODUCTS = 2_500  # of fashion
CASES = 1_000  # hits per shop
HITS = 4  # of a query
BRUTE = 100  # cases whose values are also found by brute force
TIMED = 5  # whole explanations, with words and pictures
KINDS = ("words", "picture", "both")


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="products of fashion, and cases, to try things out")
    made.add_argument("--shops", type=Path, help="folder where the two shops are kept; those that are there are used")
    options = made.parse_args()
    bench = Bench("explanations", PROTOCOL, seeds={"recipe": 0, "cases": 0}, settings={"limit": options.limit})
    with working_directory(options.work) as work:
        shops = options.shops or work
        for name, directory in (
            ("fashion", fashion(bench, shops, options.data / "fashion_products", options.limit or PRODUCTS)),
            ("demo", demo(bench, shops)),
        ):
            with Shop.open(directory) as shop:
                described(bench, name, shop)
                measure(bench, name, shop, options.limit or CASES)
    bench.write(report_path(options, bench.name, whole=options.limit is None))


def fashion(bench: Bench, shops: Path, data: Path, limit: int) -> Path:
    """Products spread over the file, built with the default recipe."""
    directory = shops / "fashion"
    if not (directory / "CURRENT").exists():
        rows = spread(read_csv(data / "products.csv"), limit)
        names = list(rows[0])
        with bench.stage("fashion: ingest and build"), Shop.create(directory) as shop:
            feed = write_csv(shops / "products.csv", names, ([row[name] for name in names] for row in rows))
            shop.ingest(Source(feed, media_root=data))
            shop.build()
    return directory


def demo(bench: Bench, shops: Path) -> Path:
    """The demo shop, made by its command."""
    code = "import sys; from goodsense.cli import main; sys.argv = ['goodsense', *sys.argv[1:]]; main()"
    directory = shops / "demo-shop"
    if not (directory / "shop" / "CURRENT").exists():
        with bench.stage("demo: make and build"):
            command = [sys.executable, "-c", code, "demo", str(directory), "--json"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return directory / "shop"


def described(bench: Bench, name: str, shop: Shop) -> None:
    """What was built: encoders, blocks, and the weights that tuning chose."""
    snapshot = shop.snapshot
    encoders = {block: found["name"] for block, found in snapshot.meta["encoders"].items()}
    weights = {f"{kind} at {block}": found.weight for (kind, block), found in snapshot.calibration.maps.items()}
    bench.settings[name] = {"products": len(snapshot), "encoders": encoders, "weights": weights}


# ---- cases


def measure(bench: Bench, name: str, shop: Shop, count: int) -> None:
    """All figures of one shop."""
    tried = Tried()
    with bench.stage(f"{name}: cases"):
        for kind, query in queries(shop, np.random.default_rng(0)):
            tried.query(shop, kind, query, count)
            if len(tried.worse) == count:
                break
    bench.figure(f"{name}: terms against the score, largest difference", max(tried.sums), target=1e-6, better="lower")
    bench.figure(f"{name}: rank is worse without the modality named first", float(np.mean(tried.worse)), target=0.95)
    bench.figure(
        f"{name}: values against brute force, largest difference", max(tried.brute), target=1e-6, better="lower"
    )
    called = f"{name}: modalities of {HITS} hits of a query, processor seconds"
    bench.figure(called, float(np.median(tried.seconds)), better="lower", unit="s")
    bench.details[name] = {
        "cases": len(tried.worse),
        "brute force": len(tried.brute),
        "named first": dict(Counter(tried.tops)),
        "rank is worse": {kind: float(np.mean(own)) for kind, own in tried.by_kind.items()},
    }
    timed(bench, name, shop, tried.asked)


@dataclass
class Tried:
    """What was found, case by case."""

    sums: list[float] = field(default_factory=list)
    worse: list[bool] = field(default_factory=list)
    by_kind: dict[str, list[bool]] = field(default_factory=dict)
    tops: list[str] = field(default_factory=list)
    brute: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    asked: list[tuple[Query, str]] = field(default_factory=list)

    def query(self, shop: Shop, kind: str, query: Query, most: int) -> None:
        """Some of the first ten hits of a query that have anything to their credit."""
        hits = [hit for hit in shop.search(query, k=10) if hit.score > 0]
        rng = np.random.default_rng([7, len(self.worse)])
        chosen = [
            hits[place] for place in sorted(rng.permutation(len(hits))[: min(HITS, most - len(self.worse))].tolist())
        ]
        if not chosen:
            return
        encoded, rows = shop.encode(query), shop.snapshot.rows_of([hit.id for hit in chosen])
        started = time.process_time()
        found = account(shop.snapshot, encoded, rows)
        self.seconds.append(time.process_time() - started)
        for place, hit in enumerate(chosen):
            self.case(shop.snapshot, encoded, found, place, hit.score)
            self.by_kind.setdefault(kind, []).append(self.worse[-1])
            self.asked.append((query, hit.id))

    def case(self, snapshot: Snapshot, encoded: EncodedQuery, found: Accounts, place: int, score: float) -> None:
        """One hit: do values sum to its score, is it worse without what is named first, are the values right."""
        whole = math.fsum(float(values[place]) for values in found.modalities.values())
        self.sums.append(max(abs(whole - score), abs(float(found.scores[place]) - score)))
        top, id = found.top(place), found.ids[place]
        before, after = rank_of(snapshot, encoded, id, [score, float(found.without[top][place])])
        self.worse.append(after > before)
        self.tops.append(top)
        if len(self.brute) < BRUTE:
            expected = brute_force(snapshot, encoded, snapshot.rows_of([id]))
            self.brute.append(max(abs(expected[own] - float(found.modalities[own][place])) for own in expected))


def queries(shop: Shop, rng: np.random.Generator) -> Iterator[tuple[str, Query]]:
    """Words of a product's title, one of its pictures, or both; the product itself is left out. Without an end."""
    products = [product for product in shop.truth.products() if product.title and product.images]
    for number in count_from(0):
        product, kind = products[int(rng.integers(len(products)))], KINDS[number % len(KINDS)]
        words = product.title.split()
        some = sorted(rng.choice(len(words), size=min(len(words), int(rng.integers(2, 4))), replace=False).tolist())
        text = " ".join(words[place] for place in some) if kind != "picture" else None
        query = make_query(text, image=photo(shop, product.images[0]) if kind != "words" else None)
        yield kind, Query(query.parts, exclude=(product.id,))


def photo(shop: Shop, ref: Any) -> ImageRef:
    """A picture of the shop's store as a file."""
    return ImageRef(str(MediaStore(shop.directory / "media").path(ref.sha256)))


def timed(bench: Bench, name: str, shop: Shop, asked: Sequence[tuple[Query, str]]) -> None:
    """Whole explanations, with words and parts of pictures."""
    wall, processor = [], []
    for query, id in spread(asked, TIMED):
        started = time.process_time()
        wall.append(explain_hit(shop, query, id).seconds)
        processor.append(time.process_time() - started)
    called = f"{name}: whole explanation"
    bench.figure(f"{called}, processor seconds", float(np.median(processor)), better="lower", unit="s")
    bench.figure(f"{called}, seconds by the clock", float(np.median(wall)), better="lower", unit="s")


# ---- brute force


def brute_force(snapshot: Snapshot, query: EncodedQuery, row: Any) -> Mapping[str, float]:
    """What each modality adds to those before it, on average over every order."""
    names, table = snapshot.named_terms(query, row)
    terms = dict(zip(names, table[0].tolist(), strict=True))
    joint = snapshot.joint
    members = [] if joint is None else [name for name in joint.members if snapshot.blocks[name].gather_present(row)[0]]
    fields = {name for name in terms if name.startswith(f"{BM25}.")}
    players = sorted({WORDS if name in fields else name for name in terms if name != JOINT} | set(members))

    def worth(coalition: frozenset[str]) -> float:
        total: float = sum(value for name, value in terms.items() if (WORDS if name in fields else name) in coalition)
        own = {name: snapshot.blocks[name].gather(row)[0] for name in members if name in coalition}
        if JOINT in terms and own and joint is not None:
            vectors = joint.encode([own])
            total += float(joint_term(snapshot, query.parts, rows_of(vectors, np.asarray(vectors.any(axis=1))))[0])
        return total

    known: dict[frozenset[str], float] = {}
    values = dict.fromkeys(players, 0.0)
    orders = list(permutations(players))
    for order in orders:
        for place, player in enumerate(order):
            for coalition in (frozenset(order[:place]), frozenset(order[: place + 1])):
                if coalition not in known:
                    known[coalition] = worth(coalition)
            values[player] += known[frozenset(order[: place + 1])] - known[frozenset(order[:place])]
    return {name: value / len(orders) for name, value in values.items()}


if __name__ == "__main__":
    main()
