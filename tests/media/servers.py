"""Servers on loopback for tests of fetching: one that notes every connection, one that does what it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, bytes], None]
"""Sends whatever it likes over a connection, given the request that came."""


@dataclass
class Raw:
    """A server that answers with bytes rather than with HTTP, and remembers what it was asked."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    open_now: int = 0
    open_most: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [request.split(b" ")[1].decode() for request in self.requests]


@contextmanager
def raw_server(answers: dict[str, Answer] | None = None, host: str = "127.0.0.1", port: int = 0) -> Iterator[Raw]:
    """Serve ``answers`` by path (without its query) until the block ends; other paths get 404."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # one trap for both
        listening.bind((host, port))
        listening.listen(64)
        served = Raw(listening.getsockname()[1], answers=answers or {})
        ended = threading.Event()
        accepting = threading.Thread(target=_accept, args=(listening, served, ended), daemon=True)
        accepting.start()
        try:
            yield served
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join(5)


def _accept(listening: socket.socket, served: Raw, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        served.connections += 1
        threading.Thread(target=_serve, args=(connection, served), daemon=True).start()


def _serve(connection: socket.socket, served: Raw) -> None:
    served.open_now += 1
    served.open_most = max(served.open_most, served.open_now)
    with connection, contextlib.suppress(OSError):
        connection.settimeout(30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in _requests(connection):
            served.requests.append(request)
            path = request.split(b" ")[1].decode().partition("?")[0]
            served.answers.get(path, not_found)(connection, request)
    served.open_now -= 1


def _requests(connection: socket.socket) -> Iterator[bytes]:
    pending = b""
    while data := connection.recv(65_536):
        pending += data
        while b"\r\n\r\n" in pending:
            request, _, pending = pending.partition(b"\r\n\r\n")
            yield request


def reply(
    body: bytes = b"", *, status: str = "200 OK", headers: dict[str, str] | None = None, length: int | None = None
) -> Answer:
    """A proper answer; ``length`` is what it claims."""
    fields = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head.encode() + body)

    return answer


def redirect(location: str, status: int = 302) -> Answer:
    """A redirect."""
    return reply(status=f"{status} Moved", headers={"Location": location})


not_found = reply(b"not here", status="404 Not Found")


def raw(*pieces: bytes, hang_up: bool = True) -> Answer:
    """These very bytes; then the connection is closed."""

    def answer(connection: socket.socket, request: bytes) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if hang_up:
            connection.shutdown(socket.SHUT_RDWR)

    return answer


def header_of(request: bytes, name: str) -> str:
    """A header of a request; empty if it is not there."""
    for line in request.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.decode().lower() == name.lower():
            return value.decode("latin-1").strip()
    return ""
