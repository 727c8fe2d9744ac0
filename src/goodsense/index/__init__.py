"""Engines that propose candidates: exact search, the oracle, and Qdrant Edge, embedded."""

from goodsense.index.exact import ExactIndex
from goodsense.index.qdrant_edge import EdgeSettings, QdrantEdgeIndex

__all__ = ["EdgeSettings", "ExactIndex", "QdrantEdgeIndex"]
