"""Written down and read again, a review, a question or a conversation is the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goodsense.errors import UsageError
from goodsense.feedback import REVIEWS, Review, content_key, dumps, read_voices, write_voices
from goodsense.feedback.writing import WRITTEN
from goodsense.tables import Rejects
from goodsense.text.personal import redact
from tests.feedback.voices import MADE, REVIEW


@pytest.mark.parametrize("name", MADE)
def test_json_gives_it_back_and_is_canonical(name: str) -> None:
    kind, strategy = MADE[name]

    @given(strategy)
    def check(voice: Any) -> None:
        assert kind.type.from_json(voice.to_json()) == voice
        assert dumps(kind.type.from_json(voice.to_json())) == dumps(voice)
        assert voice.rewritten(lambda text: text) == voice
        assert voice.renamed(lambda user: user) == voice

    check()


@given(REVIEW, REVIEW)
def test_equal_reviews_give_equal_text_and_others_do_not(one: Review, other: Review) -> None:
    assert (one == other) == (dumps(one) == dumps(other))


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("ending", WRITTEN)
def test_files_give_everything_back(name: str, ending: str) -> None:
    kind, strategy = MADE[name]

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.lists(strategy, min_size=1, max_size=4, unique_by=lambda voice: voice.id))
    def check(voices: list[Any]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / f"out.{ending}"
            assert write_voices(kind, iter(voices), path) == len(voices)
            rejects = Rejects.to_memory()
            found = [voice for _, voice in read_voices(kind, path, rejects=rejects)]
        assert not rejects.first
        assert [dumps(voice) for voice in found] == [dumps(voice) for voice in voices]

    check()


def test_a_file_of_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="xlsx"):
        write_voices(REVIEWS, [], tmp_path / "reviews.xlsx")


def test_the_key_of_a_content_does_not_tell_what_was_taken_out() -> None:
    plain = Review("", product="P", text="call 13800138000 now")
    assert content_key(plain, redact) == content_key(plain.rewritten(redact), redact)
    assert content_key(plain, redact) == content_key(Review("", product="P", text="call 13900139000 now"), redact)
    assert content_key(plain, redact) != content_key(Review("", product="Q", text="call 13800138000 now"), redact)
