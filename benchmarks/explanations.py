"""Explanations: do terms sum to the score, is what is named first what carries a hit, and how long does it take.

Reads ``fashion_products/products.csv`` and its pictures; generates the demo shop.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, parser, read_csv, report_path, spread, working_directory, write_csv
from goodsense.fusion.joint import JOINT, rows_of
from goodsense.media import MediaStore
from goodsense.search.calibration import BM25
from goodsense.search.encode import EncodedQuery
from goodsense.search.explain import WORDS, account, joint_term, rank_of
from goodsense.search.snapshot import Snapshot
from goodsense.shop import Shop, Source, make_query
from goodsense.shop.explaining import explain_hit
from goodsense.types import ImageRef, Query

PROTOCOL = (
    "fashion_products: products spread evenly over the file, built with the default recipe; demo: the generated toy "
    "shop, built as its command builds it; queries are of products drawn at random with a fixed seed, in turn two or "
    "three words of their texts, one of their pictures, and both, the product itself left out; of every query's first "
    "ten hits one is drawn; the modality that the explanation names first is taken from that hit (for texts: all words "
    "and the text vector; the joint vector is made anew of what is left) and the hit is ranked again among all "
    "products, exactly; a case counts where its rank is worse; cases in which nothing raises the score are drawn "
    "again; brute force averages over every order of the modalities, each coalition scored by itself"
)
PRODUCTS = 2_500  # of fashion
CASES = 1_000  # per shop
BRUTE = 100  # cases whose values are also found by brute force
TIMED = 12  # whole explanations, with words and pictures
KINDS = ("words", "picture", "both")


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="products of fashion, and cases, to try things out")
    options = made.parse_args()
    bench = Bench("explanations", PROTOCOL, seeds={"recipe": 0, "cases": 0}, settings={"limit": options.limit})
    count = options.limit or CASES
    with working_directory(options.work) as work:
        with Shop.create(work / "fashion") as shop:
            fashion(bench, shop, options.data / "fashion_products", work, options.limit or PRODUCTS)
            measure(bench, "fashion", shop, count)
        with Shop.open(demo(bench, work / "demo")) as shop:
            measure(bench, "demo", shop, count)
    bench.write(report_path(options, bench.name, whole=options.limit is None))


def fashion(bench: Bench, shop: Shop, data: Path, work: Path, limit: int) -> None:
    rows = spread(read_csv(data / "products.csv"), limit)
    names = list(rows[0])
    feed = write_csv(work / "products.csv", names, ([row[name] for name in names] for row in rows))
    with bench.stage("fashion: ingest and build"):
        shop.ingest(Source(feed, media_root=data))
        bench.details["fashion: build"] = shop.build().to_json()


def demo(bench: Bench, directory: Path) -> Path:
    """The demo shop, made by its command."""
    code = "import sys; from goodsense.cli import main; sys.argv = ['goodsense', *sys.argv[1:]]; main()"
    with bench.stage("demo: make and build"):
        done = subprocess.run(
            [sys.executable, "-c", code, "demo", str(directory), "--json"], check=True, stdout=subprocess.PIPE
        )
    bench.details["demo: build"] = json.loads(done.stdout)["build"]
    return directory / "shop"


# ---- cases


def measure(bench: Bench, name: str, shop: Shop, count: int) -> None:
    """All figures of one shop."""
    rng = np.random.default_rng(0)
    sums, worse, tops, brute = [], [], Counter[str](), []
    worse_by: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    seconds = []
    queries: list[tuple[Query, str]] = []
    with bench.stage(f"{name}: cases"):
        for number, (kind, query, id, score) in enumerate(cases(shop, rng, count)):
            started = time.perf_counter()
            encoded, row = shop.encode(query), shop.snapshot.rows_of([id])
            found = account(shop.snapshot, encoded, row)
            seconds.append(time.perf_counter() - started)
            values = [float(values[0]) for values in found.modalities.values()]
            sums.append(max(abs(math.fsum(values) - score), abs(float(found.scores[0]) - score)))
            top = found.top(0)
            before, after = rank_of(shop.snapshot, encoded, id, [score, float(found.without[top][0])])
            worse.append(after > before)
            worse_by[kind].append(after > before)
            tops[top] += 1
            if number < BRUTE:
                expected = brute_force(shop.snapshot, encoded, row)
                brute.append(max(abs(expected[own] - float(found.modalities[own][0])) for own in expected))
            queries.append((query, id))
    bench.figure(f"{name}: terms against the score, largest difference", max(sums), target=1e-6, better="lower")
    bench.figure(f"{name}: rank is worse without the modality named first", float(np.mean(worse)), target=0.95)
    bench.figure(f"{name}: values against brute force, largest difference", max(brute), target=1e-6, better="lower")
    bench.figure(f"{name}: modalities of a hit", float(np.median(seconds)), better="lower", unit="s")
    bench.details[name] = {
        "cases": len(worse),
        "named first": dict(tops),
        "rank is worse": {kind: float(np.mean(own)) for kind, own in worse_by.items() if own},
    }
    timed(bench, name, shop, queries)


def cases(shop: Shop, rng: np.random.Generator, count: int) -> Iterator[tuple[str, Query, str, float]]:
    """Kind, query, and one of its first ten hits with its score."""
    products = [product for product in shop.truth.products() if product.title and product.images]
    done = 0
    while done < count:
        product = products[int(rng.integers(len(products)))]
        kind = KINDS[done % len(KINDS)]
        words = product.title.split()
        some = sorted(rng.choice(len(words), size=min(len(words), int(rng.integers(2, 4))), replace=False).tolist())
        text = " ".join(words[place] for place in some) if kind != "picture" else None
        query = make_query(text, image=photo(shop, product.images[0]) if kind != "words" else None)
        hits = shop.search(Query(query.parts, exclude=(product.id,)), k=10)
        if len(hits):
            hit = hits[int(rng.integers(len(hits)))]
            if hit.score > 0:
                done += 1
                yield kind, hits.query, hit.id, hit.score


def photo(shop: Shop, ref: Any) -> ImageRef:
    """A picture of the shop's store as a file."""
    return ImageRef(str(MediaStore(shop.directory / "media").path(ref.sha256)))


def timed(bench: Bench, name: str, shop: Shop, queries: Sequence[tuple[Query, str]]) -> None:
    """Whole explanations, with words and parts of pictures."""
    taken = [explain_hit(shop, query, id).seconds for query, id in spread(queries, TIMED)]
    bench.figure(f"{name}: whole explanation", float(np.median(taken)), better="lower", unit="s")


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
        total = sum(value for name, value in terms.items() if (WORDS if name in fields else name) in coalition)
        own = {name: snapshot.blocks[name].gather(row)[0] for name in members if name in coalition}
        if JOINT in terms and own and joint is not None:
            vectors = joint.encode([own])
            total += float(joint_term(snapshot, query.parts, rows_of(vectors, vectors.any(axis=1)))[0])
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
