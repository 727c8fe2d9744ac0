"""A shop's own blocks and events, made ready to foretell purchases from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goodsense.errors import DataError, UsageError
from goodsense.events import DEFAULT_WEIGHTS
from goodsense.fusion.joint import JOINT
from goodsense.learning.purchase_cases import Baskets
from goodsense.progress import Progress, silent
from goodsense.shop.encoding import BLOCKS
from goodsense.shop.purchases.report import PurchaseEvaluation
from goodsense.shop.purchases.trial import Trial, evaluate_purchases
from goodsense.shop.recipe import PurchaseTable, Recipe
from goodsense.types import Embeddings

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

LEARNED_FROM_EVENTS = ("behaviour",)


def evaluate_shop_purchases(
    shop: Shop,
    recipe: Recipe | None = None,
    *,
    folds: int = 5,
    users: int | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress = silent,
) -> PurchaseEvaluation:
    """Foretell purchases of this shop by the blocks of its build.

    Parameters
    ----------
    recipe
        Whose table ``purchase`` is used; None: that of the build.
    folds
        Of shoppers.
    users
        Most shoppers that take part, drawn; None: all.

    Raises
    ------
    UsageError
        If the shop was not built, or has no such modality.
    DataError
        If there are no events of the kinds that count as buying.
    """
    used = recipe if recipe is not None else shop.built_recipe
    table = used.purchase
    blocks = shop_blocks(shop, table)
    ids = next(iter(blocks.values())).ids
    buying = shop.interactions(types=table.types, weights=dict.fromkeys(table.types, 1.0))
    if not len(buying):
        raise DataError(
            f"the shop has no events of the kind {' or '.join(table.types)}, so nothing was bought.",
            fix="Add them (goodsense events), or count other kinds as buying (--type view).",
        )
    touched = shop.interactions(weights=dict.fromkeys(DEFAULT_WEIGHTS, 1.0))
    names = sampled_users(touched.users, buying.users, users, seed)
    bought, seen = (Baskets.of(each, users=names, items=ids, seed=seed) for each in (buying, touched))
    trial = Trial(blocks, bought, seen, table, folds=folds, device=device, seed=seed)
    return evaluate_purchases(trial, progress=progress, notes=tuple(_differences(shop.built_recipe, used, blocks)))


def shop_blocks(shop: Shop, table: PurchaseTable) -> dict[str, Embeddings]:
    """The blocks of the build that the recipe names; by default all that were not learned from events."""
    known = [name for name in BLOCKS if name in shop.snapshot.blocks and name not in (*LEARNED_FROM_EVENTS, JOINT)]
    for name in table.modalities:
        if name in LEARNED_FROM_EVENTS:
            raise UsageError(
                f"the block {name!r} was learned from the events that are to be foretold.", fix="Leave it out."
            )
        if name not in known:
            raise UsageError(f"this build has no block {name!r}; it has {', '.join(known) or 'none'}.")
    ids = tuple(product.id for product in shop.truth.products())
    rows = shop.snapshot.rows_of(ids)
    found: dict[str, Embeddings] = {}
    for name in known:
        block = shop.snapshot.blocks[name]
        own = Embeddings.of_products(ids, np.array(block.gather(rows)), np.array(block.gather_present(rows)))
        if (name in table.modalities or not table.modalities) and own.present.any():
            found[name] = own
    return found


def sampled_users(every: tuple[str, ...], buying: tuple[str, ...], most: int | None, seed: int) -> tuple[str, ...]:
    """All users, or a draw of those who buy."""
    if most is None or most >= len(buying):
        return every
    chosen = np.random.default_rng(seed).choice(len(buying), most, replace=False)
    return tuple(buying[place] for place in np.sort(chosen).tolist())


def _differences(built: Recipe, used: Recipe, blocks: dict[str, Embeddings]) -> list[str]:
    """Blocks that the build made in another way than the recipe says."""
    found = []
    for name in blocks:
        own, wanted = getattr(built.encoders, name), getattr(used.encoders, name)
        if own != wanted:
            found.append(f"{name} is by {own or 'nothing'} as the shop was built; the recipe names {wanted or 'none'}")
    return found
