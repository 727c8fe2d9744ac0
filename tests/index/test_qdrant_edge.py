"""What only the embedded engine does: directories, locks, damage, versions, and rows beyond one graph."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from goodsense.errors import DataError, StorageError, UsageError
from goodsense.index import ExactIndex, QdrantEdgeIndex
from goodsense.types import And, Compare, Exists, Filter, IndexQuery, IndexRows, Not, normalise

E0 = np.array([1.0, 0.0], dtype=np.float32)


def few(numbers: list[int], x: float = 1.0) -> IndexRows:
    """Rows that point to ``(x, 1)``, with one token and one field each."""
    n = len(numbers)
    vectors = normalise(np.tile(np.array([[x, 1.0]], dtype=np.float32), (n, 1)))
    weights = sparse.csr_matrix(np.ones((n, 1), dtype=np.float32))
    dense = {"text": (vectors, np.ones(n, dtype=np.bool_))}
    return IndexRows(np.array(numbers), dense, weights, {"price": [(float(number),) for number in numbers]})


def rows_of(index: QdrantEdgeIndex, where: Filter | None = None) -> list[int]:
    return index.candidates(IndexQuery({"text": E0}, where=where), 100).rows.tolist()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A closed index of the rows 0 to 4."""
    QdrantEdgeIndex.create(tmp_path / "engine", few([0, 1, 2, 3, 4]), distance="cosine").close()
    return tmp_path / "engine"


def test_what_was_written_is_there_after_opening(directory: Path) -> None:
    index = QdrantEdgeIndex.open(directory)
    assert (len(index), index.distance, index.dims) == (5, "cosine", {"text": 2})
    index.upsert(few([4, 9], x=-1.0))
    index.upsert(IndexRows(np.array([10]), {}, None, {"brand": [("kiln",)]}))
    index.delete(np.array([0]))
    index.close()
    again = QdrantEdgeIndex.open(directory)
    assert len(again) == 6
    assert rows_of(again) == [1, 2, 3, 4, 9]
    assert again.candidates(IndexQuery(lexical={0: 1.0}, where=Compare("price", ">", 3)), 9).rows.tolist() == [4, 9]
    assert rows_of(again, Exists("brand")) == []
    again.close()


def test_upserts_survive_a_crash(directory: Path, tmp_path: Path) -> None:
    """A copy made while the index is open and changed is what a crash would leave."""
    index = QdrantEdgeIndex.open(directory)
    index.upsert(few([9]))
    index.delete(np.array([0]))
    shutil.copytree(directory, tmp_path / "left")
    index.close()
    again = QdrantEdgeIndex.open(tmp_path / "left")
    assert rows_of(again) == [1, 2, 3, 4, 9]
    again.flush()
    again.close()
    assert json.loads((tmp_path / "left" / "engine.json").read_text())["rows"] == 5


def test_fields_that_come_later_are_indexed_when_a_filter_first_asks(directory: Path, tmp_path: Path) -> None:
    def late(index: QdrantEdgeIndex) -> list[str]:
        return list(json.loads((index._directory / "engine.json").read_text())["late_keys"])

    index = QdrantEdgeIndex.open(directory)
    for start in (20, 30):
        rows = few([start, start + 1])
        index.upsert(replace(rows, fields={**rows.fields, "stock": [(3.0,), ()], "brand": [("kiln",), ("fell",)]}))
    assert late(index) == ["n_stock", "s_brand"]
    assert rows_of(index, Compare("stock", ">", 2)) == [20, 30]
    assert late(index) == ["s_brand"]
    shutil.copytree(directory, tmp_path / "left")  # as a crash would leave it
    index.close()
    for place in (directory, tmp_path / "left"):
        again = QdrantEdgeIndex.open(place)
        assert rows_of(again, Exists("stock")) == [20, 30]
        assert rows_of(again, And((Compare("brand", "=", "kiln"), Not(Exists("nothing"))))) == [20, 30]
        assert late(again) == []
        again.close()


def test_one_directory_is_opened_once(directory: Path) -> None:
    index = QdrantEdgeIndex.open(directory)
    with pytest.raises(StorageError, match=r"engine is open already"):
        QdrantEdgeIndex.open(directory)
    code = f"from goodsense.index import QdrantEdgeIndex\nQdrantEdgeIndex.open({str(directory)!r})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is open already" in other.stderr
    index.close()
    QdrantEdgeIndex.open(directory).close()


def test_a_directory_in_use_is_not_written_over(directory: Path) -> None:
    with pytest.raises(StorageError, match="not empty"):
        QdrantEdgeIndex.create(directory, few([1]))


def about(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def apply(directory: Path) -> None:
        path = directory / "engine.json"
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))

    return apply


def cut_the_vectors(directory: Path) -> None:
    for path in (directory / "shard" / "segments").rglob("*"):
        if path.is_file() and "vector_storage" in str(path):
            path.write_bytes(b"")


def lose_the_rows(directory: Path) -> None:
    for name in ("segments", "wal"):
        shutil.rmtree(directory / "shard" / name)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "is missing": lambda directory: (directory / "engine.json").unlink(),
    "is damaged": lambda directory: (directory / "engine.json").write_text("{"),
    "format 99": about(lambda found: found.update(format=99)),
    r"qdrant-edge 0\.1\.7; installed": about(lambda found: found.update(engine_version="0.1.7")),
    "distance, blocks, settings or rows": about(lambda found: found.update(settings={"m": 3})),
    "5 rows, expected 6": about(lambda found: found.update(rows=6)),
    "cannot be opened": lambda directory: shutil.rmtree(directory / "shard"),
    "expected 5|cannot be opened:": lose_the_rows,
    "cannot be opened|0 rows": cut_the_vectors,
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damage_is_named_and_the_way_out_too(directory: Path, message: str) -> None:
    DAMAGE[message](directory)
    with pytest.raises(DataError, match=message) as caught:
        QdrantEdgeIndex.open(directory)
    assert str(directory) in caught.value.message
    assert caught.value.fix.startswith("Rebuild")


def test_progress_counts_rows(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    few_rows = few(list(range(5)))
    QdrantEdgeIndex.create(tmp_path / "engine", few_rows, progress=lambda *said: seen.append(said)).close()
    assert seen == [("index", 5, 5), ("optimise", 0, None)]


def test_rows_are_checked_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unique"):
        QdrantEdgeIndex.create(tmp_path / "engine", few([1, 1]))
    assert not (tmp_path / "engine").exists()


def test_graph_and_quantisation_agree_with_exact_search(tmp_path: Path) -> None:
    """Enough rows for a graph, in clusters; also filtered, and after upserts into the finished graph."""
    rng = np.random.default_rng(3)
    n, dim = 6_000, 64
    centres = rng.standard_normal((200, dim), dtype=np.float32)
    vectors = normalise(centres[rng.integers(0, 200, n)] + 0.5 * rng.standard_normal((n, dim), dtype=np.float32))
    fields = {"price": [(value,) for value in rng.random(n).tolist()]}
    rows = IndexRows(np.arange(n), {"text": (vectors, rng.random(n) < 0.9)}, fields=fields)
    exact, edge = ExactIndex.over(rows), QdrantEdgeIndex.create(tmp_path / "engine", rows)
    fresh = IndexRows(np.arange(n, n + 50), {"text": (vectors[:50] * -1, np.ones(50, dtype=np.bool_))})
    exact.upsert(fresh)
    edge.upsert(fresh)
    for where in (None, Compare("price", "<", 0.3), Compare("price", "<", 0.01)):
        found = []
        for probe in vectors[::60]:
            query = IndexQuery({"text": probe}, where=where)
            right = exact.candidates(query, 10).sources["text"]
            found.append(len(np.intersect1d(right, edge.candidates(query, 100).sources["text"][:10])) / len(right))
        assert np.mean(found) >= 0.97, where
    edge.close()
