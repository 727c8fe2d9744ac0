"""What reviews, questions and conversations have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol, Self, TypeAlias, TypeVar

Change: TypeAlias = Callable[[str], str]


class Voice(Protocol):
    """What somebody said: a review, a question with its answers, or a conversation."""

    @property
    def id(self) -> str: ...

    @property
    def user(self) -> str:
        """Who said it; a pseudonym where the shop wants it so."""
        ...

    @property
    def language(self) -> str: ...

    @property
    def products(self) -> tuple[str, ...]:
        """The ids of the products it is about, each once."""
        ...

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that was written or said, in order; empty texts are left out."""
        ...

    def rewritten(self, change: Change) -> Self:
        """The same with every text changed."""
        ...

    def renamed(self, change: Change) -> Self:
        """The same with every name of a user changed; empty ones stay."""
        ...

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary without empty fields; ``from_json`` gives it back unchanged."""
        ...

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        ...


V = TypeVar("V", bound=Voice)


def dumps(voice: Voice) -> str:
    """Canonical JSON: equal voices give equal text."""
    return json.dumps(voice.to_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_key(voice: Voice, redact: Change) -> str:
    """A hash (BLAKE2b) of what was said, by whom, when and about what; the same whether redacted or not.

    It is taken of the redacted text, so that nobody can find a number that was taken out by trying all of them.
    """
    content = voice.rewritten(redact).to_json()
    content = {name: value for name, value in content.items() if name not in ("id", "language")}
    plain = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Only the fields that say something; ``False`` and 0 do."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [], {}, ())}


def rewritten_json(value: Any, change: Change) -> Any:
    """A JSON value with every text in it changed; names stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [rewritten_json(item, change) for item in value]
    if isinstance(value, dict):
        return {name: rewritten_json(item, change) for name, item in value.items()}
    return value


def texts_in(value: Any) -> tuple[str, ...]:
    """Every text in a JSON value."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    rewritten_json(value, note)
    return tuple(text for text in found if text)


def moment_to_json(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def moment_from_json(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def changed(name: str, change: Change) -> str:
    """A user's name changed; nobody stays nobody."""
    return change(name) if name else name
