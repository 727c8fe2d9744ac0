"""Where a crawl ends, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CrawlLimits:
    """Where a crawl ends: requests, links followed from the start, bytes, and the seconds of one run."""

    pages: int = 10_000
    depth: int = 16
    total_bytes: int = 4 << 30
    page_bytes: int = 8 << 20
    seconds: float = 12 * 3600.0


CRAWL_LIMITS = CrawlLimits()


@dataclass
class CrawlReport:
    """What a crawl has come to, earlier runs of it included; ``seconds`` and ``fetched`` are of this run alone.

    ``pages`` were read, ``failed`` not; ``disallowed`` by robots.txt and ``trapped`` were never asked for; ``waiting``
    are left. ``ended`` says why it ended: ``finished``, ``pages``, ``bytes``, ``seconds`` or ``unreachable``.
    """

    start: str
    pages: int = 0
    sitemaps: int = 0
    failed: int = 0
    redirected: int = 0
    disallowed: int = 0
    trapped: int = 0
    waiting: int = 0
    products: int = 0
    bytes: int = 0
    fetched: int = 0
    seconds: float = 0.0
    ended: str = ""
    resumed: bool = False
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return dict(vars(self))
