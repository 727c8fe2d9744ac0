"""Everything that a check has to go by, and what several detectors work out from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from goodsense.progress import Progress, silent
from goodsense.quality.census import Census
from goodsense.quality.groups import Group
from goodsense.quality.pictures import PictureFacts


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the detectors look at.

    Parameters
    ----------
    census
        The catalog by columns.
    pictures
        Facts of the pictures whose bytes are here; None if they were not looked at.
    links
        What is wrong with a link, by URI.
    personal
        How often personal data was met outside the products, by kind.
    repeated
        Ids that a feed had more than once.
    today
        The day by which a date lies in the future.
    """

    census: Census
    today: date
    pictures: PictureFacts | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    personal: Mapping[str, int] = field(default_factory=dict)
    repeated: Sequence[str] = ()
    progress: Progress = silent

    @cached_property
    def same_texts(self) -> list[Group]:
        """Products that say nearly the same."""
        from goodsense.quality.similar_texts import similar_texts

        return similar_texts(self.census, progress=self.progress)

    @cached_property
    def picture_pairs(self) -> list[tuple[int, int, float]]:
        """Pictures that show nearly the same, by record, with a score."""
        from goodsense.quality.similar_pictures import picture_pairs

        return [] if self.pictures is None else picture_pairs(self.pictures, progress=self.progress)

    @cached_property
    def placeholders(self) -> dict[str, str]:
        """Pictures that stand for many unrelated products: SHA-256 to the name of their group."""
        from goodsense.quality.placeholders import placeholder_pictures

        return placeholder_pictures(self.census, self.pictures, self.picture_pairs)

    @cached_property
    def same_pictures(self) -> list[Group]:
        """Products that show nearly the same picture, those that show a placeholder left out."""
        from goodsense.quality.similar_pictures import similar_pictures

        return similar_pictures(self.census, self.pictures, self.placeholders, self.picture_pairs)
