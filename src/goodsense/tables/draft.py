"""A first mapping file for a source: where its records are, what is in them, and which fields that may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from goodsense.errors import DataError, GoodsenseError
from goodsense.tables.aliases import PRODUCT_ALIASES, fold
from goodsense.tables.mapping import RecordMapping, SourceSpec
from goodsense.tables.opening import open_bytes
from goodsense.tables.paths import parse_path
from goodsense.tables.places import json_place, xml_place
from goodsense.tables.record_sources import records_of
from goodsense.tables.rejects import Rejects, shorten
from goodsense.tables.sniff import read_head, sniff
from goodsense.tables.targets import CHILDREN, FIELDS, PREFIXES, Target

_RECORDS = 200
_PATHS = 200
_DEPTH = 5
_SAMPLES = 3
_BARE = re.compile(r"[^\s.\[\]\"'$*{}][^.\[\]\"'{}\x00-\x1f]*")
_TOML_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MARKUP = re.compile(r"</?(?:p|br|div|b|strong|ul|li|span|table|img|h\d)\b[^<>]*>", re.IGNORECASE)
_SECOND_IDS = ("sku", "asin", "gtin", "handle", "code", "uid", "uuid")
_MAIL = re.compile(rb"\A(?:From \S+ .*\d\d:\d\d|(?:[A-Z][A-Za-z-]{1,40}: [^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){3})")


@dataclass
class _Leaf:
    """A path to single values, and what was found there."""

    path: str
    names: tuple[str, ...]
    count: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, value: Any) -> None:
        text = shorten(value if isinstance(value, str) else json.dumps(value, default=str), 60)
        self.count += 1
        if len(self.samples) < _SAMPLES and text and text not in self.samples:
            self.samples.append(text)


def draft_mapping(
    source: Path, *, target: Target = "products", aliases: Mapping[str, Sequence[str]] = PRODUCT_ALIASES
) -> str:
    """The text of a mapping file to start from; what is guessed has examples beside it.

    Parameters
    ----------
    aliases
        Names under which the fields of the target are known, best first, in the form of :func:`fold`.

    Raises
    ------
    UsageError
        If there is no such source.
    DataError
        If it cannot be read, or no records are found in it.
    """
    spec, lines = _source_of(source)
    mapping = RecordMapping(source, target, spec, {})
    records, failure = list[dict[str, Any]](), ""
    try:
        for row in islice(records_of(mapping, source, Rejects.to_memory(keep=0)), _RECORDS):
            records.append(row.values)
    except GoodsenseError as error:
        failure = error.message
    if not records:
        raise DataError(failure or f"{source}: no record was found in it.", fix="Write the mapping file by hand.")
    leaves = _leaves(records)
    guesses = _guesses(leaves, FIELDS[target], aliases)
    rest = [leaf for leaf in leaves if leaf not in guesses.values()]
    return "\n".join(
        [
            f"# A first mapping of {_one_line(source.name)}, guessed from {len(records)} records. Correct it, then:",
            f"#   goodsense mapping THIS_FILE --check {_one_line(source.name)}",
            f'target = "{target}"',
            "",
            "[source]",
            *lines,
            "",
            "[fields]",
            *(_line(name, leaf, len(records)) for name, leaf in guesses.items()),
            *([] if "id" in guesses or target != "products" else ["# id = ...   # which path names each product?"]),
            *_rest(rest, target, len(records)),
            "",
            "# The first record:",
            *(f"# {line}" for line in _shown(records[0])),
            "",
        ]
    )


def _source_of(source: Path) -> tuple[SourceSpec, list[str]]:
    """How the source is read, and the lines of ``[source]`` that say so."""
    if source.is_dir():
        return SourceSpec("mail"), ['format = "mail"']
    with open_bytes(source, compressed=False) as data:
        start = data.read(1 << 16)
    if _MAIL.match(start):
        return SourceSpec("mail"), ['format = "mail"']
    name = _log_format(start)
    if name:
        from goodsense.tables.logs import PATTERNS
        from goodsense.tables.patterns import Pattern

        return SourceSpec("log", pattern=Pattern(PATTERNS[name])), ['format = "log"', f'pattern = "{name}"']
    sniffed = sniff(source)
    form = "json" if sniffed.format == "object" else sniffed.format
    if form in ("folder", "html"):
        raise DataError(f"{source}: looks like {form}; no mapping file reads that.", fix="Ingest it as it is.")
    lines = [f'format = "{form}"']
    if form in ("csv", "tsv"):
        lines += [f'encoding = "{sniffed.encoding}"', f"delimiter = {_quoted(sniffed.delimiter)}"]
    place = ""
    if form in ("json", "jsonl"):
        place = json_place(read_head(source, sniffed), lines=form == "jsonl")
        if place and form == "jsonl":
            form, lines = "json", ['format = "json"']
    elif form == "xml":
        place = xml_place(read_head(source, sniffed))
        if not place:
            raise DataError(f"{source}: no element repeats in it.", fix="Write the mapping file by hand.")
    if place:
        lines.append(f"records = {_quoted(place)}")
    return SourceSpec(form, parse_path(place) if place else None), lines


def _log_format(start: bytes) -> str:
    from goodsense.tables.logs import PATTERNS
    from goodsense.tables.patterns import Pattern

    lines = [line.decode("utf-8", "replace") for line in start.splitlines()[:20] if line.strip()]
    for name in ("combined", "common"):
        pattern = Pattern(PATTERNS[name])
        if lines and sum(pattern.search(line) is not None for line in lines) * 2 > len(lines):
            return name
    return ""


# ---- what is in the records


def _leaves(records: Iterable[Mapping[str, Any]]) -> list[_Leaf]:
    found: dict[str, _Leaf] = {}
    for record in records:
        for path, names, value in _walk(record, "", (), 0):
            if path not in found and len(found) >= _PATHS:
                continue
            found.setdefault(path, _Leaf(path, names)).add(value)
    return list(found.values())


def _walk(value: Any, path: str, names: tuple[str, ...], depth: int) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    if isinstance(value, dict) and depth < _DEPTH:
        for name, inner in value.items():
            bare = _BARE.fullmatch(name) and name == name.strip() != "@"
            step = name if bare else '["{}"]'.format(name.replace("\\", r"\\").replace('"', r"\""))
            if name == "#text":
                yield path, names, inner
            else:
                joined = f"{path}{step}" if step.startswith("[") or not path else f"{path}.{step}"
                yield from _walk(inner, joined, (*names, name), depth + 1)
    elif isinstance(value, list) and depth < _DEPTH:
        for item in value[:20]:
            yield from _walk(item, f"{path}[*]", names, depth + 1)
    elif value is not None and value not in ("", [], {}):
        yield path, names, value


def _guesses(leaves: Sequence[_Leaf], fields: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> dict[str, _Leaf]:
    """The best leaf of each field: by the rank of its alias, then the shorter path."""
    found: dict[str, _Leaf] = {}
    for name in fields:
        known = [*aliases.get(name, ()), name]
        ranked = []
        for leaf in leaves:
            rank = _rank(leaf, known)
            if rank is not None and leaf not in found.values():
                ranked.append((rank, len(leaf.names), leaf.path, leaf))
        if ranked:
            found[name] = min(ranked)[-1]
    if "id" in fields and "id" not in found:
        plain = {fold(leaf.names[0].lstrip("@")): leaf for leaf in reversed(leaves) if len(leaf.names) == 1}
        second = next((plain[name] for name in _SECOND_IDS if name in plain), None)
        if second is not None:
            return {"id": second} | {name: leaf for name, leaf in found.items() if leaf is not second}
    return found


def _rank(leaf: _Leaf, known: Sequence[str]) -> int | None:
    """Where its whole path, else its last name, stands among the aliases of a field."""
    if not leaf.names or (leaf.path.count("[*]") and not known[0].startswith(("image", "bullets", "category"))):
        return None
    whole, last = fold("_".join(leaf.names).replace("@", "")), fold(leaf.names[-1].lstrip("@"))
    if whole in known:
        return known.index(whole)
    above = fold(leaf.names[-2].lstrip("@")) if len(leaf.names) > 1 else ""
    if last in ("url", "src", "name", "value", "text", "amount") and above in known:
        return 100 + known.index(above)
    return 200 + known.index(last) if last in known and last not in ("name", "url", "id") else None


# ---- what is written


def _line(name: str, leaf: _Leaf, count: int) -> str:
    steps = ""
    if any(_MARKUP.search(sample) for sample in leaf.samples):
        steps = 'as = "strip_html"'
    elif "price" in name and re.search(r"cents|fen|minor|分$", leaf.names[-1], re.IGNORECASE):
        steps = 'as = { money = "cents" }'
    value = f"{{ path = {_quoted(leaf.path)}, {steps} }}" if steps else _quoted(leaf.path)
    return f"{_key(name)} = {value}{_comment(leaf, count)}"


def _rest(leaves: Sequence[_Leaf], target: Target, count: int) -> list[str]:
    """Paths that no field was guessed for: of single values as attributes, those in lists to be looked at."""
    # Of products they become attributes; of other targets they are comments.
    single = [leaf for leaf in leaves if "[*]" not in leaf.path and leaf.names]
    listed = [leaf for leaf in leaves if "[*]" in leaf.path]
    prefix = "attribute." if target == "products" else f"# {'extra.' if PREFIXES[target] else ''}"
    found, used = list[str](), set[str]()
    for leaf in single:
        plain = [name.lstrip("@") or name for name in leaf.names]
        name = next((name for name in (plain[-1], "_".join(plain)) if name and name not in used), leaf.path)
        used.add(name)
        mark, _, start = prefix.rpartition(" ")
        key = _key(start + name)
        found.append(f"{mark} {key} = {_quoted(leaf.path)}{_comment(leaf, count)}".lstrip())
    if listed:
        children = " or ".join(f"[children.{name}]" for name in CHILDREN[target])
        found += ["", f"# Lists{f', for fields or {children}' if children else ''}:"]
        found += [f"# {leaf.path}{_comment(leaf, count)}" for leaf in listed]
    return found


def _comment(leaf: _Leaf, count: int) -> str:
    share = "" if leaf.count >= count else f"in {leaf.count} of {count}: "
    return f"  # {share}{_one_line(', '.join(leaf.samples))}"


def _shown(record: Mapping[str, Any]) -> list[str]:
    lines = json.dumps(record, ensure_ascii=False, indent=1, default=str).splitlines()
    shown = [_one_line(shorten(line, 110)) for line in lines[:40]]
    return shown if len(lines) <= 40 else [*shown, f"... {len(lines) - 40} more lines"]


def _one_line(text: str) -> str:
    """Text that cannot leave a comment."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _key(name: str) -> str:
    return name if _TOML_KEY.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    """A text as TOML has it."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    signs = (f"\\{sign}" if sign in '\\"' else sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)
    return f'"{"".join(signs)}"'
