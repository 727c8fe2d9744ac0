"""``goodsense events``: what shoppers did, into a shop and out again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goodsense.cli import printing
from goodsense.cli.output import emit, progress_shown, say, shop_to_fill, table
from goodsense.errors import PartialError, UsageError

if TYPE_CHECKING:
    from goodsense.shop.behaviour import EventReport
    from goodsense.shop.behaviour_figures import Behaviour


def events(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="[SOURCE...]", help="Files of events; none: say what there is.")
    ] = None,
    format: Annotated[
        str,
        typer.Option(help="csv, tsv, jsonl, json, parquet, ga4, metarank, amazon, recbole; auto looks at the file."),
    ] = "auto",
    map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Where a field stands, by the column's name or place."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="A mapping file for web-server logs and other records.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Zone of times that name none: Asia/Shanghai, +08:00.")] = "UTC",
    type: Annotated[str, typer.Option(help="Type of events that name none, such as purchase.")] = "",
    pseudonymise: Annotated[
        bool, typer.Option("--pseudonymise", help="Keep users by keyed hashes in place of their ids.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first rejected row.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check, change nothing.")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all events out: .csv, .tsv, .jsonl, .parquet.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put what shoppers did, and what lies in stock, into a shop; or write it out again."""
    if export is not None:
        if sources:
            raise UsageError("events are either put in or written out.", fix="Leave out the sources, or --export.")
        _export(shop, export, as_json=json)
        return
    if mapping is not None and (map or format != "auto"):
        raise UsageError("a mapping file says all of that.", fix="Leave out --map and --format, or --mapping.")
    from goodsense.shop.behaviour import EventSource

    if not sources:
        _tell(shop, as_json=json)
        return
    columns = printing.mapping(map)
    given = [EventSource(path, format, columns, mapping, timezone, type) for path in sources]
    with progress_shown() as progress, shop_to_fill(shop, dry_run=dry_run) as opened:
        report = opened.ingest_events(
            *given, strict=strict, dry_run=dry_run, pseudonymise=pseudonymise, progress=progress
        )
    emit(report.to_json(), as_json=json, text=lambda: _ingested(report, shop, dry_run=dry_run))
    if report.rejected:
        raise typer.Exit(PartialError.exit_code)


def _export(shop: Path, target: Path, *, as_json: bool) -> None:
    from goodsense.shop import Shop
    from goodsense.shop.behaviour import export_events

    with Shop.open(shop) as opened:
        count = export_events(opened.truth, target)
    emit({"events": count, "file": str(target)}, as_json=as_json, text=lambda: say(f"{count} events -> {target}"))


def _tell(shop: Path, *, as_json: bool) -> None:
    from goodsense.shop import Shop
    from goodsense.shop.behaviour_figures import behaviour

    with Shop.open(shop) as opened:
        found = behaviour(opened.truth)
    emit({**vars(found), "density": found.density}, as_json=as_json, text=lambda: _told(found, shop))


def _ingested(report: EventReport, shop: Path, *, dry_run: bool) -> None:
    for note in report.notes:
        say(f"  {note}")
    counts = f"{report.added:,} added, {report.unchanged:,} unchanged"
    if report.changed:
        counts += f", {report.changed:,} changed (a new split, or a later reading of stock)"
    say(f"{report.read:,} events read{' (dry run, nothing changed)' if dry_run else ''}: {counts}.")
    printing.refused(report, f"goodsense events {shop}")
    say("In these sources:" if dry_run else "In the shop now:")
    _told(report.shop, shop)
    say(f"{report.seconds:.1f} s")


def _told(found: Behaviour, shop: Path) -> None:
    if found.stock:
        lost = f"; {found.unknown_stock:,} of them are of no product yet" if found.unknown_stock else ""
        say(f"Readings tell how many there are of {found.stock:,} SKUs{lost}.")
    if not found.events:
        say(f"There are no events. Put some in: goodsense events {shop} FILE")
        return
    shown = [[name, f"{count:,}", _share(count, found.events)] for name, count in found.types.items()]
    if rest := found.events - sum(found.types.values()):
        shown.append(["(others)", f"{rest:,}", _share(rest, found.events)])
    table(shown, header=["type", "events", "share"])
    say(
        f"{found.users:,} users did something with {found.items:,} items: {found.pairs:,} pairs, "
        f"{100 * found.density:.3g} % of all possible ones; {found.events / found.users:.1f} events per user."
    )
    if found.first is not None and found.last is not None:
        _told_times(found, found.first, found.last)
    else:
        say("No event has a time: they can be split at random, not by time.")
    if found.splits:
        say("The source splits them: " + ", ".join(f"{name} {count:,}" for name, count in found.splits.items()) + ".")
    if found.unknown_items:
        say(
            f"{found.unknown_items:,} of the items, with {found.unknown_events:,} events, are not in the catalog; "
            "their events are kept."
        )


def _told_times(found: Behaviour, first: float, last: float) -> None:
    from goodsense.tables.times import EARLIEST

    untimed = f"; {found.untimed:,} events have no time" if found.untimed else ""
    if last < EARLIEST:
        say(f"They have an order, from {first:g} to {last:g} in a user's history, but no times{untimed}.")
        return
    start, end = (f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}" for moment in (first, last))
    say(f"From {start} to {end} UTC, {found.sessions:,} visits{untimed}.")


def _share(count: int, whole: int) -> str:
    return f"{100 * count / whole:.1f} %"
