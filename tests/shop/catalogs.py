"""Small catalogs whose right answers are known by construction."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from goodsense.catalog import Money, Product, Variant
from goodsense.events import Event
from goodsense.feedback import Review
from goodsense.media import MediaStore
from goodsense.types import AudioRef, ImageRef, MediaRef, VideoRef

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


def sound(thing: str, *, seed: int = 0) -> bytes:
    """A second of FLAC: every thing has its own pitch and rhythm."""
    import soundfile

    rng = np.random.default_rng(seed)
    which = THINGS.index(thing)
    at = np.arange(16_000) / 16_000
    beats = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * (2 + which) * at + rng.uniform(0, 6)))
    tone = np.sin(2 * np.pi * 220 * 2 ** (which / 2) * (1 + rng.uniform(-0.01, 0.01)) * at) * beats
    target = io.BytesIO()
    soundfile.write(target, 0.4 * tone + rng.normal(scale=0.01, size=at.shape), 16_000, format="FLAC")
    return target.getvalue()


def clip(colour: str, thing: str, *, seed: int = 0, frames: int = 8, sounding: bool = False) -> bytes:
    """An MP4 of a thing's shape on its way over the picture, each thing in its own direction."""
    import av
    import cv2

    rng = np.random.default_rng(seed)
    which = THINGS.index(thing)
    step = np.array([np.cos(which), np.sin(which)]) * 5
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8, options={"threads": "1", "preset": "ultrafast"})
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        voice = container.add_stream("aac", rate=16_000, layout="mono") if sounding else None
        at = np.array([48.0, 48.0]) - 4 * step + rng.integers(-4, 5, size=2)
        for number in range(frames):
            canvas = np.full((96, 96, 3), 240, dtype=np.uint8)
            spot = tuple(np.rint(at + number * step).astype(int).tolist())
            points = cv2.ellipse2Poly(spot, (20, 8 + 3 * which), 15 * which, 0, 360, max(8, 120 // (which + 2)))
            cv2.fillPoly(canvas, [points], COLOURS[colour])
            for packet in stream.encode(av.VideoFrame.from_ndarray(canvas, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
        if voice is not None:
            import soundfile

            samples, _ = soundfile.read(io.BytesIO(sound(thing, seed=seed)), dtype="float32")
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = 16_000
            for packet in (*voice.encode(frame), *voice.encode(None)):
                container.mux(packet)
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


def full_toy(number: int, store: MediaStore) -> Product:
    """The same toy with what it sounds like (every second) and a clip of it (every third; every sixth with sound)."""
    plain = toy(number, store=store)
    colour, thing = str(plain.attributes["colour"]), plain.category[1].lower()
    media: list[MediaRef] = list(plain.media)
    if number % 2:
        media.append(AudioRef(f"{number}.flac", store.put(sound(thing, seed=number))))
    if number % 3 == 0:
        data = clip(colour, thing, seed=number, sounding=number % 6 == 0)
        media.append(VideoRef(f"{number}.mp4", store.put(data)))
    return replace(plain, media=tuple(media))


def full_toys(count: int, directory: Path) -> list[Product]:
    store = MediaStore(directory / "media")
    return [full_toy(number, store) for number in range(count)]


def shoppers_of(count: int) -> tuple[list[Event], list[Review]]:
    """Everybody looks at and buys toys of one thing, and writes what that thing is like."""
    events, reviews = [], []
    for user in range(count):
        own = [number for number in range(count) if (number // 4) % 6 == user % 6]
        for place in range(4):
            number = own[(user // 6 * 3 + place) % len(own)]
            time = 1_700_000_000.0 + 100 * user + place
            kind = "purchase" if place % 2 else "view"
            events.append(Event(f"u{user}", f"toy-{number:04d}", kind, time=time, session=f"s{user}"))
        thing = THINGS[user % 6]
        text = f"My children love this {thing}; a fine {thing} for the price."
        reviews.append(
            Review(f"r{user}", f"toy-{own[user // 6 % len(own)]:04d}", f"u{user}", float(3 + user % 3), text=text)
        )
    return events, reviews


def toys(count: int, directory: Path | None = None) -> list[Product]:
    store = MediaStore(directory / "media") if directory is not None else None
    return [toy(number, store=store) for number in range(count)]
