"""The page of feeds shows what the writers write, and every format."""

import pytest

from goodsense.catalog.feeds import FORMATS
from tests.catalog.feeds_doc import PAGE, page, sections

AGAIN = "run `python -m tests.catalog.feeds_doc`"


def test_the_examples_and_losses_are_those_of_the_code() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, AGAIN


def test_every_format_has_a_section_with_words() -> None:
    said = sections(PAGE.read_text("utf-8"))
    assert set(said) == {known.name for known in FORMATS}, AGAIN
    for name, words in said.items():
        assert len(words) > 20, f"say in docs/feeds.md what {name} is"


def test_what_is_written_by_hand_stays_and_a_new_format_is_added() -> None:
    name = FORMATS[-1].name
    mine = f"# Feeds\n\nHello.\n\n## `{name}`: mine\n\nWords.\n"
    text = page(f"{mine}\n<!-- generated: {name} -->\nold\n<!-- end: {name} -->\n\nBye.\n")
    assert text.startswith(mine)
    assert "\nold\n" not in text
    assert "Bye." in text
    assert set(sections(text)) == {known.name for known in FORMATS}


def test_a_section_without_its_marks_is_told() -> None:
    with pytest.raises(SystemExit, match="<!-- generated: "):
        page(f"## `{FORMATS[0].name}`\n\nWords.\n")
