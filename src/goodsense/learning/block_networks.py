"""Networks that read whatever blocks a product has, and the noise that keeps them from leaning on one."""

from __future__ import annotations

from collections.abc import Sequence

from goodsense.learning.backend import nn, torch
from goodsense.learning.block_rows import BlockRows
from goodsense.types import Vectors

AT_ONCE = 4_096  # rows that go through a network at a time


class BlockEncoder(nn.Module):  # type: ignore[misc]
    """Rows of ``B`` blocks to one code: a projection per block, the mean over those that are seen, and two layers.

    Parameters
    ----------
    dims
        Columns of each block, in their order.
    hidden, dim
        Width of the projections, and of the code.
    dropout
        Share of the values of every block that are left out while training.
    """

    def __init__(self, dims: Sequence[int], *, hidden: int, dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.projections = nn.ModuleList([nn.Linear(width, hidden) for width in dims])
        self.mixed = nn.Sequential(nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, rows: Sequence[torch.Tensor], seen: torch.Tensor) -> torch.Tensor:
        """Blocks ``(n, d_b)`` and which of them are looked at ``(n, B)`` bool to ``(n, dim)``.

        What is not seen has no influence, not even where it is no number; a product without any block becomes zero.
        """
        check_seen(rows, seen)
        total = seen.new_zeros((len(seen), self.projections[0].out_features), dtype=torch.float32)  # (n, hidden)
        for place, projection in enumerate(self.projections):
            mask = seen[:, place, None]  # (n, 1)
            own = projection(self.dropout(torch.where(mask, rows[place], torch.zeros_like(rows[place]))))
            total = total + torch.where(mask, own, torch.zeros_like(own))
        counts = seen.sum(dim=1, keepdim=True)  # (n, 1)
        code = self.mixed(total / counts.clamp_min(1))
        return torch.where(counts > 0, code, torch.zeros_like(code))


def check_seen(rows: Sequence[torch.Tensor], seen: torch.Tensor) -> None:
    """Blocks are ``(n, d_b)``, and ``seen`` is ``(n, B)`` bool."""
    assert seen.dtype == torch.bool, f"seen is {seen.dtype}; expected bool"
    assert seen.shape == (len(seen), len(rows)), f"seen is {tuple(seen.shape)} for {len(rows)} blocks; expected (n, B)"
    for block in rows:
        assert block.ndim == 2, f"a block is {tuple(block.shape)}; expected (n, d)"
        assert len(block) == len(seen), f"a block has {len(block)} rows; expected {len(seen)}"


def tensors(rows: BlockRows) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Blocks ``(n, d_b)`` in the order of their names, and their present mask ``(n, B)``."""
    return [torch.from_numpy(block) for block in rows.values.values()], torch.from_numpy(rows.present)


def take(
    rows: Sequence[torch.Tensor], present: torch.Tensor, picked: torch.Tensor
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Some of the products."""
    return [block[picked] for block in rows], present[picked]


def hide_blocks(present: torch.Tensor, share: float) -> torch.Tensor:
    """Which blocks stay ``(n, B)``: each present one is hidden with probability ``share``, but never the last one.

    Neverova et al., "ModDrop: Adaptive Multi-Modal Gesture Recognition" (TPAMI, 2016). The block that stays in any case
    is drawn, all present ones alike.
    """
    lot, fate = torch.rand((2, *present.shape), device=present.device)
    spared = nn.functional.one_hot(torch.where(present, lot, lot - 2).argmax(dim=1), present.shape[1]).bool()
    return present & (spared | (fate >= share))


def noisy(rows: Sequence[torch.Tensor], *, noise: float, drop: float = 0.0) -> list[torch.Tensor]:
    """Blocks with Gaussian noise of deviation ``noise``, and a share ``drop`` of their values at zero."""
    found = []
    for block in rows:
        changed = block + noise * torch.randn_like(block)
        found.append(torch.where(torch.rand_like(block) < drop, torch.zeros_like(changed), changed))
    return found


def encoded(encoder: BlockEncoder, rows: BlockRows) -> Vectors:
    """Codes of all products, ``(n, dim)``, in evaluation mode."""
    blocks, present = tensors(rows)
    parts = []
    encoder.eval()
    with torch.inference_mode():
        for start in range(0, max(len(present), 1), AT_ONCE):
            span = slice(start, start + AT_ONCE)
            parts.append(encoder([block[span] for block in blocks], present[span]))
    codes: Vectors = torch.cat(parts).numpy()
    return codes
