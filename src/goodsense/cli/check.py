"""``goodsense check``: what is wrong with a catalog, how much of it, and what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from goodsense.cli.output import emit, progress_shown, say, table

if TYPE_CHECKING:
    from goodsense.quality.report import QualityReport

_NAMES = {
    "completeness": {"en": "completeness", "zh": "完整性"},
    "consistency": {"en": "consistency", "zh": "一致性"},
    "accuracy": {"en": "accuracy", "zh": "准确性"},
    "plausibility": {"en": "plausibility", "zh": "合理性"},
    "uniqueness": {"en": "uniqueness", "zh": "唯一性"},
}
_MARKS = {"error": "!! ", "warning": "!  ", "notice": "·  "}
_WORDS = {
    "en": ("dimension", "score", "change", "next: {plan}\nreport: {page}", "gone since the last check"),
    "zh": ("维度", "得分", "变化", "下一步：{plan}\n报告：{page}", "上次检查后已解决"),
}


def check(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Where the page goes; otherwise reports/check.html.")
    ] = None,
    lang: Annotated[Literal["en", "zh"], typer.Option(help="The language to begin with.")] = "en",
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Look at the pictures too.")] = True,
    examples: Annotated[int, typer.Option(min=0, max=12, help="Examples per finding on the terminal.")] = 2,
    fail_under: Annotated[
        float, typer.Option(min=0, max=100, help="End with exit code 3 if the score is below this.")
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the catalog's quality: findings with examples and what mends them, scores, trend, and a page to look at."""
    from goodsense.shop import Shop
    from goodsense.shop.checking import write_page

    target = html or shop / "reports" / "check.html"
    with progress_shown() as progress, Shop.open(shop) as opened:
        checked = opened.check(pictures=pictures, progress=progress)
    write_page(checked, shop, target, lang=lang)
    report = checked.report
    found = {**report.to_json(), "html": str(target)}
    emit(found, as_json=json, text=lambda: tell(report, shop, target, lang=lang, examples=examples))
    if report.score < fail_under:
        raise typer.Exit(3)


def tell(report: QualityReport, shop: Path, page: Path, *, lang: Literal["en", "zh"], examples: int) -> None:
    """The report on the terminal."""
    from goodsense.quality.report import chosen_examples

    dimension, score, change, ending, gone = _WORDS[lang]
    before = report.earlier[-1].scores if report.earlier else {}
    rows = [
        [_NAMES[name][lang], f"{value:.1f}", _bar(value), f"{value - before[name]:+.1f}" if name in before else ""]
        for name, value in report.scores.items()
    ]
    table(rows, header=[dimension, score, "", change])
    for found in report.findings:
        more = report.change(found.kind)
        say()
        say(f"{_MARKS[found.severity]}{found.what[lang]}{f' ({more:+d})' if more else ''}")
        for case in chosen_examples(found, examples):
            value = "" if case.found is None else f" {_short(case.found)}"
            wanted = "" if case.expected is None else f" -> {_short(case.expected)}"
            say(f"     {case.id}  {case.field}{value}{wanted}".rstrip())
        say(f"   {found.fix[lang]}")
        if found.command:
            say(f"   {found.command.replace('SHOP', str(shop))}")
    if report.gone:
        say()
        say(f"{gone}: {', '.join(f'{kind} {count}' for kind, count in report.gone.items())}")
    say()
    for note in report.notes:
        say(note)
    say(f"{report.products:,} · {report.score:.1f} · {report.seconds:.1f} s")
    for line in ending.format(plan=f"goodsense clean {shop} --plan", page=page).splitlines():
        say(line)


def _bar(value: float) -> str:
    full = round(value / 5)
    return "█" * full + "░" * (20 - full)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
