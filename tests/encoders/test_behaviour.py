"""Behaviour encoders: groups known by construction, products that come later, products that nobody touched."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.encoders import make_encoder
from goodsense.errors import UsageError
from goodsense.types import Profile
from tests.encoders.opinion_samples import GROUPS, PER_GROUP, behaviour


@pytest.mark.parametrize("name", ["ppmi", "als"])
def test_products_of_a_group_are_neighbours_and_later_ones_find_theirs(name: str) -> None:
    values = behaviour()
    later = [group * PER_GROUP for group in range(GROUPS)]
    known = [row for row in range(len(values)) if row not in later]
    encoder = make_encoder("behaviour", name, {"dim": 6}).fit([values[row] for row in known], seed=0)
    vectors = encoder.encode(values)
    groups = np.repeat(np.arange(GROUPS), PER_GROUP)
    alike = vectors @ vectors[known].T  # (all, known)
    for row in range(len(values)):
        own = groups[known] == groups[row]
        own[[place for place, other in enumerate(known) if other == row]] = False
        assert alike[row, own].mean() > alike[row, groups[known] != groups[row]].mean() + 0.4


@pytest.mark.parametrize("name", ["ppmi", "als"])
def test_strangers_alone_say_nothing(name: str) -> None:
    encoder = make_encoder("behaviour", name, {"dim": 4}).fit(behaviour(), seed=0)
    assert not encoder.encode([Profile({"nobody's": 3.0}, {"a stranger": 2.0})]).any()


@pytest.mark.parametrize("name", ["ppmi", "als"])
def test_a_shop_without_behaviour_has_no_vectors(name: str) -> None:
    encoder = make_encoder("behaviour", name, {"dim": 4}).fit([Profile()] * 3, seed=0)
    assert not encoder.encode(behaviour()).any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ppmi", {"dim": 0}),
        ("ppmi", {"shift": 0}),
        ("ppmi", {"smoothing": 1.5}),
        ("als", {"alpha": -1}),
        ("als", {"regularisation": 0}),
        ("als", {"iterations": True}),
    ],
)
def test_impossible_options_are_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        make_encoder("behaviour", name, options)
