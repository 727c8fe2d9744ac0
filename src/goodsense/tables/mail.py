"""Mails as records: an mbox export, one .eml file, or a folder of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import IO, Any

from goodsense.tables.opening import GENEROUS, TableLimits, open_bytes
from goodsense.tables.rejects import Reject, Rejects
from goodsense.tables.rows import Row

_LARGEST = 1 << 25  # bytes of one mail with its attachments
_LINE = 1 << 16
_HEADER = 10_000
_PARTS = 2_000
_LINES = 600_000
_DESCRIPTION = 4_000
_TEXT = 1 << 20
_FIX = "Export it again, or leave it out."
_FROM = re.compile(rb"From \S.*\d\d:\d\d", re.DOTALL)
_ESCAPED = re.compile(rb">+From ")
_DESCRIPTIONS = re.compile(rb"^content-[a-z-]{1,40}:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,500}>")


def mail_records(path: Path, rejects: Rejects, *, compressed: bool, limits: TableLimits = GENEROUS) -> Iterator[Row]:
    """The mails of an mbox file in its order, or those of a folder by name.

    A record has ``from`` and ``to`` (lists of ``name`` and ``address``), ``subject``, ``date`` (ISO 8601), ``id``,
    ``thread`` (the id of the mail that began it), ``reply_to``, ``text``, ``html`` and ``attachments`` (``name``,
    ``type``, ``size``).
    """
    number = 0
    for file in sorted(path.rglob("*.eml")) if path.is_dir() else [path]:
        with open_bytes(file, compressed=compressed and file == path, limits=limits) as data:
            for raw in _mails(data):
                number += 1
                record = "it is too large" if raw is None else _record(raw)
                if isinstance(record, str):
                    rejects.add(Reject(str(file), number, "", None, f"the mail cannot be read: {record}", _FIX))
                else:
                    yield Row(number, record)


def _mails(data: IO[bytes]) -> Iterator[bytes | None]:
    """The bytes of each mail; None for one that is too large."""
    lines: list[bytes] = []
    size, empty, begun = 0, True, False
    while line := data.readline(_LINE):
        if empty and line.startswith(b"From ") and _FROM.match(line):
            if begun:
                yield b"".join(lines) if size <= _LARGEST else None
            lines, size, begun = [], 0, True
            empty = False
            continue
        begun = begun or bool(line.strip())
        empty = line in (b"\n", b"\r\n")
        size += len(line)
        if size <= _LARGEST:
            lines.append(line[1:] if _ESCAPED.match(line) else line)
        else:
            lines = []
    if begun:
        yield b"".join(lines) if size <= _LARGEST else None


def _record(raw: bytes) -> dict[str, Any] | str:
    """What a mail says, or why it cannot be read. The standard parser has many ways to fail on damaged mails."""
    if problem := _hostile(raw):
        return problem
    try:
        mail = message_from_bytes(raw)
        found = _headers(mail)
        if not found:
            return "it has no sender, no date and no subject"
        return found | _bodies(mail)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError, MessageError) as error:
        return f"{type(error).__name__}: {error}"[:200]


def _hostile(raw: bytes) -> str:
    """What would take the standard parser minutes; empty if nothing does."""
    if raw.count(b"\n--") > _PARTS:
        return f"it has over {_PARTS} parts"
    if raw.count(b"\n") > _LINES:
        return f"it has over {_LINES} lines"
    if any(len(found.group()) > _DESCRIPTION for found in _DESCRIPTIONS.finditer(raw)):
        return f"what describes one of its parts has over {_DESCRIPTION} characters"
    return ""


def _headers(mail: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("from", "to", "cc"):
        parsed = getaddresses([_decoded(mail[name])]) if mail[name] else []
        if people := [{"name": who, "address": address.lower()} for who, address in parsed if who or address]:
            found[name] = people
    if subject := _decoded(mail["subject"]):
        found["subject"] = subject
    if mail["date"] and (date := _date(str(mail["date"]))):
        found["date"] = date
    if not found:
        return {}
    ids = {
        key: _MESSAGE_ID.findall(str(mail[key] or "")[:_HEADER]) for key in ("message-id", "in-reply-to", "references")
    }
    own = ids["message-id"][:1]
    before = ids["references"] or ids["in-reply-to"]
    return found | {
        name: listed[0].strip("<>")
        for name, listed in (("id", own), ("reply_to", ids["in-reply-to"]), ("thread", before or own))
        if listed
    }


def _date(text: str) -> str:
    try:
        found = parsedate_to_datetime(text[:100])
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _decoded(value: Any) -> str:
    """A header as text; words in unknown encodings stay as far as they can be read."""
    text = str(value or "")[:_HEADER]
    if "=?" not in text:
        return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    try:
        parts = decode_header(text)
    except (MessageError, ValueError):
        return " ".join(text.split())
    words = (part if isinstance(part, str) else _text(part, charset or "ascii") for part, charset in parts)
    return " ".join("".join(words).split())


def _text(data: bytes, charset: str) -> str:
    try:
        found = data.decode({"gb2312": "gb18030", "gbk": "gb18030"}.get(charset.lower(), charset), "replace")
    except (LookupError, ValueError):
        found = data.decode("utf-8", "replace")
    return found.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _bodies(mail: Message) -> dict[str, Any]:
    texts: dict[str, list[str]] = {"text": [], "html": []}
    attachments: list[dict[str, Any]] = []
    for part in mail.walk():
        if part.is_multipart():
            continue
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes):
            continue
        kind, name = part.get_content_type(), _decoded(part.get_filename())
        if kind in ("text/plain", "text/html") and not name:
            texts["html" if kind == "text/html" else "text"].append(
                _text(data[:_TEXT], part.get_content_charset() or "utf-8")
            )
        else:
            attachments.append({"name": name, "type": kind, "size": len(data)})
    found: dict[str, Any] = {name: "\n".join(parts).strip()[:_TEXT] for name, parts in texts.items() if parts}
    return found | ({"attachments": attachments} if attachments else {})
