"""What a fetch may do: the limits on addresses, bytes and seconds, and how polite it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goodsense._version import __version__
from goodsense.errors import UsageError

USER_AGENT = f"goodsense/{__version__} (shop catalog fetcher)"


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What is opened, how much is read, how long it may take, and how often a host is asked.

    Parameters
    ----------
    allow_private
        Open any address, this machine and the private network included, on any port. Whoever can put a URL into a feed
        or a page then makes this machine ask servers that are not meant for the public; for tests and intranets.
    ports
        The ports that are opened otherwise.
    domains
        If any are given: only these hosts and what lies below them.
    max_bytes
        Of one body, unpacked.
    connect_s, read_s, total_s
        Seconds to connect, between two reads, and for one call as a whole; what politeness waits for does not count.
    min_rate
        Bytes per second below which a server counts as stalled, judged whenever it was waited for ``read_s`` in all.
    max_redirects
        Redirects that are followed, each checked like a first address; with 0 a redirect is an answer of its own.
    retries
        How often a broken connection or an answer of 429, 500, 502, 503 or 504 is tried again.
    backoff_s
        The first wait before that; it doubles, with jitter. ``Retry-After`` is honoured up to ``max_wait_s``.
    max_wait_s
        The longest wait that a server may ask for, by ``Retry-After`` or a crawl delay.
    per_host_delay_s
        Seconds between two requests to one host; a longer ``Crawl-delay`` of its robots.txt counts instead.
    respect_robots
        Whether robots.txt (RFC 9309) is asked first.
    user_agent
        How requests sign; what stands before the first ``/`` is the name that robots.txt is searched for.
    ca_file
        More certificates to trust, as PEM; for intranets with an authority of their own.
    """

    allow_private: bool = False
    ports: frozenset[int] = frozenset({80, 443})
    domains: tuple[str, ...] = ()
    max_bytes: int = 4 << 30
    connect_s: float = 10.0
    read_s: float = 20.0
    total_s: float = 1_800.0
    min_rate: float = 200.0
    max_redirects: int = 3
    retries: int = 3
    backoff_s: float = 0.5
    max_wait_s: float = 60.0
    per_host_delay_s: float = 1.0
    respect_robots: bool = True
    user_agent: str = USER_AGENT
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if not (self.user_agent.isascii() and self.user_agent.isprintable() and self.agent_token):
            raise UsageError(
                f"user agent {self.user_agent[:80]!r}; expected plain ASCII such as 'name/1.0 (+https://...)'.",
                fix="Sign with a name and an address where you can be reached.",
            )
        if min(self.max_bytes, self.connect_s, self.read_s, self.total_s) <= 0:
            raise UsageError(f"{self}: bytes and seconds must be above 0.", fix="Raise the limit.")

    @property
    def agent_token(self) -> str:
        """The name that groups of robots.txt are compared with."""
        return self.user_agent.partition("/")[0].partition(" ")[0].lower()
