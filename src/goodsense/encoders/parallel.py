"""Pictures described by several processes, in order, and without one broken picture ending the run."""

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
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.descriptors import describe as describe_picture
from goodsense.errors import GoodsenseError
from goodsense.progress import Progress, silent
from goodsense.types import Image, Mask, Vectors

Describe: TypeAlias = Callable[[Image], NDArray[np.float32]]
Described: TypeAlias = NDArray[np.float32] | str  # the descriptor of a picture, or what is wrong with the file

CHUNK = 32  # pictures per message between processes
AHEAD = 4  # messages per worker that may wait, so memory stays bounded however many pictures there are
FEW = 64  # so few pictures are done before a second process has started


class Describes(Protocol):
    """An encoder in two halves: one unfitted and per picture, one fitted and per batch."""

    @property
    def dim(self) -> int: ...
    def project(self, raw: Sequence[NDArray[np.float32]]) -> Vectors: ...


@dataclass(frozen=True, eq=False)
class EncodedMedia:
    """Vectors ``(n, dim)`` of ``n`` files; ``errors`` says of each row that is not present what was wrong."""

    vectors: Vectors
    present: Mask
    errors: dict[int, str]


def describe_files(
    paths: Sequence[Path], *, workers: int, describe: Describe = describe_picture
) -> Iterator[tuple[int, Described]]:
    """Decode and describe picture files; yields ``(i, descriptor or error text)`` for each path, in order.

    Parameters
    ----------
    paths
        Files to read.
    workers
        Processes to use; with 1, or a few pictures, everything happens in this process.
    describe
        What to do with a decoded picture: a function at the top level of a module, so that other processes find it.
    """
    if workers <= 1 or len(paths) <= FEW:
        yield from ((i, _described(Path(path), describe)) for i, path in enumerate(paths))
        return
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    for number, found in enumerate(_pooled(chunks, workers, describe)):
        yield from enumerate(found, start=number * CHUNK)


def encode_media(
    encoder: Describes, sources: Sequence[Path], *, workers: int, progress: Progress = silent
) -> EncodedMedia:
    """Vectors of picture files: described by ``workers`` processes, projected here in batches."""
    vectors = np.zeros((len(sources), encoder.dim), dtype=np.float32)
    present = np.zeros(len(sources), dtype=np.bool_)
    errors: dict[int, str] = {}
    waiting: dict[int, NDArray[np.float32]] = {}

    def flush() -> None:
        if waiting:
            rows = list(waiting)
            vectors[rows], present[rows] = encoder.project(list(waiting.values())), True
            waiting.clear()

    for row, found in describe_files(sources, workers=workers):
        if isinstance(found, str):
            errors[row] = found
        else:
            waiting[row] = found
        if len(waiting) == 8 * CHUNK:
            flush()
        if (row + 1) % CHUNK == 0 or row + 1 == len(sources):
            progress("image", row + 1, len(sources))
    flush()
    return EncodedMedia(vectors, present, errors)


def _described(path: Path, describe: Describe) -> Described:
    from goodsense.media import decode_image

    try:
        return describe(decode_image(path.read_bytes(), name=path.name))
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror or error}."
    except GoodsenseError as error:
        return str(error)


def _pooled(chunks: Sequence[Sequence[Path]], workers: int, describe: Describe) -> Iterator[list[Described]]:
    """Chunks through a pool of fresh processes, in order, at most ``workers * AHEAD`` at a time.

    A process that dies (out of memory, killed from outside) costs no picture: what it had is done here instead.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context, initializer=_start_worker)
    pending: deque[tuple[Sequence[Path], Future[list[Described]] | None]] = deque()
    try:
        for chunk in chunks:
            pending.append((chunk, _submitted(pool, chunk, describe)))
            if len(pending) == workers * AHEAD:
                yield _collected(*pending.popleft(), describe)
        while pending:
            yield _collected(*pending.popleft(), describe)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, chunk: Sequence[Path], describe: Describe) -> Future[list[Described]] | None:
    try:
        return pool.submit(_describe_chunk, chunk, describe)
    except BrokenProcessPool:
        return None


def _collected(chunk: Sequence[Path], future: Future[list[Described]] | None, describe: Describe) -> list[Described]:
    if future is not None:
        with contextlib.suppress(BrokenProcessPool):
            return future.result()
    return _describe_chunk(chunk, describe)


def _describe_chunk(chunk: Sequence[Path], describe: Describe) -> list[Described]:
    return [_described(Path(path), describe) for path in chunk]


def _start_worker() -> None:
    """One thread per process, and Ctrl-C is the parent's business alone."""
    import cv2
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threadpool_limits(1)
