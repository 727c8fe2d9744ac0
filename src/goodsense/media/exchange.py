"""One request and its answer, tried again where that may help."""

from __future__ import annotations

import random
import re
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Protocol

import httpcore

from goodsense.errors import FetchError
from goodsense.media.addresses import HttpUrl, shown
from goodsense.media.downloads import DownloadStore, Partial
from goodsense.media.fetched import Fetched, sniff_content, unpacked
from goodsense.media.lanes import Lane, StaleConnection
from goodsense.media.network import Meter
from goodsense.media.policy import FetchPolicy

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AGAIN = frozenset({429, 500, 502, 503, 504})
_DRAINED = 64 << 10  # bytes of an unwanted body that are read to keep the connection
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


@dataclass(frozen=True)
class Request:
    """What is asked: the URL that the caller named, where it stands now, the headers, and the call's meter."""

    url: str
    target: HttpUrl
    headers: Mapping[str, str]
    meter: Meter


class Sink(Protocol):
    """Where a body goes."""

    accepts: str

    def ask(self) -> dict[str, str]:
        """Headers of its own for the next try."""
        ...

    def take(self, request: Request, status: int, headers: Mapping[str, str], chunks: Iterator[bytes]) -> None:
        """Take the body in."""
        ...

    def result(self) -> dict[str, Any]:
        """Its part of what comes back."""
        ...


class Passing(Exception):
    """The try failed in a way that may not last; ``error`` is what to say if it does."""

    def __init__(self, error: FetchError, wait: float | None = None) -> None:
        self.error = error
        self.wait = wait


class MemorySink:
    """Keeps the body in memory; with ``truncate`` what is beyond the limit is left unread rather than an error."""

    accepts = "gzip, deflate"

    def __init__(self, max_bytes: int, *, truncate: bool = False) -> None:
        self._max = max_bytes
        self._truncate = truncate
        self._body = b""

    def ask(self) -> dict[str, str]:
        """Nothing."""
        return {}

    def take(self, request: Request, status: int, headers: Mapping[str, str], chunks: Iterator[bytes]) -> None:
        """Collect the body."""
        pieces: list[bytes] = []
        count = 0
        limit = sys.maxsize if self._truncate else self._max
        for piece in unpacked(chunks, headers, request.url, max_bytes=limit):
            pieces.append(piece)
            count += len(piece)
            if self._truncate and count >= self._max:
                break
        self._body = b"".join(pieces)[: self._max]

    def result(self) -> dict[str, Any]:
        """The body."""
        return {
            "body": self._body,
            "sha256": sha256(self._body).hexdigest(),
            "size": len(self._body),
            "kind": sniff_content(self._body[:512]),
        }


class FileSink:
    """Writes the body to the store, and goes on where an earlier try broke off."""

    accepts = "identity"

    def __init__(self, store: DownloadStore, key: str, part: Partial, validator: str, max_bytes: int) -> None:
        self._store = store
        self._key = key
        self._part = part
        self._validator = validator
        self._max = max_bytes

    def ask(self) -> dict[str, str]:
        """The rest of what is there, if the server can tell that it is the same file."""
        if self._part.size and self._validator:
            return {"Range": f"bytes={self._part.size}-", "If-Range": self._validator}
        self._part.restart()
        return {}

    def take(self, request: Request, status: int, headers: Mapping[str, str], chunks: Iterator[bytes]) -> None:
        """Append the rest, or write the whole."""
        if status == 206:
            match = _RANGE.match(headers.get("content-range", ""))
            if match is None or int(match[1]) != self._part.size or headers.get("content-encoding"):
                self._part.restart()
                raise Passing(_broken(request, "it answered with another part of the file than was asked for"))
        else:
            self._part.restart()
            self._validator = _validator(headers)
            self._store.note(self._key, partial_validator=self._validator)
        try:
            for piece in unpacked(chunks, headers, request.url, max_bytes=max(0, self._max - self._part.size)):
                self._part.write(piece)
        finally:
            self._part.flush()

    def result(self) -> dict[str, Any]:
        """Where it is."""
        kind, size = sniff_content(self._part.head()), self._part.size
        name = self._part.finish()
        return {"path": self._store.media.path(name), "sha256": name, "size": size, "kind": kind}


def exchange(
    request: Request,
    sink: Sink,
    lane: Lane,
    policy: FetchPolicy,
    context: ssl.SSLContext | None,
    stopped: threading.Event,
) -> Fetched:
    """Ask until there is an answer, or trying has gone on long enough.

    Raises
    ------
    FetchError
        If there is no good answer.
    """
    tries = 0
    while True:
        try:
            with lane.turn(request.meter):
                return _try(request, sink, lane, policy, context)
        except StaleConnection:
            continue  # it is gone now; the next is a fresh one
        except Passing as trouble:
            if stopped.is_set():
                raise FetchError(
                    f"{shown(request.url)}: stopped.", url=request.url, reason="stopped", fix="Run it again."
                ) from trouble
            tries += 1
            wait = trouble.wait if trouble.wait is not None else _backoff(policy, tries)
            if tries > policy.retries or wait > policy.max_wait_s:
                raise trouble.error from trouble
            lane.postpone(wait)


def _backoff(policy: FetchPolicy, tries: int) -> float:
    """Exponential, with full jitter, so that many who failed at once do not come back at once."""
    return random.uniform(0.0, min(policy.max_wait_s, policy.backoff_s * 2.0**tries))


def _try(request: Request, sink: Sink, lane: Lane, policy: FetchPolicy, context: ssl.SSLContext | None) -> Fetched:
    headers = {
        "User-Agent": policy.user_agent,
        "Accept-Encoding": sink.accepts,
        "Accept": "*/*",
        **request.headers,
        **sink.ask(),
    }
    try:
        response = lane.send(request.target, headers, request.meter, context)
        try:
            return _answer(request, sink, response, headers)
        finally:
            response.close()
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise _unreachable(request, error) from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise Passing(_broken(request, str(error) or type(error).__name__)) from error


def _answer(request: Request, sink: Sink, response: httpcore.Response, sent: Mapping[str, str]) -> Fetched:
    headers = _by_name(response)
    status = response.status
    base = Fetched(
        url=request.url,
        final_url=str(request.target),
        status=status,
        headers=headers,
        etag=headers.get("etag", ""),
        last_modified=headers.get("last-modified", ""),
    )
    chunks = iter(response.stream)  # type: ignore[arg-type]
    if 200 <= status < 300 and (status != 206 or "Range" in sent):
        sink.take(request, status, headers, chunks)
        return replace(base, status=200, **sink.result())
    _drain(chunks)
    if status in REDIRECTS:
        return base
    if status == 304 and ("If-None-Match" in sent or "If-Modified-Since" in sent):
        return replace(base, not_modified=True)
    if status == 416 and "Range" in sent:
        sink.take(request, 200, {}, iter(()))  # what is there is of no use: begin anew
        raise Passing(_bad_status(request, status), wait=0.0)
    if status in _AGAIN:
        raise Passing(_bad_status(request, status), _retry_after(headers))
    raise _bad_status(request, status)


def _drain(chunks: Iterator[bytes]) -> None:
    count = 0
    for chunk in chunks:
        count += len(chunk)
        if count > _DRAINED:
            return


def _by_name(response: httpcore.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in response.headers:
        try:
            text = value.decode("utf-8")  # locations and file names in Chinese are sent so, though no standard says it
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        found.setdefault(name.decode("ascii").lower(), text)
    return found


def _validator(headers: Mapping[str, str]) -> str:
    """What tells one version of a file from the next: a strong ETag, else the date (RFC 9110, 8.8)."""
    if headers.get("content-encoding"):
        return ""
    etag = headers.get("etag", "")
    found = etag if etag.startswith('"') else headers.get("last-modified", "")
    return found if found.isascii() and found.isprintable() else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _way_out(status: int) -> str:
    if status in _AGAIN:
        return "Try again later."
    return "It wants a login, or another one." if status in (401, 403) else "Check the address."


def _bad_status(request: Request, status: int) -> FetchError:
    return FetchError(
        f"{shown(str(request.target))}: the server answered with status {status}.",
        url=request.url,
        reason="status",
        status=status,
        fix=_way_out(status),
    )


def _broken(request: Request, why: str) -> FetchError:
    return FetchError(
        f"{shown(str(request.target))}: the connection broke or the answer is no valid HTTP ({why[:200]}).",
        url=request.url,
        reason="broken",
        fix="Try again later.",
    )


def _unreachable(request: Request, error: Exception) -> Exception:
    why = str(error)[:200] or "no answer in time"
    tls = "SSL" in why or "CERTIFICATE" in why.upper()
    found = FetchError(
        f"{shown(str(request.target))}: {'the secure connection failed' if tls else 'cannot be reached'} ({why}).",
        url=request.url,
        reason="tls" if tls else "connect",
        fix="Check the address and the connection.",
    )
    return found if "CERTIFICATE" in why.upper() else Passing(found)
