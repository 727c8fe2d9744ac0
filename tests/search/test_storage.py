"""Arrays and strings that come back from disk as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.errors import DataError
from goodsense.search.storage import StringColumn, Vocabulary, load_arrays, load_json, ranges, save_arrays, save_json

texts = st.text(st.characters(exclude_categories=()), max_size=12)


def test_arrays_come_back_as_read_only_views(tmp_path: Path) -> None:
    arrays = {
        "codes": np.arange(7, dtype=np.int32),
        "flags": np.array([True, False]),
        "table": np.arange(6, dtype=np.float64).reshape(2, 3),
        "nothing": np.zeros((0, 4), dtype=np.float32),
        "bytes": np.frombuffer(b"abc", dtype=np.uint8),
    }
    save_arrays(tmp_path / "a.safetensors", arrays)
    loaded = load_arrays(tmp_path / "a.safetensors")
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert type(loaded[name]) is np.ndarray
        np.testing.assert_array_equal(loaded[name], array)
    with pytest.raises(ValueError, match="read-only"):
        loaded["codes"][0] = 1


def test_a_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"x": np.arange(100)})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"a\.safetensors"):
        load_arrays(path)
    path.write_bytes(b"\xff" * 40)
    with pytest.raises(DataError, match="no readable"):
        load_arrays(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="no readable"):
        load_arrays(path)
    with pytest.raises(DataError, match="is missing"):
        load_arrays(tmp_path / "b.safetensors")


def test_json_objects(tmp_path: Path) -> None:
    save_json(tmp_path / "a.json", {"词": [1, "二"]})
    assert load_json(tmp_path / "a.json") == {"词": [1, "二"]}
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(DataError, match="holds list"):
        load_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DataError, match="no JSON"):
        load_json(tmp_path / "a.json")
    with pytest.raises(DataError, match="is missing"):
        load_json(tmp_path / "b.json")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6))))
def test_ranges_are_slices_one_after_another(slices: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in slices], dtype=np.int64)
    lengths = np.array([length for _, length in slices], dtype=np.int64)
    expected = [place for start, length in slices for place in range(start, start + length)]
    assert ranges(starts, lengths).tolist() == expected


@given(st.lists(texts))
def test_a_string_column_is_its_list(strings: list[str]) -> None:
    column = StringColumn.of(strings)
    assert column.tolist() == list(column) == strings
    assert [column[i] for i in range(len(column))] == strings
    assert [column[-i - 1] for i in range(len(column))] == strings[::-1]
    assert column[1:3] == strings[1:3]
    with pytest.raises(IndexError):
        column[len(strings)]


def test_a_string_column_on_disk(tmp_path: Path) -> None:
    strings = ["", "红色", "naïve 👍", ""]
    StringColumn.of(strings).save(tmp_path / "s.safetensors")
    assert StringColumn.load(tmp_path / "s.safetensors").tolist() == strings


@given(st.lists(texts), st.lists(texts), st.lists(texts))
def test_a_vocabulary_numbers_words_and_keeps_the_numbers(
    words: list[str], later: list[str], others: list[str]
) -> None:
    base = Vocabulary.of(words)
    grown, numbers = base.extended(later)
    assert base.tolist() == sorted(set(words))
    assert grown.tolist() == [*base.tolist(), *(w for w in dict.fromkeys(later) if w not in set(words))]
    assert [grown[i] for i in range(len(grown))] == grown.tolist() == grown[:]
    place = {word: i for i, word in enumerate(grown.tolist())}
    assert numbers == {word: place[word] for word in later}
    for word in (*words, *later, *others):
        assert grown.find(word) == place.get(word, -1)
        assert base.find(word) == (place[word] if word in set(words) else -1)
    asked = sorted({*words, *others})
    assert base.sorted.find_sorted(asked) == [base.sorted.find(word) for word in asked]
