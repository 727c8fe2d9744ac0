"""The commands; they mirror the Python API and hold no logic of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from goodsense._version import __version__
from goodsense.cli import ablate as ablate_command
from goodsense.cli import check as check_command
from goodsense.cli import clean as clean_command
from goodsense.cli import compare as compare_command
from goodsense.cli import crawl as crawl_command
from goodsense.cli import evaluate, printing
from goodsense.cli import events as events_command
from goodsense.cli import explain as explain_command
from goodsense.cli import fetch as fetch_command
from goodsense.cli import label as label_command
from goodsense.cli import mapping as mapping_command
from goodsense.cli import recipe as recipe_command
from goodsense.cli import recommend as recommend_command
from goodsense.cli import voices as voice_commands
from goodsense.cli.listening import listened
from goodsense.cli.output import complain, emit, help_without_command, progress_shown, say, shop_to_fill
from goodsense.errors import GoodsenseError, PartialError, UsageError

app = typer.Typer(
    name="goodsense",
    help="Understands the goods of an online shop: search by text, by picture and by both.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(recipe_command.app, name="recipe")
app.command("ablate")(ablate_command.ablate)
app.command("check")(check_command.check)
app.command("clean")(clean_command.clean)
app.command("compare")(compare_command.compare)
app.command("crawl")(crawl_command.crawl)
app.command("events")(events_command.events)
app.command("explain")(explain_command.explain)
app.command("fetch")(fetch_command.fetch)
app.command("mapping")(mapping_command.mapping)
app.command("recommend")(recommend_command.recommend)
app.command("label")(label_command.label)
app.command("reviews")(voice_commands.reviews)
app.command("questions")(voice_commands.questions)
app.command("conversations")(voice_commands.conversations)
app.command("redact")(voice_commands.redact)

ShopDir = Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def main() -> None:
    """Run the command line; a known error is one clear message and its own exit code."""
    as_json = "--json" in sys.argv
    try:
        code = app(standalone_mode=False, prog_name="goodsense")
    except GoodsenseError as error:
        complain(error, as_json=as_json)
        code = error.exit_code
    except typer.Exit as leaving:
        code = leaving.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain(PartialError("stopped."), as_json=as_json)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except Exception as error:
        code = _other_error(error, as_json=as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _other_error(error: Exception, *, as_json: bool) -> int:
    """Usage errors of the command line's own parser, and storage errors that no room has put into words."""
    import sqlite3

    from goodsense.shop.truth import storage_error

    if hasattr(error, "format_message"):
        known: GoodsenseError = UsageError(error.format_message(), fix="See: goodsense --help")
    elif isinstance(error, OSError | sqlite3.Error):
        known = storage_error(Path(getattr(error, "filename", None) or "the shop"), error)
    elif as_json:
        known = GoodsenseError(f"{type(error).__name__}: {error}", fix="A defect; without --json it shows where.")
    else:
        raise error
    complain(known, as_json=as_json)
    return known.exit_code


def _version(asked: bool) -> None:
    if asked:
        say(f"goodsense {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    help_without_command(context)


@app.command()
def ingest(
    shop: ShopDir,
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Feed files, folders, archives, http(s) addresses, or -.")
    ],
    format: Annotated[str, typer.Option(help="Feed format; auto looks at the file.")] = "auto",
    media: Annotated[Path | None, typer.Option(help="The folder that media paths start from.")] = None,
    map: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Where a field stands.")
    ] = None,
    mapping_file: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="A mapping file that says how to read the sources.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Currency of prices that name none.")] = None,
    delete_missing: Annotated[bool, typer.Option(help="Delete products that the feeds do not name.")] = False,
    strict: Annotated[bool, typer.Option(help="Stop at the first rejected row.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Read and check, change nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Read addresses whose feed has not changed too.")] = False,
    allow_private: fetch_command.AllowPrivate = False,
    allow_domain: fetch_command.AllowDomain = None,
    json: Json = False,
) -> None:
    """Put feeds into a shop: upsert by id, rejected rows to rejects.jsonl."""
    from goodsense.shop import Source

    mapping = printing.mapping(map)
    feeds = [
        Source(path, format=format, media_root=media, mapping=mapping, currency=currency, mapping_file=mapping_file)
        for path in sources
    ]
    with progress_shown() as progress, shop_to_fill(shop, dry_run=dry_run) as opened:
        report = opened.ingest(
            *feeds,
            strict=strict,
            delete_missing=delete_missing,
            dry_run=dry_run,
            again=again,
            policy=fetch_command.policy_of(allow_private, allow_domain),
            progress=progress,
        )
    needed = {"--currency": currency, "--media": media}
    emit(report.to_json(), as_json=json, text=lambda: printing.ingested(report, shop, dry_run=dry_run, options=needed))
    if report.rejected:
        raise typer.Exit(PartialError.exit_code)


@app.command()
def build(
    shop: ShopDir,
    recipe: Annotated[Path | None, typer.Option(help="A recipe file; default: the shop's recipe.toml.")] = None,
    refit: Annotated[bool, typer.Option(help="Fit the encoders anew.")] = False,
    download: Annotated[bool, typer.Option("--download", help="Fetch the recipe's missing hub models.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Run pretrained models as int8 ONNX.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode and encode.")] = 2,
    json: Json = False,
) -> None:
    """Encode what is new, fuse, index, and switch to the new build at once."""
    from goodsense.shop import Recipe, Shop

    with progress_shown() as progress, Shop.open(shop) as opened:
        used = Recipe.load(recipe) if recipe is not None else opened.recipe
        if int8:
            used = used.with_int8()
        report = opened.build(used, refit=refit, download=download, workers=workers, progress=progress)
    emit(report.to_json(), as_json=json, text=lambda: printing.built(report))


@app.command()
def search(
    shop: ShopDir,
    text: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to search with.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound to search with; what is said in it, too.")] = None,
    video: Annotated[Path | None, typer.Option(help="A clip to search with.")] = None,
    like: Annotated[str | None, typer.Option(help="The id of a product to be like.")] = None,
    without: Annotated[str | None, typer.Option("--not", metavar="TEXT", help="What it should not be.")] = None,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help='A filter: "price < 3000 and in_stock".')] = None,
    using: Annotated[list[str] | None, typer.Option(help="Score only this product block; repeatable.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    explain: Annotated[bool, typer.Option(help="Show how every score came about.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw the hits and their terms into this PNG file.")] = None,
    json: Json = False,
) -> None:
    """Search by text, by picture, by sound or voice, by clip, by likeness, or by all of them."""
    from goodsense.shop import Shop, make_query
    from goodsense.shop.picture import draw_hits
    from goodsense.types import AudioRef, ImageRef, VideoRef

    query = make_query(
        text,
        image=ImageRef(str(image)) if image is not None else None,
        audio=AudioRef(str(audio)) if audio is not None else None,
        video=VideoRef(str(video)) if video is not None else None,
        like=like,
        without=without,
        where=where,
    )
    with Shop.open(shop) as opened:
        heard: dict[str, Any] = {}
        if audio is not None:
            query, heard = listened(opened, query)
        hits = opened.search(query, k=k, using=using, explain=explain)
        pending = opened.pending
        if picture is not None:
            draw_hits(opened, hits, picture)

    def show() -> None:
        printing.heard(heard)
        printing.hits(hits, pending, explain=explain)

    emit({**hits.to_json(), **heard}, as_json=json, text=show)


@app.command()
def similar(
    shop: ShopDir,
    id: Annotated[str, typer.Argument(metavar="ID", help="A product's id.")],
    where: Annotated[str | None, typer.Option(metavar="EXPR", help="A filter.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    explain: Annotated[bool, typer.Option(help="Show how every score came about.")] = False,
    json: Json = False,
) -> None:
    """Find products like one of the shop's own."""
    from goodsense.shop import Shop

    with Shop.open(shop) as opened:
        hits = opened.similar(id, k=k, where=where, explain=explain)
        pending = opened.pending
    emit(hits.to_json(), as_json=json, text=lambda: printing.hits(hits, pending, explain=explain))


@app.command()
def judge(
    shop: ShopDir,
    queries: Annotated[Path, typer.Option(help="Queries: TSV or BEIR JSONL.")],
    qrels: Annotated[Path | None, typer.Option(help="Judgements: TREC or BEIR TSV.")] = None,
    json: Json = False,
) -> None:
    """Keep queries in the shop: the next build tunes on judged ones, and learns from photos how shoppers take them."""
    from goodsense.shop import Shop
    from goodsense.shop.evaluation import store_judgements

    with Shop.open(shop) as opened:
        kept, grades = store_judgements(opened, queries, qrels)
    found: dict[str, Any] = {"queries": kept, "judgements": grades}
    said = f"{kept} queries with {grades} judgements; the next build learns from them."
    emit(found, as_json=json, text=lambda: say(said))


@app.command()
def export(
    shop: ShopDir,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; a folder for image-folder.")],
    format: Annotated[str, typer.Option(help="The name of any feed format; auto: by the file's name.")] = "auto",
    raw: Annotated[bool, typer.Option(help="For machines: do not neutralise formulas in CSV.")] = False,
    json: Json = False,
) -> None:
    """Write the catalog out again as a feed."""
    from goodsense.catalog.feeds import write_feed
    from goodsense.shop import Shop

    named = printing.feed_format(target) if format == "auto" else format
    with Shop.open(shop) as opened:
        count = write_feed(opened.truth.products(), target, format=named, raw=raw, media=opened.read_medium)
        left_out = len(opened) - count
    found: dict[str, Any] = {"products": count, "file": str(target)}
    said = f"{count} products -> {target}"
    if left_out:
        found["left_out"] = left_out
        said += f" ({left_out} have nothing that {named} could hold)"
    emit(found, as_json=json, text=lambda: say(said))


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to make it.")] = Path("demo-shop"),
    products: Annotated[int, typer.Option(min=30, help="How many toys.")] = 600,
    json: Json = False,
) -> None:
    """A complete little shop of generated toys: make, build, evaluate, search."""
    from goodsense.cli.demo import run_demo

    run_demo(directory, products=products, as_json=json)


@app.command()
def doctor(
    shop: Annotated[Path | None, typer.Argument(metavar="[SHOP]", help="A shop to look at.")] = None,
    json: Json = False,
) -> None:
    """Say what is installed, what is missing, and how a shop is."""
    from goodsense.cli.doctor import examine

    report = examine(shop)
    emit(report, as_json=json, text=lambda: printing.doctor(report))
