"""``goodsense recipe ...``: the recipe in force, another one compared with it, and the switch between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodsense.cli.output import emit, help_without_command, progress_shown, say, table
from goodsense.cli.printing import cut
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.evaluate.experiment import Interval
    from goodsense.evaluate.shadow import Shadow
    from goodsense.shop.comparing import Compared
    from goodsense.shop.migrating import Switched

app = typer.Typer(
    help="Show the recipe, try another one beside it, switch, go back.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

ShopDir = Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def _root(context: typer.Context) -> None:
    help_without_command(context)


@app.command()
def show(shop: ShopDir, json: Json = False) -> None:
    """Print the recipe that the next build is made with, every default written out, as a recipe file."""
    from goodsense.shop import Shop
    from goodsense.shop.generations import Generations
    from goodsense.shop.recipe_text import commented, recipe_differences

    with Shop.open(shop) as opened:
        recipe, state = opened.recipe, Generations.read(shop)
        built = opened.built_recipe if (shop / "CURRENT").exists() else None
    waiting = recipe_differences(built, recipe) if built is not None else ()
    kept = {name: found.build for name in ("beside", "previous") if (found := getattr(state, name)) is not None}
    data: dict[str, Any] = {
        "recipe": recipe.model_dump(mode="json"),
        "not_built": [d.to_json() for d in waiting],
        **kept,
    }

    def tell() -> None:
        say(commented(recipe).rstrip())
        for difference in waiting:
            say(f"# not built yet: {difference}")
        for name, build in kept.items():
            how = "goodsense recipe switch" if name == "beside" else "goodsense recipe rollback"
            say(f"# {name}: build {build} ({how} {shop})")

    emit(data, as_json=json, text=tell)


@app.command()
def compare(
    shop: ShopDir,
    recipes: Annotated[
        list[Path], typer.Argument(metavar="[A] B", help="Recipe files: B against A, or one against what serves.")
    ],
    queries: Annotated[Path | None, typer.Option(help="Queries: TSV or BEIR JSONL; else the shop's own.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="Their judgements: TREC or BEIR TSV.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Hits that a shopper sees.")] = 10,
    carry: Annotated[
        int | None,
        typer.Option(metavar="N", min=30, help="Encode N inputs of a block for B; carry the rest, if that is good."),
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the recipes' missing hub models.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode and encode.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Decides whatever is drawn.")] = 0,
    json: Json = False,
) -> None:
    """Build B beside what serves, and say what differs, which answers better, and whether beyond noise."""
    from goodsense.shop import Shop
    from goodsense.shop.comparing import RecipeFile, compare_recipes

    if len(recipes) > 2:
        raise UsageError(f"{len(recipes)} recipes; expected one or two.", fix="Compare two at a time.")
    files = [RecipeFile.load(path) for path in recipes]
    with progress_shown() as progress, Shop.open(shop) as opened:
        found = compare_recipes(
            opened,
            files[-1],
            files[0] if len(files) == 2 else None,
            queries=queries,
            qrels=qrels,
            k=k,
            carry=carry or 0,
            download=download,
            workers=workers,
            seed=seed,
            progress=progress,
        )
    emit(found.to_json(), as_json=json, text=lambda: _tell(found, shop))


@app.command()
def switch(shop: ShopDir, json: Json = False) -> None:
    """Let the build that was made beside serve from now on, with its recipe; nothing is built again."""
    from goodsense.shop import Shop
    from goodsense.shop.migrating import switch as switched

    with Shop.open(shop) as opened:
        found = switched(opened)
    emit(found.to_json(), as_json=json, text=lambda: _moved(found, shop, f"goodsense recipe rollback {shop}"))


@app.command()
def rollback(shop: ShopDir, json: Json = False) -> None:
    """Let the build serve again that did before the last switch, with its recipe and all products of today."""
    from goodsense.shop import Shop
    from goodsense.shop.migrating import rollback as rolled_back

    with Shop.open(shop) as opened:
        found = rolled_back(opened)
    emit(found.to_json(), as_json=json, text=lambda: _moved(found, shop, f"goodsense recipe switch {shop}"))


def _moved(found: Switched, shop: Path, back: str) -> None:
    say(f"build {found.build} serves" + (f"; before: {found.before}" if found.before else ""))
    if found.recipe_changed:
        there = (shop / "recipe.toml").exists()
        say(
            "recipe.toml is the one of this build"
            if there
            else "recipe.toml is gone: the shop had none, all is default"
        )
    if found.behind:
        say(f"{found.behind} products changed since it was made; they are there, laid over it.")
    for block, count in found.pending.items():
        say(f"{count} of them are found by words only until the next build ({block} vector pending).")
    for block, count in found.carried.items():
        say(f"{count:,} {block} vectors are old ones, carried to the new space; the next build encodes them.")
    if found.behind or found.carried:
        say(f"Bring it up to date: goodsense build {shop}")
    say(f"The way back: {back}")


# ---- what a comparison says


def _tell(found: Compared, shop: Path) -> None:
    for letter, side in (("A", found.a), ("B", found.b)):
        say(f"{letter}: {side.recipe}, build {side.build}, {side.products:,} products")
    say()
    say("What differs in the recipes:")
    for difference in found.differences:
        say(f"  {difference}")
    say()
    _tell_sides(found)
    say()
    say(f"Asked: {found.source}.")
    for what, told in (("these queries", found.asked), ("products like one", found.alike)):
        if told is not None:
            say(f"  {what}: {_overlap(told)}")
    if found.asked is not None:
        _tell_judged(found.asked)
    for query, agreement in found.examples:
        say(f"  changed most: {cut(query, 60)!r} (rank-biased overlap {agreement:.2f})")
    for carried in found.carried:
        say(f"  {carried.verdict}")
    for note in (*found.built.notes, *found.notes):
        say(f"note: {note}")
    say(found.verdict)
    say(f"What serves is unchanged. To change it: goodsense recipe switch {shop}")


def _tell_sides(found: Compared) -> None:
    names = list(dict.fromkeys([*found.a.encoders, *found.b.encoders]))
    rows = [
        [name, found.a.encoders.get(name, "-"), found.b.encoders.get(name, "-"), _same(name, found)] for name in names
    ]
    rows.append(["ms per query", f"{found.a.median_ms:.1f}", f"{found.b.median_ms:.1f}", ""])
    rows.append(["MB on disk", f"{found.a.megabytes:.1f}", f"{found.b.megabytes:.1f}", ""])
    table(rows, header=["block", "A", "B", ""])
    encoded = sum(block["encoded"] for block in found.built.modalities.values())
    say(f"B was built in {found.built.seconds:.1f} s, {encoded:,} vectors made, the rest taken from the cache")


def _same(name: str, found: Compared) -> str:
    if name in found.changed:
        return "encoded anew"
    return "the same vectors" if name in found.a.encoders and name in found.b.encoders else ""


def _overlap(told: Shadow) -> str:
    return (
        f"of the first {told.k} hits {_share(told.overlap)} are the same, the first one {told.same_first:.0%} of the "
        f"time, all in order {told.unchanged:.0%} ({told.queries:,} asked)"
    )


def _share(interval: Interval) -> str:
    return f"{interval.mean:.0%} ({interval.lower:.0%} to {interval.upper:.0%})"


def _tell_judged(told: Shadow) -> None:
    from goodsense.shop.comparing import beyond_noise

    rows = [
        [
            metric.metric,
            f"{metric.baseline:.3f}",
            f"{metric.candidate:.3f}",
            f"{metric.difference:+.3f}",
            f"{metric.lower:+.3f} to {metric.upper:+.3f}",
            f"{metric.p_randomisation:.3f}",
            "beyond noise" if beyond_noise(metric) else "within noise",
        ]
        for metric in told.judged
    ]
    if rows:
        level = f"{told.judged[0].level:.0%} interval"
        table(rows, header=["metric", "A", "B", "B - A", level, "p", ""])
