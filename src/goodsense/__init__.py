"""goodsense understands the goods of an online shop.

>>> import goodsense
>>> shop = goodsense.Shop.create("toys")                       # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from goodsense._version import __version__

if TYPE_CHECKING:
    from goodsense.catalog import Money, Product, Variant
    from goodsense.errors import GoodsenseError
    from goodsense.shop import Recipe, Shop
    from goodsense.types import AudioRef, Embeddings, Hit, Hits, ImageRef, Part, Query, VideoRef

_HOMES = {  # public name -> module; loaded on first use, so that `import goodsense` stays quick
    "AudioRef": "goodsense.types",
    "Embeddings": "goodsense.types",
    "GoodsenseError": "goodsense.errors",
    "Hit": "goodsense.types",
    "Hits": "goodsense.types",
    "ImageRef": "goodsense.types",
    "Money": "goodsense.catalog",
    "Part": "goodsense.types",
    "Product": "goodsense.catalog",
    "Query": "goodsense.types",
    "Recipe": "goodsense.shop",
    "Shop": "goodsense.shop",
    "Variant": "goodsense.catalog",
    "VideoRef": "goodsense.types",
}

__all__ = [
    "AudioRef",
    "Embeddings",
    "GoodsenseError",
    "Hit",
    "Hits",
    "ImageRef",
    "Money",
    "Part",
    "Product",
    "Query",
    "Recipe",
    "Shop",
    "Variant",
    "VideoRef",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'goodsense' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
