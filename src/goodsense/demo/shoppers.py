"""The people of the toy shop: what they do, say, ask and complain about, and what is true of them, all generated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from goodsense.demo.asking import ask_questions
from goodsense.demo.plan import Truth
from goodsense.demo.reviewing import Secret, write_reviews
from goodsense.demo.support import Matter, converse
from goodsense.demo.tastes import COMPANIONS, Quality, Shopper, accounts, qualities, shoppers
from goodsense.demo.visits import DAYS, END, crawling, shopping
from goodsense.events import Event, write_events
from goodsense.feedback import CONVERSATIONS, QUESTIONS, REVIEWS, Conversation, Question, Review, write_voices

COLUMNS = tuple("event_id user item type rating quantity query duration timestamp session".split())


@dataclass(frozen=True)
class Crowd:
    """Everybody in the toy shop, and what is true of them.

    ``bots`` and ``spammers`` are accounts; ``gone`` are ids that have events and no product. ``qualities`` are by
    product, ``secrets`` by review, ``topics`` by question, ``matters`` by conversation.
    """

    shoppers: tuple[Shopper, ...]
    bots: tuple[str, ...]
    spammers: tuple[str, ...]
    gone: tuple[str, ...]
    events: tuple[Event, ...] = field(repr=False)
    reviews: tuple[Review, ...] = field(repr=False)
    questions: tuple[Question, ...] = field(repr=False)
    conversations: tuple[Conversation, ...] = field(repr=False)
    qualities: Mapping[str, Quality] = field(repr=False)
    secrets: Mapping[str, Secret] = field(repr=False)
    topics: Mapping[str, str] = field(repr=False)
    matters: Mapping[str, Matter] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The hidden truth: tastes, qualities, and what is wrong with which review."""
        return {
            "about": "What is true of the generated shoppers and products, for evaluations only; all of it is made up.",
            "days": DAYS,
            "end": END.isoformat(),
            "shoppers": [asdict(shopper) for shopper in self.shoppers],
            "bots": list(self.bots),
            "spammers": list(self.spammers),
            "unknown_products": list(self.gone),
            "companions": dict(COMPANIONS),
            "products": {id: asdict(quality) for id, quality in self.qualities.items()},
            "reviews": {id: asdict(secret) for id, secret in self.secrets.items() if secret.flaw or secret.aspects},
            "questions": dict(self.topics),
            "conversations": {id: asdict(matter) for id, matter in self.matters.items()},
        }


def gather(truths: Sequence[Truth], *, seed: int) -> Crowd:
    """The crowd of a shop with these products: two shoppers per three products, and some that are no shoppers."""
    count = max(12, round(len(truths) * 2 / 3))
    bot_count, spammer_count = max(1, count // 130), max(3, count // 65)
    names = accounts(count + bot_count + spammer_count, seed=seed)
    people = shoppers(names[:count], seed=seed)
    bots, spammers = names[count : count + bot_count], names[count + bot_count :]
    gone = tuple(f"TY{9000 + 7 * number}" for number in range(max(2, len(truths) // 75)))
    hidden = qualities(truths, seed=seed)
    done, purchases = shopping(people, truths, hidden, gone, seed=seed)
    reviews, rated, secrets = write_reviews(people, purchases, truths, hidden, spammers, seed=seed)
    questions, topics = ask_questions(people, truths, hidden, count=max(12, len(truths) // 4), seed=seed)
    conversations, matters = converse(people, purchases, truths, count=max(8, len(truths) // 10), seed=seed)
    events = sorted([*done, *rated, *crawling(bots, truths, seed=seed)], key=lambda event: (event.time, event.user))
    return Crowd(
        shoppers=people,
        bots=bots,
        spammers=spammers,
        gone=gone,
        events=tuple(replace(event, key=f"e{number:06d}") for number, event in enumerate(events, start=1)),
        reviews=tuple(reviews),
        questions=tuple(questions),
        conversations=tuple(conversations),
        qualities=hidden,
        secrets=secrets,
        topics=topics,
        matters=matters,
    )


def write_crowd(crowd: Crowd, directory: Path) -> None:
    """Write ``events.csv``, ``reviews.jsonl``, ``questions.jsonl``, ``conversations.jsonl`` and ``shoppers.json``."""
    write_events(crowd.events, directory / "events.csv", columns=COLUMNS)
    write_voices(REVIEWS, crowd.reviews, directory / "reviews.jsonl")
    write_voices(QUESTIONS, crowd.questions, directory / "questions.jsonl")
    write_voices(CONVERSATIONS, crowd.conversations, directory / "conversations.jsonl")
    told = json.dumps(crowd.to_json(), ensure_ascii=False, indent=1)
    (directory / "shoppers.json").write_text(told + "\n", encoding="utf-8", newline="\n")
