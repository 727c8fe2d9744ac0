"""Defects of pictures and copies of products, put into a catalog on purpose."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from goodsense.catalog.product import Product
from goodsense.media import MediaStore, decode_image
from goodsense.types import ImageRef
from tests.quality.defects import is_chinese

SpoilPicture: TypeAlias = Callable[[Image.Image, Random], bytes]


def encoded(picture: Image.Image, *, format: str = "JPEG", quality: int = 88) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, quality=quality)
    return out.getvalue()


def with_picture(product: Product, store: MediaStore, data: bytes, *, suffix: str = "jpg") -> Product:
    """The product with one picture of these bytes."""
    return replace(product, media=(ImageRef(f"made/{product.id}.{suffix}", store.put(data)),))


def opened(product: Product, store: MediaStore) -> Image.Image:
    return Image.fromarray(decode_image(store.read(product.images[0].sha256 or "")))


# ---- single pictures


def unreadable_picture(picture: Image.Image, rng: Random) -> bytes:
    whole = encoded(picture)
    return rng.choice((whole[: len(whole) // 2], b"<html>404 Not Found</html>" + whole[-50:-20]))


def tiny_picture(picture: Image.Image, rng: Random) -> bytes:
    return encoded(picture.resize((rng.randint(20, 80), rng.randint(20, 80))))


def blank_picture(picture: Image.Image, rng: Random) -> bytes:
    level = rng.choice((255, 250, 0, 128))
    noise = np.random.default_rng(rng.randrange(1 << 30)).integers(0, 2, (picture.height, picture.width, 3))
    return encoded(Image.fromarray(np.clip(level - noise, 0, 255).astype(np.uint8)))


def placeholder_picture(picture: Image.Image, rng: Random) -> bytes:
    made = Image.new("RGB", (300, 300), "lightgrey")
    draw = ImageDraw.Draw(made)
    draw.rectangle((90, 90, 210, 180), outline="grey", width=6)
    draw.text((100, 200), "NO IMAGE / coming soon", fill="black")
    return encoded(made)


def watermark(picture: Image.Image, rng: Random) -> bytes:
    made = picture.convert("RGBA")
    layer = Image.new("RGBA", made.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    width, height = made.size
    left, top = round(width * 0.62), round(height * 0.86)
    draw.rectangle((left, top, width, height), fill=(20, 20, 20, 215))
    size = max(8, round(height * 0.085))
    draw.text((left + 2, top + 1), "SHOP.NET", fill=(255, 255, 255, 255), font_size=size)
    return encoded(Image.alpha_composite(made, layer).convert("RGB"))


def wrong_picture_type(picture: Image.Image, rng: Random) -> bytes:
    return encoded(picture, format=rng.choice(("PNG", "WEBP")))


PICTURES: Mapping[str, SpoilPicture] = {
    found.__name__: found
    for found in (unreadable_picture, tiny_picture, blank_picture, placeholder_picture, watermark, wrong_picture_type)
}


def changed_a_little(picture: Image.Image, rng: Random, *, way: str) -> bytes:
    """The picture resized, recompressed, cropped by at most a twentieth of each side, or all three."""
    quality = 90
    if way in ("resized", "all"):
        factor = rng.uniform(0.5, 0.9) if rng.random() < 0.7 else rng.uniform(1.1, 1.6)
        size = max(8, round(picture.width * factor)), max(8, round(picture.height * factor))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if way in ("cropped", "all"):
        left, right, top, bottom = (rng.uniform(0, 0.05) for _ in range(4))
        width, height = picture.size
        box = round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom))
        picture = picture.crop(box)
    if way in ("recompressed", "all"):
        quality = rng.randint(40, 70)
    return encoded(picture.convert("RGB"), quality=quality)


WAYS = ("resized", "recompressed", "cropped", "all")


# ---- copies of products


def twin(product: Product, rng: Random) -> Product:
    """The same product put up again under another id, worded a little differently."""
    hype = (
        rng.choice(("新品", "爆款", "限时特价", "包邮"))
        if is_chinese(product)
        else rng.choice(("NEW!", "Hot sale", "***"))
    )
    ways = [
        f"{hype} {product.title}",
        f"{product.title} {hype}",
        product.title.replace(" ", "  "),
        _slip(product.title, rng),
    ]
    variants = tuple(replace(one, sku=f"{one.sku}-again", gtin="") for one in product.variants)
    description = product.description + rng.choice(("", " Order today.", "！"))
    return replace(
        product, id=f"{product.id}-again", title=rng.choice(ways), variants=variants, description=description.strip()
    )


def _slip(text: str, rng: Random) -> str:
    places = [at for at in range(1, len(text) - 2) if text[at : at + 2].isalpha() and text[at] != text[at + 1]]
    if not places:
        return f"{text}."
    at = rng.choice(places)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
