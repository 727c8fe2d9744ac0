"""Media files read and described by several processes, in order, and without one broken file ending the run."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from goodsense.errors import GoodsenseError, NoSoundError
from goodsense.media.reading import Wish, read_medium

CHUNK = 32  # files per message between processes
AHEAD = 4  # messages per worker that may wait, so memory stays bounded however many files there are
FEW = 64  # so few files are done before a second process has started


@dataclass(frozen=True)
class Broken:
    """What is wrong with a file."""

    reason: str


Found: TypeAlias = NDArray[Any] | Broken | None  # described, broken, or nothing to see or hear in it


@dataclass(frozen=True)
class FileReader:
    """What a worker does with one file: decode it as wished, and describe it."""

    wish: Wish
    describe: Callable[[Any], NDArray[Any]]

    def __call__(self, path: Path) -> Found:
        try:
            return self.describe(read_medium(path.read_bytes(), self.wish, name=path.name))
        except NoSoundError:
            return None
        except OSError as error:
            return Broken(f"{path.name} cannot be read: {error.strerror or error}.")
        except GoodsenseError as error:
            return Broken(str(error))


def read_files(paths: Sequence[Path], reader: FileReader, *, workers: int) -> Iterator[tuple[int, Found]]:
    """Read and describe files; yields ``(i, what was found)`` for each path, in order.

    Parameters
    ----------
    paths
        Files to read.
    reader
        What to do with each; it is sent to every process once.
    workers
        Processes to use; with 1, or a few files, everything happens in this process.
    """
    if workers <= 1 or len(paths) <= FEW:
        yield from ((i, reader(Path(path))) for i, path in enumerate(paths))
        return
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    for number, found in enumerate(_pooled(chunks, workers, reader)):
        yield from enumerate(found, start=number * CHUNK)


def _pooled(chunks: Sequence[Sequence[Path]], workers: int, reader: FileReader) -> Iterator[list[Found]]:
    """Chunks through a pool of fresh processes, in order, at most ``workers * AHEAD`` at a time.

    A process that dies (out of memory, killed from outside) costs no file: what it had is done here instead.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context, initializer=_start_worker)
    pending: deque[tuple[Sequence[Path], Future[list[Found]] | None]] = deque()
    try:
        for chunk in chunks:
            pending.append((chunk, _submitted(pool, chunk, reader)))
            if len(pending) == workers * AHEAD:
                yield _collected(*pending.popleft(), reader)
        while pending:
            yield _collected(*pending.popleft(), reader)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, chunk: Sequence[Path], reader: FileReader) -> Future[list[Found]] | None:
    try:
        return pool.submit(_read_chunk, chunk, reader)
    except BrokenProcessPool:
        return None


def _collected(chunk: Sequence[Path], future: Future[list[Found]] | None, reader: FileReader) -> list[Found]:
    if future is not None:
        with contextlib.suppress(BrokenProcessPool):
            return future.result()
    return _read_chunk(chunk, reader)


def _read_chunk(chunk: Sequence[Path], reader: FileReader) -> list[Found]:
    return [reader(Path(path)) for path in chunk]


def _start_worker() -> None:
    """One thread per process, and Ctrl-C is the parent's business alone."""
    import cv2
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threadpool_limits(1)
