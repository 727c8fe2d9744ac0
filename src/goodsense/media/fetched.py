"""What a fetch brought: the answer's body, unpacked within limits, and what it is, judged by its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goodsense.errors import FetchError
from goodsense.media.addresses import shown
from goodsense.media.inflate import DAMAGED, Inflate
from goodsense.media.network import too_large
from goodsense.media.sniff import sniff_media

_CHUNK = 1 << 16
_RATIO = 300
_RATIO_FROM = 16 << 20
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|meta|script|div)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fetched:
    """An answer.

    Parameters
    ----------
    url, final_url
        What was asked for, and where it came from after redirects.
    status
        200; 304 where ``not_modified``; 3xx where the policy follows no redirects.
    headers
        By lower-case name.
    body
        The bytes, of :meth:`~goodsense.media.fetch.Fetcher.get` only.
    path, sha256, size
        Where a download lies, the SHA-256 of its bytes and how many there are.
    etag, last_modified
        What to give back for a conditional request.
    not_modified
        Whether the server says that nothing changed since.
    kind
        What the bytes are: a format of :func:`~goodsense.media.sniff.sniff_media`, ``html``, ``xml``, ``json``,
        ``gzip``, ``zip``, ``pdf``, ``text``, ``binary`` or ``empty``. The header ``Content-Type`` is not believed.
    """

    url: str
    final_url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    path: Path | None = None
    sha256: str = ""
    size: int = 0
    etag: str = ""
    last_modified: str = ""
    not_modified: bool = False
    kind: str = "empty"

    @property
    def charset(self) -> str:
        """The encoding that the header names, lower-case; empty if it names none."""
        match = _CHARSET.search(self.headers.get("content-type", ""))
        return match[1].lower() if match else ""

    @property
    def location(self) -> str:
        """Where a redirect leads, as the server wrote it; empty if it is none."""
        return self.headers.get("location", "") if 300 <= self.status < 400 else ""


def sniff_content(head: bytes) -> str:
    """Name what the first bytes (512 are enough) belong to; see :attr:`Fetched.kind`."""
    if not head:
        return "empty"
    for magic, name in ((b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"%PDF", "pdf")):
        if head.startswith(magic):
            return name
    if media := sniff_media(head[:64]):
        return media
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.search(text[:512]):
        return "html"
    if text.startswith(b"<"):
        return "xml"
    if text.startswith((b"{", b"[")):
        return "json"
    is_utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    return "binary" if b"\0" in head and not is_utf16 else "text"


def unpacked(chunks: Iterable[bytes], headers: Mapping[str, str], url: str, *, max_bytes: int) -> Iterator[bytes]:
    """The body without its content coding, piece by piece, within the limits.

    Raises
    ------
    FetchError
        If it is larger than ``max_bytes``, grows out of proportion, is damaged, or has an unknown coding.
    """
    claimed = headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > max_bytes:
        raise too_large(url, max_bytes)
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        yield from _capped(chunks, url, max_bytes)
    elif coding in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(chunks, coding, url, max_bytes)
    else:
        raise FetchError(
            f"{shown(url)}: the answer is packed as {coding[:40]!r}; expected gzip, deflate or none.",
            url=url,
            reason="encoding",
            fix="Ask the site's owner; the request did not offer it.",
        )


def _capped(chunks: Iterable[bytes], url: str, max_bytes: int) -> Iterator[bytes]:
    count = 0
    for chunk in chunks:
        count += len(chunk)
        if count > max_bytes:
            raise too_large(url, max_bytes)
        yield chunk


def _inflated(chunks: Iterable[bytes], coding: str, url: str, max_bytes: int) -> Iterator[bytes]:
    inner: Inflate | None = None
    came = out = 0
    for packed in chunks:
        came += len(packed)
        if inner is None:
            # "deflate" means zlib's format, but some servers send it raw; the first byte tells (RFC 1950, 2.2)
            wbits = 31 if coding != "deflate" else 15 if packed[0] & 0x0F == 8 else -15
            inner = Inflate(wbits)
        data = packed
        while not inner.eof:
            try:
                piece = inner.decompress(data, _CHUNK)
            except DAMAGED as error:
                raise _damaged(url, str(error)) from error
            data = b""
            out += len(piece)
            if out > max_bytes:
                raise too_large(url, max_bytes)
            if out > _RATIO_FROM and out > came * _RATIO:
                raise FetchError(
                    f"{shown(url)}: {came:,} packed bytes grow to more than {out:,}; that is how a decompression bomb "
                    "looks.",
                    url=url,
                    reason="size",
                )
            if piece:
                yield piece
            if inner.needs_input and len(piece) < _CHUNK:
                break
    if inner is not None and not inner.eof:
        raise _damaged(url, "cut off")


def _damaged(url: str, why: str) -> FetchError:
    return FetchError(
        f"{shown(url)}: the packed answer is damaged ({why}).", url=url, reason="encoding", fix="Try again later."
    )
