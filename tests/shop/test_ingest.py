from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from goodsense.errors import DataError, PartialError
from goodsense.shop import Shop, Source
from tests.shop.catalogs import picture

HEADER = ["id", "title", "price", "currency", "image", "split"]


def write(path: Path, rows: list[list[Any]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "a.jpg").write_bytes(picture("red", "drum"))
    rows = [
        ["a", "A drum", "19.99", "CNY", "pics/a.jpg", "train"],
        ["b", "B drum", "5", "CNY", "https://example.com/b.jpg", "val"],
        ["c", "C drum", "7", "CNY", "pics/none.jpg", "test"],
        ["d", "D drum", "8", "CNY", "../../etc/passwd", ""],
        ["", "nameless", "9", "CNY", "", ""],
    ]
    return write(tmp_path / "feed.csv", rows)


def test_the_same_feed_twice_changes_nothing(tmp_path: Path, feed: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        first = shop.ingest(feed)
        second = shop.ingest(feed)
    assert (first.read, first.added, first.rejected) == (4, 4, 1)
    assert (second.added, second.changed, second.unchanged) == (0, 0, 4)


def test_media_are_taken_in_counted_or_rejected(tmp_path: Path, feed: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(feed)
        products = {product.id: product for product in shop.truth.products()}
    assert dict(report.media) == {"taken in": 1, "not fetched": 1, "rejected": 2}
    assert products["a"].media[0].sha256 is not None
    assert products["b"].media[0].is_url
    assert [product.split for product in products.values()] == ["train", "val", "test", ""]
    rejects = [json.loads(line) for line in Path(report.rejects_path).read_text("utf-8").splitlines()]
    by_column = {reject["column"]: reject for reject in rejects if reject["row"] == 5}
    assert "passwd" in by_column["image"]["value"]
    assert all(reject["file"] and reject["reason"] and reject["fix"] for reject in rejects)
    stored = [path for path in (tmp_path / "shop" / "media").rglob("*") if path.is_file()]
    assert len(stored) == 1


def test_mended_rejects_can_be_fed_again(tmp_path: Path, feed: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(feed)
        lines = [json.loads(line) for line in Path(report.rejects_path).read_text("utf-8").splitlines()]
        rows = [line for line in lines if line["scope"] == "row"]
        rows[0]["record"]["id"] = "e"
        mended = tmp_path / "mended.jsonl"
        mended.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
        again = shop.ingest(mended)
        assert again.added == 1
        assert shop.truth.get(["e"])["e"].title == "nameless"


def test_the_file_of_rejects_itself_can_be_fed(tmp_path: Path, feed: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        path = Path(shop.ingest(feed).rejects_path)
        path.write_text(path.read_text("utf-8").replace('"id": ""', '"id": "mended"'), "utf-8")
        again = shop.ingest(path)
        assert (again.added, again.rejected) == (1, 0)
        assert not path.exists()
        assert len(list(path.parent.glob("rejects-fed-*.jsonl"))) == 1


def test_strict_stops_at_the_first_reject(tmp_path: Path, feed: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop, pytest.raises(DataError, match=r"feed\.csv, row"):
        shop.ingest(feed, strict=True)


def test_delete_missing(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        shop.ingest(write(tmp_path / "1.csv", [["a", "A", "", "", "", ""], ["b", "B", "", "", "", ""]]))
        kept = shop.ingest(write(tmp_path / "2.csv", [["b", "B", "", "", "", ""]]), delete_missing=True)
        assert (kept.deleted, len(shop)) == (1, 1)
        bad = write(tmp_path / "3.csv", [["x", "X", "", "", "", ""], ["", "lost", "", "", "", ""]])
        refused = shop.ingest(bad, delete_missing=True)
        assert (refused.deleted, len(shop)) == (0, 2)
        assert any("nothing was deleted" in note for note in refused.notes)


def test_an_empty_feed_deletes_nothing(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        shop.ingest(write(tmp_path / "1.csv", [["a", "A", "", "", "", ""]]))
        kept = shop.ingest(write(tmp_path / "2.csv", []), delete_missing=True)
        assert (kept.deleted, len(shop)) == (0, 1)
        assert any("no product at all" in note for note in kept.notes)


def test_a_repeated_id_is_rejected_with_its_row(tmp_path: Path) -> None:
    rows = [["a", "first", "", "", "", ""], ["b", "other", "", "", "", ""], ["a", "second", "", "", "", ""]]
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(write(tmp_path / "feed.csv", rows))
        again = shop.ingest(write(tmp_path / "feed.csv", rows))
        assert shop.truth.get(["a"])["a"].title == "first"
    assert (report.added, report.rejected) == (2, 1)
    assert (again.changed, again.unchanged) == (0, 2)


def test_a_dry_run_changes_nothing(tmp_path: Path, feed: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(feed, dry_run=True)
        assert (report.read, len(shop)) == (4, 0)
    assert not list((tmp_path / "shop" / "media").rglob("*.jpg"))


def test_media_root_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jpg").write_bytes(picture("blue", "kite"))
    path = write(tmp_path / "feed.csv", [["a", "A", "", "", "x.jpg", ""]])
    with Shop.create(tmp_path / "shop") as shop:
        report = shop.ingest(Source(path, media_root=tmp_path / "elsewhere"))
    assert report.media["taken in"] == 1


def test_ctrl_c_keeps_the_batches_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import goodsense.shop.ingest as module

    monkeypatch.setattr(module, "BATCH", 10)
    path = write(tmp_path / "feed.csv", [[f"p{n}", "x", "", "", "", ""] for n in range(100)])

    def interrupt(stage: str, done: int, total: int | None) -> None:
        if done >= 30:
            raise KeyboardInterrupt

    with Shop.create(tmp_path / "shop") as shop:
        with pytest.raises(PartialError, match=r"30 products are safely in.*Run the same command again"):
            shop.ingest(path, progress=interrupt)
        assert len(shop) == 30
        assert shop.ingest(path).unchanged == 30
