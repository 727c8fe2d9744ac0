"""A complete little toy shop, made on the spot: nothing to download, nothing real, everything judged."""

from goodsense.demo.plan import Truth
from goodsense.demo.queries import Wish
from goodsense.demo.sheet import contact_sheet
from goodsense.demo.toyshop import ToyShop, make_toy_shop

__all__ = ["ToyShop", "Truth", "Wish", "contact_sheet", "make_toy_shop"]
