"""Every loss against plain loops in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.encoders.cnn_network import contrast
from goodsense.encoders.text_pairs import info_nce as text_info_nce
from goodsense.learning.losses import (
    cosines,
    info_nce,
    nt_xent,
    rank_weighted,
    related,
    siamese,
    siglip,
    soft_cross_entropy,
    supervised_contrastive,
    unit_rows,
)

GROUPS = [0, 1, 0, 2, 3, 1, 1]


def rows(count: int = 7, width: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, width)))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    x, y = a.tolist(), b.tolist()
    return math.fsum(p * q for p, q in zip(x, y, strict=True)) / math.hypot(*x) / math.hypot(*y)


def listwise(scores: list[float], targets: list[float]) -> float:
    """Cross entropy of one row."""
    total = math.fsum(math.exp(score) for score in scores)
    shares = [math.log(math.exp(score) / total) for score in scores]
    return -math.fsum(t * share for t, share in zip(targets, shares, strict=True)) / math.fsum(targets)


def naive_info_nce(
    a: torch.Tensor, b: torch.Tensor, same: Callable[[int, int], bool], t: float, ignored: bool, weights: list[float]
) -> float:
    total = 0.0
    for left, right in ((a, b), (b, a)):
        for i in range(len(a)):
            seen = [j for j in range(len(a)) if not (ignored and j != i and same(i, j))]
            scores = [cosine(left[i], right[j]) / t for j in seen]
            total += weights[i] * listwise(scores, [float(same(i, j)) for j in seen])
    return total / 2 / math.fsum(weights)


def naive_supervised(x: torch.Tensor, groups: list[int], t: float) -> float:
    losses = []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        friends = [float(groups[i] == groups[j]) for j in others]
        if sum(friends):
            losses.append(listwise([cosine(x[i], x[j]) / t for j in others], friends))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("same", ["positive", "ignored"])
@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 0.5, 1.0, 3.0, 1.0]])
def test_info_nce_is_the_naive_loop(same: Any, weights: list[float] | None) -> None:
    a, b = rows(), rows(seed=1)
    given = None if weights is None else torch.tensor(weights)
    found = info_nce(a, b, torch.tensor(GROUPS), temperature=0.2, same=same, weights=given)
    expected = naive_info_nce(
        a, b, lambda i, j: GROUPS[i] == GROUPS[j], 0.2, same == "ignored", weights or [1.0] * len(a)
    )
    assert found.item() == pytest.approx(expected, rel=1e-10)


def test_a_relation_that_is_no_partition_is_taken_as_it_is() -> None:
    a, b = rows(), rows(seed=1)
    relation = torch.zeros(7, 7, dtype=torch.bool)
    for i, j in ((0, 1), (1, 2), (5, 6)):  # 0 and 2 are not related
        relation[i, j] = relation[j, i] = True
    found = info_nce(a, b, relation, temperature=0.3)
    expected = naive_info_nce(a, b, lambda i, j: i == j or bool(relation[i, j]), 0.3, False, [1.0] * 7)
    assert found.item() == pytest.approx(expected, rel=1e-10)
    assert torch.equal(info_nce(a, b, torch.triu(relation), temperature=0.3), found)  # said once is enough


def test_without_groups_every_row_is_its_own() -> None:
    a, b = rows(), rows(seed=1)
    assert torch.equal(info_nce(a, b), info_nce(a, b, torch.arange(7)))
    assert torch.equal(related(None, 3), torch.eye(3, dtype=torch.bool))


def test_info_nce_gives_the_numbers_of_the_text_encoders() -> None:
    a, b = (torch.nn.functional.normalize(rows(seed=seed), dim=1) for seed in (3, 4))
    equal = np.array(GROUPS)[:, None] == np.array(GROUPS)
    equal[0, 3] = equal[3, 0] = True
    ours = info_nce(a, b, torch.from_numpy(equal), temperature=0.07, same="ignored")
    assert ours.item() == pytest.approx(text_info_nce(a, b, equal, 0.07).item(), rel=1e-12)


def test_cross_entropy_over_columns_is_that_of_the_transposed() -> None:
    scores, targets, weights = rows(5, 7), rows(5, 7, seed=1).abs(), torch.arange(7.0)
    targets[:, 2] = 0
    for own in (None, weights):
        expected = soft_cross_entropy(scores.T, targets.T, own)
        torch.testing.assert_close(soft_cross_entropy(scores, targets, own, dim=0), expected)


def test_supervised_contrast_is_the_naive_loop_and_that_of_the_encoders() -> None:
    x, groups = rows(), torch.tensor(GROUPS)
    assert supervised_contrastive(x, groups, temperature=0.3).item() == pytest.approx(
        naive_supervised(x, GROUPS, 0.3), rel=1e-10
    )
    ours, theirs = supervised_contrastive(x.float(), groups), contrast(x.float(), groups)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_supervised_contrast_weighs_its_rows() -> None:
    x, groups = rows(), torch.tensor(GROUPS)
    doubled = supervised_contrastive(x, groups, weights=torch.tensor([2.0, 0, 2, 7, 7, 0, 0]))
    alone = supervised_contrastive(x, torch.tensor([0, 1, 0, 2, 3, 4, 5]))
    assert doubled.item() == pytest.approx(alone.item(), rel=1e-12)


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_nt_xent_is_the_naive_loop(groups: list[int] | None) -> None:
    a, b = rows(), rows(seed=1)
    found = nt_xent(a, b, None if groups is None else torch.tensor(groups), temperature=0.4)
    own = groups or list(range(7))
    assert found.item() == pytest.approx(naive_supervised(torch.cat([a, b]), own + own, 0.4), rel=1e-10)


def test_siglip_is_the_naive_loop() -> None:
    a, b = rows(), rows(seed=1)
    expected = 0.0
    for i in range(7):
        for j in range(7):
            sign = 1 if GROUPS[i] == GROUPS[j] else -1
            logit = cosine(a[i], b[j]) / 0.2 - 3.0
            expected += math.log(1 + math.exp(-sign * logit)) / 7
    found = siglip(a, b, torch.tensor(GROUPS), temperature=0.2, bias=-3.0)
    assert found.item() == pytest.approx(expected, rel=1e-10)
    as_tensors = siglip(a, b, torch.tensor(GROUPS), temperature=torch.tensor(0.2), bias=torch.tensor(-3.0))
    assert as_tensors.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 0.5, 1.0, 3.0, 1.0]])
def test_siamese_is_the_naive_loop(weights: list[float] | None) -> None:
    a, b = rows(), rows(seed=1)
    same = [True, False, True, False, False, True, False]
    own = weights or [1.0] * 7
    expected = 0.0
    for i in range(7):
        distance = math.dist((a[i] / a[i].norm()).tolist(), (b[i] / b[i].norm()).tolist())
        expected += own[i] * (distance**2 if same[i] else max(0.0, 1.6 - distance) ** 2) / 2
    given = None if weights is None else torch.tensor(weights)
    found = siamese(a, b, torch.tensor(same), margin=1.6, weights=given)
    assert found.item() == pytest.approx(expected / sum(own), rel=1e-10)


@pytest.mark.parametrize("symmetric", [True, False])
def test_rank_weighted_is_the_naive_loop(symmetric: bool) -> None:
    queries, items = rows(4), rows(6, seed=1)
    gains = np.array([[3, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0.5], [1, 0, 0, 0, 1, 0]])
    ways = [(queries, items, gains), (items, queries, gains.T)][: 2 if symmetric else 1]
    expected = 0.0
    for left, right, own in ways:
        for i in range(len(left)):
            for j in range(len(right)):
                alone = [float(k == j) for k in range(len(right))]
                scores = [cosine(left[i], other) / 0.3 for other in right]
                expected += own[i, j] * listwise(scores, alone) / gains.sum() / len(ways)
    found = rank_weighted(queries, items, torch.from_numpy(gains), temperature=0.3, symmetric=symmetric)
    assert found.item() == pytest.approx(expected, rel=1e-10)


def test_rank_weighted_with_a_diagonal_is_weighted_info_nce() -> None:
    a, b, weights = rows(), rows(seed=1), torch.tensor([1.0, 4, 2, 0, 1, 1, 3], dtype=torch.float64)
    assert rank_weighted(a, b, torch.diag(weights)).item() == pytest.approx(
        info_nce(a, b, weights=weights).item(), rel=1e-12
    )


def test_rank_weighted_is_least_where_scores_follow_the_gains() -> None:
    gains = torch.tensor([[4.0, 2.0, 1.0, 0.5]], dtype=torch.float64)
    wanted = 0.9 + 0.2 * torch.log(gains / gains.max())[0]  # cosines that make the softmax the gains
    items = torch.stack([wanted, torch.sqrt(1 - wanted**2)], dim=1).requires_grad_()
    query = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    rank_weighted(query, items, gains, temperature=0.2, symmetric=False).backward()
    assert items.grad is not None
    assert items.grad.abs().max().item() < 1e-12


# ---- batches that have nothing to tell apart

LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "info_nce": lambda a, b, g: info_nce(a, b, g),
    "info_nce, ignored": lambda a, b, g: info_nce(a, b, g, same="ignored"),
    "info_nce, nothing weighs": lambda a, b, g: info_nce(a, b, g, weights=torch.zeros(len(a))),
    "nt_xent": lambda a, b, g: nt_xent(a, b, g),
    "supervised": lambda a, b, g: supervised_contrastive(a + 0 * b, g),
    "siglip": lambda a, b, g: siglip(a, b, g),
    "siamese": lambda a, b, g: siamese(a, b, g == g[0]),
    "rank_weighted": lambda a, b, g: rank_weighted(a, b, related(g, len(a)).float()),
    "rank_weighted, no gains": lambda a, b, g: rank_weighted(a, b, torch.zeros(len(a), len(b))),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize("kind", ["usual", "one row", "one group", "all alike", "all zero", "one zero", "huge"])
def test_values_and_gradients_are_finite(loss: Any, kind: str) -> None:
    count = 1 if kind == "one row" else 7
    a, b = rows(count).float(), rows(count, seed=1).float()
    groups = torch.zeros(7, dtype=torch.int64) if kind == "one group" else torch.tensor(GROUPS[:count])
    if kind == "all alike":
        a = b = torch.ones(7, 5)
    elif kind == "all zero":
        a = b = torch.zeros(7, 5)
    elif kind == "one zero":
        a[0], b[2] = 0, 0
    elif kind == "huge":
        a, b = a * 1e15, b * 1e-10
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    value = loss(a, b, groups)
    assert value.shape == ()
    value.backward()
    for own in (value, a.grad, b.grad):
        assert own is not None
        assert torch.isfinite(own).all()


def test_one_row_and_one_group_without_others_teach_nothing() -> None:
    one, other = rows(1), rows(1, seed=1)
    assert info_nce(one, other).item() == 0
    assert supervised_contrastive(one, torch.tensor([0])).item() == 0
    groups = torch.zeros(7, dtype=torch.int64)
    assert info_nce(rows(), rows(seed=1), groups, same="ignored").item() == 0
    assert supervised_contrastive(rows(), torch.arange(7)).item() == 0


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    a, b = rows(4, 3).requires_grad_(), rows(4, 3, seed=1).requires_grad_()
    groups = torch.tensor([0, 1, 0, 2])
    assert torch.autograd.gradcheck(lambda x, y: LOSSES[name](x, y, groups), (a, b))


def test_half_precision_and_autocast_compare_in_float32() -> None:
    a, b = rows().bfloat16(), rows(seed=1).bfloat16()
    exact = info_nce(a.float(), b.float(), temperature=0.07)
    assert torch.equal(info_nce(a, b, temperature=0.07), exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(info_nce(a.float(), b.float(), temperature=0.07), exact)
        assert cosines(a, b).dtype == torch.float32


def test_unit_rows_keep_zeros_and_the_better_type() -> None:
    found = unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64))
    assert found.tolist() == [[0.6, 0.8], [0.0, 0.0]]
    assert found.dtype == torch.float64
    assert unit_rows(torch.ones(1, 2, dtype=torch.float16)).dtype == torch.float32


WRONG: dict[str, Callable[[], object]] = {
    "other widths": lambda: info_nce(rows(), rows(width=4)),
    "other rows": lambda: info_nce(rows(), rows(6)),
    "no rows": lambda: info_nce(rows(0), rows(0)),
    "one dimension": lambda: info_nce(rows()[0], rows()[0]),
    "too few groups": lambda: info_nce(rows(), rows(), torch.arange(6)),
    "groups of numbers with points": lambda: info_nce(rows(), rows(), torch.arange(7.0)),
    "a relation of another size": lambda: siglip(rows(), rows(), torch.ones(6, 7, dtype=torch.bool)),
    "a relation of numbers": lambda: siglip(rows(), rows(), torch.ones(7, 7)),
    "weights in a column": lambda: info_nce(rows(), rows(), weights=torch.ones(7, 1)),
    "a temperature per row": lambda: info_nce(rows(), rows(), temperature=torch.ones(7)),
    "a temperature of 0": lambda: nt_xent(rows(), rows(), temperature=0.0),
    "a bias per row": lambda: siglip(rows(), rows(), bias=torch.ones(7)),
    "an unknown word": lambda: info_nce(rows(), rows(), same="negative"),  # type: ignore[arg-type]
    "same in a column": lambda: siamese(rows(), rows(), torch.ones(7, 1, dtype=torch.bool)),
    "same as numbers": lambda: siamese(rows(), rows(), torch.ones(7)),
    "gains per row": lambda: rank_weighted(rows(), rows(), torch.ones(7)),
    "gains turned round": lambda: rank_weighted(rows(4), rows(), torch.ones(7, 4)),
    "queries of another width": lambda: rank_weighted(rows(width=4), rows(), torch.ones(7, 7)),
    "supervised without groups": lambda: supervised_contrastive(rows(), torch.arange(7)[:, None]),
    "targets of another shape": lambda: soft_cross_entropy(rows(), rows(width=4)),
    "scores of one dimension": lambda: soft_cross_entropy(rows()[0], rows()[0]),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_shapes_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match=r"expected|columns|scalars"):
        wrong()
