"""Fusion: several blocks of vectors to one vector per product.

Every fusion of :data:`FUSIONS` has ``fit``, ``fuse``, ``dim``, ``fingerprint``, ``save`` and ``load``
(:class:`FittedFusion`); :class:`LateFusion` puts scores together instead of vectors. What is made of torch is imported
on use, by its class's name or by :func:`make_fusion`.
"""

from __future__ import annotations

import importlib
from typing import Any

from goodsense.fusion.activated import ActivatedFusion, ProductFusion
from goodsense.fusion.additive import AdditiveFusion
from goodsense.fusion.alignment import CcaFusion, RidgeFusion
from goodsense.fusion.base import BlockFusion, FittedFusion
from goodsense.fusion.hybrid import HybridFusion
from goodsense.fusion.kernel import KernelCcaFusion, KernelRidgeFusion
from goodsense.fusion.late import LateFusion, block_scores
from goodsense.fusion.registry import FUSIONS, fusion_options, load_fusion, make_fusion
from goodsense.fusion.simple import ConcatFusion, LearnedFusion, MaxFusion, MeanFusion, WeightedFusion

__all__ = [
    "FUSIONS",
    "ActivatedFusion",
    "AdditiveFusion",
    "BlockFusion",
    "CcaFusion",
    "ConcatFusion",
    "FittedFusion",
    "HybridFusion",
    "KernelCcaFusion",
    "KernelRidgeFusion",
    "LateFusion",
    "LearnedFusion",
    "MaxFusion",
    "MeanFusion",
    "ProductFusion",
    "RidgeFusion",
    "WeightedFusion",
    "block_scores",
    "fusion_options",
    "load_fusion",
    "make_fusion",
]

_HOMES = {attribute: module for module, _, attribute in (place.partition(":") for place in FUSIONS.values())}


def __getattr__(name: str) -> Any:
    """The class of any fusion, imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
