"""Encoding speed: pictures from files to vectors with two processes, and titles with the fitted text encoder.

Reads ``fashion_products/products.csv`` and its pictures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import Bench, parser, read_csv, report_path, spread
from goodsense.encoders import make_encoder
from goodsense.encoders.descriptors import DescriptorsEncoder
from goodsense.encoders.parallel import describe_files, encode_media
from goodsense.text import Tokenizer

PROTOCOL = (
    "fashion_products: files of 120x160 pixels are read, decoded and encoded by the fitted picture encoder in two "
    "fresh processes; the start of the processes (the time of 65 pictures less their share) is stated apart from the "
    "rate; titles are encoded by the text encoder fitted on them, in one process, after a first call"
)
WORKERS = 2
FIT = 2_000  # pictures that the encoder is fitted on; the rate does not depend on them
WARM = 65  # the fewest pictures that a second process is started for


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="products to use, spread over the file")
    options = made.parse_args()
    settings = {"limit": options.limit, "processes": WORKERS, "fitted on pictures": FIT}
    bench = Bench("encoding", PROTOCOL, seeds={"fit": 0}, settings=settings)
    data = options.data / "fashion_products"
    rows = spread(read_csv(data / "products.csv"), options.limit)
    pictures(bench, [data / row["image"] for row in rows])
    titles(bench, [row["title"] for row in rows])
    bench.write(report_path(options, bench.name, whole=options.limit is None))


def pictures(bench: Bench, paths: Sequence[Path]) -> None:
    encoder = make_encoder("image", "descriptors")
    assert isinstance(encoder, DescriptorsEncoder)
    with bench.stage("fit pictures"):
        found = [raw for _, raw in describe_files(spread(paths, FIT), workers=WORKERS)]
        encoder.fit_described(np.stack([raw for raw in found if not isinstance(raw, str)]), seed=0)
    with bench.stage("start of the processes"):
        started = time.perf_counter()
        encode_media(encoder, spread(paths, WARM), workers=WORKERS)
        few = time.perf_counter() - started
    with bench.stage("encode pictures"):
        started = time.perf_counter()
        encoded = encode_media(encoder, paths, workers=WORKERS)
        took = time.perf_counter() - started
    per_picture = (took - few) / max(1, len(paths) - WARM)
    bench.figure("pictures, decoding included", 1 / per_picture, target=400, unit="pictures/s")
    bench.figure("pictures, start of the processes included", len(paths) / took, unit="pictures/s")
    bench.figure("start of two picture processes", max(0.0, few - WARM * per_picture), unit="s", better="lower")
    bench.details["pictures"] = {
        "files": len(paths),
        "encoded": int(encoded.present.sum()),
        "broken": len(encoded.errors),
        "dim": encoder.dim,
    }


def titles(bench: Bench, texts: Sequence[str]) -> None:
    encoder = make_encoder("text", "lsa", tokenizer=Tokenizer())
    values = [{"title": text} for text in texts]
    with bench.stage("fit titles"):
        encoder = encoder.fit(values, seed=0)
    encoder.encode(values[:100])
    with bench.stage("encode titles"):
        started = time.perf_counter()
        encoder.encode(values)
        took = time.perf_counter() - started
    bench.figure("titles", len(values) / took, target=5_000, unit="titles/s")
    with bench.stage("encode queries one by one"):
        started = time.perf_counter()
        asked = spread(texts, 500)
        for text in asked:
            encoder.encode_query([text])
        took = time.perf_counter() - started
    bench.figure("one title as a query", took / len(asked) * 1e3, unit="ms", better="lower")
    bench.details["titles"] = {"texts": len(values), "dim": encoder.dim}


if __name__ == "__main__":
    main()
