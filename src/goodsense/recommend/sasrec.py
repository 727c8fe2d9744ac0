"""SASRec: a transformer that reads from left to right over what somebody took (Kang and McAuley, ICDM 2018).

It differs from the paper in the loss (cross entropy over all items, not one drawn item), in layers that are normalised
before each half, and in that items may be told by their content.
"""

from __future__ import annotations

from typing import ClassVar

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch
from goodsense.learning.transformer import TransformerLayers
from goodsense.recommend.item_table import Inputs
from goodsense.recommend.sequence_model import SequenceModel


class Sasrec(SequenceModel):
    """Self-attention over the steps of a history.

    Parameters
    ----------
    layers, heads
        Of attention; the heads divide ``dim``.
    inputs, dim, longest, dropout, hide, negatives
        See :class:`~goodsense.recommend.sequence_model.SequenceModel`.
    epochs, batch, rate, decay, patience, device
        See :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "sasrec"

    def __init__(
        self,
        *,
        inputs: Inputs = "both",
        dim: int = 64,
        layers: int = 2,
        heads: int = 2,
        longest: int = 50,
        dropout: float = 0.3,
        hide: float = 0.2,
        negatives: int | None = None,
        epochs: int = 10,
        batch: int = 128,
        rate: float = 4e-3,
        decay: float = 0.01,
        patience: int | None = 3,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            inputs=inputs,
            longest=longest,
            dropout=dropout,
            hide=hide,
            negatives=negatives,
            dim=dim,
            epochs=epochs,
            batch=batch,
            rate=rate,
            decay=decay,
            patience=patience,
            device=device,
        )
        if layers < 1 or heads < 1 or dim % heads:
            raise UsageError(f"{layers} layers with {heads} heads do not fit a dim of {dim}.", fix="Give a divisor.")
        self.layers, self.heads = layers, heads

    def _reader(self) -> nn.Module:
        return SelfAttention(self.dim, self.layers, self.heads, self.dropout, self.longest)


class SelfAttention(nn.Module):  # type: ignore[misc]
    """Steps ``(b, t, d)`` to states ``(b, t, d)``; every step looks at itself and those before it."""

    def __init__(self, dim: int, layers: int, heads: int, dropout: float, longest: int) -> None:
        super().__init__()
        self.layers = TransformerLayers(dim, layers=layers, heads=heads, dropout=dropout, longest=longest)

    def forward(self, vectors: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layers(vectors, there, causal=True)
        return found
