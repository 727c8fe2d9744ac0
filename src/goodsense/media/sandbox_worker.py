"""What runs in a worker process of :mod:`goodsense.media.sandbox`."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Literal, TypeAlias

from goodsense.errors import GoodsenseError
from goodsense.media.confine import allow_seconds, confine, held

Kind: TypeAlias = Literal["data", "memory", "time", "crash", "error"]

LIBRARIES = ("numpy", "PIL.Image", "cv2", "av", "soundfile")  # loaded before memory is measured
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Set in the environment of workers: there are as many of them as should be busy."""


def main(descriptor: int) -> None:
    """Answer batches of items until the other end hangs up.

    Messages in: ``(job, prepare, memory_mb, seconds)`` once, pickled, then lists of items. Messages out: ``("ready",)``
    or ``("broken", text)`` once, then per item ``(result, failure)``, where a failure is ``(kind, reason)``; after the
    last of a batch, ``("again", bool)``: whether this process has kept so little that it can go on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business alone
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(connection)
    os._exit(0)  # libraries that met damaged data need not tidy up


def _serve(connection: Connection) -> None:
    try:
        job, prepare, memory_mb, seconds = connection.recv()
        _load_libraries()
        if prepare is not None:
            prepare()
        base = confine(memory_mb)
    except EOFError:
        raise
    except BaseException as error:
        connection.send(("broken", f"{type(error).__name__}: {error}"))
        return
    connection.send(("ready",))
    while True:
        for item in connection.recv():
            allow_seconds(seconds)
            _answer(connection, attempt(job, item))
        connection.send(("again", not base or held() - base < memory_mb << 19))


def _answer(connection: Connection, answer: tuple[Any, tuple[Kind, str] | None]) -> None:
    try:
        connection.send(answer)
    except (EOFError, OSError):
        raise
    except Exception as error:  # the result cannot be pickled, or not in this memory
        connection.send((None, ("error", f"the result cannot be handed over ({type(error).__name__}: {error})")))


def attempt(job: Callable[[Any], Any], item: Any) -> tuple[Any, tuple[Kind, str] | None]:
    """The job's result and None, or None and the kind and reason of the failure."""
    try:
        return job(item), None
    except Exception as error:
        if _lacks_memory(error):
            return None, ("memory", "it needs more memory than one file may take")
        if isinstance(error, GoodsenseError):
            return None, ("data", str(error))
        if isinstance(error, OSError) and error.filename:
            return None, ("data", f"{os.path.basename(error.filename)} cannot be read: {error.strerror or error}.")
        return None, ("error", f"{type(error).__name__}: {error}".rstrip(": "))


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether memory ran out somewhere below an error; libraries say so in their own ways."""
    seen = 0
    while error is not None and seen < 20:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if "nsufficient memory" in str(error) or "annot allocate memory" in str(error):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _load_libraries() -> None:
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)
    with contextlib.suppress(ImportError):
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
