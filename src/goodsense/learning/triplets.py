"""The triplet loss: an anchor is nearer to its positive than to a negative, by a margin.

Schroff et al., FaceNet (CVPR 2015). Rows are compared by their cosine: on unit rows FaceNet's squared distances are
``2 - 2 cos``, so a margin here is half of one there. Who belongs together is told as in
:mod:`goodsense.learning.losses`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

from goodsense.learning.backend import torch
from goodsense.learning.losses import cosines, related

Negatives: TypeAlias = Literal["random", "semi-hard", "hard", "soft"]
_NEVER = 1e9  # beyond all cosines


def triplet(
    a: torch.Tensor,
    b: torch.Tensor | None = None,
    groups: torch.Tensor | None = None,
    *,
    margin: float = 0.2,
    negatives: Negatives = "semi-hard",
    sharpness: float = 10.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """The mean of ``relu(margin + cos(anchor, negative) - cos(anchor, positive))`` over all anchors and positives.

    Parameters
    ----------
    a, b
        ``(n, d)``: two modalities or views of the same products, each row the anchor of the other side's; without
        ``b``, the rows of ``a`` among themselves, no row its own positive.
    groups
        ``(n,)`` whole numbers or ``(n, n)`` bool; rows of one group are positives, all others negatives.
    negatives
        ``hard``: the most alike (Hermans et al., 2017). ``semi-hard``: the most alike of those less alike than the
        positive; where there is none, the least alike (FaceNet). ``random``: any one. ``soft``: all, weighted by the
        softmax of ``sharpness`` times their cosine, taken as given (Sun et al., RotatE, ICLR 2019).
    generator
        Where random negatives are drawn from, on the CPU; None draws from torch's own, which training seeds.

    Notes
    -----
    Anchors without a positive or without a negative count for nothing; where all are so, the loss is 0. Memory grows
    with the pairs of anchors and positives times ``n``: meant for groups that are small beside the batch.
    """
    assert a.ndim == 2, f"rows are {tuple(a.shape)}; expected (n, d)"
    assert a.numel(), f"rows are {tuple(a.shape)}; expected at least one row and one column"
    assert negatives in get_args(Negatives), f"negatives are {negatives!r}; expected one of {get_args(Negatives)}"
    together = related(groups, len(a), a.device)  # (n, n)

    def one_way(scores: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
        anchors, friends = (positives & ~together.all(dim=1, keepdim=True)).nonzero(as_tuple=True)  # (k,) both
        near, far, allowed = scores[anchors, friends], scores[anchors], ~together[anchors]  # (k,), (k, n), (k, n)
        with torch.no_grad():
            shares = _CHOICES[negatives](near, far, allowed, sharpness, generator)  # (k, n), rows sum to 1
        lacking = (torch.relu(margin + far - near[:, None]) * shares).sum()
        return lacking / max(1, len(anchors))

    if b is None:
        own = torch.eye(len(a), dtype=torch.bool, device=a.device)
        return one_way(cosines(a, a), together & ~own)
    assert a.shape == b.shape, f"the two sides are {tuple(a.shape)} and {tuple(b.shape)}; expected one shape (n, d)"
    scores = cosines(a, b)
    return (one_way(scores, together) + one_way(scores.T, together)) / 2


Choice: TypeAlias = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, float, torch.Generator | None],
    torch.Tensor,
]


def _hard(near: object, far: torch.Tensor, allowed: torch.Tensor, *_: object) -> torch.Tensor:
    return _one_hot(far.masked_fill(~allowed, -_NEVER))


def _semi_hard(near: torch.Tensor, far: torch.Tensor, allowed: torch.Tensor, *_: object) -> torch.Tensor:
    fitting = allowed & (far < near[:, None])
    least = _one_hot((-far).masked_fill(~allowed, -_NEVER))
    return torch.where(fitting.any(dim=1, keepdim=True), _one_hot(far.masked_fill(~fitting, -_NEVER)), least)


def _random(
    near: object, far: torch.Tensor, allowed: torch.Tensor, sharpness: object, generator: torch.Generator | None
) -> torch.Tensor:
    keys = torch.rand(far.shape, generator=generator, dtype=torch.float64).to(far.device)
    return _one_hot(keys.masked_fill(~allowed, -1.0)).to(far.dtype)


def _soft(near: object, far: torch.Tensor, allowed: torch.Tensor, sharpness: float, *_: object) -> torch.Tensor:
    return torch.softmax((sharpness * far).masked_fill(~allowed, -_NEVER), dim=1)


def _one_hot(keys: torch.Tensor) -> torch.Tensor:
    """1 at the largest of each row ``(k, n)``, else 0."""
    return torch.zeros_like(keys).scatter_(1, keys.argmax(dim=1, keepdim=True), 1.0)


_CHOICES: dict[str, Choice] = {"random": _random, "semi-hard": _semi_hard, "hard": _hard, "soft": _soft}
