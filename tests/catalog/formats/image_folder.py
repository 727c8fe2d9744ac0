"""A folder of pictures carries what paths say."""

from dataclasses import replace

from hypothesis import strategies as st

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds.image_folder import readable
from goodsense.types import AudioRef, ImageRef, MediaRef, VideoRef
from tests.catalog.catalogs import VALID

__all__ = ["CARRIED", "LOST", "UNSHOWN", "VALID", "read_medium"]

BYTES: dict[type[MediaRef], tuple[str, bytes]] = {
    ImageRef: ("png", b"\x89PNG\r\n\x1a\n"),
    AudioRef: ("wav", b"RIFF\x04\0\0\0WAVE"),
    VideoRef: ("mp4", b"\0\0\0\x08ftypisom"),
}
STEPS = st.one_of(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_+' -]{0,10}[A-Za-z0-9]", fullmatch=True),
    st.sampled_from(["红色 T恤", "a.b", "IMG_0001", "x__1", "x__02", "deadbeef01", "résumé", "a=b;c,d"]),
).filter(lambda step: step.lower() not in ("train", "training", "val", "valid", "validation", "dev", "test", "testing"))


def read_medium(ref: MediaRef) -> bytes:
    """Bytes that are what the reference says."""
    return BYTES[type(ref)][1]


@st.composite
def catalogs(draw: st.DrawFn) -> list[Product]:
    splits = draw(st.sampled_from([[""], ["train", "val", "test"], ["test"]]))
    found = {}
    for _ in range(draw(st.integers(1, 4))):
        split = draw(st.sampled_from(splits))
        category = tuple(draw(st.lists(STEPS, max_size=3)))
        name = draw(STEPS)
        id = "/".join([*([split] if split else []), *category, name])
        kinds = draw(st.lists(st.sampled_from(list(BYTES)), min_size=1, max_size=3))
        media = tuple(
            kind(f"{id}{f'__{place}' if place > 1 else ''}.{BYTES[kind][0]}") for place, kind in enumerate(kinds, 1)
        )
        found[id.casefold()] = Product(id, title=readable(name), category=category, media=media, split=split)
    # read in the order of folders, and of names in them
    return sorted(found.values(), key=lambda product: _place(product.media[0].uri))


def _place(uri: str) -> tuple[list[str], str]:
    *folders, name = uri.split("/")
    return folders, name


CARRIED = catalogs()
ONE = Product("lamps/red lamp", title="red lamp", category=("lamps",), media=(ImageRef("lamps/red lamp.png"),))
LOST = {
    "id": (
        replace(ONE, id="P/1"),
        replace(ONE, id="lamps/P%2F1", title="", media=(ImageRef("lamps/P%2F1.png"),)),
    ),
    "title": (replace(ONE, title="The red one"), ONE),
    "category": (
        replace(ONE, id="x", category=("..", "a/b")),
        Product("_.._/a%2Fb/x", category=("_.._", "a%2Fb"), media=(ImageRef("_.._/a%2Fb/x.png"),)),
    ),
    "split": (
        Product("x", category=("test",), media=(ImageRef("test/x.png"),)),
        Product("test/x", split="test", media=(ImageRef("test/x.png"),)),
    ),
    "media": (
        replace(
            ONE,
            media=(ImageRef("a.png", "0" * 64), AudioRef("b.wav")),
            variants=(Variant("v", media=(ImageRef("c.png"),)),),
        ),
        replace(ONE, media=(ImageRef("lamps/red lamp.png"), AudioRef("lamps/red lamp__2.wav"))),
    ),
    "all other fields": (
        replace(ONE, brand="Lux", attributes={"a": 1.0}, variants=(Variant("v", price=Money(1, "USD")),), url="u"),
        ONE,
    ),
}
UNSHOWN = {"products without media": "nothing of them comes back"}
