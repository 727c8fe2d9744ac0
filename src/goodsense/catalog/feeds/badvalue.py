"""The one way a value says that it cannot be taken."""

from __future__ import annotations

from goodsense.tables.values import BadValue

__all__ = ["BadValue"]
