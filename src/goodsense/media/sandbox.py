"""Work on bytes from outside, in processes that may fail.

A decoder that meets a hostile file may take all memory, never end, or crash. In a :class:`Sandbox` that costs this one
file: its process is ended and replaced, and what else the process had before it is done again.

::

    def thumbnail(path: Path) -> NDArray[np.uint8]:             # at the top level of a module
        return decode_image(path.read_bytes(), name=path.name, max_side=64)

    with Sandbox(thumbnail, workers=2) as sandbox:
        for number, found in sandbox.run(paths):                # in order, a bounded number ahead
            if isinstance(found, Failure): print(paths[number], found.reason)
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from time import monotonic
from typing import Any, Generic, Self, TypeVar

from goodsense.errors import GoodsenseError
from goodsense.media.sandbox_worker import ONE_THREAD, Kind, attempt

T = TypeVar("T")
R = TypeVar("R")

_MESSAGE_S = 0.2  # of work per message: enough that messages cost nothing, little enough that the last ones share well
_AHEAD_S = 2.0  # of work that may lie ready while the consumer is busy elsewhere
_MOST_AHEAD = 256  # items per worker, whatever their speed
_START_S = 120.0  # a worker may take to load its libraries
_WALL = 6.0  # times the processor time: for work that only waits; a busy machine must not decide what is refused
_BEGIN = "from goodsense.media.sandbox_worker import main; main"
_TRIES = 2  # a worker may die of something else than the item it held


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of an item that gave no result.

    ``kind`` is ``data`` (the job refused it with a reason), ``memory`` or ``time`` (it broke the limit), ``crash`` (its
    process died) or ``error`` (the job raised what it should not). ``reason`` is for people.
    """

    reason: str
    kind: Kind = "data"


class Sandbox(Generic[T, R]):
    """Processes that do one job on many items, each within limits.

    Processes start when there is something to do, which takes about half a second each, and stay for further calls of
    :meth:`run` until :meth:`close`.

    Parameters
    ----------
    job
        What to do with an item: a function at the top level of a module that can be imported, or an instance of a class
        that is; it may carry arrays. It is pickled once per process. Errors of :mod:`goodsense.errors` that it raises
        become the reason of a failure.
    workers
        Processes; each uses one thread.
    memory_mb
        What one process may allocate on top of what it holds after loading its libraries and the job.
    seconds
        Processor time that an item may take, to half a second; by the clock, six times as much.
    prepare
        Called in each process before its memory is measured, to import what the job imports on its own.
    inline
        Do everything in this process, without any limit: for a few items that are trusted.

    Raises
    ------
    ValueError
        If a number is not positive, or the job is defined in the script that runs.
    """

    def __init__(
        self,
        job: Callable[[T], R],
        *,
        workers: int = 2,
        memory_mb: int = 280,
        seconds: float = 10.0,
        prepare: Callable[[], object] | None = None,
        inline: bool = False,
    ) -> None:
        if min(workers, memory_mb) < 1 or not seconds > 0:
            raise ValueError(
                f"workers is {workers}, memory_mb {memory_mb}, seconds {seconds}; expected positive numbers"
            )
        if not inline and getattr(job, "__module__", "") == "__main__":
            raise ValueError(
                f"{job!r} is defined in the script that runs; expected a job from a module, to be imported"
            )
        self._job = job
        self._inline = inline
        self._seconds = seconds
        self._first = b"" if inline else pickle.dumps((job, prepare, memory_mb, seconds))
        self._memory_mb = memory_mb
        self._workers: list[_Worker | None] = [None] * workers
        self._busy = threading.Lock()

    def run(self, items: Iterable[T]) -> Iterator[tuple[int, R | Failure]]:
        """Yield ``(number, result or failure)`` of each item, in order.

        Items are taken as the work goes on, a bounded number ahead, so memory stays flat however many there are. When
        the iteration is left early, by Ctrl-C too, the work in hand is dropped.

        Raises
        ------
        GoodsenseError
            If worker processes cannot be started, or cannot load the job.
        RuntimeError
            If the sandbox is at work already.
        """
        if self._inline:
            for number, item in enumerate(items):
                yield number, _told(attempt(self._job, item))
            return
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("the sandbox is at work already; finish or leave that iteration first")
        shared = _Shared(len(self._workers))
        threads = [
            threading.Thread(target=self._tend, args=(slot, shared), name=f"sandbox-{slot}", daemon=True)
            for slot in range(len(self._workers))
        ]
        finished = False
        try:
            for thread in threads:
                thread.start()
            yield from shared.through(iter(items))
            finished = True
        finally:
            shared.leave(dropped=not finished)
            for thread in threads:
                thread.join()
            self._busy.release()

    def close(self) -> None:
        """End the processes; the next run would start new ones."""
        for slot, worker in enumerate(getattr(self, "_workers", ())):
            if worker is not None:
                worker.end()
            self._workers[slot] = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _tend(self, slot: int, shared: _Shared) -> None:
        """Keep one process busy, and replace it when it dies; runs in a thread of its own."""
        try:
            while batch := shared.next_batch():
                worker = self._workers[slot]
                if worker is None:
                    worker = self._workers[slot] = _Worker(self._first)
                if not self._done(worker, batch, shared):
                    worker.end()
                    self._workers[slot] = None
        except BaseException as error:
            shared.fail(error)

    def _done(self, worker: _Worker, batch: deque[_Task], shared: _Shared) -> bool:
        """Have a batch done; False if the process is of no further use. What it left is put back."""
        started = monotonic()
        try:
            worker.connection.send([task.item for task in batch])
            for _ in range(len(batch)):
                answer = worker.answer(self._seconds * _WALL, shared.left)
                if answer[1] is not None and answer[1][0] == "memory" and batch[0].tries + 1 < _TRIES:
                    raise _Died("memory", _too_large(self._memory_mb))  # it may have been what others left behind
                shared.done(batch.popleft(), _told(answer, self._memory_mb), monotonic() - started)
                started = monotonic()
            return bool(worker.answer(_START_S, shared.left)[1])
        except _Left:
            return False
        except (EOFError, OSError):
            self._blame(batch, worker.died(self._seconds), shared)
        except _Died as death:
            self._blame(batch, death, shared)
        return False

    def _blame(self, batch: deque[_Task], death: _Died, shared: _Shared) -> None:
        """The item in hand failed, or is tried once more by itself; the others are innocent."""
        if batch:
            culprit = batch.popleft()
            culprit.tries += 1
            if death.kind == "time" or culprit.tries >= _TRIES:
                shared.done(culprit, Failure(death.reason, death.kind), 0.0)
            else:
                shared.put_back(deque([culprit]))
        shared.put_back(batch)


@dataclass(slots=True)
class _Task:
    number: int
    item: Any
    tries: int = 0


class _Left(Exception):
    """Nobody waits for the answer any more."""


class _Died(Exception):
    """A worker process is gone, or must go."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


class _Worker:
    """A process and the line to it."""

    def __init__(self, first: bytes) -> None:
        self.connection, there = Pipe()
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-B", "-P", "-c", f"{_BEGIN}({there.fileno()})"],
                pass_fds=(there.fileno(),),
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        finally:
            there.close()
        self._begin(first)

    def _begin(self, first: bytes) -> None:
        try:
            self.connection.send_bytes(first)
            answer = self.connection.recv() if self.connection.poll(_START_S) else ("broken", "it does not answer")
        except (EOFError, OSError):
            answer = ("broken", f"it ended at once, with exit code {self._process.wait()}")
        if answer[0] != "ready":
            self.end()
            raise GoodsenseError(
                f"a worker process cannot begin: {answer[1]}.",
                fix="Check `goodsense doctor`, and that the job can be imported by other processes.",
            )

    def answer(self, seconds: float, left: Callable[[], bool]) -> Any:
        """The next message.

        Raises
        ------
        _Died
            If it does not come in time.
        _Left
            If nobody waits for it any more.
        EOFError, OSError
            If the process is gone.
        """
        until = monotonic() + seconds
        while not self.connection.poll(min(0.1, max(0.0, until - monotonic()))):
            if left():
                raise _Left
            if monotonic() >= until:
                raise _Died("time", f"it takes more than {seconds:g} seconds.")
        return self.connection.recv()

    def died(self, seconds: float) -> _Died:
        """What the process died of."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return _Died("crash", "its process hung up.")
        if code == -signal.SIGXCPU:
            return _Died("time", f"it takes more than {seconds:g} seconds of processor time.")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _Died("crash", f"it ends the process that decodes it ({name}).")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.connection.close()


class _Shared:
    """What the threads of one run have in common: items to do, and results that wait for their turn."""

    def __init__(self, workers: int) -> None:
        self._changed = threading.Condition()
        self._workers = workers
        self._todo: deque[_Task] = deque()
        self._done: dict[int, Any] = {}
        self._mean_s = 0.0
        self._taken = 0  # items taken from the iterable
        self._yielded = 0
        self._over = self._dropped = False
        self._error: BaseException | None = None

    def through(self, items: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """Take items and yield results in order, until there are no more."""
        more = True
        while True:
            while more and self._taken - self._yielded < self._window():
                try:
                    item = next(items)
                except StopIteration:
                    more = False
                else:
                    self._add(item)
            if self._yielded == self._taken:
                return
            yield self._yielded, self._await(self._yielded)

    def _add(self, item: Any) -> None:
        with self._changed:
            self._todo.append(_Task(self._taken, item))
            self._taken += 1
            self._changed.notify_all()

    def _await(self, number: int) -> Any:
        with self._changed:
            while number not in self._done:
                if self._error is not None:
                    raise self._error
                self._changed.wait()
            self._yielded += 1
            return self._done.pop(number)

    def _window(self) -> int:
        if not self._mean_s:
            return 8 * self._workers
        return self._workers * int(min(_MOST_AHEAD, max(4.0, _AHEAD_S / self._mean_s)))

    def next_batch(self) -> deque[_Task]:
        """What a worker does next; empty when the run is over."""
        with self._changed:
            while not self._todo and not self._over:
                self._changed.wait()
            if self._over:
                return deque()
            size = int(_MESSAGE_S / self._mean_s) if self._mean_s else 1
            size = max(1, min(size, len(self._todo) // self._workers))
            if self._todo[0].tries:
                size = 1  # a suspect goes alone
            return deque(self._todo.popleft() for _ in range(size))

    def put_back(self, tasks: deque[_Task]) -> None:
        with self._changed:
            self._todo.extendleft(reversed(tasks))
            self._changed.notify_all()

    def done(self, task: _Task, result: Any, seconds: float) -> None:
        with self._changed:
            self._done[task.number] = result
            if seconds:
                self._mean_s = 0.9 * self._mean_s + 0.1 * seconds if self._mean_s else seconds
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def leave(self, *, dropped: bool) -> None:
        """The run is over; if it was dropped, workers that are busy for it are of no further use."""
        with self._changed:
            self._over, self._dropped = True, dropped
            self._todo.clear()
            self._changed.notify_all()

    def left(self) -> bool:
        """Whether nobody waits for what is being done."""
        return self._dropped


def _too_large(memory_mb: int) -> str:
    return f"it needs more than {memory_mb} MiB of memory."


def _told(answer: tuple[Any, tuple[Kind, str] | None], memory_mb: int | None = None) -> Any:
    result, failure = answer
    if failure is None:
        return result
    kind, reason = failure
    if kind == "memory" and memory_mb is not None:
        reason = _too_large(memory_mb)
    return Failure(reason, kind)
