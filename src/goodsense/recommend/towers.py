"""Pieces that several networks are made of: sparse products, losses, pooled histories, content as columns."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from goodsense.encoders.decomposition import truncated_svd
from goodsense.learning.backend import nn, torch
from goodsense.learning.losses import MASKED
from goodsense.recommend.content import Content
from goodsense.recommend.facts import tag_rows
from goodsense.recommend.item_table import content_columns
from goodsense.types import Vectors

_LEAST = 1e-6
_TAGS = 64  # columns that tags and categories are brought to


class Product:
    """A fixed sparse matrix ``(r, c)`` that multiplies dense ones, with gradients.

    A row is summed as a weighted bag of rows, which is many times as fast on a CPU as torch's own sparse products.
    """

    def __init__(self, matrix: Any) -> None:
        self._forth, self._back = _Bags(matrix.tocsr()), _Bags(matrix.T.tocsr())

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """``(r, c) @ (c, d) -> (r, d)``."""
        found: torch.Tensor = _Product.apply(rows, self._forth, self._back)
        return found


class _Bags:
    def __init__(self, matrix: Any) -> None:
        self.columns = torch.from_numpy(matrix.indices.astype(np.int64))
        self.starts = torch.from_numpy(matrix.indptr[:-1].astype(np.int64))
        self.weights = torch.from_numpy(matrix.data.astype(np.float32))

    def on(self, device: torch.device) -> Self:
        if self.columns.device != device:
            self.columns, self.starts = self.columns.to(device), self.starts.to(device)
            self.weights = self.weights.to(device)
        return self

    def times(self, rows: torch.Tensor) -> torch.Tensor:
        own = self.on(rows.device)
        found: torch.Tensor = nn.functional.embedding_bag(
            own.columns, rows.contiguous(), own.starts, mode="sum", per_sample_weights=own.weights.to(rows.dtype)
        )
        return found


class _Product(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, forth: _Bags, back: _Bags) -> torch.Tensor:
        ctx.back = back
        return forth.times(rows)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return ctx.back.times(gradient), None, None


# ---- losses


def bpr_loss(wanted: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """How far what was taken ``(b,)`` is not above what was not ``(b,)`` or ``(b, m)``: mean of ``-log sigmoid``.

    Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback" (UAI 2009).
    """
    assert wanted.ndim == 1, f"wanted is {tuple(wanted.shape)}; expected (b,)"
    assert others.shape[:1] == wanted.shape, f"others are {tuple(others.shape)}; expected ({len(wanted)}, m)"
    found: torch.Tensor = nn.functional.softplus(others - wanted.reshape(-1, *[1] * (others.ndim - 1))).mean()
    return found


def sampled_softmax(
    users: torch.Tensor,
    items: torch.Tensor,
    wanted: torch.Tensor,
    *,
    chances: torch.Tensor,
    barred: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross entropy of the wanted among candidates, corrected for how they were drawn.

    Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations" (RecSys 2019).

    Parameters
    ----------
    users, items
        ``(b, d)`` and ``(c, d)``.
    wanted
        ``(b,)`` the place of each user's own among the candidates.
    chances
        ``(c,)`` logarithm of how likely each candidate was drawn (logQ).
    barred
        ``(b, c)`` bool: candidates that a user took as well, so that they are no negatives; the wanted never is.
    """
    assert chances.shape == items.shape[:1], f"chances are {tuple(chances.shape)}; expected ({len(items)},)"
    scores = users @ items.T - chances  # (b, c)
    if barred is not None:
        own = torch.arange(len(items), device=scores.device) == wanted[:, None]
        scores = scores.masked_fill(barred & ~own, MASKED)
    found: torch.Tensor = nn.functional.cross_entropy(scores, wanted)
    return found


# ---- histories


class HistoryPool(nn.Module):  # type: ignore[misc]
    """Items of a history, the newest first, to one vector: a mean weighted by strength, recency and attention.

    Parameters
    ----------
    dim
        Columns.
    recency
        Whether the place in a history counts: weights fall by one learned factor per step back.
    attention
        Whether items are weighed by what they are, too.
    """

    def __init__(self, dim: int, *, recency: bool, attention: bool) -> None:
        super().__init__()
        self.fading = nn.Parameter(torch.tensor(-3.0)) if recency else None  # softplus(-3) = 0.05
        self.told = nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, 1, bias=False)) if attention else None

    def forward(self, items: torch.Tensor, there: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
        """Vectors ``(b, h, d)``, where there is one ``(b, h)``, and strengths ``(b, h)`` to ``(b, d)``."""
        logits = strengths.clamp_min(_LEAST).log()
        if self.fading is not None:
            steps = torch.arange(there.shape[1], device=there.device)
            logits = logits - nn.functional.softplus(self.fading) * steps
        if self.told is not None:
            logits = logits + self.told(items)[:, :, 0]
        shares = logits.masked_fill(~there, MASKED).softmax(dim=1) * there  # (b, h); nothing there gives zeros
        return torch.einsum("bh,bhd->bd", shares, items)


# ---- content


def item_columns(content: Content) -> Vectors:
    """All that is known of items, ``(n, f)``: their blocks, and the leading columns of tags and categories."""
    blocks, tags = content_columns(content), tag_rows(content)
    if not tags.nnz:
        return blocks
    found = np.asarray(tags @ truncated_svd(tags, _TAGS, seed=0), dtype=np.float32)
    found = found[:, found.any(axis=0)]
    return np.hstack([blocks, found / max(float(found.std()), _LEAST)])
