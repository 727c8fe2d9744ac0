"""`goodsense demo`: a complete little shop and its shoppers, made on the spot, and what goodsense does with them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodsense.cli import printing
from goodsense.cli.listening import listened
from goodsense.cli.output import emit, progress_shown, say, table
from goodsense.errors import UsageError
from goodsense.progress import Progress

if TYPE_CHECKING:
    from goodsense.demo import ToyShop
    from goodsense.shop import Shop

_MARK = ".goodsense-demo"
_RECIPE = """\
# how this shop is built; whatever is not named here has its default
[encoders]
video = "frames+motion"
"""


def run_demo(directory: Path, *, products: int, as_json: bool) -> None:
    """Make the toys, put them and what shoppers did and said in, build, evaluate, search, recommend, and check."""
    started = time.perf_counter()
    _make_room(directory)
    narrate: Callable[[str], None] = (lambda line: None) if as_json else say
    with progress_shown() as progress:
        data = _run(directory, products, narrate, progress)
    data["seconds"] = round(time.perf_counter() - started, 1)
    emit(data, as_json=as_json, text=lambda: _farewell(directory, data))


def _run(directory: Path, products: int, narrate: Callable[[str], None], progress: Progress) -> dict[str, Any]:
    from goodsense.demo import make_toy_shop
    from goodsense.shop import Shop

    found: dict[str, Any] = {}
    narrate(f"1. A shop of generated toys in {directory}/source (nothing in it is real)")
    toys = make_toy_shop(directory / "source", products=products, progress=progress)
    narrate(
        f"   {toys.product_count} products, {toys.picture_count} pictures, {toys.sound_count} sounds, "
        f"{toys.clip_count} clips, {toys.query_count + len(toys.sights)} judged queries, "
        f"{len(toys.crowd.shoppers)} shoppers"
    )
    with Shop.create(directory / "shop") as shop:
        narrate(f"\n2. goodsense ingest {directory}/shop {toys.feed}")
        report = shop.ingest(toys.feed, progress=progress)
        pictures = ", ".join(f"{count} {what}" for what, count in report.media.items())
        narrate(f"   {report.added} products added, {report.rejected} rejected; media: {pictures}")
        found["ingest"] = report.to_json()
        narrate("\n3. What shoppers did and said")
        found |= _listen(shop, toys, narrate, progress)
        narrate(f"\n4. goodsense build {directory}/shop (its recipe.toml tells clips apart by how things move, too)")
        (shop.directory / "recipe.toml").write_text(_RECIPE, "utf-8")
        build = shop.build(progress=progress)
        if narrate is say:
            printing.built(build)
        narrate(f"\n5. goodsense evaluate search {directory}/shop --queries ... --qrels ...")
        figures = _evaluate(shop, toys, progress)
        if narrate is say:
            _show_figures(figures)
        narrate("\n6. Six searches")
        answers = _answer(shop, toys, show=narrate is say)
        recommended = _recommend(shop, narrate)
        narrate(f"\n8. goodsense check {directory}/shop")
        checked = _check(shop, narrate, progress)
    found |= {"build": build.to_json(), "evaluate": figures, "answers": answers}
    return {**found, "recommended": recommended, "check": checked}


def _listen(shop: Shop, toys: ToyShop, narrate: Callable[[str], None], progress: Progress) -> dict[str, Any]:
    """Put in what shoppers did, reviewed, asked, and told the support."""
    from goodsense.shop.voices import KINDS, VoiceSource, ingest_voices

    narrate(f"   goodsense events {shop.directory} {toys.events}")
    done = shop.ingest_events(toys.events, progress=progress)
    counts = ", ".join(f"{name} {count:,}" for name, count in done.shop.types.items())
    narrate(f"   {done.shop.events:,} events of {done.shop.users} users: {counts}")
    found: dict[str, Any] = {"events": done.to_json()}
    paths = {"reviews": toys.reviews, "questions": toys.questions, "conversations": toys.conversations}
    personal = 0
    for kind in KINDS:
        narrate(f"   goodsense {kind.name} {shop.directory} {paths[kind.name]}")
        report = ingest_voices(shop.truth, kind, [VoiceSource(paths[kind.name])], progress=progress)
        found[kind.name] = report.to_json()
        personal += sum(report.summary.personal.values())
    ratings = found["reviews"]["summary"]
    narrate(
        f"   {ratings['count']:,} reviews with {ratings['mean_rating']:.2f} stars on average, "
        f"{found['questions']['added']} questions, {found['conversations']['added']} conversations; "
        f"personal data {personal} times (goodsense redact takes it out)"
    )
    return found


def _check(shop: Shop, narrate: Callable[[str], None], progress: Progress) -> dict[str, Any]:
    """Check the catalog's quality, and write the page about it."""
    from goodsense.shop.checking import write_page

    checked = shop.check(progress=progress)
    page = write_page(checked, shop.directory, shop.directory / "reports" / "check.html")
    report = checked.report
    scores = ", ".join(f"{name} {value:.1f}" for name, value in report.scores.items())
    narrate(f"   {report.score:.1f} of 100 ({scores}); {len(report.findings)} kinds of findings")
    narrate(f"   {page}")
    return {**report.to_json(), "html": str(page)}


def _make_room(directory: Path) -> None:
    """An earlier demo is replaced; any other directory with something in it is not touched."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / _MARK).exists():
            raise UsageError(f"{directory} is not empty and no demo.", fix="Name a directory that does not exist yet.")
        for inside in directory.iterdir():
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)
            elif inside.name != _MARK:  # it stays: whoever is killed here finds a demo the next time
                inside.unlink()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).touch()


def _evaluate(shop: Shop, toys: ToyShop, progress: Progress) -> dict[str, Any]:
    from goodsense.shop.evaluation import evaluate_search

    found: dict[str, Any] = {}
    for name, using in _SYSTEMS:
        result = evaluate_search(shop, toys.queries, toys.qrels, using=using, progress=progress)
        found[name] = result.to_json()
    by_sight = ((_BY_SOUND, toys.sound_queries, toys.sound_qrels), (_BY_CLIP, toys.clip_queries, toys.clip_qrels))
    for name, queries, qrels in by_sight:
        found[name] = evaluate_search(shop, queries, qrels, progress=progress).to_json()
    return found


_SYSTEMS: tuple[tuple[str, list[str] | None], ...] = (
    ("words alone (BM25)", ["bm25"]),
    ("text vectors alone", ["text"]),
    ("pictures alone", ["image"]),
    ("everything fused", None),
)
_BY_SOUND, _BY_CLIP = "queries by sound", "queries by clip"


def _show_figures(figures: dict[str, Any]) -> None:
    rows = [
        [name, *(f"{found['metrics'][metric]:.3f}" for metric in ("ndcg@10", "recall@10", "mrr@10"))]
        for name, found in figures.items()
    ]
    table(rows, header=["scored by", "nDCG@10", "recall@10", "MRR@10"])
    some = next(iter(figures.values()))
    say(f"{some['queries']} generated queries in Chinese and English; a query that a block cannot read counts as 0;")
    say(f"{figures[_BY_SOUND]['queries']} more ask by a sound, {figures[_BY_CLIP]['queries']} by a clip")


def _answer(shop: Shop, toys: ToyShop, *, show: bool) -> list[dict[str, Any]]:
    from goodsense.shop import make_query
    from goodsense.types import AudioRef, ImageRef, VideoRef

    sound, clip = (
        toys.directory / next(sight.file for sight in toys.sights if sight.kind == kind) for kind in ("audio", "video")
    )
    photo = ImageRef(str(sorted(toys.query_images.iterdir())[0]))
    asked = (
        ("by text: 红色的木制火车", make_query("红色的木制火车")),
        (f"by picture: {photo.uri}", make_query(image=photo)),
        ("by both: the picture, but 'wooden'", make_query("wooden", image=photo)),
        (f"by a sound: {sound}", make_query(audio=AudioRef(str(sound)))),
        (f"by a clip: {clip}", make_query(video=VideoRef(str(clip)))),
        (f"by voice: {_spoken_wish(toys)}", make_query(audio=AudioRef(str(_spoken_wish(toys))))),
    )
    answers = []
    for title, query in asked:
        listening, heard = listened(shop, query) if query.parts[0].kind == "audio" else (query, {})
        hits = shop.search(listening, k=5)
        answers.append({**hits.to_json(), **heard})
        if show:
            say(f"\n   {title}")
            printing.heard(heard)
            printing.hits(hits, {}, explain=False)
    return answers


def _recommend(shop: Shop, narrate: Callable[[str], None]) -> dict[str, Any]:
    """What one shopper of the crowd may want next, after what was done last."""
    from goodsense.cli import recommend

    user = _some_shopper(shop)
    narrate(f"\n7. goodsense recommend {shop.directory} {user} -k 5")
    hits = shop.recommend(user, k=5)
    if narrate is say:
        for viewed in shop.recently_viewed(user, k=3):
            say(f"   {viewed.id} {printing.cut(viewed.title, 44)}: {viewed.reason}")
        recommend.show(hits)
    return hits.to_json()


def _some_shopper(shop: Shop) -> str:
    """The first by id of those whose history is nearest to ten products, two of them bought."""
    rows = shop.truth.rows(
        "SELECT user FROM events WHERE user <> '' AND item IN (SELECT id FROM products) GROUP BY user "
        "ORDER BY abs(count(DISTINCT item) - 10) + abs(count(DISTINCT iif(type = 'purchase', item, NULL)) - 2), user"
    )
    return str(next(rows)[0])


def _spoken_wish(toys: ToyShop) -> Path:
    """A spoken wish that some product of the shop grants: its words name a toy and a colour or a material."""
    said: dict[str, str] = json.loads((toys.spoken / "spoken.json").read_text("utf-8"))
    named = {word for truth in toys.truth for word in (truth.toy, truth.colour, truth.material)}
    best = max(said, key=lambda file: (len(named & set(said[file].split())), file))
    return toys.spoken / best


def _farewell(directory: Path, data: dict[str, Any]) -> None:
    say(f"\nDone in {data['seconds']} s. Try it yourself:")
    say(f'  goodsense search {directory}/shop "gift for a baby" --explain')
    say(f'  goodsense search {directory}/shop "积木" --where "price < 100 and in_stock"')
    say(f"  goodsense search {directory}/shop --audio {directory}/source/query_sounds/s002.flac")
    say(f'  goodsense search {directory}/shop "gift" --where "reviews.bayes > 4.2"')
    say(f"  goodsense similar {directory}/shop ID")
    say(f"  goodsense recommend {directory}/shop --goes-with ID")
    say(f"  goodsense recommend {directory}/shop --history ID --explain")
    say(f"  goodsense reviews {directory}/shop")
    say(f"  goodsense clean {directory}/shop --plan")
