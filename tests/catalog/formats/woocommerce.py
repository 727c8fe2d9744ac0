"""WooCommerce's product CSV carries every catalog, with custom fields of goodsense's own."""

from goodsense.catalog import Product
from tests.catalog.catalogs import UNIQUE, VALID

__all__ = ["CARRIED", "LOST", "VALID"]

CARRIED = UNIQUE
LOST: dict[str, tuple[Product, Product]] = {}
