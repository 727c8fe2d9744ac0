"""Files below a folder, and the arrays inside one JSON object."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.errors import DataError
from goodsense.tables import Rejects, sniff
from goodsense.tables.folders import files_below
from goodsense.tables.json_rows import member_rows


def test_files_come_in_order_those_of_a_folder_before_those_below_it(tmp_path: Path) -> None:
    for name in ("b/2.csv", "z.csv", "b/c/1.csv", "b-/3.csv", "a.csv", ".hidden/x.csv", "b/.x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    wanted = ["a.csv", "z.csv", "b-/3.csv", "b/2.csv", "b/c/1.csv"]
    assert list(files_below(tmp_path)) == wanted
    assert sorted(files_below(tmp_path, ordered=False)) == sorted(wanted)


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    assert list(files_below(tmp_path / "none", failed=lambda name, error: told.append(type(error).__name__))) == []
    assert told == ["FileNotFoundError"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"info": {"a": [1]}, "x": [{"id": 1}, {"id": 2}], "y": [[1], {"id": 9}], "z": "]"}', [("x", 1), ("x", 2)]),
        ('{"x": [], "y": [], "x": [{"id": 3}]}', [("x", 3)]),
        ("{}", []),
    ],
)
def test_members_that_are_wanted(text: str, found: list[tuple[str, int]], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    rows = member_rows(tmp_path / "x.json", sniff(tmp_path / "x.json"), Rejects.to_memory(strict=True), {"x"})
    assert [(member, row.values["id"]) for member, row in rows] == found


@pytest.mark.parametrize("text", ['{"x": [{"id": 1}', '{"x" [1]}', '{"a": 1 "b": 2}', "{1: 2}", '["x"]'])
def test_what_is_no_object_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    sniffed = sniff(tmp_path / "x.json")
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json"):
        list(member_rows(tmp_path / "x.json", sniffed, Rejects.to_memory(), {"x"}))
