"""Whether a shopper buys a product: foretold from fused vectors of what was bought, judged by folds of shoppers."""

from goodsense.shop.purchases.report import STUDY, Foretold, PurchaseEvaluation, Study
from goodsense.shop.purchases.run import evaluate_shop_purchases
from goodsense.shop.purchases.trial import Trial, evaluate_purchases

__all__ = [
    "STUDY",
    "Foretold",
    "PurchaseEvaluation",
    "Study",
    "Trial",
    "evaluate_purchases",
    "evaluate_shop_purchases",
]
