"""Words of one language find products that only have the other, and products without any words, by their pictures.

Makes a demo shop (Chinese and English), and reads ``fashion_products`` and its pictures.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, report_path, working_directory
from benchmarks.fashion_blocks import TITLE, Fashion, Rows, taken
from goodsense.demo import make_toy_shop
from goodsense.demo.plan import Truth
from goodsense.demo.vocabulary import COLOURS, TOYS, Language
from goodsense.evaluate.experiment import bootstrap
from goodsense.fusion import make_fusion
from goodsense.fusion.joint import JOINT
from goodsense.learning.lesson import Lesson
from goodsense.search.lexical import Lexical, LexicalSettings
from goodsense.shop import Shop
from goodsense.types import Embeddings, Query, normalise

PROTOCOL = (
    "Recall@10 is the share of the right products among the first ten, of at most ten; intervals are 95 % bootstrap "
    "over queries; chance is the expectation of a random order. Demo shop: generated, half of its products Chinese "
    "and half English, some bilingual; the build of its feed alone (no events), its joint space in closed form as "
    "default builds of this shop choose it, in which every fifth product with a photo has lost all of its text. A "
    "query is a colour and a kind of toy in one language, in words of the catalog; what is asked for are products of "
    "that kind and colour, among the products with a photo and text in the other language only (no letter of the "
    "query's script anywhere), and among those without any text. fashion_products: a sample of a catalog that is "
    "English only. No data set here has products with pictures in two languages, so a second language is made: every "
    "word of a title is replaced by a word of its own in another alphabet, drawn by hash, so nothing but pictures and "
    "bilingual products connects them; a word still means one word, which is easier than a real language. Half of the "
    "products (by hash of their title) keep only the one text, half only the other, and a share of the training "
    "products has both. Encoders and closed-form fusion are fitted on train; a title of a test product in the "
    "language that it lacks asks for products of the same title among the test products of the other language, by "
    "their text and picture together. BM25 shares no word with what it should find; 'pictures exchanged' is the "
    "fusion after the training products' pictures were dealt out anew: with no bridge there is nothing to cross"
)
SEEDS = (101,)
PRODUCTS, SAMPLE = 600, 4_000
MUTE = 5  # one in so many products with a photo says nothing
BRIDGES = (0.0, 0.1)  # of the training products
TEXTS = ("title", "description", "brand", "category", "color", "material", "size", "age")
K = 10
_HAN, _LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]")
_LETTERS = "абвгдежзиклмнопрстуфхцчшщэюя"
SYSTEMS: Mapping[str, Sequence[str] | None] = {
    "BM25": ("bm25",),
    "text vectors": ("text",),
    "joint": (JOINT,),
    "fused": None,
}
CLOSED = "cca"
AIMS = {"joint": 2.0}  # times chance
Figures = NDArray[np.float64]


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, default=SAMPLE, help="products of fashion to use, spread over the file")
    made.add_argument("--cache", type=Path, help="where descriptors of pictures are kept for the next run")
    options = made.parse_args()
    bench = Bench("cross_language", PROTOCOL, seeds={"fusions": 0}, settings={"products": options.limit})
    bench.settings |= {"demo seeds": SEEDS, "bilingual share of train": BRIDGES}
    fashion(bench, Fashion.read(options.data / "fashion_products", options.limit, cache=options.cache))
    demo(bench, options.work)
    bench.write(report_path(options, bench.name, whole=options.limit == SAMPLE))


@dataclass(frozen=True, eq=False)
class Search:
    """Scores of a gallery ``(q, g)`` and which of it is right."""

    scores: Figures
    right: NDArray[np.bool_]

    @property
    def recall(self) -> Figures:
        """``(q,)``; what has no score above all that share no word, the floor of its row, is not found."""
        order = np.argsort(-self.scores, axis=1, kind="stable")[:, :K]
        found = np.take_along_axis(self.right & np.isfinite(self.scores), order, axis=1).sum(axis=1)
        recall: Figures = found / np.minimum(self.right.sum(axis=1), K)
        return recall

    @property
    def chance(self) -> Figures:
        count, every = self.right.sum(axis=1), self.right.shape[1]
        expected: Figures = count * min(K, every) / every / np.minimum(count, K)
        return expected


def told(bench: Bench, name: str, search: Search, *, target: float | None = None) -> None:
    own = bootstrap(search.recall)
    chance = float(search.chance.mean())
    bench.figure(f"{name}: recall@{K}", own.mean, target=None if target is None else round(target * chance, 3))
    bench.details[name] = {"queries": own.n, "mean": own.mean, "95 %": [own.lower, own.upper], "chance": chance}


# ---- the demo shop


def demo(bench: Bench, work: Path | None) -> None:
    found: dict[str, list[Search]] = {}
    for seed in SEEDS:
        with working_directory(work) as folder, bench.stage(f"demo, seed {seed}"):
            for name, search in searches(folder, seed).items():
                found.setdefault(name, []).append(search)
    for name, several in found.items():
        values, chance = (np.concatenate(each) for each in zip(*((s.recall, s.chance) for s in several), strict=True))
        own = bootstrap(values)
        task, system = name.split(": ")
        factor = AIMS.get(system)
        target = None if factor is None else round(factor * float(chance.mean()), 3)
        bench.figure(f"demo, {name}: recall@{K}", own.mean, target=target)
        bench.details[f"demo, {name}"] = {"queries": own.n, "95 %": [own.lower, own.upper]}
        bench.details[f"demo, {task}: chance"] = float(chance.mean())


def searches(folder: Path, seed: int) -> dict[str, Search]:
    """By task and system."""
    toys = make_toy_shop(folder / "source", products=PRODUCTS, seed=seed)
    silent = muted(toys.feed, toys.truth)
    with Shop.create(folder / "shop") as shop:
        shop.ingest(toys.feed)
        (shop.directory / "recipe.toml").write_text(f'[fusion]\njoint = "{CLOSED}"\n', "utf-8")
        shop.build()
        truth = {own.id: own for own in toys.truth}
        products = [own for own in shop.truth.products() if own.images]
        words = {own.id: " ".join([own.title, own.description, *own.category, own.brand]) for own in products}
        galleries = {
            "zh -> en": ("zh", [id for id, said in words.items() if said.strip() and not _HAN.search(said)]),
            "en -> zh": ("en", [id for id, said in words.items() if said.strip() and not _LATIN.search(said)]),
            "zh -> no text": ("zh", [id for id in words if id in silent]),
            "en -> no text": ("en", [id for id in words if id in silent]),
        }
        found = {}
        for task, (language, ids) in galleries.items():
            asked, right = queries(language, [truth[id] for id in ids])  # type: ignore[arg-type]
            rows = shop.snapshot.rows_of(ids)
            for system, using in SYSTEMS.items():
                scores = np.stack([scored(shop, text, using, rows) for text in asked])
                found[f"{task}: {system}"] = Search(scores, right)
        return found


def muted(feed: Path, truth: Sequence[Truth]) -> set[str]:
    """Take all text from every fifth product with a photo; returns which."""
    with feed.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        header, rows = list(reader.fieldnames or ()), list(reader)
    shown = [row for row in rows if row["images"]][::MUTE]
    for row in shown:
        row.update(dict.fromkeys(TEXTS, ""))
    with feed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return {row["id"] for row in shown} & {own.id for own in truth}


def queries(language: Language, gallery: Sequence[Truth]) -> tuple[list[str], NDArray[np.bool_]]:
    """A colour and a kind of toy, and which of the gallery are that."""
    asked, right = [], []
    for kind, toy in TOYS.items():
        for name, colour in COLOURS.items():
            row = [own.toy == kind and own.colour == name for own in gallery]
            if any(row):
                said = colour.said(language)[0], toy.words.said(language)[0]
                asked.append("的".join(said) if language == "zh" else " ".join(said))
                right.append(row)
    return asked, np.array(right, dtype=np.bool_)


def scored(shop: Shop, text: str, using: Sequence[str] | None, rows: Rows) -> Figures:
    scores = shop.snapshot.scores(shop.encode(Query.of_text(text), using=using), rows)
    found: Figures = np.asarray(scores, dtype=np.float64)
    return np.full(len(rows), -np.inf) if np.ptp(found) == 0 else found  # all alike: nothing is found


# ---- fashion in two languages


def fashion(bench: Bench, catalog: Fashion) -> None:
    plain = catalog.column(TITLE).tolist()
    other = [foreign(title) for title in plain]
    halves = np.array([_number(title) % 2 for title in plain])
    train, test = catalog.at("train"), catalog.at("test")
    for share in BRIDGES:
        drawn = np.random.default_rng(0).random(len(plain)) < share
        both = drawn & (catalog.column("split") == "train")
        said = [
            f"{one} {two}" if is_both else (two if half else one)
            for one, two, half, is_both in zip(plain, other, halves, both, strict=True)
        ]
        with bench.stage("fashion: encoders"):
            blocks, asked = with_queries(catalog, train, said, plain, other, halves)
        with bench.stage("fashion: fit"):
            fusion = make_fusion(CLOSED)
            fusion.fit(taken(blocks, train), lesson=Lesson(catalog.titles[train]), seed=0)
        seen = normalise(fusion.fuse(blocks).vectors)
        probes = normalise(fusion.fuse({"text": asked}).vectors)
        for task, half in (("1 -> 2", 1), ("2 -> 1", 0)):
            rows = test[halves[test] == half]
            right = catalog.titles[rows][:, None] == catalog.titles[rows]
            called = f"fashion, {share:.0%} bilingual, language {task}"
            scores = (probes[rows] @ seen[rows].T).astype(np.float64)
            told(bench, f"{called}: joint", Search(scores, right), target=AIMS["joint"])
            told(bench, f"{called}: pictures exchanged", exchanged(catalog, blocks, asked, train, rows, right))
            beside(bench, called, blocks, asked, rows, right, (plain if half else other, said))


def with_queries(
    catalog: Fashion, train: Rows, said: Sequence[str], plain: Sequence[str], other: Sequence[str], halves: Rows
) -> tuple[dict[str, Embeddings], Embeddings]:
    """Blocks of the products, and their titles in the language that they lack."""
    from goodsense.encoders import make_encoder

    blocks = catalog.blocks(train, texts=said, facts=False)
    text: Any = make_encoder("text", "lsa", {"dim": blocks["text"].dim})
    text.fit([{TITLE: said[row]} for row in train.tolist()], seed=0)
    missing = [one if half else two for one, two, half in zip(plain, other, halves.tolist(), strict=True)]
    return blocks, catalog.block(text.encode_query(missing))


def exchanged(
    catalog: Fashion,
    blocks: Mapping[str, Embeddings],
    asked: Embeddings,
    train: Rows,
    rows: Rows,
    right: NDArray[np.bool_],
) -> Search:
    """The same search when the pictures that taught were other products' ones."""
    dealt = np.random.default_rng(0).permutation(train)
    taught = {"text": blocks["text"].take(train), "image": catalog.block(blocks["image"].vectors[dealt], train)}
    fusion = make_fusion(CLOSED).fit(taught, lesson=Lesson(catalog.titles[train]), seed=0)
    seen = normalise(fusion.fuse(taken(blocks, rows)).vectors)
    probes = normalise(fusion.fuse({"text": asked.take(rows)}).vectors)
    return Search((probes @ seen.T).astype(np.float64), right)


def beside(
    bench: Bench,
    name: str,
    blocks: Mapping[str, Embeddings],
    asked: Embeddings,
    rows: Rows,
    right: NDArray[np.bool_],
    texts: tuple[Sequence[str], Sequence[str]],
) -> None:
    """What words alone find."""
    titles, said = texts
    settings = LexicalSettings(field_weights={TITLE: 1.0})
    lexical = Lexical.build([{TITLE: said[row].lower().split()} for row in rows.tolist()], settings)
    scores = np.stack(
        [lexical.score_all(lexical.encode_query(titles[row].lower().split())).astype(np.float64) for row in rows]
    )
    told(bench, f"{name}: BM25", Search(np.where(scores > 0, scores, -np.inf), right))
    alike = normalise(asked.vectors[rows]) @ normalise(blocks["text"].vectors[rows]).T
    told(bench, f"{name}: text vectors", Search(alike.astype(np.float64), right))


def foreign(title: str) -> str:
    """Every word in another alphabet: eight letters by its hash, the same for the same word."""
    return " ".join(_word(word) for word in re.findall(r"\w+", title.lower()))


def _word(word: str) -> str:
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in blake2b(word.encode(), digest_size=8).digest())


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


if __name__ == "__main__":
    main()
