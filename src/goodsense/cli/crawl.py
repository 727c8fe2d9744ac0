"""``goodsense crawl``: the products of a shop's own web pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goodsense.cli.output import emit, progress_shown, say
from goodsense.errors import PartialError

if TYPE_CHECKING:
    from goodsense.shop.crawling import CrawlIngest

_ENDS = {
    "pages": "It ended at the limit of pages (--pages).",
    "bytes": "It ended at the limit of bytes.",
    "seconds": "It ended at the limit of time (--minutes).",
    "unreachable": "It ended early: the site does not answer any more.",
}


def crawl(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the web shop begins.")],
    prefix: Annotated[str, typer.Option(help="Only pages whose path begins with this.")] = "",
    pages: Annotated[int, typer.Option(min=1, help="How many pages to ask for at most.")] = 10_000,
    depth: Annotated[int, typer.Option(min=1, help="How many links to follow from the start.")] = 16,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long one run may take.")] = 720.0,
    delay: Annotated[
        float, typer.Option(min=0, help="Seconds between two pages; a longer Crawl-delay of the site counts instead.")
    ] = 1.0,
    contact: Annotated[
        str, typer.Option(help="An address or mailbox for the site's owner; requests are signed with it.")
    ] = "",
    currency: Annotated[str | None, typer.Option(help="Currency of prices that name none.")] = None,
    fresh: Annotated[bool, typer.Option(help="Forget an unfinished crawl of this site.")] = False,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            help="Open addresses of this machine and its network too, on any port; for intranets and tests.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read a shop's own web pages: sitemaps and links, robots.txt respected; an interrupted crawl goes on."""
    from goodsense.crawl import CrawlLimits
    from goodsense.media.fetch import FetchPolicy
    from goodsense.media.policy import USER_AGENT
    from goodsense.shop import Shop
    from goodsense.shop.crawling import crawl_into

    agent = f"{USER_AGENT.partition(' ')[0]} (+{contact})" if contact else USER_AGENT
    policy = FetchPolicy(allow_private=allow_private, per_host_delay_s=delay, user_agent=agent)
    limits = CrawlLimits(pages=pages, depth=depth, seconds=minutes * 60)
    with progress_shown() as progress, Shop.creating(shop) as opened:
        report = crawl_into(
            opened.truth,
            url,
            prefix=prefix,
            limits=limits,
            policy=policy,
            currency=currency,
            fresh=fresh,
            progress=progress,
        )
    emit(report.to_json(), as_json=json, text=lambda: _said(report, shop))
    if report.crawl.ended == "unreachable":
        raise typer.Exit(PartialError.exit_code)


def _said(report: CrawlIngest, shop: Path) -> None:
    found = report.crawl
    say(
        f"{found.start}: {found.products:,} products on {found.pages:,} pages "
        f"({report.added:,} new, {report.changed:,} changed, {report.unchanged:,} unchanged)."
    )
    left_out = {
        "failed": found.failed,
        "redirected": found.redirected,
        "disallowed by robots.txt": found.disallowed,
        "left out as endless": found.trapped,
        "still waiting": found.waiting,
    }
    if said := ", ".join(f"{count:,} {what}" for what, count in left_out.items() if count):
        say(f"Other addresses: {said}.")
    rate = found.fetched / found.seconds if found.seconds else 0.0
    say(f"{found.fetched:,} requests in {found.seconds:.1f} s ({rate:.1f}/s), {found.bytes / 2**20:.1f} MiB in all.")
    if report.rejects_path:
        say(f"{report.rejected:,} things could not be read; what and why: {report.rejects_path}")
    if found.ended in _ENDS:
        say(f"{_ENDS[found.ended]} The same command goes on where it stopped.")
    for note in found.notes:
        say(note)
    say(f"Next: goodsense build {shop}")
