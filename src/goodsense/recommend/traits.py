"""What a history says of its shopper in numbers: how long it is, how dear its items are, and how much that varies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goodsense.recommend.content import Content
from goodsense.recommend.drawing import Rows

TRAITS = 3


def dearness(content: Content) -> NDArray[np.float32]:
    """Logarithms of prices about their mean, in deviations, ``(n,)``; 0 where a price is unknown."""
    prices = np.full(len(content), np.nan) if content.prices is None else content.prices
    known = np.isfinite(prices) & (prices > 0)
    logs = np.log(prices[known])
    found = np.zeros(len(content), dtype=np.float32)
    found[known] = (logs - logs.mean()) / max(float(logs.std()), 1e-6) if known.any() else 0.0
    return found


def traits(rows: Rows, there: NDArray[np.bool_], dear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of histories ``(b, h)``: their length, and mean and deviation of how dear their items are; ``(b, TRAITS)``."""
    counts = there.sum(axis=1)
    shares = there / np.maximum(counts, 1)[:, None]
    mean = (dear[rows] * shares).sum(axis=1)
    spread = np.sqrt((((dear[rows] - mean[:, None]) ** 2) * shares).sum(axis=1))
    return np.stack([np.log1p(counts) / 3, mean, spread], axis=1).astype(np.float32)
