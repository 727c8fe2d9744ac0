"""From candidates to the list that is shown: click rates, variety, the shop's own rules, exploration, paid places."""

from goodsense.recommend.reranking.diversity import CategoryCap, Diversify, mmr
from goodsense.recommend.reranking.draft import Draft, Move, Phase, Request, Step
from goodsense.recommend.reranking.exploration import ClickCounts, EpsilonGreedy, Thompson
from goodsense.recommend.reranking.features import CandidateFeatures, Features
from goodsense.recommend.reranking.pipeline import Pick, Reranked, Reranker, candidates_of
from goodsense.recommend.reranking.propensity import Propensities, by_regression_em, of_shuffled
from goodsense.recommend.reranking.rates import ByRate, RateModel
from goodsense.recommend.reranking.rules import Boost, Bury, Exclude, ExcludeBought, Filters, InStock, Pin, PriceBounds
from goodsense.recommend.reranking.shown import Shown
from goodsense.recommend.reranking.sponsored import Sponsored

__all__ = [
    "Boost",
    "Bury",
    "ByRate",
    "CandidateFeatures",
    "CategoryCap",
    "ClickCounts",
    "Diversify",
    "Draft",
    "EpsilonGreedy",
    "Exclude",
    "ExcludeBought",
    "Features",
    "Filters",
    "InStock",
    "Move",
    "Phase",
    "Pick",
    "Pin",
    "PriceBounds",
    "Propensities",
    "RateModel",
    "Request",
    "Reranked",
    "Reranker",
    "Shown",
    "Sponsored",
    "Step",
    "Thompson",
    "by_regression_em",
    "candidates_of",
    "mmr",
    "of_shuffled",
]
