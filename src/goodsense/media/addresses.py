"""Which URLs and which network addresses may be opened at all.

A URL is taken apart once, here, into the host and port that are connected to and the target that is asked for, so that
no two readers of it can disagree. Hosts in odd spellings (decimal, octal, hexadecimal and short IPv4, percent signs,
look-alike digits) are refused rather than understood.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from goodsense.errors import FetchError

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name, as text; the port is what will be connected to."""

PORTS = {"http": 80, "https": 443}
_LONGEST = 8_000  # characters of a URL
_SPLIT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^#]*)(?:#.*)?", re.DOTALL)
_PORT = re.compile(r"[0-9]{1,5}")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff\u00a0\u2028\u2029]")
_SAFE = "/?:@!$&'()*+,;=-._~%[]"

# What the registries of special-purpose addresses (IANA, RFC 6890 and later) name, and what clouds use for metadata.
_BLOCKED_V4 = tuple(
    ipaddress.IPv4Network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # the host of Azure's virtual machines
    )
)  # fmt: skip
# Global unicast is 2000::/3 alone: IPv4-mapped and -compatible, NAT64, unique local, link- and site-local and multicast
# addresses lie outside it. Within it, these carry or stand for something else.
_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_BLOCKED_V6 = tuple(
    ipaddress.IPv6Network(net)
    for net in (
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """An http or https URL, taken apart and made canonical; ``host`` is lower-case ASCII without a trailing dot."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        """Scheme, host and, unless it is the usual one, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != PORTS[self.scheme] else "")

    @property
    def is_literal(self) -> bool:
        """Whether the host is an address rather than a name."""
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()

    def __str__(self) -> str:
        return self.origin + self.target


def parse_url(url: str) -> HttpUrl:
    """Take a URL apart.

    The fragment is dropped, what is not ASCII in the path is percent-encoded as UTF-8, ``.`` and ``..`` are resolved.

    Raises
    ------
    FetchError
        If it is no http or https URL, holds a user name, or spells its host or port oddly; ``reason`` is ``url``.
    """
    text = url.strip(" \t\r\n")
    if len(text) > _LONGEST:
        raise _bad(url, f"is longer than {_LONGEST:,} characters", "Give a shorter one.")
    if _FORBIDDEN.search(text):
        raise _bad(url, "holds a space, a control character or a backslash", "Percent-encode it.")
    parts = _SPLIT.fullmatch(text)
    scheme = parts[1].lower() if parts else ""
    if parts is None or scheme not in PORTS:
        raise _bad(url, "is no http or https address", "Give an address that begins with http:// or https://.")
    authority = parts[2]
    if not authority:
        raise _bad(url, "names no host", "Give an address such as https://shop.example/feed.xml.")
    if "@" in authority:
        raise _bad(url, "holds a user name or password", "Leave it out; give credentials as a header.")
    host, port = _host_and_port(url, authority)
    return HttpUrl(scheme, host, PORTS[scheme] if port is None else port, _target(parts[3]))


def shown(url: str) -> str:
    """A URL as messages show it: short, printable, without a user name or password."""
    text = re.sub(r"//[^/?#]*@", "//...@", url[:200])
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _bad(url: str, why: str, fix: str) -> FetchError:
    return FetchError(f"{shown(url)}: the address {why}.", url=url, reason="url", fix=fix)


def _host_and_port(url: str, authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        inner, _, rest = authority[1:].partition("]")
        try:
            host = str(ipaddress.IPv6Address(inner)) if "%" not in inner else ""
        except ValueError:
            host = ""
        if not host or (rest and not rest.startswith(":")):
            raise _bad(url, "has a malformed IPv6 host", "Write it as in http://[2606:4700::1111]/.")
        port = rest[1:]
    else:
        name, _, port = authority.partition(":")
        host = _host(url, name)
    if port and not (_PORT.fullmatch(port) and 0 < int(port) < 65_536):
        raise _bad(url, f"has the port {port[:20]!r}", "Give a port from 1 to 65535, or none.")
    return host, int(port) if port else None


def _host(url: str, name: str) -> str:
    host = _ascii_host(url, name).removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(url, f"has the host {name[:80]!r}, which is no host name", "Check the address.")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))  # four decimal numbers without leading zeros, nothing else
        except ValueError:
            raise _bad(
                url, f"spells its host {name[:80]!r} as an odd number", "Write it as four decimal numbers."
            ) from None
    return host


def _ascii_host(url: str, name: str) -> str:
    """Lower case; international names in their ASCII form (IDNA)."""
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFKC", name)
    try:
        found = folded.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _bad(url, f"has the host {name[:80]!r}, which is no host name", "Check the address.") from None
    if folded.isascii() and any(sign.isdigit() for sign in folded.rpartition(".")[2]):
        raise _bad(url, f"spells its host {name[:80]!r} in look-alike digits", "Write it in plain digits.")
    return found


def _target(rest: str) -> str:
    path, question, query = rest.partition("?")
    encoded = quote(path, safe=_SAFE) or "/"
    if "/." in encoded or "%2e" in encoded.lower():
        encoded = _without_dots(encoded)
    return encoded + question + quote(query, safe=_SAFE)


def _without_dots(path: str) -> str:
    """Resolve ``.`` and ``..`` as RFC 3986, 5.2.4 does; their percent-encoded spellings count too."""
    kept: list[str] = []
    steps = path.split("/")[1:]
    for place, step in enumerate(steps):
        plain = step.lower().replace("%2e", ".")
        if plain == "..":
            kept = kept[:-1]
        elif plain != ".":
            kept.append(step)
        if plain in (".", "..") and place == len(steps) - 1:
            kept.append("")
    return "/" + "/".join(kept)


# ---- addresses of the network


def why_not_global(address: IPAddress) -> str:
    """What kind of address it is, if it is none of the public internet; empty if it is."""
    if isinstance(address, ipaddress.IPv4Address):
        fine = address.is_global and not any(address in net for net in _BLOCKED_V4)
    else:
        fine = address.is_global and address in _UNICAST_V6 and not any(address in net for net in _BLOCKED_V6)
    if fine:
        return ""
    kinds = (
        ("an address of this machine itself", address.is_loopback or address.is_unspecified),
        ("a link-local address", address.is_link_local),
        ("a multicast address", address.is_multicast),
        ("a private address", address.is_private),
    )
    return next((kind for kind, holds in kinds if holds), "a reserved address")


def system_resolver(host: str, port: int) -> list[str]:
    """Every address that the system knows for a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


def checked_addresses(url: HttpUrl, resolver: Resolver, *, allow_private: bool) -> list[IPAddress]:
    """The addresses of a URL's host, each checked; one bad address spoils the answer.

    Raises
    ------
    FetchError
        If there is none (``reason`` is ``dns``) or one is not global (``address``).
    """
    found = _resolve(url, resolver)
    if not allow_private:
        for address in found:
            if kind := why_not_global(address):
                raise FetchError(
                    f"{shown(str(url))}: {url.host} leads to {address}, {kind}; "
                    "only addresses of the public internet are opened.",
                    url=str(url),
                    reason="address",
                    fix="Use --allow-private if this is a server of your own.",
                )
    return found


def _resolve(url: HttpUrl, resolver: Resolver) -> list[IPAddress]:
    if url.is_literal:
        return [ipaddress.ip_address(url.host)]
    try:
        texts = resolver(url.host, url.port)
        found = list(dict.fromkeys(ipaddress.ip_address(text.partition("%")[0]) for text in texts))
    except (OSError, ValueError, UnicodeError) as error:
        raise _unknown(url, str(error)) from error
    if not found:
        raise _unknown(url, "no address")
    return found


def _unknown(url: HttpUrl, why: str) -> FetchError:
    return FetchError(
        f"{shown(str(url))}: the host {url.host} was not found ({why}).",
        url=str(url),
        reason="dns",
        fix="Check the address and the connection.",
    )
