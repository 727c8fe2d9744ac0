"""Metrics, evaluation files and experiment statistics: knows ids, labels and scores, never a model."""

from goodsense.evaluate.agreement import Agreement, Rate, agreement, error_rate
from goodsense.evaluate.classification import (
    Averages,
    ClassificationReport,
    ClassScore,
    Confused,
    classification_report,
)
from goodsense.evaluate.experiment import (
    Comparison,
    Interval,
    bootstrap,
    compare,
    paired_bootstrap,
    paired_randomisation,
    share_losing,
)
from goodsense.evaluate.files import read_qrels, read_queries, read_run, write_run
from goodsense.evaluate.ranking import RankingReport, evaluate_run, rank
from goodsense.evaluate.recommendation import RecommendationReport, evaluate_recommendations
from goodsense.evaluate.recommendation_answers import ItemFacts, judged_users
from goodsense.evaluate.regression import RegressionReport, regression_report

__all__ = [
    "Agreement",
    "Averages",
    "ClassScore",
    "ClassificationReport",
    "Comparison",
    "Confused",
    "Interval",
    "ItemFacts",
    "RankingReport",
    "Rate",
    "RecommendationReport",
    "RegressionReport",
    "agreement",
    "bootstrap",
    "classification_report",
    "compare",
    "error_rate",
    "evaluate_recommendations",
    "evaluate_run",
    "judged_users",
    "paired_bootstrap",
    "paired_randomisation",
    "rank",
    "read_qrels",
    "read_queries",
    "read_run",
    "regression_report",
    "share_losing",
    "write_run",
]
