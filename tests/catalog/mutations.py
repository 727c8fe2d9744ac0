"""Seeded damage to small valid feeds.

``run_mutations(format_name, count, seed)`` reads ``count`` damaged feeds and fails at the first that breaks the rule:
products and rejects come out, or one error that names the file.
"""

from __future__ import annotations

import gzip
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from goodsense.catalog.feeds import read_feed
from goodsense.errors import GoodsenseError
from goodsense.tables import Rejects
from tests.catalog.round_trips import TRIPS, write_valid

# What is damaged: a file of every format; of a folder the file that its module names.
# A folder of pictures has none: damage to its names is tried in test_image_folder.py.
FORMATS = (
    *(name for name, trip in TRIPS.items() if trip.damaged or (len(trip.files) < 2 and name != "image-folder")),
    "csv.gz",
)
SECONDS = 5.0  # of processor time, so that a busy machine fails nothing


def _place_valid(format_name: str, path: Path) -> Path:
    """Write a valid feed; gives the file of it that is to be damaged."""
    if format_name.endswith(".gz"):
        packed = path.with_name(f"{path.name}.gz")
        write_valid(format_name.removesuffix(".gz"), packed)
        packed.rename(path)
        return path
    write_valid(format_name, path)
    return path / TRIPS[format_name].damaged if path.is_dir() else path


def _flip(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 3, 20))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _truncate(data: bytearray, rng: random.Random) -> bytes:
    return bytes(data[: rng.randrange(len(data))])


def _delete(data: bytearray, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 2, 10, 200))]
    return bytes(data)


def _duplicate(data: bytearray, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((1, 10, 300))]
    at = rng.randrange(len(data))
    return bytes(data[:at] + piece * rng.choice((1, 2, 50)) + data[at:])


def _swap_signs(data: bytearray, rng: random.Random) -> bytes:
    old, new = rng.sample((b",", b"\t", b";", b"|", b'"', b"'", b"\n", b"\r", b"{", b"]", b"<", b">", b":"), 2)
    if rng.random() < 0.5:
        return bytes(data.replace(old, new))
    places = [at for at in range(len(data)) if data[at : at + 1] == old]
    if places:
        data[rng.choice(places)] = new[0]
    return bytes(data)


def _swap_encoding(data: bytearray, rng: random.Random) -> bytes:
    text = bytes(data).decode("utf-8", "replace")
    codec = rng.choice(("utf-16", "utf-16-le", "gb18030", "cp1252", "utf-8-sig", "utf-32", "utf-7", "latin-1"))
    return text.encode(codec, "replace")


def _insert(data: bytearray, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    junk = rng.choice(
        (
            b"\0",
            b"\xff",
            b"\xed\xa0\x80",
            b'"',
            b"=cmd()",
            b"\x1a",
            b"\\ud800",
            b"1e999",
            b"NaN",
            b"&lol;",
            b"<!DOCTYPE x>",
        )
    )
    size = rng.choice((1, 1, 1, 100, 200_000))
    return bytes(data[:at] + junk * size + data[at:])


def _shuffle_lines(data: bytearray, rng: random.Random) -> bytes:
    lines = bytes(data).split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    _flip,
    _truncate,
    _delete,
    _duplicate,
    _swap_signs,
    _swap_encoding,
    _insert,
    _shuffle_lines,
)


def mutate(data: bytes, rng: random.Random, *, packed: bool) -> tuple[str, bytes]:
    """One or two kinds of damage; half of the packed feeds are damaged inside."""
    inside = packed and rng.random() < 0.5
    damaged = gzip.decompress(data) if inside else data
    names = []
    for change in rng.choices(MUTATIONS, k=rng.choice((1, 1, 2))):
        if damaged:
            damaged = change(bytearray(damaged), rng)
            names.append(change.__name__)
    return "+".join(names), gzip.compress(damaged, 1) if inside else damaged


def run_mutations(format_name: str, count: int, seed: int) -> dict[str, float]:
    """Read ``count`` damaged feeds; count what came of them, and tell the ``slowest`` one in seconds.

    Raises
    ------
    AssertionError
        With seed and case, at the first feed that breaks the rule.
    """
    told: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "damaged.dat"
        file = _place_valid(format_name, path)
        original = file.read_bytes()
        for case in range(count):
            rng = random.Random(f"{format_name}/{seed}/{case}")
            change, damaged = mutate(original, rng, packed=format_name.endswith(".gz"))
            file.write_bytes(damaged)
            start = time.perf_counter()
            told.update(_read(path, f"{format_name}, seed {seed}, case {case} ({change})", rng.random() < 0.3))
            slowest = max(slowest, time.perf_counter() - start)
    return {**told, "slowest": round(slowest, 3)}


def _read(path: Path, case: str, named: bool) -> Counter[str]:
    told: Counter[str] = Counter(cases=1)
    rejects = Rejects.to_memory()
    wanted = case.split(",")[0].removesuffix(".gz") if named else "auto"
    problem = None
    start = time.process_time()
    try:
        for number, product in read_feed(path, format=wanted, rejects=rejects):
            assert number >= 1
            assert product.id
            told["products"] += 1
    except GoodsenseError as error:
        problem = error
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    if problem is not None:
        told["errors"] += 1
        assert path.name in problem.message, f"{case}: the error does not name the file: {problem}"
    took = time.process_time() - start
    assert took < SECONDS, f"{case}: took {took:.1f} s"
    for reject in rejects.first:
        assert reject.reason, case
        assert reject.file.startswith(str(path)), case
    told["rejects"] += len(rejects)
    return told
