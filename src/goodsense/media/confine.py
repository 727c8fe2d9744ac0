"""What a worker process gives up before it meets bytes from outside: memory, time, files to write, the network."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_FILES = 128  # that may be open at a time
_FORBIDDEN = (
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg",
    "subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "ftplib.connect", "smtplib.connect", "http.client.connect", "urllib.Request", "webbrowser.open",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def confine(memory_mb: int) -> int:
    """Bound this process for good, from what it holds now on; returns the bytes that it holds.

    ``memory_mb`` MiB more may be allocated (``RLIMIT_DATA``). No file grows, none is written or removed, no socket is
    connected, no process is started by Python code, and a crash leaves no core behind.
    """
    base = held()
    if base:
        _limit(resource.RLIMIT_DATA, base + (memory_mb << 20))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _limit(resource.RLIMIT_FSIZE, 0)
    sys.addaudithook(_audit)
    return base


def held() -> int:
    """Bytes of private memory that this process may write to; 0 where the system does not tell."""
    try:
        with _STATUS.open("rb") as status:
            for line in status:
                if line.startswith(b"VmData:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return 0


def allow_seconds(seconds: float) -> None:
    """Let the kernel end this process after so many further seconds of processor time, to half a second."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft(resource.RLIMIT_CPU, max(1, round(used.ru_utime + used.ru_stime + seconds)))


def _limit(which: int, value: int) -> None:
    """Set both limits, as far as the system lets us."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def _soft(which: int, value: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN:
        raise PermissionError(f"{event} is closed to processes that decode media")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING and arguments[0] != os.devnull:
        raise PermissionError("processes that decode media write no file")
