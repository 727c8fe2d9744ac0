"""Fashion products as blocks for fusions: titles, pictures and attributes, by encoders fitted on chosen rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import read_csv, say, spread
from goodsense.encoders import make_encoder
from goodsense.media import decode_image
from goodsense.types import Embeddings, MediaEncoder, Vectors

Rows = NDArray[np.int64]
TITLE, TYPE, COLOUR = "title", "articleType", "baseColour"
FACTS = ("gender", COLOUR, "season", "year", "usage")
TEXT_DIM, PICTURE_DIM = 256, 256


@dataclass(frozen=True, eq=False)
class Fashion:
    """A sample of the catalog; ``raw`` are its pictures' descriptors before anything is fitted, ``(n, r)``."""

    rows: Sequence[Mapping[str, str]]
    raw: NDArray[np.float32]

    @classmethod
    def read(cls, folder: Path, limit: int | None, *, cache: Path | None = None) -> Fashion:
        """At most ``limit`` products; descriptors are kept in ``cache``, if one is named, for the next benchmark."""
        rows = spread(read_csv(folder / "products.csv"), limit)
        key = blake2b("\n".join(row["image"] for row in rows).encode(), digest_size=8).hexdigest()
        kept = None if cache is None else cache / f"fashion-descriptors-{key}.npy"
        if kept is not None and kept.is_file():
            return cls(rows, np.load(kept))
        encoder: Any = make_encoder("image", "descriptors", {"dim": PICTURE_DIM})
        raw = []
        for row in rows:
            raw.append(encoder.describe(decode_image((folder / row["image"]).read_bytes(), name=row["image"])))
            if len(raw) % 500 == 0:
                say(f"  {len(raw)} of {len(rows)} pictures")
        found = np.stack(raw)
        if kept is not None:
            np.save(kept, found)
        return cls(rows, found)

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows]

    def column(self, name: str) -> NDArray[np.str_]:
        return np.array([row[name] for row in self.rows])

    @property
    def titles(self) -> Rows:
        """A number per product, the same for the same title ``(n,)``."""
        return np.unique(self.column(TITLE), return_inverse=True)[1].astype(np.int64)

    def at(self, split: str) -> Rows:
        return np.flatnonzero(self.column("split") == split).astype(np.int64)

    def blocks(self, train: Rows, *, texts: Sequence[str] | None = None, facts: bool = True) -> dict[str, Embeddings]:
        """Text, image and attributes of all products, encoders fitted on ``train``; ``texts`` replace the titles."""
        words: Any = [{TITLE: text} for text in (texts if texts is not None else self.column(TITLE).tolist())]
        text: Any = make_encoder("text", "lsa", {"dim": TEXT_DIM})
        text.fit([words[row] for row in train.tolist()], seed=0)
        found = {"text": self.block(text.encode(words)), "image": self.block(self.pictures(train))}
        if facts:
            said: Any = [{name: row[name] for name in FACTS if row[name]} for row in self.rows]
            encoder: Any = make_encoder("attributes", "columns", {})
            encoder.fit([said[row] for row in train.tolist()], seed=0)
            found["attributes"] = self.block(encoder.encode(said))
        return found

    def pictures(self, train: Rows) -> Vectors:
        encoder: Any = make_encoder("image", "descriptors", {"dim": PICTURE_DIM})
        assert isinstance(encoder, MediaEncoder)
        encoder.fit_described(list(self.raw[train]), seed=0)
        return encoder.project(list(self.raw))

    def block(self, vectors: Vectors, rows: Rows | None = None) -> Embeddings:
        """Vectors of all products, or of those in ``rows``."""
        ids = self.ids if rows is None else [self.rows[row]["id"] for row in rows.tolist()]
        return Embeddings.of_products(ids, vectors, np.asarray(vectors.any(axis=1)))


def taken(blocks: Mapping[str, Embeddings], rows: Rows) -> dict[str, Embeddings]:
    return {name: block.take(rows) for name, block in blocks.items()}
