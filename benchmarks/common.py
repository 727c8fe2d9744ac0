"""What every benchmark needs: figures with their targets, stages with their times, the machine, and the report."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("goodsense", "numpy", "scipy", "scikit-learn", "opencv-python-headless", "pillow", "qdrant-edge-py")
Better = Literal["higher", "lower"]


@dataclass
class Bench:
    """One benchmark's figures, settings and times; :meth:`write` makes the report."""

    name: str
    protocol: str
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    started: float = field(default_factory=time.perf_counter)

    def figure(
        self, name: str, value: float, *, target: float | None = None, better: Better = "higher", unit: str = ""
    ) -> None:
        """Keep a figure; ``target`` is what it has to reach."""
        self.figures[name] = {"value": float(value), "unit": unit, "better": better, "target": target}
        aim = "" if target is None else f"  (target {'>=' if better == 'higher' else '<='} {target:g})"
        say(f"  {self.name}: {name} = {value:.4g} {unit}{aim}".rstrip())

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage: wall seconds, and processor seconds of this process and of children that have ended."""
        say(f"  {self.name}: {name} ...")
        wall, cpu = time.perf_counter(), _processor_seconds()
        try:
            yield
        finally:
            found = self.stages.setdefault(name, {"wall_s": 0.0, "cpu_s": 0.0})
            found["wall_s"] = round(found["wall_s"] + time.perf_counter() - wall, 3)
            found["cpu_s"] = round(found["cpu_s"] + _processor_seconds() - cpu, 3)

    def to_json(self) -> dict[str, Any]:
        return {
            "benchmark": self.name,
            "protocol": self.protocol,
            "date": datetime.now(UTC).date().isoformat(),
            "figures": self.figures,
            "seeds": self.seeds,
            "settings": self.settings,
            "details": self.details,
            "stages": self.stages,
            "wall_s": round(time.perf_counter() - self.started, 1),
            "machine": {**machine(), "load_before": round(self.load_before, 2)},
            "versions": versions(),
        }

    def write(self, path: Path | None) -> None:
        """Write the report; without a path it goes to standard output."""
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"
        if path is None:
            sys.stdout.write(text)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            say(f"  {self.name}: {path}")


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def parser(description: str, *, data: bool = True) -> argparse.ArgumentParser:
    """The options that every script has."""
    made = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    made.add_argument("--data", type=Path, required=data, help="folder of the data sets")
    made.add_argument("--json", type=Path, help="where the report goes; default: benchmarks/results")
    made.add_argument("--work", type=Path, help="where temporary files go")
    return made


def report_path(options: argparse.Namespace, name: str, *, whole: bool) -> Path | None:
    """Where the report goes. A run on a part of the data never replaces a result: it needs ``--json`` to be kept."""
    if options.json is not None:
        return Path(options.json)
    return RESULTS / f"{name}.json" if whole else None


@contextmanager
def working_directory(parent: Path | None) -> Iterator[Path]:
    """A temporary directory, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="goodsense-bench-", dir=parent) as name:
        yield Path(name)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """A feed as a shop would write it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    """A table as one dictionary per row; ``.gz`` is unpacked."""
    import gzip

    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def spread(rows: Sequence[Any], limit: int | None) -> list[Any]:
    """At most ``limit`` rows, taken evenly over all of them."""
    if limit is None or limit >= len(rows):
        return list(rows)
    return [rows[i * len(rows) // limit] for i in range(limit)]


def head_of(chosen: Any) -> dict[str, Any]:
    """Which head validation chose, and its score there."""
    return {"name": chosen.name, "settings": dict(chosen.settings), "validation": chosen.score}


# ---- processes of their own


def in_child(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run a function in a fresh process; adds its peak of resident memory as ``peak_rss_mb``."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_run_child, args=(send, work, arguments))
    child.start()
    send.close()
    try:
        found: dict[str, Any] = receive.recv()
    except EOFError:
        raise SystemExit(f"{work.__name__} failed in its process") from None
    finally:
        child.join()
    return found


def _run_child(send: Any, work: Callable[..., dict[str, Any]], arguments: Sequence[Any]) -> None:
    found = work(*arguments)
    send.send({**found, "peak_rss_mb": peak_rss_mb()})


def peak_rss_mb() -> float:
    """The peak of this process's resident memory, in MiB."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def forget_files(directory: Path) -> None:
    """Ask the system to drop these files from its cache, so that the next opening is cold."""
    for path in (p for p in directory.rglob("*") if p.is_file()):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def disk_mb(path: Path) -> float:
    """What a file or a directory takes on disk, in MiB; holes are not counted."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(p.stat().st_blocks * 512 for p in files) / 2**20


def quantiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """p50 and p99."""
    import numpy as np

    p50, p99 = np.percentile(milliseconds, [50, 99]).tolist()
    return {"p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}


# ---- the machine


def machine() -> Mapping[str, Any]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
