"""Matrices of behaviour to factors: what goes together (PPMI), who cares for what (ALS, BPR), neighbours in a graph.

One implementation of each stands here, below the encoders and whatever else recommends.
"""

from goodsense.factors.als import AlsFactors, als_factors, solve_rows
from goodsense.factors.bpr import BprFactors, bpr_factors
from goodsense.factors.cooccurrence import Ties, profiles
from goodsense.factors.ppmi import PpmiFactors, ppmi_factors, ppmi_rows
from goodsense.factors.sampler import Neighbours, sample_hops, sample_neighbours

__all__ = [
    "AlsFactors",
    "BprFactors",
    "Neighbours",
    "PpmiFactors",
    "Ties",
    "als_factors",
    "bpr_factors",
    "ppmi_factors",
    "ppmi_rows",
    "profiles",
    "sample_hops",
    "sample_neighbours",
    "solve_rows",
]
