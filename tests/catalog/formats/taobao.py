"""Exports of Chinese platforms carry nearly everything, one row per SKU."""

from dataclasses import replace

from hypothesis import strategies as st

from goodsense.catalog import Money, Product, Variant
from goodsense.types import AudioRef, ImageRef, VideoRef
from tests.catalog.catalogs import ATTRIBUTES, FULL, IDS, MONEY, TIMES, VALID, WORDS

__all__ = ["CARRIED", "EXAMPLE", "LOST", "VALID"]

SKUS = st.one_of(IDS, st.sampled_from(["货号 7", "a,b", "=1"]))
OPTIONS = st.dictionaries(
    st.one_of(FULL, st.sampled_from(["颜色分类", "尺码", "{", "1627207"])),
    st.one_of(WORDS, st.sampled_from(["红色", "L", "28320", "a;b", "a:b", " x ", "："])),
    max_size=2,
)
OFFER = {
    "options": OPTIONS,
    "price": st.none() | MONEY,
    "list_price": st.none() | MONEY,
    "availability": st.sampled_from(["", "in_stock", "out_of_stock", "preorder", "backorder"]),
    "stock": st.none() | st.integers(-5, 10**6),
    "gtin": st.sampled_from(["", "4006381333931"]),
}
LINKS = st.one_of(FULL.filter(lambda link: not link.startswith("//")), st.just("https://img.example/台灯.jpg"))


@st.composite
def products(draw: st.DrawFn) -> Product:
    def refs(kind: type) -> list[object]:
        return [kind(link) for link in draw(st.lists(LINKS, max_size=2, unique=True))]

    return Product(
        draw(IDS.filter(lambda id: id != "0")),
        title=draw(WORDS.filter(lambda title: title not in ("宝贝名称", "宝贝标题"))),
        description=draw(WORDS),
        bullets=tuple(draw(st.lists(WORDS, max_size=2))),
        brand=draw(WORDS),
        category=tuple(draw(st.lists(WORDS, max_size=3))),
        attributes=draw(ATTRIBUTES),
        language=draw(st.sampled_from(["", "zh", "en-GB"])),
        url=draw(WORDS),
        media=(*refs(ImageRef), *refs(AudioRef), *refs(VideoRef)),  # type: ignore[arg-type]
        variants=tuple(draw(st.lists(st.builds(Variant, sku=SKUS, **OFFER), max_size=3))),
        updated=draw(st.none() | TIMES),
        split=draw(st.sampled_from(["", "train", "val", "test"])),
    )


CARRIED = st.lists(products(), min_size=1, max_size=3, unique_by=lambda product: product.id)
ONE = Product("1", title="台灯", media=(ImageRef("a.jpg"),), variants=(Variant("L-1", price=Money(100, "CNY")),))
VARIANT = ONE.variants[0]
LOST = {
    "extra": (replace(ONE, extra={"季节": "夏"}), ONE),
    "sha256": (replace(ONE, media=(ImageRef("a.jpg", "0" * 64),)), ONE),
    "media": (
        replace(
            ONE,
            media=(AudioRef("b.wav"), ImageRef("a.jpg")),
            variants=(replace(VARIANT, media=(ImageRef("c.jpg"),)), Variant("L-2", media=(ImageRef("d.jpg"),))),
        ),
        replace(
            ONE,
            media=(ImageRef("a.jpg"), AudioRef("b.wav")),
            variants=(VARIANT, Variant("L-2", media=(ImageRef("d.jpg"),))),
        ),
    ),
    "sku": (
        replace(ONE, variants=(Variant("", {"尺码": "L"}), Variant("", {"尺码": "M"}))),
        replace(ONE, variants=(Variant("1-L", {"尺码": "L"}), Variant("1-M", {"尺码": "M"}))),
    ),
    "gtin with a wrong check digit": (replace(ONE, variants=(replace(VARIANT, gtin="4006381333932"),)), ONE),
}
EXAMPLE = [
    Product(
        "610001",
        title="亚麻短袖T恤",
        brand="清风",
        category=("女装", "T恤"),
        attributes={"材质": "亚麻", "季节": "夏"},
        media=(ImageRef("https://img.example/tee.jpg"),),
        variants=(
            Variant("TEE-W-S", {"颜色分类": "白色", "尺码": "S"}, Money(5900, "CNY"), Money(9900, "CNY"), stock=7),
            Variant("TEE-W-M", {"颜色分类": "白色", "尺码": "M"}, Money(5900, "CNY"), Money(9900, "CNY"), stock=0),
        ),
    ),
    Product("610002", title="暖光台灯", variants=(Variant("LAMP", {}, Money(12900, "CNY"), availability="in_stock"),)),
]
