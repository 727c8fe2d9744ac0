"""What most shoppers take: in all, lately, more than before, or within the categories that somebody cares for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.storage import Arrays

DAY_S = 86_400.0


class Popular(Model):
    """Items by the number of shoppers who did something with them.

    Parameters
    ----------
    half_life_days
        The age at which a shopper's last event with an item counts half, back from the last event of all. None: age
        does not matter.
    """

    kind: ClassVar[str] = "popular"

    def __init__(self, *, half_life_days: float | None = None) -> None:
        if half_life_days is not None and not half_life_days > 0:
            raise UsageError(f"a half-life of {half_life_days!r} days is none.", fix="Give a positive number of days.")
        super().__init__()
        self.half_life_days = half_life_days

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        self._shares = _counts(interactions, self.half_life_days).astype(np.float32)

    def _scores(self, histories: Interactions) -> Scores:
        return np.tile(self._shares, (len(histories.users), 1))

    def _arrays(self) -> Arrays:
        return {"shares": self._shares}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._shares = arrays["shares"]


class Recent(Popular):
    """Items by the number of shoppers who did something with them lately: each event fades with its age."""

    kind: ClassVar[str] = "recent"

    def __init__(self, *, half_life_days: float | None = 14.0) -> None:
        super().__init__(half_life_days=half_life_days)


class Trending(Popular):
    """Items that shoppers take to more than before.

    The count within the last days against what the days before let expect, ``(now - expected) / sqrt(expected + 1)``,
    so that a rise from nothing to one is none yet.

    Parameters
    ----------
    half_life_days
        What "lately" means, in days; four times as much is "before".
    """

    kind: ClassVar[str] = "trending"

    def __init__(self, *, half_life_days: float | None = 7.0) -> None:
        super().__init__(half_life_days=half_life_days)

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        days = self.half_life_days or 7.0
        now, before = _counts(interactions, days), _counts(interactions, 4 * days)
        expected = before * now.sum() / max(before.sum(), 1e-12)
        self._shares = ((now - expected) / np.sqrt(expected + 1)).astype(np.float32)


class PopularInCategory(Model):
    """The most popular items of the categories in a history, by the share that each category has of it.

    Items of other categories follow, by popularity; so does everything where no category is known.

    Parameters
    ----------
    half_life_days
        As in :class:`Popular`.
    """

    kind: ClassVar[str] = "popular-in-category"

    def __init__(self, *, half_life_days: float | None = None) -> None:
        super().__init__()
        self.half_life_days = Popular(half_life_days=half_life_days).half_life_days

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        counts = _counts(interactions, self.half_life_days)
        self._shares = (counts / max(counts.max(initial=0), 1e-12)).astype(np.float32)  # (n,) in 0..1
        names = sorted({name for name in content.categories if name})
        places = {name: number for number, name in enumerate(names)}
        own = content.categories or ("",) * len(content)
        self._categories = np.array([places.get(name, -1) for name in own], dtype=np.int32)  # (n,)

    def _scores(self, histories: Interactions) -> Scores:
        count = int(self._categories.max(initial=-1)) + 1
        taste = np.zeros((len(histories.users), count + 1), dtype=np.float32)  # (b, c + 1), the last for none
        np.add.at(taste, (histories.user_rows, self._categories[histories.item_rows]), histories.weights)
        taste[:, -1] = 0.0
        taste /= np.maximum(taste.sum(axis=1, keepdims=True), 1e-12)
        known = np.diff(histories.starts)[:, None] > 0
        return np.where(known, (1e-3 + taste[:, self._categories]) * self._shares, 0).astype(np.float32)

    def _arrays(self) -> Arrays:
        return {"shares": self._shares, "categories": self._categories}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._shares, self._categories = arrays["shares"], arrays["categories"]


def _counts(interactions: Interactions, half_life_days: float | None) -> NDArray[np.float64]:
    """Shoppers per item ``(n,)``, each faded by the age of their last event with it; one without a time is not."""
    pairs = interactions.pairs
    weights = np.ones(len(pairs.item_rows))
    known = ~np.isnan(pairs.last_times)
    if half_life_days is not None and known.any():
        age = pairs.last_times[known].max() - pairs.last_times[known]
        weights[known] = np.exp2(-age / (half_life_days * DAY_S))
    return np.bincount(pairs.item_rows, weights=weights, minlength=len(interactions.items)).astype(np.float64)
