"""Visits whose outcome is known: who puts something into the cart buys it, and who does not, does not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from goodsense.events import Event
from goodsense.shop import Shop
from goodsense.shop.recommending.visits import Foretelling, given_visit, learn_visits, read_visit_of

START, DAY = 1_700_000_000.0, 86_400.0


def visits(count: int, *, telling: bool = True) -> Iterator[Event]:
    """Visits of three views; of every other one the middle one is a cart, and it buys in the end.

    Without ``telling``, chance says which ones buy.
    """
    chance = random.Random(0)
    for number in range(count):
        user, name, at = f"u{number:03d}", f"v{number:03d}", START + number * DAY
        carts = number % 2 == 1
        buys = carts if telling else chance.random() < 0.5
        for place, kind in enumerate(("view", "cart" if carts else "view", "view", *["purchase"] * buys)):
            yield Event(user, f"p{place}", kind, time=at + 60 * place, session=name)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as shop:
        yield shop


def test_a_cart_is_told_from_a_look(empty: Shop, tmp_path: Path) -> None:
    empty.add_events(visits(160))
    learned = learn_visits(empty.truth, tmp_path)
    assert (learned.visits, learned.buying, learned.kept) == (160, 80, True)
    assert learned.reliability is not None
    assert learned.reliability.skill > 0.3
    foretell = Foretelling.of(tmp_path, learned.to_json())
    assert foretell.reliability == learned.reliability
    cart, look = (
        foretell(read_visit_of(empty.truth, begun(empty, name, kind))) for name, kind in (("c", "cart"), ("l", "view"))
    )
    assert cart.probability is not None
    assert look.probability is not None
    assert cart.base is not None
    assert cart.probability > cart.base > look.probability
    assert cart.lift == cart.probability / cart.base
    assert (cart.actions, cart.bought) == (2, False)


def begun(shop: Shop, name: str, kind: str) -> str:
    """A visit of two actions that is under way; its name."""
    at = START + 400 * DAY
    shop.add_events([Event(f"new-{name}", "p0", "view", time=at, session=name)])
    shop.add_events([Event(f"new-{name}", "p1", kind, time=at + 60, session=name)])
    return name


def test_what_followed_the_purchase_does_not_count(empty: Shop, tmp_path: Path) -> None:
    empty.add_events(visits(160))
    foretell = Foretelling.of(tmp_path, learn_visits(empty.truth, tmp_path).to_json())
    before = foretell(read_visit_of(empty.truth, "v001"))
    empty.add_events([Event("u001", "p0", "view", time=START + DAY + 600, session="v001")])
    after = foretell(read_visit_of(empty.truth, "v001"))
    assert before.bought
    assert after.probability == before.probability


def test_what_tells_nothing_is_not_kept(empty: Shop, tmp_path: Path) -> None:
    empty.add_events(visits(180, telling=False))
    learned = learn_visits(empty.truth, tmp_path)
    assert learned.reliability is not None
    assert not learned.kept
    assert not list(tmp_path.glob("visits/*"))
    found = Foretelling.of(tmp_path, learned.to_json())(given_visit(empty.truth, ["p0"]))
    assert found.probability is None
    assert "no better" in found.message


def test_the_same_log_gives_the_same_bytes(empty: Shop, tmp_path: Path) -> None:
    empty.add_events(visits(160))
    files = []
    for name in ("a", "b"):
        learn_visits(empty.truth, tmp_path / name)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name / "visits").iterdir()})
    assert files[0]
    assert files[0] == files[1]


def test_too_few_visits_teach_nothing(empty: Shop, tmp_path: Path) -> None:
    empty.add_events(visits(20))
    learned = learn_visits(empty.truth, tmp_path)
    assert learned.reliability is None
    assert "too few" in learned.note
    found = Foretelling.of(tmp_path, learned.to_json())(given_visit(empty.truth, ["p0"]))
    assert found.probability is None
    assert "too few" in found.message
