"""Seeded damage to cleaning plans: a plan comes out, or one error that names the file and a way out."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from goodsense.catalog import Money, Product, Variant
from goodsense.errors import GoodsenseError
from goodsense.quality.cleaning import Plan, fit_steps, run_steps
from tests.catalog.mutations import mutate

VALID = """\
format = 1
[[step]]
do = "whitespace"
why = "空格"
[[step]]
do = "spelling"
field = "brand"
values = { "NIKE" = "Nike" }
[[step]]
do = "fill"
field = "attribute.colour"
with = "nearest"
k = 3
[[step]]
do = "outliers"
field = "price"
threshold = 3.5
[[step]]
do = "units"
field = "attribute.width"
to = "cm"
[[step]]
do = "deduplicate"
groups = [["1", "2"], ["3", "4"]]
[[step]]
do = "set"
field = "variant.7.price"
[step.values]
7 = 9.99
"""
PRODUCTS = [
    Product(
        str(n),
        f"Lamp {n}",
        brand="NIKE" if n % 2 else "",
        category=("Lamps",),
        attributes={"width": f"{n} in"} if n % 3 else {"colour": "red"},
        variants=(Variant(str(n), price=Money(1000 + 37 * n, "EUR")),),
    )
    for n in range(12)
]


def run_plan_mutations(format_name: str, count: int, seed: int) -> dict[str, float]:
    """Load ``count`` damaged plans and run those that are still plans.

    Raises
    ------
    AssertionError
        With seed and case, at the first that breaks the rule.
    """
    told: Counter[str] = Counter()
    slowest = 0.0
    list(run_steps(fit_steps(Plan.parse(VALID).steps, lambda: PRODUCTS), PRODUCTS))  # libraries load once, untimed
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "plan.toml"
        for case in range(count):
            rng = random.Random(f"{format_name}/{seed}/{case}")
            change, damaged = mutate(VALID.encode(), rng, packed=False)
            path.write_bytes(damaged)
            start = time.process_time()
            problem = _run(path, f"plan, seed {seed}, case {case} ({change})")
            slowest = max(slowest, time.process_time() - start)
            told["plans" if problem is None else "errors"] += 1
            if problem is not None:
                assert "plan.toml" in problem.message, f"case {case} ({change}): {problem}"
                assert problem.fix, f"case {case} ({change}): {problem}"
    return {"cases": count, **told, "slowest": round(slowest, 3)}


def _run(path: Path, case: str) -> GoodsenseError | None:
    try:
        plan = Plan.load(path)
        list(run_steps(fit_steps(plan.steps, lambda: PRODUCTS), PRODUCTS))
    except GoodsenseError as error:
        return error
    except Exception as error:
        raise AssertionError(f"{case}: {error!r}") from error
    return None
