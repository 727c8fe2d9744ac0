"""What an explanation says in words, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from goodsense.shop.explaining.results import HitExplanation, Modality, Neighbour, ProductExplanation, Regions, Word
from goodsense.shop.explaining.words import strongest
from goodsense.types import MediaRef, Query

Lang = Literal["en", "zh"]
NAMED = 3  # words in a sentence
LEAST = 0.02  # of what moves a score: words and parts of pictures that do less are not worth a sentence
NAME = 24  # characters of a file's name
AGAINST = 0.05  # share of what moves a score below which a modality that lowers it is not worth a word


class Said(NamedTuple):
    """One thing, said twice."""

    en: str
    zh: str


NAMES = {
    "text": Said("words", "文字"),
    "image": Said("pictures", "图片"),
    "audio": Said("sounds", "声音"),
    "video": Said("clips", "视频"),
    "attributes": Said("facts", "属性"),
    "reviews": Said("reviews", "评价"),
    "behaviour": Said("shoppers' behaviour", "顾客行为"),
    "joint": Said("words, pictures and sounds together", "图文声结合"),
}
_PLACES = {"upper": "上", "lower": "下", "left": "左", "right": "右", "middle": "中"}


def name_of(modality: str) -> Said:
    """What people call a modality."""
    return NAMES.get(modality, Said(modality, modality))


def hit_sentences(found: HitExplanation) -> list[Said]:
    """Which modality carried a hit, which words, which part of the picture; and what speaks against it."""
    said = [_carried(found)]
    against = [own for own in found.modalities if own.value < 0 and own.share >= AGAINST]
    said += [_against(own) for own in against]
    if len([value for value in found.joint.values() if abs(value) > 1e-6]) > 1:
        said.append(_joined(found))
    least = LEAST * sum(abs(own.value) for own in found.modalities)
    said += _words(found, least)
    said += [told for regions in found.regions if (told := _region(regions, least)) is not None]
    return said


def product_sentences(found: ProductExplanation) -> list[Said]:
    """What makes up a product's vectors, and what its neighbours share with it."""
    listed = [own for own in found.modalities if own.share >= 0.01]
    if not listed:
        return [Said("It has no vectors yet: it is found by its words alone.", "它还没有向量，只能通过文字找到。")]
    en = ", ".join(f"{name_of(own.name).en} {own.share:.0%}" for own in listed)
    zh = "、".join(f"{name_of(own.name).zh} {own.share:.0%}" for own in listed)
    said = [Said(f"It is compared by its {en}.", f"比较时依据：{zh}。")]
    if found.missing:
        en, zh = _listed(found.missing)
        said.append(Said(f"It has no {en}.", f"它没有{zh}。"))
    if found.neighbours:
        said.append(_nearest(found.neighbours[0]))
    return said


def asked(query: Query, lang: Lang = "en") -> str:
    """A query in words."""
    like, without = ("like", "not") if lang == "en" else ("类似", "不要")
    parts = []
    for part in query.parts:
        if isinstance(part.value, MediaRef):
            name = part.value.uri.rsplit("/", 1)[-1]
            text = f"[{name if len(name) <= NAME else f'{name[: NAME - 1]}…'}]"
        else:
            text = str(part.value) if part.kind == "text" else f"{like} {part.value}"
        parts.append(f"{without} {text}" if part.weight < 0 else text)
    return " + ".join(parts)


# ---- sentences


def _carried(found: HitExplanation) -> Said:
    top = found.top
    if top is None:
        return Said("Nothing of this product raises its score.", "这件商品没有任何信息能提高得分。")
    name = name_of(top.name)
    en = f"Its {name.en} carry this hit ({top.share:.0%} of what moves its score)"
    zh = f"主要靠它的{name.zh}（占影响得分因素的 {top.share:.0%}）"
    if found.rank is None or top.rank is None:
        return Said(f"{en}.", f"{zh}。")
    if top.rank > found.rank:
        en += f"; without them it would fall from rank {found.rank:,} to {top.rank:,}."
        zh += f"；没有它们，排名会从第 {found.rank:,} 位降到第 {top.rank:,} 位。"
    else:
        en += f"; without them it would still be at rank {top.rank:,}."
        zh += f"；没有它们，排名仍为第 {top.rank:,} 位。"
    return Said(en, zh)


def _against(own: Modality) -> Said:
    name = name_of(own.name)
    return Said(f"Its {name.en} speak against it ({own.value:+.2f}).", f"它的{name.zh}起反作用（{own.value:+.2f}）。")


def _joined(found: HitExplanation) -> Said:
    parts = sorted(found.joint.items(), key=lambda part: -part[1])
    en = ", ".join(f"{name_of(name).en} {value:+.2f}" for name, value in parts)
    zh = "、".join(f"{name_of(name).zh} {value:+.2f}" for name, value in parts)
    whole = sum(found.joint.values())
    return Said(
        f"Where words, pictures and sounds meet, it gets {whole:+.2f}: {en}.", f"图文声结合处得 {whole:+.2f}：{zh}。"
    )


def _words(found: HitExplanation, least: float) -> list[Said]:
    said = []
    for words, en, zh in (
        (found.query_words, "Of the query, {0} count most.", "查询中最重要的词：{0}。"),
        (found.product_words, "Of the product, {0} count most.", "商品中最重要的词：{0}。"),
    ):
        best = [word for word in strongest(words, NAMED) if word.value >= least]
        if best:
            one = len(best) == 1
            english = en.replace("count", "counts") if one else en
            said.append(Said(english.format(_quoted(best)), zh.format("、".join(f"“{word.text}”" for word in best))))
    return said


def _region(regions: Regions, least: float) -> Said | None:
    where = regions.strongest
    if not where or regions.grid.max() < least:
        return None
    whose = Said("its picture", "它的图片") if regions.side == "product" else Said("the query's picture", "查询图片")
    chinese = "".join(_PLACES[part] for part in reversed(where.split()))
    return Said(f"In {whose.en} the {where} part counts most.", f"{whose.zh}中最重要的是{chinese}部。")


def _nearest(neighbour: Neighbour) -> Said:
    shared = sorted((own for own in neighbour.modalities.items() if own[1] > 0), key=lambda own: -own[1])
    if not shared:
        return Said("Nothing is really near it.", "没有真正相近的商品。")
    en, zh = _listed([name for name, _ in shared[:2]])
    return Said(
        f"Its nearest neighbour, {neighbour.id}, is like it in {en}.", f"最相近的 {neighbour.id} 在{zh}上与它相似。"
    )


def _quoted(words: Sequence[Word]) -> str:
    names = [f"“{word.text}”" for word in words]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _listed(names: Sequence[str]) -> Said:
    en, zh = [name_of(name).en for name in names], [name_of(name).zh for name in names]
    return Said(en[0] if len(en) == 1 else f"{', '.join(en[:-1])} and {en[-1]}", "、".join(zh))
