"""A shop on disk: the truth, the recipe, the build, and the facade over all of it."""

from goodsense.shop.behaviour import EventReport, EventSource
from goodsense.shop.build import BuildReport
from goodsense.shop.fetching import FetchReport
from goodsense.shop.ingest import IngestReport
from goodsense.shop.recipe import Recipe
from goodsense.shop.shop import Shop, make_query
from goodsense.shop.sources import Source
from goodsense.shop.truth import Applied

__all__ = [
    "Applied",
    "BuildReport",
    "EventReport",
    "EventSource",
    "FetchReport",
    "IngestReport",
    "Recipe",
    "Shop",
    "Source",
    "make_query",
]
