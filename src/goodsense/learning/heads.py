"""Several fields of labels at once: one linear head per field, and the cross entropy over those that are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch

UNKNOWN = -1  # the class of a row without a label
SMOOTHING = 0.1  # of the labels: some of a shop's are wrong
_LEAST = 1e-6


class Heads(nn.Module):  # type: ignore[misc]
    """One linear head per field on shared features (Caruana, "Multitask Learning", Machine Learning, 1997).

    Parameters
    ----------
    dim
        Length of the features.
    sizes
        Field -> number of classes; without any field there is nothing to learn, and the loss is 0.
    dropout
        Share of the features left out while training.
    """

    def __init__(self, dim: int, sizes: Mapping[str, int], *, dropout: float = 0.0) -> None:
        super().__init__()
        for name, size in sizes.items():
            if size < 2:
                raise UsageError(f"the field {name!r} has {size} classes; expected at least 2.", fix="Leave it out.")
        self.fields = tuple(sorted(sizes))  # names may hold dots, so the heads have places, not names
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList([nn.Linear(dim, sizes[name]) for name in self.fields])

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features ``(n, dim)`` to logits ``(n, classes)`` by field, fields in sorted order."""
        assert features.ndim == 2, f"features are {tuple(features.shape)}; expected (n, d)"
        kept = self.dropout(features.float())
        return {name: head(kept) for name, head in zip(self.fields, self.heads, strict=True)}


def label_loss(
    logits: Mapping[str, torch.Tensor],
    codes: Mapping[str, torch.Tensor],
    *,
    class_weights: Mapping[str, torch.Tensor] | None = None,
    field_weights: Mapping[str, float] | None = None,
    smoothing: float = SMOOTHING,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross entropy, the weighted mean over the fields of which the batch knows at least one label.

    Parameters
    ----------
    logits
        Field -> ``(n, classes)``.
    codes
        Field -> classes ``(n,)``; -1 where a row has none.
    class_weights
        Field -> ``(classes,)``; fields without any count all classes alike.
    field_weights
        Field -> weight from 0 up; 1 where none is given.
    smoothing
        Share of every label that is spread over all classes (Szegedy et al., CVPR 2016).
    weights
        ``(n,)`` from 0 up: how much each row counts.
    """
    terms = field_losses(logits, codes, class_weights=class_weights, smoothing=smoothing, weights=weights)
    if not terms:
        return torch.zeros((), requires_grad=True)
    parts, shares = [], []
    for name, term in terms.items():
        known = _row_weights(codes[name], weights, term.dtype).sum() > 0
        shares.append(known * float((field_weights or {}).get(name, 1.0)))
        parts.append(term)
    share = torch.stack(shares).to(parts[0].dtype)  # (fields,)
    return (torch.stack(parts) * share).sum() / share.sum().clamp_min(_LEAST)


def field_losses(
    logits: Mapping[str, torch.Tensor],
    codes: Mapping[str, torch.Tensor],
    *,
    class_weights: Mapping[str, torch.Tensor] | None = None,
    smoothing: float = SMOOTHING,
    weights: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """The cross entropy of every field, a scalar each, 0 where the batch knows no label of it.

    Parameters are those of :func:`label_loss`.
    """
    assert set(logits) == set(codes), f"logits are of {sorted(logits)}, labels of {sorted(codes)}; expected the same"
    given = class_weights or {}
    return {
        name: cross_entropy(scores, codes[name], class_weights=given.get(name), smoothing=smoothing, weights=weights)
        for name, scores in logits.items()
    }


def cross_entropy(
    logits: torch.Tensor,
    codes: torch.Tensor,
    *,
    class_weights: torch.Tensor | None = None,
    smoothing: float = SMOOTHING,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Of one field ``(n, classes)`` with classes ``(n,)``: the mean over known rows, weighted by row and by class.

    Unknown rows (-1) count for nothing; without any known row the loss is 0, not NaN.
    """
    assert logits.ndim == 2, f"logits are {tuple(logits.shape)}; expected (n, classes)"
    assert codes.shape == (len(logits),), f"labels are {tuple(codes.shape)}; expected ({len(logits)},)"
    scores = logits if logits.dtype == torch.float64 else logits.float()
    by_class = None
    if class_weights is not None:
        assert class_weights.shape == scores.shape[1:], (
            f"class weights are {tuple(class_weights.shape)}; expected {tuple(scores.shape[1:])}"
        )
        by_class = class_weights.to(scores)
    per_row = nn.functional.cross_entropy(
        scores, codes, weight=by_class, ignore_index=UNKNOWN, label_smoothing=smoothing, reduction="none"
    )
    counts = _row_weights(codes, weights, scores.dtype)
    mass = counts if by_class is None else counts * by_class[codes.clamp_min(0)]
    return (per_row * counts).sum() / mass.sum().clamp_min(_LEAST)


def balanced_weights(codes: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Weights ``(classes,)`` by which all classes that occur count the same: ``known / (occurring * count)``.

    Unknown rows (-1) are passed over; a class that does not occur weighs 1.
    """
    counts = np.bincount(codes[codes >= 0], minlength=classes)
    if len(counts) > classes:
        raise UsageError(f"labels go up to {len(counts) - 1}; there are {classes} classes.")
    seen = counts > 0
    found = np.where(seen, counts.sum() / (max(1, int(seen.sum())) * np.maximum(counts, 1)), 1.0)
    return found.astype(np.float32)


def _row_weights(codes: torch.Tensor, weights: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor:
    """``(n,)``, 0 where there is no label."""
    known = (codes != UNKNOWN).to(dtype)
    if weights is None:
        return known
    assert weights.shape == codes.shape, f"weights are {tuple(weights.shape)}; expected {tuple(codes.shape)}"
    return known * weights.to(dtype)
