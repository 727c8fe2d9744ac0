"""Generated parts of the docs are those that the code makes."""

from __future__ import annotations

from benchmarks.encoders_page import PAGE, filled


def test_the_page_of_encoders_is_up_to_date() -> None:
    text = PAGE.read_text("utf-8")
    assert filled(text) == text, "run: python -m benchmarks.encoders_page"
