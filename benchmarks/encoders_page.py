"""Fill in the measured tables of docs/encoders.md from the committed results, and from nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.common import RESULTS
from benchmarks.table import figure_rows

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
    text = PAGE.read_text("utf-8")
    head = re.split(r"(?<=<!-- measured -->)\n", text)[0]
    PAGE.write_text(head + "\n" + "\n".join(measured()), "utf-8")


def measured() -> Iterator[str]:
    for name, title in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            report: dict[str, Any] = json.loads(path.read_text("utf-8"))
            yield f"\n### {title}\n"
            yield from figure_rows(report)


if __name__ == "__main__":
    main()
