"""Small histories and reviews whose likeness is known by construction."""

from __future__ import annotations

import numpy as np

from goodsense.types import Opinion, Profile

GROUPS = 3
PER_GROUP = 8
PRAISE = ("a bright and cheerful toy", "my daughter loves the sound", "sturdy wood and smooth paint")
BLAME = ("broke after two days", "the paint comes off", "much smaller than in the picture")


def behaviour() -> list[Profile]:
    """24 products in three groups of eight: together and liked within a group, seldom beyond it."""
    random = np.random.default_rng(3)
    found = []
    for row in range(GROUPS * PER_GROUP):
        group = row // PER_GROUP
        own = [f"p{place}" for place in range(group * PER_GROUP, (group + 1) * PER_GROUP) if place != row]
        together = {name: float(random.integers(1, 9)) for name in random.permutation(own)[:6].tolist()}
        together[f"p{(row + 11) % (GROUPS * PER_GROUP)}"] = 0.25
        fans = random.choice(12, 7, replace=False) + 12 * group
        found.append(Profile(together, {f"u{fan}": float(random.integers(1, 6)) for fan in fans.tolist()}))
    return found


def reviews() -> list[tuple[Opinion, ...]]:
    """20 products: every other one is praised with many stars, the others are blamed with few."""
    random = np.random.default_rng(4)
    found = []
    for row in range(20):
        lines, stars = (PRAISE, (4, 5)) if row % 2 == 0 else (BLAME, (1, 2))
        found.append(
            tuple(
                Opinion(
                    f"{lines[int(random.integers(3))]}, number {row}",
                    rating=float(random.choice(stars)),
                    helpful=int(random.integers(0, 6)),
                    days=None if place == 2 else float(random.integers(0, 900)),
                )
                for place in range(int(random.integers(2, 5)))
            )
        )
    return found
