"""``goodsense explain``: why a product is a hit, or what a product's vectors are made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from goodsense.cli.listening import listened
from goodsense.cli.output import emit, progress_shown, say, table
from goodsense.cli.printing import cut
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.shop.explaining import HitExplanation, ProductExplanation
    from goodsense.shop.explaining.results import Regions, Word
    from goodsense.types import Query

MOST_WORDS = 8  # of either side, on the terminal
_SHADES = " ░▒▓█"


def explain(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    product: Annotated[str | None, typer.Option(metavar="ID", help="Explain this product's vectors alone.")] = None,
    query: Annotated[str | None, typer.Option(metavar="TEXT", help="What was looked for.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture that was searched with.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound that was searched with.")] = None,
    video: Annotated[Path | None, typer.Option(help="A clip that was searched with.")] = None,
    like: Annotated[str | None, typer.Option(help="The id of a product that hits should be like.")] = None,
    without: Annotated[str | None, typer.Option("--not", metavar="TEXT", help="What hits should not be.")] = None,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help="The filter of the search.")] = None,
    hit: Annotated[str | None, typer.Option(metavar="ID", help="The product to explain; otherwise the best.")] = None,
    using: Annotated[list[str] | None, typer.Option(help="Score only this product block; repeatable.")] = None,
    grid: Annotated[int, typer.Option(min=2, max=16, help="Cells of a picture, along each side.")] = 7,
    quick: Annotated[bool, typer.Option("--quick", help="Modalities alone: no words, no parts of pictures.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a picture and a page into this directory.")
    ] = None,
    lang: Annotated[Literal["en", "zh"], typer.Option(help="The language to begin with.")] = "en",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say why a product is a hit: which modality carried it, which words, which part of the picture."""
    from goodsense.shop import Shop, make_query
    from goodsense.shop.explaining import explain_hit, explain_product
    from goodsense.shop.explaining.page import write_explanation
    from goodsense.types import AudioRef, ImageRef, VideoRef

    searched = any(given is not None for given in (query, image, audio, video, like, without, where))
    _check(product, hit, searched=searched)
    with progress_shown() as progress, Shop.open(shop) as opened:
        found: HitExplanation | ProductExplanation
        if product is not None:
            found = explain_product(opened, product, progress=progress)
        else:
            wish: Query = make_query(
                query,
                image=ImageRef(str(image)) if image is not None else None,
                audio=AudioRef(str(audio)) if audio is not None else None,
                video=VideoRef(str(video)) if video is not None else None,
                like=like,
                without=without,
                where=where,
            )
            if audio is not None:
                wish, _ = listened(opened, wish)
            looks = not quick
            found = explain_hit(
                opened, wish, hit, using=using, words=looks, pictures=looks, grid=grid, progress=progress
            )
        written = write_explanation(opened, found, out, lang=lang) if out is not None else {}
    files = {name: str(path) for name, path in written.items()}
    emit({**found.to_json(), **files}, as_json=json, text=lambda: _tell(found, files, lang))


def _check(product: str | None, hit: str | None, *, searched: bool) -> None:
    if product is not None and (searched or hit is not None):
        raise UsageError(
            "--product explains a product by itself.",
            fix="For a hit of a search give --query (or --image, --like, ...) and --hit ID.",
        )
    if product is None and not searched:
        raise UsageError(
            "there is nothing to explain.", fix="Give --product ID, or the search: --query TEXT and --hit ID."
        )


def _tell(found: HitExplanation | ProductExplanation, files: dict[str, str], lang: Literal["en", "zh"]) -> None:
    from goodsense.shop.explaining.results import HitExplanation

    if isinstance(found, HitExplanation):
        _tell_hit(found, lang)
    else:
        _tell_product(found, lang)
    for note in found.notes:
        say(f"note: {note}")
    for name, path in files.items():
        say(f"{name}: {path}")


def _tell_hit(found: HitExplanation, lang: Literal["en", "zh"]) -> None:
    from goodsense.shop.explaining.sentences import asked, hit_sentences, name_of

    rank = "" if found.rank is None else f"rank {found.rank:,}, "
    sure = "" if found.confidence is None else f", sure {found.confidence:.2f}"
    say(f"{asked(found.query)} -> {found.id}  {cut(found.title, 70)}")
    say(f"{rank}score {found.score:.3f}{sure}")
    say()
    for one in hit_sentences(found):
        say(getattr(one, lang))
    say()
    rows = [
        [
            getattr(name_of(own.name), lang),
            f"{own.value:+.3f}",
            f"{own.share:.0%}",
            f"{own.score:.3f}",
            "" if own.rank is None else f"{own.rank:,}",
        ]
        for own in found.modalities
    ]
    table(rows, header=["modality", "adds", "share", "score without", "rank without"])
    _tell_words("query", found.query_words)
    _tell_words("product", found.product_words)
    for regions in found.regions:
        _tell_regions(regions)
    say()
    terms = ", ".join(f"{name} {value:+.3f}" for name, value in found.terms.items() if value)
    say(f"terms: {terms or 'none'}; sum {found.score:.3f}")


def _tell_words(side: str, words: tuple[Word, ...]) -> None:
    shown = [word for word in words if abs(word.value) >= 5e-4]
    if not shown:
        return
    say()
    strong = sorted(shown, key=lambda word: -abs(word.value))[:MOST_WORDS]
    rows = [
        [word.text, f"{word.value:+.3f}", f"{word.bm25:+.3f}", f"{word.value - word.bm25:+.3f}"]
        for word in shown
        if word in strong
    ]
    table(rows, header=[f"word of the {side}", "adds", "as a word", "as meaning"])


def _tell_regions(regions: Regions) -> None:
    """A picture in characters: the darker, the more the score loses where it is covered."""
    most = float(regions.grid.max())
    if most <= 0:
        return
    whose = "the product" if regions.side == "product" else "the query"
    say()
    say(f"picture of {whose} ({cut(regions.name, 60)}), the darker the more it does:")
    for row in regions.grid.tolist():
        shades = (_SHADES[round(max(value, 0.0) / most * (len(_SHADES) - 1))] for value in row)
        say("  |" + "".join(2 * shade for shade in shades) + "|")


def _tell_product(found: ProductExplanation, lang: Literal["en", "zh"]) -> None:
    from goodsense.shop.explaining.sentences import name_of, product_sentences

    say(f"{found.id}  {cut(found.title, 70)}")
    say()
    for one in product_sentences(found):
        say(getattr(one, lang))
    say()
    rows: list[list[Any]] = [
        [
            getattr(name_of(own.name), lang),
            f"{own.value:+.3f}",
            f"{own.share:.0%}",
            f"{found.joint[own.name]:.0%}" if own.name in found.joint else "",
        ]
        for own in found.modalities
    ]
    table(rows, header=["modality", "adds", "share", "of the joint vector"])
    for near in found.neighbours:
        say()
        say(f"{near.id}  {cut(near.title, 60)}  score {near.score:.3f}")
        parts = sorted(near.modalities.items(), key=lambda own: -abs(own[1]))
        parted = ", ".join(f"{getattr(name_of(name), lang)} {value:+.2f}" for name, value in parts if abs(value) > 5e-3)
        say(f"   alike in: {parted or 'nothing'}")
        shared = [*near.words, *(f"{name}={value}" for name, value in near.fields.items())]
        if shared:
            say(f"   shares: {cut(', '.join(shared), 150)}")
