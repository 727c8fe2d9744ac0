"""Lists for every shopper at once are those that each would get alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from goodsense.errors import PartialError, UsageError
from goodsense.events import Event
from goodsense.shop import Shop
from goodsense.shop.recommending import batch
from tests.shop.recommending.shops import START, shoppers


def lists(path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in pq.read_table(path).to_pylist():
        found.setdefault(row["user"], []).append(row)
    return found


def test_everybody_gets_what_each_would_get_alone(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "recs.parquet"
    report = batch.recommend_all(shop, out, k=7, workers=1, block=16)
    found = lists(out)
    users = sorted({event.user for event in shoppers()})
    assert list(found) == users
    assert (report.shoppers, report.rows, report.kept) == (len(users), 7 * len(users), 0)
    for user in users[::5]:
        hits = shop.recommend(user, k=7)
        assert [row["id"] for row in found[user]] == list(hits.ids)
        assert [row["rank"] for row in found[user]] == list(range(1, 8))
        assert [row["reason"] for row in found[user]] == [hit.reason for hit in hits]
        assert [row["score"] for row in found[user]] == pytest.approx([hit.score for hit in hits], abs=1e-6)
    assert list(tmp_path.iterdir()) == [out]


def test_processes_write_the_same_file(shop: Shop, tmp_path: Path) -> None:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    batch.recommend_all(shop, one, k=3, workers=1, block=31)
    batch.recommend_all(shop, two, k=3, workers=2, block=31)
    assert one.read_bytes() == two.read_bytes()


def test_an_interrupted_run_goes_on_where_it_stopped(
    own: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "recs.parquet", tmp_path / "whole.parquet"
    batch.recommend_all(own, whole, k=3, workers=1, block=10)
    written: list[int] = []
    write = batch.write_part

    def stopped(shop: Shop, job: batch.Job, number: int, users: Any) -> None:
        if number == 2 and not written:
            written.append(number)
            raise KeyboardInterrupt
        write(shop, job, number, users)

    monkeypatch.setattr(batch, "write_part", stopped)
    with pytest.raises(PartialError, match="2 of 7 parts"):
        batch.recommend_all(own, out, k=3, workers=1, block=10)
    assert not out.exists()
    report = batch.recommend_all(own, out, k=3, workers=1, block=10)
    assert report.kept == 20
    assert out.read_bytes() == whole.read_bytes()


def test_parts_of_another_question_are_not_used(own: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "recs.parquet"

    def stopped(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batch, "_join", stopped)
        with pytest.raises(KeyboardInterrupt):
            batch.recommend_all(own, out, k=3, workers=1)
    own.add_events([Event("u01", "toy-0008", "view", time=START)])
    assert batch.recommend_all(own, out, k=3, workers=1).kept == 0


def test_a_filter_holds_for_everybody(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "recs.parquet"
    shop.recommend_all(out, k=4, where="colour = 'red'", workers=1)
    assert {int(row["id"][-4:]) % 4 for own in lists(out).values() for row in own} == {0}


def test_a_folder_is_no_file(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder"):
        shop.recommend_all(tmp_path)
