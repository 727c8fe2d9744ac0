"""Filter expressions: ``price < 3000 INR and brand = 'Puma' and not (color in ('red', 'blue') or exists 尺寸)``.

Grammar (keywords in any case; ``&&``, ``||``, ``!`` and ``==`` are accepted too)::

    filter  = all ("or" all)*
    all     = one ("and" one)*
    one     = "not" one | "(" filter ")" | "exists" field | field [test]
    test    = ("=" | "!=" | "<" | "<=" | ">" | ">=") value | ["not"] "in" "(" value ("," value)* ")"
    field   = word ("." word)* | "`" anything "`"
    value   = number [currency] | string | "true" | "false"

A field alone means ``field = true``. Strings stand in single or double quotes; a backslash escapes a quote or
itself and writes line breaks and tabs (``\\n``, ``\\r``, ``\\t``), and a doubled quote stands for one. Numbers may
carry underscores (``1_000``). A number followed by a currency code turns ``price`` into ``price.INR``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar
from unicodedata import east_asian_width

from goodsense.errors import UsageError
from goodsense.types import And, Compare, Exists, Filter, In, Not, Operator, Or, Scalar

MAX_LENGTH = 10_000
MAX_DEPTH = 64
MONEY_FIELDS = ("price", "list_price")

Kind: TypeAlias = Literal["word", "quoted field", "number", "text", "operator", "end"]

_WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_NUMBER = re.compile(r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OPERATOR = re.compile(r"<=|>=|!=|<>|==|&&|\|\||[=<>!(),]")
_SPACE = re.compile(r"\s+")
_KEYWORDS = frozenset("and or not in exists true false".split())
_SAME = {"==": "=", "<>": "!=", "&&": "and", "||": "or", "!": "not"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"', "`": "`"}
_WRITTEN = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_T = TypeVar("_T")
_ORDERINGS: dict[str, Operator] = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def parse_filter(text: str) -> Filter:
    """Read a filter expression.

    Raises
    ------
    UsageError
        If it is empty, longer than 10,000 characters, nested deeper than 64, or wrong; the message shows where and
        what was expected there.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"a filter of {len(text):,} characters; at most {MAX_LENGTH:,} are read.")
    parser = _Parser(text, _tokens(text))
    found = parser.any_of(0)
    if parser.peek.kind != "end":
        raise parser.error("'and', 'or' or the end")
    return found


def format_filter(where: Filter) -> str:
    """Write a filter as an expression that :func:`parse_filter` reads back.

    Raises
    ------
    UsageError
        If it cannot be written: an empty ``And``, ``Or`` or ``In``, or a number that is not finite.
    """
    match where:
        case Compare(field, "=", bool(value)) if value:
            return _field(field)
        case Compare(field, op, value):
            return f"{_field(field)} {op} {_value(value)}"
        case In(field, values):
            return f"{_field(field)} in ({', '.join(map(_value, _some(values, 'in ()')))})"
        case Exists(field):
            return f"exists {_field(field)}"
        case Not(Compare(field, "=", value)) if value is not True:
            return f"{_field(field)} != {_value(value)}"
        case Not(term):
            return f"not {_inner(term)}"
        case And(terms):
            return " and ".join(map(_inner, terms)) if len(terms) > 1 else format_filter(_some(terms, "and")[0])
        case Or(terms):
            return " or ".join(map(_inner, terms)) if len(terms) > 1 else format_filter(_some(terms, "or")[0])


def _inner(term: Filter) -> str:
    written = format_filter(term)
    return f"({written})" if isinstance(term, And | Or) else written


def _some(values: tuple[_T, ...], what: str) -> tuple[_T, ...]:
    if not values:
        raise UsageError(f"an empty {what!r} cannot be written as a filter expression.")
    return values


def _field(name: str) -> str:
    if _WORD.fullmatch(name) and name.casefold() not in _KEYWORDS:
        return name
    return f"`{_escaped(name, '`')}`"


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{_escaped(value, chr(39))}'"
    if not math.isfinite(value):
        raise UsageError(f"the number {value} cannot be written as a filter expression.")
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _escaped(text: str, quote: str) -> str:
    return "".join(_WRITTEN.get(c, f"\\{c}" if c == quote else c) for c in text)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Kind
    text: str  # what it means: unescaped, operators and keywords in their one spelling
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The keyword or operator it is; empty for fields and values."""
        if self.kind == "operator":
            return self.text
        folded = self.text.casefold()
        return folded if self.kind == "word" and folded in _KEYWORDS else ""


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
            continue
        token = _token(text, at)
        found.append(token)
        at = token.end
    return [*found, _Token("end", "", len(text), len(text))]


def _token(text: str, at: int) -> _Token:
    if text[at] in "'\"`":
        return _quoted(text, at)
    if match := _NUMBER.match(text, at):
        return _Token("number", match.group(), at, match.end())
    if match := _WORD.match(text, at):
        return _Token("word", match.group(), at, match.end())
    if match := _OPERATOR.match(text, at):
        return _Token("operator", _SAME.get(match.group(), match.group()), at, match.end())
    raise _error(text, at, f"the character {text[at]!r}", "a field, a value or an operator")


def _quoted(text: str, start: int) -> _Token:
    quote, at, out = text[start], start + 1, []
    while at < len(text):
        c = text[at]
        if c == quote and text[at + 1 : at + 2] == quote:
            out.append(quote)
            at += 2
        elif c == quote:
            return _Token("quoted field" if quote == "`" else "text", "".join(out), start, at + 1)
        elif c == "\\":
            escaped = text[at + 1 : at + 2]
            if escaped not in _ESCAPES:
                raise _error(text, at, f"the escape \\{escaped}", "\\\\, \\n, \\r, \\t or an escaped quote")
            out.append(_ESCAPES[escaped])
            at += 2
        else:
            out.append(c)
            at += 1
    raise _error(text, start, "a quote that never closes", f"a closing {quote}")


def _error(text: str, at: int, found: str, expected: str, *, fix: str = "") -> UsageError:
    """Say what stands where, with a caret under it; long expressions show only the surroundings."""
    line_start = text.rfind("\n", 0, at) + 1
    line_end = text.find("\n", at)
    first = max(line_start, at - 60)
    shown = text[first : min(at + 40, len(text) if line_end < 0 else line_end)].replace("\t", " ")
    pad = "".join("\u3000" if east_asian_width(c) in "WF" else " " for c in text[first:at])
    return UsageError(
        f"the filter has {found} at character {at + 1}; expected {expected}.\n  {shown}\n  {pad}^\n",
        fix=fix,
    )


class _Parser:
    """Recursive descent over the tokens; each method reads one rule of the grammar."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0

    @property
    def peek(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.tokens[self.at]
        self.at += token.kind != "end"
        return token

    def accept(self, *keywords: str) -> str:
        return self.take().keyword if self.peek.keyword in keywords else ""

    def expect(self, keyword: str, expected: str) -> None:
        if not self.accept(keyword):
            raise self.error(expected)

    def error(self, expected: str, *, fix: str = "") -> UsageError:
        token = self.peek
        found = "its end" if token.kind == "end" else repr(self.text[token.start : token.end][:40])
        return _error(self.text, token.start, found, expected, fix=fix)

    def any_of(self, depth: int) -> Filter:
        terms = [self.all_of(depth)]
        while self.accept("or"):
            terms.append(self.all_of(depth))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def all_of(self, depth: int) -> Filter:
        terms = [self.one(depth)]
        while self.accept("and"):
            terms.append(self.one(depth))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def one(self, depth: int) -> Filter:
        if depth >= MAX_DEPTH:
            raise self.error(f"at most {MAX_DEPTH} levels of parentheses and 'not'")
        if self.accept("not"):
            return Not(self.one(depth + 1))
        if self.accept("("):
            found = self.any_of(depth + 1)
            self.expect(")", "'and', 'or' or ')'")
            return found
        if self.accept("exists"):
            return Exists(self.field())
        return self.test(self.field())

    def field(self) -> str:
        token = self.peek
        if token.kind == "quoted field" and token.text:
            return self.take().text
        if token.kind == "word" and not token.keyword:
            return self.take().text
        raise self.error("a field name, 'not', 'exists' or '('")

    def test(self, field: str) -> Filter:
        if op := self.accept(*_ORDERINGS, "!="):
            return self.comparison(field, op)
        negated = self.peek.keyword == "not" and self.tokens[self.at + 1].keyword == "in"
        if negated:
            self.take()
        if self.accept("in"):
            found = self.members(field)
            return Not(found) if negated else found
        if self.peek.kind in ("number", "text", "word", "quoted field") and not self.peek.keyword:
            raise self.error(f"'=', '<', 'in' or another test after the field {field!r}, or 'and'")
        return Compare(field, "=", True)

    def comparison(self, field: str, op: str) -> Filter:
        start = self.peek
        value, currency = self.value()
        if op not in ("=", "!=") and isinstance(value, str | bool):
            raise _error(self.text, start.start, repr(value), f"a number after {op!r}")
        named = self.money_field(field, currency, start)
        return Not(Compare(named, "=", value)) if op == "!=" else Compare(named, _ORDERINGS[op], value)

    def members(self, field: str) -> In:
        self.expect("(", "'(' and the values after 'in'")
        start = self.peek
        found = [self.value()]
        while self.accept(","):
            found.append(self.value())
        self.expect(")", "',' or ')'")
        currencies = {currency for _, currency in found}
        if len(currencies) > 1:
            expected = "one currency, after every value or none"
            raise _error(self.text, start.start, "values in several currencies", expected)
        return In(self.money_field(field, currencies.pop(), start), tuple(value for value, _ in found))

    def value(self) -> tuple[Scalar, str]:
        token = self.peek
        if token.kind == "text":
            return self.take().text, ""
        if token.keyword in ("true", "false"):
            return self.take().keyword == "true", ""
        if token.kind == "number":
            return self.number(), self.currency()
        fix = f"Put text into quotes: '{token.text}'." if token.kind == "word" and not token.keyword else ""
        raise self.error("a number, a quoted text, true or false", fix=fix)

    def number(self) -> float:
        value = float(self.peek.text.replace("_", ""))
        if not math.isfinite(value):
            raise self.error("a number below 1.8e308")
        self.take()
        return value

    def currency(self) -> str:
        token = self.peek
        if token.kind != "word" or token.keyword:
            return ""
        if len(token.text) != 3 or not token.text.isascii() or not token.text.isalpha():
            raise self.error("a currency code such as EUR, 'and', 'or' or the end")
        return self.take().text.upper()

    def money_field(self, field: str, currency: str, at: _Token) -> str:
        if not currency:
            return field
        if field not in MONEY_FIELDS:
            expected = f"a bare number: only {' and '.join(MONEY_FIELDS)} take a currency"
            raise _error(self.text, at.start, f"the currency {currency} after a value of {field!r}", expected)
        return f"{field}.{currency}"
