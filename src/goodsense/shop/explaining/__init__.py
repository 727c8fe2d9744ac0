"""Why a product is a hit, and what its vectors are made of: modalities, words and parts of pictures."""

from goodsense.shop.explaining.results import HitExplanation, ProductExplanation
from goodsense.shop.explaining.run import explain_hit, explain_product

__all__ = ["HitExplanation", "ProductExplanation", "explain_hit", "explain_product"]
