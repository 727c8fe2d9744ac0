"""Contrastive losses: rows of one group are near, all others far.

Every loss takes tensors and gives a scalar. Rows are compared by their cosine, brought to unit length here; in
half precision they are compared in float32, also under autocast. Who belongs together is told by ``groups``: whole
numbers ``(n,)``, or ``(n, n)`` bool where the relation is no partition; left out, every row is a group of its own. Rows
of one group are never each other's negatives. A batch that has nothing to tell apart gives a finite loss.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from goodsense.learning.backend import nn, torch

Same: TypeAlias = Literal["positive", "ignored"]
MASKED = -1e9  # a score that no softmax sees; infinity would have no gradient where a whole row is masked
_LEAST = 1e-12


def info_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    groups: torch.Tensor | None = None,
    *,
    temperature: float | torch.Tensor = 0.07,
    same: Same = "positive",
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """InfoNCE across modalities, both ways: row ``i`` of each side finds row ``i`` of the other among all rows.

    van den Oord et al., "Representation Learning with Contrastive Predictive Coding" (2018); symmetric as in Radford et
    al., CLIP (ICML 2021); with several positives after Khosla et al. (NeurIPS 2020, the sum outside the logarithm).

    Parameters
    ----------
    a, b
        ``(n, d)``: two modalities of the same products.
    groups
        Whole numbers ``(n,)``, or ``(n, n)`` bool.
    temperature
        Above 0; a number, or a scalar that learns (:class:`goodsense.learning.temperature.Temperature`).
    same
        What other rows of one group are: all positives, with equal shares, or left out.
    weights
        ``(n,)`` from 0 up: how much each pair counts.
    """
    _check_pair(a, b)
    assert same in get_args(Same), f"same is {same!r}; expected one of {', '.join(get_args(Same))}"
    scores = cosines(a, b) / _positive(temperature)  # (n, n)
    friends = related(groups, len(a), a.device)  # (n, n)
    if same == "ignored":
        own = torch.eye(len(a), dtype=torch.bool, device=a.device)
        scores, friends = scores.masked_fill(friends & ~own, MASKED), own
    shares = friends.to(scores.dtype)
    return (soft_cross_entropy(scores, shares, weights) + soft_cross_entropy(scores, shares, weights, dim=0)) / 2


def nt_xent(
    a: torch.Tensor,
    b: torch.Tensor,
    groups: torch.Tensor | None = None,
    *,
    temperature: float | torch.Tensor = 0.1,
) -> torch.Tensor:
    """NT-Xent across views: each of the ``2 n`` rows finds its other view among all rows of both views.

    Chen et al., SimCLR (ICML 2020). ``a`` and ``b`` are ``(n, d)`` views of the same products; rows of one group
    ``(n,)`` or ``(n, n)`` are positives in either view.
    """
    _check_pair(a, b)
    friends = related(groups, len(a), a.device).repeat(2, 2)  # (2 n, 2 n)
    return supervised_contrastive(torch.cat([a, b]), friends, temperature=temperature)


def supervised_contrastive(
    rows: torch.Tensor,
    groups: torch.Tensor,
    *,
    temperature: float | torch.Tensor = 0.1,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rows of one group find each other among all rows: Khosla et al. (NeurIPS 2020), the sum outside the logarithm.

    ``rows`` are ``(n, d)``, ``groups`` ``(n,)`` or ``(n, n)``, ``weights`` ``(n,)``. A row that is alone in its group
    is a negative of the others and no more; where all are alone, the loss is 0.
    """
    _check_rows(rows)
    own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    scores = (cosines(rows, rows) / _positive(temperature)).masked_fill(own, MASKED)  # (n, n)
    friends = related(groups, len(rows), rows.device) & ~own
    return soft_cross_entropy(scores, friends.to(scores.dtype), weights)


def siglip(
    a: torch.Tensor,
    b: torch.Tensor,
    groups: torch.Tensor | None = None,
    *,
    temperature: float | torch.Tensor = 0.1,
    bias: float | torch.Tensor = -10.0,
) -> torch.Tensor:
    """The sigmoid loss: every cell of the batch's table is a yes or a no of its own.

    Zhai et al., "Sigmoid Loss for Language Image Pre-Training" (ICCV 2023): ``-log sigmoid(+-(cos / temperature +
    bias))``, summed over all cells and divided by the rows. Temperature and bias may learn
    (:class:`goodsense.learning.temperature.TemperatureAndBias`).
    """
    _check_pair(a, b)
    logits = cosines(a, b) / _positive(temperature) + _scalar(bias)  # (n, n)
    signs = 2 * related(groups, len(a), a.device).to(logits.dtype) - 1
    return -nn.functional.logsigmoid(signs * logits).sum() / len(a)


def siamese(
    a: torch.Tensor,
    b: torch.Tensor,
    same: torch.Tensor,
    *,
    margin: float = 1.0,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """The siamese contrastive loss: pairs that are the same are near, others at least ``margin`` apart.

    Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (CVPR 2006), on Euclidean
    distances between unit rows, 0 to 2: half the square of the distance, or of what it lacks of the margin.

    Parameters
    ----------
    a, b
        ``(n, d)``; row ``i`` of one is compared with row ``i`` of the other only.
    same
        ``(n,)`` bool.
    weights
        ``(n,)`` from 0 up: how much each pair counts.
    """
    _check_pair(a, b)
    assert same.shape == (len(a),), f"same is {tuple(same.shape)}; expected ({len(a)},)"
    assert same.dtype == torch.bool, f"same is {same.dtype}; expected bool"
    squares = (unit_rows(a) - unit_rows(b)).square().sum(dim=1)  # (n,)
    lacking = torch.relu(margin - squares.clamp_min(_LEAST).sqrt())  # the root has no slope at 0
    return _mean(torch.where(same, squares, lacking.square()) / 2, weights)


def rank_weighted(
    queries: torch.Tensor,
    items: torch.Tensor,
    gains: torch.Tensor,
    *,
    temperature: float | torch.Tensor = 0.07,
    symmetric: bool = True,
) -> torch.Tensor:
    """Contrast by graded relevance or click counts: the more an item is worth to a query, the nearer it is.

    ``-sum(gains * log softmax(cos / temperature)) / sum(gains)``; least where the softmax over the items is in
    proportion to the gains, so better items rank first. With ``gains`` a diagonal matrix of weights this is the
    weighted InfoNCE of Zhu, Jung and Clark, "Generalized Contrastive Learning for Multi-Modal Retrieval and Ranking"
    (GCL, 2024).

    Parameters
    ----------
    queries, items
        ``(q, d)`` and ``(m, d)``.
    gains
        ``(q, m)`` from 0 up: what each item is worth to each query, such as ``log(1 + clicks)``; 0 is a negative. Only
        their proportions count. Without any gain the loss is 0.
    symmetric
        Items find their queries too.
    """
    _check_rows(queries, "queries")
    _check_rows(items, "items")
    assert queries.shape[1] == items.shape[1], f"queries have {queries.shape[1]} columns, items {items.shape[1]}"
    expected = (len(queries), len(items))
    assert gains.shape == expected, f"gains are {tuple(gains.shape)}; expected {expected}"
    scores = cosines(queries, items) / _positive(temperature)  # (q, m)
    gains = gains.to(scores.dtype)
    loss = soft_cross_entropy(scores, gains, gains.sum(dim=1))
    return (loss + soft_cross_entropy(scores.T, gains.T, gains.sum(dim=0))) / 2 if symmetric else loss


# ---- what the losses are made of


def soft_cross_entropy(
    scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None, *, dim: int = 1
) -> torch.Tensor:
    """Cross entropy with shares as targets, the weighted mean over the rows that have a target.

    With ``dim`` 0 over the columns: of the transposed scores and targets, without the cost of transposing.

    Parameters
    ----------
    scores
        ``(n, m)`` logits.
    targets
        ``(n, m)`` from 0 up; a row is divided by its sum, and one of zeros counts for nothing.
    weights
        ``(n,)`` from 0 up.
    """
    assert scores.ndim == 2, f"scores are {tuple(scores.shape)}; expected (n, m)"
    assert targets.shape == scores.shape, f"targets are {tuple(targets.shape)}; expected {tuple(scores.shape)}"
    mass = targets.sum(dim=dim)  # (n,)
    per_row = -(torch.log_softmax(scores, dim=dim) * targets).sum(dim=dim) / mass.clamp_min(_LEAST)
    known = (mass > 0).to(scores.dtype)
    _check_weights(weights, len(known))
    return _mean(per_row, known if weights is None else known * weights)


def unit_rows(rows: torch.Tensor) -> torch.Tensor:
    """Rows of unit length ``(n, d)``, float32 or better; zero rows stay zero and have a finite gradient."""
    rows = rows if rows.dtype == torch.float64 else rows.float()
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(lengths > _LEAST, lengths, torch.ones_like(lengths))


def cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """``(n, d), (m, d) -> (n, m)``, float32 or better also under autocast."""
    with torch.autocast(a.device.type, enabled=False):
        return unit_rows(a) @ unit_rows(b).T


def related(groups: torch.Tensor | None, count: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Which of ``count`` rows belong together: ``(n, n)`` bool, symmetric, every row with itself.

    ``groups`` are whole numbers ``(n,)``, a relation ``(n, n)`` bool, or None: each row for itself.
    """
    own = torch.eye(count, dtype=torch.bool, device=device)
    if groups is None:
        return own
    if groups.ndim == 2:
        assert groups.shape == (count, count), f"a relation is {tuple(groups.shape)}; expected ({count}, {count})"
        assert groups.dtype == torch.bool, f"a relation is {groups.dtype}; expected bool"
        groups = groups.to(device)
        return groups | groups.T | own
    assert groups.shape == (count,), f"groups are {tuple(groups.shape)}; expected ({count},) or ({count}, {count})"
    assert not groups.is_floating_point(), f"groups are {groups.dtype}; expected whole numbers"
    groups = groups.to(device)
    return groups[:, None] == groups[None, :]


def _mean(values: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Of ``(n,)``, weighted ``(n,)``; 0 where the weights are."""
    _check_weights(weights, len(values))
    if weights is None:
        return values.mean()
    weights = weights.to(values.dtype)
    return (values * weights).sum() / weights.sum().clamp_min(_LEAST)


def _scalar(value: float | torch.Tensor) -> float | torch.Tensor:
    if isinstance(value, torch.Tensor):
        assert value.ndim == 0, f"temperature and bias are scalars; found {tuple(value.shape)}"
    return value


def _positive(temperature: float | torch.Tensor) -> float | torch.Tensor:
    """A number is looked at; of a tensor it would wait for the device."""
    if not isinstance(temperature, torch.Tensor):
        assert temperature > 0, f"a temperature is {temperature}; expected a number above 0"
    return _scalar(temperature)


def _check_weights(weights: torch.Tensor | None, count: int) -> None:
    if weights is not None:
        assert weights.shape == (count,), f"weights are {tuple(weights.shape)}; expected ({count},)"


def _check_rows(rows: torch.Tensor, name: str = "rows") -> None:
    assert rows.ndim == 2, f"{name} are {tuple(rows.shape)}; expected (n, d)"
    assert rows.numel(), f"{name} are {tuple(rows.shape)}; expected at least one row and one column"


def _check_pair(a: torch.Tensor, b: torch.Tensor) -> None:
    _check_rows(a)
    assert a.shape == b.shape, f"the two sides are {tuple(a.shape)} and {tuple(b.shape)}; expected one shape (n, d)"
