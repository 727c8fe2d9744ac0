"""Cross entropy over several fields against plain loops, and against the loss of the picture encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from goodsense.encoders import cnn_network
from goodsense.errors import UsageError
from goodsense.learning.heads import Heads, balanced_weights, cross_entropy, field_losses, label_loss

COLOUR = [0, 2, -1, 1, 2, 2]
TYPE = [1, -1, -1, 0, 1, -1]


def logits(classes: int, seed: int = 0, count: int = 6) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, classes)))


def naive(
    scores: torch.Tensor,
    codes: Sequence[int],
    smoothing: float,
    rows: Sequence[float] | None = None,
    classes: Sequence[float] | None = None,
) -> float:
    count = scores.shape[1]
    rows, by_class = rows or [1.0] * len(codes), classes or [1.0] * count
    total = mass = 0.0
    for i, truth in enumerate(codes):
        if truth < 0:
            continue
        whole = math.log(sum(math.exp(score) for score in scores[i].tolist()))
        one = (1 - smoothing) * by_class[truth] * (whole - scores[i, truth].item())
        for c in range(count):
            one += smoothing / count * by_class[c] * (whole - scores[i, c].item())
        total, mass = total + rows[i] * one, mass + rows[i] * by_class[truth]
    return total / mass


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [None, [1.0, 0.0, 2.0, 0.5, 1.0, 3.0]])
@pytest.mark.parametrize("classes", [None, [1.0, 3.0, 0.5]])
def test_one_field_is_the_naive_loop(smoothing: float, rows: list[float] | None, classes: list[float] | None) -> None:
    scores = logits(3)
    found = cross_entropy(
        scores,
        torch.tensor(COLOUR),
        smoothing=smoothing,
        weights=None if rows is None else torch.tensor(rows),
        class_weights=None if classes is None else torch.tensor(classes, dtype=torch.float64),
    )
    assert found.item() == pytest.approx(naive(scores, COLOUR, smoothing, rows, classes), rel=1e-10)


def test_fields_count_by_their_weights_and_only_where_known() -> None:
    scores = {"colour": logits(3), "type": logits(2, 1), "season": logits(4, 2)}
    codes = {"colour": torch.tensor(COLOUR), "type": torch.tensor(TYPE), "season": torch.full((6,), -1)}
    colour, kind = naive(scores["colour"], COLOUR, 0.1), naive(scores["type"], TYPE, 0.1)
    assert label_loss(scores, codes).item() == pytest.approx((colour + kind) / 2, rel=1e-6)
    weighted = label_loss(scores, codes, field_weights={"type": 3.0, "season": 5.0})
    assert weighted.item() == pytest.approx((colour + 3 * kind) / 4, rel=1e-6)
    parts = field_losses(scores, codes)
    assert parts["season"].item() == 0
    assert parts["type"].item() == pytest.approx(kind)


def test_it_gives_the_numbers_of_the_picture_encoder() -> None:
    """Pictures that are partly others: rows twice, with the shares of either label as their weights."""
    codes = {"colour": torch.tensor(COLOUR), "type": torch.tensor(TYPE)}
    heads = Heads(5, {"colour": 3, "type": 2})
    features = logits(5, 7).float()
    shares, other = torch.tensor([0.9, 0.5, 0.2, 1.0, 0.7, 0.0]), torch.tensor([3, 2, 1, 0, 5, 4])
    network = SimpleNamespace(dropout=heads.dropout, heads=heads.heads)
    theirs = cnn_network.label_loss(network, features, codes, shares, other)
    twice = {name: torch.cat([own, own[other]]) for name, own in codes.items()}
    scores = {name: torch.cat([own, own]) for name, own in heads(features).items()}
    ours = field_losses(scores, twice, weights=torch.cat([shares, 1 - shares]))
    assert torch.stack(list(ours.values())).mean().item() == pytest.approx(theirs.item(), rel=1e-6)


@pytest.mark.parametrize("codes", [[-1] * 6, [0] * 6, COLOUR])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e6])
def test_values_and_gradients_are_finite(codes: list[int], scale: float) -> None:
    scores = (scale * logits(3)).float().requires_grad_()
    value = label_loss({"colour": scores}, {"colour": torch.tensor(codes)})
    value.backward()
    assert torch.isfinite(value)
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert (value.item() == 0) == (max(codes) < 0)


def test_one_row_and_no_field() -> None:
    one = logits(3, count=1)
    assert cross_entropy(one, torch.tensor([2])).item() == pytest.approx(naive(one, [2], 0.1))
    label_loss({}, {}).backward()
    assert label_loss({}, {}).item() == 0


def test_heads_are_in_sorted_order_and_names_may_hold_dots() -> None:
    heads = Heads(5, {"b.colour": 3, "a": 2}, dropout=0.5)
    found = heads(logits(5).float())
    assert {name: tuple(own.shape) for name, own in found.items()} == {"a": (6, 2), "b.colour": (6, 3)}
    heads.eval()
    assert torch.equal(heads(torch.ones(2, 5))["a"][0], heads(torch.ones(1, 5))["a"][0])
    assert heads(torch.ones(1, 5, dtype=torch.float16))["a"].dtype == torch.float32


def test_heads_learn_labels_that_the_features_tell() -> None:
    truth = torch.arange(30) % 3
    features = torch.nn.functional.one_hot(truth, 5).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        heads = Heads(5, {"kind": 3})
    known = torch.where(torch.arange(30) < 9, truth, -1)
    for _ in range(20):
        slopes = torch.autograd.grad(label_loss(heads(features), {"kind": known}), list(heads.parameters()))
        with torch.no_grad():
            for own, slope in zip(heads.parameters(), slopes, strict=True):
                own -= slope
    assert torch.equal(heads(features)["kind"].argmax(dim=1), truth)


def test_balanced_weights_are_those_of_sklearn() -> None:
    codes = np.array([0, 0, 0, 2, 2, 1, -1, -1], dtype=np.int64)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=codes[codes >= 0])
    assert balanced_weights(codes, 3) == pytest.approx(expected)
    assert balanced_weights(codes[:5], 4).tolist() == pytest.approx([5 / 6, 1, 5 / 4, 1])
    assert balanced_weights(np.full(3, -1), 2).tolist() == [1, 1]
    with pytest.raises(UsageError, match="labels go up to 2"):
        balanced_weights(codes, 2)


def test_wrong_shapes_are_refused() -> None:
    codes = torch.tensor(COLOUR)
    for wrong in (
        lambda: cross_entropy(logits(3)[0], codes),
        lambda: cross_entropy(logits(3), codes[:5]),
        lambda: cross_entropy(logits(3), codes, weights=torch.ones(6, 1)),
        lambda: cross_entropy(logits(3), codes, class_weights=torch.ones(2)),
        lambda: label_loss({"a": logits(3)}, {"b": codes}),
        lambda: Heads(5, {"a": 2})(torch.ones(5)),
    ):
        with pytest.raises(AssertionError, match="expected"):
            wrong()
    with pytest.raises(UsageError, match="'a' has 1 classes"):
        Heads(5, {"a": 1})
