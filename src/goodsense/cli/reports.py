"""Figures and pictures kept on disk beside what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def kept(directory: Path, name: str, data: dict[str, Any], figure: Any) -> dict[str, Any]:
    """Write ``name.json`` and ``name.png``; the data, with where the picture and the report are."""
    from goodsense.evaluate.plots import save_figure

    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    directory.mkdir(parents=True, exist_ok=True)
    found = {**data, "picture": str(directory / f"{safe}.png"), "report": str(directory / f"{safe}.json")}
    save_figure(figure, directory / f"{safe}.png")
    text = json.dumps(found, ensure_ascii=False, indent=1, default=str)
    (directory / f"{safe}.json").write_text(text, "utf-8")
    return found
