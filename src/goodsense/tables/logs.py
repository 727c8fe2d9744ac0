"""Lines of web-server logs and of any other log as records, by a regular expression with named groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from goodsense.errors import DataError
from goodsense.tables.json_rows import text_lines
from goodsense.tables.opening import GENEROUS, TableLimits, open_text
from goodsense.tables.patterns import Pattern, PatternError, SlowPattern
from goodsense.tables.rejects import Reject, Rejects
from goodsense.tables.rows import CutOff, Row, damage
from goodsense.tables.sniff import Sniffed

_COMMON = (
    r"^(?P<host>\S{1,200}) (?P<ident>\S{1,200}) (?P<user>\S{1,200}) \[(?P<time>[^\]\s]{1,40}(?: [^\]\s]{1,10})?)\] "
    r'"(?:(?P<method>[A-Z]{1,20}) (?P<path>\S+)(?: (?P<protocol>[^"\s]+))?|(?P<request>(?:[^"\\]|\\.)*))" '
    r"(?P<status>\d{3}) (?P<bytes>\d+|-)"
)
# The Common Log Format of the NCSA, and with referrer and agent, as Apache and nginx write them.
PATTERNS: Mapping[str, str] = {
    "common": _COMMON,
    "combined": _COMMON + r' "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"',
}
_LINE = 1 << 16
_KEPT = 1000


def log_records(
    path: Path, sniffed: Sniffed, rejects: Rejects, pattern: Pattern, *, limits: TableLimits = GENEROUS
) -> Iterator[Row]:
    """One record per line; ``-`` and groups that took no part are left out.

    Raises
    ------
    DataError
        If the pattern takes too long on line after line.
    """

    def refuse(number: int, line: str, reason: str, fix: str) -> None:
        rejects.add(Reject(str(path), number, "", None, reason, fix, line[:_KEPT]))

    with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
        for number, line in enumerate(text_lines(text, _LINE), start=1):
            if line is None:
                refuse(number, "", f"the line is longer than {_LINE} characters", "Take it out of the log.")
                continue
            if isinstance(line, CutOff):
                refuse(number, "", "the file ends in the middle of a character", "Copy the log again.")
                return
            if line.isspace():
                continue
            try:
                problem = damage(line, sniffed.encoding)
                found = None if problem else pattern.search(line.rstrip("\r\n"))
            except PatternError as error:
                found, problem = None, str(error)
            except SlowPattern as error:
                raise DataError(f"{path}, line {number}: {error.message}", fix=error.fix) from error
            if found is None:
                reason = problem or "the line does not fit the pattern of the mapping file"
                refuse(number, line, reason, "Correct [source] pattern, or leave the line out.")
                continue
            yield Row(number, {name: value for name, value in found.groupdict().items() if value and value != "-"})
