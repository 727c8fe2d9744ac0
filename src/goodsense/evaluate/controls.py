"""Does the comparison see through rubbish? It is run again with one modality made noise and one there twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodsense.errors import UsageError
from goodsense.evaluate.ablation import Ablation, ablate
from goodsense.evaluate.cases import Case
from goodsense.types import Embeddings


@dataclass(frozen=True)
class Control:
    """A comparison whose right answer is known: the modality ``noise`` is worthless, ``copy`` repeats ``duplicate``."""

    noise: str
    duplicate: str
    copy: str
    ablation: Ablation

    @property
    def dropped_noise(self) -> bool:
        """Whether what is used does without the noise."""
        return self.noise not in self.ablation[self.ablation.winner].modalities

    @property
    def dropped_copy(self) -> bool:
        """Whether what is used does without one of the two that say the same."""
        return not {self.duplicate, self.copy} <= set(self.ablation[self.ablation.winner].modalities)

    def to_json(self) -> dict[str, Any]:
        return {
            "noise": self.noise,
            "duplicate": self.duplicate,
            "copy": self.copy,
            "dropped_noise": self.dropped_noise,
            "dropped_copy": self.dropped_copy,
            "ablation": self.ablation.to_json(),
        }


def control(
    blocks: Mapping[str, Embeddings],
    make: Callable[[Mapping[str, Embeddings]], Sequence[Case]],
    *,
    noise: str,
    duplicate: str,
    metric: str = "ndcg@10",
    level: float = 0.95,
    samples: int = 2_000,
    seed: int = 0,
) -> Control:
    """Compare the cases that ``make`` gives of blocks in which one modality is noise and another is there twice.

    Raises
    ------
    UsageError
        If a modality is not there or both are the same.
    """
    if noise == duplicate:
        raise UsageError(f"the modality {noise!r} cannot be both noise and repeated.", fix="Name two modalities.")
    copy = f"{duplicate} again"
    changed = doubled(noisy(blocks, noise, seed=seed), duplicate, copy)
    found = ablate(make(changed), metric=metric, level=level, samples=samples, seed=seed)
    return Control(noise, duplicate, copy, found)


def noisy(blocks: Mapping[str, Embeddings], name: str, *, seed: int) -> dict[str, Embeddings]:
    """The blocks with one modality replaced by noise; who has it, and how long its rows are, stays."""
    block = _block(blocks, name)
    drawn = np.random.default_rng(seed).normal(size=block.vectors.shape)
    drawn *= np.linalg.norm(block.vectors, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)
    return {**blocks, name: Embeddings(block.ids, block.owners, drawn.astype(np.float32), block.present)}


def doubled(blocks: Mapping[str, Embeddings], name: str, copy: str) -> dict[str, Embeddings]:
    """The blocks with one modality there a second time, as ``copy``."""
    if copy in blocks:
        raise UsageError(f"there is a modality {copy!r} already.")
    return {**blocks, copy: _block(blocks, name)}


def _block(blocks: Mapping[str, Embeddings], name: str) -> Embeddings:
    if name not in blocks:
        raise UsageError(f"there is no modality {name!r}; found {', '.join(blocks) or 'none'}.")
    return blocks[name]
