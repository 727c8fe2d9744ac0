"""Who shops in the toy shop and what its toys are really like: tastes, qualities and popularity, all hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from random import Random

from goodsense.demo.plan import Truth
from goodsense.demo.vocabulary import AGES, BRANDS, COLOURS, TOYS, Language

ASPECTS = ("colour", "size", "durability", "smell", "price", "delivery")  # what reviews speak of
COMPANIONS: Mapping[str, str] = {  # what is often bought with it
    "teapot": "cake", "cake": "teapot", "guitar": "drum", "drum": "guitar", "castle": "dinosaur", "doll": "castle",
    "duck": "fish", "fish": "duck", "car": "digger", "digger": "car", "train": "blocks", "blocks": "train",
    "robot": "rocket", "rocket": "robot", "bear": "doll", "rabbit": "bear", "plane": "puzzle", "puzzle": "plane",
    "piano": "drum", "boat": "duck", "kite": "ball", "ball": "top", "top": "ball", "bicycle": "ball",
    "dinosaur": "puzzle",
}  # fmt: skip
_ZIPF = 0.8
_WEIGHTS = {"kind": 0.4, "colour": 0.2, "brand": 0.15, "price": 0.15, "age": 0.1}


@dataclass(frozen=True, slots=True)
class Shopper:
    """One shopper and what she truly likes.

    ``kinds`` are weights of her favourite kinds of toy, summing to 1. ``price`` is the range she feels at home in, in
    yuan, ``age`` that of the child she buys for, ``mood`` how much kinder than others she rates (1 is all the
    way from one star to five), ``visits`` how often she comes.
    """

    id: str
    language: Language
    kinds: Mapping[str, float]
    colours: tuple[str, ...]
    brands: tuple[str, ...]
    price: tuple[float, float]
    age: str
    mood: float
    visits: int

    def fit(self, truth: Truth) -> float:
        """How well a product fits her taste, from 0 to 1."""
        liked = self.kinds.get(truth.toy, 0.0) / max(self.kinds.values())
        if not liked and any(TOYS[kind].branch == TOYS[truth.toy].branch for kind in self.kinds):
            liked = 0.25
        parts = {
            "kind": liked,
            "colour": float(truth.colour in self.colours),
            "brand": float(truth.brand in self.brands),
            "price": 0.5 if truth.price is None else self._affords(truth.price),
            "age": 0.5 if not truth.age else float(truth.age == self.age),
        }
        return sum(_WEIGHTS[name] * part for name, part in parts.items())

    def _affords(self, price: float) -> float:
        low, high = self.price
        outside = max(log(low / price), log(price / high), 0.0)
        return exp(-2 * outside)


@dataclass(frozen=True, slots=True)
class Quality:
    """What a product is like for everyone: ``overall`` and each aspect from 0 to 1, and its share of attention."""

    overall: float
    aspects: Mapping[str, float]
    popularity: float


def accounts(count: int, *, seed: int) -> tuple[str, ...]:
    """Names of accounts, which tell nothing of who is behind them."""
    return tuple(f"u{number}" for number in Random(f"accounts {seed}").sample(range(10_000, 10_000 + 9 * count), count))


def shoppers(names: Sequence[str], *, seed: int) -> tuple[Shopper, ...]:
    """Shoppers with their tastes, half of them Chinese; a few come very often, most now and then."""
    rng = Random(f"shoppers {seed}")
    fame = {kind: 1 / (rank + 1) ** 0.5 for rank, kind in enumerate(_shuffled(rng, list(TOYS)))}
    languages: tuple[Language, Language] = ("en", "zh")
    return tuple(_shopper(rng, name, languages[place % 2], fame) for place, name in enumerate(names))


def _shopper(rng: Random, shopper_id: str, language: Language, fame: Mapping[str, float]) -> Shopper:
    kinds: dict[str, float] = {}
    for _ in range(rng.randint(2, 5)):
        (kind,) = rng.choices(list(fame), list(fame.values()))
        kinds[kind] = kinds.get(kind, 0.0) + rng.uniform(0.3, 1.0)
    total = sum(kinds.values())
    middle = 85 * exp(rng.gauss(0, 0.5))
    return Shopper(
        id=shopper_id,
        language=language,
        kinds={kind: round(weight / total, 3) for kind, weight in kinds.items()},
        colours=tuple(rng.sample(list(COLOURS), rng.randint(2, 4))),
        brands=tuple(rng.sample([name for name, _ in BRANDS], rng.randint(1, 3))),
        price=(round(middle / 1.8), round(middle * 1.8)),
        age=rng.choice(list(AGES)),
        mood=round(rng.gauss(0, 0.05), 3),
        visits=1 + round(rng.gammavariate(1.1, 4.6)),
    )


def qualities(truths: Sequence[Truth], *, seed: int) -> dict[str, Quality]:
    """The hidden quality of every product, by id; a duplicate listing is the same article and equally good."""
    rng = Random(f"qualities {seed}")
    ranked = _shuffled(rng, [truth.id for truth in truths])
    popularity = {id: 1 / (rank + 1) ** _ZIPF for rank, id in enumerate(ranked)}
    total = sum(popularity.values())
    found: dict[str, Quality] = {}
    for truth in sorted(truths, key=lambda truth: bool(truth.duplicate_of)):
        share = round(popularity[truth.id] / total, 6)
        if truth.duplicate_of:
            same = found[truth.duplicate_of]
            found[truth.id] = Quality(same.overall, same.aspects, share)
            continue
        overall = rng.betavariate(3.2, 1.5)
        aspects = {name: _clipped(overall + rng.gauss(0, 0.15)) for name in ("colour", "size", "durability", "smell")}
        dear = 0.0 if truth.price is None else log(truth.price / TOYS[truth.toy].price)
        aspects["price"] = _clipped(overall - 0.35 * dear)
        found[truth.id] = Quality(round(overall, 3), aspects, share)
    return found


def _shuffled(rng: Random, names: list[str]) -> list[str]:
    return rng.sample(names, len(names))


def _clipped(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 3)


assert COMPANIONS.keys() == TOYS.keys()
assert set(COMPANIONS.values()) <= TOYS.keys()
