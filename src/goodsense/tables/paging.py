"""The ``[api]`` table of a mapping file: where the pages of an HTTP API are, and how one leads to the next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from goodsense.tables.paths import PathError, ValuePath, parse_path
from goodsense.tables.rejects import shorten
from goodsense.tables.sections import Section

Paging: TypeAlias = Literal["none", "page", "offset", "cursor", "link-header", "next-url"]
_PAGINGS: tuple[Paging, ...] = ("none", "page", "offset", "cursor", "link-header", "next-url")
_KEYS = (
    "url params headers paging page_param first_page offset_param size_param page_size cursor cursor_param next more "
    "max_pages rate"
).split()
_NEEDED: Mapping[Paging, tuple[str, ...]] = {"cursor": ("cursor", "cursor_param"), "next-url": ("next",)}
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


@dataclass(frozen=True, slots=True)
class ApiSpec:
    """A paged API.

    ``headers`` are as the file has them: ``env:NAME`` in them stands for a variable of the environment. ``cursor``,
    ``next`` and ``more`` are paths into the page; a page whose ``more`` says no is the last.
    """

    url: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    paging: Paging
    page_param: str
    first_page: int
    offset_param: str
    size_param: str
    page_size: int
    cursor: ValuePath | None
    cursor_param: str
    next: ValuePath | None
    more: ValuePath | None
    max_pages: int
    rate: float


def read_api(section: Section) -> ApiSpec:
    """Read and check the table.

    Raises
    ------
    UsageError
        If a key is unknown, missing or does not fit.
    """
    section = Section(section.file, section.place, section.given, _KEYS)
    url = section.text("url")
    if not re.match(r"https?://[^\s/]", url, re.IGNORECASE):
        section.fail("url", f"found {shorten(url, 80)!r}", "Give an address that begins with https:// or http://.")
    paging = cast(Paging, section.choice("paging", _PAGINGS, "none"))
    for key in _NEEDED.get(paging, ()):
        if key not in section:
            section.fail(key, f"paging by {paging} needs it", "See the page about mapping files.")
    size = int(section.number("page_size", 0, low=0, high=100_000))
    if paging == "offset" and not size:
        section.fail("page_size", "paging by offset needs it", "Give how many records a page has.")
    return ApiSpec(
        url,
        section.singles("params"),
        _headers(section),
        paging,
        section.text("page_param", "page"),
        int(section.number("first_page", 1, low=0, high=1_000_000)),
        section.text("offset_param", "offset"),
        section.text("size_param"),
        size,
        _path(section, "cursor"),
        section.text("cursor_param"),
        _path(section, "next"),
        _path(section, "more"),
        int(section.number("max_pages", 10_000, low=1, high=1_000_000)),
        section.number("rate", 0, low=0, high=1_000),
    )


def _headers(section: Section) -> dict[str, str]:
    headers = section.singles("headers")
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not value.isprintable():
            section.fail(f"headers.{name}", "this is no HTTP header", 'Write Authorization = "Bearer env:TOKEN".')
    return headers


def _path(section: Section, key: str) -> ValuePath | None:
    if key not in section:
        return None
    try:
        return parse_path(section.text(key))
    except PathError as error:
        section.fail(key, f"this is no path: {error}", "Write a path such as meta.next_cursor.")
