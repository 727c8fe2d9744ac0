"""Products, variants and money, and the feeds they come from."""

from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Availability, Product, Split, Variant, text_fields

__all__ = ["AttributeValue", "Availability", "Money", "Product", "Split", "Variant", "text_fields"]
