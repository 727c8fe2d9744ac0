"""Items as vectors that learn: a row of a table, a map of their content, or the sum of both."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.learning.backend import nn, torch
from goodsense.recommend.content import Content
from goodsense.types import Vectors

Inputs: TypeAlias = Literal["ids", "content", "both"]
_FAINT = 1e-6  # a block that varies less says nothing


def check_inputs(inputs: str) -> None:
    """Refuse what is no way of making vectors of items.

    Raises
    ------
    UsageError
        If it is none.
    """
    if inputs not in get_args(Inputs):
        raise UsageError(f"inputs are {inputs!r}; expected one of {', '.join(get_args(Inputs))}.")


def content_columns(content: Content) -> Vectors:
    """All blocks side by side, ``(n, f)``: each centred and brought to deviation 1; where one is missing, zeros.

    Deviations are of a block as a whole, so that its faint columns stay faint; a block that does not vary is left out.
    """
    found = [np.empty((len(content), 0), np.float32)]
    for _, block in sorted(content.blocks.items()):
        if not block.present.any():
            continue
        rows = block.vectors - block.vectors[block.present].mean(axis=0)
        rows[~block.present] = 0.0
        deviation = float(np.sqrt(np.mean(rows[block.present].astype(np.float64) ** 2)))
        if deviation > _FAINT:
            found.append((rows / deviation).astype(np.float32))
    return np.hstack(found)


class ItemTable(nn.Module):  # type: ignore[misc]
    """Rows of items to vectors ``(u, d)``.

    With both, some rows of the table are hidden in training, so that content learns to stand for them (Volkovs et al.,
    "DropoutNet", NIPS 2017). An item that nobody touched has no row of the table: it is its content.

    Parameters
    ----------
    touched
        ``(n,)``: items that have a row of the table.
    content
        ``(n, f)``; without any column, there is only the table.
    inputs
        What vectors are made of.
    dim
        Their length.
    hide
        Share of the table's rows that are hidden.

    Raises
    ------
    DataError
        If vectors are to be made of content alone and there is none.
    """

    def __init__(self, touched: NDArray[np.bool_], content: Vectors, *, inputs: Inputs, dim: int, hide: float) -> None:
        super().__init__()
        if inputs == "content" and not content.shape[1]:
            raise DataError("items cannot be told by content: no block of it has anything to tell.", fix="Use ids.")
        told = inputs != "ids" and content.shape[1] > 0
        self.hide = hide if told else 0.0
        self.count = len(touched)
        self.table = None if inputs == "content" else nn.Embedding(len(touched), dim)
        self.project = projection(content.shape[1], dim) if told else None
        self.register_buffer("touched", torch.from_numpy(touched.astype(np.float32)), persistent=False)
        self.register_buffer("content", torch.from_numpy(content) if told else None, persistent=False)
        if self.table is not None:
            nn.init.normal_(self.table.weight, std=dim**-0.5)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """``(u,) -> (u, d)``."""
        parts = []
        if self.table is not None:
            known = self.touched[rows]
            if self.training and self.hide:
                known = known * (torch.rand_like(known) >= self.hide)
            parts.append(self.table(rows) * known[:, None])
        if self.project is not None:
            parts.append(self.project(self.content[rows]))
        return torch.stack(parts).sum(dim=0)

    def blind(self) -> torch.Tensor:
        """Items of which nothing is known, ``(n,)`` bool: nobody touched them, and content does not count."""
        return (self.touched == 0) if self.project is None else torch.zeros_like(self.touched, dtype=torch.bool)


def projection(columns: int, dim: int) -> nn.Module:
    """Content ``(u, f)`` to vectors ``(u, d)`` of about unit length."""
    made = nn.Sequential(nn.Linear(columns, 2 * dim), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * dim, dim))
    with torch.no_grad():
        nn.init.xavier_normal_(made[0].weight)
        nn.init.normal_(made[3].weight, std=dim**-1.0)
    return made
