"""The painter and the photos: every toy can be drawn, in its colour, from many sides."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from goodsense.demo.canvas import Canvas, smooth
from goodsense.demo.drawing import SHAPES, jpeg, palette, photograph, reshoot
from goodsense.demo.vocabulary import COLOURS, RGB_OF, TOYS


@pytest.mark.parametrize("toy", list(TOYS))
def test_every_toy_fills_its_canvas_and_mostly_in_its_own_colour(toy: str) -> None:
    red, blue = Canvas(128), Canvas(128)
    for canvas, colour in ((red, "red"), (blue, "blue")):
        SHAPES[toy](canvas, palette(colour, Random(1)), Random(1))
    inside = red.alpha > 200
    assert inside.mean() > 0.12
    assert (red.alpha[0] == 0).all() or (red.alpha[:, 0] == 0).all()
    changed = np.abs(red.rgb.astype(int) - blue.rgb).sum(axis=2) > 60
    assert (changed & inside).sum() > 0.15 * inside.sum()


def test_photos_follow_their_seed_and_keep_the_article() -> None:
    one, again = (photograph("train", "red", seed="a", look="x") for _ in range(2))
    other = photograph("train", "red", seed="b", look="x")
    assert one.shape == (160, 160, 3)
    assert one.dtype == np.uint8
    assert (one == again).all()
    assert np.abs(one.astype(int) - other).mean() > 5


def test_a_photo_touched_up_stays_near_the_original() -> None:
    one = photograph("duck", "yellow", seed="a")
    again = reshoot(one, seed="b")
    assert again.shape == one.shape
    near = np.corrcoef(one.ravel().astype(float), again.ravel().astype(float))[0, 1]
    far = np.corrcoef(one.ravel().astype(float), photograph("duck", "yellow", seed="c").ravel().astype(float))[0, 1]
    assert near > 0.8 > far
    assert not (again == one).all()


def test_jpeg_files_carry_the_picture() -> None:
    import cv2

    picture = photograph("ball", "blue", seed="a")
    back = cv2.imdecode(np.frombuffer(jpeg(picture), np.uint8), cv2.IMREAD_COLOR)
    assert back is not None
    assert np.abs(back[..., ::-1].astype(int) - picture).mean() < 6


@pytest.mark.parametrize("colour", list(COLOURS))
def test_dyes_vary_but_stay_nearest_to_their_own_name(colour: str) -> None:
    names = list(RGB_OF)
    swatches = np.array([RGB_OF[name] for name in names])
    for seed in range(20):
        main = np.array(palette(colour, Random(seed)).main)
        assert names[int(np.abs(swatches - main).sum(axis=1).argmin())] == colour


def test_painting_beyond_the_edge_is_cut_off() -> None:
    canvas = Canvas(32)
    canvas.poly([(2, 2), (3, 2), (3, 3)], (10, 20, 30))
    assert not canvas.alpha.any()
    canvas.ellipse(1, 1, 0.5, 0.5, (10, 20, 30))
    assert canvas.alpha[-1, -1] == 255
    assert canvas.alpha[0, 0] == 0


def test_a_smooth_curve_runs_through_its_points() -> None:
    corners = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
    curve = smooth(corners, steps=8)
    assert len(curve) == 32
    assert curve[::8] == corners
