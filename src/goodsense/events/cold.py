"""Splits that hold out whole items or whole users: what a model says of whom and of what it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events.interactions import Interactions
from goodsense.events.parting import GIVEN, TEST, TRAIN, VAL, Split, pair_hashes, parted


def cold_items(interactions: Interactions, share: float = 0.1, *, seed: int = 0) -> Split:
    """A ``share`` of the items is for val, another for test, with all their events; nothing of them is trained on.

    The histories of users are what train has of them. Users of whom nothing is left there count as ``cold_users``.

    Raises
    ------
    UsageError
        If the shares leave no item for train.
    """
    known = np.unique(interactions.item_rows)
    parts = _drawn([interactions.items[row] for row in known], share, f"{seed}\0item\0")
    of_item = np.full(len(interactions.items), TRAIN)
    of_item[known] = parts
    return parted(
        interactions,
        of_item[interactions.item_rows],
        f"cold items: {share:g} of the items for val and for test, seed {seed}",
        promises=("repeated", "warm_items"),
    )


def cold_users(interactions: Interactions, share: float = 0.1, *, targets: int = 1, seed: int = 0) -> Split:
    """A ``share`` of the users is for val, another for test: models are fitted on the others alone.

    Of a held-out user the last ``targets`` items are to be found; what came before is ``given`` as the history that is
    answered. The time of an item is that of the user's last event with it; where times are equal or unknown (those come
    first), a hash decides. Users with no more than ``targets`` items have nothing to be asked with and stay in train.

    Raises
    ------
    UsageError
        If the shares leave no user for train, or there is nothing to be found.
    """
    if targets < 1:
        raise UsageError(f"{targets} items cannot be found.", fix="Give 1 or more.")
    pairs = interactions.pairs
    sizes = np.bincount(pairs.user_rows, minlength=len(interactions.users))
    enough = np.flatnonzero(sizes > targets)
    of_user = np.full(len(interactions.users), TRAIN)
    of_user[enough] = _drawn([interactions.users[row] for row in enough], share, f"{seed}\0user\0")
    times = np.where(np.isnan(pairs.last_times), -np.inf, pairs.last_times)
    order = np.lexsort((pair_hashes(interactions, seed), times, pairs.user_rows))
    from_end = np.empty(len(order), np.int64)  # the last of a user is 1
    from_end[order] = np.cumsum(sizes)[pairs.user_rows[order]] - np.arange(len(order))
    parts = of_user[pairs.user_rows]
    parts = np.where((parts != TRAIN) & (from_end > targets), GIVEN, parts)
    return parted(
        interactions,
        parts[pairs.of_event],
        f"cold users: {share:g} of the users for val and for test, their last {targets} to be found, seed {seed}",
        promises=("repeated", "warm_users", "after_own_test"),
        whole_users=int(((sizes > 0) & (sizes <= targets)).sum()),
    )


def _drawn(ids: Sequence[str], share: float, salt: str) -> NDArray[np.int64]:
    """A part for each id: in the order of their hashes the first are for test, the next for val, at least one each."""
    if not 0 < share < 0.5:
        raise UsageError(f"a share of {share:g} cannot be held out twice.", fix="Give a number above 0 and below 0.5.")
    digests = [blake2b((salt + id).encode("utf-8", "surrogatepass"), digest_size=8).digest() for id in ids]
    order = np.argsort(np.frombuffer(b"".join(digests), np.uint64), kind="stable")
    held = max(1, int(share * len(ids) + 0.5)) if len(ids) > 2 else 0
    parts = np.full(len(ids), TRAIN)
    parts[order[:held]] = TEST
    parts[order[held : 2 * held]] = VAL
    return parts
