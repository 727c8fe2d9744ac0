"""What this shopper wants next: recommenders behind one interface, all by name in :data:`MODELS`."""

from goodsense.recommend.content import Content
from goodsense.recommend.histories import histories_of
from goodsense.recommend.model import Model, Recommender
from goodsense.recommend.models import MODELS, ModelSpec, load_model, make_model
from goodsense.recommend.ranked import Ranked

__all__ = [
    "MODELS",
    "Content",
    "Model",
    "ModelSpec",
    "Ranked",
    "Recommender",
    "histories_of",
    "load_model",
    "make_model",
]
