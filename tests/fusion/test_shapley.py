"""Shapley values against all permutations, against exact terms, and on games whose values are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.fusion import AdditiveFusion
from goodsense.fusion.shapley import SIDES, Side, attribute, inner_products, shapley
from goodsense.learning.coalitions import coalitions, shapley_values
from goodsense.types import Embeddings, Vectors

DIMS = {"text": 4, "image": 3, "attributes": 2, "audio": 3}
Worth = Callable[[frozenset[str]], NDArray[np.float64]]


def blocks(n: int = 7, *, seed: int = 0, prefix: str = "p") -> dict[str, Embeddings]:
    """Random rows; product 0 has every block, product 1 has none, the rest some."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, dim in DIMS.items():
        present = rng.random(n) < 0.7
        present[:2] = (True, False)
        rows = rng.normal(size=(n, dim)).astype(np.float32)
        rows[~present] = 0
        found[name] = Embeddings.of_products([f"{prefix}{row}" for row in range(n)], rows, present)
    return found


class Bent:
    """A fusion that is not additive: a sum of projections, multiplied by one another through tanh."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.maps = {name: rng.normal(size=(dim, 6)) for name, dim in DIMS.items()}
        self.calls = 0

    def fuse(self, given: Mapping[str, Embeddings]) -> Embeddings:
        self.calls += 1
        first = next(iter(given.values()))
        total, product = np.zeros((len(first), 6)), np.ones((len(first), 6))
        for name, block in given.items():
            rows = block.vectors @ self.maps[name]
            total += rows
            product *= np.where(block.present[:, None], 1 + np.tanh(rows), 1)
        present = np.any([block.present for block in given.values()], axis=0)
        return Embeddings(first.ids, first.owners, (total * product).astype(np.float32), present)


class Slots:
    """A purely additive fusion: blocks beside each other, their lengths left alone."""

    def fuse(self, given: Mapping[str, Embeddings]) -> Embeddings:
        first = next(iter(given.values()))
        rows = [given[name].vectors if name in given else np.zeros((len(first), DIMS[name])) for name in sorted(DIMS)]
        present = np.any([block.present for block in given.values()], axis=0)
        return Embeddings(first.ids, first.owners, np.hstack(rows).astype(np.float32), present)


def only(given: Mapping[str, Embeddings], names: frozenset[str]) -> dict[str, Embeddings]:
    return {
        name: block
        if name in names
        else Embeddings.of_products(block.ids, np.zeros_like(block.vectors), np.zeros(len(block), np.bool_))
        for name, block in given.items()
    }


def by_permutations(worth: Worth, players: list[str]) -> dict[str, NDArray[np.float64]]:
    orders = list(permutations(players))
    values = {name: np.zeros_like(worth(frozenset())) for name in players}
    for order in orders:
        before: frozenset[str] = frozenset()
        for name in order:
            values[name] += (worth(before | {name}) - worth(before)) / len(orders)
            before |= {name}
    return values


@pytest.mark.parametrize("side", SIDES)
def test_they_are_the_average_over_all_orders(side: Side) -> None:
    fusion, left, right = Bent(), blocks(seed=1, prefix="q"), blocks(seed=2)

    def worth(names: frozenset[str]) -> NDArray[np.float64]:
        a = fusion.fuse(only(left, names) if side != "item" else left).vectors
        b = fusion.fuse(only(right, names) if side != "query" else right).vectors
        return (a.astype(np.float64) * b.astype(np.float64)).sum(axis=1)

    expected = by_permutations(worth, sorted(DIMS))
    found = shapley(fusion, left, right, side=side)
    assert list(found.terms) == sorted(DIMS)
    for name, values in expected.items():
        np.testing.assert_allclose(found.terms[name], values, atol=1e-9)
    np.testing.assert_allclose(sum(found.terms.values()), found.score - found.empty, atol=1e-9)
    assert np.abs(found.score).max() > 1
    assert found.ids == right["text"].ids


def test_they_sum_with_any_similarity() -> None:
    """Negative Euclidean distance: what is empty does not score 0."""

    def near(left: Vectors, right: Vectors) -> NDArray[np.float64]:
        distance: NDArray[np.float64] = np.linalg.norm(left.astype(np.float64) - right, axis=1)
        return -distance

    fusion, left, right = Bent(), blocks(seed=1), blocks(seed=2)
    found = shapley(fusion, left, right, similarity=near)
    np.testing.assert_allclose(found.score, near(fusion.fuse(left).vectors, fusion.fuse(right).vectors), atol=1e-9)
    assert (found.empty[[0, 2]] < 0).all()
    np.testing.assert_allclose(sum(found.terms.values()), found.score - found.empty, atol=1e-6)


def test_of_an_additive_fusion_they_are_the_exact_terms() -> None:
    left, right = blocks(seed=1), blocks(seed=2)
    for side in SIDES:
        found = shapley(Slots(), left, right, side=side)
        for name in DIMS:
            np.testing.assert_allclose(
                found.terms[name], inner_products(left[name].vectors, right[name].vectors), atol=1e-6
            )


def test_of_an_additive_fusion_with_one_length_they_are_its_terms_where_the_length_is_held() -> None:
    """With a similarity that undoes the common length, the shop's additive fusion is additive over coalitions."""
    left, right = blocks(seed=1), blocks(seed=2)
    weights = {"text": 2.0, "image": 1.0, "attributes": 0.5, "audio": 1.0}
    fusion = AdditiveFusion(weights).fit(blocks(seed=3))
    fused = fusion.fuse(right).vectors
    power = sum(np.where(block.present, weights[name], 0.0) for name, block in right.items())

    def held(a: Vectors, b: Vectors) -> NDArray[np.float64]:
        """Every coalition's rows as long as those of the whole: the number of slots in use gives the length back."""
        used = {name: b[:, place].any(axis=1) for name, place in slots.items()}
        there = sum(np.where(mask, weights[name], 0.0) for name, mask in used.items())
        return inner_products(a, b) * np.sqrt(np.divide(there, power, out=np.zeros(len(b)), where=power > 0))

    starts = np.cumsum([0, *fusion.dims.values()])
    slots = {name: slice(starts[at], starts[at + 1]) for at, name in enumerate(fusion.dims)}
    found = shapley(fusion, left, right, similarity=held)
    terms = fusion.terms(fusion.fuse(left).vectors, fused)
    for name in DIMS:
        np.testing.assert_allclose(found.terms[name], terms[name], atol=1e-6)


def test_own_terms_come_before_shapley_values() -> None:
    right = blocks(seed=2)
    query = {name: block.take(np.array([0])) for name, block in blocks(seed=1, prefix="q").items()}
    fusion = AdditiveFusion(dict.fromkeys(DIMS, 1.0)).fit(right)
    found = attribute(fusion, query, right)
    exact = fusion.terms(fusion.fuse(query).vectors[0], fusion.fuse(right).vectors)
    assert found.method == "terms"
    for name in DIMS:
        np.testing.assert_allclose(found.terms[name], exact[name], atol=1e-9)
    np.testing.assert_allclose(sum(found.terms.values()), found.score, atol=1e-6)
    bent = attribute(Bent(), query, right, side="both")
    assert (bent.method, bent.side) == ("shapley", "both")


def test_one_query_stands_beside_every_item() -> None:
    fusion, right = Bent(), blocks(seed=2)
    query = {name: block.take(np.array([0])) for name, block in blocks(seed=1, prefix="q").items()}
    repeated = fusion.fuse(query).vectors.repeat(7, axis=0)
    for given in (query, repeated, repeated[0], {"text": query["text"]}):
        found = shapley(fusion, given, right)
        left = fusion.fuse(given).vectors if isinstance(given, dict) else np.atleast_2d(given)
        expected = inner_products(np.broadcast_to(left, (7, 6)), fusion.fuse(right).vectors)
        np.testing.assert_allclose(found.score, expected, atol=1e-9)
    words = shapley(fusion, {"text": query["text"]}, right, side="query")
    assert list(words.terms) == ["text"]
    np.testing.assert_allclose(words.terms["text"], words.score, atol=1e-12)


def test_what_a_row_lacks_has_no_part_in_its_score() -> None:
    left, right = blocks(seed=1), blocks(seed=2)
    found = shapley(Bent(), left, right)
    for name, block in right.items():
        assert not found.terms[name][~block.present].any()
    assert not found.score[1]
    assert found.ranked(0)[0][1] == max(values[0] for values in found.terms.values())


def test_a_block_that_nobody_has_costs_no_coalitions() -> None:
    fusion, right = Bent(), blocks(seed=2)
    right["audio"] = only(right, frozenset())["audio"]
    found = shapley(fusion, fusion.fuse(right).vectors, right)
    assert fusion.calls == 1 + 2**3
    assert not found.terms["audio"].any()
    nothing = shapley(fusion, fusion.fuse(right).vectors, only(right, frozenset()))
    assert not nothing.score.any()
    assert not any(values.any() for values in nothing.terms.values())


def test_a_game_with_known_values() -> None:
    """The glove game: one left glove, two right ones; a pair is worth 1."""
    worth = [float("left" in held and len(held) > 1) for held in coalitions(["left", "right", "other"])]
    np.testing.assert_allclose(shapley_values(np.array(worth)[:, None])[:, 0], [2 / 3, 1 / 6, 1 / 6])
    assert shapley_values(np.ones((1, 4))).shape == (0, 4)


def test_what_cannot_be_paired_or_switched_is_refused() -> None:
    right = blocks()
    with pytest.raises(UsageError, match="expected one of item, query, both"):
        shapley(Bent(), right, right, side="left")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be switched"):
        shapley(Bent(), np.ones(6, np.float32), right, side="both")
    with pytest.raises(UsageError, match="3 queries and 7 items"):
        shapley(Bent(), blocks(3), right)
    with pytest.raises(UsageError, match="no block"):
        shapley(Bent(), right, {})
    with pytest.raises(UsageError, match="13 modalities have 8,192 coalitions"):
        list(coalitions([str(n) for n in range(13)]))
    with pytest.raises(UsageError, match="2\\^m"):
        shapley_values(np.ones((3, 1)))
    with pytest.raises(UsageError, match="gives \\(\\) for 7 pairs"):
        shapley(Bent(), right, right, similarity=lambda a, b: np.asarray(1.0))
