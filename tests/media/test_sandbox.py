"""Work on hostile bytes costs what is hostile, nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import GoodsenseError
from goodsense.media.sandbox import Failure, Sandbox

from .jobs import Plus, hoard, misbehave, process_of, square, unloadable


@pytest.fixture(scope="module")
def harmed() -> Iterator[Sandbox[str, str]]:
    with Sandbox(misbehave, workers=1, memory_mb=300, seconds=1.0) as sandbox:
        yield sandbox


def test_results_come_in_order_with_the_jobs_array() -> None:
    table = np.arange(1000) + 7
    with Sandbox(Plus(table), workers=2) as sandbox:
        assert list(sandbox.run(range(1000))) == [(n, n + 7) for n in range(1000)]
        assert list(sandbox.run([])) == []
        assert list(sandbox.run([5])) == [(0, 12)]


def test_processes_are_kept_and_ended() -> None:
    with Sandbox(process_of, workers=1) as sandbox:
        first, second = ({pid for _, pid in sandbox.run(range(5))} for _ in range(2))
        assert first == second
        assert os.getpid() not in first
        assert len(first) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(first.pop(), 0)


def test_only_as_much_is_taken_as_is_needed() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100_000):
            taken = number
            yield number

    with Sandbox(square, workers=1) as sandbox:
        run = sandbox.run(items())
        for _ in range(300):
            next(run)
        assert taken < 300 + 300
        with pytest.raises(RuntimeError, match="at work already"):
            next(sandbox.run([1]))
        run.close()
        assert list(sandbox.run([3])) == [(0, 9)]


def test_harm_costs_the_item_alone(harmed: Sandbox[str, str]) -> None:
    items = ["1", "crash", "2", "refuse", "3", "abort", "4", "bug", "5", "fill", "6"]
    found = dict(harmed.run(items))
    assert [found[n] for n in range(0, 11, 2)] == ["1", "4", "9", "16", "25", "36"]
    said = {items[n]: found[n] for n in range(1, 11, 2)}
    assert all(isinstance(failure, Failure) for failure in said.values())
    assert said["refuse"] == Failure("kettle.jpg: found a teapot; expected a kettle. Pour.", "data")
    assert said["bug"] == Failure("KeyError: 'spout'", "error")
    assert said["fill"] == Failure("it needs more than 300 MiB of memory.", "memory")
    assert said["crash"] == Failure("it ends the process that decodes it (SIGSEGV).", "crash")
    assert said["abort"] == Failure("it ends the process that decodes it (exit code 3).", "crash")


def test_time_is_limited_by_the_processor_and_by_the_clock(harmed: Sandbox[str, str]) -> None:
    found = [result for _, result in harmed.run(["spin", "4"])]
    assert isinstance(found[0], Failure)
    assert found[0].kind == "time"
    assert "it takes more than" in found[0].reason
    assert found[1] == "16"
    with Sandbox(misbehave, workers=1, seconds=0.3) as sandbox:
        found = [result for _, result in sandbox.run(["sleep"])]
    assert found == [Failure("it takes more than 1.8 seconds.", "time")]


def test_the_network_files_and_programs_are_closed(harmed: Sandbox[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        items = [f"connect {server.getsockname()[1]}", f"write {tmp_path / 'made'}", "start"]
        found = [result for _, result in harmed.run(items)]
        with pytest.raises(TimeoutError):
            server.accept()
    assert all(isinstance(failure, Failure) and failure.kind in ("error", "data") for failure in found), found
    assert list(tmp_path.iterdir()) == []


def test_what_leaks_is_replaced() -> None:
    with Sandbox(hoard, workers=1, memory_mb=300) as sandbox:
        found = [result for _, result in sandbox.run(range(12))]
    assert not any(isinstance(result, Failure) for result in found)
    assert max(found) < 8


def test_what_cannot_begin_is_said_once() -> None:
    with Sandbox(square, workers=2, prepare=unloadable) as sandbox, pytest.raises(GoodsenseError, match="no kettle"):
        list(sandbox.run([1, 2]))


def test_inline_does_the_same_here() -> None:
    sandbox = Sandbox(misbehave, inline=True)
    found = [result for _, result in sandbox.run(["2", "refuse", "bug"])]
    assert found[0] == "4"
    assert [failure.kind for failure in found[1:] if isinstance(failure, Failure)] == ["data", "error"]


@pytest.mark.parametrize("numbers", [{"workers": 0}, {"memory_mb": 0}, {"seconds": 0.0}])
def test_impossible_limits_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected positive numbers"):
        Sandbox(square, **numbers)


def test_ctrl_c_ends_all_processes() -> None:
    """Two workers sleep, the parent is interrupted: all are gone soon."""
    script = (
        "import os, signal, threading\n"
        "from goodsense.media.sandbox import Sandbox\n"
        "from tests.media.jobs import misbehave\n"
        "threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "with Sandbox(misbehave, workers=2) as sandbox:\n"
        "    list(sandbox.run(['sleep'] * 4))\n"
    )
    started = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=50)
    assert "KeyboardInterrupt" in ended.stderr
    assert ended.returncode != 0
    assert time.perf_counter() - started < 20
