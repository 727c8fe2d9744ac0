"""What the shop knows of its products besides behaviour, as recommenders read it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.joint import JOINT
from goodsense.recommend.content import Content
from goodsense.search.columns import Columns
from goodsense.search.fields import OWN_FIELDS
from goodsense.search.snapshot import Block, Snapshot
from goodsense.types import Embeddings, Mask, Rows

OF_BEHAVIOUR = ("behaviour", "reviews")  # blocks made of what shoppers did and said
_SEPARATOR = " > "


def content_of(snapshot: Snapshot, *, without_behaviour: bool = True, joint: bool = False) -> Content:
    """The products of a snapshot as content, by id.

    The rows of a build without later changes are its mapped arrays, not copies.

    Parameters
    ----------
    snapshot
        A build, with or without what changed since.
    without_behaviour
        Leave out the blocks made of events and reviews, which would tell a model what it is asked for.
    joint
        Take the joint block, too; it is made of the others.
    """
    rows = rows_by_id(snapshot)
    ids = tuple(snapshot.ids[row] for row in rows.tolist())
    return Content(
        ids=ids,
        blocks={name: _block(snapshot.blocks[name], ids, rows) for name in _names(snapshot, without_behaviour, joint)},
        categories=categories_of(snapshot.columns, rows),
        tags=tags_of(snapshot.columns, rows),
        prices=prices_of(snapshot.columns, rows),
    )


def rows_by_id(snapshot: Snapshot) -> Rows:
    """The rows of all products there are, in the order of their ids."""
    alive = np.arange(len(snapshot.ids)) if snapshot.alive is None else np.flatnonzero(snapshot.alive)
    ids = [snapshot.ids[row] for row in alive.tolist()]
    if all(a < b for a, b in pairwise(ids)):
        return alive.astype(np.int64)
    return alive[sorted(range(len(ids)), key=ids.__getitem__)].astype(np.int64)


def _names(snapshot: Snapshot, without_behaviour: bool, joint: bool) -> Iterator[str]:
    for name in snapshot.blocks:
        if (name not in OF_BEHAVIOUR or not without_behaviour) and (name != JOINT or joint):
            yield name


def _block(block: Block, ids: tuple[str, ...], rows: Rows) -> Embeddings:
    whole = len(rows) == len(block.vectors) and bool((rows == np.arange(len(rows))).all())
    vectors: NDArray[np.float32] = block.vectors if whole else block.gather(rows)
    present: Mask = block.present if whole else block.gather_present(rows)
    return Embeddings.of_products(ids, vectors, present)


def categories_of(columns: Columns, rows: Rows) -> tuple[str, ...]:
    """The whole path of every product's category, ``""`` where it has none; ``()`` if nobody has one."""
    if "category" not in columns.fields:
        return ()
    values = columns.values("category", rows, folded=False)
    return tuple(max(map(str, own), key=lambda path: path.count(_SEPARATOR), default="") for own in values)


def tags_of(columns: Columns, rows: Rows) -> tuple[tuple[str, ...], ...]:
    """Brand, attributes and options of every product as ``name=value``, each once; numbers are left out."""
    named = [name for name, kind in columns.kinds.items() if kind != "number" and is_attribute(name)]
    if not named:
        return ()
    found: list[list[str]] = [[] for _ in range(len(rows))]
    for name in sorted(named):
        label = name.removeprefix("attribute.")
        for own, values in zip(found, columns.values(name, rows, folded=False), strict=True):
            own += [f"{label}={_said(value)}" for value in values]
    return tuple(tuple(dict.fromkeys(own)) for own in found)


def is_attribute(name: str) -> bool:
    """Whether a field says what a product is like: not its price, its stock, or its place in the shop."""
    return name == "brand" or not (name in OWN_FIELDS or name.startswith(("price.", "list_price.")))


def prices_of(columns: Columns, rows: Rows) -> NDArray[np.float64] | None:
    """Prices in the currency that most products have, NaN for others ``(n,)``; None without any."""
    priced = {name: columns.values(name, rows) for name in columns.names if name.startswith("price.")}
    if not priced:
        return None
    chosen = max(sorted(priced), key=lambda name: sum(map(bool, priced[name])))
    return np.array([float(own[0]) if own else np.nan for own in priced[chosen]], dtype=np.float64)


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
