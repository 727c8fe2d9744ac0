"""Cleaning: small steps from one product to what becomes of it, listed in a plan that people can read and change."""

from goodsense.quality.cleaning.fields import map_texts, value_of, with_value
from goodsense.quality.cleaning.plan import STEPS, Plan
from goodsense.quality.cleaning.step import PureStep, Step, Transform, fit_steps, run_steps, trace_steps

__all__ = [
    "STEPS",
    "Plan",
    "PureStep",
    "Step",
    "Transform",
    "fit_steps",
    "map_texts",
    "run_steps",
    "trace_steps",
    "value_of",
    "with_value",
]
