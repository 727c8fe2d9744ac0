"""The generated tables of ``docs/quality.md``: ``python -m tests.quality.quality_doc`` writes them anew."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from goodsense.quality.cleaning import STEPS
from goodsense.quality.finding import DIMENSIONS
from goodsense.quality.kinds import KINDS
from goodsense.quality.page import MEANINGS, NAMES

PAGE = Path(__file__).parents[2] / "docs" / "quality.md"


def page(text: str) -> str:
    """The page with its tables made anew."""
    for name, made in {"kinds": kinds(), "steps": steps()}.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, rest = text.split(begin, 1)
        text = f"{before}{begin}\n\n{made}\n{end}{rest.split(end, 1)[1]}"
    return text


def kinds() -> str:
    """Every kind of finding by dimension, with what mends it."""
    lines = []
    for dimension in DIMENSIONS:
        english, chinese = NAMES[dimension]
        lines += [
            f"**{english}** ({chinese}): {MEANINGS[dimension][0]}",
            "",
            "| kind | severity | steps that mend it |",
        ]
        lines += ["|---|---|---|"]
        for name, kind in KINDS.items():
            if kind.dimension == dimension:
                mends = ", ".join(f"`{step}`" for step in kind.steps)
                lines.append(f"| `{name}` | {kind.severity} | {mends} |")
        lines.append("")
    return "\n".join(lines)


def steps() -> str:
    """Every cleaning step with what it does."""
    lines = ["| step | what it does |", "|---|---|"]
    for name, step in STEPS.items():
        said = (inspect.getdoc(step) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`").replace("|", "\\|")
        lines.append(f"| `{name}` | {said} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE}\n")
