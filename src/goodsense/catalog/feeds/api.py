"""Records of a paged HTTP API, by the ``[api]`` table of a mapping file: page after page, kept, and resumed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urljoin, urlsplit, urlunsplit

from goodsense.catalog.feeds.api_pages import KeptPages, Page
from goodsense.catalog.feeds.base import Feed
from goodsense.catalog.feeds.mapped import products_feed
from goodsense.errors import DataError, FetchError, GoodsenseError, PartialError, UsageError
from goodsense.media.addresses import shown
from goodsense.media.fetch import Fetcher, FetchPolicy
from goodsense.tables import Reject, Rejects, Row
from goodsense.tables.json_rows import parse_json
from goodsense.tables.mapped import map_records
from goodsense.tables.mapping import RecordMapping
from goodsense.tables.paging import ApiSpec
from goodsense.tables.paths import ValuePath, compile_path, plain_text
from goodsense.tables.record_sources import records_of

PAGE_BYTES = 64 << 20
_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_LINK = re.compile(r"<([^<>]{1,5000})>\s*((?:;[^,<]{0,500})?)")
_NO = frozenset({"", "false", "0", "no", "null"})
_PAST_THE_END = frozenset({404, 410, 416})


def policy_of(spec: ApiSpec, policy: FetchPolicy) -> FetchPolicy:
    """How its pages are fetched: at the rate that the mapping file allows, and within a page's size.

    An API is asked for by its owner's own address and key, so that robots.txt, which is for crawlers, is not asked.
    """
    delay = 1 / spec.rate if spec.rate else policy.per_host_delay_s
    return replace(policy, per_host_delay_s=delay, max_bytes=min(policy.max_bytes, PAGE_BYTES), respect_robots=False)


def read_api(mapping: RecordMapping, *, fetcher: Fetcher, folder: Path, rejects: Rejects, currency: str | None) -> Feed:
    """The products of an API.

    Parameters
    ----------
    fetcher
        Made with :func:`policy_of`.
    folder
        Where pages are kept while the reading goes on, and after it broke off.

    Raises
    ------
    UsageError
        If the mapping file is not about products or has no ``[api]``, or a variable of the environment is not set.
    """
    notes: list[str] = []
    _spec(mapping)

    def rows() -> Iterator[Row]:
        return api_rows(mapping, fetcher=fetcher, folder=folder, rejects=rejects, notes=notes)

    return products_feed(mapping.file, mapping, rows, notes, rejects, currency)


def api_rows(
    mapping: RecordMapping, *, fetcher: Fetcher, folder: Path, rejects: Rejects, notes: list[str] | None = None
) -> Iterator[Row]:
    """The rows of an API, for any target; ``number`` counts the records of all pages from 1.

    Pages are kept until the last one was read. After an error the next call reads the kept ones from disk, if they
    are less than a day old, and fetches only what is missing.

    Raises
    ------
    UsageError
        If there is no ``[api]``, or a variable of the environment is not set.
    FetchError
        If the first page cannot be fetched.
    PartialError
        If a later one cannot be; those before are kept.
    DataError
        If a page is not what the mapping file says.
    """
    reading = _Reading(mapping, fetcher, folder, rejects)
    rows = map_records(mapping, reading.records(), reading.name, reading.rejects, notes=notes)
    if mapping.group is not None:
        from goodsense.tables.gathering import gathered

        rows = gathered(mapping.group, rows, reading.name, rejects)
    yield from rows
    if notes is not None:
        notes += reading.notes


def _spec(mapping: RecordMapping) -> ApiSpec:
    if mapping.api is None:
        raise UsageError(f"{mapping.file}: the table [api] is missing.", fix='Add [api] and url = "https://...".')
    return mapping.api


@dataclass(frozen=True)
class Secrets:
    """Values out of the environment, which no message may show."""

    names: Mapping[str, str]

    @classmethod
    def of(cls, mapping: RecordMapping, texts: Mapping[str, str]) -> Secrets:
        """The variables that texts name.

        Raises
        ------
        UsageError
            If one is not set.
        """
        names = {}
        for key, text in texts.items():
            for name in _VARIABLE.findall(text):
                if not os.environ.get(name):
                    raise UsageError(
                        f"{mapping.file}: api.{key} needs the environment variable {name}, which is not set.",
                        fix=f"Set it: export {name}=...",
                    )
                names[name] = os.environ[name]
        return cls(names)

    def filled(self, text: str) -> str:
        """A text with the values in it."""
        return _VARIABLE.sub(lambda found: self.names[found[1]], text)

    def hidden(self, text: str) -> str:
        """A text in which names stand where the values were, also those that are quoted for a URL."""
        for name, value in self.names.items():
            for form in {value, quote(value, safe=""), quote_plus(value), quote(value)}:
                text = text.replace(form, f"env:{name}")
        return text


class _Reading:
    """One reading of an API from its first page to its last."""

    def __init__(self, mapping: RecordMapping, fetcher: Fetcher, folder: Path, rejects: Rejects) -> None:
        self._spec = spec = _spec(mapping)
        given = {f"headers.{name}": value for name, value in spec.headers.items()}
        given |= {f"params.{name}": value for name, value in spec.params.items()} | {"url": spec.url}
        self._secrets = Secrets.of(mapping, given)
        self._headers = {"Accept": "application/json"} if mapping.source.format in ("auto", "json", "jsonl") else {}
        self._headers |= {name: self._secrets.filled(value) for name, value in spec.headers.items()}
        self._first = _with_params(
            self._secrets.filled(spec.url), {name: self._secrets.filled(value) for name, value in spec.params.items()}
        )
        source = (
            mapping.source
            if mapping.source.format != "auto"
            else replace(mapping.source, format="json", encoding="utf-8")
        )
        self._mapping = replace(mapping, source=source)
        self._fetcher = fetcher
        self._kept = KeptPages(folder, spec)
        self.name = self._secrets.hidden(self._first)
        self.rejects = _InPages(rejects)
        self.notes: list[str] = []

    def records(self) -> Iterator[Row]:
        """The records of all pages, in order."""
        url: str | None = self._url(1, None)
        seen: set[str] = set()
        number, count, before = 0, 0, ""
        with self._kept as kept:
            while url is not None:
                if number == self._spec.max_pages:
                    self.notes.append(f"{self.name}: stopped after {number} pages, as max_pages says.")
                    break
                if url in seen:
                    raise DataError(
                        f"page {number} of {self.name} leads back to a page that was read before.",
                        fix="Check paging, cursor and next in the mapping file.",
                    )
                seen.add(url)
                number += 1
                page = kept.page(number) or self._fetch(number, url)
                if page is None:
                    break
                if page.sha256 == before and self._spec.paging in ("page", "offset"):
                    self.notes.append(f"{self.name}: page {number} repeats the one before, so that is the last.")
                    break
                before, had = page.sha256, count
                self.rejects.place(f"{self.name} page {number}", page.path, count)
                for row in self._on_page(number, page):
                    count += 1
                    yield Row(count, row.values)
                url = self._next(number, page, url) if count > had or self.rejects.here else None
            if not count:
                self.notes.append(f"{self.name}: there is no record on its first page.")
            kept.done()

    def _on_page(self, number: int, page: Page) -> Iterator[Row]:
        try:
            yield from records_of(self._mapping, page.path, self.rejects, may_be_empty=True)
        except DataError as error:
            message = self._secrets.hidden(error.message.replace(str(page.path), f"page {number} of {self.name}"))
            raise DataError(message, fix=f"Look at what the address gives. {error.fix}") from error

    def _fetch(self, number: int, url: str) -> Page | None:
        """The next page; None if there is none, which is how some APIs end."""
        try:
            found = self._fetcher.get(url, headers=self._headers, max_bytes=PAGE_BYTES)
        except FetchError as error:
            if number > 1 and error.status in _PAST_THE_END and self._spec.paging in ("page", "offset"):
                return None
            raise self._failed(number, url, error) from error
        if not found.body.strip():
            return None
        return self._kept.keep(number, found.body, found.headers.get("link", ""))

    def _failed(self, number: int, url: str, error: FetchError) -> GoodsenseError:
        # the address first: one that is cut off for being long may end within a secret
        hidden = self._secrets.hidden(url)
        message = f"page {number}: {self._secrets.hidden(error.message.replace(shown(url), hidden))}"
        fix = self._secrets.hidden(error.fix)
        if number == 1:
            return FetchError(message, url=hidden, reason=error.reason, status=error.status, fix=fix)
        again = f"The {number - 1} pages before are kept for a day: run the same command again to go on from here."
        return PartialError(message, fix=f"{fix} {again}".strip())

    # ---- from one page to the next

    def _url(self, number: int, cursor: str | None) -> str:
        spec = self._spec
        params: dict[str, str] = {}
        if spec.paging == "page":
            params[spec.page_param] = str(spec.first_page + number - 1)
        elif spec.paging == "offset":
            params[spec.offset_param] = str((number - 1) * spec.page_size)
        elif cursor is not None:
            params[spec.cursor_param] = cursor
        if spec.size_param and spec.page_size:
            params[spec.size_param] = str(spec.page_size)
        return _with_params(self._first, params)

    def _next(self, number: int, page: Page, url: str) -> str | None:
        """The address of the page after this one; None if this is the last."""
        spec = self._spec
        if spec.paging == "none" or (spec.more and plain_text(self._value(number, page, spec.more)).lower() in _NO):
            return None
        if spec.paging in ("page", "offset"):
            return self._url(number + 1, None)
        if spec.paging == "link-header":
            return self._same_site(number, url, _next_link(page.link))
        if spec.paging == "next-url":
            assert spec.next is not None
            return self._same_site(number, url, plain_text(self._value(number, page, spec.next)))
        assert spec.cursor is not None
        cursor = plain_text(self._value(number, page, spec.cursor))
        return self._url(number + 1, cursor) if cursor else None

    def _value(self, number: int, page: Page, path: ValuePath) -> Any:
        try:
            found = parse_json(page.path.read_bytes().decode("utf-8-sig"))
        except ValueError as error:
            raise DataError(
                f"page {number} of {self.name} is not JSON ({error}), so that {path.text} cannot be read in it.",
                fix='Use paging = "page" or "offset", or correct the address.',
            ) from error
        return compile_path(path)(found, found)

    def _same_site(self, number: int, url: str, link: str) -> str | None:
        """The whole address of a link; headers may hold secrets, so that no page may lead to another site."""
        if not link:
            return None
        try:
            found = urljoin(url, link)
            same = urlsplit(found)[:2] == urlsplit(self._first)[:2]
        except ValueError:
            same, found = False, link
        if not same:
            raise DataError(
                f"page {number} of {self.name} leads to {self._secrets.hidden(found)[:200]!r}, which is another site.",
                fix="Give the address of that site in [api] if it is meant.",
            )
        return found


class _InPages(Rejects):
    """Passes rejects on; they name the page rather than the file in which it is kept."""

    def __init__(self, inner: Rejects) -> None:
        super().__init__(None)
        self._inner = inner
        self._name, self._path, self._before = "", "", 0
        self.here = 0  # on the page that is being read

    def place(self, name: str, path: Path, before: int) -> None:
        """From now on rejects are of this page, before which there were so many records."""
        self._name, self._path, self._before, self.here = name, str(path), before, 0

    def add(self, reject: Reject) -> None:
        """Take one in, under the name of its page."""
        self.here += 1
        self._inner.add(replace(reject, file=self._name) if reject.file == self._path else reject)

    def __len__(self) -> int:
        return len(self._inner)


def _with_params(url: str, params: Mapping[str, str]) -> str:
    """An address with parameters, which replace those of the same names."""
    if not params:
        return url
    parts = urlsplit(url)
    given = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
    return urlunsplit(parts._replace(query=urlencode([*given, *params.items()])))


def _next_link(header: str) -> str:
    """The address that a Link header (RFC 8288) calls the next."""
    for target, parameters in _LINK.findall(header[:20_000]):
        if re.search(r";\s*rel\s*=\s*\"?(?:[^\"]*\s)?next(?:[\s\"]|$)", parameters, re.IGNORECASE):
            return str(target)
    return ""
