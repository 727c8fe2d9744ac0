"""Product tables carry every catalog."""

from tests.catalog.catalogs import CATALOGS, VALID

__all__ = ["CARRIED", "LOST", "NAMES", "VALID"]

NAMES = ("csv", "tsv", "jsonl", "json", "parquet")
CARRIED = CATALOGS.filter(bool)
LOST: dict[str, tuple[object, object]] = {}
