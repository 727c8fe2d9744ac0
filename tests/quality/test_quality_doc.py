"""The page on quality lists every kind of finding and every cleaning step; findings name steps that there are."""

from goodsense.quality.cleaning import STEPS
from goodsense.quality.kinds import KINDS
from tests.quality.quality_doc import PAGE, page


def test_the_tables_are_those_of_the_code() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "run `python -m tests.quality.quality_doc`"


def test_findings_name_steps_that_there_are() -> None:
    assert {step for kind in KINDS.values() for step in kind.steps} <= STEPS.keys()
