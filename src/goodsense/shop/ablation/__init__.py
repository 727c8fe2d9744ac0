"""`goodsense ablate`: which modalities of a shop are worth having, and which way of fusing them, on held-out data."""

from goodsense.shop.ablation.plan import GOALS, Measured, Plan, ShopAblation
from goodsense.shop.ablation.run import ablate_shop

__all__ = ["GOALS", "Measured", "Plan", "ShopAblation", "ablate_shop"]
