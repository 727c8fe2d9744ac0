"""Texts cut into sentences, Chinese and English alike, by rules."""

from __future__ import annotations

import re

_END = re.compile(r"""[.。．！!？?…]+[”’」』）)］\]】》"']*""")
_BRACKETS = re.compile(r"\([^()\n]{0,300}\)|（[^（）\n]{0,300}）|\[[^\[\]\n]{0,300}\]|【[^【】\n]{0,300}】")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_WORD_BEFORE = re.compile(r"[^\W_](?:[^\W_]|[.'&-])*\Z")
_SAID = re.compile("[，,、；;：:]|[\u4e00-\u9fff]{0,3}(?:说|道|问|喊|答|写|评价|表示)")
_LIST_NUMBER = re.compile(r"(?:^|[.!?。！？])\s*[0-9]{1,2}\Z")

# Never the end of a sentence, with whatever follows.
_INSIDE = frozenset(
    "mr mrs ms dr prof st mt vs v e.g i.e cf approx fig incl excl est ref art nr dept gen sgt capt rev hon jr sr"
    " al resp max min avg assoc ph.d".split()
)
# The end of a sentence if a capital, a Chinese character or nothing follows.
_MAYBE = frozenset(
    "etc oz lb lbs in ft yd qt pt gal sq cu inc co corp ltd llc plc a.m p.m u.s u.k u.s.a e.u no pcs pc pkg ea"
    " jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun".split()
)


def sentences(text: str) -> list[str]:
    """Cut a text into its sentences, in order; no character but white space between them is lost.

    A sentence ends at 。！？ and at ``.``, ``!``, ``?`` before the next one's beginning; closing quotation marks and
    brackets stay with it. Decimals (``3.5``), abbreviations (``Dr.``, ``e.g.``, ``No. 5``, ``12 oz. mug``), initials,
    names of files and sites, an ellipsis in mid-sentence, and whatever stands within brackets end none. Line breaks
    always do.

    >>> sentences("Holds 0.5 l. Keeps tea hot... for hours! 很好用。下次还买！")
    ['Holds 0.5 l.', 'Keeps tea hot... for hours!', '很好用。', '下次还买！']
    """
    found = []
    for line in text.splitlines():
        enclosed = [match.span() for match in _BRACKETS.finditer(line)]
        start = 0
        for match in _END.finditer(line):
            end = match.end() - _opening(line, match)
            closed = next((b for a, b in enclosed if a < match.start() < b), 0)
            if (not closed or (end == closed and line[end : end + 1].isspace())) and _ends(line, match, end):
                found.append(line[start:end])
                start = end
        found.append(line[start:])
    return [sentence.strip() for sentence in found if sentence.strip()]


def _opening(line: str, match: re.Match[str]) -> int:
    """1 if the last sign is a straight quotation mark that opens the next sentence instead of closing this one."""
    last = match.group()[-1]
    return int(last in "\"'" and line.count(last, 0, match.end()) % 2 == 1)


def _ends(line: str, match: re.Match[str], end: int) -> bool:
    marks = line[match.start() : end]
    after = line[end:]
    if not after.strip():
        return True
    if marks[-1] in "”’」』\"'" and _HAN.match(after.lstrip()) and _SAID.match(after.lstrip()):
        return False  # “太好了！”她说
    if marks[0] in "。．！？":
        return not after.lstrip().startswith(tuple("，,、；;：:"))
    if marks[0] == "…" or marks.startswith("..") or marks[0] in "!?":
        return _begins(after) and (marks[0] in "!?" or not _HAN.match(after))
    return _full_stop_ends(line, match, after)


def _full_stop_ends(line: str, match: re.Match[str], after: str) -> bool:
    """Whether a single ``.`` ends a sentence."""
    before = line[: match.start()]
    if not _begins(after):
        return False
    if _LIST_NUMBER.search(before):
        return False  # "1. Wash it"
    word = _WORD_BEFORE.search(before)
    if word is None:
        return True
    written = word.group().lower()
    following = after.lstrip()
    if written == "no":
        return not following[:1].isdigit()
    if written in _INSIDE:
        return False
    if written in _MAYBE:
        return following[:1].isupper() or bool(_HAN.match(following))
    return not (len(written) == 1 and written.isalpha() and word.group().isupper())  # "J. Smith"


def _begins(after: str) -> bool:
    """Whether a new sentence may begin here: white space, then no small letter; or a Chinese character at once."""
    if _HAN.match(after):
        return True
    rest = after.lstrip()
    return rest != after and not rest[:1].islower() and rest[:1] not in ",;:"
