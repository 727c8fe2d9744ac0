"""Web formats and data sets that keep beside their own fields what these cannot say."""

from tests.catalog.catalogs import UNIQUE, VALID

__all__ = ["CARRIED", "LOST", "NAMES", "VALID"]

NAMES = ("jsonld", "amazon-2023", "abo", "yelp", "beir")
CARRIED = UNIQUE
LOST: dict[str, tuple[object, object]] = {}
