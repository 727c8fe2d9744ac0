"""Google Merchant's RSS."""

from goodsense.catalog import Product
from tests.catalog.catalogs import VALID
from tests.catalog.formats import _google

__all__ = ["CARRIED", "LOST", "VALID"]

CARRIED = _google.CARRIED
LOST = _google.LOST | {
    "white space and control characters": (Product("1", title="  a\x01b\n"), Product("1", title="ab"))
}
