"""One lane per host: one connection at a time, asked at the host's own pace."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpcore

from goodsense.errors import FetchError
from goodsense.media.addresses import HttpUrl, Resolver, shown
from goodsense.media.network import Meter, PinnedBackend
from goodsense.media.policy import FetchPolicy

_IDLE_S = 15.0  # how long an unused connection is kept


class Lane:
    """The connection to one host, and when it may be asked again.

    Parameters
    ----------
    policy
        Its delay is the pace until robots.txt asks for a slower one.
    resolver
        Gives the addresses of host names.
    stopped
        Ends every wait.
    """

    def __init__(self, policy: FetchPolicy, resolver: Resolver, stopped: threading.Event) -> None:
        self.delay = policy.per_host_delay_s
        self.backend = PinnedBackend(policy, resolver)
        self._lock = threading.Lock()
        self._stopped = stopped
        self._next = 0.0
        self._connection: httpcore.HTTPConnection | None = None
        self._origin = ""

    @contextmanager
    def turn(self, meter: Meter) -> Iterator[None]:
        """Wait until the lane is free and the pace allows it; the wait does not count for the meter."""
        asked = time.monotonic()
        with self._lock:
            self._wait(meter.url)
            meter.excuse(time.monotonic() - asked)
            try:
                yield
            finally:
                self._next = max(self._next, time.monotonic() + self.delay)

    def postpone(self, seconds: float) -> None:
        """Do not ask again before that many seconds have passed."""
        self._next = max(self._next, time.monotonic() + seconds)

    def send(
        self, url: HttpUrl, headers: Mapping[str, str], meter: Meter, context: ssl.SSLContext | None
    ) -> httpcore.Response:
        """Ask; the body of the answer is yet to be read.

        Raises
        ------
        StaleConnection
            If the connection had served before and the server has closed it meanwhile: nothing is wrong yet.
        """
        connection = self._connection
        reused = connection is not None and self._origin == url.origin and connection.is_available()
        if connection is None or not reused or connection.has_expired():
            self.close()
            reused = False
            origin = httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port)
            connection = httpcore.HTTPConnection(
                origin, ssl_context=context, keepalive_expiry=_IDLE_S, network_backend=self.backend
            )
            self._connection, self._origin = connection, url.origin
        self.backend.meter, self.backend.url = meter, url
        meter.start_exchange()
        target = httpcore.URL(
            scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
        )
        host = url.origin.partition("//")[2]
        fields = [("Host", host), *headers.items()]
        try:
            return connection.handle_request(httpcore.Request("GET", target, headers=fields))
        except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
            if reused:
                raise StaleConnection from error
            raise

    def rest(self) -> None:
        """Drop the connection if nobody uses the lane now; its pace is kept."""
        if self._lock.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _wait(self, url: str) -> None:
        wait = self._next - time.monotonic()
        if self._stopped.is_set() or (wait > 0 and self._stopped.wait(wait)):
            raise FetchError(f"{shown(url)}: stopped.", url=url, reason="stopped", fix="Run it again.")


class StaleConnection(Exception):
    """A kept connection was closed by the server before it answered."""
