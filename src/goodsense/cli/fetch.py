"""``goodsense fetch``: bring the media that products name by address into the shop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goodsense.cli.output import emit, progress_shown, say
from goodsense.errors import PartialError

if TYPE_CHECKING:
    from goodsense.media.fetch import FetchPolicy
    from goodsense.shop import FetchReport

AllowPrivate = Annotated[
    bool,
    typer.Option(
        "--allow-private", help="Open addresses of this machine and its network too; only for feeds that you trust."
    ),
]
AllowDomain = Annotated[
    list[str] | None,
    typer.Option("--allow-domain", metavar="DOMAIN", help="Open only this domain and what is below it; repeatable."),
]


def policy_of(allow_private: bool, allow_domain: list[str] | None) -> FetchPolicy:
    """What may be opened, as the options say."""
    from goodsense.media.fetch import FetchPolicy

    return FetchPolicy(allow_private=allow_private, domains=tuple(allow_domain or ()))


def fetch(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    allow_private: AllowPrivate = False,
    allow_domain: AllowDomain = None,
    delay: Annotated[float, typer.Option(min=0, help="Seconds between two requests to one host.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Download the pictures, sounds and clips that products name by address; politely, and on from where it stopped."""
    from dataclasses import replace

    from goodsense.shop import Shop

    policy = replace(policy_of(allow_private, allow_domain), per_host_delay_s=delay)
    with progress_shown() as progress, Shop.open(shop) as opened:
        report = opened.fetch(policy=policy, progress=progress)
    emit(report.to_json(), as_json=json, text=lambda: _said(report, shop))
    if report.media["broken"]:
        raise typer.Exit(PartialError.exit_code)


def _said(report: FetchReport, shop: Path) -> None:
    counts = ", ".join(f"{count:,} {what}" for what, count in report.media.items()) or "nothing to fetch"
    say(f"media: {counts}; {report.bytes / 2**20:,.1f} MiB for {report.products:,} products, {report.seconds:.1f} s.")
    if report.rejects_path:
        say(f"What could not be fetched, and why: {report.rejects_path}")
    if report.products:
        say(f"Next: goodsense build {shop}")
