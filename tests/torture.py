"""The long suites in full counts: ``python -m tests.torture [--only NAME] [--scale 0.01] [--soak SECONDS]``.

Damaged feeds and pictures, catalogs written and read again, killed ingests and builds, full and read-only disks, a
soak. Every job runs in a process of its own, so a crash or a hang of one is a violation that names what reproduces it,
and the rest goes on. Ends with 1 on any violation.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.catalog.mutations import FORMATS as FEED_FORMATS
from tests.catalog.mutations import run_mutations as damage_feeds
from tests.catalog.round_trips import WRITTEN as WRITTEN_FEEDS
from tests.catalog.round_trips import round_trips
from tests.cli.disks import may_mount, run_full_disk_builds, run_full_disk_ingests, run_read_only, unmount
from tests.cli.soak import run_soak
from tests.crawl.kills import run_crawl_kills
from tests.events.mutations import FORMATS as EVENT_FORMATS
from tests.events.mutations import run_mutations as damage_events
from tests.feedback.mutations import FORMATS as VOICE_FORMATS
from tests.feedback.mutations import run_mutations as damage_voices
from tests.media.archive_attacks import run_archive_attacks, run_archive_mutations
from tests.media.hostile import run_hostile
from tests.media.hostile_files import run_hostile_av, run_hostile_images
from tests.media.mutations import run_mutations as damage_pictures
from tests.media.ssrf import run_ssrf
from tests.quality.cleaning.mutations import run_plan_mutations as damage_plans
from tests.shop.event_kills import run_event_kills
from tests.shop.kills import run_build_kills, run_ingest_kills
from tests.shop.switch_kills import run_switch_kills
from tests.shop.test_cleaning import clean_kills as run_clean_kills
from tests.tables.mapping_mutations import FORMATS as MAPPED_FORMATS
from tests.tables.mapping_mutations import run_mutations as damage_mapped

PICTURE_FORMATS = ("jpeg", "png", "webp", "gif")
SEED = 20_000
CHUNK = 500  # damaged files per job
SLOWEST_S = 5.0  # what one damaged file may take
RESULTS = Path("benchmarks/results/torture.json")


@dataclass(frozen=True)
class Job:
    """One call of a suite; ``call`` is how to repeat it."""

    suite: str
    function: Callable[..., dict[str, Any]]
    arguments: dict[str, Any]
    cases: int
    limit_s: float
    needs_mount: bool = False
    needs_work: bool = True  # takes a directory as its first argument

    @property
    def call(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        place = "Path(NEW_DIRECTORY), " if self.needs_work else ""
        return f"{self.function.__module__}.{self.function.__name__}({place}{shown})"


@dataclass
class Suite:
    """What came of all jobs of one name."""

    cases: int = 0
    seconds: float = 0.0  # of all its jobs together
    slowest_case_s: float | None = None
    seeds: list[int] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)
    violations: list[dict[str, str]] = field(default_factory=list)
    skipped: str = ""

    def add(self, job: Job, seconds: float, told: dict[str, Any], problem: str) -> None:
        self.seconds = round(self.seconds + seconds, 2)
        self.cases += job.cases
        if "seed" in job.arguments:
            self.seeds.append(job.arguments["seed"])
        if "slowest" in told:
            self.slowest_case_s = max(self.slowest_case_s or 0.0, told.pop("slowest"))
        if problem:
            self.violations.append({"repeat": job.call, "problem": problem})
        for name, value in told.items():
            if isinstance(value, int | float) and name not in ("seed", "count", "seconds", "rows", "products"):
                self.told[name] = self.told.get(name, 0) + value


# ---- what there is to do


def jobs(scale: float, soak_s: float) -> Iterator[Job]:
    """Every job at this scale, the long ones first so that the cores end together."""
    ingests, builds, disks = (max(1, round(count * scale)) for count in (50, 50, 10))
    for engine in ("exact", "qdrant-edge"):
        arguments = {"seconds": max(2.0, soak_s * min(1.0, scale) / 2), "seed": SEED, "engine": engine}
        yield Job(f"soak {engine}", run_soak, arguments, 1, soak_s + 300)
    yield from _chunked("kills build", run_build_kills, builds, 10, 90)
    yield from _chunked("kills switch", run_switch_kills, builds, 10, 90)
    yield from _chunked("kills ingest", run_ingest_kills, ingests, 10, 90)
    yield from _chunked("kills clean", run_clean_kills, ingests, 10, 30)
    yield from _chunked("kills events", run_event_kills, ingests, 10, 90)
    yield from _chunked("kills crawl", run_crawl_kills, ingests, 10, 60)
    yield from _chunked("full disk build", run_full_disk_builds, disks, 5, 180, needs_mount=True)
    yield from _chunked("full disk ingest", run_full_disk_ingests, disks, 5, 90, needs_mount=True)
    yield Job("read-only disk", run_read_only, {}, 5, 300, needs_mount=True)
    yield Job("ssrf", run_ssrf, {}, 300, 300)
    yield Job("hostile server", run_hostile, {}, 80, 300)
    for name, function, count in (
        ("hostile pictures", run_hostile_images, 2_000),
        ("hostile sounds and clips", run_hostile_av, 2_500),
    ):
        cases = max(1, round(count * scale))
        yield Job(name, function, {"count": cases, "seed": 0}, cases, 120 + 10.0 * cases)
    yield Job("archives", run_archive_attacks, {}, 90, 300)
    damaged = max(1, round(10_000 * scale))
    yield from _chunked("archives damaged", run_archive_mutations, damaged, CHUNK, 0.5)
    yield from _damage("cleaning plan", damage_plans, "plan", damaged)
    for name in FEED_FORMATS:
        yield from _damage(f"feed {name}", damage_feeds, name, damaged)
    for name in WRITTEN_FEEDS:
        yield from _damage(f"round trip {name}", round_trips, name, max(1, round(1_000 * scale)))
    for name in EVENT_FORMATS:
        yield from _damage(f"events {name}", damage_events, name, damaged)
    for name in VOICE_FORMATS:
        yield from _damage(f"voices {name}", damage_voices, name, damaged)
    for name in MAPPED_FORMATS:
        yield from _damage("mapping toml" if name == "toml" else f"mapped {name}", damage_mapped, name, damaged)
    for name in PICTURE_FORMATS:
        yield from _damage(f"picture {name}", damage_pictures, name, damaged)


def _chunked(
    suite: str,
    function: Callable[..., dict[str, Any]],
    count: int,
    size: int,
    case_limit_s: float,
    *,
    needs_mount: bool = False,
) -> Iterator[Job]:
    for start in range(0, count, size):
        cases = min(size, count - start)
        arguments = {"count": cases, "seed": SEED + start}
        yield Job(suite, function, arguments, cases, 120 + cases * case_limit_s, needs_mount)


def _damage(suite: str, function: Callable[..., dict[str, Any]], name: str, count: int) -> Iterator[Job]:
    for start in range(0, count, CHUNK):
        cases = min(CHUNK, count - start)
        arguments = {"format_name": name, "count": cases, "seed": SEED + start}
        yield Job(suite, function, arguments, cases, 60 + cases * 0.5, needs_work=False)


# ---- running them


@dataclass
class Running:
    """A job at work in its own process."""

    job: Job
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    work: Path
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


def start(job: Job, work: Path) -> Running:
    """Fork a process for a job; it answers through a pipe, once."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    directory = Path(tempfile.mkdtemp(dir=work))
    process = context.Process(target=_child, args=(job, directory, there))
    process.start()
    there.close()
    return Running(job, process, here, directory)


def _child(job: Job, work: Path, pipe: Connection) -> None:
    """Leaves the group of its parent, so that whatever it started can be ended with it."""
    os.setpgid(0, 0)
    try:
        told = job.function(*([work] if job.needs_work else []), **job.arguments)
        problem = "\n".join(told.pop("failures", []))
        if told.get("slowest", 0.0) >= SLOWEST_S:
            problem += f"one case took {told['slowest']} s"
    except BaseException as error:
        told = {}
        problem = f"{error}" if isinstance(error, AssertionError) else "".join(traceback.format_exception(error))
        problem = problem or repr(error)
    pipe.send((told, problem))


def result_of(running: Running) -> tuple[dict[str, Any], str] | None:
    """What a job told, and the problem it found; None while it is still at work."""
    told: dict[str, Any] = {}
    if running.pipe.poll(0):
        try:
            told, problem = running.pipe.recv()
        except EOFError:
            running.process.join()
            problem = f"the process died (exit code {running.process.exitcode})"
    elif not running.process.is_alive():
        problem = f"the process died (exit code {running.process.exitcode})"
    elif running.seconds > running.job.limit_s:
        problem = f"not done after {running.job.limit_s:.0f} s"
        os.killpg(running.process.pid or 0, 9)
    else:
        return None
    running.process.join(10)
    if running.job.needs_mount and problem:
        unmount(running.work / "disk")
    shutil.rmtree(running.work, ignore_errors=True)
    return told, problem


def run(todo: Iterable[Job], *, workers: int, work: Path) -> dict[str, Suite]:
    """Run jobs, ``workers`` at a time, and say how it goes."""
    waiting, active = list(todo), list[Running]()
    suites: dict[str, Suite] = {job.suite: Suite() for job in waiting}
    left = {name: sum(job.suite == name for job in waiting) for name in suites}
    while waiting or active:
        while waiting and len(active) < workers:
            active.append(start(waiting.pop(0), work))
        for running in list(active):
            found = result_of(running)
            if found is None:
                continue
            active.remove(running)
            name = running.job.suite
            suites[name].add(running.job, running.seconds, *found)
            left[name] -= 1
            if found[1]:
                tell(f"VIOLATION in {name}: {found[1]}\n  repeat: {running.job.call}")
            if not left[name]:
                tell(_line(name, suites[name]))
        time.sleep(0.02)
    return suites


def _line(name: str, suite: Suite) -> str:
    slowest = f", slowest {suite.slowest_case_s:.2f} s" if suite.slowest_case_s is not None else ""
    told = ", ".join(f"{value:g} {what}" for what, value in suite.told.items() if what != "cases")
    return f"{name:<18} {suite.cases:>6} cases in {suite.seconds:7.1f} s{slowest}; {told}"


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


# ---- the command


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for, write the figures, return the exit code."""
    asked = _parser().parse_args(arguments)
    started = time.monotonic()
    todo = [job for job in jobs(asked.scale, asked.soak) if not asked.only or job.suite.startswith(tuple(asked.only))]
    if not todo:
        tell(f"no suite is called {asked.only!r}; there are: {', '.join(dict.fromkeys(j.suite for j in jobs(1, 1)))}")
        return 2
    with tempfile.TemporaryDirectory(prefix="torture-") as directory:
        work = Path(directory)
        skipped = {job.suite for job in todo if job.needs_mount} if not may_mount(work) else set()
        for name in sorted(skipped):
            tell(f"{name}: skipped, this process may not mount a small disk")
        suites = run((job for job in todo if job.suite not in skipped), workers=asked.workers, work=work)
    suites |= {name: Suite(skipped="may not mount a small disk") for name in skipped}
    violations = sum(len(suite.violations) for suite in suites.values())
    _write(asked, suites, time.monotonic() - started)
    tell(f"{violations} violations in {time.monotonic() - started:.0f} s; figures: {asked.json}")
    return int(violations > 0)


def _write(asked: argparse.Namespace, suites: dict[str, Suite], seconds: float) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    told = {name: {"date": today, "scale": asked.scale} | vars(suite) for name, suite in suites.items()}
    if asked.update and asked.json.exists():
        before = json.loads(asked.json.read_text("utf-8"))
        told = before["suites"] | told
        seconds += before["seconds"]
    found = {
        "date": today,
        "machine": {
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "scale": asked.scale,
        "workers": asked.workers,
        "seconds": round(seconds, 1),
        "cases": sum(suite["cases"] for suite in told.values()),
        "violations": sum(len(suite["violations"]) for suite in told.values()),
        "suites": told,
    }
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="suites whose name begins so")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full counts")
    parser.add_argument("--soak", type=float, default=60.0, metavar="SECONDS", help="how long the soak takes; try 600")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="jobs at a time")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the figures go")
    parser.add_argument("--update", action="store_true", help="keep the figures of other suites that stand there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
