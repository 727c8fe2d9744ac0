"""Reviews, questions and conversations out of rows whose columns are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, TypeVar

from goodsense.feedback import conversions as c
from goodsense.feedback.columns import ANSWER_NAMES, TURN_NAMES, lookup, named
from goodsense.feedback.conversation import Channel, Conversation, Turn
from goodsense.feedback.question import Answer, Question
from goodsense.feedback.review import Review
from goodsense.tables import Reject, Rejects, Row
from goodsense.tables.values import BadValue, json_of, kind_of, language_of, text_of
from goodsense.types import MediaRef, Modality

T = TypeVar("T")
D = TypeVar("D")
MODALITIES: tuple[Modality, ...] = ("image", "video", "audio")
_TURN_FIELDS, _ANSWER_FIELDS = lookup(TURN_NAMES), lookup(ANSWER_NAMES)
_LIST_LIMIT = 10_000  # turns of one conversation, answers of one question


@dataclass(frozen=True, slots=True)
class Habits:
    """What a source does not say itself: the zone of its times, the scale of its ratings, the way it came."""

    zone: tzinfo = UTC
    scale: c.Scale = c.STARS
    channel: Channel = "chat"


class Cells:
    """The cells of one row by field; a value that cannot be taken becomes a reject and is left out."""

    def __init__(self, row: Row, *, file: str, columns: Mapping[str, Sequence[str]], rejects: Rejects) -> None:
        self._values = row.values
        self._number = row.number
        self._file = file
        self._columns = columns
        self._rejects = rejects

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def take(self, name: str, convert: Callable[[Any], T], default: D) -> T | D:
        """The value of a field."""
        value = self._values.get(name)
        if value is None:
            return default
        return self.converted(name, value, convert, default)

    def converted(self, name: str, value: Any, convert: Callable[[Any], T], default: D) -> T | D:
        """A value that belongs to a field, converted; the default where that fails."""
        try:
            return convert(value)
        except BadValue as bad:
            column = self._columns.get(name, (name,))[0]
            self._rejects.add(
                Reject(self._file, self._number, column, value, bad.reason, bad.fix, self._values, scope="field")
            )
            return default

    def refuse(self, reason: str, fix: str) -> None:
        """Reject the row as a whole."""
        self._rejects.add(Reject(self._file, self._number, "", None, reason, fix, self._values))

    def media(self, prefix: str = "") -> tuple[MediaRef, ...]:
        """Media in columns of their own, then those of a list, each once."""
        found: list[MediaRef] = []
        for modality in MODALITIES:
            for value in self._values.get(f"{prefix}{modality}", ()):
                found += self.converted(f"{prefix}{modality}", value, partial(c.refs_of, modality=modality), ())
        found += self.take(f"{prefix}media", c.media_list, ())
        return tuple(dict.fromkeys(found))

    def extra(self) -> dict[str, Any]:
        """What the source kept beyond the fields."""
        given = self.take("extra", c.extra_of, None)
        found = {} if given is None else given
        for name, value in self._values.items():
            if name.startswith("extra."):
                found[name.removeprefix("extra.")] = self.converted(name, value, c.plain_of, None)
        return found

    def objects(self, name: str) -> list[Any]:
        """The items of a list that a field holds, as JSON or as it is."""
        given = self.take(name, _listed, None)
        found = [] if given is None else given
        if len(found) > _LIST_LIMIT:
            bad = BadValue(f"over {_LIST_LIMIT} items; the rest is left out", "Give shorter lists.")
            self.converted(name, len(found), _raising(bad), None)
        return found[:_LIST_LIMIT]


def build_review(cells: Cells, habits: Habits) -> Review | None:
    """The review that a row tells; None if it says nothing."""
    text = "\n".join(part for name in ("text", "followup") if (part := cells.take(name, text_of, "")))
    review = Review(
        id=cells.take("id", c.name_of, ""),
        product=cells.take("product", c.name_of, ""),
        user=cells.take("user", c.name_of, ""),
        rating=cells.take("rating", lambda value: c.rating_of(value, habits.scale), None),
        rating_given=cells.take("rating_given", c.given_of, "") or cells.take("rating", c.given_of, ""),
        title=cells.take("title", text_of, ""),
        text=text,
        language=cells.take("language", language_of, ""),
        time=cells.take("time", lambda value: c.moment_of(value, habits.zone), None),
        media=cells.media(),
        verified=cells.take("verified", c.flag_of, None),
        helpful=cells.take("helpful", c.count_of, None),
        variant=cells.take("variant", c.name_of, ""),
        extra=cells.extra(),
    )
    if review.rating is None and not (review.title.strip() or review.text.strip() or review.media):
        cells.refuse("the review says nothing", "Give it a rating, a text or a picture; check the columns: --map.")
        return None
    return review


def build_question(cells: Cells, habits: Habits) -> Question | None:
    """The question that a row tells, with its answers; None if nothing is asked."""
    answers = [answer for item in cells.objects("answers") if (answer := _answer(cells, item, habits))]
    question = Question(
        id=cells.take("id", c.name_of, ""),
        product=cells.take("product", c.name_of, ""),
        user=cells.take("user", c.name_of, ""),
        text=cells.take("text", text_of, ""),
        language=cells.take("language", language_of, ""),
        time=cells.take("time", lambda value: c.moment_of(value, habits.zone), None),
        answers=tuple(dict.fromkeys(answers) if "by_time" in cells else answers),
        extra=cells.extra(),
    )
    if not question.text.strip():
        cells.refuse("nothing is asked", "Give the question's text; check the columns: --map text=COLUMN.")
        return None
    return question


def _answer(cells: Cells, item: Any, habits: Habits) -> Answer | None:
    fields = named(item, _ANSWER_FIELDS) if isinstance(item, Mapping) else {"text": item}

    def take(name: str, convert: Callable[[Any], T], default: D) -> T | D:
        value = fields.get(name)
        return default if value is None or value == "" else cells.converted("answers", value, convert, default)

    text = take("text", text_of, "")
    if not text.strip():
        return None
    return Answer(
        text,
        user=take("user", c.name_of, ""),
        time=take("time", lambda value: c.moment_of(value, habits.zone), None),
        by_seller=take("by_seller", c.flag_of, None),
        helpful=take("helpful", c.count_of, None),
    )


def build_conversation(cells: Cells, habits: Habits) -> Conversation | None:
    """The conversation that a row tells; None if nobody says anything."""
    user = cells.take("user", c.name_of, "")
    turns = [turn for item in cells.objects("turns") if (turn := _turn(cells, item, user, habits))]
    reply = cells.take("reply", text_of, "")
    if reply.strip():
        turns.append(Turn(text=reply))
    if not turns:
        cells.refuse("nobody says anything", "Give turns with a text; check the columns: --map turn.text=COLUMN.")
        return None
    if "by_time" in cells and all(turn.time for turn in turns):
        turns.sort(key=lambda turn: turn.time or datetime.min)
    channel = cells.take("channel", c.channel_of, None)
    return Conversation(
        id=cells.take("id", c.name_of, ""),
        user=user,
        channel=habits.channel if channel is None else channel,
        about=cells.take("about", c.names_of, ()),
        language=cells.take("language", language_of, ""),
        time=cells.take("turn.time", lambda value: c.moment_of(value, habits.zone), None),
        turns=tuple(turns),
        extra=cells.extra(),
    )


def _turn(cells: Cells, item: Any, user: str, habits: Habits) -> Turn | None:
    """A turn of a list: an object, a text, or a pair of who and what."""
    if isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item):
        item = {"role": item[0], "text": item[1]}
    if not isinstance(item, Mapping):
        role, text = c.spoken_line(item) if isinstance(item, str) else ("", cells.converted("turns", item, text_of, ""))
        return Turn(role, text) if text.strip() else None
    fields = named(item, _TURN_FIELDS)

    def take(name: str, convert: Callable[[Any], T], default: D) -> T | D:
        value = fields.get(name)
        return default if value is None or value == "" else cells.converted("turns", value, convert, default)

    media: list[MediaRef] = []
    for kind in MODALITIES:
        media += take(kind, partial(c.refs_of, modality=kind), ())
    media += take("media", c.media_list, ())
    by_agent = take("by_agent", c.flag_of, None)
    role = take("role", c.role_of, "") or ("" if by_agent is None else "agent" if by_agent else "user")
    if not role and user and take("role", c.name_of, "") == user:
        role = "user"
    text = take("text", text_of, "")
    if not (text.strip() or media):
        return None
    return Turn(
        role,
        text,
        time=take("time", lambda value: c.moment_of(value, habits.zone), None),
        media=tuple(dict.fromkeys(media)),
        products=take("products", c.names_of, ()),
    )


def _listed(value: Any) -> list[Any]:
    """A list as it is, JSON in a cell, or the lines of a text."""
    if isinstance(value, str):
        value = json_of(value) if value.lstrip()[:1] in ("[", "{") else value.splitlines()
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise BadValue(f"expected a list, found {kind_of(value)}", "Write a JSON list.")
    return value


def _raising(bad: BadValue) -> Callable[[Any], None]:
    def convert(value: Any) -> None:
        raise bad

    return convert
