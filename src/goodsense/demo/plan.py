"""What every product of the toy shop truly is, decided before a word is written or a line drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from goodsense.demo.vocabulary import AGES, BRANDS, COLOURS, MATERIALS, SIZES, TOYS, Language

_MATERIAL_COST = {"cardboard": 0.7, "plastic": 0.85, "rubber": 0.9, "metal": 1.25, "wood": 1.15}
_SIZE_COST = {"mini": 0.6, "small": 0.85, "medium": 1.0, "large": 1.5}


@dataclass(frozen=True, slots=True)
class Truth:
    """The true attributes of one product and where they can be learned.

    ``material`` and ``age`` are empty where the listing says nothing of them. ``says_type`` and ``says_colour`` are
    False where only the photo knows; ``material_column`` is False where only the prose knows. ``price`` is the one of
    the feed, None where it is missing there. ``duplicate_of`` is the id of the product that this one lists again.
    """

    id: str
    toy: str
    colour: str
    material: str
    age: str
    size: str
    brand: str
    language: Language
    says_type: bool
    says_colour: bool
    material_column: bool
    photos: int
    price: float | None
    duplicate_of: str = ""


def _third(rng: Random, count: int) -> set[int]:
    return set(rng.sample(range(count), count // 3))


def plan(products: int, *, seed: int) -> tuple[Truth, ...]:
    """Decide on all products: types in equal shares, a third of types and of colours left to the photo alone,
    a third of the materials left to the prose alone, one in twenty a duplicate listing."""
    rng = Random(f"plan {seed}")
    duplicates = products // 20
    originals = products - duplicates
    kinds = [list(TOYS)[index % len(TOYS)] for index in range(originals)]
    rng.shuffle(kinds)
    mute, pale, prose = (_third(rng, originals) for _ in range(3))
    blind = set(rng.sample(sorted(set(range(originals)) - mute - pale), round(originals * 0.07)))
    chinese = set(rng.sample(range(originals), originals // 2))
    numbers = rng.sample(range(10000, 10000 + 4 * products), products)
    found = []
    for index, kind in enumerate(kinds):
        truth = _article(rng, f"TY{numbers[index]}", kind)
        photos = 0 if index in blind else rng.choices((1, 2), (84, 16))[0]
        found.append(
            replace(
                truth,
                language="zh" if index in chinese else "en",
                says_type=index not in mute,
                says_colour=index not in pale,
                material_column=index not in prose and bool(truth.material),
                photos=photos,
            )
        )
    again = rng.sample(found, duplicates)
    for number, original in zip(numbers[originals:], again, strict=True):
        price = None if original.price is None else round(original.price * rng.uniform(0.94, 1.05), 1)
        found.append(replace(original, id=f"TY{number}", duplicate_of=original.id, price=price))
    rng.shuffle(found)
    return tuple(found)


def _pick(rng: Random, choices: Sequence[str]) -> str:
    """Likeliest first."""
    return rng.choices(choices, [len(choices) - place * 0.55 for place in range(len(choices))])[0]


def _article(rng: Random, product_id: str, kind: str) -> Truth:
    toy = TOYS[kind]
    colour = rng.choice(list(COLOURS)) if rng.random() < 0.06 else _pick(rng, toy.colours)
    material = _pick(rng, toy.materials)
    assert material in MATERIALS
    size = rng.choice(list(SIZES))
    cost = toy.price * _MATERIAL_COST.get(material, 1.0) * _SIZE_COST[size] * rng.uniform(0.75, 1.35)
    price = round(cost) - rng.choice((0.1, 0.1, 0.5, 1.0)) if rng.random() > 0.015 else None
    return Truth(
        id=product_id,
        toy=kind,
        colour=colour,
        material="" if rng.random() < 0.06 else material,
        age="" if rng.random() < 0.06 else _pick(rng, ("3+", "1+", "6+", "0+", "8+")),
        size=size,
        brand=rng.choice(BRANDS)[0],
        language="en",
        says_type=True,
        says_colour=True,
        material_column=True,
        photos=1,
        price=price,
    )


assert all(set(toy.colours) <= COLOURS.keys() and set(toy.materials) <= MATERIALS.keys() for toy in TOYS.values())
assert "3+" in AGES
