"""The vector cache and the scratch files of a build."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DataError
from goodsense.shop.encoding import pool
from goodsense.shop.scratch import SMALL, Scratch
from goodsense.shop.vectors import VectorCache


def hashes(*names: str) -> list[str]:
    return [sha256(name.encode()).hexdigest() for name in names]


def test_what_was_put_comes_back_in_any_order(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    cache = VectorCache(tmp_path, 2)
    cache.put(hashes("a", "b"), vectors[:2])
    cache.put(hashes("c"), vectors[2:])
    for known in (cache, VectorCache(tmp_path, 2)):
        assert known.known(hashes("c", "x", "a")).tolist() == [True, False, True]
        found, there = known.get(hashes("c", "x", "a"))
        np.testing.assert_array_equal(found, [[4, 5], [0, 0], [0, 1]])
        assert there.tolist() == [True, False, True]
        out = np.zeros((1, 2), dtype=np.float32)
        assert known.get(hashes("b"), out)[0] is out
        assert out.tolist() == [[2, 3]]
    with pytest.raises(DataError, match="2 dimensions; expected 3"):
        VectorCache(tmp_path, 3)


def test_reasons_are_kept_and_a_torn_line_says_nothing(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, 2)
    one, two = hashes("a", "b")
    cache.put([one, two], np.zeros((2, 2), dtype=np.float32), {one: "it is no clip"})
    assert cache.reasons() == {one: "it is no clip"}
    with (tmp_path / "broken.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"hash": "0')
    assert VectorCache(tmp_path, 2).reasons() == {one: "it is no clip"}


def test_large_arrays_are_files_that_go_with_the_build(tmp_path: Path) -> None:
    (tmp_path / "builds" / ".scratch").mkdir(parents=True)
    (tmp_path / "builds" / ".scratch" / "left over").touch()
    with Scratch.of(tmp_path) as scratch:
        small, large = scratch.zeros(3, 4), scratch.zeros(SMALL // 8, 8)
        assert not isinstance(small, np.memmap)
        assert isinstance(large, np.memmap)
        assert len(list(scratch.folder.iterdir())) == 1
        large[-1] = 1
        assert float(large.sum()) == 8
    assert not scratch.folder.exists()


def test_pooling_is_the_mean_of_directions(tmp_path: Path) -> None:
    inputs = np.array([[2, 0], [0, 5], [0, 0], [3, 4]], dtype=np.float32)
    out = np.zeros((4, 2), dtype=np.float32)
    vectors, present = pool(inputs, [(0, 1), (2,), (), (3, 2)], out)
    assert vectors is out
    np.testing.assert_allclose(vectors, [[0.5**0.5, 0.5**0.5], [0, 0], [0, 0], [0.6, 0.8]], atol=1e-6)
    assert present.tolist() == [True, False, False, True]
