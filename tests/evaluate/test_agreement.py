"""Agreement against published examples and scikit-learn; intervals against scipy."""

from __future__ import annotations

import random

import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from goodsense.errors import UsageError
from goodsense.evaluate import agreement, error_rate

# Krippendorff (2011), section C: four observers, twelve units, nominal alpha .743
EXAMPLE = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}


def labels_of(table: dict[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for annotator, row in table.items():
        for item, value in enumerate(row.split()):
            if value != ".":
                found.setdefault(str(item), {})[annotator] = value
    return found


def test_alpha_of_the_published_example() -> None:
    found = agreement(labels_of(EXAMPLE))
    assert found.alpha == pytest.approx(0.743, abs=0.0005)
    assert (found.items, found.annotators) == (11, 4)


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = random.Random(0)
    truth = [rng.choice("abc") for _ in range(60)]
    other = [value if rng.random() < 0.7 else rng.choice("abc") for value in truth]
    found = agreement({str(n): {"x": a, "y": b} for n, (a, b) in enumerate(zip(truth, other, strict=True))})
    ((one, two, n, kappa),) = found.pairs
    assert (one, two, n) == ("x", "y", 60)
    assert kappa == pytest.approx(cohen_kappa_score(truth, other))
    assert found.share == pytest.approx(sum(a == b for a, b in zip(truth, other, strict=True)) / 60)


def test_nothing_is_said_where_nothing_can_be_said() -> None:
    assert agreement({}).alpha is None
    assert agreement({"1": {"x": "a"}}).share is None
    same = agreement({str(n): {"x": "a", "y": "a"} for n in range(5)})
    assert (same.share, same.alpha, same.pairs[0][3]) == (1.0, None, None)


def test_what_is_confused_most_comes_first() -> None:
    found = agreement({str(n): {"x": "red", "y": "pink" if n < 3 else "rot"} for n in range(4)})
    assert found.confused == (("pink", "red", 3), ("red", "rot", 1))


@pytest.mark.parametrize(("wrong", "n"), [(0, 50), (1, 50), (25, 50), (50, 50), (3, 400)])
def test_the_interval_is_wilsons(wrong: int, n: int) -> None:
    found = error_rate(wrong, n)
    oracle = binomtest(wrong, n).proportion_ci(method="wilson")
    assert (found.lower, found.upper) == pytest.approx((oracle.low, oracle.high))


@pytest.mark.parametrize(("wrong", "n", "level"), [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_impossible_counts_are_refused(wrong: int, n: int, level: float) -> None:
    with pytest.raises(UsageError):
        error_rate(wrong, n, level=level)
