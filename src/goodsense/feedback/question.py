"""Questions about products, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from goodsense.feedback.voice import (
    Change,
    changed,
    moment_from_json,
    moment_to_json,
    rewritten_json,
    said,
    texts_in,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; ``by_seller`` is None where the source does not say who gave it."""

    text: str
    user: str = ""
    time: datetime | None = None
    by_seller: bool | None = None
    helpful: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary without empty fields."""
        return said({name: getattr(self, name) for name in self.__slots__} | {"time": moment_to_json(self.time)})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The answer that :meth:`to_json` wrote."""
        return cls(**{"text": "", **data, "time": moment_from_json(data.get("time"))})


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to know about a product, and what was answered."""

    id: str
    product: str = ""
    user: str = ""
    text: str = ""
    language: str = ""
    time: datetime | None = None
    answers: tuple[Answer, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def products(self) -> tuple[str, ...]:
        """Its product, if it is known."""
        return (self.product,) if self.product else ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The question, the answers, and whatever else its source kept in words."""
        every = (self.text, *(answer.text for answer in self.answers))
        return tuple(text for text in every if text) + texts_in(dict(self.extra))

    def rewritten(self, change: Change) -> Self:
        """The same question with every text changed."""
        answers = tuple(replace(answer, text=change(answer.text)) for answer in self.answers)
        return replace(self, text=change(self.text), answers=answers, extra=rewritten_json(dict(self.extra), change))

    def renamed(self, change: Change) -> Self:
        """The same question with the names of who asked and who answered changed."""
        answers = tuple(replace(answer, user=changed(answer.user, change)) for answer in self.answers)
        return replace(self, user=changed(self.user, change), answers=answers)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary without empty fields."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields |= {"time": moment_to_json(self.time), "answers": [answer.to_json() for answer in self.answers]}
        return said(fields | {"extra": dict(self.extra)})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The question that :meth:`to_json` wrote."""
        answers = tuple(Answer.from_json(answer) for answer in data.get("answers", ()))
        return cls(**{**data, "time": moment_from_json(data.get("time")), "answers": answers})
