"""Damaged files of reviews, questions and conversations: what can be read comes out, the rest is said."""

from __future__ import annotations

import pytest

from tests.feedback.mutations import FORMATS, run_mutations


@pytest.mark.parametrize("format_name", FORMATS)
def test_mutations(format_name: str) -> None:
    told = run_mutations(format_name, 200, seed=7)
    assert told["cases"] == 200
    assert told["voices"] > 0
    assert told.get("errors", 0) + told["rejects"] > 0
