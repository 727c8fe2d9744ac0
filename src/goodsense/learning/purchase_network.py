"""Networks that read what somebody bought, and say how likely one more product is bought."""

from __future__ import annotations

from typing import Any

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch
from goodsense.learning.transformer import TransformerLayers

NETWORKS = ("transformer", "gru", "lstm")


class PurchaseNetwork(nn.Module):  # type: ignore[misc]
    """Vectors of past products and of a candidate to one logit.

    ``transformer`` puts the candidate before the history, and reads its state after the last layer (Chen et al.,
    "Behavior Sequence Transformer for E-commerce Recommendation in Alibaba", DLP-KDD 2019). ``gru`` and ``lstm`` read
    the history from the oldest on, and their last state stands beside the candidate (Hidasi et al., "Session-based
    Recommendations with Recurrent Neural Networks", ICLR 2016). A past product comes with its entry by entry product
    with the candidate, so that likeness need not be found by layers (after Zhou et al., "Deep Interest Network for
    Click-Through Rate Prediction", KDD 2018).

    Parameters
    ----------
    dim
        Columns of the products' vectors.
    network
        A name in ``NETWORKS``.
    width, layers, heads
        Columns of the states, layers, and heads of attention.
    dropout
        Share of what layers give that is left out while training.
    longest
        Products of the longest history.
    """

    def __init__(
        self,
        dim: int,
        *,
        network: str = "transformer",
        width: int = 512,
        layers: int = 12,
        heads: int = 8,
        dropout: float = 0.1,
        longest: int = 20,
    ) -> None:
        super().__init__()
        if network not in NETWORKS:
            raise UsageError(f"there is no network {network!r} over purchases; there are {', '.join(NETWORKS)}.")
        self.inputs, self.against = nn.Linear(dim, width), nn.Linear(dim, width, bias=False)
        self.asked = nn.Parameter(torch.zeros(width))  # what tells the candidate from the history
        if network == "transformer":
            self.reader: Any = _Attending(width, layers=layers, heads=heads, dropout=dropout, longest=longest)
        else:
            self.reader = _Recurrent(network, width, layers=layers, dropout=dropout)
        self.told = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, history: torch.Tensor, there: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """History ``(n, h, d)``, latest first, where it is there ``(n, h)``, and candidates ``(n, d)`` to ``(n,)``."""
        assert history.ndim == 3, f"history is {tuple(history.shape)}; expected (n, h, d)"
        assert there.shape == history.shape[:2], f"there is {tuple(there.shape)}; expected {tuple(history.shape[:2])}"
        assert candidates.shape == (len(history), history.shape[2]), f"candidates are {tuple(candidates.shape)}"
        past = self.inputs(history) + self.against(history * candidates[:, None])
        state = self.reader(past, there, self.inputs(candidates) + self.asked)
        found: torch.Tensor = self.told(state)[:, 0]
        return found


class _Attending(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, *, layers: int, heads: int, dropout: float, longest: int) -> None:
        super().__init__()
        self.layers = TransformerLayers(width, layers=layers, heads=heads, dropout=dropout, longest=longest + 1)

    def forward(self, history: torch.Tensor, there: torch.Tensor, candidates: torch.Tensor) -> Any:
        tokens = torch.cat([candidates[:, None], history], dim=1)  # (n, 1 + h, width)
        always = torch.ones_like(there[:, :1]) if there.shape[1] else there.new_ones((len(there), 1))
        return self.layers(tokens, torch.cat([always, there], dim=1))[:, 0]


class _Recurrent(nn.Module):  # type: ignore[misc]
    def __init__(self, cell: str, width: int, *, layers: int, dropout: float) -> None:
        super().__init__()
        kind = nn.GRU if cell == "gru" else nn.LSTM
        self.reading = kind(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.compared = nn.Linear(2 * width, width)

    def forward(self, history: torch.Tensor, there: torch.Tensor, candidates: torch.Tensor) -> Any:
        lengths = there.sum(dim=1)
        if history.shape[1]:
            back = (lengths[:, None] - 1 - torch.arange(history.shape[1], device=there.device)).clamp_min(0)
            oldest_first = history.gather(1, back[:, :, None].expand_as(history))
            states = self.reading(oldest_first)[0]  # states after the last product are never looked at
            place = (lengths - 1).clamp_min(0)[:, None, None].expand(-1, 1, states.shape[2])
            last = torch.where(lengths[:, None] > 0, states.gather(1, place)[:, 0], 0.0)
        else:
            last = torch.zeros_like(candidates)
        return self.compared(torch.cat([last, candidates], dim=1))
