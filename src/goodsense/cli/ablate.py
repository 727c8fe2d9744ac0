"""``goodsense ablate``: which modalities of a shop are worth having, and which way of fusing them."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goodsense.cli.output import emit, progress_shown, say, table
from goodsense.cli.printing import cut
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.evaluate.ablation import Ablation, Row
    from goodsense.evaluate.controls import Control
    from goodsense.shop.ablation import Measured, ShopAblation

MOST_NOTES = 10  # shown on the terminal


def ablate(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    goal: Annotated[
        list[str] | None,
        typer.Option(help="What is measured: judged, label, classify, next, other; repeatable. All by default."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The field of label and classify; otherwise the category.")
    ] = None,
    modality: Annotated[
        list[str] | None, typer.Option(help="Compare only these modalities of the build; repeatable.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Closed forms only: nothing is trained.")] = False,
    all: Annotated[bool, typer.Option("--all", help="Rare networks and graph fusion too.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Measure again with modalities missing.")] = False,
    mask_label: Annotated[bool, typer.Option(help="Remove the words of every label from all text.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides whatever is drawn.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what every modality adds and which fusion to use, measured on what was held out; with pictures."""
    from goodsense.shop import Shop
    from goodsense.shop.ablation import Plan

    if quick and all:
        raise UsageError("--quick and --all are opposites.", fix="Give one of them.")
    plan = Plan(
        label=label,
        goals=tuple(goal or ()),
        modalities=tuple(modality or ()),
        effort="quick" if quick else "all" if all else "usual",
        missing=missing,
        mask=mask_label,
        seed=seed,
    )
    with progress_shown() as progress, Shop.open(shop) as opened:
        found = opened.ablate(plan, progress=progress)
    pictures = _keep(shop, found)
    data = {**found.to_json(), "pictures": [str(path) for path in pictures]}
    emit(data, as_json=json, text=lambda: _tell(found, pictures))


def _keep(shop: Path, found: ShopAblation) -> list[Path]:
    """Write figures and pictures into the shop's reports; the first picture is the main one."""
    from goodsense.evaluate.ablation_report import ablation_figure
    from goodsense.evaluate.plots import save_figure

    reports = shop / "reports"
    reports.mkdir(exist_ok=True)
    text = jsonlib.dumps(found.to_json(), ensure_ascii=False, indent=1)
    (reports / "ablation.json").write_text(text, "utf-8")
    pictures = []
    for goal in found.goals:
        safe = "".join(c if c.isalnum() else "-" for c in goal.name)
        pictures.append(reports / ("ablation.png" if goal is found.main else f"ablation-{safe}.png"))
        save_figure(ablation_figure(goal.ablation, method=goal.method), pictures[-1])
    return pictures


def _tell(found: ShopAblation, pictures: list[Path]) -> None:
    counts = ", ".join(f"{count:,} {part}" for part, count in found.products.items())
    say(f"{', '.join(found.modalities)}; products: {counts}")
    for goal, picture in zip(found.goals, pictures, strict=True):
        _tell_goal(goal)
        say(f"picture: {picture}")
    say()
    for note in found.notes[:MOST_NOTES]:
        say(f"note: {cut(note, 150)}")
    if len(found.notes) > MOST_NOTES:
        say(f"({len(found.notes) - MOST_NOTES} more notes in ablation.json)")


def _tell_goal(goal: Measured) -> None:
    from goodsense.evaluate.ablation_report import shown_rows

    ablation = goal.ablation
    queries = " and ".join(f"{count:,} {split}" for split, count in ablation.queries.items())
    level = f"{ablation.level * 100:g} %"
    say()
    say(f"== {goal.name}: {goal.what} ==")
    say(f"{ablation.metric}, {queries} queries, {level} intervals; sets of modalities by {goal.method}")
    shown = shown_rows(ablation)
    table(
        [_line(row, ablation) for row in shown], header=["", "case", "validation", "test", f"over {ablation.baseline}"]
    )
    if len(shown) < len(ablation.rows):
        say(f"({len(ablation.rows) - len(shown)} more in ablation.json)")
    say(ablation.verdict)
    say(f"What each modality adds to {ablation.metric} on test:")
    for contribution in ablation.contributions:
        say(f"  {contribution.verdict}")
    if goal.control is not None:
        say(_controlled(goal.control))
    if goal.missing is not None:
        say(f"With modalities missing, {goal.fused}:")
        for line in goal.missing.table(ablation.metric).splitlines():
            say(f"  {line}")


def _line(row: Row, ablation: Ablation) -> list[str]:
    """``=`` marks the baseline, ``*`` what is used."""
    from goodsense.evaluate.ablation import short, signed, within

    mark = "=" * (row.name == ablation.baseline) + "*" * (row.name == ablation.winner)
    gain = signed(row.gain) if row.name != ablation.baseline else ""
    test = f"{short(row.value.mean)} {within(row.value)}"
    return [mark, row.name, short(row.validation[ablation.metric]), test, gain]


def _controlled(control: Control) -> str:
    """Whether the comparison sees through rubbish, in words."""
    did = "dropped" if control.dropped_noise else "KEPT"
    twice = "one of the two" if control.dropped_copy else "both"
    return (
        f"control: {control.noise} made noise, {control.duplicate} there twice: the noise was {did}, and {twice} "
        f"used ({control.ablation.winner})"
    )
