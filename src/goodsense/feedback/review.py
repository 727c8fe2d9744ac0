"""Reviews of products, and posts that are about one."""

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
from goodsense.types import MediaRef, media_from_json, media_to_json


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody thinks of a product.

    Parameters
    ----------
    product
        The product's id, which need not be in the catalog; empty if nobody knows which one is meant.
    variant
        Which variant was bought, as the source names it.
    rating, rating_given
        From 1 to 5, and as its source wrote it (``8/10``, 好评).
    language
        An ISO 639 or BCP 47 code.
    verified
        Whether its source knows that the writer bought the product.
    helpful
        How many found it helpful.
    """

    id: str
    product: str = ""
    user: str = ""
    rating: float | None = None
    rating_given: str = ""
    title: str = ""
    text: str = ""
    language: str = ""
    time: datetime | None = None
    media: tuple[MediaRef, ...] = ()
    verified: bool | None = None
    helpful: int | None = None
    variant: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rating is not None and not self.rating_given:
            object.__setattr__(self, "rating_given", f"{self.rating:g}")

    @property
    def products(self) -> tuple[str, ...]:
        """Its product, if it is known."""
        return (self.product,) if self.product else ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Title, text, and whatever else its source kept in words."""
        return tuple(text for text in (self.title, self.text) if text) + texts_in(dict(self.extra))

    def rewritten(self, change: Change) -> Self:
        """The same review with every text changed."""
        extra = rewritten_json(dict(self.extra), change)
        return replace(self, title=change(self.title), text=change(self.text), extra=extra)

    def renamed(self, change: Change) -> Self:
        """The same review with its writer's name changed."""
        return replace(self, user=changed(self.user, change))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary without empty fields."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields |= {"time": moment_to_json(self.time), "media": [media_to_json(ref) for ref in self.media]}
        return said(fields | {"extra": dict(self.extra)})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The review that :meth:`to_json` wrote."""
        media = tuple(media_from_json(ref) for ref in data.get("media", ()))
        return cls(**{**data, "time": moment_from_json(data.get("time")), "media": media})
