"""What is told of one shopper: style with its evidence, by which modality they choose, and whether this visit buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from goodsense.recommend.style import StyleProfile, StyleProfiles, Trait
from goodsense.shop.recommending.content import content_of
from goodsense.shop.recommending.leanings import Leaning, leaning_of
from goodsense.shop.recommending.opened import Opened
from goodsense.shop.recommending.past import Past
from goodsense.shop.recommending.sentences import Language
from goodsense.shop.recommending.shelf import Shelf
from goodsense.shop.recommending.visits import Outlook

MOST = 5  # traits of a facet


@dataclass(frozen=True)
class Profile:
    """What is known of one shopper, each thing with its numbers.

    Parameters
    ----------
    style
        Traits and prices.
    leaning
        By which modality the shopper chooses; None where nothing can be told.
    visit
        Whether this visit will buy; None where no visit was asked for.
    message
        What there is too little of.
    """

    user: str
    style: StyleProfile
    leaning: Leaning | None = None
    visit: Outlook | None = None
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        found = self.style.to_json()
        return {
            **found,
            "user": self.user,
            "modalities": self.leaning.to_json() if self.leaning is not None else None,
            "visit": self.visit.to_json() if self.visit is not None else None,
            "message": self.message,
        }


class Profiles:
    """Makes profiles against what all shoppers of a build did; products that came later count, too."""

    def __init__(self, opened: Opened, shelf: Shelf, spreads: Mapping[str, Any]) -> None:
        self.opened, self.spreads = opened, spreads
        self.content = content_of(shelf.snapshot).aligned(shelf.ids)
        self.seen_by = np.zeros(len(shelf.ids), np.int64)
        self.seen_by[: len(shelf.known)] = opened.statistics.seen_by
        self._styles = StyleProfiles(self.seen_by, self.content)

    def __call__(self, past: Past, *, most: int = MOST, visit: Outlook | None = None) -> Profile:
        """What is told of the shopper with this history."""
        history = self.opened.history(past)
        (style,) = self._styles(history, most=most)
        message = ""
        if past.user and not past.events:
            message = f"no shopper {past.user!r} did anything yet"
        elif not style.traits:
            message = "too little is known: nothing is more frequent than in the shop"
        return Profile(past.user, style, leaning_of(history, self.content, self.seen_by, self.spreads), visit, message)


# ---- in words


def lines(profile: Profile, language: Language = "en") -> list[str]:
    """The profile as sentences, each with its numbers."""
    say = _zh if language == "zh" else _en
    found = [say.trait(trait, profile.style.items) for trait in profile.style.traits]
    if (band := profile.style.prices) is not None:
        found.append(say.prices(band.low, band.middle, band.high, band.level, band.count))
    if profile.leaning is not None:
        found.append(say.leaning(profile.leaning))
    if profile.visit is not None:
        found.append(say.visit(profile.visit))
    return found


class _English:
    facets: ClassVar[Mapping[str, str]] = {}
    modalities: ClassVar[Mapping[str, str]] = {
        "text": "words",
        "image": "looks",
        "audio": "sound",
        "video": "movement",
        "attributes": "attributes",
    }

    def trait(self, trait: Trait, items: int) -> str:
        return (
            f"{trait.facet} {trait.value}: {trait.count} of {items} products, {trait.lift:.1f} times as much as usual "
            f"({trait.usual:.1%}); {', '.join(trait.items)}"
        )

    def prices(self, low: float, middle: float, high: float, level: float, count: int) -> str:
        return (
            f"prices: from {low:,.2f} to {high:,.2f}, the middle {middle:,.2f}, of {count} products; "
            f"among products of their category {level:.0%} are cheaper"
        )

    def leaning(self, found: Leaning) -> str:
        if not found.says:
            return (
                f"goes by {_weights(found.shared, self.modalities)}, as all shoppers do: nothing tells this one apart"
            )
        return (
            f"goes by {_weights(found.weights, self.modalities)}; all shoppers by "
            f"{_weights(found.shared, self.modalities)} (from {found.items} products)"
        )

    def visit(self, found: Outlook) -> str:
        if found.probability is None or found.base is None:
            return f"this visit: {found.message}"
        before = ", as of before it bought" if found.bought else ""
        return (
            f"this visit buys with probability {found.probability:.1%} after {found.actions} actions{before}; "
            f"of all moments of visits {found.base:.1%} come before a purchase"
        )


class _Chinese(_English):
    facets: ClassVar[Mapping[str, str]] = {"category": "类别", "brand": "品牌", "colour": "颜色", "attribute": "属性"}
    modalities: ClassVar[Mapping[str, str]] = {
        "text": "文字",
        "image": "外观",
        "audio": "声音",
        "video": "动态",
        "attributes": "属性",
    }

    def trait(self, trait: Trait, items: int) -> str:
        named = self.facets.get(trait.facet, trait.facet)
        return (
            f"{named} {trait.value}：{items} 件商品中有 {trait.count} 件，"
            f"是平常（{trait.usual:.1%}）的 {trait.lift:.1f} 倍；"
            f"{'、'.join(trait.items)}"
        )

    def prices(self, low: float, middle: float, high: float, level: float, count: int) -> str:
        return (
            f"价格：{count} 件商品从 {low:,.2f} 到 {high:,.2f}，中间为 {middle:,.2f}；同类商品中有 {level:.0%} 更便宜"
        )

    def leaning(self, found: Leaning) -> str:
        if not found.says:
            return f"与所有顾客一样，看重{_weights(found.shared, self.modalities)}：看不出这位顾客有何不同"
        return (
            f"看重{_weights(found.weights, self.modalities)}；所有顾客看重{_weights(found.shared, self.modalities)}"
            f"（根据 {found.items} 件商品）"
        )

    def visit(self, found: Outlook) -> str:
        if found.probability is None or found.base is None:
            return "本次访问：没有可以预测的依据"
        before = "（购买之前）" if found.bought else ""
        return (
            f"本次访问在 {found.actions} 个动作之后{before}购买的概率为 {found.probability:.1%}；"
            f"所有访问的时刻中有 {found.base:.1%} 之后有购买"
        )


_en, _zh = _English(), _Chinese()


def _weights(weights: Mapping[str, float], names: Mapping[str, str]) -> str:
    order: Sequence[tuple[str, float]] = sorted(weights.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{names.get(name, name)} {weight:.0%}" for name, weight in order)
