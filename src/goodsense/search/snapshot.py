"""A build, opened: everything that is needed to score any product for any query, exactly.

Engines propose, the snapshot scores. Rescoring, judged pools, explanations, ``similar`` and "why not this product"
all call :meth:`Snapshot.terms`, so exact and approximate engines give equal scores for equal ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.search.calibration import BM25, Affine, Calibration
from goodsense.search.columns import Columns
from goodsense.search.encode import EncodedPart, EncodedQuery
from goodsense.search.lexical import Lexical
from goodsense.search.storage import StringColumn, load_arrays, save_arrays
from goodsense.types import Distance, IndexRows, Mask, Rows, Terms, Vectors, similarity

if TYPE_CHECKING:
    from goodsense.fusion.joint import JointEncoder
    from goodsense.text import Tokenizer

BUILD_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Block:
    """One vector per product, of one modality; ``extra`` rows come from changes after the build.

    Vectors are prepared for ``distance``; rows that are not present are zero.
    """

    vectors: Vectors  # (n, d)
    present: Mask  # (n,)
    distance: Distance = "cosine"
    sources: Sequence[str] | None = None  # (n,) content hash of what each row was made from
    extra: Vectors | None = None  # (m, d)
    extra_present: Mask | None = None  # (m,)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def gather(self, rows: Rows) -> Vectors:
        """``(r,) -> (r, d)``."""
        return self.vectors[rows] if self.extra is None else _gather(self.vectors, self.extra, rows)

    def gather_present(self, rows: Rows) -> Mask:
        return self.present[rows] if self.extra_present is None else _gather(self.present, self.extra_present, rows)

    def extended(self, vectors: Vectors, present: Mask) -> Block:
        return replace(self, extra=vectors, extra_present=present)


@dataclass(frozen=True, eq=False)
class Overlay:
    """Products that changed after the build, and ids that are gone. Rows follow the build's own rows."""

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    removed: tuple[str, ...]
    fields: Mapping[str, Sequence[tuple[Any, ...]]]
    documents: Sequence[Mapping[str, Sequence[str]]]
    blocks: Mapping[str, tuple[Vectors, Mask]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What is searched: a pure function of (build, seq). ``joint`` explains its block where it is known."""

    ids: Sequence[str]
    titles: Sequence[str]
    blocks: Mapping[str, Block]
    columns: Columns
    calibration: Calibration
    tokenizer: Tokenizer
    lexical: Lexical | None = None
    alive: Mask | None = None  # (n + m,); None: every row is
    base_rows: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict)
    joint: JointEncoder | None = None
    _row_of: dict[str, int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.ids) if self.alive is None else int(self.alive.sum())

    def row_of(self, id: str) -> int:
        """The row of a product id.

        Raises
        ------
        UsageError
            If there is no such product.
        """
        row = self._row_of.get(id)
        if row is None:
            raise UsageError(f"there is no product {id!r} in this build.", fix="Check the id, or build again.")
        return row

    def base_row(self, id: str) -> int | None:
        """The row that the build itself has for a product, changed later or not."""
        row = self._row_of.get(id)
        return row if row is not None and row < self.base_rows else None

    def row_if(self, id: str) -> int:
        """The row of a product id, -1 if there is no such product."""
        return self._row_of.get(id, -1)

    def rows_of(self, ids: Sequence[str]) -> Rows:
        """Rows of those ids that exist, in the given order."""
        return np.array([self._row_of[id] for id in ids if id in self._row_of], dtype=np.int64)

    # ---- scoring

    def terms(self, query: EncodedQuery, rows: Rows) -> Terms:
        """Every named term of every row; the score is their sum. ``(r,) -> (r, t)``."""
        names, table = self.named_terms(query, rows)
        ids = self.ids
        return Terms(tuple(ids[row] for row in rows.tolist()), names, table)

    def named_terms(self, query: EncodedQuery, rows: Rows) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """The names and values of :meth:`terms`, for many rows whose ids nobody asks for."""
        columns = self._columns_of(query, rows)
        table = np.stack(list(columns.values()), axis=1) if columns else np.zeros((len(rows), 0))
        return tuple(columns), table

    def scores(self, query: EncodedQuery, rows: Rows) -> NDArray[np.float64]:
        """The sums of :meth:`terms`. ``(r,) -> (r,)``."""
        total: NDArray[np.float64] = self.named_terms(query, rows)[1].sum(axis=1)
        return total

    def _columns_of(self, query: EncodedQuery, rows: Rows) -> dict[str, NDArray[np.float64]]:
        columns: dict[str, NDArray[np.float64]] = {}
        for encoded in query.parts:
            for name, values in self._part_terms(encoded, rows):
                columns[name] = columns[name] + values if name in columns else values
        return columns

    def _part_terms(self, encoded: EncodedPart, rows: Rows) -> list[tuple[str, NDArray[np.float64]]]:
        kind, weight = encoded.part.kind, encoded.part.weight
        found: list[tuple[str, NDArray[np.float64]]] = []
        if self.lexical is not None and encoded.lexical:
            scale = self.affine_of(encoded, BM25).weight * weight / self.affine_of(encoded, BM25).scale
            fields, values = self.lexical.terms(encoded.lexical, rows)  # (r, f)
            found += [(f"{BM25}.{name}", values[:, f] * scale) for f, name in enumerate(fields)]
        for name, probe in encoded.probes.items():
            affine = self.affine_of(encoded, name)
            if affine.weight == 0:
                continue
            block = self.blocks[name]
            raw = similarity(probe, block.gather(rows), block.distance)
            found.append((name, np.where(block.gather_present(rows), affine(raw), 0.0) * weight))
        assert all(values.shape == rows.shape for _, values in found), f"{kind} terms must be one value per row"
        return found

    def affine_of(self, encoded: EncodedPart, block: str) -> Affine:
        """The build's map of a part's similarities in a block.

        A block that was named explicitly counts even where tuning gave it no weight.
        """
        affine = self.calibration.affine(encoded.part.kind, block)
        if affine.weight == 0 and encoded.part.using is not None:
            return replace(affine, weight=1.0)
        return affine

    def probes(self, query: EncodedQuery) -> tuple[dict[str, NDArray[np.float32]], dict[int, float]]:
        """One probe per block and one set of word weights, merged over the parts, for an engine."""
        dense: dict[str, NDArray[np.float32]] = {}
        masses: dict[str, float] = {}
        lexical: dict[int, float] = {}
        for encoded in query.parts:
            for name, probe in encoded.probes.items():
                if self.affine_of(encoded, name).weight:
                    weighted = probe * np.float32(encoded.part.weight)
                    dense[name] = dense[name] + weighted if name in dense else weighted
                    masses[name] = masses.get(name, 0.0) + encoded.part.weight
            if encoded.part.weight > 0 and self.affine_of(encoded, BM25).weight:
                for token, value in encoded.lexical.items():
                    lexical[token] = lexical.get(token, 0.0) + value * encoded.part.weight
        for name, mass in masses.items():
            if mass > 0:  # the point that several wishes are nearest to in sum; directions are the same without it
                dense[name] = dense[name] / np.float32(mass)
        return dense, lexical

    def mask(self, where: Any) -> Mask:
        """Rows that are alive and pass a filter ``(n,)``."""
        passed = self.columns.mask(where) if where is not None else np.ones(len(self.ids), dtype=np.bool_)
        return passed if self.alive is None else passed & self.alive

    # ---- for engines

    def index_rows(self, rows: Rows | None = None) -> IndexRows:
        """These rows (all of the build's own when None) as an engine wants them."""
        picked = np.arange(self.base_rows, dtype=np.int64) if rows is None else rows
        whole = rows is None
        dense = {
            name: (b.vectors, b.present) if whole else (b.gather(picked), b.gather_present(picked))
            for name, b in self.blocks.items()
        }
        lexical = None if self.lexical is None else self.lexical.weights(None if whole else picked)
        fields = {name: self.columns.values(name, picked) for name in self.columns.names}
        return IndexRows(picked, dense, lexical, fields)

    # ---- changes after the build

    def with_overlay(self, overlay: Overlay) -> Snapshot:
        """This build with later changes on top; the build's own arrays are shared, not copied."""
        assert self.alive is None, "an overlay lies on a build, not on another overlay"
        base = self.base_rows
        row_of = self._row_of.copy()
        stale = [row_of.pop(id) for id in (*overlay.ids, *overlay.removed) if id in row_of]
        row_of.update({id: base + i for i, id in enumerate(overlay.ids)})
        alive = np.ones(base + len(overlay.ids), dtype=np.bool_)
        alive[stale] = False
        n = len(overlay.ids)
        blocks = {
            name: block.extended(*overlay.blocks.get(name, _absent(n, block.dim)))
            for name, block in self.blocks.items()
        }
        return replace(
            self,
            ids=[*self.ids, *overlay.ids],
            titles=_Joined(self.titles, base, overlay.titles),
            blocks=blocks,
            columns=Columns.concatenate([self.columns, Columns.from_fields(overlay.fields, n)]),
            lexical=None if self.lexical is None else self.lexical.extended(overlay.documents),
            alive=alive,
            _row_of=row_of,
        )

    # ---- on disk

    def save(self, directory: Path) -> None:
        """Write the build's arrays; ``meta`` and calibration become ``build.json``."""
        directory.mkdir(parents=True, exist_ok=True)
        StringColumn.of(self.ids).save(directory / "ids.safetensors")
        StringColumn.of(self.titles).save(directory / "titles.safetensors")
        (directory / "blocks").mkdir(exist_ok=True)
        for name, block in self.blocks.items():
            arrays = {"vectors": block.vectors, "present": block.present}
            arrays |= StringColumn.of(block.sources or [""] * len(self.ids)).arrays("sources")
            save_arrays(directory / "blocks" / f"{name}.safetensors", arrays)
        self.columns.save(directory / "columns")
        if self.lexical is not None:
            self.lexical.save(directory / "lexical")
        described = {
            "format": BUILD_FORMAT,
            "rows": len(self.ids),
            "blocks": {name: {"dim": b.dim, "distance": b.distance} for name, b in self.blocks.items()},
            "lexical": self.lexical is not None,
            "tokenizer": self.tokenizer.to_json(),
            "calibration": self.calibration.to_json(),
            "meta": dict(self.meta),
        }
        (directory / "build.json").write_text(json.dumps(described, ensure_ascii=False, indent=1), "utf-8")

    @classmethod
    def open(cls, directory: Path) -> Snapshot:
        """Map a build's arrays read-only.

        Raises
        ------
        DataError
            If the build is damaged or of another format.
        """
        from goodsense.text import Tokenizer

        try:
            described = json.loads((directory / "build.json").read_text("utf-8"))
            if described["format"] != BUILD_FORMAT:
                raise DataError(
                    f"{directory} is a build of format {described['format']}; expected {BUILD_FORMAT}.",
                    fix="Build the shop again: goodsense build SHOP",
                )
            blocks = {}
            for name, spec in described["blocks"].items():
                arrays = load_arrays(directory / "blocks" / f"{name}.safetensors")
                blocks[name] = Block(
                    arrays["vectors"],
                    arrays["present"].astype(np.bool_),
                    spec["distance"],
                    sources=StringColumn.from_arrays(arrays, "sources"),
                )
            ids = StringColumn.load(directory / "ids.safetensors").tolist()
            return cls(
                ids=ids,
                titles=StringColumn.load(directory / "titles.safetensors"),
                blocks=blocks,
                columns=Columns.load(directory / "columns"),
                calibration=Calibration.from_json(described["calibration"]),
                tokenizer=Tokenizer.from_json(described["tokenizer"]),
                lexical=Lexical.load(directory / "lexical") if described["lexical"] else None,
                base_rows=described["rows"],
                meta=described["meta"],
                _row_of={id: row for row, id in enumerate(ids)},
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"the build {directory} is damaged: {error}.", fix="Build the shop again: goodsense build SHOP"
            ) from error


class _Joined(Sequence[str]):
    """Two string sequences as one, without copying the first."""

    def __init__(self, base: Sequence[str], base_rows: int, extra: Sequence[str]) -> None:
        self._base, self._rows, self._extra = base, base_rows, extra

    def __len__(self) -> int:
        return self._rows + len(self._extra)

    def __getitem__(self, row: Any) -> Any:
        return self._base[row] if row < self._rows else self._extra[row - self._rows]


def _gather(base: NDArray[Any], extra: NDArray[Any], rows: Rows) -> NDArray[Any]:
    late = rows >= len(base)
    found = np.empty((len(rows), *base.shape[1:]), dtype=base.dtype)
    found[~late] = base[rows[~late]]
    found[late] = extra[rows[late] - len(base)]
    return found


def _absent(n: int, dim: int) -> tuple[Vectors, Mask]:
    return np.zeros((n, dim), dtype=np.float32), np.zeros(n, dtype=np.bool_)
