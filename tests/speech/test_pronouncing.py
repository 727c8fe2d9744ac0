"""Pronunciations of words that no dictionary has."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.speech.analogy import Analogist, align
from goodsense.speech.dictionary import Dictionary, plural, write_dictionary

KNOWN = {
    word: tuple(tuple(way.split()) for way in ways.split("/"))
    for word, ways in {
        "light": "L AY T",
        "fight": "F AY T",
        "night": "N AY T",
        "box": "B AA K S",
        "fox": "F AA K S",
        "maple": "M EY P AH L",
        "chip": "CH IH P",
        "ship": "SH IH P",
        "shirt": "SH ER T",
        "t": "T IY",
        "f": "EH F",
        "c": "S IY",
        "two": "T UW",
        "hundred": "HH AH N D ER D",
        "zero": "Z IH R OW/Z IY R OW",
        "t-shirt": "T IY SH ER T",
    }.items()
}


def test_letters_are_aligned_with_their_sounds() -> None:
    assert align("light", ("L", "AY", "T")) == ("L", "AY", "_", "_", "T")
    assert align("box", ("B", "AA", "K", "S")) == ("B", "AA", "K S")
    assert align("a", ("EY", "B", "IY")) == ()  # three sounds are too many for a letter


def test_unknown_words_sound_like_those_they_look_like() -> None:
    analogist = Analogist({word: ways[0] for word, ways in KNOWN.items()})
    assert analogist.pronounce("tight") == ("T", "AY", "T")
    assert analogist.pronounce("chox") == ("CH", "AA", "K", "S")
    assert analogist.pronounce("zzyx")  # some sound in any case
    with pytest.raises(ValueError, match="letters from a to z"):
        analogist.pronounce("日本")


def test_the_dictionary_takes_words_apart() -> None:
    dictionary = Dictionary(KNOWN)
    assert dictionary.ways("zero") == (("Z", "IH", "R", "OW"), ("Z", "IY", "R", "OW"))
    assert dictionary.ways("maplefox") == (("M", "EY", "P", "AH", "L", "F", "AA", "K", "S"),)
    assert dictionary.ways("maple-fox") == dictionary.ways("maplefox")
    assert dictionary.ways("foxes") != dictionary.ways("fox")
    assert dictionary.ways("lights") == (("L", "AY", "T", "S"),)
    assert dictionary.ways("ctf") == (("S", "IY", "T", "IY", "EH", "F"),)
    assert dictionary.ways("tshirts") == (("T", "IY", "SH", "ER", "T", "S"),)
    assert ("T", "UW", "HH", "AH", "N", "D", "ER", "D") in dictionary.ways("200")


@pytest.mark.parametrize(("sounds", "ending"), [("T", "S"), ("L", "Z"), ("K S", "IH Z")])
def test_plurals_end_as_they_sound(sounds: str, ending: str) -> None:
    assert plural(tuple(sounds.split())) == (*sounds.split(), *ending.split())


def test_a_dictionary_comes_back_from_its_file(tmp_path: Path) -> None:
    write_dictionary(KNOWN, tmp_path / "words.dict")
    again = Dictionary.from_file(tmp_path / "words.dict")
    assert all(again.ways(word) == ways for word, ways in KNOWN.items())
    assert "zero(2) Z IY R OW\n" in (tmp_path / "words.dict").read_text()
