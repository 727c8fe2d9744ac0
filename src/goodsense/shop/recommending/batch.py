"""The best products for every shopper at once: blocks of shoppers in several processes, parts, one Parquet file.

A part is written whole or not at all, and kept until the file is done: whoever is interrupted goes on from there.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodsense.errors import PartialError, UsageError
from goodsense.progress import Progress, silent
from goodsense.shop.artefacts import write_atomically
from goodsense.shop.recommending.answering import Wish, placed_by, usable
from goodsense.shop.recommending.candidates import Candidate, candidates, candidates_of_many
from goodsense.shop.recommending.past import Past, read_past
from goodsense.shop.recommending.reasons import Reasoner
from goodsense.shop.recommending.sentences import language_of, say

if TYPE_CHECKING:
    from goodsense.shop import Shop

BLOCK = 512  # shoppers of one part
STAGE = "recommend to everybody"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class BatchReport:
    """What a batch did; ``kept`` shoppers were done by an earlier run that was interrupted."""

    file: str
    shoppers: int
    rows: int
    kept: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return dict(vars(self))


@dataclass(frozen=True)
class Job:
    """What is asked for, the same for all shoppers."""

    shop: Path
    parts: Path
    k: int = 20
    where: str | None = None
    language: str = "en"
    reasons: bool = True


def recommend_all(
    shop: Shop,
    out: Path,
    *,
    k: int = 20,
    where: str | None = None,
    language: str = "en",
    reasons: bool = True,
    workers: int = 2,
    block: int = BLOCK,
    progress: Progress = silent,
) -> BatchReport:
    """Write the best ``k`` products of every shopper of the log to a Parquet file.

    Its columns are ``user``, ``rank``, ``id``, ``score`` and ``reason``; rows stand by user and rank. Memory does not
    grow with the number of shoppers. Parts lie in ``OUT.parts`` until the file is whole; a run with the same wishes
    over the same build and log goes on with them.

    Raises
    ------
    PartialError
        On Ctrl-C; what is done is kept.
    """
    started = time.perf_counter()
    language_of(language)
    if out.is_dir():
        raise UsageError(f"{out} is a folder.", fix="Name a file, such as recs.parquet.")
    shoppers = [user for (user,) in shop.truth.rows("SELECT DISTINCT user FROM events WHERE user <> '' ORDER BY user")]
    job = Job(shop.directory, out.with_name(f"{out.name}.parts"), k, where, language, reasons)
    _begin(shop, job, block)
    blocks = {number: shoppers[begin : begin + block] for number, begin in enumerate(range(0, len(shoppers), block))}
    missing = {number: users for number, users in blocks.items() if not _part(job.parts, number).exists()}
    kept = len(shoppers) - sum(map(len, missing.values()))
    progress(STAGE, kept, len(shoppers))
    try:
        _run(shop, job, missing, workers, kept, len(shoppers), progress)
    except KeyboardInterrupt as interrupt:
        done = sum(_part(job.parts, number).exists() for number in blocks)
        raise PartialError(
            f"stopped; {done} of {len(blocks)} parts are safely in {job.parts}.",
            fix="Run the same command again: it goes on from there.",
        ) from interrupt
    rows = _join(job.parts, sorted(blocks), out)
    shutil.rmtree(job.parts)
    return BatchReport(str(out), len(shoppers), rows, kept, round(time.perf_counter() - started, 3))


def _begin(shop: Shop, job: Job, block: int) -> None:
    """Keep the parts of an interrupted run only if they answer the same question."""
    told = {
        "build": shop.snapshot.meta.get("seq"),
        "seq": shop.truth.seq,
        "recipe": shop.built_recipe.recommend.model_dump(mode="json"),
        "k": job.k,
        "where": job.where,
        "language": job.language,
        "reasons": job.reasons,
        "block": block,
    }
    text = json.dumps(told, ensure_ascii=False, sort_keys=True)
    manifest = job.parts / _MANIFEST
    if not manifest.exists() or manifest.read_text("utf-8") != text:
        shutil.rmtree(job.parts, ignore_errors=True)
        job.parts.mkdir(parents=True)
        write_atomically(manifest, text)


def _part(parts: Path, number: int) -> Path:
    return parts / f"part-{number:06d}.parquet"


# ---- the work


def _run(
    shop: Shop,
    job: Job,
    missing: dict[int, list[str]],
    workers: int,
    done: int,
    total: int,
    progress: Progress,
) -> None:
    if workers < 2 or len(missing) < 2:
        for number, users in missing.items():
            write_part(shop, job, number, users)
            progress(STAGE, done := done + len(users), total)
        return
    for count in _in_processes(job, missing, min(workers, len(missing))):
        progress(STAGE, done := done + count, total)


def _in_processes(job: Job, missing: dict[int, list[str]], workers: int) -> Iterator[int]:
    """Shoppers done, block by block; only a few blocks wait at a time."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_open, initargs=(job,))
    try:
        left = iter(missing.items())
        running: set[Future[int]] = set()
        while True:
            for number, users in left:
                running.add(pool.submit(_work, number, users))
                if len(running) >= 2 * workers:
                    break
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
    except BrokenProcessPool as error:
        raise PartialError(
            "a worker process was killed; the parts that are done are kept.", fix="Run the same command again."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_OPENED: list[tuple[Shop, Job]] = []  # one per worker process


def _open(job: Job) -> None:
    import signal

    from goodsense.shop import Shop

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers
    _OPENED.append((Shop.open(job.shop), job))


def _work(number: int, users: list[str]) -> int:
    shop, job = _OPENED[0]
    write_part(shop, job, number, users)
    return len(users)


def write_part(shop: Shop, job: Job, number: int, users: Sequence[str]) -> None:
    """Write the lists of some shoppers to their part, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {name: [] for name in ("user", "rank", "id", "score", "reason")}
    for user, found, reasons in lists_of(shop, users, job):
        for rank, (candidate, reason) in enumerate(zip(found, reasons, strict=True), start=1):
            row = (user, rank, candidate.id, candidate.score, reason)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    table = pa.table(columns, schema=_schema())
    path = _part(job.parts, number)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table, draft)
    draft.rename(path)


def _schema() -> Any:
    import pyarrow as pa

    kinds = (pa.string(), pa.int32(), pa.string(), pa.float32(), pa.string())
    return pa.schema(list(zip(("user", "rank", "id", "score", "reason"), kinds, strict=True)))


def lists_of(shop: Shop, users: Sequence[str], job: Job) -> Iterator[tuple[str, list[Candidate], list[str]]]:
    """The candidates and reasons of each of these shoppers, the same that each alone would be given."""
    desk, snapshot = shop.desk, shop.snapshot
    shelf, opened = desk.look(snapshot), desk.opened
    reasoner = Reasoner(opened.statistics, shelf)
    wish = Wish(job.k, job.where, language=language_of(job.language))
    rules = desk.rules(shelf)
    ruled = rules.at_work(opened.settings.diversity, chance=False)
    count = rules.depth(job.k) if ruled else job.k
    passing = usable(shelf, Past(), wish, rules.inside)[0]
    pasts = [read_past(shop.truth, user, exclude=opened.settings.exclude) for user in users]
    every = candidates_of_many(opened, shelf, pasts, passing, count, newcomers=desk.newcomers)
    for user, past, found in zip(users, pasts, every, strict=True):
        if not found:
            allowed = usable(shelf, past, wish, rules.inside)[0]
            found = candidates(opened, shelf, past, allowed, count, newcomers=desk.newcomers)
        if ruled:
            allowed = usable(shelf, past, wish, rules.inside)[0]
            placed, _ = placed_by(
                rules, opened, shelf, past, wish, allowed, newcomers=desk.newcomers, found=found, chance=False
            )
            found = [each.whole(each.candidate) for each in placed]
        told = [""] * len(found)
        if job.reasons:
            reasons = reasoner.reasons(past, [candidate.id for candidate in found], most=1)
            told = [say(own, wish.language) for own in reasons]
        yield user, found, told


def _join(parts: Path, numbers: Sequence[int], out: Path) -> int:
    """All parts as one file, part by part; returns how many rows it has."""
    import pyarrow.parquet as pq

    draft, rows = out.with_name(f".{out.name}.{os.getpid()}"), 0
    with pq.ParquetWriter(draft, _schema()) as writer:
        for number in numbers:
            table = pq.read_table(_part(parts, number))
            rows += table.num_rows
            writer.write_table(table)
    draft.rename(out)
    return rows
