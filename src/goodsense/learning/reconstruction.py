"""Codes that tell a product's blocks again: autoencoder, denoising autoencoder, and blocks hidden to be guessed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch
from goodsense.learning.block_networks import BlockEncoder, check_seen, encoded, hide_blocks, noisy, take, tensors
from goodsense.learning.block_rows import BlockRows, BlockScales
from goodsense.learning.history import History
from goodsense.learning.networks import restore, seeded, weights_of
from goodsense.learning.schedules import Schedule
from goodsense.learning.trainer import train
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings

Kind: TypeAlias = Literal["autoencoder", "denoising", "masked"]

_PURPOSE = "reconstruction"
_SCHEDULE = Schedule(epochs=40, batch=256, rate=3e-3)


def reconstruction_loss(
    told: Sequence[torch.Tensor], rows: Sequence[torch.Tensor], counted: torch.Tensor
) -> torch.Tensor:
    """Mean squared error per column, averaged over the blocks of products that count; 0 where none does.

    Parameters
    ----------
    told, rows
        ``B`` tensors ``(n, d_b)``: what was told of each block, and what is true.
    counted
        ``(n, B)`` bool. What does not count may hold anything.
    """
    check_seen(rows, counted)
    assert len(told) == len(rows), f"{len(told)} blocks were told of {len(rows)}"
    total = counted.new_zeros((), dtype=torch.float32)
    for place, (guess, truth) in enumerate(zip(told, rows, strict=True)):
        assert guess.shape == truth.shape, f"a block of {tuple(truth.shape)} was told as {tuple(guess.shape)}"
        mask = counted[:, place]  # (n,)
        total = total + (guess[mask] - truth[mask]).square().mean(dim=1).sum()
    return total / counted.sum().clamp_min(1)


class BlockAutoencoder(nn.Module):  # type: ignore[misc]
    """A code of a product's blocks, and every block told from the code.

    Parameters
    ----------
    dims
        Columns of each block, in their order.
    hidden, dim
        Width between, and of the code.
    """

    def __init__(self, dims: Sequence[int], *, hidden: int, dim: int) -> None:
        super().__init__()
        self.encoder = BlockEncoder(dims, hidden=hidden, dim=dim)
        self.opened = nn.Sequential(nn.Linear(dim, hidden), nn.GELU())
        self.tellers = nn.ModuleList([nn.Linear(hidden, width) for width in dims])

    def forward(self, rows: Sequence[torch.Tensor], seen: torch.Tensor) -> list[torch.Tensor]:
        """Blocks ``(n, d_b)`` and which are seen ``(n, B)`` to what the code tells of every block, ``(n, d_b)``."""
        opened = self.opened(self.encoder(rows, seen))
        return [teller(opened) for teller in self.tellers]


class BlockReconstruction:
    """One code per product, learned by telling blocks again; products may lack any of them.

    ``autoencoder`` tells what it sees (Hinton and Salakhutdinov, Science, 2006). ``denoising`` sees it with noise and
    gaps (Vincent et al., ICML 2008). ``masked`` has blocks hidden, and tells these from the others (as in Geng et al.,
    "Multimodal Masked Autoencoders", 2022, on vectors); a product with a single block tells that one. Only blocks that
    a product has are ever counted.

    Parameters
    ----------
    kind
        What is learned.
    dim, hidden
        Width of the codes, and between.
    hide
        Share of the blocks that are hidden (``masked``); one is always seen.
    noise, gaps
        Deviation of the noise, in deviations of the block, and share of values at zero (``denoising``).
    schedule
        How long and how fast.
    """

    def __init__(
        self,
        kind: Kind = "masked",
        *,
        dim: int = 128,
        hidden: int = 256,
        hide: float = 0.5,
        noise: float = 0.3,
        gaps: float = 0.2,
        schedule: Schedule = _SCHEDULE,
    ) -> None:
        if kind not in ("autoencoder", "denoising", "masked"):
            raise UsageError(f"kind is {kind!r}; expected 'autoencoder', 'denoising' or 'masked'.")
        if not (0 < hide < 1 and 0 <= noise < math.inf and 0 <= gaps < 1):
            raise UsageError(
                f"hide, noise and gaps are {hide}, {noise} and {gaps}; expected shares below 1, and noise from 0 up."
            )
        self._kind: Kind = kind
        self._dim, self._hidden, self._schedule = dim, hidden, schedule
        self._hide, self._noise, self._gaps = hide, noise, gaps
        self._scales: BlockScales | None = None
        self._network: Any = None
        self._history: History | None = None

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def history(self) -> History | None:
        """How the training went; a loss of 1 is what the blocks' means would cost. None before :meth:`fit`."""
        return self._history

    def fit(
        self, blocks: Mapping[str, Embeddings], *, seed: int = 0, device: str = "cpu", progress: Progress = silent
    ) -> Self:
        """Learn from all products that have blocks; ``device`` is where to train.

        Raises
        ------
        UsageError
            If fewer than two products have a block, or blocks are to be hidden where no product has two.
        """
        self._scales = BlockScales.fit(blocks, purpose=_PURPOSE)
        rows = self._scales.rows(blocks, purpose=_PURPOSE)
        counts = rows.present.sum(axis=1)
        if (counts > 0).sum() < 2:
            raise UsageError("one product alone cannot be told from others.", fix="Fit on two products or more.")
        if self._kind == "masked" and counts.max() < 2:
            raise UsageError(
                f"no product has two of the blocks {', '.join(blocks)}, so none can be told from another.",
                fix="Give a block that the same products have, or use kind='denoising'.",
            )
        with seeded(seed):
            self._network = self._made()
            self._history = self._trained(rows, np.flatnonzero(counts), seed, device, progress)
        self._network.cpu()
        return self

    def encode(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One code per product, ``(n, dim)``; products without any learned block are not present, and zero."""
        scales = self._fitted()
        rows, first = scales.rows(blocks, purpose=_PURPOSE), next(iter(blocks.values()))
        return Embeddings(first.ids, first.owners, encoded(self._network.encoder, rows), rows.known)

    def tell(self, blocks: Mapping[str, Embeddings], name: str) -> Embeddings:
        """What the other blocks say of the block ``name``, in its own units; present where a product has another."""
        scales = self._fitted()
        if name not in scales.names:
            raise UsageError(f"{_PURPOSE} never saw the block {name!r}; it knows {', '.join(scales.names)}.")
        others = {other: block for other, block in blocks.items() if other != name}
        rows, first = scales.rows(others, purpose=_PURPOSE), next(iter(others.values()))
        with torch.inference_mode():
            told = self._network.eval()(*tensors(rows))[scales.names.index(name)].numpy()
        seen = rows.known
        vectors = np.where(seen[:, None], scales.back(name, told), np.float32(0))
        return Embeddings(first.ids, first.owners, vectors, seen)

    def explained(self, blocks: Mapping[str, Embeddings]) -> dict[str, float]:
        """Block -> share of its variance that the other blocks tell; 0 is no better than its mean, NaN is unknown.

        Where all are about 0, nothing was learned of one block from another.
        """
        scales, found = self._fitted(), {}
        for name in scales.names:
            found[name] = math.nan
            if name in blocks and len(blocks) > 1:
                told = self.tell(blocks, name)
                both = told.present & blocks[name].present
                missed = (told.vectors[both] - blocks[name].vectors[both]) / scales.spreads[name]
                whole = (blocks[name].vectors[both] - scales.centres[name]) / scales.spreads[name]
                power = float(np.square(whole, dtype=np.float64).sum())
                found[name] = 1 - float(np.square(missed, dtype=np.float64).sum()) / power if power > 0 else math.nan
        return found

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for safetensors, to encode with later."""
        scales, arrays = self._fitted().to_parts()
        settings = {"kind": self._kind, "dim": self._dim, "hidden": self._hidden, "scales": scales}
        return settings, {**arrays, **weights_of(self._network, "network.")}

    @classmethod
    def from_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Come back from :meth:`to_parts`."""
        found = cls(settings["kind"], dim=settings["dim"], hidden=settings["hidden"])
        found._scales = BlockScales.from_parts(settings["scales"], arrays)
        found._network = found._made()
        restore(found._network, {name: own for name, own in arrays.items() if name.startswith("network.")}, "network.")
        return found

    def _made(self) -> BlockAutoencoder:
        return BlockAutoencoder(list(self._fitted().dims.values()), hidden=self._hidden, dim=self._dim)

    def _trained(
        self, rows: BlockRows, usable: NDArray[np.int64], seed: int, device: str, progress: Progress
    ) -> History:
        blocks, present = tensors(rows)

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[list[torch.Tensor], torch.Tensor]]:
            order = rng.permutation(usable)
            for start in range(0, len(order), self._schedule.batch):
                yield take(blocks, present, torch.from_numpy(order[start : start + self._schedule.batch]))

        return train(
            self._network,
            batches,
            lambda batch: self._loss(*batch),
            self._schedule,
            steps=math.ceil(len(usable) / self._schedule.batch),
            seed=seed,
            device=device,
            progress=progress,
            stage=f"train {self._kind}",
        )

    def _loss(self, rows: list[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        shown, seen, counted = rows, present, present
        if self._kind == "denoising":
            shown = noisy(rows, noise=self._noise, drop=self._gaps)
        if self._kind == "masked":
            seen = hide_blocks(present, self._hide)
            hidden = present & ~seen
            counted = hidden | (present & (present.sum(dim=1, keepdim=True) == 1))
        return reconstruction_loss(self._network(shown, seen), rows, counted)

    def _fitted(self) -> BlockScales:
        if self._scales is None:
            raise UsageError(f"{_PURPOSE} was not fitted yet.", fix="Call fit(blocks, seed=...) first.")
        return self._scales
