"""Convolutions over what somebody took: Caser (Tang and Wang, WSDM 2018) and NextItNet (Yuan et al., WSDM 2019).

Caser's vector of the user is left out: histories of anybody are answered, and no user is part of the model.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias, get_args

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch
from goodsense.recommend.item_table import Inputs
from goodsense.recommend.sequence_model import SequenceModel

Shape: TypeAlias = Literal["nextitnet", "caser"]


class Convolution(SequenceModel):
    """A convolutional network over the steps of a history.

    Parameters
    ----------
    shape
        ``nextitnet``: dilated convolutions that never look ahead, in blocks that add to what they are given.
        ``caser``: filters over the last ``window`` steps, across and along the columns of their vectors.
    window
        Of ``caser``: steps that are looked at.
    filters
        Of ``caser``: filters across, for each height from 1 to ``window``; a quarter as many along.
    dilations
        Of ``nextitnet``: how far apart the three steps are that each convolution looks at; two make a block.
    inputs, dim, longest, dropout, hide, negatives
        See :class:`~goodsense.recommend.sequence_model.SequenceModel`.
    epochs, batch, rate, decay, patience, device
        See :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "cnn"

    def __init__(
        self,
        *,
        shape: Shape = "nextitnet",
        inputs: Inputs = "both",
        dim: int = 64,
        window: int = 5,
        filters: int = 16,
        dilations: tuple[int, ...] | list[int] = (1, 2, 4, 8),
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
        if shape not in get_args(Shape):
            raise UsageError(f"the shape is {shape!r}; expected {' or '.join(get_args(Shape))}.")
        if window < 1 or filters < 1 or not dilations or len(dilations) % 2 or min(dilations) < 1:
            raise UsageError(
                f"window {window}, filters {filters} and dilations {list(dilations)} make no sense.",
                fix="Give whole numbers from 1 up, and dilations in pairs.",
            )
        self.shape, self.window, self.filters, self.dilations = shape, window, filters, list(dilations)

    def _reader(self) -> nn.Module:
        if self.shape == "caser":
            return Caser(self.dim, self.window, self.filters, self.dropout)
        return NextItNet(self.dim, self.dilations, self.dropout)


class Caser(nn.Module):  # type: ignore[misc]
    """Steps ``(b, t, d)`` to states ``(b, t, d)`` by filters over the ``window`` steps up to each."""

    def __init__(self, dim: int, window: int, filters: int, dropout: float) -> None:
        super().__init__()
        self.window, along = window, max(1, filters // 4)
        self.across = nn.ModuleList([nn.Conv1d(dim, filters, height) for height in range(1, window + 1)])
        self.along = nn.Linear(window, along)
        self.say = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(window * filters + along * dim, 2 * dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(2 * dim, dim),
        )

    def forward(self, vectors: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        before = nn.functional.pad(vectors, (0, 0, self.window - 1, 0))  # zeros before the first step
        windows = before.unfold(1, self.window, 1)[there]  # (m, d, window)
        across = [torch.relu(own(windows)).amax(dim=2) for own in self.across]  # each (m, filters)
        said = self.say(torch.cat([*across, self.along(windows).flatten(1)], dim=1))  # (m, d)
        found = said.new_zeros(vectors.shape)
        found[there] = said
        return found


class NextItNet(nn.Module):  # type: ignore[misc]
    """Steps ``(b, t, d)`` to states ``(b, t, d)`` by blocks of two dilated convolutions each."""

    def __init__(self, dim: int, dilations: list[int], dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([Block(dim, *pair) for pair in zip(dilations[::2], dilations[1::2], strict=True)])
        self.say = nn.Linear(dim, dim)

    def forward(self, vectors: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        states = self.dropout(vectors)
        for block in self.blocks:
            states = states + self.dropout(block(states))
        return torch.where(there[:, :, None], self.say(self.dropout(states)), 0.0)


class Block(nn.Module):  # type: ignore[misc]
    """Two convolutions of three steps, ``(b, t, d)`` to the same; neither sees a later step."""

    def __init__(self, dim: int, first: int, second: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv1d(dim, dim, 3, dilation=far) for far in (first, second)])
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.back = (2 * first, 2 * second)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        for convolution, norm, back in zip(self.convolutions, self.norms, self.back, strict=True):
            earlier = nn.functional.pad(states.transpose(1, 2), (back, 0))  # (b, d, back + t)
            states = torch.relu(norm(convolution(earlier).transpose(1, 2)))
        return states
