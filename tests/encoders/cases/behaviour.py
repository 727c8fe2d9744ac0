"""The encoders of what shoppers did and said: ``ppmi``, ``als``, ``opinions``."""

from __future__ import annotations

from goodsense.types import Profile
from tests.encoders import opinion_samples
from tests.encoders.case import Case

CASES = [
    Case(
        "behaviour",
        "ppmi",
        opinion_samples.behaviour(),
        Profile(),
        {"dim": 5, "shift": 1.5, "smoothing": 1.0, "whiten": 0.6},
        {"dim": 8},
    ),
    Case(
        "behaviour",
        "als",
        opinion_samples.behaviour(),
        Profile(),
        {"dim": 5, "regularisation": 3.0, "alpha": 2.0, "iterations": 2},
        {"dim": 6},
    ),
    Case(
        "reviews",
        "opinions",
        opinion_samples.reviews(),
        (),
        {"text": "word2vec", "text_dim": 5, "rating_weight": 0.6, "helpful": 0.0, "half_life_days": 30.0},
        {"text_dim": 12},
    ),
]
