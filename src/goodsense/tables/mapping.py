"""Mapping files: how any records, of a file or of an API, become rows with the fields of products, events and the rest.

The file is TOML. ``target`` says what the records become, ``[source]`` how they are read, ``[fields]`` which path gives
which field, and the other tables do what a path alone cannot.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from goodsense.errors import UsageError
from goodsense.tables.aliases import PRODUCT_ALIASES, fold
from goodsense.tables.paging import ApiSpec, read_api
from goodsense.tables.paths import Every, Name, PathError, Place, ValuePath, parse_path
from goodsense.tables.patterns import Pattern, PatternError
from goodsense.tables.rejects import shorten
from goodsense.tables.sections import Section, suggestion
from goodsense.tables.steps import Step, StepError, Tables, build_step
from goodsense.tables.targets import CHILD_PREFIXES, CHILDREN, FIELDS, PREFIXES, Target

FORMATS = ("auto", "csv", "tsv", "jsonl", "json", "parquet", "xml", "log", "mail")
_KEYS = ("target", "source", "fields", "where", "children", "group", "tables", "api")
_SOURCE = ("format", "records", "each", "encoding", "delimiter", "columns", "pattern", "namespaces")
_FIELD = ("path", "value", "template", "as", "default")
_CONDITION = ("path", "equals", "in", "matches", "exists", "not")
_LARGEST = 1 << 20
_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

Template: TypeAlias = tuple[str | ValuePath, ...]


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """How the records are read; what is empty is told by content."""

    format: str = "auto"
    records: ValuePath | None = None
    each: ValuePath | None = None
    encoding: str = ""
    delimiter: str = ""
    columns: tuple[str, ...] = ()
    pattern: Pattern | None = None
    namespaces: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """Where a field comes from: the first path that gives something, a template, or a constant; then the steps."""

    paths: tuple[ValuePath, ...] = ()
    template: Template = ()
    value: Any = None
    steps: tuple[Step, ...] = ()
    default: Any = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What the value at a path must be, or must not, for a record to be kept."""

    path: ValuePath
    equals: frozenset[str] | None = None
    matches: Pattern | None = None
    exists: bool | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A list of objects in a record that becomes a list of objects in a field."""

    each: ValuePath
    fields: Mapping[str, FieldSpec]


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """Rows with the same value of ``by`` become one; the fields of ``gather`` become objects of the list ``into``."""

    by: str
    into: str
    gather: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RecordMapping:
    """A mapping file that was read and checked."""

    file: Path
    target: Target
    source: SourceSpec
    fields: Mapping[str, FieldSpec]
    where: tuple[Condition, ...] = ()
    children: Mapping[str, ChildSpec] = field(default_factory=dict)
    group: GroupSpec | None = None
    api: ApiSpec | None = None


def load_mapping(path: Path) -> RecordMapping:
    """Read a mapping file.

    Raises
    ------
    UsageError
        If it is missing, no TOML, or anything in it is unknown or does not fit; names the file and the key.
    """
    top = Section(path, "", _toml(path), _KEYS)
    target = cast(Target, top.choice("target", tuple(FIELDS), "products"))
    tables = _tables(top)
    given = top.table("fields", None)
    if not given.given:
        top.fail("fields", "no field is mapped", 'Add [fields], then lines such as id = "sku".')
    fields = _fields(given, tables, FIELDS[target], PREFIXES[target])
    children = _children(top, target, tables)
    both = next((name for name in children if name in fields), None)
    if both is not None:
        top.fail(f"children.{both}", "the field is mapped in [fields] too", "Keep one of them.")
    return RecordMapping(
        path,
        target,
        _source(top),
        fields,
        where=_where(top),
        children=children,
        group=_group(top, {*fields, *children}, CHILDREN[target]) if "group" in top else None,
        api=read_api(top.table("api", None)) if "api" in top else None,
    )


def is_mapping(path: Path) -> bool:
    """Whether a file looks like a mapping file: TOML with ``[fields]``."""
    try:
        return path.suffix.lower() == ".toml" and "fields" in _toml(path)
    except UsageError:
        return False


def _toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path}: larger than {_LARGEST >> 20} MiB.", fix="Is this the mapping file?")
        return tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{path}: there is no such mapping file.", fix="Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8.", fix="Save the mapping file as UTF-8.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path}: the mapping file is no TOML: {shorten(str(error))}.",
            fix="Write text in quotes; paths with quotes in them in 'single' ones.",
        ) from error


def _tables(top: Section) -> Tables:
    found = top.table("tables", None)
    tables = {}
    for name in found.given:
        table = found.table(name, None)
        for key, value in table.given.items():
            if isinstance(value, (list, dict)):
                table.fail(key, f"expected a single value, found {shorten(value, 60)}", 'Write "1" = "in_stock".')
        tables[name] = dict(table.given)
    return tables


def _source(top: Section) -> SourceSpec:
    section = top.table("source", _SOURCE)
    form = section.choice("format", FORMATS, "auto")
    for key, fitting in (("columns", ("csv", "tsv")), ("delimiter", ("csv", "tsv")), ("namespaces", ("xml",))):
        if key in section and form not in (*fitting, "auto"):
            section.fail(
                key, f"a source of the format {form!r} has none", f"Leave it out, or set format to {fitting[0]}."
            )
    delimiter, encoding = section.text("delimiter"), section.text("encoding")
    if "delimiter" in section and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        section.fail("delimiter", f"found {shorten(delimiter, 20)!r}", r'Give a single sign, such as ";" or "\t".')
    if encoding and not _is_text_codec(encoding):
        section.fail("encoding", f"{shorten(encoding, 60)!r} is no known encoding", "Give utf-8, gb18030, cp1252 ...")
    columns = section.texts("columns")
    if len(set(columns)) < len(columns):
        section.fail("columns", "a name stands there twice", "Give every column its own name.")
    if (form == "log") is not ("pattern" in section):
        section.fail("pattern", "logs, and only they, have one", 'Write format = "log", pattern = "combined".')
    return SourceSpec(
        form,
        _records(section, form),
        _path(section, "each", section.text("each")) if "each" in section else None,
        encoding,
        delimiter,
        columns,
        _log_pattern(section) if form == "log" else None,
        section.singles("namespaces"),
    )


def _records(section: Section, form: str) -> ValuePath | None:
    if "records" not in section:
        return None
    path = _path(section, "records", section.text("records"))
    if form in ("csv", "tsv", "parquet", "log", "mail"):
        section.fail("records", f"a source of the format {form!r} has none", "Leave it out.")
    plain = (Name,) if form == "xml" else (Name, Every, Place)
    if path.from_record or not all(isinstance(step, plain) for step in path.steps):
        section.fail("records", f"found {path.text!r}", 'Write names only, and [*] for lists: "data.items[*]".')
    return path


def _is_text_codec(name: str) -> bool:
    import codecs

    try:
        return "".encode(codecs.lookup(name).name) is not None
    except (LookupError, ValueError):
        return False


def _log_pattern(section: Section) -> Pattern:
    from goodsense.tables.logs import PATTERNS

    text = section.text("pattern")
    try:
        pattern = Pattern(PATTERNS.get(text, text))
    except PatternError as error:
        section.fail("pattern", str(error), f"Correct it, or name one of: {', '.join(PATTERNS)}.")
    if not pattern.names:
        section.fail("pattern", "it has no named groups", f"Write (?P<name>...), or one of: {', '.join(PATTERNS)}.")
    return pattern


def _fields(section: Section, tables: Tables, known: Sequence[str], prefixes: Sequence[str]) -> dict[str, FieldSpec]:
    """The fields of a table; ``attribute.color = ...`` may stand there without quotes, as TOML reads it."""
    found: dict[str, FieldSpec] = {}
    for name, value in section.given.items():
        if f"{name}." in prefixes and isinstance(value, dict) and not value.keys() <= set(_FIELD):
            below = section.table(name, None)
            found.update((f"{name}.{inner}", _field(below, inner, tables)) for inner in below.given)
        elif name in known or (name.startswith(tuple(prefixes)) and name not in prefixes):
            found[name] = _field(section, name, tables)
        else:
            folded = fold(name)
            meant = next((n for n, aliases in PRODUCT_ALIASES.items() if folded in aliases and n in known), None)
            shown = [*known, *(f"{prefix}NAME" for prefix in prefixes)]
            fix = f"Did you mean {meant!r}?" if meant else suggestion(name, shown)
            section.fail(name, "there is no such field", fix)
    return found


def _field(section: Section, name: str, tables: Tables) -> FieldSpec:
    given = section.given[name]
    if isinstance(given, (str, list)):
        return FieldSpec(_paths(section, name, given))
    if not isinstance(given, dict):
        section.fail(name, f"expected a path, found {shorten(given, 60)}", f"For a constant: {{ value = {given!r} }}.")
    table = section.table(name, _FIELD)
    ways = [way for way in ("path", "template", "value") if way in table]
    if len(ways) != 1:
        found = " and ".join(ways) or "none of them"
        section.fail(name, f"expected one of path, template and value, found {found}", "Keep just one.")
    for way in ("value", "default"):
        if isinstance(given.get(way), dict) or type(given.get(way)).__name__ in ("datetime", "date", "time"):
            table.fail(
                way, f"expected text, a number, true, false or a list, found {shorten(given[way], 60)}", "Quote it."
            )
    return FieldSpec(
        _paths(table, "path", given["path"]) if "path" in table else (),
        _template(table) if "template" in table else (),
        given.get("value"),
        _steps(table, tables),
        given.get("default"),
    )


def _paths(section: Section, key: str, given: Any) -> tuple[ValuePath, ...]:
    listed = given if isinstance(given, list) else [given]
    if not listed or not all(isinstance(item, str) for item in listed):
        section.fail(key, f"expected a path or a list of paths, found {shorten(given, 60)}", 'Write "a.b[0].c".')
    return tuple(_path(section, key, item) for item in listed)


def _path(section: Section, key: str, text: str) -> ValuePath:
    try:
        return parse_path(text)
    except PathError as error:
        section.fail(key, f"{shorten(text, 80)!r} is no path: {error}", "Write a path such as offers[0].price.")


def _template(section: Section) -> Template:
    text, parts, at = section.text("template"), list[str | ValuePath](), 0
    for hole in _HOLE.finditer(text):
        parts.append(text[at : hole.start()])
        at = hole.end()
        if hole.group() in ("{{", "}}"):
            parts.append(hole.group()[0])
        elif hole.group(1) is None:
            section.fail("template", f"{hole.group()!r} at character {at} stands alone", "Write {{ or }} for a brace.")
        else:
            parts.append(_path(section, "template", hole.group(1)))
    parts.append(text[at:])
    if not any(isinstance(part, ValuePath) for part in parts):
        section.fail("template", "it has no {path}", 'Write "{brand} {name}", or value = for a constant.')
    return tuple(part for part in parts if part != "")


def _steps(section: Section, tables: Tables) -> tuple[Step, ...]:
    given = section.given.get("as", [])
    listed = given if isinstance(given, list) else [given]
    found = []
    for place, item in enumerate(listed):
        try:
            found.append(build_step(item, tables))
        except StepError as error:
            key = f"as[{place}]" if isinstance(given, list) else "as"
            fix = suggestion(error.wrong, error.known) if error.wrong else error.fix
            section.fail(key, error.reason, fix if fix.startswith("Did") else error.fix)
    return tuple(found)


def _where(top: Section) -> tuple[Condition, ...]:
    given = top.given.get("where", [])
    if not isinstance(given, list):
        top.fail("where", "expected [[where]] tables", "Write [[where]] with two brackets.")
    return tuple(_condition(Section(top.file, f"where[{n}]", item, _CONDITION)) for n, item in enumerate(given))


def _condition(section: Section) -> Condition:
    tests = [test for test in ("equals", "in", "matches", "exists") if test in section]
    if "path" not in section or len(tests) != 1:
        section.fail("", "expected a path and one of equals, in, matches and exists", 'Write path = "a", equals = "b".')
    values: Any = section.given.get("in", [section.given.get("equals")])
    if not isinstance(values, list) or any(isinstance(value, (list, dict)) for value in values):
        section.fail(tests[0], f"found {shorten(values, 60)}", 'Write equals = "a" or in = ["a", "b"].')
    try:
        pattern = Pattern(section.text("matches")) if "matches" in section else None
    except PatternError as error:
        section.fail("matches", str(error), "Correct the regular expression.")
    return Condition(
        _path(section, "path", section.text("path")),
        frozenset(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
        if tests[0] in ("equals", "in")
        else None,
        pattern,
        section.flag("exists") if "exists" in section else None,
        section.flag("not"),
    )


def _children(top: Section, target: Target, tables: Tables) -> dict[str, ChildSpec]:
    found = {}
    given = top.table("children", tuple(CHILDREN[target]))
    for name in given.given:
        section = given.table(name, ("each", "fields"))
        if "each" not in section:
            section.fail("each", "this key is missing", 'Write each = "skus[*]".')
        below = section.table("fields", None)
        fields = _fields(below, tables, CHILDREN[target][name], CHILD_PREFIXES.get(name, ()))
        if not fields:
            section.fail(
                "fields", "no field is mapped", f'Write [{section.place}.fields] and lines such as sku = "code".'
            )
        found[name] = ChildSpec(_path(section, "each", section.text("each")), fields)
    return found


def _group(top: Section, mapped: set[str], lists: Mapping[str, Sequence[str]]) -> GroupSpec:
    section = top.table("group", ("by", "into", "gather"))
    by, gather = section.text("by"), section.texts("gather")
    into = section.choice("into", tuple(lists))
    for key, names in (("by", (by,)), ("gather", gather)):
        for name in names or ("",):
            if name not in mapped:
                section.fail(key, f"{shorten(name, 60)!r} is not in [fields]", suggestion(name, sorted(mapped)))
    if into in mapped or by in gather:
        section.fail("into", "it is mapped already, or the key is gathered", "Give the list a field of its own.")
    return GroupSpec(by, into, gather)
