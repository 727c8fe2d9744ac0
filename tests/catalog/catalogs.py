"""Hypothesis strategies for money, variants and products, and a little valid catalog."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from goodsense.catalog import Money, Product, Variant
from goodsense.types import AudioRef, ImageRef, VideoRef

# All of Unicode that text may hold: no surrogates, no NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TRICKY = st.sampled_from(
    ["", "=1+1", "'=1", "''-x", "-3.5", "+", "@a", "\t", "\r", "'", '"', "a,b", "a;b", "a|b", "[1]", '["x"]', "true"]
)
MORE = st.sampled_from(
    "007 1.50 1e5 a>b /x/y http://x/a,b.jpg a.jpg,b.jpg null \ufeffx 品,牌 {} sep=, \x85".split(
        " "
    )  # \x85 is no space here
)
WORDS = st.one_of(TEXT, TRICKY, MORE)
FULL = WORDS.filter(bool)
IDS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_.:/=+@'-]{1,12}", fullmatch=True),
    st.sampled_from(["=a", "'=b", "007", "商品-1", "-5", "a b"]),
)
MONEY = st.builds(Money, st.integers(0, 10**9), st.sampled_from(["USD", "CNY", "JPY", "KWD", "EUR", "VND", "INR"]))
MEDIA = st.lists(
    st.builds(
        lambda kind, uri, sha: kind(uri, sha),
        st.sampled_from([ImageRef, AudioRef, VideoRef]),
        FULL,
        st.one_of(st.none(), st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
    ),
    max_size=3,
).map(tuple)
ZONES = st.one_of(st.just(UTC), st.integers(-12 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))))
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=ZONES)
ATTRIBUTES = st.dictionaries(
    WORDS,
    st.one_of(
        WORDS, st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.lists(WORDS, max_size=3).map(tuple)
    ),
    max_size=3,
)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**12), 10**12),
        st.floats(allow_nan=False, allow_infinity=False),
        WORDS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2)),
    max_leaves=4,
)
VARIANTS = st.builds(
    Variant,
    sku=WORDS,
    options=st.dictionaries(WORDS, WORDS, max_size=2),
    price=st.none() | MONEY,
    list_price=st.none() | MONEY,
    availability=st.sampled_from(["", "in_stock", "out_of_stock", "preorder", "backorder"]),
    stock=st.none() | st.integers(-5, 10**6),
    gtin=st.sampled_from(["", "4006381333931", "not a gtin", "036000291452"]),
    media=MEDIA,
)
PLAIN_VARIANTS = st.builds(
    Variant,
    sku=IDS,
    price=st.none() | MONEY,
    list_price=st.none() | MONEY,
    availability=st.sampled_from(["", "in_stock", "out_of_stock"]),
    stock=st.none() | st.integers(0, 99),
    gtin=st.sampled_from(["", "4006381333931"]),
)
PRODUCTS = st.builds(
    Product,
    id=IDS,
    title=WORDS,
    description=WORDS,
    bullets=st.lists(WORDS, max_size=3).map(tuple),
    brand=WORDS,
    category=st.lists(WORDS, max_size=3).map(tuple),
    attributes=ATTRIBUTES,
    language=st.sampled_from(["", "zh", "en", "en-GB", "zh-Hans"]),
    url=WORDS,
    media=MEDIA,
    variants=st.one_of(st.lists(VARIANTS, max_size=2), st.lists(PLAIN_VARIANTS, max_size=1)).map(tuple),
    updated=st.none() | TIMES,
    split=st.sampled_from(["", "train", "val", "test"]),
    extra=st.dictionaries(WORDS, JSON, max_size=2),
)
CATALOGS = st.lists(PRODUCTS, max_size=3)
UNIQUE = st.lists(PRODUCTS, min_size=1, max_size=3, unique_by=lambda product: product.id)
VALID = [  # twelve products that use every field
    Product(
        id=f"P-{n}",
        title=f"Lamp {n}, “warm”",
        description="Line one\nline two; 台灯 with |pipes| and 'quotes'",
        bullets=("bright", "small, light"),
        brand="Lux",
        category=("Home", "Lamps"),
        attributes={"colour": "red", "watt": 5.5, "dimmable": True, "fits": ("E14", "E27")},
        language="en",
        url=f"https://shop.example/{n}",
        media=(ImageRef(f"img/{n}.jpg"), ImageRef(f"img/{n}b.jpg")),
        variants=(
            Variant(f"P-{n}-a", {"size": "S"}, Money(1999 + n, "USD"), availability="in_stock", stock=n),
            Variant(f"P-{n}-b", {"size": "L"}, Money(2999 + n, "USD"), Money(3999, "USD"), gtin="4006381333931"),
        )[: 1 + n % 2],
        extra={"season": "all"},
    )
    for n in range(12)
]
