"""The encoders without a network: ``lsa``, ``descriptors``, ``columns``."""

from __future__ import annotations

from tests.encoders import samples
from tests.encoders.case import Case

CASES = [
    Case(
        "text",
        "lsa",
        samples.texts(),
        {"title": ""},
        {
            "dim": 24,
            "char_ngrams": [2, 4],
            "word_ngrams": 1,
            "field_weights": {"title": 1.0},
            "char_weight": 0.1,
            "whiten": 0.9,
        },
    ),
    Case("image", "descriptors", samples.pictures(), None, {"dim": 64, "weights": {"gradients": 0.2}}),
    Case(
        "attributes", "columns", samples.attributes(), {}, {"scale": "minmax", "max_categories": 2, "category_paths": 4}
    ),
    Case(
        "attributes",
        "columns",
        [{"category": ("Toys", ("Car", "Doll", "Kite")[i % 3], str(i % 5)), "price": 5.0 + i % 7} for i in range(30)],
        {},
        {"scale": "minmax", "max_categories": 2, "category_paths": 3},
        {"category_paths": 4},
    ),
]
