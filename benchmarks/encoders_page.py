"""Fill in docs/encoders.md: the table of pretrained families, and what was measured, from the committed results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.common import RESULTS
from benchmarks.table import figure_rows
from goodsense.encoders.hub.families import FAMILIES, names_of

PAGE = RESULTS.parent.parent / "docs" / "encoders.md"
SECTIONS: Mapping[str, str] = {
    "texts": "Text encoders against each other",
    "fashion": "Pictures of garments",
    "grocery": "Phone photos of groceries",
    "esc10": "Environmental sounds",
    "fsdd": "Spoken digits",
    "grozi": "Clips of products in a store",
    "voice": "Spoken queries (synthetic speech)",
    "minilm_int8": "MiniLM in eight bits",
    "throughput": "Throughput",
}


def main() -> None:
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")


def filled(text: str) -> str:
    """The page with both generated parts made anew."""
    head = re.split(r"(?<=<!-- measured -->)\n", text)[0]
    start, end = "<!-- families -->\n", "<!-- end of families -->"
    before, rest = head.split(start)
    after = rest.split(end)[-1]
    table = "\n".join(families())
    return f"{before}{start}\n{table}\n\n{end}{after}\n" + "\n".join(measured()) + "\n"


def families() -> Iterator[str]:
    """The architectures that ``hub:`` loads, by what they read."""
    yield "| reads | `model_type` of its `config.json` |"
    yield "|---|---|"
    for interface in dict.fromkeys(family.interface for family in FAMILIES.values()):
        yield f"| {_SAID[interface]} | {', '.join(f'`{name}`' for name in names_of(interface))} |"


_SAID: Mapping[str, str] = {
    "text": "text",
    "image": "pictures",
    "image+text": "pictures, found by text, too",
    "audio": "sounds",
    "audio+text": "sounds, found by text, too",
    "video": "clips",
    "video+text": "clips, found by text, too",
    "objects": "objects in pictures (`goodsense.encoders.hub.detect`)",
}


def measured() -> Iterator[str]:
    for name, title in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            report: dict[str, Any] = json.loads(path.read_text("utf-8"))
            yield f"\n### {title}\n"
            yield from figure_rows(report)


if __name__ == "__main__":
    main()
