"""A shop of 48 toys whose shoppers' tastes are known by construction."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from goodsense.catalog import Product
from goodsense.events import Event
from goodsense.shop import Recipe, Shop
from goodsense.shop.build import build
from tests.shop.catalogs import THINGS, toy

DAY = 86_400.0
START = 1_700_000_000.0
QUICK = {
    "encoders": {"image": "", "audio": "", "video": "", "reviews": "", "behaviour": ""},
    "fusion": {"joint": "off", "weights": {"text": 0.5}},
}
LAST = 100 * DAY  # the day of the last event, after the start
UNTOUCHED = "toy-0047"  # in the catalog, and nobody did anything with it
SOLD_OUT = "toy-0003"


def products() -> list[Product]:
    """48 toys, eight of each thing; of one there are none."""
    found = [toy(number) for number in range(48)]
    gone = found[3]
    found[3] = replace(gone, variants=(replace(gone.variants[0], availability="out_of_stock"),))
    return found


def of_thing(thing: str) -> list[str]:
    """The ids of the eight toys that are this thing."""
    return [f"toy-{number:04d}" for number in range(48) if THINGS[(number // 4) % 6] == thing]


@cache
def shoppers() -> list[Event]:
    """Thirty shoppers: five care for each thing, look at all of its toys but one, and buy the first two in one basket.

    Thirty others buy ``toy-0000`` in the end and nothing else, so it is the most popular one.
    """
    events = []
    for number in range(30):
        user, own = f"u{number:02d}", of_thing(THINGS[number % 6])
        liked = [id for place, id in enumerate(own) if place != 2 + number // 6 and id != UNTOUCHED]
        at, turn = START + number * 3 * DAY, 1 + number // 6
        for place, id in enumerate([*liked[turn:], *liked[:turn]]):
            time = at + place
            events.append(Event(user, id, "view", time=time, session=f"s{user}", query=f"{THINGS[number % 6]} toy"))
        for place, id in enumerate(liked[:2]):
            events.append(Event(user, id, "purchase", time=at - 5 + place, session=f"s{user}"))
        events.append(Event(f"x{number:02d}", "toy-0000", "purchase", time=START + LAST - number))
    events.append(Event("u00", "gone-0001", "view", time=START + 5))
    events.append(Event("solo", "toy-0004", "view", time=START, query="call me at 13812345678"))
    return events


def visited_shop(directory: Path) -> Path:
    """The toys and what the shoppers did, built."""
    with Shop.create(directory) as shop:
        shop.add(products())
        shop.add_events(shoppers())
    build(directory, Recipe.model_validate(QUICK), workers=1)
    return directory
