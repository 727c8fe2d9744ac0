"""A trained fusion network at work: blocks to vectors, shares and parts, some products at a time, without gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.blocks import prepared
from goodsense.fusion.network import FusionNetwork
from goodsense.learning.backend import torch
from goodsense.learning.coalitions import coalitions, shapley_values
from goodsense.types import Embeddings, Mask, Vectors

CHUNK = 1_024  # products at a time; what lies between the layers of their towers stays in the cache


@dataclass(frozen=True, eq=False)
class Inference:
    """A network in evaluation mode, and the centres of the ``B`` blocks that it takes, in its order."""

    network: FusionNetwork
    centres: Mapping[str, NDArray[np.float32]]

    def vectors(self, blocks: Mapping[str, Embeddings]) -> tuple[Vectors, Mask]:
        """Fused rows ``(n, D)``, and which of them say anything ``(n,)``."""
        with torch.inference_mode():
            found = [
                (self.network(rows, there).numpy(), there.any(dim=1).numpy()) for rows, there in self._chunks(blocks)
            ]
        vectors, present = zip(*found, strict=True)
        return np.concatenate(vectors), np.concatenate(present)

    def shares(self, blocks: Mapping[str, Embeddings]) -> NDArray[np.float32] | None:
        """How much each block counts, ``(n, B)``; None if the network does not weigh."""
        with torch.inference_mode():
            found = [self.network.shares(rows, there) for rows, there in self._chunks(blocks)]
        weighed = [own.numpy() for own in found if own is not None]
        return np.concatenate(weighed) if weighed else None

    def parts(self, blocks: Mapping[str, Embeddings]) -> NDArray[np.float32]:
        """What each block adds to the fused rows, ``(n, B, D)``: what the network sums, else Shapley values."""
        with torch.inference_mode():
            found = [self._parts(rows, there) for rows, there in self._chunks(blocks)]
        return np.concatenate(found).astype(np.float32)

    def _parts(self, rows: list[torch.Tensor], there: torch.Tensor) -> NDArray[np.floating]:
        own = self.network.parts(rows, there)
        if own is not None:
            summed: NDArray[np.float32] = own.numpy()
            return summed
        tokens = self.network.tokens(rows)
        worth = []
        for coalition in coalitions(list(self.centres)):
            members = torch.tensor([name in coalition for name in self.centres])
            worth.append(self.network.join(tokens, there & members).numpy().ravel())
        values = shapley_values(np.stack(worth).astype(np.float64))  # (B, n * D)
        return values.reshape(len(self.centres), *tokens.shape[::2]).transpose(1, 0, 2)

    def _chunks(self, blocks: Mapping[str, Embeddings]) -> Iterator[tuple[list[torch.Tensor], torch.Tensor]]:
        """Prepared rows of each block ``(n, d)``, and which are there ``(n, B)``; at least one chunk, even if empty."""
        count = len(next(iter(blocks.values())))
        for start in range(0, max(count, 1), CHUNK):
            part = slice(start, min(start + CHUNK, count))
            given = [self._prepared(blocks.get(name), name, part) for name in self.centres]
            yield [rows for rows, _ in given], torch.stack([there for _, there in given], dim=1)

    def _prepared(self, block: Embeddings | None, name: str, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of one block; zeros that are absent where it is left out."""
        centre = self.centres[name]
        if block is None:
            count = part.stop - part.start
            return torch.zeros(count, len(centre)), torch.zeros(count, dtype=torch.bool)
        own = Embeddings(block.ids[part], block.owners[part], block.vectors[part], block.present[part])
        ready = prepared(own, centre)
        return torch.from_numpy(ready.vectors), torch.from_numpy(ready.present)
