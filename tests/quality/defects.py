"""Defects put into a catalog on purpose, so that the right findings are known: one function per kind of finding.

Every function takes a sound product and gives the spoilt one, or None where the defect cannot be put into it. Defects
that need several products or pictures are in ``twins`` and ``tests/quality/picture_defects.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from random import Random
from typing import Any, TypeAlias
from zlib import crc32

from goodsense.catalog.money import Money
from goodsense.catalog.product import Product, Variant
from goodsense.quality.census import Census
from goodsense.quality.vocabulary import FACETS, Facet
from goodsense.types import ImageRef

TODAY = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Sound:
    """The catalog before the defects, with what injectors look up in it."""

    products: tuple[Product, ...]

    @cached_property
    def census(self) -> Census:
        return Census.of(self.products)

    @cached_property
    def columns(self) -> dict[str, dict[int, Any]]:
        """The values of every attribute by row."""
        return {name: dict(column) for name, column in self.census.attributes.items()}

    @staticmethod
    def gives(product: Product) -> bool:
        """Whether a product lends its values to spoilt ones; then it is never spoilt itself."""
        return crc32(product.id.encode()) % 2 == 0

    def other(self, rng: Random, product: Product, has: Callable[[Product], object]) -> Product:
        """Another product that has something."""
        return rng.choice(
            [found for found in self.products if found.id != product.id and self.gives(found) and has(found)]
        )


Spoil: TypeAlias = Callable[[Product, Random, Sound], Product | None]


def is_chinese(product: Product) -> bool:
    return sum("\u4e00" <= char <= "\u9fff" for char in product.title) > 2


def _variants(product: Product, **changes: Any) -> Product | None:
    if not product.variants:
        return None
    return replace(product, variants=tuple(replace(variant, **changes) for variant in product.variants))


def _offer(product: Product, change: Callable[[Variant], Variant]) -> Product:
    return replace(product, variants=(change(product.variants[0]), *product.variants[1:]))


def _attribute(product: Product, name: str, value: Any) -> Product:
    return replace(product, attributes={**product.attributes, name: value})


# ---- completeness


def missing_title(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, title=rng.choice(("", " "))) if product.title else None


def missing_description(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, description="", bullets=()) if product.description or product.bullets else None


def missing_brand(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, brand="") if product.brand else None


def missing_category(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, category=()) if product.category else None


def missing_price(product: Product, rng: Random, sound: Sound) -> Product | None:
    return _variants(product, price=None) if product.price else None


def missing_picture(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, media=()) if product.media else None


_PLACEHOLDERS = (
    "N/A", "TBD", "title", "lorem ipsum dolor sit amet, consectetur", "test", "asdf", "-", "test product 2", "untitled",
    "Product title here", "无", "暂无", "待补充", "测试商品", "商品标题", "???",
)  # fmt: skip


def placeholder_text(product: Product, rng: Random, sound: Sound) -> Product | None:
    name = rng.choice([name for name in ("title", "description", "brand") if getattr(product, name)] or ["title"])
    return replace(product, **{name: rng.choice(_PLACEHOLDERS)})


def missing_attribute(product: Product, rng: Random, sound: Sound) -> Product | None:
    peers = sound.census.by_category.get(product.category, [])
    full = [
        name
        for name in product.attributes
        if len(peers) >= 20 and sum(row in sound.columns[name] for row in peers) >= 0.95 * len(peers)
    ]
    if not full or crc32(product.id.encode()) % 8:  # few per category, or nobody would have it any more
        return None
    gone = rng.choice(full)
    return replace(product, attributes={name: value for name, value in product.attributes.items() if name != gone})


# ---- consistency


def shared_sku(product: Product, rng: Random, sound: Sound) -> Product | None:
    if not product.variants:
        return None
    other = sound.other(rng, product, lambda found: found.variants)
    return _offer(product, lambda one: replace(one, sku=other.variants[0].sku))


def shared_gtin(product: Product, rng: Random, sound: Sound) -> Product | None:
    if not product.variants or not product.variants[0].gtin:
        return None
    other = sound.other(rng, product, lambda found: found.variants and found.variants[0].gtin)
    return _offer(product, lambda one: replace(one, gtin=other.variants[0].gtin))


def same_title(product: Product, rng: Random, sound: Sound) -> Product | None:
    title = sound.other(rng, product, lambda found: found.title).title
    return replace(product, title=rng.choice((title, title.lower(), f" {title} ", title.replace(" ", "  "))))


def _contradicted(key: str) -> Spoil:
    facet = next(facet for facet in FACETS if facet.key == key)

    def spoil(product: Product, rng: Random, sound: Sound) -> Product | None:
        said: frozenset[str] = frozenset().union(
            *(
                facet.families[word]
                for word in facet.words(product.title.casefold().replace(product.brand.casefold(), " "))
            )
        )
        for name, value in product.attributes.items():
            families = facet.of_value(value)
            if name.casefold() in facet.names and families & said:
                wrong = [
                    word for word in _plain_words(facet, chinese=is_chinese(product)) if not facet.families[word] & said
                ]
                return _attribute(product, name, rng.choice(wrong).capitalize()) if wrong else None
        return None

    return spoil


def _plain_words(facet: Facet, *, chinese: bool) -> list[str]:
    """Words that mean one family only."""
    return sorted(word for word, families in facet.families.items() if len(families) == 1 and word.isascii() != chinese)


def brand_contradiction(product: Product, rng: Random, sound: Sound) -> Product | None:
    if not product.brand or product.brand.casefold() not in product.title.casefold():
        return None
    if len(sound.census.by_brand[product.brand]) < 3:
        return None
    other = sound.other(
        rng, product, lambda found: found.brand and found.brand.casefold() not in product.title.casefold()
    )
    return replace(product, brand=other.brand)


def mixed_units(product: Product, rng: Random, sound: Sound) -> Product | None:
    from goodsense.quality.units import parse_quantity

    for name, value in product.attributes.items():
        found = parse_quantity(value) if isinstance(value, str) else None
        if found and found[1] in ("cm", "厘米"):
            return _attribute(product, name, f"{found[0] / 2.54:.1f} {rng.choice(('in', 'inch', '英寸'))}")
    return None


def decimal_comma(product: Product, rng: Random, sound: Sound) -> Product | None:
    for name, value in product.attributes.items():
        if isinstance(value, float) and not value.is_integer():
            return _attribute(product, name, f"{value:g}".replace(".", ","))
    return None


def mixed_currency(product: Product, rng: Random, sound: Sound) -> Product | None:
    price = product.price
    other = rng.choice(("USD", "EUR", "HKD"))
    if price is None or price.currency == other:
        return None
    return _offer(product, lambda one: replace(one, price=Money(one.price.minor, other) if one.price else None))


def respelt(text: str, rng: Random) -> str:
    """Another spelling of a name: case, spaces, punctuation, width, a slip."""
    ways = [text.upper(), text.lower(), f"{text} ", text.replace(" ", "-") if " " in text else f"{text}."]
    if len(text) >= 6 and text.isascii():
        at = rng.randrange(1, len(text) - 2)
        ways += [text[:at] + text[at + 1 :], text[:at] + text[at + 1] + text[at] + text[at + 2 :]]
    if text.isascii():
        ways.append("".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in text))
    else:
        ways += [f"{text[:1]} {text[1:]}", f"【{text}】"]
    return rng.choice([way for way in ways if way != text and any(char.isalnum() for char in way)])


def brand_spelling(product: Product, rng: Random, sound: Sound) -> Product | None:
    if len(sound.census.by_brand.get(product.brand, ())) < 8:
        return None
    return replace(product, brand=respelt(product.brand, rng))


def category_spelling(product: Product, rng: Random, sound: Sound) -> Product | None:
    if len(sound.census.by_category.get(product.category, ())) < 8:
        return None
    return replace(product, category=(*product.category[:-1], respelt(product.category[-1], rng)))


def attribute_spelling(product: Product, rng: Random, sound: Sound) -> Product | None:
    for name in ("color", "colour", "baseColour", "material"):
        value = product.attributes.get(name)
        if isinstance(value, str) and sum(v == value for v in sound.columns[name].values()) >= 6:
            return _attribute(product, name, respelt(value, rng))
    return None


# ---- accuracy, apart from pictures


def wrong_gtin(product: Product, rng: Random, sound: Sound) -> Product | None:
    if not product.variants or not (gtin := product.variants[0].gtin):
        return None
    at = rng.randrange(len(gtin))
    changed = gtin[:at] + str((int(gtin[at]) + rng.randint(1, 9)) % 10) + gtin[at + 1 :]
    wrong = rng.choice((changed, gtin[:11], f"{gtin}00"))
    return _offer(product, lambda one: replace(one, gtin=wrong))


def missing_file(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, media=(*product.media, ImageRef(f"gone/{product.id}.jpg")))


def broken_link(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, media=(*product.media, ImageRef(f"https://gone.example/{product.id}.jpg")))


# ---- plausibility


def price_outlier(product: Product, rng: Random, sound: Sound) -> Product | None:
    price = product.price
    if price is None or price.minor < 500 or len(product.category) < 3:  # "New arrivals" tells nothing about prices
        return None
    factor = rng.choice((10, 100, 0.1, 0.01))
    wrong = Money(max(1, round(price.minor * factor)), price.currency)
    return _variants(product, price=wrong, list_price=None)


def list_price_below_price(product: Product, rng: Random, sound: Sound) -> Product | None:
    price = product.price
    return None if price is None else _variants(product, list_price=Money(price.minor * 2 // 3, price.currency))


def price_not_positive(product: Product, rng: Random, sound: Sound) -> Product | None:
    price = product.price
    return None if price is None else _variants(product, price=Money(rng.choice((0, -price.minor)), price.currency))


def shouting_title(product: Product, rng: Random, sound: Sound) -> Product | None:
    if is_chinese(product):
        return replace(product, title=f"{product.title}！！！快抢！！！")
    loud = product.title.upper()
    return replace(product, title=loud if len(loud) > 20 and loud.count(" ") > 1 else f"{loud} BUY IT NOW TODAY!!!")


def stuffed_title(product: Product, rng: Random, sound: Sound) -> Product | None:
    if is_chinese(product):
        extra = rng.choice(("，礼物，玩具，男孩，女孩，生日，送礼，儿童", "玩具玩具玩具玩具玩具", "🔥🔥🎁🎁✨✨"))
    else:
        extra = rng.choice((", gift, present, cheap, best, kids, boys, girls", " gift gift gift gift", " 🔥🔥🎁🎁✨✨"))
    return replace(product, title=product.title + extra)


def long_title(product: Product, rng: Random, sound: Sound) -> Product | None:
    words = (
        "适合送给喜欢它的人放在家里任何地方都很好看"
        if is_chinese(product)
        else " for everyone who always wanted one like it"
    )
    title = product.title
    while len(title) * (2 if is_chinese(product) else 1) <= 200:
        title += words
    return replace(product, title=title)


def future_date(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, updated=TODAY.replace(year=2026 + rng.randint(1, 70)))


def stock_contradiction(product: Product, rng: Random, sound: Sound) -> Product | None:
    stock = rng.choice((0, 25, -3))
    state = "in_stock" if stock <= 0 else "out_of_stock"
    return _variants(product, stock=stock, availability=state)


def description_is_title(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(
        product, description=rng.choice((product.title, f"<p>{product.title}</p>"[3:-4], product.title + "."))
    )


_FOREIGN = (
    "Une belle chaise en bois pour la maison et le jardin, facile à monter avec les vis",
    "Ein schöner Stuhl aus Holz für das Haus und den Garten, der sich leicht aufbauen lässt",
    "Una silla de madera para la casa y el jardín, que es fácil de montar con los tornillos",
    "Красивый деревянный стул для дома и сада, легко собирается",
    "家庭用の美しい木製の椅子です。組み立てはとても簡単です",
    "가정과 정원을 위한 아름다운 나무 의자입니다. 조립이 아주 쉽습니다",
)


def foreign_language(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, title=rng.choice(_FOREIGN), description="", bullets=())


def mixed_language_title(product: Product, rng: Random, sound: Sound) -> Product | None:
    extra = " beautiful little present for children" if is_chinese(product) else " 送给孩子的漂亮小礼物"
    title = product.title + extra
    return replace(product, title=title if is_chinese(product) else f"Nice gift for you {title}")


def mojibake(product: Product, rng: Random, sound: Sound) -> Product | None:
    if is_chinese(product):
        ways = [("utf-8", "latin-1"), ("utf-8", "cp1252"), ("gb18030", "latin-1"), ("utf-8", "gb18030")]
        made = []
        for wrote, read in ways:
            try:
                made.append(product.title.encode(wrote).decode(read))
            except UnicodeDecodeError:
                made.append(product.title.encode("utf-8").decode("utf-8", "replace")[:-1] + "\ufffd")
        return replace(product, title=rng.choice(made))
    damaged = (
        rng.choice(("café", "crème brûlée", "Größe", "naïve – “fine”", "50 €")).encode().decode("cp1252", "replace")
    )
    return replace(product, title=f"{product.title} {damaged}")


def html_in_text(product: Product, rng: Random, sound: Sound) -> Product | None:
    text = product.description or product.title
    wrapped = (
        f"<b>{text}</b>",
        f"<p>{text}</p>",
        f"{text}&nbsp;&amp; more",
        f'<span style="color:red">{text}</span><br/>',
    )
    return replace(product, description=rng.choice(wrapped))


_PERSONAL = (
    "Call me: 138 0013 8000", "电话13912345678", "mail jane.doe@example-shop.com", "微信：wxid_ab12cd34",
    "write to tom_k@gmail.com",
)  # fmt: skip


def personal_data(product: Product, rng: Random, sound: Sound) -> Product | None:
    return replace(product, description=f"{product.description} {rng.choice(_PERSONAL)}".strip())


SPOILERS: Mapping[str, Spoil] = {
    found.__name__: found
    for found in (
        missing_title, missing_description, missing_brand, missing_category, missing_price, missing_picture,
        placeholder_text, missing_attribute, shared_sku, shared_gtin, same_title, brand_contradiction, mixed_units,
        decimal_comma, mixed_currency, brand_spelling, category_spelling, attribute_spelling, wrong_gtin, missing_file,
        broken_link, price_outlier, list_price_below_price, price_not_positive, shouting_title, stuffed_title,
        long_title, future_date, stock_contradiction, description_is_title, foreign_language, mixed_language_title,
        mojibake, html_in_text, personal_data,
    )
} | {f"{key}_contradiction": _contradicted(key) for key in ("colour", "material", "gender", "size")}  # fmt: skip
