"""How much memory a piece of work takes: the process's own, or that of a GPU. torch is imported on use."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goodsense.learning.networks import checked_device, need_torch

EVERY = 0.01  # seconds between two looks at the process
_STATM = Path("/proc/self/statm")


@dataclass
class Peak:
    """The most memory held at a time, in bytes beyond what was held at the beginning; 0 until the work is done."""

    bytes: int = 0


@contextmanager
def peak_memory(device: str = "cpu") -> Iterator[Peak]:
    """Watch what happens inside.

    On a GPU, memory of tensors; else the resident memory of the whole process, looked at every hundredth of a second
    (where the system does not tell it, the highest of the process so far).
    """
    found = Peak()
    if device != "cpu" and checked_device(device).type == "cuda":  # without a GPU torch is not needed
        cuda = need_torch("training").cuda
        before = cuda.memory_allocated(device)
        cuda.reset_peak_memory_stats(device)
        yield found
        found.bytes = cuda.max_memory_allocated(device) - before
        return
    done, before, sizes = threading.Event(), resident_bytes(), [0]

    def watch() -> None:
        while not done.wait(EVERY):
            sizes[0] = max(sizes[0], resident_bytes())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()
        found.bytes = max(0, max(sizes[0], resident_bytes()) - before)


def resident_bytes() -> int:
    """Memory of this process that is in RAM now; where that is not told, the most it ever was."""
    if _STATM.is_file():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
