"""A sample of what the torture run does with a shop of 2,000 products."""

from __future__ import annotations

from pathlib import Path

from .kills import run_crawl_kills


def test_killed_crawls_resume_exactly(tmp_path: Path) -> None:
    result = run_crawl_kills(tmp_path, 2, seed=21, products=40)
    assert result["kills"] == 2
    assert result["fetched_twice"] <= 2
