"""What shoppers ask of the toy shop and what answers them: text, photos, and photos with a word about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from goodsense.demo.plan import Truth
from goodsense.demo.vocabulary import AGES, COLOURS, MATERIALS, TOYS, Language, Words

_TURNS = ("text", "picture", "both") * 3 + ("text",)  # kinds, one after the other
_SHAPES: dict[str, tuple[tuple[str, ...], ...]] = {  # which attributes a query of a kind may want, beside the type
    "text": (("colour",), ("colour",), ("material",), ("material",), ("age",), ("colour", "material"), ("brand",), ()),
    "picture": (("colour",),),
    "both": (("material",), ("material",), ("age",), ("colour",), ("colour",), ("colour", "material")),
}
_TEXTS: dict[Language, dict[tuple[str, ...], tuple[str, ...]]] = {
    "en": {
        (): ("{noun}", "looking for a {noun}", "nice {noun} as a birthday present"),
        ("colour",): ("{colour} {noun}", "{noun} in {colour}", "a {noun}, {colour} if possible"),
        ("material",): ("{material} {noun}", "{noun} {material}", "a {noun}, {material} if you have it"),
        ("age",): ("{noun} for {age}", "{noun} {age}", "gift {age} {noun}"),
        ("colour", "material"): ("{colour} {material} {noun}", "{material} {noun} {colour}"),
        ("brand",): ("{brand} {noun}", "{noun} by {brand}"),
    },
    "zh": {
        (): ("{noun}", "想买一个{noun}", "{noun} 送礼"),
        ("colour",): ("{colour}的{noun}", "{noun} {colour}", "{colour} {noun}"),
        ("material",): ("{material}{noun}", "{noun} {material}", "想要{material}的{noun}"),
        ("age",): ("{age} {noun}", "适合{age}的{noun}", "{noun} {age} 礼物"),
        ("colour", "material"): ("{colour} {material} {noun}", "{material}{noun} {colour}"),
        ("brand",): ("{brand} {noun}", "{brand}的{noun}"),
    },
}
_BESIDE_PHOTO: dict[Language, dict[tuple[str, ...], tuple[str, ...]]] = {
    "en": {
        ("material",): (
            "like this, {material}",
            "the same, {material}",
            "this {noun} but {material}",
            "{material} {noun} like in my photo",
        ),
        ("age",): ("something like this for {age}", "such a {noun}, {age}", "{noun} like the photo for {age}"),
        ("colour",): ("this one in {colour}", "the same {noun} but {colour}", "such a {noun} in {colour} please"),
        ("colour", "material"): ("this, {colour} and {material}", "{colour} {material} {noun} like this"),
    },
    "zh": {
        ("material",): ("同款 {material}", "和图里一样的{noun}，要{material}的", "类似的{noun} {material}"),
        ("age",): ("类似的，适合{age}", "图里这种{noun} {age}", "{age} 同款{noun}"),
        ("colour",): ("同款{colour}", "图里这种{noun}，要{colour}的", "这个{noun}换成{colour}"),
        ("colour", "material"): ("同款 {colour} {material}", "要{colour}的{noun}，{material}"),
    },
}
_STRANGE = 0.34  # the share of words that the catalog never uses


@dataclass(frozen=True, slots=True)
class Wish:
    """One judged query.

    ``wanted`` maps attributes (``toy``, ``colour``, ``material``, ``age``, ``brand``) to their keys. ``shown`` is the
    type and colour in its photo, None without one. ``held_out`` are the words in its text that the catalog never uses.
    """

    id: str
    kind: str
    language: Language
    text: str
    wanted: Mapping[str, str]
    shown: tuple[str, str] | None
    where: str
    below: float | None
    held_out: tuple[str, ...]

    @property
    def image(self) -> str:
        """Its photo relative to the query file; empty without one."""
        return f"query_images/{self.id}.jpg" if self.shown else ""

    def grade(self, truth: Truth) -> int:
        """2 if a product is all that is wanted, 1 if only the type is right, else 0; 0 behind the filter."""
        if self.below is not None and (truth.price is None or truth.price >= self.below):
            return 0
        if truth.toy != self.wanted["toy"]:
            return 0
        return 2 if all(getattr(truth, name) == value for name, value in self.wanted.items()) else 1


def ask(truths: Sequence[Truth], *, count: int, seed: int) -> tuple[Wish, ...]:
    """Queries of three kinds in nearly equal numbers, each with at least one product that is all it wants."""
    rng = Random(f"queries {seed}")
    models = [truth for truth in truths if truth.material and truth.age]
    found: list[Wish] = []
    asked: set[tuple[object, ...]] = set()
    enough, misses = (4 if len(truths) >= 300 else 1), 0
    while len(found) < count and misses < 200 * count:
        wish = _wish(rng, f"q{len(found) + 1:03d}", _TURNS[len(found) % len(_TURNS)], rng.choice(models))
        mark = (wish.kind, wish.language, tuple(wish.wanted.items()), wish.shown)
        answers = sum(wish.grade(truth) == 2 for truth in truths)
        if mark in asked or answers < enough:
            misses += 1
            enough = max(1, enough - 1) if misses % (20 * count) == 0 else enough
            continue
        asked.add(mark)
        found.append(wish)
    return tuple(found)


def typed(rng: Random, truth: Truth, language: Language) -> str:
    """What somebody types into the search box who looks for such a product."""
    names = tuple(name for name in rng.choice(_SHAPES["text"]) if getattr(truth, name))
    return _text(rng, "text", language, names, {"toy": truth.toy, **{name: getattr(truth, name) for name in names}})[0]


def judge(wishes: Sequence[Wish], truths: Sequence[Truth], *, seed: int) -> dict[str, dict[str, int]]:
    """Grades by query and product: every product of the wanted type, and a sample of others that look tempting."""
    return {wish.id: _judged(wish, truths, Random(f"judge {seed} {wish.id}")) for wish in wishes}


def _judged(wish: Wish, truths: Sequence[Truth], rng: Random) -> dict[str, int]:
    branch = TOYS[wish.wanted["toy"]].branch
    pools: tuple[list[Truth], ...] = ([], [], [])
    chosen: list[Truth] = []
    colour = wish.wanted.get("colour") or (wish.shown[1] if wish.shown else "")
    for truth in truths:
        if truth.toy == wish.wanted["toy"]:
            chosen.append(truth)
        elif truth.colour == colour or truth.material == wish.wanted.get("material"):
            pools[0].append(truth)
        elif TOYS[truth.toy].branch == branch:
            pools[1].append(truth)
        else:
            pools[2].append(truth)
    for pool, most in zip(pools, (14, 8, 10), strict=True):
        chosen += rng.sample(pool, min(most, len(pool)))
    return {truth.id: wish.grade(truth) for truth in sorted(chosen, key=lambda truth: truth.id)}


def _wish(rng: Random, query_id: str, kind: str, model: Truth) -> Wish:
    language: Language = rng.choice(("en", "zh"))
    names = rng.choice(_SHAPES[kind])
    wanted = {"toy": model.toy, **{name: getattr(model, name) for name in names}}
    below = None
    if kind == "text" and rng.random() < 0.12 and model.price is not None:
        below = float(round(model.price * 1.25 / 10 + 1) * 10)
    shown = None
    if kind == "picture":
        shown = (model.toy, model.colour)
    elif kind == "both":
        others = [colour for colour in TOYS[model.toy].colours if colour != model.colour]
        shown = (model.toy, rng.choice(others) if names == ("colour",) else model.colour)
    text, held_out = ("", ()) if kind == "picture" else _text(rng, kind, language, names, wanted)
    where = "" if below is None else f"price < {below:.0f}"
    return Wish(query_id, kind, language, text, wanted, shown, where, below, held_out)


def _text(
    rng: Random, kind: str, language: Language, names: tuple[str, ...], wanted: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """The words of a query, nearly half of them never seen in the catalog."""
    templates = (_TEXTS if kind == "text" else _BESIDE_PHOTO)[language][names]
    notions: dict[str, Words] = {"noun": TOYS[wanted["toy"]].words}
    for name, table in (("colour", COLOURS), ("material", MATERIALS), ("age", AGES)):
        if wanted.get(name):
            notions[name] = table[wanted[name]]
    words, held_out = {"brand": wanted.get("brand", "")}, []
    template = rng.choice(templates)
    for slot, notion in notions.items():
        if f"{{{slot}}}" not in template:
            continue
        strange = rng.random() < _STRANGE
        words[slot] = rng.choice(notion.asked(language) if strange else notion.said(language))
        if strange:
            held_out.append(words[slot])
    return template.format(**words), tuple(held_out)
