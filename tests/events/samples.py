"""Events whose right answers are known by construction."""

from __future__ import annotations

import random

from goodsense.events import Event

START = 1_700_000_000.0
WEIGHTS = {"view": 1.0, "cart": 3.0, "purchase": 5.0}


def event(user: str, item: str, type: str = "view", *, at: float | None = None, **more: object) -> Event:
    """An event ``at`` seconds after the start."""
    return Event(user, item, type, time=None if at is None else START + at, **more)  # type: ignore[arg-type]


def shoppers(users: int, items: int, events: int, *, seed: int = 0, untimed: float = 0.0) -> list[Event]:
    """Random events with many ties and repeats, some of them without a time."""
    rng = random.Random(seed)
    return [
        event(
            f"u{rng.randrange(users)}",
            f"商品{rng.randrange(items)}",
            rng.choice(tuple(WEIGHTS)),
            at=None if rng.random() < untimed else rng.randrange(50) * 1000.0,
        )
        for _ in range(events)
    ]


def rich(count: int = 40) -> list[Event]:
    """Events that use every field, with odd but legal values in them."""
    rng = random.Random(3)
    return [
        Event(
            rng.choice(("王小明", "u-1", "=cmd()", "a,b", "O'Hara", '5"')),
            rng.choice(("商品1", "007", "x|y", "-3", "id with space")),
            rng.choice(("view", "purchase", "分享", "custom type")),
            weight=rng.choice((None, 0.1, -2.0, 1e-7)),
            rating=rng.choice((None, 4.5, 5.0)),
            quantity=rng.choice((None, 2.0, 0.3333333333333333)),
            query=rng.choice(("", "红色 玩具", "'=1+1", "two\nlines", "true")),
            duration=rng.choice((None, 12.25)),
            time=rng.choice((None, START + n + 0.123457, START + n)),
            session=rng.choice(("", "s1")),
            split=rng.choice(("", "train", "val", "test")),
            key=f"own-{n}" if n % 3 == 0 else "",
            ranking=rng.choice(("", "list-1", "=list 2")),
            position=rng.choice((None, 0, 3)),
            value=rng.choice((None, 19.99, -5.0)),
            context=rng.choice(({}, {"device": "phone"}, {"place": "上海", "local_time": "08:30", "=x": "a,b"})),
        )
        for n in range(count)
    ]
