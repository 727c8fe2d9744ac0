"""``goodsense reviews``, ``questions``, ``conversations``: what people say, into a shop and out again; ``redact``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodsense.cli import printing
from goodsense.cli.output import emit, progress_shown, say, shop_to_fill, table
from goodsense.errors import PartialError, UsageError

if TYPE_CHECKING:
    from goodsense.feedback import VoiceKind
    from goodsense.shop import Shop
    from goodsense.shop.redaction import Redaction
    from goodsense.shop.voices import Summary, VoiceReport

ShopDir = Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")]
Sources = Annotated[
    list[Path] | None, typer.Argument(metavar="[SOURCE...]", help="Files to put in; none: say what there is.")
]
Map = Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Where a field stands.")]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="FILE.toml", help="A mapping file for any other records.")
]
Timezone = Annotated[str, typer.Option(help="Zone of times that name none: Asia/Shanghai, +08:00.")]
Redacted = Annotated[bool, typer.Option("--redact", help="Take personal data out of texts before they are stored.")]
Pseudonymise = Annotated[bool, typer.Option("--pseudonymise", help="Keep users by keyed hashes in place of their ids.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first rejected row.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check, change nothing.")]
Export = Annotated[Path | None, typer.Option(metavar="FILE", help="Write all of them out: .jsonl, .csv, .tsv.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_BAR = 30
_MARKS = {5: "★★★★★", 4: "★★★★", 3: "★★★", 2: "★★", 1: "★"}
_SPEAKERS = {"": "(not said)"}


def reviews(
    shop: ShopDir,
    sources: Sources = None,
    map: Map = None,
    mapping: MappingFile = None,
    scale: Annotated[str | None, typer.Option(help="The scale of ratings, such as 10 or 0-100.")] = None,
    timezone: Timezone = "UTC",
    redact: Redacted = False,
    pseudonymise: Pseudonymise = False,
    strict: Strict = False,
    dry_run: DryRun = False,
    export: Export = None,
    json: Json = False,
) -> None:
    """Put reviews of products into a shop: tables, Amazon, Yelp, saved pages, posts by a mapping file."""
    reading = {"mapping": map, "mapping_file": mapping, "timezone": timezone, "scale": scale}
    ways = {"redacted": redact, "pseudonymise": pseudonymise, "strict": strict, "dry_run": dry_run}
    _run("reviews", shop, sources, reading=reading, ways=ways, export=export, as_json=json)


def questions(
    shop: ShopDir,
    sources: Sources = None,
    map: Map = None,
    mapping: MappingFile = None,
    timezone: Timezone = "UTC",
    redact: Redacted = False,
    pseudonymise: Pseudonymise = False,
    strict: Strict = False,
    dry_run: DryRun = False,
    export: Export = None,
    json: Json = False,
) -> None:
    """Put questions about products and their answers into a shop."""
    reading = {"mapping": map, "mapping_file": mapping, "timezone": timezone}
    ways = {"redacted": redact, "pseudonymise": pseudonymise, "strict": strict, "dry_run": dry_run}
    _run("questions", shop, sources, reading=reading, ways=ways, export=export, as_json=json)


def conversations(
    shop: ShopDir,
    sources: Sources = None,
    map: Map = None,
    mapping: MappingFile = None,
    channel: Annotated[
        str, typer.Option(help="chat, mail, sms, phone or social, where the source names none.")
    ] = "chat",
    timezone: Timezone = "UTC",
    redact: Redacted = False,
    pseudonymise: Pseudonymise = False,
    strict: Strict = False,
    dry_run: DryRun = False,
    export: Export = None,
    json: Json = False,
) -> None:
    """Put conversations into a shop: support chats, mails, messages, calls."""
    reading = {"mapping": map, "mapping_file": mapping, "timezone": timezone, "channel": channel}
    ways = {"redacted": redact, "pseudonymise": pseudonymise, "strict": strict, "dry_run": dry_run}
    _run("conversations", shop, sources, reading=reading, ways=ways, export=export, as_json=json)


def redact(
    shop: ShopDir,
    apply: Annotated[bool, typer.Option("--apply", help="Replace it; the originals are gone afterwards.")] = False,
    json: Json = False,
) -> None:
    """Count personal data in reviews, questions and conversations, or take it out for good."""
    from goodsense.shop import Shop
    from goodsense.shop.redaction import redact_voices

    with progress_shown() as progress, Shop.open(shop) as opened:
        report = redact_voices(opened.truth, apply=apply, progress=progress)
    emit(report.to_json(), as_json=json, text=lambda: _redacted(report, shop))


def _run(
    name: str,
    shop: Path,
    sources: list[Path] | None,
    *,
    reading: dict[str, Any],
    ways: dict[str, bool],
    export: Path | None,
    as_json: bool,
) -> None:
    """What the three commands have in common."""
    from goodsense.shop import Shop
    from goodsense.shop.voices import KINDS, ingest_voices

    kind = next(kind for kind in KINDS if kind.name == name)
    if export is not None or not sources:
        if export is not None and sources:
            raise UsageError(f"{name} are either put in or written out.", fix="Leave out the sources, or --export.")
        with progress_shown() as progress, Shop.open(shop) as opened:
            _out(opened, kind, export, progress, as_json=as_json)
        return
    given = [_source(path, **reading) for path in sources]
    with progress_shown() as progress, shop_to_fill(shop, dry_run=ways["dry_run"]) as opened:
        report = ingest_voices(opened.truth, kind, given, **ways, progress=progress)
        titles = _titles(opened, report.summary)
    emit(report.to_json(), as_json=as_json, text=lambda: _ingested(name, report, shop, titles, **ways))
    if report.rejected:
        raise typer.Exit(PartialError.exit_code)


def _source(
    path: Path, *, mapping: list[str] | None, mapping_file: Path | None, timezone: str, **more: str | None
) -> Any:
    from goodsense.feedback import CHANNELS, Scale
    from goodsense.shop.voices import VoiceSource

    if mapping and mapping_file is not None:
        raise UsageError("a mapping file says all about columns.", fix="Leave out --map, or --mapping.")
    scale, channel = more.get("scale"), more.get("channel") or "chat"
    if channel not in CHANNELS:
        raise UsageError(f"unknown channel {channel!r}.", fix=f"Known channels: {', '.join(CHANNELS)}.")
    parsed = Scale.parse(scale) if scale else None
    return VoiceSource(path, printing.mapping(mapping), mapping_file, timezone, parsed, channel)


def _out(shop: Shop, kind: VoiceKind[Any], target: Path | None, progress: Any, *, as_json: bool) -> None:
    """Write them out, or say what there is."""
    from goodsense.shop.voices import export_voices, summary

    if target is not None:
        count = export_voices(shop.truth, kind, target)
        found: dict[str, Any] = {kind.name: count, "file": str(target)}
        emit(found, as_json=as_json, text=lambda: say(f"{count:,} {kind.name} -> {target}"))
        return
    whole = summary(shop.truth, kind, progress=progress)
    titles = _titles(shop, whole)
    emit(whole.to_json(), as_json=as_json, text=lambda: _told(kind.name, whole, titles))


def _titles(shop: Shop, found: Summary) -> dict[str, str]:
    """The titles of the products that are spoken of most."""
    top = [id for id, _ in found.products.most_common(5)]
    return {id: product.title for id, product in shop.truth.get(top).items()}


def _ingested(
    name: str,
    report: VoiceReport,
    shop: Path,
    titles: Mapping[str, str],
    *,
    redacted: bool,
    pseudonymise: bool,
    strict: bool,
    dry_run: bool,
) -> None:
    for note in report.notes:
        say(f"  {note}")
    dry = " (dry run, nothing changed)" if dry_run else ""
    say(
        f"{report.read:,} {name} read{dry}: {report.added:,} added, {report.changed:,} changed, "
        f"{report.unchanged:,} unchanged."
    )
    printing.refused(report, f"goodsense {name} {shop}")
    _told(name, report.summary, titles)
    mentioned = report.ways["mention"]
    if mentioned:
        say(f"{mentioned:,} were linked to the product that their text names.")
    if redacted:
        say(f"Personal data was taken out of {report.redacted:,} {name} before they were stored.")
    elif report.summary.personal:
        say(f"Leave it out: --redact. Take it out of what is stored: goodsense redact {shop} --apply")
    if name == "reviews" and not dry_run:
        say("Next: goodsense build; then reviews.count, reviews.mean and reviews.bayes can be filtered by.")
    say(f"{report.seconds:.1f} s")


def _told(name: str, found: Summary, titles: Mapping[str, str]) -> None:
    if not found.count:
        say(f"There are no {name}.")
        return
    users = f" by {found.users:,} users" if found.users else ""
    about = f" about {len(found.products):,} products" if found.products else ""
    say(f"{found.count:,} {name}{users}{about}.")
    if found.ratings:
        _bars({_MARKS[stars]: found.ratings[stars] for stars in (5, 4, 3, 2, 1)})
        say(f"mean rating {found.mean_rating:.2f} of {found.ratings.total():,} ratings")
    if found.products:
        rows = [[id, f"{count:,}", printing.cut(titles.get(id, "(not in the catalog)"), 60)] for id, count in
                found.products.most_common(5)]  # fmt: skip
        table(rows, header=["product", name, "title"])
    if name == "questions":
        say(f"{found.answered:,} have an answer, {found.count - found.answered:,} have none.")
    if found.turns:
        spoken = ", ".join(f"{_SPEAKERS.get(role, role)} {n:,}" for role, n in found.roles.most_common())
        say(f"{found.turns:,} turns, {found.turns / found.count:.1f} in each: {spoken}")
    languages = ", ".join(f"{code or 'unsure'} {n:,}" for code, n in found.languages.most_common(8))
    say(f"languages: {languages}")
    if found.unlinked:
        say(f"{found.unlinked:,} name no product; they are kept.")
    if found.unknown:
        say(f"{found.unknown:,} are about products that are not in the catalog; they are kept.")
    if found.personal:
        say("personal data: " + ", ".join(f"{kind} {n:,}" for kind, n in found.personal.most_common()))


def _bars(counts: Mapping[str, int]) -> None:
    most, whole = max(counts.values()), sum(counts.values())
    for label, count in counts.items():
        bar = "█" * round(_BAR * count / most) or ("▏" if count else "")
        say(f"{label:<5}  {bar:<{_BAR}}  {count:>9,}  {100 * count / whole:4.1f} %")


def _redacted(report: Redaction, shop: Path) -> None:
    rows = [
        [kind, *(f"{counts[kind]:,}" for counts in report.found.values())] for kind, _ in report.by_kind.most_common()
    ]
    if not rows:
        say("No personal data was found.")
        return
    table(rows, header=["personal data", *report.found])
    if report.applied:
        say(f"It was taken out of {report.touched:,} of them, for good: the originals are gone.")
        for path in report.leftovers:
            say(f"Rows that were rejected stand as they came in {path}; delete it if you do not need it.")
        say("Putting the same files in again without --redact would bring them back.")
        return
    say(f"It stands in {report.touched:,} of them. Nothing was changed. Take it out for good, without a way back:")
    say(f"  goodsense redact {shop} --apply")
