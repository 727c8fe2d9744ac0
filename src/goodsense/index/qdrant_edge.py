"""Qdrant Edge, embedded: candidates from graphs and inverted lists in a directory of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from goodsense.errors import DataError, GoodsenseError, StorageError, UsageError
from goodsense.index.checks import LEXICAL, check_distance, check_query, check_rows
from goodsense.index.exact import candidates_of
from goodsense.index.qdrant_filters import keys_of, payload_of, translate
from goodsense.progress import Progress, silent
from goodsense.types import DISTANCES, Candidates, Distance, Filter, IndexQuery, IndexRows, Rows

FORMAT = 1
UPSERT_BATCH = 500  # every call holds Python's global lock; this bounds how long
_CREATE_BATCH = 2_000
_ABOUT = "engine.json"
_SHARD = "shard"
_READ_WHOLE = ("quantized.data", "inverted_index.dat")
_REBUILD = "Rebuild the index; it holds nothing that the build does not have."


@dataclass(frozen=True)
class EdgeSettings:
    """How the graphs are built and searched; the defaults are measured by ``benchmarks/bench_index.py``.

    Parameters
    ----------
    m, ef_construct
        Edges per node and breadth while the graph is built.
    filter_m
        Further edges among rows that share a field's value; 0 for none. They double the time to build.
    ef
        Breadth of a search.
    quantise, rescored
        Whether int8 copies are searched. When fewer than ``rescored`` candidates are asked for, so many are found and
        compared once more as they are; more than that hold the best ten anyway, and the build scores them exactly.
    full_scan_kb
        Where fewer kilobytes of vectors pass a filter, all of them are compared.
    acorn_below
        Where a smaller share of the rows passes a filter, the graph is walked by two steps at once (ACORN-1, Patel et
        al. 2024), because single steps end nowhere.
    threads
        Threads of a search; one leaves the others to other searches.
    """

    m: int = 16
    ef_construct: int = 128
    filter_m: int = 0
    ef: int = 192
    quantise: bool = True
    rescored: int = 64
    full_scan_kb: int = 20_000
    acorn_below: float = 0.5
    threads: int = 1


class QdrantEdgeIndex:
    """An index in a directory; only one process at a time may have it open.

    Vectors are stored as prepared, so cosine is their inner product. Upserts and deletes are visible at once.
    """

    name = "qdrant-edge"

    def __init__(self, directory: Path, shard: Any, *, about: Mapping[str, Any]) -> None:
        self._directory = directory
        self._shard: Any = shard
        self._about = dict(about)
        self._dims: dict[str, int] = dict(about["blocks"])
        self._settings = EdgeSettings(**about["settings"])
        self._keys: frozenset[str] = frozenset(shard.info().payload_schema)
        self._late: frozenset[str] = frozenset(about.get("late_keys", ()))  # not indexed before a filter asks for them

    @classmethod
    def create(
        cls,
        directory: Path,
        rows: IndexRows,
        *,
        distance: Distance = "cosine",
        settings: EdgeSettings = EdgeSettings(),
        progress: Progress = silent,
    ) -> Self:
        """Write an index of these rows, optimised to completion, and open it.

        This takes a while, during which no other thread of the process runs: call it in a process of its own.

        Raises
        ------
        UsageError
            If rows and blocks disagree.
        StorageError
            If the directory holds something already or cannot be written.
        """
        check_distance(distance)
        dims = check_rows(rows)
        directory = Path(directory)
        if directory.exists() and any(directory.iterdir()):
            raise StorageError(f"{directory} is not empty; an index needs a directory of its own.")
        with _telling(directory, "created"):
            directory.mkdir(parents=True, exist_ok=True)
            shard = _new_shard(directory / _SHARD, dims, distance=distance, settings=settings)
        about = {
            "format": FORMAT,
            "engine": "qdrant-edge",
            "engine_version": _engine_version(),
            "distance": distance,
            "blocks": dims,
            "settings": asdict(settings),
            "rows": len(rows.rows),
        }
        index = cls(directory, shard, about=about)
        with _telling(directory, "written"):
            index._insert(rows, batch=_CREATE_BATCH, indexed=True, progress=progress)
            progress("optimise", 0, None)
            shard.optimize()
            shard.flush()
            index._write_about(len(rows.rows))
        return index

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open what :meth:`create` wrote.

        Raises
        ------
        StorageError
            If another process (or this one) has it open.
        DataError
            If it is unfinished, damaged, or of another format or engine version.
        """
        import qdrant_edge as engine

        directory = Path(directory)
        about = _read_about(directory)
        with _telling(directory, "opened"):
            _read_ahead(directory / _SHARD)
            shard = engine.EdgeShard.load(str(directory / _SHARD))
            found = shard.count(engine.CountRequest(exact=True))
        if about["rows"] is not None and found != about["rows"]:
            shard.close()
            raise DataError(f"{directory} is damaged: {found} rows, expected {about['rows']}.", fix=_REBUILD)
        return cls(directory, shard, about=about)

    @property
    def distance(self) -> Distance:
        distance: Distance = self._about["distance"]
        return distance

    @property
    def dims(self) -> Mapping[str, int]:
        """The dimension of every block."""
        return dict(self._dims)

    def __len__(self) -> int:
        import qdrant_edge as engine

        return int(self._open_shard().count(engine.CountRequest(exact=True)))

    def candidates(self, query: IndexQuery, k: int) -> Candidates:
        """About the ``k`` best rows of every probe; fewer where fewer qualify.

        Raises
        ------
        UsageError
            If ``k`` is below 1, a probe's block is unknown or of another dimension, or a filter orders text.
        """
        import qdrant_edge as engine

        check_query(query, k, dims=self._dims)
        shard = self._open_shard()
        where = None if query.where is None else self._translated(query.where)
        probes: dict[str, Any] = {block: np.asarray(v, dtype=np.float32) for block, v in query.dense.items()}
        weights = {token: weight for token, weight in sorted(query.lexical.items()) if weight != 0 and token >= 0}
        if weights:
            probes[LEXICAL] = engine.SparseVector(list(weights), list(weights.values()))
        params = _search_params(self._settings, k)
        sources: dict[str, Rows] = {}
        with _telling(self._directory, "searched"):
            for block, probe in probes.items():
                nearest = engine.Query.Nearest(probe, using=block)
                request = engine.SearchRequest(nearest, limit=k, filter=where, params=params)
                hits = shard.search(request)
                sources[block] = np.fromiter((hit.id for hit in hits), dtype=np.int64, count=len(hits))
        if query.lexical:
            sources.setdefault(LEXICAL, np.zeros(0, dtype=np.int64))
        return candidates_of(sources)

    def upsert(self, rows: IndexRows) -> None:
        """Add rows, or put them in the place of those with the same number; visible at once."""
        check_rows(rows, self._dims)
        self._open_shard()
        with _telling(self._directory, "written"):
            self._changing()
            self._insert(rows, batch=UPSERT_BATCH, indexed=False)

    def delete(self, rows: Rows) -> None:
        """Take rows out; rows that are not there are no error."""
        import qdrant_edge as engine

        shard = self._open_shard()
        with _telling(self._directory, "written"):
            self._changing()
            shard.update(engine.UpdateOperation.delete_points(np.asarray(rows).tolist()))

    def flush(self) -> None:
        """Put every change safely on disk."""
        shard = self._open_shard()
        with _telling(self._directory, "written"):
            shard.flush()
            if self._about["rows"] is None:
                self._write_about(len(self))

    def close(self) -> None:
        """Flush and give the directory back; closing twice is no error."""
        if self._shard is None:
            return
        self.flush()
        self._shard.close()
        self._shard = None

    def _open_shard(self) -> Any:
        if self._shard is None:
            raise UsageError("this index is closed.")
        return self._shard

    def _insert(self, rows: IndexRows, *, batch: int, indexed: bool, progress: Progress = silent) -> None:
        """Write rows; fields that come up for the first time are ``indexed`` now, or once a filter asks for them."""
        import qdrant_edge as engine

        n = len(rows.rows)
        for start in range(0, n, batch):
            points, keys = _points(rows, start=start, stop=min(start + batch, n))
            new = keys - self._keys - self._late
            if new and indexed:
                self._index_keys(new)
            elif new:
                self._late |= new
                self._write_about(None)
            self._shard.update(engine.UpdateOperation.upsert_points(points))
            progress("index", min(start + batch, n), n)

    def _translated(self, where: Filter) -> Any:
        """A filter in the engine's terms; the fields that it names are indexed from now on."""
        if asked := self._late & keys_of(where):
            with _telling(self._directory, "changed"):
                self._index_keys(asked)
                self._late -= asked
                self._write_about(self._about["rows"])
        return translate(where, self._keys)

    def _index_keys(self, keys: Iterable[str]) -> None:
        """Make filters on these payload keys quick; among 100,000 rows that takes a third of a second per key."""
        import qdrant_edge as engine

        for key in sorted(keys):
            kind = engine.PayloadSchemaType.Float if key.startswith("n_") else engine.PayloadSchemaType.Keyword
            self._shard.update(engine.UpdateOperation.create_field_index(key, kind))
        self._keys |= frozenset(keys)

    def _changing(self) -> None:
        """Say in the directory that its row count is in motion, so that a crash is no damage."""
        if self._about["rows"] is not None:
            self._write_about(None)

    def _write_about(self, rows: int | None) -> None:
        self._about |= {"rows": rows, "late_keys": sorted(self._late)}
        draft = self._directory / f"{_ABOUT}.draft"
        draft.write_text(json.dumps(self._about, indent=1, sort_keys=True), encoding="utf-8")
        draft.replace(self._directory / _ABOUT)


def _new_shard(path: Path, dims: Mapping[str, int], *, distance: Distance, settings: EdgeSettings) -> Any:
    """An empty shard. Its log stays on: the lock that keeps a second opener out hangs on it."""
    import qdrant_edge as engine

    metric = engine.Distance.Euclid if distance == "euclidean" else engine.Distance.Dot
    graph = engine.HnswIndexConfig(
        m=settings.m,
        ef_construct=settings.ef_construct,
        full_scan_threshold=settings.full_scan_kb,
        payload_m=settings.filter_m,
        memory=engine.Memory.Cached,
    )
    # the int8 copies answer from memory; the vectors themselves are read only where the best are compared once more
    small = engine.ScalarQuantizationConfig(engine.ScalarType.Int8, quantile=0.99, memory=engine.Memory.Pinned)
    place = engine.Memory.Cold if settings.quantise else engine.Memory.Cached
    config = engine.EdgeConfig(
        vectors={
            block: engine.EdgeVectorParams(size=dim, distance=metric, memory=place) for block, dim in dims.items()
        },
        sparse_vectors={LEXICAL: engine.EdgeSparseVectorParams()},
        hnsw_config=graph,
        quantization_config=small if settings.quantise else None,
        optimizers=engine.EdgeOptimizersConfig(default_segment_number=1),
        max_search_threads=settings.threads,
        wal_enabled=True,
    )
    path.mkdir()
    return engine.EdgeShard.create(str(path), config)


def _read_ahead(shard: Path) -> None:
    """Read the files in one go that the engine reads whole at every opening, but page by page: half the time."""
    space = bytearray(1 << 20)
    for path in sorted(shard.glob("segments/*/*/*")):
        if path.name in _READ_WHOLE:
            with path.open("rb", buffering=0) as file:
                while file.readinto(space):
                    pass


@lru_cache(maxsize=64)
def _search_params(settings: EdgeSettings, k: int) -> Any:
    import qdrant_edge as engine

    few = k < settings.rescored
    oversampling = settings.rescored / k if few else 1.0
    quantised = engine.QuantizationSearchParams(rescore=few, oversampling=oversampling)
    acorn = engine.AcornSearchParams(enable=True, max_selectivity=settings.acorn_below)
    return engine.SearchParams(
        hnsw_ef=settings.ef,
        quantization=quantised if settings.quantise else None,
        acorn=acorn if settings.acorn_below > 0 else None,
    )


def _points(rows: IndexRows, *, start: int, stop: int) -> tuple[list[Any], frozenset[str]]:
    """Qdrant points of the rows from ``start`` to ``stop``, and the payload keys they use."""
    import qdrant_edge as engine

    vectors: list[dict[str, Any]] = [{} for _ in range(start, stop)]
    for block, (stored, present) in rows.dense.items():  # lists, because they cross into the engine faster than arrays
        spots = np.flatnonzero(present[start:stop])
        for spot, vector in zip(spots.tolist(), stored[start:stop][spots].tolist(), strict=True):
            vectors[spot][block] = vector
    if rows.lexical is not None:
        part = rows.lexical[start:stop].tocsr()
        part.eliminate_zeros()
        ends, tokens, weights = part.indptr.tolist(), part.indices.tolist(), part.data.tolist()
        for spot, (first, last) in enumerate(pairwise(ends)):
            if last > first:
                vectors[spot][LEXICAL] = engine.SparseVector(tokens[first:last], weights[first:last])
    payloads = [payload_of({name: values[row] for name, values in rows.fields.items()}) for row in range(start, stop)]
    numbers = rows.rows[start:stop].tolist()
    points = [engine.Point(*point) for point in zip(numbers, vectors, payloads, strict=True)]
    return points, frozenset(key for payload in payloads for key in payload)


def _engine_version() -> str:
    from importlib.metadata import version

    return version("qdrant-edge-py")


def _read_about(directory: Path) -> dict[str, Any]:
    try:
        about = json.loads((directory / _ABOUT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{directory} holds no finished index: {_ABOUT} is missing.", fix=_REBUILD) from None
    except OSError as error:
        raise StorageError(f"{directory} cannot be read: {error}.") from error
    except ValueError as error:
        raise DataError(f"{directory / _ABOUT} is damaged: {error}.", fix=_REBUILD) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else about
        raise DataError(f"{directory} is an index of format {found!r}; expected {FORMAT}.", fix=_REBUILD)
    _check_about(directory, about)
    return about


def _check_about(directory: Path, about: Mapping[str, Any]) -> None:
    present = _engine_version()
    written = str(about.get("engine_version"))
    if written.split(".")[:2] != present.split(".")[:2]:
        raise DataError(f"{directory} was written by qdrant-edge {written}; installed is {present}.", fix=_REBUILD)
    known = set(EdgeSettings.__dataclass_fields__)
    sound = (
        about.get("distance") in DISTANCES
        and isinstance(about.get("blocks"), dict)
        and isinstance(about.get("settings"), dict)
        and set(about["settings"]) == known
        and isinstance(about.get("rows", ""), int | None)
    )
    if not sound:
        raise DataError(f"{directory / _ABOUT} is damaged: distance, blocks, settings or rows are wrong.", fix=_REBUILD)


@contextmanager
def _telling(directory: Path, done: str) -> Iterator[None]:
    """Turn what the engine raises into errors that name the directory and the way out."""
    try:
        yield
    except (GoodsenseError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:  # a panic of the engine is no Exception
        said = str(error)
        if "WouldBlock" in said:
            raise StorageError(
                f"{directory} is open already, in this process or another.", fix="Close it there first."
            ) from error
        raise StorageError(f"the index in {directory} cannot be {done}: {said}.", fix=_REBUILD) from error
