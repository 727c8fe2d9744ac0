"""Generated parts of the docs are those that the code makes."""

from __future__ import annotations

import pytest

from benchmarks import encoders_page, recommenders_page


@pytest.mark.parametrize("made", [encoders_page, recommenders_page], ids=["encoders", "recommenders"])
def test_the_page_is_up_to_date(made: object) -> None:
    text = made.PAGE.read_text("utf-8")  # type: ignore[attr-defined]
    assert made.filled(text) == text, f"run: python -m {made.__name__}"  # type: ignore[attr-defined]
