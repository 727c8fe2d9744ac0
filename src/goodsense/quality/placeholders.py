"""Pictures that stand for products instead of showing them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from goodsense.quality.census import Census
from goodsense.quality.consistency import folded
from goodsense.quality.pictures import PictureFacts

FEWEST = 3  # products that share a placeholder
_RELATED = 0.3  # mean Jaccard similarity of titles from which on products are of one family
_LOOKED_AT = 12  # products whose titles are compared


def placeholder_pictures(
    census: Census, facts: PictureFacts | None, pairs: Sequence[tuple[int, int, float]]
) -> dict[str, str]:
    """Pictures on several products that have nothing else in common: SHA-256 to the name of their group.

    A picture nearly the same as a placeholder is one as well.
    """
    showing: defaultdict[str, list[int]] = defaultdict(list)
    for picture in census.pictures:
        if picture.sha256 and picture.row not in showing[picture.sha256]:
            showing[picture.sha256].append(picture.row)
    found = {sha256: sha256 for sha256, rows in showing.items() if len(rows) >= FEWEST and _unrelated(census, rows)}
    for one, other, _ in pairs if facts is not None else ():
        assert facts is not None
        a, b = facts.hashes[one], facts.hashes[other]
        if (a in found) != (b in found):
            found.setdefault(a, found.get(b, b))
            found.setdefault(b, found[a])
    return found


def _unrelated(census: Census, rows: Sequence[int]) -> bool:
    """Whether products have little in common: neither their titles' words or characters nor their category."""
    some = [rows[at * len(rows) // _LOOKED_AT] for at in range(_LOOKED_AT)] if len(rows) > _LOOKED_AT else list(rows)
    pieces = [_pieces(census.titles[row]) for row in some]
    alike = fmean(len(a & b) / max(1, len(a | b)) for a, b in combinations(pieces, 2))
    shelves = {census.categories[row] for row in some}
    return alike < _RELATED and len(shelves) > 1 + (len(some) > FEWEST)


def _pieces(title: str) -> set[str]:
    text = folded(title[:300])
    return {text[at : at + 3] for at in range(len(text) - 2)} or {text}
