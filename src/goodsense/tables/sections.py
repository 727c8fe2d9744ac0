"""Tables of a TOML file read key by key: an unknown key or a value of the wrong kind is an error that says the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Never

from goodsense.errors import UsageError
from goodsense.tables.rejects import shorten


class Section:
    """One table of a file.

    Parameters
    ----------
    file, place
        Where it stands, as messages name it; ``place`` is empty for the file itself.
    given
        Its keys and values.
    known
        The keys that it may have; None if any.

    Raises
    ------
    UsageError
        If it is no table, or has a key that is not known.
    """

    def __init__(self, file: Path, place: str, given: Any, known: Sequence[str] | None) -> None:
        self.file = file
        self.place = place
        if not isinstance(given, dict):
            self.fail("", f"expected a table, found {shorten(given, 60)}", f"Write [{place}] and its keys below.")
        self.given: Mapping[str, Any] = given
        for key in given if known is not None else ():
            if key not in known:  # type: ignore[operator]
                self.fail(key, "this key is unknown", suggestion(key, known or ()))

    def fail(self, key: str, reason: str, fix: str) -> Never:
        """Raise the error that names file and key."""
        named = ".".join(part for part in (self.place, key) if part)
        where = f"{self.file}: {shorten(named, 120)}" if named else f"{self.file}"
        raise UsageError(f"{where}: {reason}.", fix=fix)

    def __contains__(self, key: str) -> bool:
        return key in self.given

    def text(self, key: str, default: str = "") -> str:
        """A text; the default if the key is missing."""
        value = self.given.get(key, default)
        if not isinstance(value, str):
            self.fail(key, f"expected text, found {shorten(value, 60)}", 'Write it in "quotes".')
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of a few words.

        Raises
        ------
        UsageError
            If it is none of them, or is missing and has no default.
        """
        if key not in self.given and default is None:
            self.fail(key, "this key is missing", f"Give one of: {', '.join(choices)}.")
        found = self.text(key, default or "")
        if found not in choices:
            self.fail(key, f"found {shorten(found, 60)!r}", suggestion(found, choices))
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty if the key is missing."""
        value = self.given.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, f"expected a list of texts, found {shorten(value, 60)}", 'Write ["a", "b"].')
        return tuple(value)

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """A number within bounds."""
        value = self.given.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            self.fail(key, f"found {shorten(value, 60)}", f"Give a number from {low:g} to {high:g}.")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.given.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, found {shorten(value, 60)}", "Write true or false.")
        return value

    def table(self, key: str, known: Sequence[str] | None) -> Section:
        """The table below a key; empty if the key is missing."""
        place = f"{self.place}.{key}" if self.place else key
        return Section(self.file, place, self.given.get(key, {}), known)

    def singles(self, key: str) -> dict[str, str]:
        """A table of single values, as text."""
        below = self.table(key, None)
        for name, value in below.given.items():
            if isinstance(value, (list, dict)):
                below.fail(name, f"expected a single value, found {shorten(value, 60)}", 'Write it in "quotes".')
        return {name: str(value) for name, value in below.given.items()}


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """What may have been meant, else all that is known."""
    names = list(known)
    close = difflib.get_close_matches(wrong[:80], names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known here: {', '.join(names)}." if names else "Nothing is expected here."
