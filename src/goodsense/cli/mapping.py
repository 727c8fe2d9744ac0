"""``goodsense mapping``: a first mapping file for a source, or the first records that a mapping file makes."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodsense.cli.output import emit, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goodsense.tables import Rejects
    from goodsense.tables.targets import Target

_SHOWN = 3


def mapping(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A source to write a first mapping file for.")],
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="SOURCE", help="FILE is a mapping file: show what it makes of SOURCE."),
    ] = None,
    target: Annotated[str, typer.Option(help="products, events, reviews, questions or conversations.")] = "products",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draft a mapping file for a source, or check one: `goodsense mapping export.json > mapping.toml`."""
    if check is None:
        text = _draft(file, target)
        emit({"mapping": text}, as_json=as_json, text=lambda: say(text.rstrip("\n")))
        return
    found = _check(file, check)
    emit(found, as_json=as_json, text=lambda: _print(found))


def _draft(source: Path, target: str) -> str:
    from goodsense.errors import UsageError
    from goodsense.tables.draft import draft_mapping
    from goodsense.tables.sections import suggestion
    from goodsense.tables.targets import FIELDS

    known = next((name for name in FIELDS if name == target), None)
    if known is None:
        raise UsageError(f"--target: found {target!r}.", fix=suggestion(target, FIELDS))
    return draft_mapping(source, target=known, aliases=_aliases(known))


def _aliases(target: Target) -> Mapping[str, Sequence[str]]:
    """The usual names of the target's fields."""
    from goodsense.events.columns import EVENT_ALIASES
    from goodsense.feedback.columns import CONVERSATION_ALIASES, QUESTION_ALIASES, REVIEW_ALIASES
    from goodsense.tables import PRODUCT_ALIASES

    every: Mapping[Target, Mapping[str, Sequence[str]]] = {
        "products": PRODUCT_ALIASES,
        "events": EVENT_ALIASES,
        "reviews": REVIEW_ALIASES,
        "questions": QUESTION_ALIASES,
        "conversations": CONVERSATION_ALIASES,
    }
    fields = {"own_id": "id", "answer.text": "answer"}  # fields whose name inside is another one
    return {
        fields.get(name, name.removeprefix("turn.").replace(".", "_")): known for name, known in every[target].items()
    }


def _check(file: Path, source: Path) -> dict[str, Any]:
    """The first rows that the mapping file makes, and the products that these become."""
    from goodsense.tables import Rejects
    from goodsense.tables.mapped import mapped_rows
    from goodsense.tables.mapping import load_mapping

    loaded = load_mapping(file)
    rejects = Rejects.to_memory(keep=_SHOWN)
    rows = [{"row": row.number, **row.values} for row in islice(mapped_rows(loaded, source, rejects), _SHOWN)]
    products = _products(file, source) if loaded.target == "products" else []
    return {"target": loaded.target, "rows": rows, "products": products, "problems": _problems(rejects)}


def _products(file: Path, source: Path) -> list[dict[str, Any]]:
    from goodsense.catalog.feeds.mapped import read_mapped
    from goodsense.catalog.product import to_json
    from goodsense.tables import Rejects
    from goodsense.tables.mapping import load_mapping

    feed = read_mapped(source, load_mapping(file), rejects=Rejects.to_memory(keep=0), currency=None)
    return [to_json(product) for _, product in islice(feed, _SHOWN)]


def _problems(rejects: Rejects) -> list[str]:
    return [f"{reject}. {reject.fix}" for reject in rejects.first]


def _print(found: dict[str, Any]) -> None:
    for row in found["products"] or found["rows"]:
        say(json.dumps(row, ensure_ascii=False, indent=2, default=str))
    for problem in found["problems"]:
        say(f"! {problem}")
    if not found["rows"]:
        say("No record is kept. Look at [source] records and [[where]].")
