"""What is missing: empty fields, placeholders, and attributes that the peers have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from goodsense.quality.census import Census
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding

MOST = 0.8  # of the peers fill an attribute: then a product without it lacks something
PEERS = 10  # products of a category; fewer say little


def missing_fields(evidence: Evidence) -> list[Finding]:
    """Products without title, description, brand, category, price or picture."""
    census = evidence.census
    told = [one or other for one, other in zip(census.descriptions, census.bullets, strict=True)]
    fields: dict[str, Sequence[object]] = {
        "title": census.titles,
        "description": told,
        "brand": census.brands,
        "category": census.categories,
        "price": [row in census.prices for row in range(len(census))],
        "picture": [row in census.with_pictures for row in range(len(census))],
    }
    found: list[Finding] = []
    absent: list[str] = []
    for name, values in fields.items():
        field = "image" if name == "picture" else name
        lacking = [row for row, value in enumerate(values) if not _filled(value)]
        if len(lacking) == len(census) >= PEERS:
            absent.append(field)
        else:
            found += finding(f"missing_{name}", [Case(census.ids[row], field) for row in lacking])
    return found + _absent(census, absent)


def _absent(census: Census, fields: Sequence[str]) -> list[Finding]:
    """Fields that no product has: one finding about the feed rather than one about every product."""
    if not fields:
        return []
    listed = ", ".join(fields)
    (found,) = finding("absent_field", [Case(id, listed) for id in census.ids], {"fields": list(fields)})
    what = {"en": f"No product at all has: {listed}.", "zh": f"所有商品都没有：{listed}。"}
    return [replace(found, what=what)]


def _filled(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


# ---- placeholders

_EVERYWHERE = frozenset(
    "n/a #n/a n.a. tbd t.b.d. tba tbc todo fixme asdf asdfasdf qwerty qwertz xxx xxxx ??? - -- --- . .. ... _ / "
    "placeholder dummy null nil undefined #ref! #value! 待补充 待定 待填 待填写 待完善 待更新 暂无 暂缺 暂无描述 "
    "暂无信息 占位 占位符 测试 测试商品 测试数据 请填写 请输入".split()
) | {"to be defined", "to be announced", "lorem ipsum", "not available", "coming soon", "fill me in"}
_IN_TEXTS = frozenset(
    "na none nothing unknown title untitled name description text string brand category no-title no_title "
    "无 没有 未知 不详 空 标题 品名 商品名称 商品标题 描述 商品描述 默认 品牌 类目".split()
)
_PHRASE = re.compile(
    r"(?:this is )?(?:an? )?(?:test|sample|dummy|example|new)"
    r"[ _-]?(?:product|item|title|article|description|entry|text)?[ _-]?\d{0,6}"
    r"|(?:product|item|your) (?:name|title|description)(?: here)?|(?:title|description|text) (?:goes )?here"
    r"|no (?:title|description|name)(?: available| yet)?"
    r"|(?:测试|示例)(?:商品|产品|标题|描述)?\d{0,6}|(?:商品|产品)(?:标题|描述|名称)"
    r"|[?？.。\-—_*#xX]{2,}|(.)\1{4,}"
)
_LOREM = re.compile(r"\blorem ipsum\b", re.IGNORECASE)
_NEW = frozenset({"new", "sample", "example"})  # alone they may be meant


def is_placeholder(text: str, *, attribute: bool = False) -> bool:
    """Whether a text only keeps a place: ``N/A``, ``TBD``, ``test 1``, ``暂无``, lorem ipsum.

    An attribute may well be "none" or "unknown", so less counts there.
    """
    if len(text) > 60:
        return _LOREM.search(text[:500]) is not None
    folded = text.strip().casefold()
    if folded in _EVERYWHERE:
        return True
    if attribute or not folded:
        return False
    if folded in _IN_TEXTS or _LOREM.search(folded) is not None:
        return True
    return folded not in _NEW and _PHRASE.fullmatch(folded) is not None


def placeholder_texts(evidence: Evidence) -> list[Finding]:
    """Texts that are only placeholders."""
    census = evidence.census
    fields = {"title": census.titles, "description": census.descriptions, "brand": census.brands}
    cases = [
        Case(census.ids[row], field, found=text)
        for field, texts in fields.items()
        for row, text in enumerate(texts)
        if text and is_placeholder(text)
    ]
    cases += [
        Case(census.ids[row], "category", found=level)
        for path, rows in census.by_category.items()
        for level in path
        if is_placeholder(level)
        for row in rows
    ]
    cases += _placeholder_attributes(census)
    return finding("placeholder_text", cases, {"by field": dict(Counter(case.field for case in cases).most_common(20))})


def _placeholder_attributes(census: Census) -> Iterator[Case]:
    for name, column in census.attributes.items():
        for row, value in column:
            if isinstance(value, str) and len(value) < 60 and is_placeholder(value, attribute=True):
                yield Case(census.ids[row], f"attribute.{name}", found=value)


# ---- what the peers fill


def missing_attributes(evidence: Evidence) -> list[Finding]:
    """Products without an attribute that most of their category have."""
    census = evidence.census
    large = {path: rows for path, rows in census.by_category.items() if len(rows) >= PEERS}
    cases: list[Case] = []
    for name, column in census.attributes.items():
        filled = {row for row, value in column if value not in ("", ())}
        counts = Counter(census.categories[row] for row in filled)
        for path, count in counts.items():
            rows = large.get(path, ())
            if rows and MOST <= count / len(rows) < 1:
                share = round(count / len(rows), 3)
                cases += [
                    Case(census.ids[row], f"attribute.{name}", group=" > ".join(path), score=share)
                    for row in rows
                    if row not in filled
                ]
    detail = {"share of peers": MOST, "by field": dict(Counter(case.field for case in cases).most_common(20))}
    return finding("missing_attribute", cases, detail)
