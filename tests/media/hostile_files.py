"""Hostile files through the sandbox: each gives a result or a reason, soon, and touches nothing else.

What the files point to is watched: a directory by the kernel (inotify), and a port of this machine.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from goodsense.errors import DataError, GoodsenseError
from goodsense.media import decode_audio, decode_image, decode_video
from goodsense.media.reading import ClipWish, SoundWish
from goodsense.media.sandbox import Failure, Sandbox
from goodsense.media.strip import strip_metadata

from .hostile_av import hostile_av
from .hostile_images import hostile_images

MEMORY_MB = 300
SECONDS = 10.0
_IN_OPEN = 0x20
_base_kb = 0


@dataclass
class Told:
    """What a worker process says of one file."""

    outcome: str
    seconds: float
    peak_mb: float


@dataclass
class Watch:
    """Notes whatever is opened in a directory, and whoever connects to a port."""

    directory: Path
    server: socket.socket
    notify: int
    seen: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return str(self.directory / "secret.txt")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.getsockname()[1]}/secret"

    def look(self) -> list[str]:
        """What has happened until now."""
        try:
            while True:
                peer, address = self.server.accept()
                peer.close()
                self.seen.append(f"connected from {address}")
        except BlockingIOError:
            pass
        try:
            while events := os.read(self.notify, 4096):
                length = struct.unpack_from("iIII", events)[3]
                self.seen.append(f"opened {events[16 : 16 + length].rstrip(bytes(1)).decode()}")
        except BlockingIOError:
            pass
        return self.seen

    def close(self) -> None:
        self.server.close()
        os.close(self.notify)


def watched(directory: Path) -> Watch:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "secret.txt").write_text("a secret\n" * 100)
    server = socket.create_server(("127.0.0.1", 0), backlog=100)
    server.setblocking(False)
    libc = ctypes.CDLL(None, use_errno=True)
    notify = libc.inotify_init1(os.O_NONBLOCK)
    assert notify >= 0, os.strerror(ctypes.get_errno())
    assert libc.inotify_add_watch(notify, os.fsencode(directory), _IN_OPEN) >= 0
    return Watch(directory, server, notify)


def note_base() -> None:
    """Remember what the worker holds before the first file."""
    global _base_kb
    with suppress(DataError):
        decode_image(b"", name="none")
    _base_kb = _status("VmRSS")


def _status(name: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def look_at_image(data: bytes) -> Told:
    return _measured(data, (_image, _thumbnail, strip_metadata))


def look_at_av(data: bytes) -> Told:
    return _measured(data, (_sound, _film, strip_metadata))


def _image(data: bytes) -> object:
    return decode_image(data, name="hostile")


def _thumbnail(data: bytes) -> object:
    return decode_image(data, name="hostile", max_side=64)


def _sound(data: bytes) -> object:
    return decode_audio(data, name="hostile", rate=16_000, max_seconds=60)


def _film(data: bytes) -> object:
    return decode_video(data, name="hostile", wish=ClipWish(motion=True, sound=SoundWish()))


def _measured(data: bytes, steps: tuple[Callable[[bytes], object], ...]) -> Told:
    started, outcomes = _used(), []
    for step in steps:
        try:
            step(data)
        except GoodsenseError as error:
            clear = isinstance(error, DataError) and error.message.startswith("hostile: ") and error.fix
            lacks = "MemoryError" in error.message
            outcomes.append("memory" if lacks else "refused" if clear else f"says {error.message!r}")
        else:
            outcomes.append("decoded")
    seconds, peak = _used() - started, (_status("VmHWM") - _base_kb) / 1024
    bad = [outcome for outcome in outcomes if outcome.startswith("says")]
    whole = (
        bad[0] if bad else "decoded" if "decoded" in outcomes[:2] else "memory" if "memory" in outcomes else "refused"
    )
    return Told(whole, seconds, peak)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_hostile_images(work: Path, count: int, seed: int, *, heavy: bool = True) -> dict[str, Any]:
    """Decode ``count`` hostile pictures; see :func:`_run`."""
    return _run(work, look_at_image, partial(hostile_images, heavy=heavy), count, seed)


def run_hostile_av(work: Path, count: int, seed: int, *, heavy: bool = True) -> dict[str, Any]:
    """Decode ``count`` hostile sounds and clips, each as a sound and as a clip; see :func:`_run`."""
    return _run(work, look_at_av, partial(hostile_av, heavy=heavy), count, seed)


def _run(
    work: Path,
    job: Callable[[bytes], Told],
    files: Callable[..., Iterator[tuple[str, bytes]]],
    count: int,
    seed: int,
) -> dict[str, Any]:
    """Returns counts of outcomes; ``failures`` lists what breaks a promise; seconds are of the processor."""
    watch = watched(work / "watched")
    told: Counter[str] = Counter()
    failures: list[str] = []
    slowest = peak = 0.0
    names: list[str] = []

    def items() -> Iterator[bytes]:
        for name, data in files(count, seed, watch.place, watch.url):
            names.append(name)
            yield data

    with Sandbox(job, workers=1, prepare=note_base) as sandbox:
        started = time.monotonic()
        for number, found in sandbox.run(items()):
            if isinstance(found, Failure):
                told[found.kind] += 1
                slowest = max(slowest, SECONDS if found.kind == "time" else 0.0)
                if found.kind == "error":
                    failures.append(f"{names[number]}: {found.reason}")
                continue
            told[found.outcome if not found.outcome.startswith("says") else "unclear"] += 1
            slowest, peak = max(slowest, found.seconds), max(peak, found.peak_mb)
            if found.outcome.startswith("says"):
                failures.append(f"{names[number]}: {found.outcome}")
    failures += watch.look()
    watch.close()
    if peak > MEMORY_MB:
        failures.append(f"{peak:.0f} MB over the base")
    if len(names) != count or sum(told.values()) != count:
        failures.append(f"{sum(told.values())} of {len(names)} of {count} files came to an end")
    counts = {name: told[name] for name in ("decoded", "refused", "memory", "time", "crash")}
    seconds = round(time.monotonic() - started, 1)
    return {
        **counts,
        "failures": failures,
        "slowest_file": round(slowest, 2),
        "peak_mb": round(peak),
        "seconds": seconds,
    }
