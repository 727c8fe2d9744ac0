"""Small catalogs whose right answers are known by construction."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from goodsense.catalog import Money, Product, Variant
from goodsense.media import MediaStore
from goodsense.types import ImageRef

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 50), "blue": (40, 60, 200), "white": (235, 235, 235)}
THINGS = ("train", "kite", "puzzle", "robot", "teapot", "drum")
MATERIALS = ("wooden", "plastic", "metal")


def picture(colour: str, thing: str, *, seed: int = 0) -> bytes:
    """A JPEG of a shape that only this thing has, in this colour."""
    import cv2
    from PIL import Image as pil

    rng = np.random.default_rng(seed)
    canvas = np.full((96, 96, 3), 245, dtype=np.uint8)
    at = (48 + int(rng.integers(-5, 6)), 48 + int(rng.integers(-5, 6)))
    which = THINGS.index(thing)
    points = cv2.ellipse2Poly(at, (30, 12 + 4 * which), 15 * which, 0, 360, max(8, 120 // (which + 2)))
    cv2.fillPoly(canvas, [points], COLOURS[colour])
    target = io.BytesIO()
    pil.fromarray(canvas).save(target, "JPEG", quality=88)
    return target.getvalue()


def toy(number: int, *, store: MediaStore | None = None, price: str | None = None) -> Product:
    """Toy ``number``: colour, thing and material follow from the number; every 7th has no picture."""
    colour = list(COLOURS)[number % 4]
    thing = THINGS[(number // 4) % 6]
    material = MATERIALS[(number // 24) % 3]
    media: tuple[ImageRef, ...] = ()
    if store is not None and number % 7:
        media = (ImageRef(f"{number}.jpg", store.put(picture(colour, thing, seed=number))),)
    return Product(
        id=f"toy-{number:04d}",
        title=f"{material} {thing} {colour} no {number}",
        description=f"A {material} {thing} that children like. Painted in {colour}, safe and sturdy.",
        brand=("Kikoru", "Doremi")[number % 2],
        category=("Toys", thing.capitalize()),
        attributes={"colour": colour, "material": material, "pieces": float(number)},
        media=media,
        variants=(Variant(f"S{number}", price=Money.of(price or f"{5 + number}.50", "CNY"), availability="in_stock"),),
    )


def toys(count: int, directory: Path | None = None) -> list[Product]:
    store = MediaStore(directory / "media") if directory is not None else None
    return [toy(number, store=store) for number in range(count)]
