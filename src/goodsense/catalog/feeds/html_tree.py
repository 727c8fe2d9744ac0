"""HTML pages as trees, parsed so that no page, however hostile, takes more than seconds and megabytes."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_BYTES = 4 << 20
# HTML parsers are quadratic in three things: end tags times open elements, attributes of one element, and attributes
# of repeated <body> and <html>, which all go to the first. A page is read up to where it has too many of them.
_MAX_TAGS = 30_000
_MAX_BODIES = 16
_TEXT_LIMIT = 1_000_000  # characters that all texts of a page have together; an element counts as four
_URL_LIMIT = 4096
_TAG = re.compile(r"</?[a-zA-Z]")
_BODY = re.compile(r"<(?:body|html)[\s/]", re.IGNORECASE)
_SCRIPT = re.compile(  # also what hides scripts; each ends with the page if nothing closes it
    r"<!--(?:.*?-->|.*\Z)"
    r"|<style(?=[\s/>])(?:.*?</style[^>]*+(?:>|\Z)|.*\Z)"
    r"|<script(?=[\s/>])([^>]*+)(?:>|\Z)(?:(.*?)</script[^>]*+(?:>|\Z)|.*\Z)",
    re.IGNORECASE | re.DOTALL,
)
_JSON_LD = re.compile(r"""type\s*=\s*["']?\s*application/ld\+json\b""", re.IGNORECASE)
_ATTRIBUTE = r"""[\s/]*+(?:=[^\s/>=]*+|[^\s/>=]++)(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+"""
_OPENING = re.compile(rf"<(?=([a-zA-Z][^\s/>]*+(?:{_ATTRIBUTE}){{0,256}}+)({_ATTRIBUTE})?)")
# HTML parsers open unclosed <b>, <a> ... again in every later paragraph: 40 kB of them can become gigabytes. Under
# another name they are ordinary elements.
_FORMATTING = re.compile(
    r"<(/?(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u))(?=[\s/>])", re.IGNORECASE | re.ASCII
)
_MARK = "-gs0"
_RENAMED = re.compile(rf"<(/?[a-zA-Z]{{1,6}}){_MARK}")
LINK = f"a{_MARK}"
_BREAKS = frozenset("br p div li tr dt dd ul ol h1 h2 h3 h4 h5 h6 section table".split())
_UNSEEN = frozenset({"template", "noscript"})


def decoded(html: bytes | str, content_type: str) -> str:
    """The text of a page, by the encoding that BOM, header, page or content name, in the order browsers trust them."""
    if isinstance(html, str):
        return html[:MAX_BYTES]
    from w3lib.encoding import html_to_unicode

    text: str = html_to_unicode(content_type, html[:MAX_BYTES], auto_detect_fun=_guess, default_encoding="utf-8")[1]
    return text


def _guess(html: bytes) -> str:
    """UTF-8, else GB18030 if that explains every byte, else the usual one of old western pages."""
    for name in ("utf-8", "gb18030"):
        try:
            html.decode(name)
        except UnicodeDecodeError as error:
            if error.end < len(html) - 4:
                continue
        return name
    return "cp1252"


class Page:
    """A parsed page."""

    def __init__(self, text: str, url: str) -> None:
        from selectolax.lexbor import LexborHTMLParser

        self.json_ld: list[str] = []  # the texts of its scripts of JSON-LD
        plain = _SCRIPT.sub(self._script, text.encode("utf-8", "replace").decode("utf-8"))
        kept, self.cut = _bounded(_FORMATTING.sub(rf"<\1{_MARK}", plain))
        self._tree: LexborHTMLParser = LexborHTMLParser(kept)
        self._left = _TEXT_LIMIT
        self.url = url
        base = next((href for node in self.find("base") if (href := attribute(node, "href"))), "")
        self._base = joined(url, base) if base else url

    def _script(self, found: re.Match[str]) -> str:
        if found.group(2) and _JSON_LD.search(found.group(1)):
            self.json_ld.append(found.group(2))
        return " "

    def find(self, selector: str) -> list[LexborNode]:
        """The elements of a simple CSS selector, in order."""
        return self._tree.css(selector)

    @property
    def root(self) -> LexborNode | None:
        return self._tree.root

    def absolute(self, address: str) -> str:
        """A complete address; as it is where it cannot be completed."""
        return joined(self._base, address)

    def text(self, node: LexborNode) -> str:
        """The words of an element on lines as they are seen, white space collapsed."""
        pieces: list[str] = []
        for part in node.traverse(include_text=True):
            self._left -= 4
            if self._left <= 0:
                break
            if part.tag == "-text":
                if part.parent is None or part.parent.tag not in _UNSEEN:
                    piece = part.text_content or ""
                    self._left -= len(piece)
                    pieces.append(re.sub(r"\s+", " ", piece))
            elif part.tag in _BREAKS:
                pieces.append("\n")
        lines = ("".join(pieces)).split("\n")
        return "\n".join(line for line in (re.sub(r" {2,}", " ", line).strip() for line in lines) if line)


def attribute(node: LexborNode, name: str) -> str:
    """An attribute's value without white space around it; empty if there is none."""
    found = node.attributes.get(name)
    return _RENAMED.sub(r"<\1", found).strip() if found else ""


def tag_of(node: LexborNode) -> str:
    """The name of an element as the page wrote it."""
    return (node.tag or "").removesuffix(_MARK)


def joined(base: str, address: str) -> str:
    """An address seen from another one."""
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return address.strip()


def web_address(address: str) -> str:
    """An http(s) address without its fragment; empty for anything else."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return parts._replace(fragment="").geturl() if usable and len(address) <= _URL_LIMIT else ""


def _bounded(text: str) -> tuple[str, bool]:
    """As much of a page as can be parsed in seconds, and whether some of it was cut off."""
    ends = [_crowded(text)]
    for pattern, limit in ((_TAG, _MAX_TAGS), (_BODY, _MAX_BODIES)):
        ends += [found.start() for found in islice(pattern.finditer(text), limit, limit + 1)]
    return text[: min(ends)], min(ends) < len(text)


def _crowded(text: str) -> int:
    """Where the first element with over 256 attributes begins; also where elements stand in each other's attributes
    so often that looking for it would take long."""
    work, most = 0, 8 * len(text) + 100_000
    for found in _OPENING.finditer(text):
        work += found.end(1) - found.start()
        if found.group(2) or work > most:
            return found.start()
    return len(text)
