"""Sitemaps (sitemaps.org): addresses of pages, or of more sitemaps; XML or plain text, packed or not."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import Any

from goodsense.media.inflate import DAMAGED, inflated

MAX_SITEMAP_BYTES = 64 << 20  # unpacked; the protocol allows 50 MiB
_MOST = 50_000  # addresses of one sitemap, as the protocol has it
_DEPTH = 16
_LONGEST = 4_096
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"'][^>]{0,100}\?>")
_KNOWN = frozenset({"utf-8", "utf8", "utf-16", "us-ascii", "iso-8859-1"})


@dataclass(frozen=True)
class Sitemap:
    """What a sitemap lists; ``problem`` says why its rest could not be read."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    problem: str = ""


def read_sitemap(data: bytes) -> Sitemap:
    """Read a sitemap or an index of sitemaps; nothing that stands in it raises an error."""
    try:
        data, problem = _unpacked(data)
    except DAMAGED as error:
        return Sitemap(problem=f"the packed sitemap is damaged ({error})")
    if not data.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").startswith(b"<"):
        lines = data.decode("utf-8-sig", "replace").splitlines()
        return Sitemap(tuple(line.strip() for line in lines if "://" in line[:20])[:_MOST], problem=problem)
    reader = _Reader()
    problem = _parse(_recoded(data), reader) or problem
    return Sitemap(tuple(reader.pages), tuple(reader.sitemaps), problem)


def _unpacked(data: bytes) -> tuple[bytes, str]:
    content = inflated(io.BytesIO(data)).read(MAX_SITEMAP_BYTES + 1)
    too_long = len(content) > MAX_SITEMAP_BYTES
    return content[:MAX_SITEMAP_BYTES], f"larger than {MAX_SITEMAP_BYTES >> 20} MiB" if too_long else ""


def _recoded(data: bytes) -> bytes:
    """XML in an encoding that the parser does not know (GB18030, Big5 ...) as UTF-8."""
    match = _DECLARED.match(data)
    if match is None or match[1].decode().lower() in _KNOWN:
        return data
    try:
        return data[match.end() :].decode(match[1].decode(), "replace").encode("utf-8", "replace")
    except LookupError:
        return data[match.end() :]


def _parse(data: bytes, reader: _Reader) -> str:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, XMLParser

    try:
        parser = XMLParser(target=reader, forbid_dtd=True)
        parser.feed(data)
        parser.close()
    except _Enough as enough:
        return str(enough)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        return f"no sound XML ({error})"
    return ""


class _Enough(Exception):
    """The rest of a sitemap is not read."""


@dataclass
class _Reader:
    """Takes the addresses as the parser passes them: ``<url><loc>`` and ``<sitemap><loc>``, in any namespace."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: dict[str, Any]) -> None:
        """An element begins."""
        if len(self._open) >= _DEPTH:
            raise _Enough(f"elements more than {_DEPTH} deep")
        self._open.append(tag.rpartition("}")[2].lower())
        self._text = []

    def data(self, text: str) -> None:
        """Words of an element."""
        if self._open[-1:] == ["loc"] and len(self._text) < _LONGEST:
            self._text.append(text[:_LONGEST])

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._open[-1] == "loc" and len(self._open) > 1:
            kept = {"url": self.pages, "sitemap": self.sitemaps}.get(self._open[-2])
            address = "".join(self._text).strip()
            if kept is not None and 0 < len(address) <= _LONGEST:
                kept.append(address)
                if len(kept) >= _MOST:
                    raise _Enough(f"more than {_MOST:,} addresses")
        self._open.pop()

    def close(self) -> None:
        """The document ends."""
