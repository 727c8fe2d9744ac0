"""What Google's feeds carry in both of their forms."""

from dataclasses import replace

from hypothesis import strategies as st

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.product import AttributeValue
from goodsense.types import AudioRef, ImageRef, VideoRef

# Text that RSS carries unchanged: XML characters without white space around them.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\n\t\r"), min_size=1, max_size=20
).filter(lambda text: text == text.strip() and not text.startswith("\ufeff"))
IDS = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)
WORDS = st.one_of(
    TEXT, st.sampled_from(["=1", "a,b", "a:b", "a\\b", '"x"', "'=x", "red", "a|b", "&amp;", "<b>", "]]>"])
)
NAMES = st.sampled_from(["color", "size", "volume", "容量", "a:b,c", "x\\y"])
PLAIN = st.sampled_from(["red", "blue & green", "1,5 l", "a:b", "c\\d", "红色"])
MONEY = st.builds(Money, st.integers(1, 10**7), st.sampled_from(["USD", "CNY", "JPY"]))
ATTRIBUTES: st.SearchStrategy[dict[str, AttributeValue]] = st.dictionaries(
    NAMES, st.one_of(PLAIN, st.booleans(), st.integers(-99, 99).map(float), st.just(("a", "b"))), max_size=3
)


def variants(product_id: str) -> st.SearchStrategy[tuple[Variant, ...]]:
    priced = st.one_of(
        st.just((None, None)), st.tuples(MONEY, st.none()), MONEY.map(lambda m: (m, Money(m.minor + 1, m.currency)))
    )
    one = st.builds(
        lambda sku, options, prices, availability, gtin: Variant(
            sku, options, *prices, availability=availability, gtin=gtin
        ),
        st.one_of(IDS, st.just(product_id)),
        st.dictionaries(NAMES, PLAIN, max_size=2),
        priced,
        st.sampled_from(["", "in_stock", "out_of_stock", "preorder", "backorder"]),
        st.sampled_from(["", "4006381333931"]),
    )
    return st.lists(one, max_size=3).map(tuple)


@st.composite
def products(draw: st.DrawFn) -> Product:
    id = draw(IDS)
    links = draw(st.lists(WORDS, max_size=3, unique=True))
    return Product(
        id=id,
        title=draw(WORDS),
        description=draw(WORDS),
        bullets=tuple(draw(st.lists(WORDS, max_size=2))),
        brand=draw(WORDS),
        category=tuple(draw(st.lists(WORDS, max_size=3))),
        attributes=draw(ATTRIBUTES),
        url=draw(WORDS),
        media=tuple(ImageRef(link) for link in links),
        variants=draw(variants(id)),
        extra=draw(st.dictionaries(st.sampled_from(["custom_label_0", "mpn", "condition"]), WORDS, max_size=2)),
    )


CARRIED = st.lists(products(), min_size=1, max_size=3, unique_by=lambda product: product.id)

FULL = Product("1", title="Lamp", media=(ImageRef("a.jpg"),), variants=(Variant("1", price=Money(100, "USD")),))
VARIANT = FULL.variants[0]
LOST = {
    "language, updated, split": (replace(FULL, language="en", split="val"), FULL),
    "stock": (replace(FULL, variants=(replace(VARIANT, stock=3),)), FULL),
    "audio, video, sha256": (
        replace(FULL, media=(ImageRef("a.jpg", "0" * 64), AudioRef("s.wav"), VideoRef("v.mp4"))),
        FULL,
    ),
    "attributes": (
        Product("1", attributes={"n": "5", "leading": "007", "empty": ""}),
        Product("1", attributes={"n": 5.0, "leading": "007"}),
    ),
    "list_price without price": (
        replace(FULL, variants=(VARIANT, Variant("2", list_price=Money(5, "USD")), Variant("3", price=None))),
        replace(FULL, variants=(VARIANT, Variant("2"), Variant("3"))),
    ),
    "gtin with a wrong check digit": (replace(FULL, variants=(replace(VARIANT, gtin="4006381333932"),)), FULL),
    "extra": (replace(FULL, extra={"size_guide": {"S": 1}, "Not Plain": "x", "title": "y"}), FULL),
    "pictures of variants": (replace(FULL, variants=(replace(VARIANT, media=(ImageRef("v.jpg"),)),)), FULL),
}
