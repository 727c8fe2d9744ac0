"""Which part of a picture does what, where it is known which part an encoder looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.media import decode_image
from goodsense.shop import Shop, make_query
from goodsense.shop.explaining.case import Case
from goodsense.shop.explaining.figure import heat_over
from goodsense.shop.explaining.regions import cells, covered_by, product_regions, query_regions, windows
from goodsense.shop.explaining.results import Regions
from goodsense.types import Image, ImageRef, Query, Vectors
from tests.shop.catalogs import picture

ID = "toy-0215"  # has two pictures


class Corner:
    """A picture is like another one as far as its lower right quarter is not empty."""

    accepts = frozenset({"image"})
    fingerprint = "corner"

    def __init__(self, like: Vectors, unlike: Vectors) -> None:
        self.like, self.unlike, self.dim = like, unlike, len(like)

    def encode(self, values: Sequence[Image]) -> Vectors:
        dark = [float((255 - value[-(len(value) // 2) :, -(value.shape[1] // 2) :]).mean() / 255) for value in values]
        return np.array([share * self.like + (1 - share) * self.unlike for share in dark], dtype=np.float32)

    encode_query = encode


def case_of(shop: Shop, query: Query, id: str = ID) -> Case:
    return Case.of(shop, shop.encode(query), id)


def test_every_cell_lies_under_four_covers() -> None:
    seen = np.zeros((4, 4))
    for top, bottom, left, right in windows(4):
        seen[round(4 * top) : round(4 * bottom), round(4 * left) : round(4 * right)] += 1
    np.testing.assert_array_equal(seen, 4)
    one = np.array([float(w == (0.25, 0.75, 0.25, 0.75)) for w in windows(4)])  # the cover of four inner cells
    expected = np.zeros((4, 4))
    expected[1:3, 1:3] = 0.25
    np.testing.assert_array_equal(cells(one, 4), expected)


def test_a_cover_has_the_colour_of_the_border() -> None:
    picture = np.full((40, 60, 3), 200, dtype=np.uint8)
    picture[10:30, 20:40] = (200, 30, 30)
    covered = covered_by(picture, (0.25, 0.75, 1 / 3, 2 / 3))
    assert (covered == 200).all()
    assert (picture[10:30, 20:40] == (200, 30, 30)).all()
    tiny = covered_by(np.zeros((1, 1, 3), dtype=np.uint8), (0.0, 1 / 7, 0.0, 1 / 7))
    assert tiny.shape == (1, 1, 3)


def test_the_part_that_the_encoder_looks_at_is_found(explained: Shop) -> None:
    case = case_of(explained, Query.like("mute"))
    like = explained.snapshot.blocks["image"].gather(explained.snapshot.rows_of(["mute"]))[0]
    other = np.roll(like, 1)
    corner: Any = Corner(like, other)
    looking = replace(case, encoders={**case.encoders, "image": corner})
    found, reason = product_regions(looking, explained.read_medium, grid=6)
    assert reason == ""
    assert found is not None
    row, column = np.unravel_index(int(found.grid.argmax()), found.grid.shape)
    assert min(int(row), int(column)) >= 3
    assert found.grid.max() > 1e-3
    np.testing.assert_allclose(found.grid[:2], 0, atol=1e-6)  # covers reach one cell beyond what they hide
    np.testing.assert_allclose(found.grid[:, :2], 0, atol=1e-6)


def test_a_cell_is_worth_what_the_score_loses_where_it_is_covered(explained: Shop) -> None:
    """Of two pictures the other one stays as it is."""
    query = make_query("green kite", like="mute")
    case = case_of(explained, query)
    found, _ = product_regions(case, explained.read_medium, grid=2)
    assert found is not None
    assert found.blocks == ("image", "joint")
    product = explained.truth.get([ID])[ID]
    pictures = [decode_image(explained.read_medium(ref)) for ref in product.images]
    names = [ref.uri for ref in product.images]
    which = names.index(found.name)
    lost = []
    for window in windows(2):
        shown = [*pictures]
        shown[which] = covered_by(pictures[which], window)
        vectors = explained.encoders["image"].encode(shown)
        pooled = vectors.sum(axis=0) / np.linalg.norm(vectors.sum(axis=0))
        text = explained.snapshot.blocks["text"].gather(case.at)[0]
        assert explained.snapshot.joint is not None
        own = {"image": pooled, "joint": explained.snapshot.joint.encode([{"text": text, "image": pooled}])[0]}
        lost.append(score_of(case, "image") + score_of(case, "joint") - score_of(case, **own))
    np.testing.assert_allclose(found.grid, cells(np.array(lost), 2), atol=1e-4)


def score_of(case: Case, *blocks: str, **vectors: Any) -> float:
    """The terms of blocks, with the product's own vectors or with others."""
    given = {name: case.vector(name)[0] for name in blocks} | vectors
    total = 0.0
    for part in case.query.parts:
        for name, vector in given.items():
            if name in part.probes:
                total += float(case.snapshot.affine_of(part, name)(np.array([part.probes[name] @ vector]))[0])
    return total


def test_parts_of_the_querys_picture(explained: Shop, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture("red", "robot", seed=4))
    case = case_of(explained, make_query(image=ImageRef(str(path))), "mute")
    (found,) = query_regions(case, grid=3)
    assert (found.side, found.name) == ("query", str(path))
    assert found.grid.shape == (3, 3)
    whole = explained.snapshot.scores(case.query, case.at)[0]
    lost = []
    for window in windows(3):
        (tmp_path / "less.png").write_bytes(png(covered_by(decode_image(path.read_bytes()), window)))
        less = explained.encode(make_query(image=ImageRef(str(tmp_path / "less.png"))))
        lost.append(whole - explained.snapshot.scores(less, case.at)[0])
    np.testing.assert_allclose(found.grid, cells(np.array(lost), 3), atol=1e-4)


def png(image: Image) -> bytes:
    import io

    from PIL import Image as pil

    out = io.BytesIO()
    pil.fromarray(image).save(out, "PNG")
    return out.getvalue()


def test_pictures_that_cannot_matter_are_not_looked_at(explained: Shop) -> None:
    assert product_regions(case_of(explained, make_query("robot").using("bm25")), explained.read_medium) == (None, "")
    assert product_regions(case_of(explained, make_query("robot"), "toy-0001"), explained.read_medium) == (None, "")
    assert query_regions(case_of(explained, make_query("robot"))) == ()


def test_pictures_that_are_gone_are_told(explained: Shop) -> None:
    from goodsense.errors import DataError

    def gone(ref: Any) -> bytes:
        raise DataError("gone")

    found, reason = product_regions(case_of(explained, Query.like("mute")), gone)
    assert found is None
    assert "cannot be read any more" in reason


@pytest.mark.parametrize(
    ("cell", "where"),
    [((0, 0), "upper left"), ((5, 5), "lower right"), ((2, 3), "middle"), ((5, 2), "lower"), ((3, 0), "left")],
)
def test_places_in_words(cell: tuple[int, int], where: str) -> None:
    grid = np.zeros((6, 6))
    grid[cell] = 1
    assert Regions("product", "a", np.zeros((6, 6, 3), dtype=np.uint8), grid, ()).strongest == where
    assert Regions("product", "a", np.zeros((6, 6, 3), dtype=np.uint8), -grid, ()).strongest == ""


def test_what_raises_is_red_and_what_lowers_is_blue() -> None:
    grid = np.array([[1.0, 0.0, -1.0]])
    heat = heat_over(np.full((30, 90, 3), 255, dtype=np.uint8), grid).astype(int)
    assert heat[15, 5, 0] > heat[15, 5, 2] + 50
    assert heat[15, 85, 2] > heat[15, 85, 0] + 50
    assert np.ptp(heat[15, 45]) < 20
    faint = heat_over(np.full((30, 90, 3), 255, dtype=np.uint8), grid, least=100.0).astype(int)
    assert np.ptp(faint[15, 5]) < 5
