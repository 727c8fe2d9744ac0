"""Plans are TOML that people change: what is wrong in one is said with step, key and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.quality.cleaning import STEPS, Plan
from tests.quality.cleaning.mutations import run_plan_mutations

EVERY = """
format = 1
[[step]]
do = "whitespace"
why = "3 titles with stray spaces"
[[step]]
do = "spelling"
field = "brand"
on = false
values = { "NIKE" = "Nike", "阿迪" = "阿迪达斯", 'quo"ted' = "x" }
[[step]]
do = "fill"
field = "attribute.colour"
with = "nearest"
[[step]]
do = "deduplicate"
groups = [["a", "b"], ["c", "d", "e"]]
"""


def test_a_plan_comes_back_from_its_own_text() -> None:
    plan = Plan.parse(EVERY)
    assert Plan.parse(plan.to_toml()) == plan
    assert [step.do for step in plan.steps] == ["whitespace", "fill", "deduplicate"]
    assert plan.to_toml().startswith("# A cleaning plan")


def test_every_step_has_a_name_of_its_own_and_says_what_it_does() -> None:
    for name, step in STEPS.items():
        assert step.model_fields["do"].default == name
        assert step.__doc__


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[step]]\ndo = "fil"', "step 1 does 'fil', which no step is called.*[Dd]id you mean 'fill'"),
        ('[[step]]\ndo = "fill"\nfield = "brand"\nwith = "mode"\nkk = 2', "step 1 .fill. has the unknown key 'kk'"),
        ('[[step]]\ndo = "fill"\nfield = "brandd"\nwith = "mode"', "step 1 .fill., key 'field'.*found 'brandd'"),
        ('[[step]]\ndo = "fill"\nfield = "price"\nwith = "mean"', "offers"),
        ('[[step]]\ndo = "fill"\nfield = "brand"\nwith = "constant"', "value belongs"),
        ('[[step]]\ndo = "units"\nfield = "attribute.w"\nto = "furlong"', "unknown unit 'furlong'"),
        ('[[step]]\ndo = "outliers"\nfield = "title"', "outliers are found in"),
        ('[[step]]\ndo = "drop-values"\nfield = "title"', "give values or ids"),
        ('[[step]]\ndo = "deduplicate"\ngroups = [["a"]]', "at least two"),
        ('[[step]]\ndo = "deduplicate"\ngroups = [["a", "b"], ["b", "c"]]', "'b' stands in two groups"),
        ('[[step]]\ndo = "set"\nfield = "price"\n[step.values]\n7 = inf', "is inf, which is no finite number"),
        ('[[step]]\ndo = "set"\nfield = "variant.7.price"\n[step.values]\n7 = "x"', "a price is a number"),
        ('[[step]]\ndo = "set"\nfield = "availability"\n[step.values]\n7 = "sold"', "availabilities: in_stock"),
        ('[[step]]\ndo = "fill"\nfield = "stock"\nwith = "constant"\nvalue = "many"', "whole number"),
        ("steps = 1", "unknown key 'steps'"),
        ("step = 3", "found '3'"),
        ("[[step]", "no valid TOML"),
        ("format = 2", "key 'format'"),
    ],
)
def test_a_wrong_plan_is_explained(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=message) as caught:
        Plan.load(path)
    assert str(path) in caught.value.message
    assert caught.value.fix


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no plan"):
        Plan.load(tmp_path / "plan.toml")
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no readable text"):
        Plan.load(tmp_path / "plan.toml")


def test_damaged_plans_are_plans_or_clear_errors() -> None:
    told = run_plan_mutations("plan", 200, seed=1)
    assert told["plans"] > 10
    assert told["errors"] > 50
