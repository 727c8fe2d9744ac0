"""Facts of pictures, one record per content hash: measured once, kept on disk, read back by memory map."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, StorageError
from goodsense.media import MediaStore, decode_image, sniff_media
from goodsense.media.sniff import image_size
from goodsense.media.views import sharpness
from goodsense.progress import Progress, silent
from goodsense.quality.fingerprints import (
    BITS,
    CHROMA,
    CORNER,
    THUMB,
    VIEWS,
    chroma,
    corners,
    thumbnail,
    views,
)

VERSION = 1  # raise it whenever a record means something else
FORMATS = ("", "jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heic", "mp4", "webm", "avi", "wav", "flac", "ogg",
           "mp3", "m4a")  # fmt: skip
RECORD = np.dtype(
    [
        ("sha256", "u1", 32),
        ("readable", "u1"),
        ("format", "u1"),
        ("width", "<u4"),
        ("height", "<u4"),
        ("bytes", "<u8"),
        ("brightness", "<f4"),
        ("contrast", "<f4"),
        ("sharpness", "<f4"),
        ("views", "<f2", (VIEWS, BITS)),
        ("thumbnail", "u1", (THUMB, THUMB)),
        ("chroma", "u1", (CHROMA, CHROMA, 2)),
        ("corners", "u1", (4, *CORNER)),
    ]
)
_SIDE = 256  # pixels to which pictures are scaled before they are measured
_CHUNK = 64  # pictures per message between processes
_FEW = 128  # so few are measured before a second process has started

Records = NDArray[Any]  # (n,) of RECORD


@dataclass(frozen=True, eq=False)
class PictureFacts:
    """What was measured of pictures: one record each, and where the record of a SHA-256 is."""

    records: Records

    @classmethod
    def of(
        cls,
        hashes: Iterable[str],
        store: MediaStore,
        *,
        cache: Path | None = None,
        workers: int = 2,
        progress: Progress = silent,
    ) -> Self:
        """Measure the pictures of a store that were not measured before.

        Parameters
        ----------
        hashes
            SHA-256 of each picture; those whose bytes are not there get no record.
        cache
            A directory that keeps records between checks; None keeps nothing.
        workers
            Processes to use.

        Raises
        ------
        StorageError
            If the cache cannot be written.
        """
        wanted = sorted(set(hashes))
        file = cache / f"pictures-v{VERSION}.bin" if cache is not None else None
        known = _read(file)
        have = {bytes(key).hex(): at for at, key in enumerate(known["sha256"])}
        new = [name for name in wanted if name not in have and store.has(name)]
        measured = list(_measured(new, store.root, workers, progress))
        found = np.concatenate(measured) if measured else np.zeros(0, RECORD)
        if file is not None and len(found):
            _append(file, found)
        kept = known[[have[name] for name in wanted if name in have]]
        return cls(np.concatenate((np.asarray(kept), found)))

    @cached_property
    def rows(self) -> dict[str, int]:
        """SHA-256 to the number of its record."""
        return {bytes(key).hex(): at for at, key in enumerate(self.records["sha256"])}

    @cached_property
    def hashes(self) -> list[str]:
        """The SHA-256 of every record."""
        return list(self.rows)

    def __len__(self) -> int:
        return len(self.records)

    def format_of(self, row: int) -> str:
        """What the bytes are: "jpeg", "png" ...; empty if that is unknown."""
        return FORMATS[self.records["format"][row]]


def measure(data: bytes, name: str = "") -> Records:
    """The record of one picture file; of an unreadable one only format and length are told."""
    record = np.zeros(1, RECORD)
    one = record[0]
    if name:
        one["sha256"] = np.frombuffer(bytes.fromhex(name), np.uint8)
    kind = sniff_media(data[:64]) or ""
    one["format"] = FORMATS.index(kind) if kind in FORMATS else 0
    one["bytes"] = len(data)
    try:
        image = decode_image(data, max_side=_SIDE)
    except DataError:
        return record
    one["readable"] = 1
    one["width"], one["height"] = image_size(data, kind) or image.shape[1::-1]
    one["thumbnail"] = thumbnail(image)
    one["brightness"], one["contrast"] = one["thumbnail"].mean(), one["thumbnail"].std()
    one["sharpness"] = sharpness(image)
    one["views"], one["chroma"], one["corners"] = views(image), chroma(image), corners(image)
    return record


# ---- measuring in several processes


def _measured(names: Sequence[str], root: Path, workers: int, progress: Progress) -> Iterator[Records]:
    chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
    few = workers <= 1 or len(names) <= _FEW
    done = 0
    for found in (_measure_chunk(root, chunk) for chunk in chunks) if few else _pooled(chunks, root, workers):
        done += len(found)
        progress("pictures", done, len(names))
        yield found


def _pooled(chunks: Sequence[Sequence[str]], root: Path, workers: int) -> Iterator[Records]:
    """Chunks through a pool of fresh processes, in order; if a process dies, the rest is done here."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context, initializer=_start_worker)
    done = 0
    try:
        for found in pool.map(_measure_chunk, [root] * len(chunks), chunks):
            done += 1
            yield found
    except BrokenProcessPool:
        for chunk in chunks[done:]:
            yield _measure_chunk(root, chunk)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """One thread per process, and Ctrl-C is the parent's business alone."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _measure_chunk(root: Path, names: Sequence[str]) -> Records:
    store = MediaStore(root)
    found = []
    for name in names:
        try:
            found.append(measure(store.read(name), name))
        except DataError:  # gone since it was looked for
            continue
    return np.concatenate(found) if found else np.zeros(0, RECORD)


# ---- the records on disk


def _read(file: Path | None) -> Records:
    """All whole records of a cache; half a record at the end, left by a crash, does not count."""
    if file is None or not file.is_file():
        return np.zeros(0, RECORD)
    count = file.stat().st_size // RECORD.itemsize
    return np.memmap(file, RECORD, mode="r", shape=(count,)) if count else np.zeros(0, RECORD)


def _append(file: Path, found: Records) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as stream:
            whole = stream.tell() // RECORD.itemsize * RECORD.itemsize
            stream.truncate(whole)
            stream.write(found.tobytes())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise StorageError(
            f"{file}: cannot be written ({error.strerror or error}).", fix="Free space or mend the permissions."
        ) from error
