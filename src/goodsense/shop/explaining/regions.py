"""Which part of a picture does what for a score: what is lost when it is covered.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014). The cover has the colour of the
picture's border, as if the thing in it were not there, and slides over the picture by half its own size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.media.reading import ImageWish, read_bytes, read_medium
from goodsense.search.encode import EncodedPart
from goodsense.shop.encoding import pool
from goodsense.shop.explaining.case import Case, Terms
from goodsense.shop.explaining.results import Regions
from goodsense.types import Encoder, Image, ImageRef, MediaRef, Vectors

GRID = 7
SHOWN_SIDE = 480  # pixels
IMAGE = "image"

Window = tuple[float, float, float, float]  # top, bottom, left, right, as shares of the picture
Reader = Callable[[MediaRef], bytes]


def product_regions(case: Case, read: Reader, *, grid: int = GRID) -> tuple[Regions | None, str]:
    """The picture of a product that does most for its score, and which parts of it do; or None and why."""
    encoder = case.encoders.get(IMAGE)
    if encoder is None or not case.has(IMAGE) or not case.counts(IMAGE):
        return None, ""
    pictures = list(_readable(case, read, _wish(encoder)))
    if not pictures:
        return None, "the product's pictures cannot be read any more"
    vectors = encoder.encode([picture for _, _, picture in pictures])
    best = int(np.argmax(_total(case.of_product(IMAGE, vectors))))
    name, data, picture = pictures[best]
    covered = encoder.encode([covered_by(picture, window) for window in windows(grid)])
    pooled = np.concatenate([_pooled(vectors), *(_pooled(_exchanged(vectors, best, own)) for own in covered)])
    terms = case.of_product(IMAGE, pooled)
    return _regions("product", name, data, terms, grid), ""


def query_regions(case: Case, *, grid: int = GRID) -> tuple[Regions, ...]:
    """Which parts of the query's own pictures do what for the score of the product."""
    found = []
    for part in case.query.parts:
        if part.part.kind == IMAGE and isinstance(part.part.value, MediaRef):
            terms = _query_terms(case, part, part.part.value, grid)
            if terms:
                data = read_bytes(part.part.value)
                found.append(_regions("query", part.part.value.uri, data, terms, grid))
    return tuple(found)


def _query_terms(case: Case, part: EncodedPart, ref: MediaRef, grid: int) -> Terms:
    data = read_bytes(ref)

    def values(encoder: Encoder) -> list[Any]:
        picture = read_medium(data, _wish(encoder), name=ref.uri)
        return [picture, *(covered_by(picture, window) for window in windows(grid))]

    return case.of_query(part, values)


# ---- covers


def windows(grid: int) -> Iterator[Window]:
    """Covers of two cells of a grid by two, in steps of one, so that every cell lies under four."""
    for row in range(grid + 1):
        for column in range(grid + 1):
            yield (
                max(row - 1, 0) / grid,
                min(row + 1, grid) / grid,
                max(column - 1, 0) / grid,
                min(column + 1, grid) / grid,
            )


def cells(lost: NDArray[np.float64], grid: int) -> NDArray[np.float64]:
    """What each cell does ``(grid, grid)``: the mean of what is lost by the four covers that it lies under."""
    table = lost.reshape(grid + 1, grid + 1)
    return (table[:-1, :-1] + table[1:, :-1] + table[:-1, 1:] + table[1:, 1:]) / 4


def covered_by(picture: Image, window: Window) -> Image:
    """The picture with a window of it in the median colour of its border."""
    height, width = picture.shape[:2]
    top, bottom, left, right = window
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    found = picture.copy()
    rows = slice(round(top * height), max(round(top * height) + 1, round(bottom * height)))
    columns = slice(round(left * width), max(round(left * width) + 1, round(right * width)))
    found[rows, columns] = np.median(border, axis=0).astype(picture.dtype)
    return found


# ---- small things


def _regions(side: Any, name: str, data: bytes, terms: Terms, grid: int) -> Regions:
    total = _total(terms)
    shown = read_medium(data, ImageWish(SHOWN_SIDE), name=name)
    return Regions(side, name, shown, cells(total[0] - total[1:], grid), tuple(terms))


def _total(terms: Terms) -> NDArray[np.float64]:
    return np.asarray(sum(terms.values()))


def _wish(encoder: Encoder) -> ImageWish:
    wish = getattr(encoder, "wish", None)
    return wish if isinstance(wish, ImageWish) else ImageWish()


def _readable(case: Case, read: Reader, wish: ImageWish) -> Iterator[tuple[str, bytes, Image]]:
    """A product's pictures, each once, that can be read."""
    seen: set[str] = set()
    for ref in case.product.every_medium:
        if not isinstance(ref, ImageRef) or ref.sha256 is None or ref.sha256 in seen:
            continue
        seen.add(ref.sha256)
        try:
            data = read(ref)
            yield ref.uri, data, read_medium(data, wish, name=ref.uri)
        except DataError:
            continue


def _pooled(vectors: Vectors) -> Vectors:
    """A product's vector ``(1, d)`` from those of its pictures ``(m, d)``."""
    return pool(vectors, [tuple(range(len(vectors)))])[0]


def _exchanged(vectors: Vectors, place: int, vector: Sequence[Any] | Vectors) -> Vectors:
    found = vectors.copy()
    found[place] = vector
    return found
