"""What the commands print for people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from goodsense.cli.output import say, table
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.shop import BuildReport, IngestReport
    from goodsense.types import Hit, Hits


def mapping(given: list[str] | None) -> dict[str, str] | None:
    """``--map title=Name`` options as a dictionary."""
    if not given:
        return None
    found = {}
    for item in given:
        field, equals, column = item.partition("=")
        if not equals or not field.strip() or not column.strip():
            raise UsageError(f"--map {item!r}; expected FIELD=COLUMN, such as --map title=Name.")
        found[field.strip()] = column.strip()
    return found


def feed_format(path: Path) -> str:
    """The feed format that a file's name asks for; ``.gz`` after it means packed."""
    from goodsense.catalog.feeds import FORMATS

    names = [known.name for known in FORMATS]
    ending = Path(path.name.lower().removesuffix(".gz")).suffix.removeprefix(".")
    found = "google-xml" if ending == "xml" else ending
    if found not in names:
        raise UsageError(f"{path}: no feed format is called {ending!r}.", fix=f"Add --format: {', '.join(names)}.")
    return found


def ingested(report: IngestReport, shop: Path, *, dry_run: bool, options: Mapping[str, object]) -> None:
    """What an ingest did; ``options`` are those that mended rows need again."""
    for note in report.notes:
        say(f"  {note}")
    counts = f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged"
    if report.deleted:
        counts += f", {report.deleted} deleted"
    say(f"{report.read} products read{' (dry run, nothing changed)' if dry_run else ''}: {counts}.")
    if report.media:
        say("media: " + ", ".join(f"{count} {what}" for what, count in report.media.items()) + ".")
    if report.media["not fetched"] and not dry_run:
        say(f"Bring them here: goodsense fetch {shop}")
    refused(report, f"goodsense ingest {shop}", options)
    say(f"{report.seconds:.1f} s. Next: goodsense build {shop}")


class Refusing(Protocol):
    """A report of rows and values that were not taken."""

    rejected: int
    values_left_out: int
    rejects_path: str


def refused(report: Refusing, command: str, options: Mapping[str, object] | None = None) -> None:
    """What was not taken, where it stands, and the command that takes it once it is mended."""
    left_out = "values left out of others" if report.rejected else "values left out"
    lost = ((report.rejected, "rows rejected"), (report.values_left_out, left_out))
    said = ", ".join(f"{count:,} {what}" for count, what in lost if count)
    if said:
        say(f"{said}.")
    if report.rejects_path:
        say(f"What was wrong, and where: {report.rejects_path}")
    if said and report.rejects_path:
        again = "".join(f" {name} {shlex.quote(str(value))}" for name, value in (options or {}).items() if value)
        say(f"Mend the rows there and feed the file in again: {command} {report.rejects_path}{again}")


def built(report: BuildReport) -> None:
    rows = [
        [name, str(m["present"]), str(m["encoded"]), str(m["cached"]), f"{m['seconds']:.1f}"]
        for name, m in report.modalities.items()
    ]
    table(rows, header=["block", "products", "encoded", "cached", "seconds"])
    for note in report.notes:
        say(f"  {note}")
    verdict = report.verdict
    if verdict.get("queries"):
        say(
            f"fusion: {verdict['reason']} (BM25 {verdict['bm25']:.3f} -> fused {verdict['fused']:.3f} nDCG@10, "
            f"{verdict['queries']} word queries out of fold; {verdict['source']})"
        )
    elif verdict:
        say(f"fusion: {verdict['reason']}")
    weights = ", ".join(f"{name} {weight:g}" for name, weight in verdict.get("weights", {}).items())
    if weights:
        say(f"weights: {weights}")
    say(f"build {report.build}: {report.products} products, engine {report.engine}, {report.seconds:.1f} s")


def heard(found: Mapping[str, Any]) -> None:
    """What was understood of a sound, if anybody listened."""
    if said := found.get("transcript"):
        say(f"heard: {said['text']!r} (sure {said['confidence']:.2f})" if said["text"] else "heard: no speech in it")
    elif reason := found.get("not_transcribed"):
        say(f"searched by sound alone: {reason}")


def hits(found: Hits, pending: Mapping[str, int], *, explain: bool) -> None:
    if found.message:
        say(found.message)
    if found.hits:
        header = ["#", "id", "score", "sure", "title", "because"]
        table([_row(hit) for hit in found], header=header)
    if explain:
        for hit in found:
            _explained(hit)
    for block, count in pending.items():
        say(f"{count} changed products are found by words only until the next build ({block} vector pending).")
    say(f"{found.took_ms:.1f} ms, {found.considered} products scored exactly, engine {found.engine}")


def _row(hit: Hit) -> list[str]:
    sure = "" if hit.confidence is None else f"{hit.confidence:.2f}"
    return [str(hit.rank), hit.id, f"{hit.score:.3f}", sure, cut(hit.title, 60), hit.reason]


def _explained(hit: Hit) -> None:
    say()
    say(f"{hit.rank}. {hit.id}  {cut(hit.title, 70)}")
    for name, value in sorted(hit.terms.items(), key=lambda term: -abs(term[1])):
        if value:
            say(f"   {value:+8.3f}  {name}")
    say(f"   {hit.score:+8.3f}  = score")
    for part in hit.detail.get("parts", []):
        for token in part.get("tokens", []):
            say(f"            {token['field']}: {token['token']!r} {token['bm25']:.3f}")
        for block, raw in part["raw"].items():
            say(f"            {block}: similarity {raw:.3f}{_made_of(part.get(block, {}))}")


def _made_of(parts: Mapping[str, float]) -> str:
    """The modalities that a similarity is the sum of, the largest first."""
    found = sorted(parts.items(), key=lambda part: -abs(part[1]))
    return f" = {' '.join(f'{value:+.3f} {name}' for name, value in found if value)}" if found else ""


def doctor(report: dict[str, Any]) -> None:
    for name, version in report["packages"].items():
        say(f"{name:<26} {version}")
    for line in report["shop"]:
        say(line)


def cut(text: str, width: int) -> str:
    """A text on one line, of no more characters than that."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
