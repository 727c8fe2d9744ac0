"""Conversations of shoppers with the toy shop's support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from goodsense.demo.flaws import numbers
from goodsense.demo.plan import Truth
from goodsense.demo.question_lines import TOPICS, WASHING
from goodsense.demo.support_lines import SCRIPTS
from goodsense.demo.tastes import Shopper
from goodsense.demo.visits import END, Purchase
from goodsense.demo.vocabulary import AGES, BRANDS, COLOURS, MATERIALS, SIZES, TOYS, Language
from goodsense.feedback import Conversation, Turn

_NAMING = ("item", "first", "second")  # slots that name a product


@dataclass(frozen=True, slots=True)
class Matter:
    """What is true of a conversation: what it is about, and whether it holds personal data."""

    topic: str
    personal: bool


def converse(
    people: Sequence[Shopper], purchases: Sequence[Purchase], truths: Sequence[Truth], *, count: int, seed: int
) -> tuple[list[Conversation], dict[str, Matter]]:
    """Conversations by time about things that were bought, and the truth about each by its id."""
    rng = Random(f"support {seed}")
    shoppers = {shopper.id: shopper for shopper in people}
    by_id = {truth.id: truth for truth in truths}
    early = [bought for bought in purchases if bought.time < (END - timedelta(days=13)).timestamp()]
    said = []
    for number in range(count):
        bought = rng.choice(early or purchases)
        shopper, truth = shoppers[bought.user], by_id[bought.item]
        topics = SCRIPTS[shopper.language]
        topic = list(topics)[number % len(topics)]
        if topic == "use" and not truth.material:
            topic = "late"
        ordered = datetime.fromtimestamp(bought.time, END.tzinfo)
        days = rng.randint(4, 12) if topic == "late" else rng.randint(0, 6)
        when = ordered + timedelta(days=days, hours=rng.uniform(0.2, 10))
        slots = _slots(rng, truth, _peers(rng, truth, truths), shopper.language)
        slots |= {"days": str(days), "order": f"TS{ordered:%y%m%d}{rng.randint(10000, 99999)}"}
        turns, personal = _turns(rng, rng.choice(topics[topic]), when, slots, shopper.language)
        conversation = Conversation(
            id="",
            user=shopper.id,
            channel=rng.choices(("chat", "phone"), (85, 15))[0],
            about=(truth.id,),
            language=shopper.language,
            turns=turns,
        )
        said.append((conversation, Matter(topic, personal)))
    said.sort(key=lambda pair: (pair[0].time or END, pair[0].user))
    numbered = {f"c{number:04d}": pair for number, pair in enumerate(said, start=1)}
    conversations = [_named(conversation, id) for id, (conversation, _) in numbered.items()]
    return conversations, {id: matter for id, (_, matter) in numbered.items()}


def _named(conversation: Conversation, id: str) -> Conversation:
    return Conversation.from_json({**conversation.to_json(), "id": id})


def _peers(rng: Random, truth: Truth, truths: Sequence[Truth]) -> list[Truth]:
    """Two other products of its kind; any others where there are none."""
    peers = [other for other in truths if other.toy == truth.toy and other.id != truth.id]
    return rng.sample(peers if len(peers) > 1 else [other for other in truths if other.id != truth.id], 2)


def _turns(
    rng: Random, script: str, start: datetime, slots: Mapping[str, str], language: Language
) -> tuple[tuple[Turn, ...], bool]:
    """A script played with one product, and whether something personal was said."""
    made = numbers(rng)
    private = {**made, "address": made["address" if language == "zh" else "street"]}
    turns: list[Turn] = []
    personal = False
    moment = start.replace(microsecond=0)
    skip = rng.random() < 0.3  # the lines that may be left out belong together
    for line in script.splitlines():
        if line.startswith("?") and skip:
            continue
        role, _, wordings = line.removeprefix("?").partition(": ")
        wording = rng.choice(wordings.split(" | "))
        personal = personal or any(f"{{{name}}}" in wording for name in private)
        named = tuple(slots[f"{name} id"] for name in _NAMING if f"{{{name}}}" in wording)
        text = wording.format(**slots, **private)
        text = text if "@" in text else text[0].upper() + text[1:]
        turns.append(Turn("user" if role == "U" else "agent", text, moment, products=named))
        moment += timedelta(seconds=rng.randint(8, 240))
    return tuple(turns), personal


def _slots(rng: Random, truth: Truth, peers: Sequence[Truth], language: Language) -> dict[str, str]:
    price = truth.price if truth.price is not None else TOYS[truth.toy].price
    other = rng.choice([colour for colour in COLOURS if colour != truth.colour])
    named = dict(zip(_NAMING, (truth, *peers), strict=True))
    return {
        **{name: _called(thing, language) for name, thing in named.items()},
        **{f"{name} id": thing.id for name, thing in named.items()},
        "noun": TOYS[truth.toy].words.said(language)[0],
        "colour": COLOURS[truth.colour].said(language)[0],
        "other": COLOURS[other].said(language)[0],
        "cm": str(SIZES[truth.size][2]),
        "age": AGES[truth.age or "3+"].said(language)[0],
        "years": str(max(int((truth.age or "3+")[0]), 1) + rng.randint(0, 2)),
        "price": f"{price:.0f}",
        "budget": str(round(price * 1.2 / 10 + 1) * 10),
        "count": str(rng.randint(5, 12)),
        "washing": TOPICS[language]["washing"].seller.get(WASHING.get(truth.material, ""), ("",))[0],
    }


def _called(truth: Truth, language: Language) -> str:
    """A product in words: its brand, colour, material and kind."""
    brand = next(names for names in BRANDS if names[0] == truth.brand)
    colour = COLOURS[truth.colour].said(language)[0]
    material = MATERIALS[truth.material].said(language)[0] if truth.material else ""
    noun = TOYS[truth.toy].words.said(language)[0]
    if language == "zh":
        return f"{brand[1]}{colour}{material}{noun}"
    return " ".join(word for word in ("the", colour, material, noun, "by", brand[0]) if word)
