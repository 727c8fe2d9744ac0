"""GF-CF and Turbo-CF against their dense formulas."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.recommend import histories_of, make_model
from goodsense.recommend.spectral import scaled
from tests.recommend.toys import all_scores, dense, log


def normalised(taken: np.ndarray, users: float, items: float) -> np.ndarray:
    """``D_u^-users R D_i^-items``."""
    found: np.ndarray = taken.sum(axis=1, keepdims=True).clip(1) ** -users * taken * taken.sum(axis=0) ** -items
    return found


def test_degrees_scale_rows_and_columns() -> None:
    events = log()
    np.testing.assert_allclose(
        scaled(events.matrix, 0.3, 0.6).toarray(), normalised(dense(events), 0.3, 0.6), rtol=1e-5
    )


@pytest.mark.parametrize("dim", [1, 4])
def test_gf_cf_is_the_linear_and_the_ideal_filter(dim: int) -> None:
    events, histories = log(), log(users=6, seed=5)
    taken = dense(events)
    graph, degrees = normalised(taken, 0.5, 0.5), taken.sum(axis=0)
    basis = np.linalg.svd(graph)[2][:dim].T  # (n, dim)
    ideal = np.diag(degrees**-0.5) @ basis @ basis.T @ np.diag(degrees**0.5)
    expected = dense(histories) @ (graph.T @ graph + 0.3 * ideal)
    model = make_model("gf-cf", dim=dim, alpha=0.3).fit(events)
    np.testing.assert_allclose(all_scores(model, histories), expected, atol=1e-4)


def test_gf_cf_without_the_ideal_filter_is_linear_and_sparse() -> None:
    events = log()
    graph = normalised(dense(events), 0.5, 0.5)
    model = make_model("gf-cf", alpha=0.0).fit(events)
    np.testing.assert_allclose(all_scores(model, events), dense(events) @ graph.T @ graph, atol=1e-5)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_turbo_cf_is_a_polynomial_of_the_graph(degree: int) -> None:
    events, histories = log(), log(users=6, seed=5)
    ties = normalised(dense(events), 0.6, 0.4)
    graph = (ties.T @ ties) ** 0.7
    square = graph @ graph
    filters = {
        1: graph,
        2: 2 * graph - square,
        3: graph + 0.01 * (-square @ graph + 10 * square - 29 * graph),
    }
    model = make_model("turbo-cf", alpha=0.6, power=0.7, degree=degree).fit(events)
    np.testing.assert_allclose(all_scores(model, histories), dense(histories) @ filters[degree], atol=1e-4)


def test_turbo_cf_keeps_the_strongest_entries() -> None:
    events = log()
    ties = normalised(dense(events), 0.6, 0.4)
    graph = (ties.T @ ties) ** 0.7
    model = make_model("turbo-cf", alpha=0.6, power=0.7, neighbours=3).fit(events)
    found = all_scores(model, histories_of([[item] for item in model.items]))
    assert (np.count_nonzero(found, axis=1) <= 3).all()
    np.testing.assert_allclose(np.sort(found)[:, -3:], np.sort(graph)[:, -3:], atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("gf-cf", {"dim": 0}), ("gf-cf", {"alpha": -1.0}), ("turbo-cf", {"degree": 4}), ("turbo-cf", {"power": 0.0})],
)
def test_options_that_make_no_sense_are_refused(kind: str, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        make_model(kind, **options)
