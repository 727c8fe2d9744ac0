"""What belongs to a crawl, and what a page is called: canonical addresses and their patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from goodsense.errors import FetchError
from goodsense.media.addresses import PORTS, HttpUrl, parse_url

# What campaigns and sessions append to addresses; the page is the same without it.
_TRACKING = re.compile(
    r"(utm_\w*|mtm_\w*|pk_\w*|hsa_\w*|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|ttclid|twclid|igshid"
    r"|mc_[ce]id|_ga|_gl|_hsenc|_hsmi|srsltid|spm|scm|pvid|bd_vid|qz_gdt|abbucket"
    r"|phpsessid|jsessionid|aspsessionid\w*|sessionid|session_id|sid_session|oscsid|zenid|cftoken)",
    re.IGNORECASE,
)
_PATH_SESSION = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]*")
_PLAIN_PART = re.compile(r"[A-Za-z0-9_.-]+(=[A-Za-z0-9_.-]*)?")
_NO_PAGE = re.compile(
    r"\.(jpe?g|png|gif|webp|avif|svg|ico|bmp|tiff?|css|js|mjs|json|map|woff2?|ttf|otf|eot|pdf|zip|gz|tgz|rar|7z|dmg|exe"
    r"|apk|mp[34]|m4[av]|webm|avi|mov|wav|ogg|flac|docx?|xlsx?|pptx?|csv|txt)$",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"[0-9]+")
_LONGEST = 1_000  # characters of an address that is followed
_DEEPEST = 14  # steps of its path
_MOST_PARAMETERS = 8
_REPEATS = 3  # how often one step may come again, as in /a/b/a/b/a/b


@dataclass(frozen=True)
class Scope:
    """The pages of one site, below a path if one is given; ``www.`` and the scheme make no difference.

    Parameters
    ----------
    start
        Where the crawl begins.
    prefix
        What paths must begin with; sitemaps may lie elsewhere on the site.
    """

    start: HttpUrl
    prefix: str = "/"

    def holds(self, url: HttpUrl) -> bool:
        """Whether an address belongs to the site."""
        return _bare(url.host) == _bare(self.start.host) and _same_port(url, self.start)

    def holds_page(self, url: HttpUrl) -> bool:
        """Whether an address belongs to the site and lies below the path."""
        return self.holds(url) and (url.target == self.prefix.rstrip("/") or url.target.startswith(self.prefix))


def _bare(host: str) -> str:
    return host.removeprefix("www.")


def _same_port(one: HttpUrl, other: HttpUrl) -> bool:
    usual = set(PORTS.values())
    return one.port == other.port or {one.port, other.port} <= usual


@lru_cache(maxsize=1 << 16)
def canonical(address: str) -> HttpUrl | None:
    """The one spelling of an address: parameters sorted, no tracking, session or fragment; None if it is no address."""
    from w3lib.url import canonicalize_url

    try:
        url = parse_url(address)
    except FetchError:
        return None
    path, mark, query = url.target.partition("?")
    kept = [part for part in query.split("&") if part and not _TRACKING.fullmatch(part.partition("=")[0])]
    path = _PATH_SESSION.sub("", path)
    if _PLAIN_PATH.fullmatch(path) and all(map(_PLAIN_PART.fullmatch, kept)):
        # what the library would make of it, without its care for every spelling; most addresses are like that
        ordered = "&".join("=".join(pair) for pair in sorted((n, v) for n, _, v in (p.partition("=") for p in kept)))
        return HttpUrl(url.scheme, url.host, url.port, path + (f"?{ordered}" if kept else ""))
    target = path + (mark + "&".join(kept) if kept else "")
    try:
        return parse_url(canonicalize_url(url.origin + target))
    except (FetchError, ValueError):
        return None


def joined(base: str, address: str) -> str:
    """A complete address; empty if there is none."""
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return ""


def may_be_page(url: HttpUrl) -> bool:
    """Whether an address may lead to a page rather than to a file, and is no endless one by its looks."""
    path, _, query = url.target.partition("?")
    steps = [step for step in path.split("/") if step]
    names = [part.partition("=")[0] for part in query.split("&")]
    if len(url.target) > _LONGEST or len(steps) > _DEEPEST or len(names) > _MOST_PARAMETERS:
        return False
    if any(names.count(name) > _REPEATS for name in set(names)):
        return False
    if any(steps.count(step) > _REPEATS for step in set(steps)):
        return False
    return not _NO_PAGE.search(path)


def pattern(url: HttpUrl) -> str:
    """What addresses of one kind have in common: digits as ``#``, and the names of parameters rather than their values.

    Without parameters the last step of the path stands for any; with them the whole path counts, for then it is the
    parameters that tell pages apart.
    """
    path, _, query = url.target.partition("?")
    names = sorted({part.partition("=")[0] for part in query.split("&") if part})
    if names:
        return f"{_DIGITS.sub('#', path)}?{'&'.join(names)}"
    return f"{_DIGITS.sub('#', path.rpartition('/')[0])}/*"


def page_id(url: str) -> str:
    """The id of a product that names none: the path of its page, which outlives a move of the site."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
