"""`goodsense recommend`: what a shopper may want next, what goes with a product, and lists for everybody at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodsense.cli.output import emit, progress_shown, say, table
from goodsense.cli.printing import cut
from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.shop import Shop
    from goodsense.shop.recommending.answering import Recommended
    from goodsense.shop.recommending.wording import Suggested
    from goodsense.types import Hit


def recommend(
    shop: Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")],
    user: Annotated[str, typer.Argument(metavar="[USER]", help="A shopper of the event log.")] = "",
    history: Annotated[str, typer.Option(metavar="ID,ID", help="Products somebody looked at, oldest first.")] = "",
    session: Annotated[str, typer.Option(metavar="ID,ID|SESSION", help="This visit: products, or its name.")] = "",
    like: Annotated[str, typer.Option(metavar="ID", help="A product in place of a shopper.")] = "",
    goes_with: Annotated[str, typer.Option("--goes-with", metavar="ID", help="What is bought beside a product.")] = "",
    recently_viewed: Annotated[bool, typer.Option("--recently-viewed", help="What the shopper looked at.")] = False,
    everybody: Annotated[bool, typer.Option("--all", help="The best for every shopper, into --out.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The Parquet file that --all writes.")] = None,
    tags: Annotated[bool, typer.Option("--tags", help="Attributes in place of products.")] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="What is known of the shopper, with its evidence.")
    ] = False,
    queries: Annotated[bool, typer.Option("--queries", help="Searches in place of products.")] = False,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help='A filter: "price < 3000".')] = None,
    model: Annotated[str, typer.Option(help="Another recommender, learned on the spot.")] = "",
    diversity: Annotated[
        float | None, typer.Option(min=0, max=1, help="0: by score alone; 1: as different as may be.")
    ] = None,
    sold_out: Annotated[bool, typer.Option("--sold-out", help="Show what is out of stock, too.")] = False,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Processes that --all uses.")] = 2,
    device: Annotated[str, typer.Option(help="As the log calls it, for click rates.")] = "",
    place: Annotated[str, typer.Option(help="As the log calls it, for click rates.")] = "",
    lang: Annotated[str, typer.Option(help="Of the reasons: en or zh.")] = "en",
    explain: Annotated[bool, typer.Option(help="Show every reason and term.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Recommend products with reasons: to a shopper, to a visit, beside a product, or to everybody at once."""
    from goodsense.shop import Shop

    asked = {"--like": like, "--goes-with": goes_with, "--recently-viewed": recently_viewed, "--all": everybody}
    _one_of({**asked, "--tags": tags, "--queries": queries, "--profile": profile})
    with Shop.open(shop) as opened:
        if everybody:
            _to_everybody(opened, out, k=k, where=where, workers=workers, lang=lang, json=json)
            return
        if profile:
            _profile(opened, user, history=_ids(history), session=session, lang=lang, json=json)
            return
        if tags or queries:
            suggest = opened.recommend_tags if tags else opened.recommend_queries
            found = suggest(user, history=_ids(history), session=session, k=k)
            _suggest(found, "tags" if tags else "queries", user=user, json=json)
            return
        if goes_with:
            hits = opened.goes_with(goes_with, k=k, where=where, sold_out=sold_out, language=lang)
        elif recently_viewed:
            if not user and not session:
                raise UsageError("nobody is named who looked at anything.", fix="Name a shopper, or give --session.")
            hits = opened.recently_viewed(user, session=session, k=k, where=where, language=lang)
        else:
            hits = opened.recommend(
                user,
                history=_ids(history),
                session=session,
                like=like,
                k=k,
                where=where,
                model=model,
                diversity=diversity,
                sold_out=sold_out,
                explain=explain,
                language=lang,
                device=device,
                place=place,
            )
    emit(hits.to_json(), as_json=json, text=lambda: show(hits, explain=explain))


def _one_of(options: dict[str, Any]) -> None:
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} ask for different things.", fix="Give one of them.")


def _ids(text: str) -> list[str]:
    return [id.strip() for id in text.split(",") if id.strip()]


def show(found: Recommended, *, explain: bool = False) -> None:
    """A table of recommendations with the strongest reason of each."""
    if found.message:
        say(found.message)
    if found.hits:
        rows = [[_rank(hit), hit.id, f"{hit.score:.3f}", cut(hit.title, 44), hit.reason] for hit in found]
        table(rows, header=["#", "id", "score", "title", "because"])
    if explain:
        for hit in found:
            _explained(hit)
    events = f"{len(found.history)} products in the history" if found.history else "no history"
    say(f"{found.took_ms:.1f} ms, {events}, {found.considered} products to choose from, by {found.model}")


def _rank(hit: Hit) -> str:
    return f"{hit.rank} ad" if hit.detail.get("sponsored") else str(hit.rank)


def _explained(hit: Hit) -> None:
    say()
    say(f"{hit.rank}. {hit.id}  {cut(hit.title, 70)}")
    for name, value in sorted(hit.terms.items(), key=lambda term: -abs(term[1])):
        say(f"   {value:+8.4f}  {name}")
    say(f"   {hit.score:+8.4f}  = score")
    for move in hit.detail.get("moved_by", []):
        say(f"            from place {move['from']} to {move['to']} by {move['step']}")
    if "propensity" in hit.detail:
        say(f"            stands here with probability {hit.detail['propensity']:.4f}")
    if hit.detail.get("sponsored"):
        say(f"            paid place: bid {hit.detail['bid']:g}, {hit.detail['charge']:.4f} per click")
    for reason in hit.detail.get("reasons", []):
        say(f"            {reason['sentence']}")


def _profile(opened: Shop, user: str, *, history: list[str], session: str, lang: str, json: bool) -> None:
    from goodsense.shop.recommending.profiles import lines
    from goodsense.shop.recommending.sentences import language_of

    if not (user or history or session):
        raise UsageError("nobody is named.", fix="Name a shopper, or give --history or --session.")
    language = language_of(lang)
    found = opened.profile(user, history=history, session=session)
    told = lines(found, language)

    def text() -> None:
        for line in [found.message, *told]:
            if line:
                say(line)

    emit({**found.to_json(), "sentences": told}, as_json=json, text=text)


def _suggest(found: tuple[Suggested, ...], what: str, *, user: str, json: bool) -> None:
    def text() -> None:
        if not found:
            say(f"no {what} to recommend: too little is known")
            return
        rows = [[str(rank), one.text, f"{one.score:.3f}", one.reason] for rank, one in enumerate(found, start=1)]
        table(rows, header=["#", what, "score", "because"])

    emit({"user": user, what: [one.to_json() for one in found]}, as_json=json, text=text)


def _to_everybody(
    opened: Shop, out: Path | None, *, k: int, where: str | None, workers: int, lang: str, json: bool
) -> None:
    if out is None:
        raise UsageError("--all needs a file to write.", fix="Give --out recs.parquet.")
    with progress_shown() as progress:
        report = opened.recommend_all(out, k=k, where=where, workers=workers, language=lang, progress=progress)

    def text() -> None:
        say(f"{report.rows:,} recommendations for {report.shoppers:,} shoppers -> {report.file}")
        kept = f", {report.kept:,} of them kept from the last run" if report.kept else ""
        say(f"{report.seconds:.1f} s, {report.shoppers / max(report.seconds, 1e-9):,.0f} shoppers/s{kept}")

    emit(report.to_json(), as_json=json, text=text)
