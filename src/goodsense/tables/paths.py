"""Paths to values inside a record: ``offers[0].price``, ``images[*].url``, ``specs[name="Color"].value``.

A path is names with dots between them, each followed by any number of brackets. ``[2]`` is a place in a list (from the
end if negative), ``[*]`` every item, ``[name="Color"]`` the items of which that is true (``!=``: not true),
``["odd.key"]`` a name with signs of its own; ``.*`` is every value of an object. A leading ``$`` means the whole
record, ``@`` alone the value at hand. What is no list counts as a list of one, and a name into a list means its first
item. Nothing is ever evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Walk: TypeAlias = Callable[[Any, Any], Any]
_LONGEST = 500
_MOST_STEPS = 30
_ITEMS = 100_000  # values that one path may give
_BARE = re.compile(r"[^.\[\]\"'$\x00-\x1f][^.\[\]\"'\x00-\x1f]*")
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"
_BRACKET = re.compile(
    rf"\[\s*(?:(?P<every>\*)|(?P<place>-?\d{{1,9}})|(?P<key>{_QUOTED})"
    rf"|(?P<name>[^\[\]\"'=!\s][^\[\]\"'=!]*?)\s*(?P<sign>!?=)\s*(?P<value>{_QUOTED}))\s*\]"
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class PathError(ValueError):
    """A path cannot be read; says where and why."""


@dataclass(frozen=True, slots=True)
class Name:
    """A member of an object."""

    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a list by its place."""

    place: int


@dataclass(frozen=True, slots=True)
class Every:
    """All items of a list, or all values of an object."""

    values: bool = False


@dataclass(frozen=True, slots=True)
class Matching:
    """The items whose value at ``path`` reads ``value``, or does not."""

    path: tuple[Name, ...]
    value: str
    equal: bool


Step: TypeAlias = Name | Place | Every | Matching


@dataclass(frozen=True, slots=True)
class ValuePath:
    """A path that was read: from the whole record or from the value at hand, step by step."""

    text: str
    steps: tuple[Step, ...]
    from_record: bool = False

    @property
    def head(self) -> str:
        """The name that it begins with; empty if it begins otherwise."""
        first = self.steps[0] if self.steps else None
        return first.name if isinstance(first, Name) else ""


def parse_path(text: str) -> ValuePath:
    """Read a path.

    Raises
    ------
    PathError
        If it is none; names the place of the first sign that does not fit.
    """
    if len(text) > _LONGEST:
        raise PathError(f"the path has {len(text)} characters, over {_LONGEST}")
    plain = text.strip()
    if plain in ("@", "$"):
        return ValuePath(plain, (), plain == "$")
    from_record = plain.startswith(("$.", "$["))
    at, steps = int(from_record), list[Step]()
    while at < len(plain):
        step, at = _step(plain, at, first=not steps and not from_record)
        steps.append(step)
        if len(steps) > _MOST_STEPS:
            raise PathError(f"the path has over {_MOST_STEPS} steps")
    if not steps:
        raise PathError("the path is empty")
    return ValuePath(plain, tuple(steps), from_record)


def _step(text: str, at: int, *, first: bool) -> tuple[Step, int]:
    if text[at] == "[":
        return _bracket(text, at)
    if not first:
        if text[at] != ".":
            raise PathError(f"expected '.' or '[' at character {at + 1}, found {text[at]!r}")
        at += 1
    found = _BARE.match(text, at)
    name = found.group().strip() if found else ""
    if found is None or not name:
        shown = repr(text[at]) if at < len(text) else "the end"
        raise PathError(f'expected a name at character {at + 1}, found {shown}; write odd names as ["odd.name"]')
    return Every(values=True) if name == "*" else Name(name), found.end()


def _bracket(text: str, at: int) -> tuple[Step, int]:
    found = _BRACKET.match(text, at)
    if found is None:
        raise PathError(f'expected [*], [0], ["key"] or [name="value"] at character {at + 1}')
    end = found.end()
    if found["every"]:
        return Every(), end
    if found["place"]:
        return Place(int(found["place"])), end
    if found["key"]:
        return Name(_unquoted(found["key"])), end
    names = tuple(Name(part.strip()) for part in found["name"].split("."))
    return Matching(names, _unquoted(found["value"]), found["sign"] == "="), end


def _unquoted(text: str) -> str:
    return _ESCAPE.sub(r"\1", text[1:-1]) if text[0] == '"' else text[1:-1]


def compile_path(path: ValuePath, *, whole: bool = False) -> Walk:
    """The function ``(value at hand, whole record) -> value found``; None where there is nothing.

    A path with ``[*]`` gives a list, one with a condition the only match or the list of several. An element of XML
    that has attributes gives its text. If ``whole``, it is a list in any case, and elements stay as they are.
    """
    steps, from_record = path.steps, path.from_record
    if whole:
        return lambda here, record: [
            item for value in _follow([record if from_record else here], steps) for item in items_of(value)
        ]
    if not steps:
        return (lambda here, record: _text(record)) if from_record else (lambda here, record: _text(here))
    if len(steps) == 1 and isinstance(steps[0], Name):
        return _member_of(steps[0].name, from_record=from_record)
    many = any(isinstance(step, Every) for step in steps)

    def walk(here: Any, record: Any) -> Any:
        found = [_text(value) for value in _follow([record if from_record else here], steps)]
        if many:
            return found
        return (found[0] if len(found) == 1 else found) if found else None

    return walk


def _member_of(name: str, *, from_record: bool) -> Walk:
    """The path of one name, which is that of most fields."""

    def member(here: Any, record: Any) -> Any:
        at = record if from_record else here
        value = at.get(name) if at.__class__ is dict else _member(at, name)
        return value if value.__class__ is str else _text(value)

    return member


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("#text", value)
    return [_text(item) for item in value] if isinstance(value, list) else value


def _follow(values: list[Any], steps: Sequence[Step]) -> list[Any]:
    for step in steps:
        if isinstance(step, Name):
            values = [found for value in values if (found := _member(value, step.name)) is not None]
        elif isinstance(step, Place):
            values = [found for value in values for found in _at(value, step.place)]
        elif isinstance(step, Every):
            values = [found for value in values for found in items_of(value, inside=step.values)]
        else:
            values = [item for value in values for item in items_of(value) if _matches(item, step)]
        if len(values) > _ITEMS:
            raise PathError(f"the path gives over {_ITEMS} values")
    return values


def _member(value: Any, name: str) -> Any:
    if isinstance(value, list):
        value = value[0] if value else None
    return value.get(name) if isinstance(value, dict) else None


def _at(value: Any, place: int) -> Sequence[Any]:
    items = value if isinstance(value, list) else [value]
    found = items[place : place + 1 or None]
    return [item for item in found if item is not None]


def items_of(value: Any, *, inside: bool = False) -> list[Any]:
    """The items of a list, or the one value there is; ``inside``: the values of an object."""
    if isinstance(value, list):
        return [item for item in value if item is not None]
    if isinstance(value, dict) and inside:
        return [item for item in value.values() if item is not None]
    return [] if value is None else [value]


def _matches(item: Any, step: Matching) -> bool:
    for name in step.path:
        item = _member(item, name.name)
    if isinstance(item, dict):
        item = item.get("#text")
    return (plain_text(item) == step.value) is step.equal


def plain_text(value: Any) -> str:
    """A single value as one compares it with text; empty for nothing, and for what has parts."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{int(value)}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return f"{value}" if isinstance(value, int) and abs(value) < 10**18 else ""
