"""Where the records of a JSON or XML file are, guessed from its beginning."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|[\[\]{}:,]')
_BARE = re.compile(r"[^\s.\[\]\"'$*{}\\]+")
_MEMBERS = 3  # objects under names, from which on the names count as keys of records


def json_place(head: str, *, lines: bool) -> str:
    """The path to the longest list of objects that is in no other list; empty if the file itself is the list.

    Parameters
    ----------
    lines
        Whether the file may be JSON Lines; it is if there is more than one object at the top.
    """
    counts: Counter[str] = Counter()
    stack: list[tuple[str, str]] = []  # kind and path of what is open
    key, tops = "", 0
    for token in _TOKEN.finditer(head):
        sign = token.group()
        if sign[0] == '"':
            key = token.group(1)
        elif sign in "{[":
            kind, path = stack[-1] if stack else ("", "")
            tops += not stack
            if sign == "{" and kind:
                counts[f"{path}[*]" if kind == "[" else f"{path}.*".removeprefix(".")] += 1
            inner = path if not stack else f"{path}[*]" if kind == "[" else _joined(path, key)
            stack.append((sign, inner))
        elif sign in "}]" and stack:
            stack.pop()
    if head.lstrip()[:1] == "[" or (lines and tops > 1):
        return ""
    lists = {path: count for path, count in counts.items() if path.count("[*]") == 1 and path.endswith("[*]")}
    if lists:
        return max(lists, key=lambda path: (lists[path], -path.count(".")))
    members = {
        path: count for path, count in counts.items() if path.endswith(".*") and count >= _MEMBERS and "[*]" not in path
    }
    return max(members, key=lambda path: members[path]) if members else ""


def _joined(path: str, key: str) -> str:
    if not _BARE.fullmatch(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def xml_place(head: str) -> str:
    """The name of the element that repeats and has the most in it; empty if none repeats."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, XMLParser

    counter = _Counter()
    with suppress(ParseError, DefusedXmlException):  # a beginning ends anywhere; reading says what is wrong
        XMLParser(target=counter, forbid_dtd=True).feed(head)
    several = {
        path: counter.inside[path] for path, count in counter.counts.items() if count > 1 and counter.inside[path]
    }
    best = max(several, key=lambda path: (several[path], -len(path)), default=())
    if not best:  # a single record: what holds most below the root
        best = max(
            (path for path in counter.inside if len(path) > 1), key=lambda path: counter.inside[path], default=()
        )
    return best[-1] if best else ""


class _Counter:
    """Counts elements by path, and what is inside of them; attributes count like elements."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.inside: Counter[tuple[str, ...]] = Counter()
        self._path: tuple[str, ...] = ()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        for depth in range(1, len(self._path[:40]) + 1):
            self.inside[self._path[:depth]] += 1
        self._path = (*self._path, tag.rpartition("}")[2])[:200]
        if len(self.counts) < 10_000:
            self.counts[self._path] += 1
            self.inside[self._path] += len(attributes)

    def end(self, tag: str) -> None:
        """An element is complete."""
        self._path = self._path[:-1]

    def data(self, text: str) -> None:
        """Text is not counted."""

    def close(self) -> None:
        """Nothing is left to build."""
