"""The language model: probabilities, smoothing, and the form that recognisers read."""

from __future__ import annotations

import pytest

from goodsense.speech.ngrams import END, START, ngrams_of

PHRASES = [["red", "wooden", "train"], ["red", "car"], ["blue", "wooden", "car"], ["red", "wooden", "train"], ["car"]]


@pytest.mark.parametrize(
    "history",
    [
        (),
        (START,),
        ("red",),
        ("wooden",),
        ("train",),
        (START, "red"),
        ("red", "wooden"),
        ("blue", "red"),
        ("car", "car"),
    ],
)
def test_what_may_follow_sums_up_to_one(history: tuple[str, ...]) -> None:
    model = ngrams_of(PHRASES)
    total = sum(10 ** model.log10(word, history) for word in (*model.words, END))
    assert total == pytest.approx(1.0, abs=1e-9)


def test_what_was_seen_is_likelier_and_all_is_possible() -> None:
    model = ngrams_of(PHRASES)
    assert model.log10("train", ("red", "wooden")) > model.log10("car", ("red", "wooden"))
    assert model.log10("train", ("red",)) > model.log10("train", ("car",))  # "wooden" may be left out
    assert model.log10("wooden", (START,)) > -3  # shoppers begin anywhere
    assert model.log10("blue", ("train",)) > -6


def test_repeated_phrases_count_once_and_words_are_limited() -> None:
    assert ngrams_of(PHRASES) == ngrams_of([*PHRASES, ["red", "car"]])
    assert ngrams_of(PHRASES, limit=2).words == ("car", "wooden") or ngrams_of(PHRASES, limit=2).words == ("car", "red")
    assert ngrams_of([]).words == ()


def test_repeated_words_are_no_trouble() -> None:
    model = ngrams_of([["new", "new", "york"], ["new"]])
    assert sum(10 ** model.log10(word, ("new", "new")) for word in (*model.words, END)) == pytest.approx(1.0)


def test_the_arpa_text_counts_its_grams() -> None:
    text = ngrams_of(PHRASES).arpa()
    head = dict(line.removeprefix("ngram ").split("=") for line in text.splitlines() if line.startswith("ngram "))
    for order, count in head.items():
        section = text.split(f"\\{order}-grams:\n")[1].split("\n\n")[0]
        assert len(section.splitlines()) == int(count)
        assert all(len(line.split("\t")[1].split()) == int(order) for line in section.splitlines())
    assert text.endswith("\\end\\\n")
