"""COCO captions carry titles, bullets, a picture, a category and whatever else an image has."""

from dataclasses import replace

from hypothesis import strategies as st

from goodsense.catalog import Money, Product, Variant
from goodsense.types import AudioRef, ImageRef
from tests.catalog.catalogs import FULL, IDS, JSON, VALID, WORDS

__all__ = ["CARRIED", "LOST", "VALID"]

_OWN = {"id", "url", "caption", "captions", "sentences", "split", "file_name"}


@st.composite
def products(draw: st.DrawFn) -> Product:
    captions = draw(st.lists(FULL, max_size=3))
    category = draw(st.one_of(st.just(()), st.tuples(FULL), st.tuples(WORDS, FULL), st.tuples(WORDS, WORDS, FULL)))
    objects = draw(st.lists(FULL, min_size=2, max_size=3, unique=True))
    uri = draw(st.one_of(FULL, st.sampled_from(["http://x/a.jpg", "val/000001.jpg", "https://x/", "商品/1.png"])))
    return Product(
        draw(IDS),
        title=captions[0] if captions else "",
        bullets=tuple(captions[1:]),
        category=category,
        attributes={"objects": tuple(objects)} if not category and draw(st.booleans()) else {},
        media=(ImageRef(uri),) if draw(st.booleans()) else (),
        split=draw(st.sampled_from(["", "train", "val", "test"])),
        extra=draw(st.dictionaries(WORDS.filter(lambda name: name not in _OWN), JSON, max_size=2)),
    )


CARRIED = st.lists(products(), min_size=1, max_size=3, unique_by=lambda product: product.id)
ONE = Product("7", title="A cat.", media=(ImageRef("cat.jpg"),))
LOST = {
    "title and bullets": (replace(ONE, title="", bullets=("", "A cat.")), ONE),
    "media": (replace(ONE, media=(AudioRef("a.wav"), ImageRef("cat.jpg", "0" * 64), ImageRef("b.jpg"))), ONE),
    "category": (replace(ONE, category=("Animals", "")), ONE),
    "attributes": (replace(ONE, attributes={"colour": "red", "objects": ("cat", "cat")}), ONE),
    "extra": (replace(ONE, extra={"caption": "x", "license": 1}), replace(ONE, extra={"license": 1})),
    "description, brand, language, url, variants, updated": (
        replace(ONE, description="d", brand="b", language="en", url="u", variants=(Variant("v", {}, Money(1, "USD")),)),
        ONE,
    ),
}
