"""Sketches of texts: inner products are those of the weighed words, and what is rare is kept."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from goodsense.encoders import load_encoder, make_encoder
from goodsense.encoders.sketch import SketchEncoder, signs, spellings
from goodsense.errors import UsageError
from tests.encoders import samples

TITLES = [{"title": title} for title in ("red shirt", "blue shirt", "red shoe", "green bag")]


def test_inner_products_are_those_of_weighed_words() -> None:
    """Words alone, against TF-IDF cosines by hand."""
    encoder = SketchEncoder(dim=16_384, pair_weight=0, char_weight=0, rareness=1.0).fit(TITLES, seed=0)
    weight = {word: math.log(5 / (1 + uses)) + 1e-3 for word, uses in {"red": 2, "shirt": 2, "blue": 1}.items()}
    first, second = math.hypot(weight["red"], weight["shirt"]), math.hypot(weight["blue"], weight["shirt"])
    vectors = encoder.encode(TITLES)
    assert vectors[0] @ vectors[1] == pytest.approx(weight["shirt"] ** 2 / first / second, abs=0.03)
    assert vectors[0] @ vectors[3] == pytest.approx(0, abs=0.03)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_signs_are_random_and_always_the_same() -> None:
    rows = signs(np.arange(200), 700, seed=3)
    np.testing.assert_allclose(rows @ rows.T, np.eye(200), atol=0.2)
    np.testing.assert_array_equal(signs(np.array([7]), 700, seed=3)[0], rows[7])
    assert (signs(np.arange(200), 700, seed=4) != rows).mean() == pytest.approx(0.5, abs=0.02)
    assert (rows[0, :8] > 0).tolist() == (signs(np.array([0]), 8, seed=3)[0] > 0).tolist()


def test_a_misspelt_word_shares_its_spellings() -> None:
    assert spellings("blau") == ["<bla", "blau", "lau>"]
    assert spellings("ab") == ["<ab>"]
    encoder = SketchEncoder().fit(samples.texts(), seed=0)
    meant, other, asked = encoder.encode_query(["nordwind", "zephyr", "nordwnid"])
    assert asked @ meant > 0.2 > abs(asked @ other)


def test_unknown_content_is_a_zero_row_and_comes_back_saved(tmp_path: Path) -> None:
    encoder = make_encoder("text", "sketch", {"dim": 100}).fit(samples.texts(), seed=5)
    assert not encoder.encode_query(["жщъ", "", "  ", "!!!"]).any()
    encoder.save(tmp_path)
    loaded = load_encoder("text", "sketch", tmp_path)
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.encode(samples.texts()), encoder.encode(samples.texts()))
    with pytest.raises(UsageError, match="not fitted"):
        SketchEncoder().encode(["a"])
    for option in ("dim", "buckets", "pair_weight", "char_weight", "rareness"):
        with pytest.raises(UsageError, match=option):
            SketchEncoder(**{option: -1})  # type: ignore[arg-type]
