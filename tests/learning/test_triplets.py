"""The triplet loss against plain loops in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.learning.triplets import triplet

GROUPS = [0, 1, 0, 2, 3, 1, 1]
CHOICES = ["random", "semi-hard", "hard", "soft"]


def rows(seed: int = 0, count: int = 7, width: int = 4) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, width)))


def one_triplet(near: float, far: list[float], negatives: str, margin: float) -> float:
    lacks = [max(0.0, margin + score - near) for score in far]
    if negatives == "hard":
        return lacks[int(np.argmax(far))]
    if negatives == "semi-hard":
        fitting = [i for i, score in enumerate(far) if score < near]
        return lacks[max(fitting, key=lambda i: far[i])] if fitting else lacks[int(np.argmin(far))]
    shares = [math.exp(5.0 * score) for score in far]
    return sum(share * lack for share, lack in zip(shares, lacks, strict=True)) / sum(shares)


def naive(a: torch.Tensor, b: torch.Tensor | None, groups: list[int], negatives: str, margin: float) -> float:
    means = []
    x = (a / a.norm(dim=1, keepdim=True)).tolist()
    y = x if b is None else (b / b.norm(dim=1, keepdim=True)).tolist()
    for left, right in ((x, y),) if b is None else ((x, y), (y, x)):
        found = []
        for i in range(len(left)):
            cosines = [sum(p * q for p, q in zip(left[i], other, strict=True)) for other in right]
            far = [cosines[j] for j in range(len(right)) if groups[j] != groups[i]]
            friends = [j for j in range(len(right)) if groups[i] == groups[j] and not (b is None and i == j)]
            found += [one_triplet(cosines[j], far, negatives, margin) for j in friends if far]
        means.append(sum(found) / len(found))
    return sum(means) / len(means)


@pytest.mark.parametrize("negatives", ["semi-hard", "hard", "soft"])
@pytest.mark.parametrize("two_sides", [True, False])
@pytest.mark.parametrize("margin", [0.2, 0.9])
def test_it_is_the_naive_loop(negatives: Any, two_sides: bool, margin: float) -> None:
    for seed in range(3):
        a, b = rows(seed), rows(seed + 10) if two_sides else None
        found = triplet(a, b, torch.tensor(GROUPS), negatives=negatives, margin=margin, sharpness=5.0)
        assert found.item() == pytest.approx(naive(a, b, GROUPS, negatives, margin), rel=1e-10)


def test_both_kinds_of_semi_hard_negatives_are_met() -> None:
    anchor, positive = [1.0, 0.0], [0.8, 0.6]
    between, nearer = [0.6, 0.8], [0.96, 0.28]
    groups = torch.tensor([0, 0, 1, 1])
    own = torch.tensor([[True, True, False, False]] * 2 + [[False, False, True, True]] * 2)
    x = torch.tensor([anchor, positive, between, nearer], dtype=torch.float64)
    assert triplet(x, None, groups, negatives="semi-hard").item() == pytest.approx(
        naive(x, None, groups.tolist(), "semi-hard", 0.2)
    )
    assert torch.equal(triplet(x, None, groups), triplet(x, None, own))
    only = torch.tensor([anchor, positive, nearer], dtype=torch.float64)
    first = triplet(only, None, torch.tensor([0, 0, 1]), negatives="semi-hard", margin=0.2)
    second = max(0.0, 0.2 + 0.8 * 0.96 + 0.6 * 0.28 - 0.8)
    assert first.item() == pytest.approx((0.2 + 0.96 - 0.8 + second) / 2)


def test_random_negatives_are_drawn_alike_and_never_friends() -> None:
    a, b, groups = rows(), rows(5), torch.tensor(GROUPS)
    generator = torch.Generator().manual_seed(0)
    draws = [triplet(a, b, groups, negatives="random", generator=generator, margin=3.0).item() for _ in range(500)]
    # with a margin beyond all cosines the loss is linear, so its mean is that of all negatives
    expected = naive_mean(a, b, 3.0)
    assert np.mean(draws) == pytest.approx(expected, abs=4 * np.std(draws) / math.sqrt(len(draws)))
    assert min(draws) < max(draws)


def test_random_negatives_are_no_friends_where_these_are_many() -> None:
    groups = torch.tensor([0] * 8 + [1])
    x = torch.nn.functional.one_hot(groups, 2).double()
    draws = {triplet(x, None, groups, negatives="random", margin=2.0).item() for _ in range(20)}
    assert draws == {1.0}  # a friend would be a negative as near as the positive: 2


def naive_mean(a: torch.Tensor, b: torch.Tensor, margin: float) -> float:
    cosines = torch.nn.functional.normalize(a, dim=1) @ torch.nn.functional.normalize(b, dim=1).T
    means = []
    for scores in (cosines.tolist(), cosines.T.tolist()):
        found = []
        for i in range(7):
            far = [scores[i][j] for j in range(7) if GROUPS[j] != GROUPS[i]]
            found += [margin + np.mean(far) - scores[i][j] for j in range(7) if GROUPS[j] == GROUPS[i]]
        means.append(np.mean(found))
    return float(np.mean(means))


def test_random_negatives_follow_their_generator() -> None:
    a, b = rows(), rows(5)
    one, two = (
        triplet(a, b, negatives="random", generator=torch.Generator().manual_seed(seed)).item() for seed in (1, 1)
    )
    assert one == two
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        first = triplet(a, b, negatives="random").item()
        torch.manual_seed(3)
        assert triplet(a, b, negatives="random").item() == first


@pytest.mark.parametrize("negatives", CHOICES)
@pytest.mark.parametrize("kind", ["usual", "one row", "one group", "all alike", "all zero"])
@pytest.mark.parametrize("two_sides", [True, False])
def test_values_and_gradients_are_finite(negatives: Any, kind: str, two_sides: bool) -> None:
    count = 1 if kind == "one row" else 7
    a, b = rows(0, count).float(), rows(1, count).float()
    if kind in ("all alike", "all zero"):
        a = b = torch.full((7, 4), float(kind == "all alike"))
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    groups = torch.zeros(7, dtype=torch.int64) if kind == "one group" else torch.tensor(GROUPS[:count])
    value = triplet(a, b if two_sides else None, groups, negatives=negatives)
    value.backward()
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()
    if kind.startswith("one"):
        assert value.item() == 0
    elif kind.startswith("all"):
        assert value.item() == pytest.approx(0.2)


@pytest.mark.parametrize("negatives", ["hard", "semi-hard", "soft"])
def test_the_choice_of_negatives_has_no_gradient_of_its_own(negatives: Any) -> None:
    a, b, groups = rows().requires_grad_(), rows(5), torch.tensor(GROUPS)
    value = triplet(a, b, groups, negatives=negatives, margin=3.0)
    value.backward()
    assert a.grad is not None
    moved = a.detach() - 1e-4 * a.grad
    assert triplet(moved, b, groups, negatives=negatives, margin=3.0) < value


def test_wrong_shapes_are_refused() -> None:
    for wrong in (
        lambda: triplet(rows(), rows(count=6)),
        lambda: triplet(rows()[0]),
        lambda: triplet(rows(count=0)),
        lambda: triplet(rows(), rows(1), torch.arange(6)),
        lambda: triplet(rows(), rows(1), negatives="easy"),  # type: ignore[arg-type]
    ):
        with pytest.raises(AssertionError, match="expected"):
            wrong()
