"""Engines that propose candidates: exact search, the oracle, and Qdrant Edge, embedded."""

from goodsense.index.exact import ExactIndex

__all__ = ["ExactIndex"]
