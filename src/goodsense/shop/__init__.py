"""A shop on disk: the truth, the recipe, the build, and the facade over all of it."""

from goodsense.shop.build import BuildReport
from goodsense.shop.ingest import IngestReport, Source
from goodsense.shop.recipe import Recipe
from goodsense.shop.shop import Shop, make_query
from goodsense.shop.truth import Applied

__all__ = ["Applied", "BuildReport", "IngestReport", "Recipe", "Shop", "Source", "make_query"]
