"""The generated parts of ``docs/feeds.md``: ``python -m tests.catalog.feeds_doc`` writes them anew.

Every format has a section whose heading is its name. What stands between ``<!-- generated: NAME -->`` and
``<!-- end: NAME -->`` is an example that the writer made and the table of its losses; all else is written by hand and
kept. A format without a section gets one at the end, with the docstring of its module as a first paragraph.
"""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
from pathlib import Path

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import FORMATS, FeedFormat, write_feed
from goodsense.tables import read_header, sniff
from goodsense.types import ImageRef
from tests.catalog.round_trips import TRIPS, place_files

PAGE = Path(__file__).parents[2] / "docs" / "feeds.md"
EXAMPLE = [
    Product(
        "tee-1",
        title="Linen tee",
        description="Light and cool.",
        brand="Lux",
        category=("Clothing", "Shirts"),
        attributes={"material": "linen"},
        media=(ImageRef("https://shop.example/tee.jpg"),),
        variants=(
            Variant("tee-1-s", {"size": "S"}, Money(1999, "USD"), Money(2499, "USD"), "in_stock", 7),
            Variant("tee-1-m", {"size": "M"}, Money(1999, "USD"), None, "out_of_stock", 0),
        ),
    ),
    Product(
        "台灯-2",
        title="暖光台灯",
        brand="明亮",
        category=("家居", "灯具"),
        language="zh",
        media=(ImageRef("https://shop.example/lamp.jpg"),),
        variants=(Variant("台灯-2", {}, Money(12900, "CNY"), availability="in_stock"),),
    ),
]
_NEW = """# Feeds

"""
_FENCES = {"json": "json", "xml": "xml"}
_LINES = 60  # of one file; an example is to be looked at


def page(text: str) -> str:
    """The page with every generated part made anew, and a section for every format."""
    for known in FORMATS:
        if not re.search(rf"^## `{re.escape(known.name)}`", text, re.MULTILINE):
            text = f"{text.rstrip()}\n\n{_section(known)}"
        begin, end = f"<!-- generated: {known.name} -->", f"<!-- end: {known.name} -->"
        if begin not in text or end not in text:
            raise SystemExit(f"{PAGE.name}: the section of {known.name} needs the lines {begin} and {end}.")
        before, rest = text.split(begin, 1)
        after = rest.split(end, 1)[1]
        text = f"{before}{begin}\n\n{generated(known)}\n{end}{after}"
    return text


def sections(text: str) -> dict[str, str]:
    """What is written by hand about each format, by its name."""
    found = {}
    for name, body in re.findall(r"^## `([^`]+)`[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        found[name] = re.sub(r"<!-- generated: .*?<!-- end: [^>]*-->", "", body, flags=re.DOTALL).strip()
    return found


def _section(known: FeedFormat) -> str:
    said = inspect.getdoc(inspect.getmodule(type(known))) or known.name
    return f"## `{known.name}`\n\n{said}\n\n<!-- generated: {known.name} -->\n<!-- end: {known.name} -->\n"


def generated(known: FeedFormat) -> str:
    """The example and the losses of one format."""
    trip = TRIPS[known.name]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"products.{known.name.rsplit('-', 1)[-1]}"
        if trip.files:
            place_files(trip.files, path)
        else:
            write_feed(trip.example or EXAMPLE, path, format=known.name, media=trip.read_medium)
        example = _folder(path) if path.is_dir() else _file(path)
    if trip.files:
        return f"{example}\nRead only.\n"
    return f"{example}\n{_losses(known)}"


def _folder(path: Path) -> str:
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = "\n".join(file.relative_to(path).as_posix() for file in files)
    texts = [(file, block) for file in files if not (block := _file(file)).startswith("```text\n(binary")]
    shown = [f"`{file.relative_to(path).as_posix()}`:\n\n{block}" for file, block in texts]
    return "\n".join([f"```text\n{listing}\n```\n", *shown])


def _file(path: Path) -> str:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return f"```text\n(binary{_columns(path)})\n```\n"
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], "..."]
    language = {"{": "json", "[": "json", "<": "xml"}.get(text.lstrip()[:1], "text")
    return "\n".join([f"```{language}", *(line.rstrip() for line in lines), "```\n"])


def _columns(path: Path) -> str:
    if not path.read_bytes().startswith(b"PAR1"):
        return ""
    return f"; columns: {', '.join(read_header(path, sniff(path)).names)}"


def _losses(known: FeedFormat) -> str:
    if not known.losses:
        return "Carries every catalog unchanged.\n"
    rows = [f"| {_cell(name)} | {_cell(reason)} |" for name, reason in known.losses.items()]
    return "\n".join(["| not carried | why |", "|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write the page anew."""
    before = PAGE.read_text("utf-8") if PAGE.exists() else _NEW
    after = page(before)
    PAGE.write_text(after, "utf-8")
    sys.stdout.write(f"{PAGE}: {'unchanged' if after == before else 'written'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
