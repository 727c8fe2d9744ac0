"""Questions about toys and answers that are true: of the product, and of what it is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import accumulate
from random import Random

from goodsense.demo.plan import Truth
from goodsense.demo.question_lines import TOPICS, WASHING, Topic
from goodsense.demo.tastes import Quality, Shopper
from goodsense.demo.visits import DAYS, END
from goodsense.demo.vocabulary import AGES, COLOURS, MATERIALS, SIZES, TOYS, Language
from goodsense.feedback import Answer, Question

_POWERED = frozenset({"robot"})
_SELLER = "toyshop"


def ask_questions(
    people: Sequence[Shopper], truths: Sequence[Truth], hidden: Mapping[str, Quality], *, count: int, seed: int
) -> tuple[list[Question], dict[str, str]]:
    """Questions by time with none to three answers each, and what each is about by its id."""
    rng = Random(f"questions {seed}")
    sums = list(accumulate(hidden[truth.id].popularity for truth in truths))
    moments = sorted(END - timedelta(seconds=round(rng.uniform(0.2, DAYS) * 86_400)) for _ in range(count))
    questions, topics = [], {}
    for number, moment in enumerate(moments, start=1):
        shopper = rng.choice(people)
        truth = max(rng.choices(truths, cum_weights=sums, k=3), key=shopper.fit)
        name = rng.choice([name for name in TOPICS[shopper.language] if _can_be_asked(name, truth)])
        topic, language = TOPICS[shopper.language][name], shopper.language
        slots = _slots(rng, truth, language)
        case = _case(name, truth, hidden[truth.id], years=int(slots["years"]))
        others = [other.id for other in rng.sample(people, min(6, len(people)))]
        others = [other for other in others if other != shopper.id]
        answers = []
        for place, (user, line) in enumerate(_answers(rng, topic, case, others)):
            later = moment + timedelta(minutes=round(rng.uniform(20, 700) * (place + 1)))
            answers.append(Answer(line.format(**slots), user, min(later, END), by_seller=user == _SELLER))
        text = rng.choice(topic.asked).format(**slots)
        id = f"q{number:04d}"
        questions.append(Question(id, truth.id, shopper.id, text, language, moment, tuple(answers)))
        topics[id] = name
    return questions, topics


def _can_be_asked(topic: str, truth: Truth) -> bool:
    """Whether there is a truth to answer with."""
    if topic == "age":
        return bool(truth.age)
    return topic not in ("material", "washing") or bool(truth.material)


def _slots(rng: Random, truth: Truth, language: Language) -> dict[str, str]:
    other = rng.choice([colour for colour in COLOURS if colour != truth.colour])
    material = MATERIALS[truth.material].said(language)[-1] if truth.material else ""
    return {
        "noun": TOYS[truth.toy].words.said(language)[0],
        "years": str(rng.randint(1, 9)),
        "age": AGES[truth.age].said(language)[0] if truth.age else "",
        "cm": str(SIZES[truth.size][2]),
        "material": material,
        "Material": material.capitalize(),
        "colour": COLOURS[truth.colour].said(language)[0],
        "other": COLOURS[other].said(language)[0],
    }


def _case(topic: str, truth: Truth, quality: Quality, *, years: int) -> str:
    """Which of a topic's answers is true of a product."""
    if topic == "age":
        return "yes" if years >= int(truth.age[0]) else "no"
    if topic == "washing":
        return WASHING[truth.material]
    if topic == "battery":
        return "yes" if truth.toy in _POWERED else "no"
    if topic in ("colour", "smell"):
        good, bad = ("yes", "no") if topic == "colour" else ("no", "yes")
        value = quality.aspects[topic]
        return good if value > 0.6 else bad if value < 0.4 else "so"
    return "so"


def _answers(rng: Random, topic: Topic, case: str, others: Sequence[str]) -> list[tuple[str, str]]:
    """Who answers what, each line once; sellers answer first."""
    count = rng.choices((0, 1, 2, 3), (15, 45, 28, 12))[0]
    found: list[tuple[str, str]] = []
    if count and rng.random() < 0.65:
        found.append((_SELLER, rng.choice(topic.seller.get(case) or topic.seller["so"])))
    lines = topic.buyer.get(case) or topic.buyer["so"]
    found += zip(others, rng.sample(lines, min(len(lines), count - len(found))), strict=False)
    return found
