"""From one recipe to another: the build made beside what serves takes over at once, and gives way again.

A build made beside is a build like any other; nobody searches it until :func:`switch`. What is ingested meanwhile is
laid over it, as over the one that serves, so that neither switching nor going back loses a product.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodsense.errors import DataError, UsageError
from goodsense.search.snapshot import Snapshot
from goodsense.shop.artefacts import current_build
from goodsense.shop.generations import Generation, building, switch_to
from goodsense.shop.live import Live
from goodsense.shop.shop import Shop


@dataclass(frozen=True)
class Switched:
    """What serves now and what served before.

    ``behind`` counts products that changed after the build, ``carried`` by block the vectors that are old ones.
    """

    build: str
    before: str
    behind: int
    pending: dict[str, int]
    carried: dict[str, int]
    recipe_changed: bool

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def switch(shop: Shop) -> Switched:
    """Let the build made beside serve, with its recipe; what served is kept for :func:`rollback`.

    Raises
    ------
    UsageError
        If nothing was built beside, or it was built from an older catalog than what serves.
    DataError
        If the build beside is gone or damaged.
    StorageError
        If a build of this shop is running.
    """
    directory = shop.directory
    again = f"Run: goodsense recipe compare {directory} RECIPE"
    with building(directory) as state:
        target, live_seq = state.beside, _live_seq(directory)
        if target is None:
            raise UsageError(f"{directory} has no build beside the live one to switch to.", fix=again)
        if target.seq < live_seq:
            raise UsageError(
                f"the build beside was made from an older catalog (change {target.seq}) than what serves "
                f"(change {live_seq}).",
                fix=f"{again}; what is encoded is kept.",
            )
        return _switched(shop, target, live_seq, back=False)


def rollback(shop: Shop) -> Switched:
    """Let the build serve that did before the last switch, with its recipe; what served stays beside.

    Raises
    ------
    UsageError
        If nothing was switched.
    DataError
        If the earlier build is gone or damaged.
    StorageError
        If a build of this shop is running.
    """
    directory = shop.directory
    with building(directory) as state:
        if state.previous is None:
            raise UsageError(
                f"{directory} has nothing to go back to: no switch was made.",
                fix=f"For another recipe: goodsense build {directory} --recipe FILE",
            )
        return _switched(shop, state.previous, _live_seq(directory), back=True)


def _switched(shop: Shop, target: Generation, live_seq: int, *, back: bool) -> Switched:
    """Open the target first: what cannot be searched never serves."""
    directory = shop.directory
    live = _live_or_none(directory)
    path = directory / "builds" / target.build
    if not path.is_dir():
        raise DataError(
            f"the build {target.build} is not there any more.", fix=f"Build again: goodsense build {directory}"
        )
    with opened_build(shop, path) as opened:
        behind = len(shop.truth.changes_since(target.seq))
        pending = {name: count for name, count in opened.overlays.pending.items() if count}
        carried = dict(opened.base.meta.get("carried", {}))
    before, left = shop.recipe, live.name if live is not None else ""
    switch_to(directory, live_seq, target, back=back)
    return Switched(target.build, left, behind, pending, carried, shop.recipe != before)


@contextmanager
def opened_build(shop: Shop, build: Path) -> Iterator[Live]:
    """Any build of the shop with all later changes on top, searched exactly; its engine stays with who has it."""
    live = Live(shop.directory, build, exact=True)
    try:
        live.catch_up(shop.truth)
        yield live
    finally:
        live.close()


def _live_or_none(directory: Path) -> Path | None:
    """The live build; None where there is none, or what is named is gone: a switch mends that."""
    try:
        return current_build(directory)
    except DataError:
        return None


def _live_seq(directory: Path) -> int:
    """What the live build absorbed; 0 where there is none that can be opened: a switch mends that, too."""
    try:
        live = current_build(directory)
        return 0 if live is None else int(Snapshot.open(live).meta["seq"])
    except DataError:
        return 0
