"""Every finding with a value to expect becomes a step that says so and can be applied."""

from __future__ import annotations

from dataclasses import replace

from goodsense.catalog import Product
from goodsense.catalog.money import Money
from goodsense.quality.census import Census
from goodsense.quality.check import check
from goodsense.quality.cleaning.plan import Plan
from goodsense.quality.cleaning.proposing import propose
from goodsense.quality.cleaning.values import Set
from tests.quality.catalogs import found_in, sound


def test_a_slipped_price_is_proposed_where_it_is_ordinary() -> None:
    products = sound()
    offer = products[4].variants[0]
    products[4] = replace(products[4], variants=(replace(offer, price=Money(20_500, "EUR")),))
    plan = propose(found_in(products).values(), Census.of(products))
    (step,) = (step for step in plan.step if step.do == "set")
    assert isinstance(step, Set)
    assert (step.field, step.values, step.on) == ("price", {"p4": 20.5}, False)
    assert Plan.parse(plan.to_toml()) == plan


def test_what_no_step_can_name_is_left_to_people() -> None:
    products = [Product(str(n), f"Lamp {n}", attributes={"": "N/A", "colour": "red"}) for n in range(12)]
    census = Census.of(products)
    plan = propose(check(census), census)
    assert {step.do for step in plan.step} >= {"whitespace", "width"}
