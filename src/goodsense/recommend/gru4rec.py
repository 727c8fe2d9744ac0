"""GRU4Rec: a gated recurrent network over what somebody took (Hidasi et al., ICLR 2016; Hidasi and Karatzoglou, CIKM
2018).

As in the second paper, items are scored by the vectors that embed them, and many are told apart at every step; here by
cross entropy, over whole histories and not over visits alone.
"""

from __future__ import annotations

from typing import ClassVar

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch
from goodsense.recommend.item_table import Inputs
from goodsense.recommend.sequence_model import SequenceModel


class Gru4Rec(SequenceModel):
    """A recurrent state that every step of a history changes.

    Parameters
    ----------
    layers
        Recurrent layers, one over another.
    hidden
        Width of the state.
    inputs, dim, longest, dropout, hide, negatives
        See :class:`~goodsense.recommend.sequence_model.SequenceModel`.
    epochs, batch, rate, decay, patience, device
        See :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "gru4rec"

    def __init__(
        self,
        *,
        inputs: Inputs = "both",
        dim: int = 64,
        layers: int = 1,
        hidden: int = 128,
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
        if layers < 1 or hidden < 1:
            raise UsageError(f"{layers} layers of width {hidden} are none.", fix="Give whole numbers from 1 up.")
        self.layers, self.hidden = layers, hidden

    def _reader(self) -> nn.Module:
        return Recurrent(self.dim, self.hidden, self.layers, self.dropout)


class Recurrent(nn.Module):  # type: ignore[misc]
    """Steps ``(b, t, d)`` to states ``(b, t, d)``; padding stands behind, where no step sees it."""

    def __init__(self, dim: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.reading = nn.GRU(dim, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.say = nn.Linear(hidden, dim)

    def forward(self, vectors: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        states, _ = self.reading(self.dropout(vectors))
        return torch.where(there[:, :, None], self.say(self.dropout(states)), 0.0)
