"""Encoders of words or pairs of texts: ``sketch``, ``word2vec``, ``glove``, ``bag``, ``rnn``, ``transformer``."""

from __future__ import annotations

from tests.encoders import samples
from tests.encoders.case import Case

EMPTY = {"title": ""}
FIELDS = {"title": 1.0}

CASES = [
    Case(
        "text",
        "sketch",
        samples.texts(),
        EMPTY,
        {"dim": 64, "buckets": 512, "pair_weight": 0.1, "char_weight": 0.2, "rareness": 1.0, "field_weights": FIELDS},
        {"dim": 70, "pair_weight": 0.3},
    ),
    Case(
        "text",
        "word2vec",
        samples.texts(),
        EMPTY,
        {"dim": 8, "kind": "cbow", "window": 2, "epochs": 2, "smoothing": 0.1, "field_weights": FIELDS},
        {"dim": 12, "epochs": 4},
    ),
    Case(
        "text",
        "glove",
        samples.texts(),
        EMPTY,
        {"dim": 8, "window": 2, "sweeps": 1, "ridge": 2.0, "smoothing": 0.1, "field_weights": FIELDS},
        {"dim": 12, "sweeps": 3},
    ),
    Case(
        "text",
        "bag",
        samples.texts(),
        EMPTY,
        {"dim": 8, "char_ngrams": [2, 3], "epochs": 1, "field_weights": FIELDS},
        {"dim": 12, "epochs": 2},
    ),
    Case(
        "text",
        "rnn",
        samples.texts(),
        EMPTY,
        {"dim": 8, "cell": "lstm", "width": 6, "char_ngrams": [2, 3], "epochs": 1, "field_weights": FIELDS},
        {"dim": 12, "epochs": 2, "width": 8},
    ),
    Case(
        "text",
        "transformer",
        samples.texts(),
        EMPTY,
        {
            "dim": 8,
            "width": 6,
            "layers": 1,
            "heads": 2,
            "char_ngrams": [2, 3],
            "pretrain_epochs": 0,
            "epochs": 1,
            "field_weights": FIELDS,
        },
        {"dim": 12, "width": 12, "heads": 3, "pretrain_epochs": 1, "epochs": 2},
    ),
]
