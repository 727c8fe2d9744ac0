"""Tables of clips carry captions, a category, attributes and where the clip is."""

from dataclasses import replace

from hypothesis import strategies as st

from goodsense.catalog import Money, Product, Variant
from goodsense.types import AudioRef, ImageRef, VideoRef
from tests.catalog.catalogs import ATTRIBUTES, FULL, IDS, VALID, WORDS

__all__ = ["CARRIED", "EXAMPLE", "LOST", "VALID"]

TIMES = st.sampled_from([0.0, 12.5, 3600.0, "12", "soon"])
VIDEOS = st.sampled_from(["clips/a.mp4", "http://x/v?id=1", "视频,1.mp4", "b.webm|c", "http://x/a.mp4?b=c.wav"])
SOUNDS = st.one_of(FULL, st.sampled_from(["a.wav", "http://x/a.mp3"]))


@st.composite
def products(draw: st.DrawFn) -> Product:
    captions = draw(st.lists(FULL, max_size=3))
    times = draw(st.dictionaries(st.sampled_from(["start", "end", "duration"]), TIMES))
    videos = draw(st.lists(VIDEOS, max_size=2, unique=True))
    sounds = draw(st.lists(SOUNDS, max_size=2, unique=True))
    pictures = draw(st.lists(FULL, max_size=1))
    return Product(
        draw(IDS),
        title=captions[0] if captions else "",
        bullets=tuple(captions[1:]),
        category=tuple(draw(st.lists(WORDS, max_size=2))),
        attributes=draw(ATTRIBUTES) | times,
        media=(*map(ImageRef, pictures), *map(AudioRef, sounds), *map(VideoRef, videos)),
        split=draw(st.sampled_from(["", "train", "val", "test"])),
        language=draw(st.sampled_from(["", "zh", "en"])),
        url=draw(WORDS),
    )


CARRIED = st.lists(products(), min_size=1, max_size=3, unique_by=lambda product: product.id)
ONE = Product("7", title="A cat purrs.", media=(VideoRef("cat.mp4"),))
LOST = {
    "title and bullets": (replace(ONE, title="", bullets=("", "A cat purrs.")), ONE),
    "attributes": (replace(ONE, attributes={"start": "00:01:30"}), replace(ONE, attributes={"start": 90.0})),
    "media": (
        replace(ONE, media=(VideoRef("b.wav"), VideoRef("cat.mp4", "0" * 64), ImageRef("a.jpg"))),
        replace(ONE, media=(ImageRef("a.jpg"), AudioRef("b.wav"), VideoRef("cat.mp4"))),
    ),
    "description, brand, variants, updated, extra": (
        replace(ONE, description="d", brand="b", variants=(Variant("v", {}, Money(1, "USD")),), extra={"a": 1}),
        ONE,
    ),
}
EXAMPLE = [
    Product(
        "tee-spin",
        title="A linen tee turns on a hanger",
        bullets=("Someone spins a white shirt",),
        category=("Clothing",),
        attributes={"start": 12.0, "end": 18.5},
        media=(VideoRef("https://shop.example/tee.mp4"),),
    ),
    Product(
        "台灯-开关", title="台灯开关的咔嗒声", category=("灯具",), language="zh", media=(AudioRef("sounds/lamp.wav"),)
    ),
]
