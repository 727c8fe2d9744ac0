"""Where a person is reached online: mail, WeChat and QQ, IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from goodsense.text.personal.spans import Personal, names_goods

_MAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9][\w.%+-]{0,63} ?(?:@|\(at\)|\[at\]|#(?=(?:qq|163|126|gmail|sina|foxmail|hotmail)\.)) ?"
    r"(?:[A-Za-z0-9-]{1,63}(?:\.| ?(?:\(dot\)|\[dot\]) ?)){1,5}([A-Za-z]{2,24})(?![A-Za-z0-9@]|\.[A-Za-z0-9])",
    re.ASCII | re.IGNORECASE,
)
_FILES = frozenset("png jpg jpeg gif webp svg bmp css js json html pdf mp4 ico avif".split())

_WECHAT = re.compile(
    r"(?P<word>[微薇威]信|we-?chat|weixin|(?<![a-z])(?:vx|wx)|[vV]信|加[vV](?![a-z]))"
    r"(?P<told> ?(?:号码?|账号|id|account)? ?(?:是|为|is|叫)? ?[:：]? ?)(?P<id>[A-Za-z][\w-]{5,19})(?![\w-])",
    re.ASCII | re.IGNORECASE,
)
_QQ = re.compile(
    r"(?<![A-Za-z\d])(?:qq|扣扣|企鹅号)(?P<told> ?(?:号码?|群|账号|number|id)? ?(?:是|为|is)? ?[:：]? ?)"
    r"(?P<id>[1-9]\d{4,10})(?!\d|[.,]\d|[A-Za-z]|元)",
    re.IGNORECASE,
)
_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d|\.\d)")
_V6 = re.compile(r"(?:(?<![\w:.])|(?<=[^\da-f:]:))(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}(?![\w:.]*[\w:])", re.IGNORECASE)
_PRIVATE = [
    ipaddress.ip_network(net)
    for net in "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 0.0.0.0/8 169.254.0.0/16 224.0.0.0/3".split()
]


def online(text: str) -> Iterator[Personal]:
    """Mail addresses, accounts that are announced, and public IP addresses in a narrow text."""
    for found in _MAIL.finditer(text) if re.search(r"@|at[)\]]|#", text, re.IGNORECASE) else ():
        if found[1].lower() not in _FILES:
            yield Personal(*found.span(), "mail", 0.97)
    yield from _accounts(text)
    if text.count(".") >= 3 or text.count(":") >= 3:
        yield from _ips(text)


def _accounts(text: str) -> Iterator[Personal]:
    for found in _WECHAT.finditer(text):
        said = found["told"].strip().lower()
        if re.search(r"[\d_-]", found["id"]) or re.search(r"号|id|account", said):
            yield Personal(*found.span("id"), "account", 0.85 if said else 0.7)
    for found in _QQ.finditer(text):
        yield Personal(*found.span("id"), "account", 0.85)


def _ips(text: str) -> Iterator[Personal]:
    for pattern in (_V4, _V6):
        for found in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(found.group())
            except ValueError:
                continue
            own = address.version == 4 and any(address in net for net in _PRIVATE)
            own = own or (address.version == 6 and (address.is_loopback or address.is_link_local))
            if not own and not names_goods(text, found.start()):
                yield Personal(*found.span(), "ip", 0.8)
