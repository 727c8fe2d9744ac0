"""Large arrays of a build on disk, so that its memory does not grow with the catalog; gone when it is done."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from goodsense.types import Vectors

SMALL = 2**20  # numbers; fewer stay in memory
_FOLDER = ".scratch"


@dataclass(frozen=True)
class Scratch:
    """A folder for files that nobody else reads."""

    folder: Path

    @classmethod
    @contextmanager
    def of(cls, shop: Path) -> Iterator[Self]:
        """A fresh one in the shop's directory; what a killed build left there goes, too."""
        folder = shop / "builds" / _FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield cls(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def zeros(self, rows: int, columns: int) -> Vectors:
        """``(rows, columns)`` float32 zeros: a mapped file if they are many."""
        if rows * columns < SMALL:
            return np.zeros((rows, columns), dtype=np.float32)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            file.truncate(rows * columns * 4)
        return np.memmap(file.name, dtype=np.float32, mode="r+", shape=(rows, columns))
