"""The language of value paths: what it finds, what it refuses, and that it agrees with a naive walk."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.tables.paths import PathError, compile_path, parse_path

RECORD = {
    "id": 7,
    "a": {"b": [{"c": "first"}, {"c": "second"}], "odd key": 1, "x.y": 2},
    "images": [{"url": "1.jpg"}, {"url": "2.jpg"}, {"alt": "none"}],
    "specs": [{"name": "Color", "value": "red"}, {"name": "尺寸", "value": "L"}, {"name": "Color", "value": "blue"}],
    "by": {"p1": {"n": 1}, "p2": {"n": 2}},
    "price": {"@currency": "CNY", "#text": "59.90"},
    "标题": "台灯",
    "Product Name": "lamp",
}


def find(path: str, record: Any = RECORD) -> Any:
    return compile_path(parse_path(path))(record, RECORD)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id", 7),
        ("$.id", 7),
        ("标题", "台灯"),
        ("Product Name", "lamp"),
        ('["Product Name"]', "lamp"),
        ("a.b[0].c", "first"),
        ("a.b[-1].c", "second"),
        ("a.b[5].c", None),
        ("a.b.c", "first"),  # a name into a list means its first item
        ("a.b[*].c", ["first", "second"]),
        ('a["odd key"]', 1),
        ('a["x.y"]', 2),
        ("a['x.y']", 2),
        ("images[*].url", ["1.jpg", "2.jpg"]),
        ('specs[name="尺寸"].value', "L"),
        ('specs[name="Color"].value', ["red", "blue"]),
        ('specs[name!="Color"].value', "L"),
        ("specs[ name = 'none' ].value", None),
        ("by.*.n", [1, 2]),
        ("by[*].p1.n", [1]),  # an object counts as a list of one
        ("price", "59.90"),
        ("price.@currency", "CNY"),
        ("nothing.at.all", None),
        ("nothing[*].at", []),
    ],
)
def test_paths_find_values(path: str, expected: object) -> None:
    assert find(path) == expected


def test_the_value_at_hand_and_the_record() -> None:
    assert find("@", "here") == "here"
    assert find("c", {"c": 1}) == 1
    assert find("$.id", {"id": 8}) == 7


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "empty"),
        (".a", "expected a name at character 1"),
        ("a..b", "expected a name at character 3"),
        ("a.", "found the end"),
        ("a[", "character 2"),
        ("a[x]", r"expected \[\*\]"),
        ('a[x="1]', "character 2"),
        ("a[*]b", "expected '.' or '\\['"),
        ("a" * 501, "501 characters"),
        ("a" + "[0]" * 40, "over 30 steps"),
        ("a\0b", "found '.x00'"),
    ],
)
def test_what_is_no_path_is_refused_with_the_place(path: str, said: str) -> None:
    with pytest.raises(PathError, match=said):
        parse_path(path)


def test_a_path_to_too_many_values_is_refused() -> None:
    with pytest.raises(PathError, match="over 100000 values"):
        find("a[*]", {"a": list(range(100_001))})


@given(st.text(max_size=60))
def test_any_text_is_a_path_or_a_path_error(text: str) -> None:
    try:
        walk = compile_path(parse_path(text))
    except PathError:
        return
    walk(RECORD, RECORD)


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)


@given(_JSON, st.lists(st.sampled_from(["a", "b", "c", "[0]", "[*]"]), min_size=1, max_size=4))
def test_paths_agree_with_a_naive_walk(value: Any, steps: list[str]) -> None:
    if steps[0].startswith("["):
        steps = ["a", *steps]
    path = steps[0] + "".join(step if step.startswith("[") else f".{step}" for step in steps[1:])
    values = [value]
    for step in steps:
        several: list[Any] = []
        for item in values:
            listed = item if isinstance(item, list) else [item]
            if step == "[*]":
                several += listed
            elif step == "[0]":
                several += listed[:1]
            elif listed and isinstance(listed[0], dict):
                several.append(listed[0].get(step))
        values = [item for item in several if item is not None]
    expected = values if "[*]" in steps else values[0] if values else None
    assert compile_path(parse_path(path))(value, value) == expected
