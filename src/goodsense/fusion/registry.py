"""Every fusion by its name; a fusion is imported when it is made."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goodsense.errors import UsageError
from goodsense.fusion.base import FittedFusion

FUSIONS: Mapping[str, str] = {
    "additive": "goodsense.fusion.additive:AdditiveFusion",
    "mean": "goodsense.fusion.simple:MeanFusion",
    "max": "goodsense.fusion.simple:MaxFusion",
    "weighted": "goodsense.fusion.simple:WeightedFusion",
    "concat": "goodsense.fusion.simple:ConcatFusion",
    "learned": "goodsense.fusion.simple:LearnedFusion",
    "activated": "goodsense.fusion.activated:ActivatedFusion",
    "product": "goodsense.fusion.activated:ProductFusion",
    "cca": "goodsense.fusion.alignment:CcaFusion",
    "ridge": "goodsense.fusion.alignment:RidgeFusion",
    "kernel-ridge": "goodsense.fusion.kernel:KernelRidgeFusion",
    "label-product": "goodsense.fusion.label_product:LabelProductFusion",
    "kernel-cca": "goodsense.fusion.kernel:KernelCcaFusion",
    "hybrid": "goodsense.fusion.hybrid:HybridFusion",
    "graph": "goodsense.fusion.graph:GraphFusion",
    "trained": "goodsense.fusion.trained:TrainedFusion",
    "ensemble": "goodsense.fusion.ensembled:EnsembledFusion",
    "csls": "goodsense.fusion.hubs:CslsFusion",
}


def make_fusion(name: str, **options: Any) -> FittedFusion:
    """Make a fresh fusion, ready to be fitted.

    Raises
    ------
    UsageError
        For a name or an option that does not exist, or an option that is missing; the message lists those that do.
    """
    known = fusion_options(name)
    for option in options:
        if option not in known:
            raise UsageError(
                f"the fusion {name!r} has no option {option!r}; it has {', '.join(known) or 'none'}.",
                fix=_nearest(option, list(known)),
            )
    for option, default in known.items():
        if default is inspect.Parameter.empty and option not in options:
            raise UsageError(f"the fusion {name!r} needs the option {option!r}.")
    made: FittedFusion = fusion_class(name)(**options)
    return made


def load_fusion(name: str, directory: Path) -> FittedFusion:
    """Load a fusion that was saved into ``directory``."""
    loaded: FittedFusion = fusion_class(name).load(directory)
    return loaded


def fusion_options(name: str) -> dict[str, Any]:
    """The options of a fusion and their defaults, in the order of its signature."""
    return {option: found.default for option, found in inspect.signature(fusion_class(name)).parameters.items()}


def fusion_class(name: str) -> Any:
    """The class of a fusion, imported now."""
    if name not in FUSIONS:
        raise UsageError(
            f"there is no fusion {name!r}; there are {', '.join(FUSIONS)}.", fix=_nearest(name, list(FUSIONS))
        )
    module, _, attribute = FUSIONS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
