"""Hostile servers are bounded in time and bytes, and named clearly."""

from __future__ import annotations

from pathlib import Path

from .hostile import run_hostile


def test_every_cruelty_ends_soon_and_clearly(tmp_path: Path) -> None:
    result = run_hostile(tmp_path)
    assert result["failures"] == []
    assert result["cases"] >= 80
    partial = list((tmp_path / "store" / "partial").iterdir())
    assert sum(path.stat().st_size for path in partial) <= 3 << 20 * len(partial)
