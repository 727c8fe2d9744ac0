"""Media files read and described by worker processes, in order, and without one broken file ending the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import NoSoundError
from goodsense.media.reading import ClipWish, ImageWish, Wish, read_medium
from goodsense.media.sandbox import Failure, Sandbox
from goodsense.types import Clip, Image, Sound

FEW = 64  # so few pictures are done before a second process has started


@dataclass(frozen=True)
class Broken:
    """What is wrong with a file."""

    reason: str


Found: TypeAlias = NDArray[Any] | Broken | None  # described, broken, or nothing to hear in it


@dataclass(frozen=True)
class FileReader:
    """What a worker does with one file: decode it as wished, and describe it."""

    wish: Wish
    describe: Callable[[Any], NDArray[Any]]

    def __call__(self, path: Path) -> NDArray[Any] | None:
        try:
            return self.describe(read_medium(path.read_bytes(), self.wish, name=path.name))
        except NoSoundError:
            return None

    def prepare(self) -> None:
        """Import whatever describing imports, by describing something small."""
        self.describe(_something_small(self.wish))


def read_files(paths: Sequence[Path], reader: FileReader, *, workers: int) -> Iterator[tuple[int, Found]]:
    """Read and describe files; yields ``(i, what was found)`` for each path, in order.

    Every file is read by a process that may fail (:class:`goodsense.media.sandbox.Sandbox`). Only a few pictures are
    read by this one: their decoder checks the size before it decodes, and two processes take a second to start.

    Parameters
    ----------
    paths
        Files to read.
    reader
        What to do with each; it is sent to every process once.
    workers
        Processes to use.
    """
    if not len(paths):
        return
    inline = isinstance(reader.wish, ImageWish) and (workers <= 1 or len(paths) <= FEW)
    with Sandbox(reader, workers=max(1, workers), prepare=reader.prepare, inline=inline) as sandbox:
        for number, found in sandbox.run(map(Path, paths)):
            yield number, Broken(found.reason) if isinstance(found, Failure) else found


def _something_small(wish: Wish) -> Image | Sound | Clip:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    if isinstance(wish, ImageWish):
        picture: Image = pictures[0]
        return picture
    if isinstance(wish, ClipWish):
        return Clip(pictures, np.array([0.0, 0.25, 0.5]), 0.75, motion=np.zeros((3, 4, 4, 2), dtype=np.float32))
    noise = np.random.default_rng(0).normal(scale=0.1, size=(16_000, 1)).astype(np.float32)
    return Sound(noise, wish.rate or 16_000)
