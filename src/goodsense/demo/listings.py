"""Writes a listing for every product: what a shop's feed says, with the gaps and slips that real feeds have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random

from goodsense.demo.flavour import FLAVOUR_EN, FLAVOUR_ZH
from goodsense.demo.phrases import (
    AGE_SAID,
    COLOUR_SAID,
    HYPE,
    MATERIAL_SAID,
    NEUTRAL,
    NOISE,
    PRAISE,
    SIZE_SAID,
    STORIES,
    TITLES,
)
from goodsense.demo.plan import Truth
from goodsense.demo.sights import clip_names, sound_names
from goodsense.demo.vocabulary import AGES, BRANCHES, BRANDS, COLOURS, LINES, MATERIALS, SIZES, TOYS, Language

COLUMNS = (
    "id", "title", "description", "brand", "category", "price", "list_price", "currency", "availability", "stock",
    "color", "material", "size", "age", "images", "audio", "video", "gtin", "url", "updated",
)  # fmt: skip

_NEUTRAL_SHELVES = {"en": ("New arrivals", "Gift ideas", "Bestsellers"), "zh": ("新品", "送礼", "热卖")}
_START = datetime(2026, 1, 5, 9, tzinfo=timezone(timedelta(hours=8)))


@dataclass(frozen=True, slots=True)
class _Said:
    """The words chosen for one listing; empty where it keeps silent."""

    noun: str
    colour: str
    material: str
    stuff: str
    age: str
    size: str
    brand: str
    line: str


def listing(truth: Truth, *, seed: int) -> dict[str, str]:
    """One row of the feed, by column; says nothing that ``truth`` leaves to the photo."""
    rng = Random(f"listing {seed} {truth.duplicate_of or truth.id}")
    said = _words(rng, truth)
    columns = _columns(rng, truth, said)
    title = _title(rng, truth, said)
    description = _description(
        rng, truth, said, known=f"{title} {columns['color']} {columns['material']} {columns['age']}"
    )
    row = {
        "id": truth.id,
        "title": title,
        "description": description,
        "brand": "" if rng.random() < 0.06 else said.brand,
        "category": _category(rng, truth),
        **_offer(rng, truth),
        **columns,
        "images": "|".join(image_names(truth)),
        "audio": "|".join(sound_names(truth, seed=seed)),
        "video": "|".join(clip_names(truth, seed=seed)),
        "gtin": _gtin(rng) if rng.random() < 0.7 else "",
        "url": f"https://toys.example/p/{truth.id.lower()}",
        "updated": (_START + timedelta(minutes=rng.randrange(60 * 24 * 240))).isoformat(),
    }
    if truth.duplicate_of:
        row = _relisted(Random(f"again {seed} {truth.id}"), truth, row)
    return {column: row[column] for column in COLUMNS}


def image_names(truth: Truth) -> tuple[str, ...]:
    """The photos of a product, relative to the feed."""
    return tuple(f"images/{truth.id.lower()}_{number}.jpg" for number in range(1, truth.photos + 1))


def _words(rng: Random, truth: Truth) -> _Said:
    language, place = truth.language, 0 if truth.language == "en" else 1
    brand = next(names for names in BRANDS if names[0] == truth.brand)
    noun = rng.choice(TOYS[truth.toy].words.said(language)) if truth.says_type else rng.choice(NEUTRAL[language])
    return _Said(
        noun=noun,
        colour=rng.choice(COLOURS[truth.colour].said(language)) if truth.says_colour else "",
        material=rng.choice(MATERIALS[truth.material].said(language)) if truth.material else "",
        stuff=MATERIALS[truth.material].said(language)[-1] if truth.material else "",
        age=rng.choice(AGES[truth.age].said(language)) if truth.age else "",
        size=SIZES[truth.size][:2][place],
        brand=brand[0] if rng.random() < 0.25 else brand[place],
        line=rng.choice(LINES)[place],
    )


def _columns(rng: Random, truth: Truth, said: _Said) -> dict[str, str]:
    centimetres = SIZES[truth.size][2]
    sizes = (said.size, f"{centimetres} cm", f"{centimetres}cm", f"{centimetres} x {centimetres // 2 + 1} cm")
    ages = (
        (said.age, truth.age, f"{truth.age[0]} years" if truth.language == "en" else f"{truth.age[0]}岁")
        if said.age
        else ("",)
    )
    return {
        "color": said.colour if rng.random() < 0.8 else "",
        "material": said.stuff if truth.material_column else "",
        "size": rng.choice(sizes) if rng.random() < 0.85 else "",
        "age": rng.choice(ages) if rng.random() < 0.7 else "",
    }


def _title(rng: Random, truth: Truth, said: _Said) -> str:
    language = truth.language
    filled = rng.choice(TITLES[language]).format(
        noun=said.noun,
        brand=said.brand,
        line=said.line,
        hype=rng.choice(HYPE[language]),
        colour=said.colour if rng.random() < 0.7 else "",
        material=said.material if rng.random() < 0.7 else "",
        age=said.age,
        size=said.size,
    )
    title = _tidy(filled)
    other: Language = "zh" if language == "en" else "en"
    if truth.says_type and rng.random() < 0.08:
        title = f"{title} {rng.choice(TOYS[truth.toy].words.said(other))}"  # sellers who write for both
    if rng.random() < 0.06:
        title = _slip(rng, title)
    if language == "en":
        title = title.upper() if rng.random() < 0.05 else title[0].upper() + title[1:]
    elif rng.random() < 0.06:
        title = title.translate(_FULL_WIDTH)
    return title


_FULL_WIDTH = {code: code + 0xFEE0 for code in range(ord("0"), ord("9") + 1)} | {ord("+"): ord("＋")}


def _tidy(text: str) -> str:
    """Close the gaps that words left unsaid."""
    text = re.sub(r"[(（]\s*[)）]|【\s*】|''", " ", text)
    text = re.sub(r"(?:\s*,)+(?=\s*(?:,|$))", "", re.sub(r"\s+", " ", text))
    text = re.sub(r"\s+,", ",", re.sub(r"(?:- )+-", "-", text))
    return re.sub(r"(?<![一-鿿])款$", "", text).strip(" ,-|")


def _slip(rng: Random, text: str) -> str:
    """A typing slip: two neighbouring letters swapped, or a character typed twice."""
    places = [place for place in range(1, len(text) - 2) if text[place].isalpha() and text[place + 1].isalpha()]
    if not places:
        return text
    place = rng.choice(places)
    if rng.random() < 0.5:
        return text[:place] + text[place] + text[place:]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _description(rng: Random, truth: Truth, said: _Said, *, known: str) -> str:
    """Prose, bullets or HTML; states at least the facts that stand nowhere else."""
    language = truth.language
    flavour = FLAVOUR_EN if language == "en" else FLAVOUR_ZH
    told = (said.colour, said.material, said.age)
    facts = (said.colour, said.stuff, said.age)
    needed = [fact for fact, word in zip(facts, told, strict=True) if fact and not _says(known, fact, word)]
    if not needed and rng.random() < 0.1:
        return ""
    sentences = rng.sample(PRAISE[language], rng.randint(1, 3))
    if truth.says_type:
        sentences += rng.sample(flavour[truth.toy], rng.randint(0, 2))
    for fact, templates in ((said.colour, COLOUR_SAID), (said.stuff, MATERIAL_SAID), (said.age, AGE_SAID)):
        if fact and (fact in needed or rng.random() < 0.35):
            sentences.append(rng.choice(templates[language]).format(colour=fact, material=fact, age=fact))
    if rng.random() < 0.5:
        sentences.append(rng.choice(SIZE_SAID[language]).format(size=said.size, cm=SIZES[truth.size][2]))
    if rng.random() < 0.4:
        sentences.append(rng.choice(STORIES[language]).format(brand=said.brand, line=said.line))
    rng.shuffle(sentences)
    if rng.random() < 0.45:
        sentences.append(rng.choice(NOISE[language]).format(sku=f"{truth.id}-{rng.randint(1, 9)}"))
    if rng.random() < 0.08 and not any(fact in sentences[0] for fact in needed):
        sentences[0] = _slip(rng, sentences[0])
    return _laid_out(rng, sentences, gap=" " if language == "en" else "")


def _says(text: str, *words: str) -> bool:
    return any(word.lower() in text.lower() for word in words)


def _laid_out(rng: Random, sentences: list[str], *, gap: str) -> str:
    style = rng.random()
    if style < 0.12:
        items = "".join(f"<li>{sentence}</li>" for sentence in sentences[1:])
        return f"<p>{sentences[0]}</p><ul>{items}</ul>"
    if style < 0.35:
        return "\n".join(f"{rng.choice('•-')} {sentence}" for sentence in sentences)
    return gap.join(sentences)


def _category(rng: Random, truth: Truth) -> str:
    place = 0 if truth.language == "en" else 1
    root = ("Toys", "玩具")[place]
    if not truth.says_type:
        return f"{root} > {rng.choice(_NEUTRAL_SHELVES[truth.language])}"
    toy = TOYS[truth.toy]
    branch, leaf = BRANCHES[toy.branch][place], (toy.leaf_en, toy.leaf_zh)[place]
    return rng.choices((f"{root} > {branch} > {leaf}", f"{root} > {branch}", ""), (90, 5, 5))[0]


def _offer(rng: Random, truth: Truth) -> dict[str, str]:
    stock = 0 if rng.random() < 0.12 else rng.randint(1, 160)
    availability = "in_stock" if stock else rng.choice(("out_of_stock", "out_of_stock", "preorder"))
    listed = truth.price is not None and rng.random() < 0.25
    return {
        "price": "" if truth.price is None else f"{truth.price:.2f}",
        "list_price": f"{truth.price * rng.uniform(1.1, 1.6):.0f}.00" if listed and truth.price else "",
        "currency": "CNY",
        "availability": availability if rng.random() < 0.94 else "",
        "stock": str(stock) if rng.random() < 0.92 else "",
    }


def _gtin(rng: Random) -> str:
    """A 13-digit number of the range that GS1 reserves for use inside one shop, with its check digit."""
    digits = [2, 0, *(rng.randrange(10) for _ in range(10))]
    check = -sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10
    return "".join(map(str, (*digits, check)))


def _relisted(rng: Random, truth: Truth, row: dict[str, str]) -> dict[str, str]:
    """The same article put up once more by somebody else."""
    hype = rng.choice(HYPE[truth.language])
    title = rng.choice((f"{hype} {row['title']}", f"{row['title']} {hype}", _slip(rng, row["title"]), row["title"]))
    changed = {
        "title": title,
        "gtin": row["gtin"] if rng.random() < 0.6 else "",
        "stock": str(rng.randint(1, 60)),
        "availability": "in_stock",
        "brand": row["brand"] if rng.random() < 0.7 else "",
        "updated": (_START + timedelta(minutes=rng.randrange(60 * 24 * 240))).isoformat(),
    }
    return {**row, **changed}
