"""A sample of what `make torture` does in full."""

from __future__ import annotations

from pathlib import Path

from tests.shop.event_kills import run_event_kills
from tests.shop.kills import run_build_kills, run_ingest_kills

KILLS = 5


def test_killed_ingests_lose_nothing_acknowledged(tmp_path: Path) -> None:
    assert run_ingest_kills(tmp_path, KILLS, seed=11, products=1_500)["lost"] == 0


def test_killed_builds_are_taken_up_again(tmp_path: Path) -> None:
    assert run_build_kills(tmp_path, KILLS, seed=12)["different_answers"] == 0


def test_killed_ingests_of_events_lose_and_double_nothing(tmp_path: Path) -> None:
    told = run_event_kills(tmp_path, KILLS, seed=13, happened=1_500)
    assert told["lost"] == 0
    assert told["acknowledged_in_all"] > 0
