import json
from pathlib import Path

import pytest

from goodsense.errors import DataError, StorageError
from goodsense.tables import Reject, Rejects, read_rows, sniff


def reject(row: int, scope: str = "row") -> Reject:
    return Reject("x.csv", row, "price", "??", "no price", "Write 5 USD.", {"id": str(row)}, scope)  # type: ignore[arg-type]


def test_the_file_comes_with_the_first_reject(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    with Rejects(path, keep=2) as rejects:
        assert not path.exists()
        for row in (1, 2):
            rejects.add(reject(row))
        rejects.add(reject(3, "field"))
        rejects.add(reject(4, "medium"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {
        "file": "x.csv",
        "row": 1,
        "column": "price",
        "value": "??",
        "reason": "no price",
        "fix": "Write 5 USD.",
        "scope": "row",
        "record": {"id": "1"},
    }
    assert (len(lines), len(rejects), rejects.rows, rejects.fields, rejects.media) == (4, 4, 2, 1, 1)
    assert [kept.row for kept in rejects.first] == [1, 2]


def test_a_second_run_appends(tmp_path: Path) -> None:
    for row in (1, 2):
        with Rejects(tmp_path / "r") as rejects:
            rejects.add(reject(row))
    assert len((tmp_path / "r").read_text().splitlines()) == 2


def test_strict_stops_at_the_first() -> None:
    with pytest.raises(DataError, match=r"x.csv, row 7, column 'price': no price") as caught:
        Rejects.to_memory(strict=True).add(reject(7))
    assert caught.value.fix == "Write 5 USD."


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        Rejects(tmp_path / "none" / "r").add(reject(1))


def test_a_file_of_rejects_is_read_again(tmp_path: Path) -> None:
    with Rejects(tmp_path / "r") as rejects:
        rejects.add(reject(1))
        rejects.add(Reject("x.csv", 2, "", None, "ragged", "mend", ["1", "2"]))
    again = Rejects.to_memory()
    found = list(read_rows(tmp_path / "r", sniff(tmp_path / "r"), again))
    assert [row.values for row in found] == [{"id": "1"}]
    assert again.first[0].row == 2
