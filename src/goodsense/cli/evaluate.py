"""`goodsense evaluate ...`: figures as a table, as JSON, and as a picture in the shop's reports."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from goodsense.cli import evaluate_recommend
from goodsense.cli.output import emit, help_without_command, progress_shown, say, table

app = typer.Typer(
    help="Measure search, recommendations, and what the vectors know.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.command("recommend")(evaluate_recommend.recommend)

ShopDir = Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Modalities = Annotated[
    list[str] | None, typer.Option("--modality", help="Block to use: text, image, attributes; repeatable.")
]
SplitColumn = Annotated[str, typer.Option(help="The column that says train, val or test.")]


@app.callback()
def _root(context: typer.Context) -> None:
    help_without_command(context)


@app.command()
def search(
    shop: ShopDir,
    queries: Annotated[Path, typer.Option(help="Queries: TSV or BEIR JSONL.")],
    qrels: Annotated[Path, typer.Option(help="Judgements: TREC or BEIR TSV.")],
    k: Annotated[list[int] | None, typer.Option("-k", min=1, help="Cut-off; repeatable.")] = None,
    judged_only: Annotated[bool, typer.Option(help="Rank within each query's judged pool.")] = False,
    using: Annotated[list[str] | None, typer.Option(help="Score only this product block; repeatable.")] = None,
    run: Annotated[Path | None, typer.Option(help="Write the ranking as a TREC run.")] = None,
    json: Json = False,
) -> None:
    """Rank judged queries: nDCG, MRR, recall, precision, MAP, latency."""
    from goodsense.evaluate import write_run
    from goodsense.evaluate.plots import ranking_figure
    from goodsense.shop import Shop
    from goodsense.shop.evaluation import evaluate_search

    with progress_shown() as progress, Shop.open(shop) as opened:
        found = evaluate_search(
            opened, queries, qrels, ks=k or [10], judged_only=judged_only, using=using, progress=progress
        )
    if run is not None:
        write_run(found.run, run)
    data = found.to_json()
    name = "search" + ("-judged" if judged_only else "") + ("-" + "-".join(using) if using else "")
    data |= _keep(shop, name, data, ranking_figure({"this shop": found.report}))
    emit(data, as_json=json, text=lambda: _print_search(data))


@app.command()
def classify(
    shop: ShopDir,
    label: Annotated[str, typer.Option(help="The field to predict.")],
    split_column: SplitColumn = "split",
    modality: Modalities = None,
    mask_label: Annotated[bool, typer.Option(help="Remove the words of every label from all text.")] = False,
    json: Json = False,
) -> None:
    """Predict a field from the others: accuracy, precision, recall, F1, confusion."""
    from goodsense.evaluate.plots import confusion_figure
    from goodsense.shop import Shop
    from goodsense.shop.evaluation import evaluate_classify

    with progress_shown() as progress, Shop.open(shop) as opened:
        result = evaluate_classify(
            opened,
            label,
            modalities=modality or (),
            mask_label=mask_label,
            split_column=split_column,
            progress=progress,
        )
    data = {**result.report.to_json(), **_learned(result), "label": label, "modalities": modality or "all"}
    name = f"classify-{label}" + ("-" + "-".join(modality) if modality else "")
    data |= _keep(shop, name, data, confusion_figure(result.report))
    emit(data, as_json=json, text=lambda: _print_learned(data))


@app.command()
def regress(
    shop: ShopDir,
    target: Annotated[str, typer.Option(help="The numeric field to predict, such as price.")],
    split_column: SplitColumn = "split",
    modality: Modalities = None,
    json: Json = False,
) -> None:
    """Predict a number from the other fields: MAE, RMSE, R2."""
    from goodsense.evaluate.plots import regression_figure
    from goodsense.shop import Shop
    from goodsense.shop.evaluation import evaluate_regress

    with progress_shown() as progress, Shop.open(shop) as opened:
        result, targets = evaluate_regress(
            opened, target, modalities=modality or (), split_column=split_column, progress=progress
        )
    data = {"metrics": result.report.metrics, "rows": result.report.rows, **_learned(result)}
    data |= {"target": target, "modalities": modality or "all"}
    name = f"regress-{target}" + ("-" + "-".join(modality) if modality else "")
    truth = [targets[id] for id in result.predicted]
    data |= _keep(shop, name, data, regression_figure(truth, list(result.predicted.values()), quantity=target))
    emit(data, as_json=json, text=lambda: _print_learned(data))


@app.command()
def purchase(
    shop: ShopDir,
    recipe: Annotated[Path | None, typer.Option(help="A recipe file with [purchase]; default: the build's.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the shoppers, each tested once.")] = 5,
    type: Annotated[list[str] | None, typer.Option(help="Events that count as buying; repeatable.")] = None,
    modality: Modalities = None,
    network: Annotated[list[str] | None, typer.Option(help="transformer, gru, lstm; repeatable.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Layers of the transformer.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Width of the networks.")] = None,
    users: Annotated[int | None, typer.Option(min=4, help="Most shoppers that take part, drawn.")] = None,
    device: Annotated[str, typer.Option(help="Where to learn: cpu, cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Decides whatever is drawn.")] = 0,
    json: Json = False,
) -> None:
    """Foretell who buys what from fused vectors: accuracy, precision, recall, F1, beside what is simpler."""
    from goodsense.cli.purchases import keep, tell
    from goodsense.shop import Recipe, Shop
    from goodsense.shop.purchases import evaluate_shop_purchases

    given = {"types": type, "modalities": modality, "networks": network, "layers": layers, "width": width}
    with progress_shown() as progress, Shop.open(shop) as opened:
        used = Recipe.load(recipe) if recipe is not None else opened.built_recipe
        used = used.with_purchase(**{name: value for name, value in given.items() if value is not None})
        found = evaluate_shop_purchases(
            opened, used, folds=folds, users=users, device=device, seed=seed, progress=progress
        )
    path = keep(shop, found)
    emit({**found.to_json(), "report": str(path)}, as_json=json, text=lambda: tell(found, path))


def _keep(shop: Path, name: str, data: dict[str, Any], figure: Any) -> dict[str, str]:
    """Write figures and picture into the shop's reports; returns where."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    from goodsense.evaluate.plots import save_figure

    reports = shop / "reports"
    reports.mkdir(exist_ok=True)
    text = jsonlib.dumps(data, ensure_ascii=False, indent=1, default=str)
    (reports / f"{safe}.json").write_text(text, "utf-8")
    save_figure(figure, reports / f"{safe}.png")
    return {"picture": str(reports / f"{safe}.png")}


def _learned(result: Any) -> dict[str, Any]:
    """Which head was chosen, on what, and which rows took part."""
    chosen = result.chosen[0]
    return {
        "head": chosen.name,
        "settings": dict(chosen.settings),
        "chosen_on": chosen.validated_on,
        "reported_on": result.reported_on,
        "counts": result.counts.to_json(),
        "notes": [note for each in result.chosen for note in each.notes],
    }


def _print_search(data: dict[str, Any]) -> None:
    table([[name, f"{value:.4f}"] for name, value in data["metrics"].items()], header=["metric", "mean"])
    say(f"{data['queries']} queries, {data['without_relevant']} without a relevant product, {data['skipped']} skipped")
    say(f"latency p50 {data['latency_ms']['p50']:.1f} ms, p99 {data['latency_ms']['p99']:.1f} ms")
    say(f"picture: {data['picture']}")


def _print_learned(data: dict[str, Any]) -> None:
    rows = [[name, f"{value:.4f}"] for name, value in data["metrics"].items()]
    table(rows, header=["metric", "value"])
    say(f"{data['rows']} rows, reported on {data['reported_on']}; head {data['head']}, chosen on {data['chosen_on']}")
    say(f"picture: {data['picture']}")
