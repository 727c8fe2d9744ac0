"""What worker processes are asked to do in the tests; some of it is harm."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError


@dataclass(frozen=True)
class Plus:
    """A job that carries an array."""

    table: NDArray[np.int64]

    def __call__(self, item: int) -> int:
        return int(self.table[item])


def square(item: int) -> int:
    return item * item


def misbehave(item: str) -> str:
    """Do what the item says, and say so if it was let."""
    if item.isdigit():
        return f"{int(item) ** 2}"
    if item == "refuse":
        raise DataError("kettle.jpg: found a teapot; expected a kettle.", fix="Pour.")
    if item == "bug":
        raise KeyError("spout")
    harm(item)
    return f"{item} was let"


def harm(item: str) -> None:
    if item == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif item == "spin":
        while True:
            pass
    elif item == "sleep":
        time.sleep(60)
    elif item == "fill":
        np.ones(2**31, dtype=np.uint8)
    elif item == "abort":
        os._exit(3)
    elif item.startswith("connect "):
        socket.create_connection(("127.0.0.1", int(item.split()[1])), timeout=2).close()
    elif item.startswith("write "):
        Path(item.split(" ", 1)[1]).write_text("x")
    elif item == "start":
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    else:
        raise AssertionError(item)


def unloadable() -> None:
    raise RuntimeError("no kettle")


def process_of(item: int) -> int:
    return os.getpid()


def hoard(item: int, kept: list[NDArray[np.uint8]] = []) -> int:  # noqa: B006 - it is meant to leak
    kept.append(np.ones(40 << 20, dtype=np.uint8))
    return len(kept)
