"""Hits as a picture: photo, title, and the terms that make up each score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.errors import DataError
from goodsense.evaluate.lettering import Lettering, installed_lettering
from goodsense.media import MediaStore, decode_image
from goodsense.types import Hit, Hits, Image, MediaRef, Part

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

COLOURS = {
    "bm25": "#4477aa",
    "text": "#66ccee",
    "image": "#ee6677",
    "attributes": "#ccbb44",
    "audio": "#aa3377",
    "video": "#228833",
    "reviews": "#ee8866",
    "behaviour": "#44bb99",
    "joint": "#332288",
}
OTHER = "#aaaaaa"
_SIDE = 200  # pixels of a thumbnail


def draw_hits(shop: Shop, found: Hits, path: Path, *, most: int = 10) -> None:
    """Draw the query and its hits into a PNG file, best first; a product without a photo has a grey field."""
    from matplotlib.figure import Figure

    hits = found.hits[:most]
    lettering = installed_lettering()
    figure = Figure(figsize=(2.1 * (len(hits) + 1) + 0.3, 4.4), layout="constrained")
    figure.set_facecolor("white")
    grid = figure.subplots(2, len(hits) + 1, squeeze=False, height_ratios=[3, 2])
    _draw_query(grid[0, 0], grid[1, 0], found, lettering)
    limits = _limits(hits)
    photos = photos_of(shop, [hit.id for hit in hits])
    for column, hit in enumerate(hits, start=1):
        _draw_photo(grid[0, column], photos.get(hit.id), f"{hit.rank}. {hit.title}", lettering)
        _draw_terms(grid[1, column], hit, limits, labelled=column == 1)
    figure.savefig(path, dpi=100)


def _draw_query(top: Any, bottom: Any, found: Hits, lettering: Lettering) -> None:
    photo = next((part.value for part in found.query.parts if isinstance(part.value, MediaRef)), None)
    words = "  ".join(_in_words(part) for part in found.query.parts if not isinstance(part.value, MediaRef))
    image = decode_image(Path(photo.uri).read_bytes(), max_side=_SIDE) if photo is not None else None
    _draw_photo(top, image, "the query" if photo is not None else "", lettering)
    top.patch.set_visible(photo is not None)
    bottom.axis("off")
    lines = [*_wrapped(f"“{words}”" if words else "", lettering), *_wrapped(found.query.where or "", lettering)]
    text = "\n".join(lines)
    top_or_bottom = bottom if photo is not None else top
    at = (0.5, 0.9) if photo is not None else (0.5, 0.5)
    top_or_bottom.text(
        *at, text, ha="center", va="top" if photo is not None else "center", size=12, family=lettering.families
    )


def _in_words(part: Part) -> str:
    text = "a vector" if isinstance(part.value, np.ndarray) else str(part.value)
    named = f"like {text}" if part.kind == "like" else text
    return f"not {named}" if part.weight < 0 else named


def _wrapped(text: str, lettering: Lettering, *, width: int = 22, lines: int = 3) -> list[str]:
    """At most a few lines; words stay whole where they can."""
    left = " ".join(text.split())
    found: list[str] = []
    while left and len(found) < lines:
        cut = len(left) if len(left) <= width else max(left.rfind(" ", 0, width), 0) or width
        found.append(lettering.legible(left[:cut], width=2 * width))
        left = left[cut:].strip()
    return found


def _draw_photo(axes: Any, photo: Image | None, title: str, lettering: Lettering) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if photo is None:
        axes.set_facecolor("#eeeeee")
        axes.set_box_aspect(1)
    else:
        axes.imshow(photo)
    axes.set_title(lettering.legible(title, width=26), size=8.5, family=lettering.families)


def _draw_terms(axes: Any, hit: Hit, limits: tuple[float, float], *, labelled: bool) -> None:
    """What raises the score stands on the zero line, what lowers it hangs below."""
    low, high = limits
    up = down = 0.0
    for name, value in _families(hit).items():
        bottom = up if value > 0 else down
        axes.bar(0, value, bottom=bottom, color=COLOURS.get(name, OTHER), width=0.6)
        if abs(value) > 0.09 * (high - low):
            axes.text(0, bottom + value / 2, f"{name} {value:.2f}", ha="center", va="center", size=8)
        up, down = up + max(value, 0.0), down + min(value, 0.0)
    axes.axhline(0, color="#888888", linewidth=0.6)
    axes.set_xlim(-0.5, 0.5)
    axes.set_ylim(low, high)
    axes.set_xticks([])
    axes.set_xlabel(f"score {hit.score:.2f}", size=9)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    if not labelled:
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)


def _limits(hits: Sequence[Hit]) -> tuple[float, float]:
    """From the deepest to the highest pile of terms, with a little room."""
    piles = [list(_families(hit).values()) for hit in hits] or [[1.0]]
    low = min(sum(value for value in pile if value < 0) for pile in piles)
    high = max(sum(value for value in pile if value > 0) for pile in piles)
    return 1.05 * low, 1.05 * max(high, 1e-6)


def _families(hit: Hit) -> Mapping[str, float]:
    """Terms by family: every ``bm25.<field>`` together."""
    found: dict[str, float] = {}
    for name, value in hit.terms.items():
        family = name.split(".")[0]
        found[family] = found.get(family, 0.0) + value
    return {name: value for name, value in found.items() if value}


def photos_of(shop: Shop, ids: Sequence[str]) -> dict[str, Image]:
    """The first readable photo of each product, small."""
    store = MediaStore(shop.directory / "media")
    found: dict[str, Image] = {}
    for id, product in shop.truth.get(ids).items():
        for ref in product.images:
            if ref.sha256 is None or not store.has(ref.sha256):
                continue
            try:
                found[id] = decode_image(store.read(ref.sha256), name=ref.uri, max_side=_SIDE)
                break
            except DataError:
                continue  # the next photo may be whole
    return found
