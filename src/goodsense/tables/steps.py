"""Steps that turn a value into what a field needs: named, checked when the mapping file is read, and safe."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeAlias

from goodsense.errors import UsageError
from goodsense.tables.conversions import bool_of, first, integer_of, last, number_of, plain_number, text_of_html, unique
from goodsense.tables.paths import Walk, compile_path, parse_path, plain_text
from goodsense.tables.patterns import Pattern, PatternError, first_group
from goodsense.tables.rejects import shorten
from goodsense.tables.times import seconds_of, zone_of
from goodsense.tables.values import BadValue, json_of, text_of

Convert: TypeAlias = Callable[[Any], Any]
Tables: TypeAlias = Mapping[str, Mapping[str, Any]]
_LIST = 10_000  # items that a text may be split into


class StepError(ValueError):
    """A step of a mapping file cannot be understood; ``known`` are the names that were expected, if a name is wrong."""

    def __init__(self, reason: str, fix: str, *, wrong: str = "", known: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
        self.wrong = wrong
        self.known = known


@dataclass(frozen=True, slots=True)
class Step:
    """One conversion. It sees the items of a list one by one, unless it takes the list as a ``whole``."""

    name: str
    convert: Convert
    whole: bool = False

    def __call__(self, value: Any) -> Any:
        if self.whole or not isinstance(value, list):
            return None if value is None else self.convert(value)
        found = [self.convert(item) for item in value if item is not None]
        return [item for item in found if item is not None and item != ""]


def build_step(given: Any, tables: Tables) -> Step:
    """A step from its name (``"lower"``), or from a table whose first key is its name (``{ split = "," }``).

    Raises
    ------
    StepError
        If there is no such step, or what it is given does not fit.
    """
    if isinstance(given, str):
        if given in _PLAIN:
            return Step(given, *_PLAIN[given])
        if given in _TABLES:
            raise StepError(f"the step {given!r} needs a value", f"Write {_TABLES[given].example}.")
        raise _unknown(given)
    if not isinstance(given, dict) or not given:
        raise StepError(f"expected a step, found {shorten(given, 60)}", 'Write "number", or { split = "," }.')
    name, *others = given
    if name in _PLAIN:
        raise StepError(f"the step {name!r} takes no value", f'Write "{name}".')
    if name not in _TABLES:
        raise _unknown(str(name))
    kind = _TABLES[name]
    for other in others:
        if other not in kind.options:
            known = ", ".join(kind.options) or "none"
            raise StepError(
                f"the step {name!r} has no option {other!r}; known: {known}",
                f"Write {kind.example}.",
                wrong=other,
                known=kind.options,
            )
        if not isinstance(given[other], str):
            raise StepError(f"{other} is {shorten(given[other], 60)}; expected text", f"Write {kind.example}.")
    if not isinstance(given[name], kind.takes) or isinstance(given[name], bool):
        raise StepError(
            f"the step {name!r} is given {shorten(given[name], 60)}; expected {kind.expected}",
            f"Write {kind.example}.",
        )
    options = {other: given[other] for other in others}
    return Step(name, kind.build(given[name], options, tables), kind.whole)


def _unknown(name: str) -> StepError:
    known = (*_PLAIN, *_TABLES)
    return StepError(f"there is no step {name!r}", f"Known steps: {', '.join(known)}.", wrong=name, known=known)


# ---- steps without a value


_PLAIN: Mapping[str, tuple[Convert, bool]] = {
    "text": (text_of, False),
    "strip": (lambda value: text_of(value).strip(), False),
    "lower": (lambda value: text_of(value).lower(), False),
    "upper": (lambda value: text_of(value).upper(), False),
    "strip_html": (text_of_html, False),
    "number": (number_of, False),
    "integer": (integer_of, False),
    "bool": (bool_of, False),
    "json": (json_of, False),
    "first": (first, True),
    "last": (last, True),
    "unique": (unique, True),
}


# ---- steps with a value


@dataclass(frozen=True, slots=True)
class _Kind:
    """A step that takes a value: what it expects, its options, and how it is made."""

    build: Callable[[Any, Mapping[str, str], Tables], Convert]
    takes: type | tuple[type, ...]
    expected: str
    example: str
    options: tuple[str, ...] = ()
    whole: bool = False


def _splitting(sign: str, options: Mapping[str, str], tables: Tables) -> Convert:
    if not sign:
        raise StepError("the text to split at is empty", 'Write { split = "," }.')

    def split(value: Any) -> list[str]:
        values = value if isinstance(value, list) else [value]
        found = [part.strip() for item in values if item is not None for part in text_of(item).split(sign)]
        if len(found) > _LIST:
            raise BadValue(f"splits into over {_LIST} parts", "Split at another sign.")
        return [part for part in found if part]

    return split


def _joining(sign: str, options: Mapping[str, str], tables: Tables) -> Convert:
    def join(value: Any) -> str:
        items = value if isinstance(value, list) else [value]
        return sign.join(text for item in items if item is not None and (text := text_of(item)))

    return join


def _pattern(text: str) -> Pattern:
    try:
        return Pattern(text)
    except PatternError as error:
        raise StepError(str(error), "Correct the regular expression.") from error


def _extracting(text: str, options: Mapping[str, str], tables: Tables) -> Convert:
    pattern = _pattern(text)

    def extract(value: Any) -> str | None:
        try:
            found = pattern.search(text_of(value))
        except PatternError as error:
            raise BadValue(str(error), "Make the regular expression simpler.") from error
        return None if found is None else first_group(found)

    return extract


def _replacing(old: str, options: Mapping[str, str], tables: Tables) -> Convert:
    if not old or "with" not in options:
        raise StepError("what is replaced, or what by, is missing", f"Write {_TABLES['replace'].example}.")
    new = options["with"]
    return lambda value: text_of(value).replace(old, new) if len(new) <= 100 else text_of(value)


def _looking_up(name: str, options: Mapping[str, str], tables: Tables) -> Convert:
    if name not in tables:
        raise StepError(
            f"there is no [tables.{name}]",
            f'Add it: [tables.{name}], then lines such as "1" = "in_stock".',
            wrong=name,
            known=tuple(tables),
        )
    table = tables[name]

    def look_up(value: Any) -> Any:
        key = plain_text(value)
        if key in table:
            return table[key]
        if "*" in table:
            return table["*"]
        raise BadValue(f"{shorten(key, 60)!r} is not in [tables.{name}]", 'Add it there, or "*" for all others.')

    return look_up


_UNITS = {"units": 0, "cents": 2, "mills": 3}


def _money(unit: str, options: Mapping[str, str], tables: Tables) -> Convert:
    example = _TABLES["money"].example
    if unit not in _UNITS:
        raise StepError(f"there is no unit {unit!r}; expected units, cents or mills", f"Write {example}.")
    currency, sign = options.get("currency", ""), options.get("decimal", ".")
    if currency and not re.fullmatch("[A-Z]{3}", currency):
        raise StepError(f"{currency!r} is no ISO 4217 code", f"Write {example}.")
    if sign not in (".", ","):
        raise StepError(f"the decimal sign is {sign!r}; expected . or ,", f"Write {example}.")
    places = _UNITS[unit]

    def money(value: Any) -> str | None:
        if isinstance(value, str) and sign == ",":
            value = value.replace(".", "").replace(",", ".")
        found = number_of(value)
        if found is None:
            return None
        amount = f"{Decimal(str(found)).scaleb(-places):f}"
        return f"{amount} {currency}" if currency else amount

    return money


def _scaling(factor: Any, options: Mapping[str, str], tables: Tables) -> Convert:
    exact = Decimal(str(factor))
    if not exact.is_finite():
        raise StepError("the factor is not finite", f"Write {_TABLES['scale'].example}.")

    def scale(value: Any) -> float | int | None:
        found = number_of(value)
        return None if found is None else plain_number(Decimal(str(found)) * exact)

    return scale


_EPOCHS = {"epoch": 1, "epoch_ms": 1_000}


def _dating(form: str, options: Mapping[str, str], tables: Tables) -> Convert:
    try:
        zone = zone_of(options.get("zone", "UTC"))
    except UsageError as error:
        raise StepError(error.message.rstrip("."), error.fix) from error
    if form == "auto":
        return lambda value: _iso(seconds_of(value, zone), zone)
    if form in _EPOCHS:
        return _timing(lambda text: datetime.fromtimestamp(float(text) / _EPOCHS[form], zone), zone, form)
    if form == "iso":
        return _timing(datetime.fromisoformat, zone, form)
    if "%" not in form:
        raise StepError(
            f"{form!r} is no form of dates; expected auto, iso, epoch, epoch_ms, or one with % signs",
            f"Write {_TABLES['date'].example}.",
        )
    try:
        datetime.strptime(datetime(2001, 2, 3, tzinfo=UTC).strftime(form), form)
    except (ValueError, re.error) as error:
        raise StepError(f"the form of dates cannot be used: {error}", "See Python's strptime for its signs.") from error
    return _timing(lambda text: datetime.strptime(text, form), zone, form)


def _iso(seconds: float | None, zone: tzinfo) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).astimezone(zone).isoformat()


def _timing(parse: Callable[[str], datetime], zone: tzinfo, form: str) -> Convert:
    def date(value: Any) -> str | None:
        text = text_of(value).strip()
        if not text:
            return None
        try:
            found = parse(text[:100])
            return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).isoformat()
        except (ValueError, TypeError, OverflowError, OSError, IndexError) as error:
            raise BadValue("the date is not written as the mapping file says", f"Expected: {form}.") from error

    return date


def _getting(text: str, options: Mapping[str, str], tables: Tables) -> Convert:
    try:
        walk: Walk = compile_path(parse_path(text))
    except ValueError as error:
        raise StepError(str(error), 'Write { get = "a.b" }.') from error
    return lambda value: walk(value, value)


def _parameter(name: str, options: Mapping[str, str], tables: Tables) -> Convert:
    from urllib.parse import parse_qs, urlsplit

    def parameter(value: Any) -> str | None:
        try:
            found = parse_qs(urlsplit(text_of(value)[:10_000]).query, max_num_fields=200)
        except ValueError as error:
            raise BadValue("this is no address", "Give a path or URL with ?name=value.") from error
        return found[name][0] if name in found else None

    return parameter


def _prefixing(start: str, options: Mapping[str, str], tables: Tables) -> Convert:
    return lambda value: f"{start}{text}" if (text := text_of(value)) else None


_TABLES: Mapping[str, _Kind] = {
    "split": _Kind(_splitting, str, "text", '{ split = "," }', whole=True),
    "join": _Kind(_joining, str, "text", '{ join = " " }', whole=True),
    "extract": _Kind(_extracting, str, "a regular expression", "{ extract = '\\d+' }"),
    "replace": _Kind(_replacing, str, "text", '{ replace = "_", with = " " }', ("with",)),
    "prefix": _Kind(_prefixing, str, "text", '{ prefix = "https://cdn.example/" }'),
    "lookup": _Kind(_looking_up, str, "the name of a table", '{ lookup = "status" }'),
    "money": _Kind(
        _money, str, "units, cents or mills", '{ money = "cents", currency = "CNY" }', ("currency", "decimal")
    ),
    "scale": _Kind(_scaling, (int, float), "a number", "{ scale = 0.001 }"),
    "date": _Kind(_dating, str, "a form of dates", '{ date = "%d.%m.%Y", zone = "Europe/Berlin" }', ("zone",)),
    "get": _Kind(_getting, str, "a path", '{ get = "a.b" }', whole=True),
    "parameter": _Kind(_parameter, str, "the name of a parameter", '{ parameter = "q" }'),
}
STEP_NAMES = (*_PLAIN, *_TABLES)
