"""Fusion: several blocks of vectors to one vector per product."""

from goodsense.fusion.additive import AdditiveFusion

__all__ = ["AdditiveFusion"]
