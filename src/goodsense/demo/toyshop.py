"""Makes a complete little bilingual toy shop on the spot: a feed, photos, judged queries, shoppers; all generated."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from goodsense.demo.canvas import Pixels
from goodsense.demo.listings import COLUMNS, image_names, listing
from goodsense.demo.plan import Truth, plan
from goodsense.demo.queries import Wish, ask, judge
from goodsense.demo.shoppers import Crowd, gather, write_crowd
from goodsense.demo.sights import Sight, ask_by_sight, clip_names, film, judge_by_sight, record, sound_names, take
from goodsense.demo.sounds import spoken, spoken_queries
from goodsense.errors import StorageError, UsageError
from goodsense.progress import Progress, silent

MINIMUM = 30

_README = """\
A toy shop made by a program
============================

Everything in this folder is generated: the {products} products, their {pictures} pictures, {sounds} sounds and {clips}
clips, the {queries} queries, the judgements, and the {shoppers} shoppers with all that they do and say. No product,
brand, price, photo, sound or person is real, and nothing was taken from any shop.

products.csv    the feed: one row per product, about half of them in Chinese and half in English, with the gaps,
                slips and duplicate listings that real feeds have
images/         its photos, drawn by code
sounds/         what some of the toys sound like, computed
clips/          how some of them move, rendered
queries.tsv     what shoppers ask: words, a photo, or a photo with words (columns id, text, image, where)
query_images/   the photos of the queries, drawn afresh
sound_queries.tsv, clip_queries.tsv, sound_qrels.tsv, clip_qrels.tsv
                what they ask by a sound or a clip (query_sounds/, query_clips/), and the judgements
spoken/         a few wishes spoken by a machine, and what they say (spoken.json)
qrels.tsv       the judgements in TREC form (query 0 product grade): 2 = all that was asked for,
                1 = the right kind of toy only, 0 = judged and not relevant
events.csv      ninety days in the shop: who searched, clicked, looked at, saved, bought and rated what; some are
                bots, and some of the products are gone
reviews.jsonl   what shoppers say of what they bought, Chinese and English, some of it spam on purpose, some with
                personal data (made up, and nobody's)
questions.jsonl, conversations.jsonl
                what they ask, and what they say to the shop's support
shoppers.json   the hidden truth, for evaluations only: tastes, how good each product really is, which accounts are
                bots, which reviews are spam or say the opposite of their stars, what every text is about

A third of the products leave their kind of toy to the photo alone, and a third their colour; no photo shows a
material. Many queries use words that the catalog never uses. Made with seed {seed}.
"""


@dataclass(frozen=True)
class ToyShop:
    """Where the parts of a generated shop lie, how many there are, and what is true of its products.

    ``truth`` and ``wishes`` are kept in memory only: the feed does not tell them. ``crowd`` are its shoppers, whose own
    truth stands in ``secrets``.
    """

    directory: Path
    feed: Path
    images: Path
    queries: Path
    query_images: Path
    qrels: Path
    sounds: Path
    clips: Path
    sound_queries: Path
    clip_queries: Path
    sound_qrels: Path
    clip_qrels: Path
    spoken: Path
    events: Path
    reviews: Path
    questions: Path
    conversations: Path
    secrets: Path
    readme: Path
    seed: int
    product_count: int
    picture_count: int
    sound_count: int
    clip_count: int
    query_count: int
    judgement_count: int
    duplicate_count: int
    truth: tuple[Truth, ...] = field(repr=False)
    wishes: tuple[Wish, ...] = field(repr=False)
    sights: tuple[Sight, ...] = field(repr=False)
    crowd: Crowd = field(repr=False)


def make_toy_shop(directory: Path, *, products: int = 600, seed: int = 7, progress: Progress = silent) -> ToyShop:
    """Write a toy shop into a directory, equal to the byte for equal ``products`` and ``seed``.

    Parameters
    ----------
    directory
        Made if it is not there; a toy shop that was made there before is replaced, other files stay.
    products
        How many products, duplicates included; about one query is asked per four products, 150 at most, and two
        shoppers come per three products.
    seed
        Everything follows from it.
    progress
        Told how many pictures are drawn.

    Raises
    ------
    UsageError
        If fewer than 30 products are wanted.
    StorageError
        If the directory cannot be written.
    """
    if products < MINIMUM:
        raise UsageError(
            f"a toy shop of {products} products; expected at least {MINIMUM}.", fix="Ask for more products."
        )
    directory = Path(directory)
    truths = plan(products, seed=seed)
    wishes = ask(truths, count=max(24, min(150, products // 4)), seed=seed)
    qrels = judge(wishes, truths, seed=seed)
    pictures = sum(truth.photos for truth in truths)
    shop = ToyShop(
        directory=directory,
        feed=directory / "products.csv",
        images=directory / "images",
        queries=directory / "queries.tsv",
        query_images=directory / "query_images",
        qrels=directory / "qrels.tsv",
        sounds=directory / "sounds",
        clips=directory / "clips",
        sound_queries=directory / "sound_queries.tsv",
        clip_queries=directory / "clip_queries.tsv",
        sound_qrels=directory / "sound_qrels.tsv",
        clip_qrels=directory / "clip_qrels.tsv",
        spoken=directory / "spoken",
        events=directory / "events.csv",
        reviews=directory / "reviews.jsonl",
        questions=directory / "questions.jsonl",
        conversations=directory / "conversations.jsonl",
        secrets=directory / "shoppers.json",
        readme=directory / "README.txt",
        seed=seed,
        product_count=len(truths),
        picture_count=pictures,
        sound_count=sum(len(sound_names(truth, seed=seed)) for truth in truths if not truth.duplicate_of),
        clip_count=sum(len(clip_names(truth, seed=seed)) for truth in truths if not truth.duplicate_of),
        query_count=len(wishes),
        judgement_count=sum(map(len, qrels.values())),
        duplicate_count=sum(bool(truth.duplicate_of) for truth in truths),
        truth=truths,
        wishes=wishes,
        sights=ask_by_sight(truths, seed=seed),
        crowd=gather(truths, seed=seed),
    )
    try:
        _write(shop, qrels, progress)
    except OSError as error:
        raise StorageError(
            f"cannot write the toy shop into {directory}: {error.strerror or error}.",
            fix="Choose a folder you may write.",
        ) from error
    return shop


def _write(shop: ToyShop, qrels: Mapping[str, Mapping[str, int]], progress: Progress) -> None:
    for folder, pictures in ((shop.images, "ty[0-9]*_[0-9].jpg"), (shop.query_images, "q[0-9]*.jpg")):
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob(pictures):
            left_over.unlink()
    rows = [listing(truth, seed=shop.seed) for truth in shop.truth]
    _text(shop.feed, _csv(rows))
    _text(shop.queries, _tsv(("id", "text", "image", "where"), ((w.id, w.text, w.image, w.where) for w in shop.wishes)))
    _text(shop.qrels, _trec(qrels))
    counts = {
        "products": shop.product_count,
        "pictures": shop.picture_count,
        "sounds": shop.sound_count,
        "clips": shop.clip_count,
        "queries": shop.query_count + len(shop.sights),
    }
    _text(shop.readme, _README.format(**counts, shoppers=len(shop.crowd.shoppers), seed=shop.seed))
    write_crowd(shop.crowd, shop.directory)
    _ask_by_sight(shop)
    _draw(shop, progress)
    _record(shop, progress)
    _speak(shop.spoken)


def _ask_by_sight(shop: ToyShop) -> None:
    asked = (("audio", shop.sound_queries, shop.sound_qrels), ("video", shop.clip_queries, shop.clip_qrels))
    for kind, queries, judgements in asked:
        sights = [sight for sight in shop.sights if sight.kind == kind]
        _text(queries, _tsv(("id", kind), ((sight.id, sight.file) for sight in sights)))
        _text(judgements, _trec(judge_by_sight(sights, shop.truth, seed=shop.seed)))


def _speak(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    said = spoken_queries()
    for name in said:
        (folder / name).write_bytes(spoken(name))
    _text(folder / "spoken.json", json.dumps(said, indent=1) + "\n")


def _record(shop: ToyShop, progress: Progress) -> None:
    """Sounds and clips of products and of queries; listings of one article share theirs."""
    for folder in (shop.sounds, shop.clips, shop.directory / "query_sounds", shop.directory / "query_clips"):
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in (*folder.glob("*.flac"), *folder.glob("*.mp4")):
            left_over.unlink()
    jobs: dict[str, Callable[[], bytes]] = {}
    for truth in shop.truth:
        jobs |= {name: partial(record, truth, seed=shop.seed) for name in sound_names(truth, seed=shop.seed)}
        jobs |= {name: partial(film, truth, seed=shop.seed) for name in clip_names(truth, seed=shop.seed)}
    jobs |= {sight.file: partial(take, sight, seed=shop.seed) for sight in shop.sights}
    for done, (name, make) in enumerate(jobs.items(), start=1):
        (shop.directory / name).write_bytes(make())
        progress("recording and filming", done, len(jobs))


def _draw(shop: ToyShop, progress: Progress) -> None:
    from goodsense.demo.drawing import jpeg, photograph

    total = shop.picture_count + sum(wish.shown is not None for wish in shop.wishes)
    done = 0
    for truth in shop.truth:
        for number, name in enumerate(image_names(truth), start=1):
            (shop.directory / name).write_bytes(jpeg(_photo(truth, number, seed=shop.seed)))
            done += 1
            progress("drawing", done, total)
    for wish in shop.wishes:
        if wish.shown is not None:
            picture = photograph(*wish.shown, seed=f"{shop.seed} query {wish.id}", by_shopper=True)
            (shop.directory / wish.image).write_bytes(jpeg(picture))
            done += 1
            progress("drawing", done, total)


def _photo(truth: Truth, number: int, *, seed: int) -> Pixels:
    """A photo of a product; a duplicate listing shows the original's photo, touched up a little."""
    from goodsense.demo.drawing import photograph, reshoot

    article = f"{seed} {truth.duplicate_of or truth.id}"
    picture = photograph(truth.toy, truth.colour, seed=f"{article} {number}", look=article)
    return reshoot(picture, seed=f"{seed} {truth.id} {number}") if truth.duplicate_of else picture


def _csv(rows: Iterable[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _tsv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in (header, *rows))


def _trec(qrels: Mapping[str, Mapping[str, int]]) -> str:
    every = ((query, product, grade) for query, grades in qrels.items() for product, grade in grades.items())
    return "".join(f"{query} 0 {product} {grade}\n" for query, product, grade in every)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
