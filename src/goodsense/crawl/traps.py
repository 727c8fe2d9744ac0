"""Telling endless parts of a site from large ones: by what their pages bring.

Calendars, filters that can be added to filters, and addresses with a session in them are endless, but all alike. Pages
are counted by the pattern of their addresses, and patterns that differ only in their parameters by their family. A
pattern or a family of which many pages in a row brought no new product, and led to nothing that may, is given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from goodsense.crawl.frontier import Address, Outcome, PatternCount

_PATTERN_PATIENCE = 50  # pages in a row
_FAMILY_PATIENCE = 300

Knows: TypeAlias = Callable[[str], bool]


def family(pattern: str) -> str:
    """What patterns share that differ in their parameters: all up to the question mark."""
    path, mark, _ = pattern.partition("?")
    return path + mark


@dataclass(frozen=True)
class Traps:
    """How patterns and families have done, by name; ``knows_product`` and ``knows`` tell what was met before."""

    counts: dict[str, PatternCount]
    knows_product: Knows
    knows: Knows

    def is_given_up(self, pattern: str) -> bool:
        """Whether nothing more of a pattern is fetched."""
        return self._barren(pattern) >= _PATTERN_PATIENCE or self._barren(family(pattern)) >= _FAMILY_PATIENCE

    def judge(self, address: Address, outcome: Outcome) -> None:
        """Count a page; what is given up by it goes into its outcome."""
        fresh = sum(not self.knows_product(product.id) for product in outcome.products)
        led_to = {
            link.pattern
            for link in outcome.found
            if link.pattern != address.pattern and self._promises(link.pattern) and not self.knows(link.url)
        }
        own = family(address.pattern)
        self._count(address.pattern, fresh, bool(led_to), _PATTERN_PATIENCE, outcome)
        if own != address.pattern:
            self._count(own, fresh, any(family(other) != own for other in led_to), _FAMILY_PATIENCE, outcome)
        outcome.found = [link for link in outcome.found if not self.is_given_up(link.pattern)]

    def _count(self, name: str, fresh: int, leads_on: bool, patience: int, outcome: Outcome) -> None:
        count = replace(self.counts.get(name, PatternCount()))
        count.tried += 1
        count.brought += fresh
        count.barren = 0 if fresh or leads_on else count.barren + 1
        self.counts[name] = outcome.counts[name] = count
        if count.barren == patience:
            outcome.given_up.append(name)

    def _promises(self, pattern: str) -> bool:
        """Whether pages of a pattern may bring products: they did, or hardly any has been tried."""
        count = self.counts.get(pattern, PatternCount())
        return not self.is_given_up(pattern) and (count.brought > 0 or count.tried < _PATTERN_PATIENCE)

    def _barren(self, name: str) -> int:
        count = self.counts.get(name)
        return count.barren if count is not None else 0
