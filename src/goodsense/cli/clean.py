"""``goodsense clean``: make a plan from the findings, look at it, run it, take it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodsense.cli.output import emit, progress_shown, say, table
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.quality.cleaning import Plan
    from goodsense.shop.cleaning import CleanReport, Undone

PLAN = "clean-plan.toml"


def clean(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    plan: Annotated[
        bool, typer.Option("--plan", help="Check the shop and write a plan that mends the findings.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Run the plan.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Bring back what the last cleaning changed.")] = False,
    history: Annotated[bool, typer.Option("--list", help="List the cleanings of this shop.")] = False,
    file: Annotated[
        Path | None, typer.Option(metavar="PLAN.toml", help=f"The plan; otherwise {PLAN} in the shop.")
    ] = None,
    cleaning: Annotated[int | None, typer.Option(help="With --undo: the number of the cleaning.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --apply: show what it would do.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Clean the catalog by a plan that you can read and change; every cleaning can be undone."""
    if plan + apply + undo + history != 1:
        raise UsageError("clean does one thing at a time.", fix="Give one of --plan, --apply, --undo, --list.")
    path = file or shop / PLAN
    if plan:
        _plan(shop, path, as_json=json)
    elif apply:
        _apply(shop, path, dry_run=dry_run, as_json=json)
    elif undo:
        _undo(shop, cleaning, as_json=json)
    else:
        _list(shop, as_json=json)


def _plan(shop: Path, path: Path, *, as_json: bool) -> None:
    from goodsense.shop import Shop

    with progress_shown() as progress, Shop.open(shop) as opened:
        made = opened.plan_cleaning(progress=progress)
    path.write_text(made.to_toml(), "utf-8")
    steps = [{"do": step.do, "why": step.why} for step in made.steps]
    emit({"plan": str(path), "steps": steps}, as_json=as_json, text=lambda: _planned(made, shop, path))


def _planned(made: Plan, shop: Path, path: Path) -> None:
    if not made.step:
        say("Nothing to clean was found.")
        return
    rows = [[step.do, getattr(step, "field", ""), "" if step.on else "off", step.why] for step in made.step]
    table(rows, header=["step", "field", "", "why"])
    say(f"The plan: {path}. Read it, change it, then see what it would do, and do it:")
    say(f"  goodsense clean {shop} --apply --dry-run")
    say(f"  goodsense clean {shop} --apply")


def _apply(shop: Path, path: Path, *, dry_run: bool, as_json: bool) -> None:
    from goodsense.quality.cleaning import Plan
    from goodsense.shop import Shop

    loaded = Plan.load(path)
    with progress_shown() as progress, Shop.open(shop) as opened:
        report = opened.clean(loaded, dry_run=dry_run, progress=progress)
    emit(report.to_json(), as_json=as_json, text=lambda: _cleaned(report, shop, dry_run=dry_run))


def _cleaned(report: CleanReport, shop: Path, *, dry_run: bool) -> None:
    table(
        [[step["do"], step["field"], str(step["products"]), step["why"]] for step in report.steps],
        header=["step", "field", "products", "why"],
    )
    for place, examples in sorted(report.examples.items()):
        say(f"{report.steps[place]['do']}, for example:")
        for example in examples:
            _example(example.id, example.before, example.after)
    would = "would be " if dry_run else ""
    say(f"{report.changed} products {would}changed, {report.dropped} {would}dropped, {report.added} {would}added.")
    if report.cleaning is not None:
        say(f"Taken back by: goodsense clean {shop} --undo --cleaning {report.cleaning}")
        say(f"Next: goodsense build {shop}")


def _example(id: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    if after is None or before is None:
        say(f"  {id}: {'dropped' if after is None else 'new'}")
        return
    for key, then, now in _differences(before, after):
        say(f"  {id} {key}: {_shown(then)} -> {_shown(now)}")


def _differences(before: dict[str, Any], after: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs, down to single attributes."""
    for key in dict.fromkeys((*before, *after)):
        then, now = before.get(key), after.get(key)
        if isinstance(then, dict) and isinstance(now, dict):
            yield from _differences(then, now, f"{within}{key}.")
        elif then != now:
            yield f"{within}{key}", then, now


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 90 else f"{text[:90]}…"


def _undo(shop: Path, cleaning: int | None, *, as_json: bool) -> None:
    from goodsense.shop import Shop

    with Shop.open(shop) as opened:
        undone = opened.undo_cleaning(cleaning)
    emit(vars(undone), as_json=as_json, text=lambda: _restored(undone))


def _restored(undone: Undone) -> None:
    say(f"Cleaning {undone.cleaning} is undone: {undone.restored} products are as they were.")
    if undone.kept:
        say(f"{undone.kept} were changed again since and stay as they are now.")


def _list(shop: Path, *, as_json: bool) -> None:
    from goodsense.shop import Shop
    from goodsense.shop.cleaning import history

    with Shop.open(shop) as opened:
        found = history(opened.truth)
    rows = [
        [str(item["cleaning"]), item["applied"], str(item["products"]), ", ".join(item["steps"]), item["undone"] or ""]
        for item in found
    ]
    header = ["#", "applied", "products", "steps", "undone"]
    emit({"cleanings": found}, as_json=as_json, text=lambda: table(rows, header=header))
