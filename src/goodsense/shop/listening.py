"""Spoken queries: what is said in a sound, by a recogniser that knows the words of this shop's catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from goodsense.errors import UsageError
from goodsense.media.reading import SoundWish, read_bytes, read_medium
from goodsense.shop.listing import encodable
from goodsense.shop.truth import Truth
from goodsense.types import MediaRef, Part, Query, Sound

if TYPE_CHECKING:
    from goodsense.speech import Recogniser, Transcript

PHRASES = 50_000  # titles and other phrases that the recogniser learns from, evenly over a larger catalog
_LEAST = 0.1  # how much the sound itself counts beside what is surely said in it


def catalog_phrases(truth: Truth, *, most: int = PHRASES) -> Iterator[str]:
    """Titles, brands, categories and values of attributes, each once: what many products say, no shopper says more."""
    every = max(1, len(truth) * 6 // most)
    said: set[str] = set()
    for number, product in enumerate(truth.products()):
        if number % every:
            continue
        for value in (product.title, *encodable(product).values()):
            for phrase in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
                if phrase not in said:
                    said.add(phrase)
                    yield phrase


def recogniser_of(truth: Truth, name: str) -> Recogniser:
    """The recogniser of this name, biased to the catalog.

    Raises
    ------
    DependencyError
        If its package or model is not installed; names the remedy.
    UsageError
        If the recipe turned speech off, or there is no such recogniser.
    """
    from goodsense.speech import make_recogniser

    if not name:
        raise UsageError("this shop's recipe turned speech off.", fix='Set recogniser = "pocketsphinx" under [speech].')
    return make_recogniser(name, phrases=catalog_phrases(truth))


def read_sound(ref: MediaRef) -> Sound:
    """A sound of a local file, mono, at 16 kHz.

    Raises
    ------
    UsageError, DataError
        If it is a URL, or cannot be read.
    """
    return read_medium(read_bytes(ref), SoundWish(), name=ref.uri)


def spoken_query(query: Query, said: Transcript, *, sounds: bool) -> Query:
    """The query with what was said in its sound: the surer the words, the less the sound itself counts.

    ``sounds`` says whether the shop can be searched by sound at all; without it, the words stand alone.
    """
    if not said.text:
        return query
    parts: list[Part] = []
    for part in query.parts:
        if part.kind != "audio":
            parts.append(part)
            continue
        parts.append(Part("text", said.text, part.weight * max(said.confidence, _LEAST), part.using))
        if sounds:
            weight = part.weight * max(1.0 - said.confidence, _LEAST)
            parts.append(Part("audio", part.value, weight, part.using))
    return Query(tuple(parts), query.where, query.exclude)
