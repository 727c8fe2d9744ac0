"""Media files read and described by worker processes, in order, and without one broken file ending the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

from numpy.typing import NDArray

from goodsense.errors import NoSoundError
from goodsense.media.reading import ImageWish, Wish, read_medium
from goodsense.media.sandbox import Failure, Sandbox

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


class MediaWorkers:
    """Processes that read and describe files; they start when there is something to do, and stay until closed.

    Every file is read by a process that may fail (:class:`goodsense.media.sandbox.Sandbox`). Only a few pictures are
    read by this one: their decoder checks the size before it decodes, and processes take a second to start.

    Parameters
    ----------
    workers
        Processes to use.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._sandbox = Sandbox(_read, workers=max(1, workers), prepare=_load_libraries)

    def read(self, paths: Sequence[Path], reader: FileReader) -> Iterator[tuple[int, Found]]:
        """Yield ``(i, what was found)`` for each path, in order; the reader travels with every batch of paths."""
        if isinstance(reader.wish, ImageWish) and (self._workers <= 1 or len(paths) <= FEW):
            with Sandbox(reader, inline=True) as here:
                yield from _told(here.run(map(Path, paths)))
        elif len(paths):
            yield from _told(self._sandbox.run((reader, Path(path)) for path in paths))

    def close(self) -> None:
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_files(paths: Sequence[Path], reader: FileReader, *, workers: int) -> Iterator[tuple[int, Found]]:
    """Read and describe files with workers of their own, see :meth:`MediaWorkers.read`."""
    with MediaWorkers(workers) as own:
        yield from own.read(paths, reader)


def _told(results: Iterable[tuple[int, NDArray[Any] | Failure | None]]) -> Iterator[tuple[int, Found]]:
    for number, found in results:
        yield number, Broken(found.reason) if isinstance(found, Failure) else found


def _read(item: tuple[FileReader, Path]) -> NDArray[Any] | None:
    reader, path = item
    return reader(path)


def _load_libraries() -> None:
    """What describing imports, so that it does not count as memory that a file takes."""
    import scipy.fft
    import scipy.ndimage
    import scipy.signal  # noqa: F401
