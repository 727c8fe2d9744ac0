"""`goodsense evaluate recommend`: how good a shop's recommendations are, beside the most popular products."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goodsense.cli.output import emit, progress_shown, say, table
from goodsense.cli.printing import cut
from goodsense.cli.reports import kept
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.evaluate.recommendation import RecommendationReport
    from goodsense.shop.recommending.evaluating import RecommendEvaluation

SPLIT_HELP = "How events are parted: leave-last, time, random, cold-items, cold-users; by default as they are labelled."
_WIDTH = 96
_BEYOND = {
    "coverage": "share of products shown to anybody",
    "novelty": "bits of surprise",
    "diversity": "1 - cosine within a list",
    "diversity_category": "pairs of different categories",
    "serendipity": "found, and not among the most popular",
    "popularity_lift": "popularity over that of histories",
    "gini": "0: all shown alike; 1: always the same",
}


def recommend(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    split_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Part events by their own labels; the column is split.")
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="HOW", help=SPLIT_HELP)] = None,
    k: Annotated[list[int] | None, typer.Option("-k", min=1, help="Cut-off; repeatable.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this recommender; its settings are chosen.")] = None,
    refit: Annotated[str | None, typer.Option(metavar="train+val", help="Judge also what learned from both.")] = None,
    folds: Annotated[int, typer.Option(min=0, help="Ask also yes or no, cross-validated over so many parts.")] = 0,
    trials: Annotated[int | None, typer.Option(min=1, help="Settings tried of each recommender.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the report goes; the shop's reports.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides whatever is drawn.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Recommend and see what shoppers did later: recall, NDCG and more, with intervals, slices and a baseline."""
    from goodsense.evaluate.recommendation_plots import slices_figure
    from goodsense.recommend.search import Budget
    from goodsense.shop import Shop
    from goodsense.shop.recommending.evaluating import REFIT, evaluate_recommend

    if refit not in (None, REFIT):
        raise UsageError(f"--refit {refit}; expected {REFIT}.", fix=f"Give --refit {REFIT}, or nothing.")
    how = split_of(split, split_column)
    with progress_shown() as progress, Shop.open(shop) as opened:
        found = evaluate_recommend(
            opened,
            split=how,
            ks=k or (10, 20),
            model=model,
            refit=refit is not None,
            folds=folds,
            budget=Budget(trials) if trials is not None else None,
            seed=seed,
            progress=progress,
        )
    name = "-".join(["recommend", *([how] if how != "auto" else []), *([model] if model else [])])
    figure = slices_figure({found.name: found.report, "popular": found.baseline})
    data = kept(out or shop / "reports", name, found.to_json(), figure)
    emit(data, as_json=json, text=lambda: tell(found, data["picture"]))


def split_of(split: str | None, column: str | None) -> str:
    """The one way that two options name.

    Raises
    ------
    UsageError
        If both are given, or the column is none that events have.
    """
    if split is not None and column is not None:
        raise UsageError("--split and --split-column say the same thing twice.", fix="Give one of them.")
    if column not in (None, "split"):
        raise UsageError(
            f"events keep no column {column!r}, only one split.",
            fix=f"Read them with it: goodsense events SHOP FILE --map split={column}.",
        )
    return split or ("label" if column else "auto")


def tell(found: RecommendEvaluation, picture: str) -> None:
    """What one learns from it."""
    report = found.report
    last = max(report.ks)
    say(f"{found.name}, chosen by {found.metric} on validation in {found.search_seconds:.1f} s:")
    say(f"  {cut(found.model, 200)}")
    rows = [
        [each.name, f"{each.trial.metrics[found.metric]:.4f}", str(each.trials), f"{each.seconds:.1f}"]
        for each in found.candidates
        if not each.failed
    ]
    table(rows, header=["tried on validation", found.metric, "settings", "seconds"])
    say()
    say(
        f"On test: {report.users:,} shoppers, {report.pairs:,} products to find among {report.items:,}; "
        f"{report.skipped:,} shoppers have nothing to find and are left out"
    )
    _metrics(report, found.baseline, found.refit)
    gain = found.gain
    say(f"ndcg@{last} over popular: {gain.mean:+.4f} (95 % interval {gain.lower:+.4f} to {gain.upper:+.4f})")
    say(
        f"fitted in {found.fit_seconds:.2f} s, recommended to all of them and judged in {found.recommend_seconds:.2f} s"
    )
    say()
    _slices(report, found.baseline, f"recall@{last}")
    if found.buying is not None:
        say()
        _buying(found)
    say()
    for note in found.notes:
        say(f"note: {note}")
    say(f"picture: {picture}")


def _metrics(report: RecommendationReport, baseline: RecommendationReport, refit: RecommendationReport | None) -> None:
    last = max(report.ks)
    accuracy = [f"{measure}@{k}" for measure in ("recall", "ndcg") for k in report.ks]
    accuracy += ["recall@100", *(f"{measure}@{last}" for measure in ("mrr", "hit", "precision", "map"))]
    rows = []
    for name in dict.fromkeys(accuracy):
        within = report.interval(name)
        row = [name, f"{within.mean:.4f}", f"{within.lower:.4f} to {within.upper:.4f}", f"{baseline.metrics[name]:.4f}"]
        rows.append([*row, *([f"{refit.metrics[name]:.4f}"] if refit else [])])
    for measure, meaning in _BEYOND.items():
        name = f"{measure}@{last}"
        if name in report.metrics:
            row = [name, f"{report.metrics[name]:.4f}", meaning, f"{baseline.metrics[name]:.4f}"]
            rows.append([*row, *([f"{refit.metrics[name]:.4f}"] if refit else [])])
    table(rows, header=["metric", "test", "95 % interval", "popular", *(["train+val"] if refit else [])])


def _slices(report: RecommendationReport, baseline: RecommendationReport, metric: str) -> None:
    usual = {(each.kind, each.name): each for each in baseline.slices}
    rows = []
    for each in report.slices:
        within = each.intervals[metric]
        rows.append(
            [
                f"{each.kind}: {each.name}",
                f"{each.users:,}",
                f"{each.metrics[metric]:.4f}",
                f"{within.lower:.4f} to {within.upper:.4f}",
                f"{usual[each.kind, each.name].metrics[metric]:.4f}",
            ]
        )
    table(rows, header=["part", "shoppers", metric, "95 % interval", "popular"])


def _buying(found: RecommendEvaluation) -> None:
    buying = found.buying
    assert buying is not None
    say(
        f"Will this shopper take to this product? {len(buying.folds)} folds of shoppers, one product that they did "
        f"beside {buying.negatives} drawn; the threshold is another fold's"
    )
    rows = [[name, f"{value:.4f}", f"{buying.spread[name]:.4f}"] for name, value in buying.mean.items()]
    table(rows, header=["measure", "mean", "spread"])
