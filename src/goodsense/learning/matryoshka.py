"""Nested dimensions: the first columns of a vector are a good vector themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from goodsense.errors import UsageError
from goodsense.learning.backend import torch

DIMS = (64, 128, 256)


def matryoshka(
    loss: Callable[..., torch.Tensor],
    rows: Sequence[torch.Tensor],
    *,
    dims: Sequence[int] = DIMS,
    weights: Sequence[float] | None = None,
) -> torch.Tensor:
    """The weighted mean of ``loss(*rows)`` on the first columns of all rows, one term per number of columns.

    Kusupati et al., "Matryoshka Representation Learning" (NeurIPS 2022). Vectors trained so may be cut to any of
    ``dims``, and to lengths between them at some loss.

    Parameters
    ----------
    loss
        As many tensors as ``rows`` to a scalar; it brings cut rows to unit length itself, as those of
        :mod:`goodsense.learning.losses` do.
    rows
        Tensors ``(n, d)`` of one width.
    dims
        Ascending, the last at most ``d``.
    weights
        One per number of columns, from 0 up; None takes all alike.

    Raises
    ------
    UsageError
        If the dimensions do not ascend or the weights are no weights.
    """
    chosen, shares = checked_dims(dims), _shares(weights, len(dims))
    assert len(rows), "there are no rows; expected at least one tensor (n, d)"
    width = rows[0].shape[-1]
    for own in rows:
        assert own.ndim == 2, f"rows are {tuple(own.shape)}; expected (n, d)"
        assert own.shape[1] == width, f"rows have {own.shape[1]} columns and {width}; expected one width"
    assert chosen[-1] <= width, f"rows have {width} columns; expected at least {chosen[-1]}, the last of {chosen}"
    terms = [loss(*(own[:, :dim] for own in rows)) for dim in chosen]
    for term in terms:
        assert term.ndim == 0, f"a loss must be a scalar; found {tuple(term.shape)}"
    total: torch.Tensor = sum(share * term for share, term in zip(shares, terms, strict=True))
    return total


def checked_dims(dims: Sequence[int]) -> tuple[int, ...]:
    """Whole numbers that ascend from 1 up, or a usage error."""
    given = tuple(int(dim) for dim in dims)
    ascend = all(one < other for one, other in pairwise(given))
    if not given or given[0] < 1 or not ascend or given != tuple(dims):
        raise UsageError(
            f"nested dimensions are {list(dims)}; expected whole numbers that ascend, such as 64, 128, 256."
        )
    return given


def dims_within(width: int, dims: Sequence[int] = DIMS) -> tuple[int, ...]:
    """Those of ``dims`` below ``width``, and ``width`` itself: what vectors of this width can be nested to."""
    return checked_dims([*(dim for dim in checked_dims(dims) if dim < width), width])


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    given = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if len(given) != count or not all(weight >= 0 for weight in given) or not 0 < sum(given) < float("inf"):
        raise UsageError(
            f"{count} nested dimensions have the weights {given}; expected one each, from 0 up, not all 0."
        )
    return [weight / sum(given) for weight in given]
