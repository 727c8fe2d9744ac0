"""Conversations: chats with support, mails, messages, calls and posts with their replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self, TypeAlias, get_args

from goodsense.feedback.voice import (
    Change,
    changed,
    moment_from_json,
    moment_to_json,
    rewritten_json,
    said,
    texts_in,
)
from goodsense.types import MediaRef, media_from_json, media_to_json

Role: TypeAlias = Literal["", "user", "agent", "bot", "system"]
ROLES: tuple[Role, ...] = get_args(Role)
Channel: TypeAlias = Literal["chat", "mail", "sms", "phone", "social"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said; ``role`` is empty where the source lost who it was, ``products`` are those mentioned."""

    role: Role = ""
    text: str = ""
    time: datetime | None = None
    media: tuple[MediaRef, ...] = ()
    products: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary without empty fields."""
        media = [media_to_json(ref) for ref in self.media]
        fields = {"role": self.role, "text": self.text, "time": moment_to_json(self.time), "media": media}
        return said(fields | {"products": list(self.products)})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The turn that :meth:`to_json` wrote."""
        media = tuple(media_from_json(ref) for ref in data.get("media", ()))
        time, products = moment_from_json(data.get("time")), tuple(data.get("products", ()))
        return cls(**{**data, "time": time, "media": media, "products": products})


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns between a user and a shop, in order.

    Parameters
    ----------
    user
        The shopper's pseudonym.
    about
        The ids of products that the source says it is about; those that turns mention stand there.
    time
        When it began; without it that of the first turn that has one.
    """

    id: str
    user: str = ""
    channel: Channel = "chat"
    about: tuple[str, ...] = ()
    language: str = ""
    time: datetime | None = None
    turns: tuple[Turn, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.time is None:
            object.__setattr__(self, "time", next((turn.time for turn in self.turns if turn.time is not None), None))

    @property
    def products(self) -> tuple[str, ...]:
        """What it is about and what its turns mention, each once."""
        return tuple(dict.fromkeys((*self.about, *(id for turn in self.turns for id in turn.products))))

    @property
    def texts(self) -> tuple[str, ...]:
        """What was said, turn by turn, and whatever else its source kept in words."""
        return tuple(turn.text for turn in self.turns if turn.text) + texts_in(dict(self.extra))

    def rewritten(self, change: Change) -> Self:
        """The same conversation with every text changed."""
        turns = tuple(replace(turn, text=change(turn.text)) for turn in self.turns)
        return replace(self, turns=turns, extra=rewritten_json(dict(self.extra), change))

    def renamed(self, change: Change) -> Self:
        """The same conversation with its user's name changed."""
        return replace(self, user=changed(self.user, change))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary without empty fields."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields |= {"time": moment_to_json(self.time), "turns": [turn.to_json() for turn in self.turns]}
        return said(fields | {"about": list(self.about), "extra": dict(self.extra)})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The conversation that :meth:`to_json` wrote."""
        turns = tuple(Turn.from_json(turn) for turn in data.get("turns", ()))
        time, about = moment_from_json(data.get("time")), tuple(data.get("about", ()))
        return cls(**{**data, "time": time, "about": about, "turns": turns})
