"""Reviews of toys: stars from taste and hidden quality, texts that agree with them, and flaws put in on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from random import Random
from typing import Literal, TypeAlias

from goodsense.demo.flaws import advert_reviews, copied_reviews, with_personal_data
from goodsense.demo.plan import Truth
from goodsense.demo.tastes import Quality, Shopper
from goodsense.demo.visits import DAYS, END, Purchase
from goodsense.demo.vocabulary import COLOURS, SIZES, TOYS, Language
from goodsense.demo.wording import Lines, Wording
from goodsense.demo.wording_en import ENGLISH
from goodsense.demo.wording_zh import CHINESE
from goodsense.events import Event
from goodsense.feedback import Review

WORDINGS: Mapping[Language, Wording] = {"en": ENGLISH, "zh": CHINESE}
Flaw: TypeAlias = Literal["", "advert", "copied", "mismatch", "personal", "silent"]
_STARS = (0.35, 0.45, 0.55, 0.655)  # where one star ends, and two, three, four
_SAID: Mapping[int, tuple[tuple[int, int], ...]] = {  # by stars, how many aspects are praised and blamed
    5: ((2, 0), (3, 0), (1, 0)), 4: ((2, 1), (1, 1), (2, 0), (1, 0)), 3: ((1, 1), (1, 2)), 2: ((0, 2), (1, 2), (0, 1)),
    1: ((0, 2), (0, 3)),
}  # fmt: skip
_CONCEDED = ("colour", "size", "smell", "delivery")  # what may be right with a toy that is not


@dataclass(frozen=True, slots=True)
class Secret:
    """What is true of a review: its flaw, and what it praises (1) or blames (-1) in truth."""

    flaw: Flaw = ""
    aspects: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Occasion:
    """A shopper with a product in her hands; ``late`` if its delivery went wrong."""

    shopper: Shopper
    truth: Truth
    time: float
    verified: bool
    late: bool


def write_reviews(
    people: Sequence[Shopper],
    purchases: Sequence[Purchase],
    truths: Sequence[Truth],
    hidden: Mapping[str, Quality],
    spammers: Sequence[str],
    *,
    seed: int,
) -> tuple[list[Review], list[Event], dict[str, Secret]]:
    """Reviews by time, the ratings in them as events, and the truth about each review by its id."""
    rng = Random(f"reviews {seed}")
    occasions = _occasions(rng, people, purchases, truths, hidden)
    flaws = _flaws(rng, len(occasions))
    written = [
        _review(Random(f"review {seed} {number}"), occasion, hidden[occasion.truth.id], flaws.get(number, ""))
        for number, occasion in enumerate(occasions)
    ]
    kinds: tuple[tuple[Flaw, list[Review]], ...] = (
        ("advert", advert_reviews(rng, spammers, truths, share=len(occasions) / 1500)),
        ("copied", copied_reviews(rng, spammers, truths, share=len(occasions) / 1500)),
    )
    written += [(review, Secret(flaw)) for flaw, spam in kinds for review in spam]
    written.sort(key=lambda pair: (pair[0].time or END, pair[0].user))
    reviews = [replace(review, id=f"r{number:05d}") for number, (review, _) in enumerate(written, start=1)]
    rated = [_rating(review) for review in reviews if review.verified]
    secrets = {review.id: secret for review, (_, secret) in zip(reviews, written, strict=True)}
    return reviews, rated, secrets


def _rating(review: Review) -> Event:
    assert review.time is not None
    return Event(review.user, review.product, "rate", rating=review.rating, time=review.time.timestamp())


def _occasions(
    rng: Random,
    people: Sequence[Shopper],
    purchases: Sequence[Purchase],
    truths: Sequence[Truth],
    hidden: Mapping[str, Quality],
) -> list[_Occasion]:
    """Most purchases are reviewed once, some days later; a third as many reviews come from things bought elsewhere."""
    shoppers = {shopper.id: shopper for shopper in people}
    by_id = {truth.id: truth for truth in truths}
    found: dict[tuple[str, str], _Occasion] = {}
    for bought in sorted(purchases, key=lambda purchase: (purchase.time, purchase.user, purchase.item)):
        late = rng.random() < 0.1
        days = rng.uniform(17, 26) if late else rng.uniform(3, 9)
        time = bought.time + round(days * 86_400)
        if rng.random() < 0.8 and time < END.timestamp():
            shopper, truth = shoppers[bought.user], by_id[bought.item]
            found.setdefault((shopper.id, truth.id), _Occasion(shopper, truth, time, True, late))
    sums = list(accumulate(hidden[truth.id].popularity for truth in truths))
    for _ in range(len(found) // 3):
        shopper = rng.choice(people)
        truth = max(rng.choices(truths, cum_weights=sums, k=4), key=shopper.fit)
        time = round(END.timestamp() - rng.uniform(0, DAYS) * 86_400)
        found.setdefault((shopper.id, truth.id), _Occasion(shopper, truth, time, False, rng.random() < 0.1))
    return list(found.values())


def _flaws(rng: Random, count: int) -> dict[int, Flaw]:
    """Which reviews have what is wrong on purpose."""
    places = rng.sample(range(count), count)
    found: dict[int, Flaw] = {}
    shares: tuple[tuple[Flaw, float], ...] = (("personal", 0.012), ("mismatch", 0.015), ("silent", 0.05))
    for flaw, share in shares:
        for _ in range(min(max(2, round(share * count)), len(places))):
            found[places.pop()] = flaw
    return found


def _review(rng: Random, occasion: _Occasion, quality: Quality, flaw: Flaw) -> tuple[Review, Secret]:
    shopper, truth = occasion.shopper, occasion.truth
    stars = _stars(rng, occasion, quality)
    if flaw == "mismatch" and stars in (2, 3, 4):
        stars = 5 if stars > 2 else 1
    told = 6 - stars if flaw == "mismatch" else stars
    teller = _Teller(rng, WORDINGS[shopper.language], occasion)
    text, aspects, title = "", dict[str, int](), ""
    if flaw != "silent":
        brief = not flaw and rng.random() < 0.07
        text, aspects = teller.in_short(told) if brief else teller.at_length(told, quality)
        title = teller.title(told) if rng.random() < (0.7 if shopper.language == "en" else 0.1) else ""
    if flaw == "personal":
        text = with_personal_data(rng, text, shopper.language)
    review = Review(
        id="",
        product=truth.id,
        user=shopper.id,
        rating=float(stars),
        title=title,
        text=text,
        language=shopper.language if text else "",
        time=datetime.fromtimestamp(occasion.time, END.tzinfo),
        verified=occasion.verified,
        helpful=int(rng.expovariate(0.8)) if len(text) > 40 else 0,
    )
    return review, Secret(flaw, aspects)


def _stars(rng: Random, occasion: _Occasion, quality: Quality) -> int:
    """Stars: mostly how good the thing is, then whether it is to her taste, how it was delivered, and her mood."""
    liking = 0.6 * quality.overall + 0.25 * occasion.shopper.fit(occasion.truth) + 0.12 * (not occasion.late)
    liking += occasion.shopper.mood + rng.gauss(0, 0.05)
    return 1 + sum(liking > bound for bound in _STARS)


class _Teller:
    """Puts sentences together, and remembers whether the child was mentioned already."""

    def __init__(self, rng: Random, wording: Wording, occasion: _Occasion) -> None:
        truth, shopper = occasion.truth, occasion.shopper
        self._rng, self._wording, self._truth, self._late = rng, wording, truth, occasion.late
        self._spaced = shopper.language == "en"
        self._child = Random(f"child {shopper.id}").choice(wording.children)
        self._named = False
        cm = SIZES[truth.size][2]
        noun = TOYS[truth.toy].words.said(shopper.language)[0]
        self._slots = {
            "noun": "block set" if noun == "building blocks" else noun,
            "colour": COLOURS[truth.colour].said(shopper.language)[0],
            "cm": str(cm),
            "less": str(round(cm * rng.uniform(0.6, 0.85))),
            "price": "" if truth.price is None else f"{truth.price:.0f}",
        }

    def title(self, stars: int) -> str:
        """A headline."""
        self._named = False
        return self._one(self._wording.titles[stars]).rstrip("。")

    def in_short(self, stars: int) -> tuple[str, dict[str, int]]:
        """A word or two."""
        return self._one(self._wording.brief[stars]), {}

    def at_length(self, stars: int, quality: Quality) -> tuple[str, dict[str, int]]:
        """Several sentences, and which aspects they praise or blame."""
        praised, blamed = self._chosen(stars, quality)
        wording, rng = self._wording, self._rng
        sentences = [self._one(wording.openings[stars])] if rng.random() < 0.85 or not (praised or blamed) else []
        praise = [(self._praise, name) for name in praised]
        blame = [(self._quibble if self._mild(stars, name) else self._blame, name) for name in blamed]
        first, second = (praise, blame) if stars > 2 else (blame, praise)
        sentences += [say(name) for say, name in first]
        for place, (say, name) in enumerate(second):
            turns = wording.turns if stars > 2 else wording.concessions
            sentences.append(say(name) if place or not first else self._led_by(turns, say(name)))
        if rng.random() < 0.45:
            sentences.append(self._one(wording.closings[stars]))
        return self._loosely(sentences, stars), {**dict.fromkeys(praised, 1), **dict.fromkeys(blamed, -1)}

    def _chosen(self, stars: int, quality: Quality) -> tuple[list[str], list[str]]:
        """What is praised and what is blamed: the best and the worst about it, mostly."""
        good, bad = self._rng.choice(_SAID[stars])
        values = {**quality.aspects, "delivery": 0.05 if self._late else 0.75, "play": quality.overall}
        liked = {name: value**2 for name, value in values.items() if stars > 2 or name in _CONCEDED}
        if self._late:
            del liked["delivery"]
        disliked = {name: (1 - value) ** 2 for name, value in values.items() if stars < 4 or name != "play"}
        if not self._late:
            del disliked["delivery"]
        elif bad:
            disliked["delivery"] = 5.0
        blamed = self._drawn(disliked, bad)
        return self._drawn({name: value for name, value in liked.items() if name not in blamed}, good), blamed

    def _drawn(self, weights: Mapping[str, float], count: int) -> list[str]:
        left, found = dict(weights), list[str]()
        while left and len(found) < count:
            (name,) = self._rng.choices(list(left), [value + 0.01 for value in left.values()])
            found.append(name)
            del left[name]
        return found

    def _mild(self, stars: int, aspect: str) -> bool:
        """Whether a fault is a small one: who gives three stars or more got no broken toy."""
        return aspect != "play" and (stars > 3 or (stars == 3 and aspect in ("durability", "smell")))

    def _praise(self, aspect: str) -> str:
        return self._one(self._lines(aspect)[1])

    def _blame(self, aspect: str) -> str:
        return self._one(self._lines(aspect)[0])

    def _quibble(self, aspect: str) -> str:
        return self._one(self._wording.quibbles[aspect])

    def _lines(self, aspect: str) -> tuple[Lines, Lines]:
        if aspect == "play":
            return self._wording.play[self._truth.toy]
        if aspect == "durability" and self._truth.material and self._rng.random() < 0.6:
            return self._wording.stuff[self._truth.material]
        return self._wording.aspects[aspect]

    def _led_by(self, turns: Lines, sentence: str) -> str:
        keep = not self._spaced or sentence.startswith(("I ", "Monday"))
        return self._rng.choice(turns).format(rest=sentence if keep else sentence[0].lower() + sentence[1:])

    def _one(self, lines: Lines) -> str:
        """One of these lines, filled in; none that needs a price where there is none."""
        line = self._rng.choice([line for line in lines if self._slots["price"] or "{price}" not in line])
        full, they, them, their = self._child
        who, whom, whose = (they, them, their) if self._named else (full, full, f"{full}'s")
        self._named = self._named or any(slot in line for slot in ("{who}", "{Who}", "{whom}", "{whose}"))
        return line.format(who=who, Who=who[0].upper() + who[1:], whom=whom, whose=whose, **self._slots)

    def _loosely(self, sentences: list[str], stars: int) -> str:
        """As people type: some without the last stop, some with more signs than needed, some all in small letters."""
        rng = self._rng
        text = (" " if self._spaced else "").join(sentences)
        bare = text.rstrip(".!。！")
        habit = rng.choices(("proper", "bare", "loud", "small", "commas"), (66, 10, 6, 4, 14))[0]
        if habit == "bare":
            return bare
        if habit == "loud":
            signs = ("!!", "!!!", " :)") if self._spaced else ("～", "！！", "👍", "😊")
            return bare + rng.choice(signs if stars > 3 else signs[:2] if self._spaced else ("！！", "……"))
        if habit == "small":
            return text.lower()
        return text.replace("。", "，", 1) if habit == "commas" and text.count("。") > 2 else text


assert all(wording.play.keys() == TOYS.keys() for wording in WORDINGS.values())
