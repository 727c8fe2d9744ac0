"""The examples of docs/preprocessing.md give what they say."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "preprocessing.md"


def test_the_examples_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert result.attempted > 25
    assert result.failed == 0


def test_its_picture_is_there() -> None:
    assert (PAGE.parent / "images" / "preprocessing.png").read_bytes().startswith(b"\x89PNG")
