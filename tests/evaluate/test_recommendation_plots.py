"""Pictures of recommenders: they hold what they say, whatever the names, and refuse what cannot be drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from goodsense.errors import UsageError
from goodsense.evaluate.recommendation import RecommendationReport, evaluate_recommendations
from goodsense.evaluate.recommendation_plots import beyond_figure, slices_figure
from tests.evaluate.test_plots import _inside, _said
from tests.evaluate.test_recommendation import _random


def _report(seed: int) -> RecommendationReport:
    rows, held, train = _random()
    order = np.random.default_rng(seed).permuted(rows[:, :25], axis=1)
    return evaluate_recommendations(order, held, train, ks=(5, 20))


def test_accuracy_beside_the_rest() -> None:
    reports = {f"模型 {seed}": _report(seed) for seed in range(7)}
    figure = beyond_figure(reports)
    said = _said(figure)
    assert "ndcg@20" in said
    assert all(name in said for name in reports)
    assert len(figure.axes) == 3  # nothing is known that would tell items apart
    points = [
        np.asarray(each.get_offsets())[0].tolist()
        for each in figure.axes[0].collections
        if isinstance(each, PathCollection)
    ]
    wanted = [[report.metrics["coverage@20"], report.metrics["ndcg@20"]] for report in reports.values()]
    assert np.array(sorted(points)) == pytest.approx(np.array(sorted(wanted)))
    _inside(figure)


def test_slices_with_their_numbers_of_shoppers() -> None:
    report = _report(1)
    figure = slices_figure({"a": report, "b": _report(2)})
    said = _said(figure)
    for part in report.slices:
        assert f"{part.kind}: {part.name}  ({part.users:,})" in said
    _inside(figure)


def test_what_cannot_be_drawn_is_refused() -> None:
    report = _report(1)
    with pytest.raises(UsageError, match="at least one report"):
        beyond_figure({})
    with pytest.raises(UsageError, match="no ndcg@7"):
        beyond_figure({"a": report}, k=7)
    with pytest.raises(UsageError, match="7 reports"):
        slices_figure(dict.fromkeys("abcdefg", report))
    with pytest.raises(UsageError, match="no slices with ndcg@9"):
        slices_figure({"a": report}, metric="ndcg@9")
