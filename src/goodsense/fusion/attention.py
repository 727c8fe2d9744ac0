"""Combining networks that look before they weigh: gates, attention across and within blocks, a small transformer."""

from __future__ import annotations

import math

from goodsense.encoders.options import check_whole
from goodsense.errors import UsageError
from goodsense.fusion.combining import Combining, equal_shares, masked_mean, masked_softmax, side_by_side
from goodsense.learning.backend import nn, torch


class Gated(Combining):
    """A gate per block and dimension, made from all that is present (Arevalo & others, ICLR workshop 2017).

    Gated multimodal units: each token through its own layer and tanh, times its gate. The gates of a dimension are a
    softmax over the blocks that are present, which for two blocks is the paper's ``z`` and ``1 - z``.
    """

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__(blocks, width)
        self.projections = nn.ModuleList([nn.Linear(width, width) for _ in range(blocks)])
        self.gate = nn.Linear(blocks * (width + 1), blocks * width)

    def split(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        values = [torch.tanh(projection(tokens[:, b])) for b, projection in enumerate(self.projections)]
        return self._gates(tokens, present) * torch.stack(values, dim=1)

    def weigh(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return self._gates(tokens, present).mean(dim=2)

    def _gates(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """``(n, B, D)``, of sum 1 over the blocks."""
        scores = self.gate(side_by_side(tokens, present)).unflatten(1, (self.blocks, self.width))
        return masked_softmax(scores, present[:, :, None], dim=1)


class SelfAttention(nn.Module):  # type: ignore[misc]
    """Multi-head attention of tokens to one another (Vaswani & others, NeurIPS 2017), absent ones left out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise UsageError(f"{heads} heads of attention do not divide tokens of {width}.", fix="Give a divisor.")
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(n, t, d), (n, t) -> (n, t, d)``, and how each token looks at the others: ``(n, heads, t, t)``."""
        parts = self.queries_keys_values(tokens).unflatten(2, (3, self.heads, -1))
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # each (n, h, t, d / h)
        scores = torch.einsum("nhqd,nhkd->nhqk", queries, keys) / math.sqrt(queries.shape[3])
        looks = masked_softmax(scores, present[:, None, None, :], dim=3)
        seen = torch.einsum("nhqk,nhkd->nqhd", looks, values).flatten(2)
        return self.out(seen), looks


class InterModal(Combining):
    """Attention across the blocks of a product; the mean of what the present ones have seen, added to the tokens.

    A block's share is the attention that it draws, averaged over heads and over the blocks that look.
    """

    def __init__(self, blocks: int, width: int, *, heads: int = 4) -> None:
        super().__init__(blocks, width)
        self.names = nn.Parameter(0.02 * torch.randn(blocks, width))
        self.attention = SelfAttention(width, heads)

    def combine(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        seen, _ = self.attention(tokens + self.names, present)
        return masked_mean(tokens + seen, present)

    def weigh(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        _, looks = self.attention(tokens + self.names, present)
        return masked_mean(looks.mean(dim=1), present)


class IntraModal(Combining):
    """Attention within each token, across ``parts`` equal pieces of it; then the mean of the present tokens.

    Each block has an attention of its own, and a learned vector per piece says which piece it is.
    """

    def __init__(self, blocks: int, width: int, *, parts: int = 4) -> None:
        super().__init__(blocks, width)
        if parts < 1 or width % parts:
            raise UsageError(f"{parts} parts do not divide tokens of {width}.", fix="Give a divisor.")
        self.parts_of_token = parts
        self.places = nn.Parameter(0.02 * torch.randn(blocks, parts, width // parts))
        self.attentions = nn.ModuleList([SelfAttention(width // parts, 1) for _ in range(blocks)])

    def split(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        pieces = tokens.unflatten(2, (self.parts_of_token, -1)) + self.places  # (n, B, p, D / p)
        all_there = torch.ones(pieces.shape[0], pieces.shape[2], dtype=torch.bool, device=tokens.device)
        seen = [attention(pieces[:, b], all_there)[0].flatten(1) for b, attention in enumerate(self.attentions)]
        return equal_shares(tokens, present)[:, :, None] * (tokens + torch.stack(seen, dim=1))


class Layer(nn.Module):  # type: ignore[misc]
    """One layer of a transformer, normalised before each half (Xiong & others, ICML 2020)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.before_attention, self.before_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.forward_layers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: torch.Tensor, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(n, t, d), (n, t) -> (n, t, d)``, and the attention ``(n, heads, t, t)``."""
        seen, looks = self.attention(self.before_attention(tokens), present)
        tokens = tokens + seen
        return tokens + self.forward_layers(self.before_forward(tokens)), looks


class Transformer(Combining):
    """A small transformer over the blocks' tokens and a class token, whose last state is the result.

    A learned vector per block is added to its token. A block's share is how the class token looks at it in the last
    layer, among the blocks; it is a view into the network and no exact account of its result.
    """

    def __init__(self, blocks: int, width: int, *, heads: int = 4, layers: int = 2) -> None:
        super().__init__(blocks, width)
        check_whole(layers=layers)
        self.names = nn.Parameter(0.02 * torch.randn(blocks, width))
        self.class_token = nn.Parameter(0.02 * torch.randn(width))
        self.layers = nn.ModuleList([Layer(width, heads) for _ in range(layers)])
        self.last = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)

    def combine(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return self.out(self.last(self._run(tokens, present)[0][:, 0]))

    def weigh(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        looks = self._run(tokens, present)[1].mean(dim=1)[:, 0, 1:]  # (n, B)
        return looks / looks.sum(dim=1, keepdim=True).clamp_min(1e-12)

    def _run(self, tokens: torch.Tensor, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Last states ``(n, 1 + B, D)``, the class token's first, and the last attention."""
        own = self.class_token.to(tokens.dtype).expand(len(tokens), 1, self.width)
        states, there = torch.cat([own, tokens + self.names], dim=1), nn.functional.pad(present, (1, 0), value=True)
        for layer in self.layers:
            states, looks = layer(states, there)
        return states, looks
