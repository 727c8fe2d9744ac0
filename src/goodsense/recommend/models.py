"""Every recommender by its name: where it is, what it needs, and which settings are worth trying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from goodsense.encoders.artefacts import SETTINGS_FILE
from goodsense.errors import DataError, UsageError
from goodsense.recommend.model import Model


@dataclass(frozen=True)
class ModelSpec:
    """One recommender.

    Parameters
    ----------
    module, cls
        Where its class is; imported when it is made.
    note
        What it does, in a few words.
    needs
        What it cannot do without: ``content``, ``times``, ``torch``.
    space
        Option -> values that are worth trying on validation, the default first.
    """

    module: str
    cls: str
    note: str
    needs: frozenset[str] = frozenset()
    space: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def load(self) -> type[Model]:
        """The class."""
        found: type[Model] = getattr(import_module(f"goodsense.recommend.{self.module}"), self.cls)
        return found


_TORCH = frozenset({"torch"})
_CONTENT = frozenset({"content"})

MODELS: Mapping[str, ModelSpec] = {
    "popular": ModelSpec("popular", "Popular", "what most shoppers took"),
    "recent": ModelSpec("popular", "Recent", "what shoppers took lately", space={"half_life_days": (14.0, 3.0, 60.0)}),
    "trending": ModelSpec("popular", "Trending", "what shoppers take more than before"),
    "popular-in-category": ModelSpec("popular", "PopularInCategory", "what is popular in the history's categories"),
    "item-knn": ModelSpec(
        "neighbours",
        "ItemNeighbours",
        "items like those in the history, by who took to them",
        space={"shrinkage": (50.0, 100.0, 10.0), "damping": (0.25, 0.5), "alpha": (0.7, 0.5), "fading": (1.0, 0.8)},
    ),
    "user-knn": ModelSpec(
        "neighbours",
        "UserNeighbours",
        "what shoppers with a similar history took to",
        space={"neighbours": (300, 100, 1000), "weighting": ("tf-idf", "none")},
    ),
    "graph-filter": ModelSpec(
        "graph_filter",
        "GraphFilter",
        "walks over graphs of who is taken together and who is alike",
        space={"found": (0.0, 0.15, -0.1), "seen": (0.3, 0.15, 0.5), "users": (0.5, 1.0)},
    ),
    "ease": ModelSpec(
        "ease",
        "Ease",
        "items that a linear model of all others expects",
        space={"regularisation": (300.0, 1000.0, 100.0)},
    ),
    "ease-side": ModelSpec(
        "ease",
        "EaseWithSide",
        "the same, explaining items by what they are, too",
        needs=_CONTENT,
        space={"side": (10.0, 3.0, 30.0), "regularisation": (300.0, 100.0, 1000.0)},
    ),
    "slim": ModelSpec(
        "slim",
        "Slim",
        "sparse weights of items for items, by an elastic net per item",
        space={"l2": (50.0, 20.0, 100.0), "l1": (0.5, 2.0)},
    ),
    "gf-cf": ModelSpec(
        "spectral",
        "SpectralFilter",
        "low-pass filters on the graph of items",
        space={"alpha": (1.0, 3.0, 0.3), "dim": (256, 64)},
    ),
    "turbo-cf": ModelSpec(
        "polynomial",
        "PolynomialFilter",
        "polynomial filters on the graph of items",
        space={"alpha": (0.8, 0.6, 1.0), "power": (0.7, 1.0)},
    ),
    "session-knn": ModelSpec(
        "session_knn",
        "SessionNeighbours",
        "what sessions like the one at hand had besides",
        needs=frozenset({"times"}),
        space={"decay": ("linear", "div"), "neighbours": (200, 100, 500), "rarity": (True, False)},
    ),
    "content": ModelSpec(
        "by_content",
        "ByContent",
        "products like those in the history, by what they are",
        needs=_CONTENT,
        space={"attention": (0.0, 5.0, 20.0), "fading": (1.0, 0.8)},
    ),
    "als": ModelSpec(
        "factors",
        "Als",
        "hidden factors by alternating least squares",
        space={"regularisation": (10.0, 30.0), "alpha": (10.0, 3.0, 30.0), "dim": (64, 128)},
    ),
    "bpr": ModelSpec(
        "factors",
        "Bpr",
        "hidden factors that put what was taken before what was not",
        space={"regularisation": (0.03, 0.1, 0.01), "dim": (64, 32)},
    ),
    "vbpr": ModelSpec(
        "vbpr",
        "Vbpr",
        "the same with factors that come from content",
        needs=_CONTENT,
        space={"sight": (0.1, 0.3), "regularisation": (0.03, 0.01)},
    ),
    "taste": ModelSpec(
        "by_taste",
        "ByTaste",
        "products like those in the history, by the modalities that its shopper goes by",
        needs=_CONTENT,
        space={"own": (True, False)},
    ),
    "hybrid": ModelSpec(
        "hybrid",
        "Hybrid",
        "a blend of recommenders, weighed on held-out items",
        space={"normalise": ("z", "rank")},
    ),
    "sasrec": ModelSpec(
        "sasrec",
        "Sasrec",
        "a transformer that reads the history",
        frozenset({"torch", "times"}),
        {"inputs": ("both", "ids", "content"), "dropout": (0.3, 0.5)},
    ),
    "gru4rec": ModelSpec(
        "gru4rec",
        "Gru4Rec",
        "a recurrent network that reads the history",
        frozenset({"torch", "times"}),
        {"inputs": ("both", "ids", "content"), "dropout": (0.3, 0.5)},
    ),
    "cnn": ModelSpec(
        "convolution",
        "Convolution",
        "convolutions over the history",
        frozenset({"torch", "times"}),
        {"inputs": ("both", "ids", "content"), "shape": ("nextitnet", "caser")},
    ),
    "next-basket": ModelSpec(
        "next_basket",
        "NextBasket",
        "a recurrent network that reads baskets and says the next one",
        frozenset({"torch", "times"}),
        {"inputs": ("both", "ids")},
    ),
    "lightgcn": ModelSpec(
        "lightgcn",
        "LightGCN",
        "vectors smoothed along who took what",
        needs=_TORCH,
        space={"layers": (3, 2), "decay": (0.7, 0.4)},
    ),
    "graphsage": ModelSpec(
        "graphsage",
        "GraphSage",
        "vectors from a graph of shoppers, items and attributes",
        needs=_TORCH,
        space={"hide": (0.3, 0.1), "temperature": (0.1, 0.2)},
    ),
    "two-tower": ModelSpec(
        "two_tower",
        "TwoTower",
        "a network over the history beside one over the item",
        needs=_TORCH,
        space={"pool": ("mean", "attention"), "temperature": (0.1, 0.2)},
    ),
    "ncf": ModelSpec(
        "ncf",
        "Ncf",
        "factors and a perceptron over history and item",
        needs=_TORCH,
        space={"negatives": (4, 8), "dim": (32, 64)},
    ),
}


def make_model(name: str, **options: Any) -> Model:
    """A recommender by name, not fitted yet.

    Raises
    ------
    UsageError
        If there is none of this name, or it has no such option.
    DependencyError
        If it needs a library that is not installed.
    """
    spec = MODELS.get(name)
    if spec is None:
        raise UsageError(f"there is no recommender {name!r}.", fix=f"Known: {', '.join(MODELS)}.")
    model = spec.load()
    try:
        return model(**options)
    except TypeError as error:
        raise UsageError(f"{name}: {error}.", fix="Check the options of this recommender.") from error


def load_model(directory: Path) -> Model:
    """Read a fitted recommender of whatever kind.

    Raises
    ------
    DataError
        If the directory holds none.
    """
    import json

    try:
        kind = str(json.loads((directory / SETTINGS_FILE).read_text("utf-8"))["kind"]).removeprefix("recommender ")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{directory} holds no recommender: {error}.", fix="Build the shop again.") from error
    if kind not in MODELS:
        raise DataError(f"{directory} holds {kind!r}, which is no known recommender.", fix="Build the shop again.")
    return MODELS[kind].load().load(directory)
