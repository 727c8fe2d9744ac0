"""Which toys can be heard and seen moving in the shop, and what shoppers ask by sound and by clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from goodsense.demo.plan import Truth
from goodsense.demo.sounds import SOUNDING

_HEARD, _FILMED = 0.6, 0.35  # shares of the articles that could be
_ASKED = 25  # queries of each kind, at most


def sound_names(truth: Truth, *, seed: int) -> tuple[str, ...]:
    """The recordings of a product, relative to the feed; a product that is listed again has the same one."""
    article = truth.duplicate_of or truth.id
    if truth.toy not in SOUNDING or Random(f"heard {seed} {article}").random() >= _HEARD:
        return ()
    return (f"sounds/{article.lower()}.flac",)


def clip_names(truth: Truth, *, seed: int) -> tuple[str, ...]:
    """The clips of a product, relative to the feed."""
    article = truth.duplicate_of or truth.id
    return (f"clips/{article.lower()}.mp4",) if Random(f"filmed {seed} {article}").random() < _FILMED else ()


@dataclass(frozen=True, slots=True)
class Sight:
    """A query by a sound or a clip: the toy and, in a clip, the colour that it shows."""

    id: str
    kind: Literal["audio", "video"]
    toy: str
    colour: str

    @property
    def file(self) -> str:
        """Relative to the query file."""
        return f"query_sounds/{self.id}.flac" if self.kind == "audio" else f"query_clips/{self.id}.mp4"

    def grade(self, truth: Truth) -> int:
        """2 for the toy that is heard, or seen in its colour; 1 for the toy in another colour; else 0."""
        if truth.toy != self.toy:
            return 0
        return 2 if self.kind == "audio" or truth.colour == self.colour else 1


def ask_by_sight(truths: Sequence[Truth], *, seed: int) -> tuple[Sight, ...]:
    """Queries by sound and by clip, each kind of toy at most once, for which the shop has an answer of the kind."""
    heard = [truth for truth in truths if sound_names(truth, seed=seed)]
    filmed = [truth for truth in truths if clip_names(truth, seed=seed)]
    return (
        *(Sight(f"s{n:03d}", "audio", truth.toy, truth.colour) for n, truth in _models(heard, f"by sound {seed}")),
        *(Sight(f"c{n:03d}", "video", truth.toy, truth.colour) for n, truth in _models(filmed, f"by clip {seed}")),
    )


def _models(truths: Sequence[Truth], seed: str) -> list[tuple[int, Truth]]:
    rng = Random(seed)
    by_toy: dict[str, list[Truth]] = {}
    for truth in truths:
        by_toy.setdefault(truth.toy, []).append(truth)
    picked = [rng.choice(own) for own in by_toy.values()]
    rng.shuffle(picked)
    return list(enumerate(picked[:_ASKED], start=1))


def judge_by_sight(sights: Sequence[Sight], truths: Sequence[Truth], *, seed: int) -> dict[str, dict[str, int]]:
    """Grades by query and product: every product of the toy, and thirty others."""
    found = {}
    for sight in sights:
        rng = Random(f"judge {seed} {sight.id}")
        own = [truth for truth in truths if truth.toy == sight.toy]
        others = [truth for truth in truths if truth.toy != sight.toy]
        chosen = [*own, *rng.sample(others, min(30, len(others)))]
        found[sight.id] = {truth.id: sight.grade(truth) for truth in sorted(chosen, key=lambda truth: truth.id)}
    return found


def record(truth: Truth, *, seed: int) -> bytes:
    """The recording of a product."""
    from goodsense.demo.sounds import ring

    article = f"{seed} {truth.duplicate_of or truth.id}"
    return ring(truth.toy, seed=article, look=article, size=truth.size, material=truth.material)


def film(truth: Truth, *, seed: int) -> bytes:
    """The clip of a product; it looks as its photos do."""
    from goodsense.demo import clips

    article = f"{seed} {truth.duplicate_of or truth.id}"
    return clips.film(truth.toy, truth.colour, seed=article, look=article)


def take(sight: Sight, *, seed: int) -> bytes:
    """What a shopper records or films."""
    from goodsense.demo import clips
    from goodsense.demo.sounds import ring

    if sight.kind == "audio":
        return ring(sight.toy, seed=f"{seed} query {sight.id}", by_shopper=True)
    return clips.film(sight.toy, sight.colour, seed=f"{seed} query {sight.id}", by_shopper=True)
