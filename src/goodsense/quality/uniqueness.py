"""Products that are there twice, and duplicates on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterable

from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.groups import Group
from goodsense.quality.kinds import finding


def near_duplicates(evidence: Evidence) -> list[Finding]:
    """Products that say nearly the same, and products that show nearly the same picture."""
    ids = evidence.census.ids
    texts = [
        Case(ids[member.row], "title", evidence.census.titles[member.row][:500], group=group.name, score=member.score)
        for group in evidence.same_texts
        for member in group.members
    ]
    pictures = [
        Case(ids[member.row], "image", member.found, group=group.name, score=member.score)
        for group in evidence.same_pictures
        for member in group.members
    ]
    return [
        *finding("near_duplicate_text", texts, {"groups": len(evidence.same_texts)}),
        *finding("near_duplicate_picture", pictures, {"groups": len(evidence.same_pictures)}),
    ]


def leaks(evidence: Evidence) -> list[Finding]:
    """Duplicates, by text or picture, of which one is in the train split and another in val or test."""
    census = evidence.census
    if len({split for split in census.splits if split}) < 2:
        return []
    cases = [
        *_straddling(evidence, "title", evidence.same_texts),
        *_straddling(evidence, "image", evidence.same_pictures),
    ]
    return finding("split_leak", cases)


def _straddling(evidence: Evidence, by: str, groups: Iterable[Group]) -> Iterable[Case]:
    census = evidence.census
    for group in groups:
        splits = {census.splits[member.row] for member in group.members} - {""}
        if len(splits) < 2:
            continue
        keep = "train" if "train" in splits else "val"
        for member in group.members:
            if split := census.splits[member.row]:
                expected = keep if split != keep else None
                yield Case(census.ids[member.row], "split", split, expected, f"{by} {group.name}", member.score)
