"""What a site's robots.txt lets us do (RFC 9309)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_ROBOTS_BYTES = 500 << 10  # RFC 9309, 2.5
_MOST_SITEMAPS = 1_000
_AGENT = re.compile(r"\s*user[- ]?agent\s*:?\s*([^#\s]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Robots:
    """The rules of one site for one user agent.

    ``rules`` is what ``protego`` parsed; None where all or nothing is allowed.
    """

    agent: str
    rules: Any = None
    everything: bool = True

    @classmethod
    def parse(cls, text: str, agent: str) -> Robots:
        """The rules in a robots.txt."""
        from protego import Protego

        return cls(agent, Protego.parse(_ours(text, agent)))

    def allows(self, url: str) -> bool:
        """Whether the URL may be asked for."""
        if self.rules is None:
            return self.everything
        return bool(self.rules.can_fetch(url, self.agent))

    @property
    def delay(self) -> float:
        """Seconds between requests that the site asks for; 0 if it does not say."""
        if self.rules is None:
            return 0.0
        rate = self.rules.request_rate(self.agent)
        return max(self.rules.crawl_delay(self.agent) or 0.0, rate.seconds / rate.requests if rate else 0.0)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that the site names."""
        return tuple(self.rules.sitemaps)[:_MOST_SITEMAPS] if self.rules is not None else ()


def _ours(text: str, agent: str) -> str:
    """The same rules with all other agents under one name.

    Every agent of a group keeps its own copy of the group's rules, so thousands of names times thousands of rules
    would take minutes and gigabytes.
    """
    lines = []
    for line in text.splitlines():
        match = _AGENT.match(line)
        if match and match[1] != "*" and not (match[1] and match[1].replace("*", "").lower() in agent):
            line = "User-agent: another"
        lines.append(line)
    return "\n".join(lines)
