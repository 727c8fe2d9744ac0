"""Sounds in a query: heard by whoever the shop's recipe names."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from goodsense.errors import DependencyError

if TYPE_CHECKING:
    from goodsense.shop import Shop
    from goodsense.types import Query


def listened(shop: Shop, query: Query) -> tuple[Query, dict[str, Any]]:
    """The query with what is said in its sound, and what to tell of that.

    Without a recogniser the sound alone is searched with, as long as the shop has sounds.

    Raises
    ------
    DependencyError
        If there is neither a recogniser nor a sound in the shop; says what to install.
    """
    if not shop.recipe.speech.recogniser:
        return query, {}
    try:
        found, said = shop.with_speech(query)
    except DependencyError as error:
        if "audio" not in shop.snapshot.blocks:
            raise
        return query, {"not_transcribed": f"{error.message} {error.fix}"}
    return found, {"transcript": asdict(said)} if said is not None else {}
