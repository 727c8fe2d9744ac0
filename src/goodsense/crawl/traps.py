"""Telling endless parts of a site from large ones: by what their pages bring.

Calendars, filters that can be added to filters, and addresses with a session in them are endless, but all alike. Pages
are counted by the pattern of their addresses, and patterns that differ only in their parameters by their family. A
pattern or a family whose pages, many in a row, brought no new product and led to nothing that may, is given up. What
makes endless is to be fed by its own kind: pages that were met elsewhere, or that number the pages of a list, cost a
tenth of the patience.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from goodsense.crawl.frontier import Address, Outcome, PatternCount

_PATTERN_PATIENCE = 500
_FAMILY_PATIENCE = 3_000
_SELF_FED_COST = 10
_COST = 1
_TRIED = 50  # pages of a pattern without a product, after which it promises none
_PAGE_NUMBERS = frozenset({"page", "p", "pg", "paged", "pageno", "page_no", "pagenum", "offset", "start", "seite"})

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
        return any(self._barren(name) >= _patience(name) for name in (pattern, family(pattern)))

    def judge(self, address: Address, outcome: Outcome) -> None:
        """Count a page; what is given up by it goes into its outcome."""
        fresh = sum(not self.knows_product(product.id) for product in outcome.products)
        led_to = {
            link.pattern
            for link in outcome.found
            if link.pattern != address.pattern and self._promises(link.pattern) and not self.knows(link.url)
        }
        own = family(address.pattern)
        cost = _SELF_FED_COST if address.self_fed and not _numbers_pages(address.pattern) else _COST
        self._count(address.pattern, fresh, 0 if led_to else cost, outcome)
        if own != address.pattern:
            led_away = any(family(other) != own for other in led_to)
            self._count(own, fresh, 0 if led_away else _SELF_FED_COST, outcome)
        outcome.found = [link for link in outcome.found if not self.is_given_up(link.pattern)]

    def _count(self, name: str, fresh: int, cost: int, outcome: Outcome) -> None:
        before = self.counts.get(name, PatternCount())
        barren = 0 if fresh or not cost else before.barren + cost
        count = replace(before, tried=before.tried + 1, brought=before.brought + fresh, barren=barren)
        self.counts[name] = outcome.counts[name] = count
        if before.barren < _patience(name) <= barren:
            outcome.given_up.append(name)

    def _promises(self, pattern: str) -> bool:
        """Whether pages of a pattern may bring products: they did, or hardly any has been tried."""
        count = self.counts.get(pattern, PatternCount())
        return not self.is_given_up(pattern) and (count.brought > 0 or count.tried < _TRIED)

    def _barren(self, name: str) -> int:
        count = self.counts.get(name)
        return count.barren if count is not None else 0


def _patience(name: str) -> int:
    return _FAMILY_PATIENCE if name.endswith("?") else _PATTERN_PATIENCE


def _numbers_pages(pattern: str) -> bool:
    return not _PAGE_NUMBERS.isdisjoint(pattern.partition("?")[2].lower().split("&"))
