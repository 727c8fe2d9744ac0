"""What items are, as matrices whose inner products are likenesses between 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.decomposition import truncated_svd
from goodsense.recommend.content import Content
from goodsense.types import Embeddings, normalise

TAGS = "tags"  # the name of tags and categories among the blocks
COMMON = 0.5  # a fact that more of the items have tells nothing
_TAG_COLUMNS = 64


def facts_of(content: Content) -> tuple[Any, ...]:
    """One matrix ``(n, p)`` for tags and categories together (CSR) and one for every block; rows are unit or zero.

    Tags weigh by how rare they are; blocks are brought to mean zero first.
    """
    tags = tag_rows(content)
    return (*((tags,) if tags.nnz else ()), *(centred(block) for _, block in sorted(content.blocks.items())))


def dense_facts(content: Content, *, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Every block by its name, and tags and categories brought to few columns; rows ``(n, d)`` are unit or zero."""
    found = {name: centred(block) for name, block in content.blocks.items()}
    tags = tag_rows(content)
    if tags.nnz:
        found[TAGS] = normalise(tags @ truncated_svd(tags, min(_TAG_COLUMNS, tags.shape[1]), seed=seed))
    return found


def tag_rows(content: Content) -> Any:
    """Tags and categories, weighed by ``log(n / count)``, as CSR rows of unit length, ``(n, t)`` float32."""
    from scipy.sparse import csr_matrix, diags_array, hstack

    tags, _ = content.tag_matrix()
    names = sorted({name for name in content.categories if name})
    places = {name: column for column, name in enumerate(names)}
    own = [(row, places[name]) for row, name in enumerate(content.categories) if name]
    rows, columns = np.array(own, dtype=np.int64).reshape(-1, 2).T
    kinds = csr_matrix((np.ones(len(own), np.float32), (rows, columns)), shape=(len(content), len(names)))
    both = hstack([tags, kinds], format="csr")
    counts = np.bincount(both.indices, minlength=both.shape[1])
    rarity = np.log(max(len(content), 1) / np.maximum(counts, 1))
    rarity[counts > COMMON * len(content)] = 0.0
    weighed = both @ diags_array(rarity)
    lengths = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
    unit = csr_matrix(diags_array(1 / np.maximum(lengths, 1e-12)) @ weighed, dtype=np.float32)
    unit.eliminate_zeros()
    return unit


def centred(block: Embeddings) -> NDArray[np.float32]:
    """A block's rows about their mean, of unit length; rows that are not present are zero. ``(n, d)``."""
    found = np.zeros_like(block.vectors)
    if block.present.sum() > 1:
        own = block.vectors[block.present]
        found[block.present] = normalise(own - own.mean(axis=0, dtype=np.float64).astype(np.float32))
    return found
