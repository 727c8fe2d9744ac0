"""Connections that go where was checked, and reads that end.

The backend under ``httpcore`` looks a host up, checks every address, and connects to a checked one; nothing after that
looks the name up again, so an answer that changes between check and use changes nothing. TLS still verifies the name.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any

import httpcore

from goodsense.errors import FetchError
from goodsense.media.addresses import HttpUrl, IPAddress, Resolver, checked_addresses, shown
from goodsense.media.policy import FetchPolicy

_OVERHEAD = 1 << 20  # bytes of headers and framing beyond twice the body
_TRIED = 4  # addresses of one host


class Meter:
    """What one call has used of its bytes and seconds."""

    def __init__(self, policy: FetchPolicy, url: str, *, max_bytes: int) -> None:
        self.url = url
        self.max_bytes = max_bytes
        self._policy = policy
        self._deadline = time.monotonic() + policy.total_s
        self._wire_left = 0
        self._waited = 0.0
        self._brought = 0

    def start_exchange(self) -> None:
        """A new request: the wire and the rate are counted from here."""
        self._wire_left = 2 * self.max_bytes + _OVERHEAD
        self._waited, self._brought = 0.0, 0

    def excuse(self, seconds: float) -> None:
        """Time that politeness took."""
        self._deadline += seconds

    def left(self) -> float:
        """Seconds until the call must end."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._too_late()
        return left

    def patience(self) -> float:
        """Seconds that the next read may take."""
        return max(0.001, min(self.left(), self._policy.read_s - self._waited))

    def count(self, seconds: float, count: int) -> None:
        """Note a read that took so long and brought so much."""
        self._waited += seconds
        self._brought += count
        self._wire_left -= count
        if self._wire_left < 0:
            raise too_large(self.url, self.max_bytes)
        if self._waited >= self._policy.read_s:
            if self._brought < max(1.0, self._policy.min_rate * self._policy.read_s):
                raise self._too_slow()
            self._waited, self._brought = 0.0, 0

    def _too_late(self) -> FetchError:
        return FetchError(
            f"{shown(self.url)}: not done after {self._policy.total_s:g} s.",
            url=self.url,
            reason="time",
            fix="Try again later, or raise FetchPolicy.total_s.",
        )

    def _too_slow(self) -> FetchError:
        return FetchError(
            f"{shown(self.url)}: the server stalls; it sent {self._brought:,} bytes in {self._waited:.1f} s "
            f"(expected at least {self._policy.min_rate:g} per second).",
            url=self.url,
            reason="slow",
            fix="Try again later, or raise FetchPolicy.read_s.",
        )


def too_large(url: str, max_bytes: int) -> FetchError:
    """The error for a body beyond the limit."""
    return FetchError(
        f"{shown(url)}: the answer is larger than {max_bytes:,} bytes.",
        url=url,
        reason="size",
        fix="Raise FetchPolicy.max_bytes if it is meant to be so.",
    )


class PinnedBackend(httpcore.NetworkBackend):
    """Connects one lane to checked addresses; ``meter`` and ``url`` are those of the call at hand."""

    def __init__(self, policy: FetchPolicy, resolver: Resolver) -> None:
        self.meter: Meter | None = None
        self.url: HttpUrl | None = None
        self._policy = policy
        self._resolver = resolver
        self._plain = httpcore.SyncBackend()
        self._stream: MeteredStream | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Look up, check, connect to what was checked."""
        url, meter = self.url, self.meter
        if url is None or meter is None or (host, port) != (url.host, url.port):
            raise RuntimeError(f"{host}:{port} was not asked for")
        until = time.monotonic() + min(self._policy.connect_s, meter.left())
        addresses = _addresses(url, until, self._resolver, allow_private=self._policy.allow_private)
        failure: Exception | None = None
        for address in addresses[:_TRIED]:
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                stream = self._plain.connect_tcp(str(address), port, timeout=left, socket_options=socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            _check_peer(stream, address, url)
            self._stream = MeteredStream(stream, self)
            return self._stream
        raise httpcore.ConnectError(str(failure or "no answer in time"))

    def connect_unix_socket(self, *arguments: Any, **more: Any) -> httpcore.NetworkStream:
        """Never."""
        raise RuntimeError("sockets of this machine are not opened")

    def sleep(self, seconds: float) -> None:
        """Never needed: retries are made above."""
        time.sleep(seconds)

    def abort(self) -> None:
        """End what is being read or written, from another thread."""
        if self._stream is not None:
            self._stream.abort()


def _check_peer(stream: httpcore.NetworkStream, address: IPAddress, url: HttpUrl) -> None:
    """The connection must be where it was meant to go, whatever lay between."""
    peer = str(stream.get_extra_info("server_addr")[0]).partition("%")[0]
    if ipaddress.ip_address(peer) != address:
        stream.close()
        raise FetchError(
            f"{shown(str(url))}: connected to {peer} instead of {address}.", url=str(url), reason="address"
        )


def _addresses(url: HttpUrl, until: float, resolver: Resolver, *, allow_private: bool) -> list[IPAddress]:
    """Look a name up, but not for longer than that: the system's own resolver knows no limit."""
    answers: SimpleQueue[list[IPAddress] | Exception] = SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(checked_addresses(url, resolver, allow_private=allow_private))
        except Exception as error:  # handed over to the thread that waits
            answers.put(error)

    if url.is_literal:
        look_up()
    else:
        threading.Thread(target=look_up, daemon=True).start()
    try:
        found = answers.get(timeout=max(0.001, until - time.monotonic()))
    except Empty:
        raise httpcore.ConnectTimeout(f"the host {url.host} was not found in time") from None
    if isinstance(found, Exception):
        raise found
    return found


class MeteredStream(httpcore.NetworkStream):
    """A stream whose reads count against the meter of the call at hand."""

    def __init__(self, inner: httpcore.NetworkStream, backend: PinnedBackend) -> None:
        self._inner = inner
        self._backend = backend

    @property
    def _meter(self) -> Meter:
        if self._backend.meter is None:
            raise RuntimeError("read outside of a call")
        return self._backend.meter

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there; too slow and too much are errors."""
        meter = self._meter
        while True:
            started = time.monotonic()
            try:
                data = self._inner.read(max_bytes, meter.patience())
            except httpcore.ReadTimeout:
                meter.count(time.monotonic() - started, 0)  # says so if the patience is over
                continue
            meter.count(time.monotonic() - started, len(data))
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write a request."""
        self._inner.write(buffer, self._meter.patience())

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def abort(self) -> None:
        """Wake whoever reads or writes, with an error."""
        sock = self._inner.get_extra_info("socket")
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):  # not connected any more
            return

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same, encrypted and verified."""
        stream = self._inner.start_tls(ssl_context, server_hostname, self._meter.patience())
        self._backend._stream = secured = MeteredStream(stream, self._backend)
        return secured

    def get_extra_info(self, info: str) -> Any:
        """What the inner stream knows."""
        return self._inner.get_extra_info(info)
