"""Text as shops deliver it, made plain: encoding damage, HTML, Unicode variants and whitespace.

The steps run until nothing changes any more, so ``clean(clean(x)) == clean(x)`` holds for every string: feeds
escape twice, and a full-width ``＜ｂ＞`` only becomes a tag once it is narrow.
"""

from __future__ import annotations

import html
import re
import unicodedata

_ROUNDS = 8  # escaped so many times, a text is an attack on the parser, not a description


def clean(text: str) -> str:
    """Return the text without markup, encoding damage, invisible characters and needless whitespace.

    In this order, repeated until stable:

    1. mojibake (UTF-8 read as Windows-1252, ``dÃ©cor``) is repaired where it is certain: see :func:`repair_mojibake`;
    2. control, zero-width, directional, private-use and surrogate characters go, line separators become ``\\n``;
    3. NFKC (Unicode Standard Annex 15), made safe for search: ``5½`` is ``5 1/2`` and not ``51/2``, ``10³`` is
       ``10^3``, and trademark signs go instead of becoming the letters ``TM``;
    4. HTML: ``script``, ``style`` and comments go with their contents, block tags (``<br> <p> <li> ...``) become line
       breaks, other known tags go, entities become characters; ``a < b`` and unknown tags stay as they are;
    5. runs of spaces become one, runs of line breaks become one ``\\n``; both ends are stripped.

    The case of letters and the kind of quotation marks stay; folding them is the tokenizer's task.
    """
    if text.isascii() and text.isprintable() and "<" not in text and "&" not in text:
        return " ".join(text.split())
    for _ in range(_ROUNDS):
        done = _once(text)
        if done == text:
            return text
        text = done
    return _settle(text)


def _once(text: str) -> str:
    text = _plain_controls(text) if text.isascii() else normalise_unicode(repair_mojibake(text))
    if "<" in text or "&" in text:
        text = strip_html(text)
    return normalise_whitespace(text)


def _settle(text: str) -> str:
    """Give up on a text that keeps unfolding: without ``<`` and ``&`` it is stable after a few rounds."""
    while True:
        done = _once(text.replace("<", " ").replace("&", " "))
        if done == text:
            return text
        text = done


# --- mojibake -------------------------------------------------------------------------------------------------------

_CP1252 = {ord(bytes([b]).decode("cp1252")): b for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
_AS_BYTE = {**{b: b for b in range(0x80, 0x100)}, **_CP1252}  # what a byte became when it was misread
_RUN = re.compile("[^\x00-\x7f]{2,}")
_LEADS = frozenset("ÂÃÅÎÏÐÑâãäåæçèéêëìíîïð")  # of punctuation, Latin, Greek, Cyrillic, CJK and emoji in UTF-8
_MAYBE = re.compile(f"[{''.join(sorted(_LEADS))}][\x80-\xbf{''.join(map(chr, _CP1252))}]")


def repair_mojibake(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 or Latin-1, run of non-ASCII characters by run, where it is certain.

    A run is repaired only if all of it is valid UTF-8 when turned back into bytes, each sequence begins as such
    damage begins in practice (``Â Ã Å â`` ...), and the letters that come out suit the case of their neighbours:
    ``CAFÉ®``, ``MAÇÃ®`` and ``naïve`` stay as they are.
    """
    if not _MAYBE.search(text):
        return text
    return _RUN.sub(_repair_run, text)


def _repair_run(match: re.Match[str]) -> str:
    run = match.group()
    try:
        repaired = bytes(_AS_BYTE[ord(c)] for c in run).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return run
    if not all(_plausible(c, len(repaired)) for c in repaired):
        return run
    before = match.string[max(0, match.start() - 2) : match.start()]
    if repaired[0].islower() and len(before) == 2 and before.isupper():
        return run
    return repaired


def _plausible(char: str, count: int) -> bool:
    """Whether a repaired character is one that such damage is known to hide; rarer ones need company."""
    code = ord(char)
    if 0xA0 <= code < 0x100 or char in "ŒœŠšŸŽž" or 0x2010 <= code < 0x2300 or 0x2500 <= code < 0x2800:
        return True
    return code >= 0x2E80 or (count > 1 and (0x100 <= code < 0x180 or 0x370 <= code < 0x530))


# --- Unicode --------------------------------------------------------------------------------------------------------

_SURROGATES = "\ud800-\udfff"
_INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ue000-\uf8ff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
) + _SURROGATES
_GONE = re.compile(f"[{_INVISIBLE}]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
_FRACTION = re.compile("(?<=[0-9])(?=[¼-¾⅐-⅞↉])")
_POWER = re.compile("(?<=[0-9])[⁰¹²³⁴-⁹]+")
_MARKS = re.compile(r"[™®℠](?=\w)|([™®℠])")
_SIGNS = str.maketrans({"´": "'", "\u2044": "/"})


def normalise_unicode(text: str) -> str:
    """NFKC with the exceptions that search needs, without invisible characters."""
    text = _GONE.sub("", _LINE_ENDS.sub("\n", text))
    if not unicodedata.is_normalized("NFKC", text):
        text = _POWER.sub(lambda found: "^" + found.group(), _FRACTION.sub(" ", text))
        text = _MARKS.sub(lambda found: "" if found.group(1) else " ", text.translate(_SIGNS))
        text = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    elif "®" in text:
        text = _MARKS.sub(lambda found: "" if found.group(1) else " ", text)
    return text


def _plain_controls(text: str) -> str:
    return text if text.isprintable() else _GONE.sub("", _LINE_ENDS.sub("\n", text))


# --- HTML -----------------------------------------------------------------------------------------------------------

_BLOCK = frozenset(
    "address article aside blockquote body br center dd details div dl dt fieldset figcaption figure footer form h1 h2"
    " h3 h4 h5 h6 head header hr html li main nav ol option p pre section select summary table tbody tfoot thead title"
    " tr ul".split()
)
_SPACED = frozenset("audio button canvas embed iframe img input meta link object picture source td th video".split())
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark noscript o:p q s samp small span"
    " strike strong sub sup svg path template time tt u var wbr colgroup col caption textarea script style base".split()
)
_HIDDEN = re.compile(
    r"<!--(?:.*?-->|.*\Z)|<(script|style)\b[^<>]*>(?:.*?</\1\s*>|.*\Z)|<!doctype[^<>]*>|<!\[cdata\[|\]\]>",
    re.IGNORECASE | re.DOTALL,
)
# Quoted values may hold ">". Possessive, so that a lone quotation mark cannot make it run long; then without quotes.
_TAG = re.compile(
    r"</?([a-z][a-z0-9:]{0,15})(?=[\s/>])(?:(?:[^<>\"']++|\"[^\"<]{0,500}+\"|'[^'<]{0,500}+')*+>|[^<>]*>)",
    re.IGNORECASE,
)
_AMPERSANDS = re.compile(r"&(?:(?:amp|#0{0,4}38|#x0{0,4}26);)+", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});|&(?:nbsp|lt|gt|quot)\b", re.IGNORECASE)


def strip_html(text: str) -> str:
    """Remove markup and resolve entities; what is no known tag or entity stays."""
    if "<" in text or "]]>" in text:
        text = _TAG.sub(_tag_space, _HIDDEN.sub("", text))
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found.group()), _AMPERSANDS.sub("&", text))
    return text


def _tag_space(match: re.Match[str]) -> str:
    name = match.group(1).lower()
    if name in _BLOCK:
        return "\n"
    return " " if name in _SPACED else "" if name in _INLINE else match.group()


# --- whitespace -----------------------------------------------------------------------------------------------------

_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")


def normalise_whitespace(text: str) -> str:
    """One space between words, one line break between lines, nothing at the ends."""
    if "\n" not in text:
        return " ".join(text.split())
    return _BREAKS.sub("\n", _SPACES.sub(" ", text)).strip()
