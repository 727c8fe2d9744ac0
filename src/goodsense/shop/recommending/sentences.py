"""Reasons in words, English and Chinese: what was counted, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from goodsense.errors import UsageError
from goodsense.shop.recommending.reasons import Reason

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_WIDTH = 36

_DID: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "purchase": "you bought",
        "cart": "you wanted to buy",
        "wishlist": "you marked as a favourite",
        "rate": "you rated",
        "review": "you reviewed",
        "click": "you opened",
        "view": "you viewed",
        "given": "is in the history",
    },
    "zh": {
        "purchase": "您买过",
        "cart": "您加入过购物车",
        "wishlist": "您收藏过",
        "rate": "您评过分",
        "review": "您评价过",
        "click": "您点开过",
        "view": "您看过",
        "given": "历史中有",
    },
}
_DID_IT: Mapping[str, str] = {
    "purchase": "you bought it",
    "cart": "you put it into the cart",
    "wishlist": "you marked it as a favourite",
    "rate": "you rated it",
    "review": "you reviewed it",
    "click": "you opened it",
    "view": "you viewed it",
}
_OTHER: Mapping[Language, str] = {"en": "you cared for", "zh": "您关注过"}
_ALIKE: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "image": "looks like",
        "text": "reads like",
        "audio": "sounds like",
        "video": "moves like",
        "attributes": "has attributes like those of",
    },
    "zh": {
        "image": "外观像",
        "text": "描述像",
        "audio": "声音像",
        "video": "动态像",
        "attributes": "属性像",
    },
}


def language_of(name: str) -> Language:
    """The language of this name; raises UsageError for any other."""
    for known in LANGUAGES:
        if name == known:
            return known
    raise UsageError(f"there are no reasons in {name!r}.", fix=f"Known: {', '.join(LANGUAGES)}.")


def say(reasons: Sequence[Reason], language: Language = "en") -> str:
    """The strongest reason as a sentence."""
    return sentence(reasons[0], language) if reasons else ""


def sentence(reason: Reason, language: Language = "en") -> str:
    """One reason in words."""
    return _SENTENCES[reason.kind][language](reason.facts)


def _did(facts: Mapping[str, Any], language: Language) -> str:
    return _DID[language].get(facts["did"], _OTHER[language])


def _did_it(facts: Mapping[str, Any]) -> str:
    return _DID_IT.get(facts["did"], "you cared for it")


def _title(facts: Mapping[str, Any]) -> str:
    title = " ".join(str(facts["title"]).split())
    return title if len(title) <= _WIDTH else title[: _WIDTH - 1] + "…"


def _because(facts: Mapping[str, Any]) -> str:
    if facts["did"] == "given":
        return f"with {_title(facts)} in the history"
    return f"because {_did(facts, 'en')} {_title(facts)}"


def _bought_en(facts: Mapping[str, Any]) -> str:
    many = f"{facts['both']} of the {facts['of']} shoppers who bought it bought this, too"
    return f"{_because(facts)}: {many}"


def _bought_zh(facts: Mapping[str, Any]) -> str:
    return f"{_did(facts, 'zh')}「{_title(facts)}」：买它的 {facts['of']} 人中有 {facts['both']} 人也买了这个"


def _seen_en(facts: Mapping[str, Any]) -> str:
    many = f"{facts['both']} of the {facts['of']} shoppers who cared for it cared for this, too"
    return f"{_because(facts)}: {many}"


def _seen_zh(facts: Mapping[str, Any]) -> str:
    return f"{_did(facts, 'zh')}「{_title(facts)}」：关注它的 {facts['of']} 人中有 {facts['both']} 人也关注了这个"


def _alike_en(facts: Mapping[str, Any]) -> str:
    how = _ALIKE["en"].get(facts["modality"], f"is like (by {facts['modality']})")
    after = ", from the history" if facts["did"] == "given" else f", which {_did(facts, 'en')}"
    return f"{how} {_title(facts)}{after} (cosine {facts['cosine']:.2f})"


def _alike_zh(facts: Mapping[str, Any]) -> str:
    how = _ALIKE["zh"].get(facts["modality"], f"{facts['modality']} 像")
    return f"{how}{_did(facts, 'zh')}的「{_title(facts)}」（余弦 {facts['cosine']:.2f}）"


def _figure_en(facts: Mapping[str, Any]) -> str:
    one = facts["what"].removesuffix("s") if facts["count"] == 1 else facts["what"]
    span = f" in the {facts['days']} days to {facts['until']}" if facts["days"] else " in all"
    return f"{facts['count']} {one}{span}"


def _figure_zh(facts: Mapping[str, Any]) -> str:
    span = f"截至 {facts['until']} 的 {facts['days']} 天内" if facts["days"] else "共"
    return f"{span}{facts['count']} " + ("次购买" if facts["what"] == "purchases" else "人关注")


def _category_en(facts: Mapping[str, Any]) -> str:
    return f"number {facts['rank']} in {facts['category']}: {_figure_en(facts)}"


def _category_zh(facts: Mapping[str, Any]) -> str:
    return f"{facts['category']}中第 {facts['rank']} 名：{_figure_zh(facts)}"


def _beside_en(facts: Mapping[str, Any]) -> str:
    many = f"{facts['both']} of the {facts['of']} shoppers who bought {_title(facts)} bought this, too"
    return many + (f", {_times(facts['baskets'])} in one basket" if facts["baskets"] else "")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _beside_zh(facts: Mapping[str, Any]) -> str:
    many = f"买「{_title(facts)}」的 {facts['of']} 人中有 {facts['both']} 人也买了这个"
    return many + (f"，其中同单 {facts['baskets']} 次" if facts["baskets"] else "")


def _new_en(facts: Mapping[str, Any]) -> str:
    place = f" in {facts['category']}" if facts["category"] else ""
    return f"new{place}: nobody did anything with it yet"


def _new_zh(facts: Mapping[str, Any]) -> str:
    return (f"{facts['category']}中的新品" if facts["category"] else "新品") + "：还没有人关注"


_SENTENCES: Mapping[str, Mapping[Language, Callable[[Mapping[str, Any]], str]]] = {
    "bought-with": {"en": _bought_en, "zh": _bought_zh},
    "seen-with": {"en": _seen_en, "zh": _seen_zh},
    "alike": {"en": _alike_en, "zh": _alike_zh},
    "category": {"en": _category_en, "zh": _category_zh},
    "popular": {
        "en": lambda facts: f"number {facts['rank']} in the shop: {_figure_en(facts)}",
        "zh": lambda facts: f"全店第 {facts['rank']} 名：{_figure_zh(facts)}",
    },
    "new": {"en": _new_en, "zh": _new_zh},
    "again": {
        "en": lambda facts: _did_it(facts) + (f" on {facts['day']}" if facts["day"] else " before"),
        "zh": lambda facts: (f"{facts['day']} " if facts["day"] else "") + _did(facts, "zh"),
    },
    "beside": {"en": _beside_en, "zh": _beside_zh},
    "category-beside": {
        "en": lambda facts: (
            f"{facts['other']} is bought with {facts['category']} {facts['lift']:.1f} times as often as by chance"
        ),
        "zh": lambda facts: (
            f"「{facts['other']}」与「{facts['category']}」一起购买的次数是随机的 {facts['lift']:.1f} 倍"
        ),
    },
    "recent": {
        "en": lambda facts: _did_it(facts) + (f", last on {facts['day']}" if facts["day"] else ""),
        "zh": lambda facts: _did(facts, "zh") + (f"，最近 {facts['day']}" if facts["day"] else ""),
    },
}
