"""A small transformer over tokens: layers that read both ways or from left to right, and one that reads and writes.

Vaswani et al., "Attention Is All You Need" (NeurIPS 2017), normalised before each half of a layer (Xiong et al., ICML
2020). Words that are told are scored by the table that embeds them (Press and Wolf, EACL 2017).
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias, get_args

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch

Positions: TypeAlias = Literal["learned", "sinusoidal"]
_PLACED = 0.5  # how far positions that are learned begin apart, beside words at 1; GPT-2 has this proportion


class Attention(nn.Module):  # type: ignore[misc]
    """Multi-head attention of ``(n, t, d)`` to itself, or to a memory ``(n, s, d)``."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if heads < 1 or width < 1 or width % heads:
            raise UsageError(f"{heads} heads of attention do not divide a width of {width}.", fix="Give a divisor.")
        self.heads, self.dropout = heads, dropout
        self.queries, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)

    def forward(self, states: torch.Tensor, seen: torch.Tensor, memory: torch.Tensor | None = None) -> torch.Tensor:
        """``seen`` ``(n, t, s)`` bool says which of the ``s`` tokens each of the ``t`` looks at: at least one."""
        keys, values = self.keys_values(states if memory is None else memory).chunk(2, dim=2)
        queries, keys, values = (self._split(part) for part in (self.queries(states), keys, values))
        dropout = self.dropout if self.training else 0.0
        found = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=seen[:, None], dropout_p=dropout
        )
        return self.out(found.transpose(1, 2).flatten(2))

    def _split(self, part: torch.Tensor) -> torch.Tensor:
        """``(n, t, d) -> (n, heads, t, d / heads)``."""
        return part.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):  # type: ignore[misc]
    """Attention, attention to a memory if ``crossed``, and two dense layers; each of them adds to the states."""

    def __init__(self, width: int, heads: int, dropout: float, *, crossed: bool = False) -> None:
        super().__init__()
        self.attention, self.before = Attention(width, heads, dropout), nn.LayerNorm(width)
        self.crossing = Attention(width, heads, dropout) if crossed else None
        self.before_crossing = nn.LayerNorm(width) if crossed else nn.Identity()
        self.dense = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        states: torch.Tensor,
        seen: torch.Tensor,
        memory: torch.Tensor | None = None,
        memory_seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        states = states + self.dropout(self.attention(self.before(states), seen))
        if self.crossing is not None:
            states = states + self.dropout(self.crossing(self.before_crossing(states), memory_seen, memory))
        return states + self.dropout(self.dense(states))


class TransformerLayers(nn.Module):  # type: ignore[misc]
    """Layers over vectors of tokens, their positions added.

    Parameters
    ----------
    width, layers, heads
        Columns of the states, layers, and heads of attention, which divide the width.
    dropout
        Share of what each layer adds that is left out while training.
    positions
        ``learned``: a table. ``sinusoidal``: waves, for any length, with nothing to learn.
    longest
        Tokens of the longest text.
    crossed
        Layers also look at a memory: those of a writer, at what was read.
    """

    def __init__(
        self,
        width: int,
        *,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        positions: Positions = "learned",
        longest: int = 128,
        crossed: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1 or longest < 1:
            raise UsageError(f"layers and longest are {layers} and {longest}; expected whole numbers from 1 up.")
        if positions not in get_args(Positions):
            raise UsageError(f"positions are {positions!r}; expected {' or '.join(get_args(Positions))}.")
        self.longest = longest
        if positions == "learned":
            self.positions = nn.Parameter(_PLACED * torch.randn(longest, width))
        else:
            self.register_buffer("positions", sinusoids(longest, width), persistent=False)
        self.layers = nn.ModuleList([Layer(width, heads, dropout, crossed=crossed) for _ in range(layers)])
        self.last = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        vectors: torch.Tensor,
        there: torch.Tensor,
        *,
        causal: bool = False,
        memory: torch.Tensor | None = None,
        memory_there: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Vectors ``(n, t, d)`` of tokens, and where there is one ``(n, t)`` bool, to states ``(n, t, d)``.

        With ``causal``, a token sees itself and those before it. Where there is no token the states are zero, and what
        stands there has no influence. ``memory`` is ``(n, s, d)`` with ``memory_there`` ``(n, s)``, at least one a row.
        """
        _check_tokens(vectors, there, self.longest)
        states = self.dropout(torch.where(there[:, :, None], vectors, 0.0) + self.positions[: vectors.shape[1]])
        seen = looks(there, causal=causal)
        beside = None if memory_there is None else memory_there[:, None, :].expand(-1, there.shape[1], -1)
        for layer in self.layers:
            states = layer(states, seen, memory, beside)
        return torch.where(there[:, :, None], self.last(states), 0.0)


class TokenTransformer(nn.Module):  # type: ignore[misc]
    """Numbers of tokens to states, and states to what word each place holds (BERT and GPT types, by ``causal``).

    Parameters
    ----------
    vocabulary
        Numbers that there are.
    width
        Columns of the states.
    options
        Those of :class:`TransformerLayers`.
    """

    def __init__(self, vocabulary: int, *, width: int = 64, **options: Any) -> None:
        super().__init__()
        self.table = _table(vocabulary, width)
        self.segments = _table(2, width)  # which of two sentences a token is of
        self.layers = TransformerLayers(width, **options)
        self.told = Told(width, vocabulary)
        self.follows = nn.Linear(width, 2)  # whether the second sentence follows the first

    def forward(
        self, ids: torch.Tensor, there: torch.Tensor, *, causal: bool = False, segments: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Numbers, where there is a token (bool) and its sentence (0 or 1), each ``(n, t)``, to ``(n, t, d)``."""
        vectors = _embedded(self.table, ids)
        if segments is not None:
            vectors = vectors + _embedded(self.segments, segments)
        found: torch.Tensor = self.layers(vectors, there, causal=causal)
        return found

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """``(m, d) -> (m, vocabulary)``."""
        found: torch.Tensor = self.told(states, self.table.weight)
        return found


class WritingTransformer(nn.Module):  # type: ignore[misc]
    """Reads a text both ways and writes an answer from left to right (the T5 type).

    Parameters are those of :class:`TokenTransformer`.
    """

    def __init__(self, vocabulary: int, *, width: int = 64, **options: Any) -> None:
        super().__init__()
        self.table = _table(vocabulary, width)
        self.reader = TransformerLayers(width, **options)
        self.writer = TransformerLayers(width, **options, crossed=True)
        self.told = Told(width, vocabulary)

    def forward(
        self, ids: torch.Tensor, there: torch.Tensor, written: torch.Tensor, written_there: torch.Tensor
    ) -> torch.Tensor:
        """A text ``(n, t)`` and what is written so far ``(n, s)``, to states ``(n, s, d)`` that tell what is next."""
        memory = self.reader(_embedded(self.table, ids), there)
        vectors = _embedded(self.table, written)
        found: torch.Tensor = self.writer(vectors, written_there, causal=True, memory=memory, memory_there=there)
        return found

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """``(m, d) -> (m, vocabulary)``."""
        found: torch.Tensor = self.told(states, self.table.weight)
        return found


class Told(nn.Module):  # type: ignore[misc]
    """States ``(m, d)`` to scores of words ``(m, v)``: a dense layer, and the inner product with the words' vectors.

    ``words`` is the size of the vocabulary where each word has a bias; None where words come and go. The words' vectors
    have ``table_width`` columns; None: as many as the states.
    """

    def __init__(self, width: int, words: int | None, *, table_width: int | None = None) -> None:
        super().__init__()
        inner = width if table_width is None else table_width
        self.dense = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.LayerNorm(inner))
        self.bias = None if words is None else nn.Parameter(torch.zeros(words))

    def forward(self, states: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """``vectors`` are ``(v, table_width)``."""
        assert states.ndim == 2, f"states are {tuple(states.shape)}; expected (m, d)"
        scores = self.dense(states) @ vectors.T
        return scores if self.bias is None else scores + self.bias


def looks(there: torch.Tensor, *, causal: bool = False) -> torch.Tensor:
    """Which tokens each token sees, ``(n, t) -> (n, t, t)``: those that are there; never later ones if ``causal``.

    Every place sees itself, also where there is no token: a softmax over nothing is no number.
    """
    length = there.shape[1]
    own = torch.eye(length, dtype=torch.bool, device=there.device)
    seen = there[:, None, :].expand(-1, length, -1)
    if causal:
        seen = seen & torch.ones_like(own).tril()
    return seen | own


def sinusoids(longest: int, width: int) -> torch.Tensor:
    """Vaswani et al.'s positions ``(longest, width)``: a sine and a cosine of each of ``width / 2`` wavelengths."""
    rates = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2) / width)  # (ceil(width / 2),)
    angles = torch.arange(longest)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]


def _table(rows: int, width: int) -> Any:
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=width**-0.5)  # so that states score words by about 1
    return table


def _embedded(table: Any, ids: torch.Tensor) -> torch.Tensor:
    """``(n, t) -> (n, t, d)``, of about unit size per column."""
    found: torch.Tensor = table(ids) * table.embedding_dim**0.5
    return found


def _check_tokens(vectors: torch.Tensor, there: torch.Tensor, longest: int) -> None:
    assert vectors.ndim == 3, f"vectors are {tuple(vectors.shape)}; expected (n, t, d)"
    assert there.shape == vectors.shape[:2], f"there is {tuple(there.shape)}; expected {tuple(vectors.shape[:2])}"
    assert there.dtype == torch.bool, f"there is {there.dtype}; expected bool"
    assert vectors.shape[1] <= longest, f"texts have {vectors.shape[1]} tokens; expected at most {longest}"
