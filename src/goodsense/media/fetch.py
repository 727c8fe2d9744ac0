"""The only place that opens a URL.

Nothing but http and https to checked addresses of the public internet is opened; see :mod:`goodsense.media.addresses`
for what is refused, :class:`FetchPolicy` for the limits, and ``docs/fetching.md`` for why. The environment is not
asked: no proxies, no ``.netrc``, no cookies.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from goodsense.errors import FetchError, UsageError
from goodsense.media.addresses import HttpUrl, Resolver, parse_url, shown, system_resolver
from goodsense.media.downloads import DownloadStore, Record
from goodsense.media.exchange import REDIRECTS, FileSink, MemorySink, Request, Sink, exchange
from goodsense.media.fetched import Fetched, sniff_content
from goodsense.media.lanes import Lane
from goodsense.media.network import Meter
from goodsense.media.policy import FetchPolicy
from goodsense.media.robots import MAX_ROBOTS_BYTES, Robots
from goodsense.media.together import fetch_together
from goodsense.progress import Progress, silent

__all__ = ["FetchPolicy", "Fetched", "Fetcher"]

DEFAULT_POLICY = FetchPolicy()
_KEPT = 64  # new hosts after which idle connections are closed
_IN_MEMORY = 16 << 20  # bytes that get() takes unless it is told otherwise
_ROBOTS_LIFE_S = 24 * 3600.0  # RFC 9309, 2.4
_FAILED_LIFE_S = 300.0
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "range", "if-range"})
_HARMLESS = frozenset({"accept", "accept-language"})


class Fetcher:
    """Fetches URLs within a policy; safe to share between threads.

    Parameters
    ----------
    policy
        What may be opened, and the limits.
    store
        The directory of :meth:`download`.
    resolver
        Gives the addresses of host names; the system's own unless a test brings another.
    """

    def __init__(
        self,
        policy: FetchPolicy = DEFAULT_POLICY,
        *,
        store: Path | None = None,
        resolver: Resolver = system_resolver,
    ) -> None:
        self.policy = policy
        self._store = DownloadStore(store) if store is not None else None
        self._resolver = resolver
        self._lanes: dict[str, Lane] = {}
        self._robots: dict[str, tuple[float, Robots | FetchError]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._context: ssl.SSLContext | None = None

    def close(self) -> None:
        """End what is under way in other threads, and drop all connections."""
        self.interrupt()
        for lane in list(self._lanes.values()):
            lane.close()
        if self._store is not None:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # ---- one URL

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        etag: str = "",
        last_modified: str = "",
        max_bytes: int | None = None,
    ) -> Fetched:
        """Fetch into memory.

        Parameters
        ----------
        headers
            More request headers; they are not sent on to another host or port.
        etag, last_modified
            Those of an earlier answer; what has not changed since comes back as ``not_modified`` without a body.
        max_bytes
            Of the body; 16 MiB unless told otherwise.

        Raises
        ------
        FetchError
            If it must not be opened, cannot be reached, breaks a limit, or is answered with an error.
        """
        asked = _conditions(etag, last_modified)
        limit = min(_IN_MEMORY if max_bytes is None else max_bytes, self.policy.max_bytes)
        return self._follow(url, MemorySink(limit), {**_checked(headers), **asked}, limit)

    def download(
        self, url: str, *, again: bool = True, headers: Mapping[str, str] | None = None, max_bytes: int | None = None
    ) -> Fetched:
        """Fetch into the store; what is there already is asked for with a condition, what broke off is resumed.

        Parameters
        ----------
        again
            Whether to ask the server about what is in the store already.

        Raises
        ------
        FetchError
            As for :meth:`get`; the index then says why.
        UsageError
            If there is no store.
        """
        if self._store is None:
            raise UsageError("downloads need a store.", fix="Make the Fetcher with store=DIRECTORY.")
        store, key = self._store, str(parse_url(url))
        record = store.find(key)
        held = record if store.holds(record) else None
        if held is not None and not again:
            return _from_record(url, held, store)
        asked = _conditions(held.etag, held.last_modified) if held is not None else {}
        limit = self.policy.max_bytes if max_bytes is None else min(max_bytes, self.policy.max_bytes)
        with store.partial(key) as part:
            sink = FileSink(store, key, part, record.partial_validator if record else "", limit)
            try:
                found = self._follow(url, sink, {**_checked(headers), **asked}, limit)
            except FetchError as error:
                store.note(key, failure=error.message, status=error.status)
                raise
        if found.not_modified and held is not None:
            store.note(key, status=304, failure="")
            return replace(_from_record(url, held, store), status=304, not_modified=True, final_url=found.final_url)
        store.note(
            key,
            final_url=found.final_url,
            etag=found.etag,
            last_modified=found.last_modified,
            sha256=found.sha256,
            size=found.size,
            content_type=found.headers.get("content-type", ""),
            status=found.status,
            failure="",
            partial_validator="",
        )
        return found

    def robots(self, url: str) -> Robots:
        """What the robots.txt of a URL's site says, fetched once a day.

        Raises
        ------
        FetchError
            If it cannot be read because of the server or the network: then nothing of the site may be asked for.
        """
        return self._robots_of(self._permitted(url))

    # ---- many URLs

    def get_many(
        self, urls: Iterable[str], *, progress: Progress = silent, stage: str = "fetch"
    ) -> Iterator[tuple[str, Fetched | FetchError]]:
        """Fetch many URLs, several hosts at a time, each host one URL after the other; as they come.

        With a store they are downloaded into it, and what is there already is not asked for again; without one they
        come in memory. To stop early, close the iterator; Ctrl-C does so too.
        """

        def fetch(url: str) -> Fetched:
            return self.download(url, again=False) if self._store is not None else self.get(url)

        return fetch_together(list(urls), fetch, self.interrupt, self._stopped, progress=progress, stage=stage)

    def interrupt(self) -> None:
        """End every wait and every read that is under way, each with an error of the reason ``stopped`` or so."""
        self._stopped.set()
        for lane in list(self._lanes.values()):
            lane.backend.abort()

    # ---- inside

    def _follow(self, url: str, sink: Sink, headers: Mapping[str, str], limit: int, *, robots: bool = True) -> Fetched:
        """Ask, and follow redirects, each checked like a first address."""
        meter = Meter(self.policy, url, max_bytes=limit)
        target = self._permitted(url)
        sent, hops = dict(headers), 0
        # a robots.txt that has moved still counts, also for a caller who takes redirects himself (RFC 9309, 2.3.1.2)
        most = self.policy.max_redirects if robots else max(3, self.policy.max_redirects)
        while True:
            if robots and self.policy.respect_robots:
                self._ask_robots(target)
            request = Request(url, target, sent, meter)
            found = exchange(request, sink, self._lane(target), self.policy, self._tls(target), self._stopped)
            if found.status not in REDIRECTS or not found.location or most == 0:
                return found
            if hops == most:
                raise FetchError(
                    f"{shown(url)}: redirects more than {most} times (last to {shown(found.location)}).",
                    url=url,
                    reason="redirect",
                    fix="Give the final address.",
                )
            following = self._permitted(_joined(target, found.location))
            sent = _forwarded(url, target, following, sent)
            target = following
            hops += 1

    def _permitted(self, url: str) -> HttpUrl:
        target = parse_url(url)
        policy = self.policy
        if not policy.allow_private and target.port not in policy.ports:
            raise FetchError(
                f"{shown(url)}: port {target.port} is not opened; expected one of {sorted(policy.ports)}.",
                url=url,
                reason="port",
                fix="Add it to FetchPolicy.ports, or use --allow-private if this is a server of your own.",
            )
        if policy.domains and not any(_lies_in(target.host, domain) for domain in policy.domains):
            raise FetchError(
                f"{shown(url)}: {target.host} is none of the allowed domains {', '.join(policy.domains)}.",
                url=url,
                reason="domain",
                fix="Add it to FetchPolicy.domains.",
            )
        return target

    def _lane(self, target: HttpUrl) -> Lane:
        with self._lock:
            lane = self._lanes.get(target.host)
            if lane is None:
                if len(self._lanes) % _KEPT == _KEPT - 1:
                    for other in self._lanes.values():
                        other.rest()
                lane = self._lanes[target.host] = Lane(self.policy, self._resolver, self._stopped)
            return lane

    def _tls(self, target: HttpUrl) -> ssl.SSLContext | None:
        if target.scheme != "https":
            return None
        with self._lock:
            if self._context is None:
                import httpcore

                self._context = httpcore.default_ssl_context()
                if self.policy.ca_file is not None:
                    self._context.load_verify_locations(self.policy.ca_file)
            return self._context

    def _ask_robots(self, target: HttpUrl) -> None:
        rules = self._robots_of(target)
        if not rules.allows(str(target)):
            raise FetchError(
                f"{shown(str(target))}: the site's robots.txt asks not to fetch this.",
                url=str(target),
                reason="robots",
                fix="Ask the site's owner, or set respect_robots=False for a site of your own.",
            )

    def _robots_of(self, target: HttpUrl) -> Robots:
        until, known = self._robots.get(target.origin, (0.0, None))
        if known is None or until < time.monotonic():
            try:
                known, life = self._read_robots(target), _ROBOTS_LIFE_S
            except FetchError as error:
                if error.reason == "stopped":
                    raise
                known, life = error, _FAILED_LIFE_S
            self._robots[target.origin] = (time.monotonic() + life, known)
            if isinstance(known, Robots) and self.policy.respect_robots:
                lane = self._lane(target)
                lane.delay = max(self.policy.per_host_delay_s, min(known.delay, self.policy.max_wait_s))
                lane.postpone(lane.delay)
        if isinstance(known, FetchError):
            raise FetchError(known.message, url=str(target), reason=known.reason, status=known.status, fix=known.fix)
        if known.delay > self.policy.max_wait_s:
            raise FetchError(
                f"{target.origin}: robots.txt asks to wait {known.delay:g} s between requests; expected at most "
                f"{self.policy.max_wait_s:g}.",
                url=str(target),
                reason="robots",
                fix="Raise FetchPolicy.max_wait_s if you have the time.",
            )
        return known

    def _read_robots(self, target: HttpUrl) -> Robots:
        url, agent = f"{target.origin}/robots.txt", self.policy.agent_token
        sink = MemorySink(MAX_ROBOTS_BYTES, truncate=True)
        try:
            found = self._follow(url, sink, {}, MAX_ROBOTS_BYTES, robots=False)
        except FetchError as error:
            if 400 <= error.status < 500 and error.status != 429:
                return Robots(agent)
            if error.status:
                raise FetchError(
                    f"{url}: cannot be read (status {error.status}), so nothing of the site is asked for.",
                    url=url,
                    reason="robots",
                    status=error.status,
                    fix="Try again later.",
                ) from error
            raise
        if found.status != 200:
            return Robots(agent)
        return Robots.parse(found.body.decode("utf-8-sig", "replace"), agent)


def _lies_in(host: str, domain: str) -> bool:
    domain = domain.lower().strip(".")
    if not domain.isascii():
        domain = parse_url(f"http://{domain}/").host
    return host == domain or host.endswith(f".{domain}")


def _joined(target: HttpUrl, location: str) -> str:
    from urllib.parse import urljoin

    try:
        return urljoin(str(target), location.strip())
    except ValueError as error:
        raise FetchError(
            f"{shown(str(target))}: redirects to {shown(location)!r}, which is no address ({error}).",
            url=str(target),
            reason="redirect",
        ) from error


def _forwarded(url: str, old: HttpUrl, new: HttpUrl, headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers after a redirect: all on the same host, the harmless ones elsewhere."""
    if (old.host, old.port, old.scheme) == (new.host, new.port, new.scheme):
        return dict(headers)
    secrets = [name for name in headers if name.lower() not in _HARMLESS | _CONDITIONAL]
    if secrets and (old.scheme, new.scheme) == ("https", "http"):
        raise FetchError(
            f"{shown(url)}: redirects from https to http at {shown(str(new))}, with headers that may be secret.",
            url=url,
            reason="redirect",
            fix="Give the final address.",
        )
    secure_upgrade = old.host == new.host and (old.scheme, new.scheme) == ("http", "https")
    return {name: value for name, value in headers.items() if secure_upgrade or name not in secrets}


_CONDITIONAL = frozenset({"if-none-match", "if-modified-since"})


def _conditions(etag: str, last_modified: str) -> dict[str, str]:
    found = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in found.items() if value and value.isprintable() and value.isascii()}


def _checked(headers: Mapping[str, str] | None) -> dict[str, str]:
    for name, value in (headers or {}).items():
        if not _FIELD.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise UsageError(f"header {name[:40]!r} is malformed.", fix="Give a name and a value of printable ASCII.")
        if name.lower() in _OURS:
            raise UsageError(f"header {name!r} is set by the fetcher itself.", fix="Leave it out.")
    return dict(headers or {})


def _from_record(url: str, record: Record, store: DownloadStore) -> Fetched:
    path = store.media.path(record.sha256)
    with path.open("rb") as file:
        head = file.read(512)
    return Fetched(
        url,
        record.final_url or record.url,
        200,
        headers={"content-type": record.content_type} if record.content_type else {},
        path=path,
        sha256=record.sha256,
        size=record.size,
        etag=record.etag,
        last_modified=record.last_modified,
        kind=sniff_content(head),
    )
