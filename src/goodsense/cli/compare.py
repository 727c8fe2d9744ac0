"""`goodsense compare`: recommenders side by side on a shop's own events, with seconds and memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goodsense.cli.evaluate_recommend import SPLIT_HELP, split_of
from goodsense.cli.output import emit, progress_shown, say, table
from goodsense.cli.printing import cut
from goodsense.cli.reports import kept

if TYPE_CHECKING:
    from goodsense.recommend.comparison import Compared
    from goodsense.shop.recommending.comparing import ShopComparison

_MIB = 2**20


def compare(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    models: Annotated[
        str, typer.Option(metavar="A,B,C", help="Recommenders; auto is what a build would choose. Default: all quick.")
    ] = "",
    budget_trials: Annotated[int, typer.Option(min=1, help="Settings tried of each, at most.")] = 4,
    budget_seconds: Annotated[
        float | None, typer.Option(help="No setting of a recommender is begun after so many seconds.")
    ] = None,
    split_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Part events by their own labels; the column is split.")
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="HOW", help=SPLIT_HELP)] = None,
    k: Annotated[list[int] | None, typer.Option("-k", min=1, help="Cut-off; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the report goes; the shop's reports.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides whatever is drawn.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train recommenders under one budget, chosen on validation, and print what each is worth and costs."""
    from goodsense.evaluate.recommendation_plots import beyond_figure
    from goodsense.recommend.search import Budget
    from goodsense.shop import Shop
    from goodsense.shop.recommending.comparing import compare_recommenders

    how = split_of(split, split_column)
    names = [name.strip() for name in models.split(",") if name.strip()]
    with progress_shown() as progress, Shop.open(shop) as opened:
        found = compare_recommenders(
            opened,
            names,
            split=how,
            ks=k or (10, 20),
            budget=Budget(budget_trials, budget_seconds),
            seed=seed,
            progress=progress,
        )
    name = "compare" if how == "auto" else f"compare-{how}"
    data = kept(out or shop / "reports", name, found.to_json(), beyond_figure(found.found.reports))
    emit(data, as_json=json, text=lambda: tell(found, data["picture"]))


def tell(found: ShopComparison, picture: str) -> None:
    """The table, best on validation first, and what has to be known of it."""
    last = max(found.found.ks)
    there = [row for row in found.found.rows if row.report is not None]
    if there and there[0].report is not None:
        report = there[0].report
        say(f"{report.users:,} shoppers, {report.pairs:,} products to find among {report.items:,}")
    header = ["recommender", f"validation {found.found.metric}", f"recall@{last}", f"ndcg@{last}", "over popular"]
    header += ["coverage", "novelty", "fit s", "top 100 s", "memory MiB", "search s"]
    table([_row(row, last) for row in there], header=header)
    for row in found.found.rows:
        if row.failed:
            say(f"{row.name}: not compared: {row.failed}")
    say()
    if there:
        say(f"best on validation: {cut(there[0].model, 200)}")
    for note in found.notes:
        say(f"note: {note}")
    say(f"picture: {picture}")


def _row(row: Compared, k: int) -> list[str]:
    report = row.report
    assert report is not None
    gain = f"{row.gain.mean:+.4f} ({row.gain.lower:+.4f} to {row.gain.upper:+.4f})" if row.gain is not None else ""
    memory = row.peak_bytes / _MIB
    return [
        row.name,
        f"{row.validation:.4f}",
        f"{report.metrics[f'recall@{k}']:.4f}",
        f"{report.metrics[f'ndcg@{k}']:.4f}",
        gain,
        f"{report.metrics[f'coverage@{k}']:.3f}",
        f"{report.metrics[f'novelty@{k}']:.2f}",
        f"{row.fit_seconds:.2f}",
        f"{row.recommend_seconds:.2f}",
        f"{memory:.0f}" if memory >= 1 else "<1",
        f"{row.search_seconds:.1f}",
    ]
