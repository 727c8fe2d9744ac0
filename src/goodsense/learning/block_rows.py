"""Blocks as rows that networks and classifiers can take: checked, centred, of one scale, with their present masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.types import Embeddings, Mask, Vectors

CONSTANT = 1e-9  # a block that spreads no further holds equal rows


def check_blocks(blocks: Mapping[str, Embeddings], *, purpose: str) -> int:
    """How many products the blocks have.

    Raises
    ------
    UsageError
        If there is no block, or two have different ids or another order of them.
    """
    if not blocks:
        raise UsageError(f"{purpose} got no block at all.", fix="Give at least one block of product vectors.")
    first, *others = blocks
    for name in others:
        if blocks[name].ids != blocks[first].ids:
            raise UsageError(f"the blocks {first!r} and {name!r} have different ids, or another order of them.")
    return len(blocks[first])


@dataclass(frozen=True, eq=False)
class BlockRows:
    """Scaled rows of ``B`` blocks, in the order of their names.

    Parameters
    ----------
    values
        Block -> ``(n, d_b)`` float32; rows that are not present are zero.
    present
        ``(n, B)`` bool.
    """

    values: Mapping[str, Vectors]
    present: NDArray[np.bool_]

    @property
    def known(self) -> Mask:
        """Which products have any block, ``(n,)``."""
        return np.asarray(self.present.any(axis=1), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class BlockScales:
    """What was learned of every block: its centre, and one number for how far its rows spread.

    One number per block keeps the block's own geometry; a mean squared error of 1 over scaled rows is what the mean
    itself would cost.

    Parameters
    ----------
    centres
        Block -> ``(d_b,)`` float32, in sorted order of the names.
    spreads
        Block -> root of the mean squared distance from the centre, per column; 1 where all rows are equal.
    unlearned
        Blocks that no product had: they are known, and say nothing.
    """

    centres: Mapping[str, NDArray[np.float32]]
    spreads: Mapping[str, float]
    unlearned: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.centres)

    @property
    def dims(self) -> dict[str, int]:
        return {name: len(centre) for name, centre in self.centres.items()}

    @classmethod
    def fit(cls, blocks: Mapping[str, Embeddings], *, purpose: str) -> BlockScales:
        """Centres and spreads over the products that have the block.

        Raises
        ------
        UsageError
            If no product has any of the blocks, or the blocks do not belong together.
        """
        check_blocks(blocks, purpose=purpose)
        names = sorted(name for name in blocks if blocks[name].present.any())
        if not names:
            raise UsageError(
                f"{purpose} found no product with any of the blocks {', '.join(sorted(blocks))}.",
                fix="Give a block that at least one product has.",
            )
        rows = {name: blocks[name].vectors[blocks[name].present].astype(np.float64) for name in names}
        centres = {name: own.mean(axis=0) for name, own in rows.items()}
        spreads = {name: float(np.sqrt(np.mean((own - centres[name]) ** 2))) for name, own in rows.items()}
        return cls(
            {name: centre.astype(np.float32) for name, centre in centres.items()},
            {name: spread if spread > CONSTANT else 1.0 for name, spread in spreads.items()},
            tuple(sorted(set(blocks) - set(names))),
        )

    def rows(self, blocks: Mapping[str, Embeddings], *, purpose: str) -> BlockRows:
        """Scaled rows of the learned blocks; blocks that are left out are present nowhere.

        Raises
        ------
        UsageError
            If a block is unknown, of another width, or of other ids than the rest.
        """
        n = check_blocks(blocks, purpose=purpose)
        for name, block in blocks.items():
            if name not in self.centres and name not in self.unlearned:
                raise UsageError(f"{purpose} got the block {name!r}; it was fitted on {', '.join(self.names)}.")
            if name in self.centres and block.dim != len(self.centres[name]):
                raise UsageError(
                    f"the block {name!r} has {block.dim} columns; {purpose} was fitted on {len(self.centres[name])}."
                )
        present = np.zeros((n, len(self.names)), dtype=np.bool_)
        values = {name: np.zeros((n, dim), dtype=np.float32) for name, dim in self.dims.items()}
        for place, name in enumerate(self.names):
            if name in blocks:
                mask = present[:, place] = blocks[name].present
                values[name][mask] = (blocks[name].vectors[mask] - self.centres[name]) / np.float32(self.spreads[name])
        return BlockRows(values, present)

    def back(self, name: str, rows: Vectors) -> Vectors:
        """Scaled rows ``(n, d_b)`` of a block in the block's own units."""
        found: Vectors = rows * np.float32(self.spreads[name]) + self.centres[name]
        return found

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for safetensors."""
        settings = {"spreads": dict(self.spreads), "unlearned": list(self.unlearned)}
        return settings, {f"centre.{name}": centre for name, centre in self.centres.items()}

    @classmethod
    def from_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> BlockScales:
        """Come back from :meth:`to_parts`."""
        spreads = {name: float(settings["spreads"][name]) for name in sorted(settings["spreads"])}
        centres = {name: np.asarray(arrays[f"centre.{name}"], dtype=np.float32) for name in spreads}
        return cls(centres, spreads, tuple(settings["unlearned"]))
