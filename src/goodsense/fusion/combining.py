"""Combining networks: the tokens that a product's blocks have become, to one vector, whatever subset is there.

A token is what a block's tower makes of its row. An absent token influences nothing: it is cleared before a network
sees it, and each network leaves it out of means, maxima, products, shares and states. Networks that weigh the blocks
against one another can say how (``shares``); those whose result is a sum over the blocks, what each adds (``parts``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from goodsense.encoders.options import check_choice
from goodsense.learning.backend import nn, torch

ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "none": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
CELLS = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}


class Combining(nn.Module):  # type: ignore[misc]
    """What all combining networks share: shapes, cleared tokens, zeros for a product without anything.

    Parameters
    ----------
    blocks
        How many there are, ``B``; their order is fixed.
    width
        Length of a token and of the result, ``D``.
    """

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.blocks, self.width = blocks, width

    def forward(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """``tokens (n, B, D), present (n, B) bool -> (n, D)``."""
        combined = self.combine(self.cleared(tokens, present), present)
        assert combined.shape == (len(tokens), self.width), f"combined to {tuple(combined.shape)}"
        return torch.where(present.any(dim=1, keepdim=True), combined, 0)

    def views(self, tokens: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        """The same tokens under each of ``V`` masks ``(n, B)``: ``(V, n, D)``, in one pass."""
        joined = self(tokens.repeat(len(masks), 1, 1), torch.cat(list(masks)))
        return joined.unflatten(0, (len(masks), len(tokens)))

    def shares(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor | None:
        """How much each block counts, ``(n, B)``, 0 where it is absent; None for networks that do not weigh."""
        weighed = self.weigh(self.cleared(tokens, present), present)
        return None if weighed is None else torch.where(present, weighed, 0)

    def parts(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor | None:
        """What each block adds to the result, ``(n, B, D)``; None for networks whose result is no such sum."""
        return self.split(self.cleared(tokens, present), present)

    def combine(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """The network itself, on cleared tokens; rows without anything may be anything finite."""
        parts = self.split(tokens, present)
        assert parts is not None, f"{type(self).__name__} neither combines nor splits"
        return parts.sum(dim=1)

    def split(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor | None:
        """What each block adds, ``(n, B, D)``, zeros where it is absent; None where the result is no sum of blocks."""
        return None

    def weigh(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor | None:
        """Shares on cleared tokens, where the network has any."""
        return None

    def cleared(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Tokens with zeros for the absent ones."""
        expected = (len(tokens), self.blocks, self.width)
        assert tokens.shape == expected, f"tokens are {tuple(tokens.shape)}; expected {expected}"
        assert present.shape == expected[:2], f"present is {tuple(present.shape)}; expected {expected[:2]}"
        assert present.dtype == torch.bool, f"present is {present.dtype}; expected bool"
        return torch.where(present[:, :, None], tokens, 0)


def masked_softmax(scores: torch.Tensor, present: torch.Tensor, dim: int) -> torch.Tensor:
    """Softmax over what is present; zeros elsewhere, and everywhere where nothing is. Gradients stay finite."""
    lowest = torch.finfo(scores.dtype).min
    return torch.where(present, torch.softmax(scores.masked_fill(~present, lowest), dim=dim), 0)


def equal_shares(tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """One over how many are present, ``(n, B)``; zeros for the absent, and where there is nothing."""
    there = present.to(tokens.dtype)
    return there / there.sum(dim=1, keepdim=True).clamp_min(1)


def masked_mean(values: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Mean of what is present: ``(n, B, anything), (n, B) -> (n, anything)``; zeros where there is nothing."""
    return torch.einsum("nb,nbd->nd", equal_shares(values, present), values)


class Sum(Combining):
    """A sum of tokens, each through a feature map (``activation``) first, by weights that no token changes."""

    def __init__(self, blocks: int, width: int, *, activation: str = "none") -> None:
        super().__init__(blocks, width)
        check_choice(ACTIVATIONS, activation=activation)
        self.activation = ACTIVATIONS[activation]

    def split(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return self.weighed(tokens, present)[:, :, None] * self.activation(tokens)

    def weigh(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return self.weighed(tokens, present)

    def views(self, tokens: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        """As of every combining network, without a copy of the tokens for every mask."""
        there = torch.stack(list(masks))  # (V, n, B)
        shares = self.weighed(tokens, there.flatten(0, 1)).unflatten(0, there.shape[:2])
        made = self.activation(self.cleared(tokens, there.any(dim=0)))
        return torch.bmm(shares.transpose(0, 1), made).transpose(0, 1)

    def weighed(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Weights ``(m, B)`` of sum 1 for masks ``(m, B)``, in the precision of the tokens; 0 where absent."""
        raise NotImplementedError


class Mean(Sum):
    """Mean of the present tokens, each through a feature map (``activation``) first."""

    def weighed(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return equal_shares(tokens, present)


class Maximum(Combining):
    """Largest value of the present tokens in every dimension."""

    def combine(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return tokens.masked_fill(~present[:, :, None], torch.finfo(tokens.dtype).min).amax(dim=1)


class WeightedSum(Sum):
    """Sum of the present tokens, each through a feature map first, with one learned weight per block.

    The weights are a softmax over the blocks that are present, so they are above 0 and sum to 1 for every product.
    """

    def __init__(self, blocks: int, width: int, *, activation: str = "none") -> None:
        super().__init__(blocks, width, activation=activation)
        self.scores = nn.Parameter(torch.zeros(blocks))

    def weighed(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return masked_softmax(self.scores.to(tokens.dtype).expand(present.shape), present, dim=1)


class Middle(Combining):
    """Middle fusion (Ngiam & others, ICML 2011): all tokens side by side, and which are there, through two layers.

    Each block has been projected by its own tower before; ``hidden`` is the width of the layer where they meet.
    """

    def __init__(self, blocks: int, width: int, *, hidden: int | None = None) -> None:
        super().__init__(blocks, width)
        between = hidden or 2 * width
        self.layers = nn.Sequential(
            nn.Linear(blocks * (width + 1), between), nn.GELU(), nn.LayerNorm(between), nn.Linear(between, width)
        )

    def combine(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return self.layers(side_by_side(tokens, present))


def side_by_side(tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Tokens of a product in one row, and after them which are there: ``(n, B * D + B)``."""
    return torch.cat([tokens.flatten(1), present.to(tokens.dtype)], dim=1)


class Recurrent(Combining):
    """A recurrent network over the blocks in their order; absent ones are no step, the state stays as it was.

    Hochreiter & Schmidhuber (Neural Computation 1997) for ``lstm``, Cho & others (EMNLP 2014) for ``gru``. A learned
    vector per block tells the network which one it reads.
    """

    def __init__(self, blocks: int, width: int, *, cell: str = "gru") -> None:
        super().__init__(blocks, width)
        check_choice(CELLS, cell=cell)
        self.cell = CELLS[cell](width, width)
        self.names = nn.Parameter(0.02 * torch.randn(blocks, width))
        self.out = nn.Linear(width, width)

    def combine(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        states = self._begin(tokens)
        for block, token in enumerate((tokens + self.names).unbind(dim=1)):
            there = present[:, block, None]  # (n, 1)
            after = self._step(token, states)
            states = tuple(torch.where(there, new, old) for new, old in zip(after, states, strict=True))
        return self.out(states[0])

    def _begin(self, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        zero = torch.zeros_like(tokens[:, 0])
        return (zero, zero) if isinstance(self.cell, nn.LSTMCell) else (zero,)

    def _step(self, token: torch.Tensor, states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return self.cell(token, states) if len(states) == 2 else (self.cell(token, states[0]),)


class Product(Combining):
    """Hadamard product of the blocks' activated projections, projected once more (Kim & others, ICLR 2017).

    An absent block is a factor of 1.
    """

    def __init__(self, blocks: int, width: int, *, activation: str = "sigmoid") -> None:
        super().__init__(blocks, width)
        check_choice(ACTIVATIONS, activation=activation)
        self.activation = ACTIVATIONS[activation]
        self.projections = nn.ModuleList([nn.Linear(width, width) for _ in range(blocks)])
        self.out = nn.Linear(width, width)

    def combine(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        product = torch.ones_like(tokens[:, 0])
        for block, projection in enumerate(self.projections):
            factor = self.activation(projection(tokens[:, block]))
            product = product * torch.where(present[:, block, None], factor, 1)
        return self.out(product)
