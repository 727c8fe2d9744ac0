"""Spoken queries: how well catalog phrases are understood, with and without the catalog's words, and what they find.

Reads ``fashion_products/products.csv``; the speech is synthetic (espeak-ng).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path, working_directory, write_csv
from benchmarks.espeak import padded, resampled, speak
from goodsense.shop import Shop, Source
from goodsense.speech.sphinx import PASSED, RATE, SphinxRecogniser
from goodsense.speech.words import written_words
from goodsense.types import Sound

PROTOCOL = (
    "SYNTHETIC speech: espeak-ng, {voices} voices in turn, {speeds} words per minute in turn, faint noise. The catalog "
    "is one product per distinct title of fashion_products. {limit} titles of three to five words from products of the "
    "test split are spoken; their own titles are left out of the language model, which has all other titles and the "
    "values of the attributes, and every word of theirs stands in another title, too. Settings were chosen on such "
    "titles of the validation split. Word error rate on lower-case words, before any sound is taken for no speech: the "
    "catalog's model against pocketsphinx's own general model and settings. recall@10: the product of that very title "
    "among the first ten by BM25 over the whole catalog; what is rejected finds nothing. False alarms: the share of "
    "esc10 clips (first two seconds; no speech among them) that give any words; the thresholds were set looking at "
    "some forty such clips, so this rate is a little flattered"
)
VOICES = ("en-us", "en-us+f3", "en", "en-gb-x-rp+f2")
SPEEDS = (130, 150, 170)
SPOKEN, SEED = 200, 20
GENERAL, CATALOG = "general model", "catalog"
VALUES = ("gender", "masterCategory", "subCategory", "articleType", "baseColour", "usage")
LENGTHS = range(3, 6)


@dataclass(frozen=True)
class Heard:
    """What a recogniser makes of one sound: all it hears, and what it lets pass as speech."""

    words: tuple[str, ...]
    passed: bool


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, default=SPOKEN, help="titles that are spoken")
    options = made.parse_args()
    protocol = PROTOCOL.format(voices=len(VOICES), speeds=", ".join(map(str, SPEEDS)), limit=options.limit)
    bench = Bench("voice", protocol, seeds={"titles": SEED}, settings={"limit": options.limit, "voices": list(VOICES)})
    with working_directory(options.work) as work:
        run(bench, options.data, work, options.limit)
    bench.write(report_path(options, bench.name, whole=options.limit == SPOKEN))


def run(bench: Bench, data: Path, work: Path, limit: int) -> None:
    rows = read_csv(data / "fashion_products" / "products.csv")
    titles = held_out(rows, limit)
    bench.details["titles"] = {"spoken": len(titles), "distinct": len({row["title"] for row in rows})}
    sounds = [spoken(title, place) for place, title in enumerate(titles)]
    with Shop.create(work / "shop") as shop:
        with bench.stage("build"):
            ids = build(shop, rows, work)
        wanted = [ids[title] for title in titles]
        bench.figure("recall@10, typed", recall(shop, titles, wanted))
        models = phrases_of(rows, titles)
        heard: dict[str, list[Heard]] = {}
        for name, phrases in models.items():
            with bench.stage(f"recognise, {name}"):
                heard[name] = recognised(phrases, sounds)
            target = 0.8 if name == CATALOG else None
            bench.figure(f"recall@10, {name}", recall(shop, map(_passed, heard[name]), wanted), target=target)
    report(bench, titles, heard)
    with bench.stage("false alarms"):
        alarms = [one.passed for one in recognised(models[CATALOG], noises(data / "esc10"))]
    bench.figure("false alarms on esc10", float(np.mean(alarms)), better="lower")


def report(bench: Bench, titles: Sequence[str], heard: Mapping[str, Sequence[Heard]]) -> None:
    """Word error rates, of all and by voice, and what was heard of the first titles."""
    asked = [tuple(written_words(title)) for title in titles]
    rates = {}
    for name, found in heard.items():
        words = [one.words for one in found]
        rates[name] = error_rate(asked, words)
        bench.figure(f"word error rate, {name}", rates[name], better="lower")
        step = len(VOICES)
        bench.details[name] = {
            "word error rate by voice": {v: error_rate(asked[i::step], words[i::step]) for i, v in enumerate(VOICES)},
            "rejected as no speech": sum(not one.passed for one in found),
            "examples": [
                {"said": title, "heard": " ".join(one.words)} for title, one in zip(titles[:20], found, strict=False)
            ],
        }
    ratio = rates[CATALOG] / rates[GENERAL]
    bench.figure("word error rate, catalog over general model", ratio, target=0.25, better="lower")


def phrases_of(rows: Sequence[Mapping[str, str]], titles: Sequence[str]) -> dict[str, list[str]]:
    """What each recogniser is made of: nothing, the catalog without the spoken titles, and the whole catalog."""
    others = sorted({row["title"] for row in rows} - set(titles))
    values = sorted({row[name] for row in rows for name in VALUES})
    return {GENERAL: [], CATALOG: [*others, *values], "catalog with these titles": [*others, *values, *titles]}


def build(shop: Shop, rows: Sequence[Mapping[str, str]], work: Path) -> dict[str, str]:
    """One product per title; returns their ids by title."""
    ids = {row["title"]: row["id"] for row in reversed(rows)}
    shop.ingest(Source(write_csv(work / "products.csv", ("id", "title"), ((id, title) for title, id in ids.items()))))
    shop.build()
    return ids


def recall(shop: Shop, texts: Iterable[str], wanted: Sequence[str]) -> float:
    """The share of texts whose product stands among the first ten by words alone."""
    found = []
    for text, id in zip(texts, wanted, strict=True):
        hits = shop.search(text, k=10, using=["bm25"]).hits if text.strip() else ()
        found.append(id in {hit.id for hit in hits})
    return float(np.mean(found))


def held_out(rows: Sequence[Mapping[str, str]], limit: int) -> list[str]:
    """Titles of the test split that are spoken: every word of them stands in another title as well."""
    titles = sorted({row["title"] for row in rows})
    uses = Counter(word for title in titles for word in set(written_words(title)))
    fit = sorted(
        title
        for title in {row["title"] for row in rows if row["split"] == "test"}
        if len(written_words(title)) in LENGTHS and all(uses[word] > 1 for word in written_words(title))
    )
    chosen = random.Random(SEED).sample(fit, min(limit, len(fit)))
    left = Counter(word for title in set(titles) - set(chosen) for word in set(written_words(title)))
    return [title for title in chosen if all(left[word] for word in written_words(title))]


def spoken(title: str, place: int) -> NDArray[np.float32]:
    """A title as one of the voices says it, at 16 kHz, with a little room around it."""
    samples, rate = speak(title, voice=VOICES[place % len(VOICES)], speed=SPEEDS[place % len(SPEEDS)])
    return padded(resampled(samples, rate, RATE), RATE, seed=place)


def recognised(phrases: Sequence[str], sounds: Sequence[NDArray[np.float32]]) -> list[Heard]:
    """What is heard in each sound, by two processes."""
    halves = [list(sounds[place::2]) for place in range(2)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(_hear, [phrases] * 2, halves)
    return [(first, second)[place % 2][place // 2] for place in range(len(sounds))]


def _hear(phrases: Sequence[str], sounds: Sequence[NDArray[np.float32]]) -> list[Heard]:
    recogniser = SphinxRecogniser(phrases)
    found = []
    for samples in sounds:
        transcript = recogniser.hear(Sound(samples[:, None], RATE))
        found.append(Heard(tuple(written_words(transcript.text)), transcript.confidence >= PASSED))
    return found


def error_rate(asked: Sequence[Sequence[str]], heard: Sequence[Sequence[str]]) -> float:
    """Insertions, deletions and substitutions over the words that were said."""
    wrong = sum(distance(one, other) for one, other in zip(asked, heard, strict=True))
    return wrong / sum(map(len, asked))


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein distance of two lists of words."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _passed(one: Heard) -> str:
    return " ".join(one.words) if one.passed else ""


def noises(folder: Path) -> list[NDArray[np.float32]]:
    """Two seconds of every fourth clip."""
    from goodsense.media.reading import SoundWish, read_medium

    files = sorted((folder / "audio").iterdir())[::4]
    wish = SoundWish(rate=RATE, max_seconds=2.0)
    return [read_medium(file.read_bytes(), wish, name=file.name).samples[:, 0] for file in files]


if __name__ == "__main__":
    main()
