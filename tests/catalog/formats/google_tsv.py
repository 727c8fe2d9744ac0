"""Google Merchant's TSV."""

from tests.catalog.catalogs import VALID
from tests.catalog.formats._google import CARRIED, LOST

__all__ = ["CARRIED", "LOST", "UNSHOWN", "VALID"]

UNSHOWN = {"white space and control characters": "TSV carries them; only RSS does not"}
