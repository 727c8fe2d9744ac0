"""A sample of the hostile files; ``python -m tests.torture --only hostile`` runs all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .hostile_files import run_hostile_av, run_hostile_images, watched


def test_hostile_pictures_cost_their_own_row(tmp_path: Path) -> None:
    result = run_hostile_images(tmp_path, 200, seed=0, heavy=False)
    assert result["failures"] == []
    assert result["refused"] > 120
    assert result["decoded"] > 5
    assert result["crash"] == result["time"] == 0


def test_hostile_sounds_clips_and_playlists_cost_their_own_row(tmp_path: Path) -> None:
    result = run_hostile_av(tmp_path, 250, seed=0, heavy=False)
    assert result["failures"] == []
    assert result["refused"] > 50
    assert result["decoded"] > 50
    assert result["crash"] == result["time"] == 0


def test_the_watch_sees_what_it_should(tmp_path: Path) -> None:
    import socket

    watch = watched(tmp_path / "watched")
    assert watch.look() == []
    Path(watch.place).read_text()
    socket.create_connection(watch.server.getsockname()[:2]).close()
    assert sorted(seen.split()[0] for seen in watch.look()) == ["connected", "opened"]
    watch.close()


@pytest.mark.torture
def test_all_hostile_files(tmp_path: Path) -> None:
    assert run_hostile_images(tmp_path, 2_000, seed=0)["failures"] == []
    assert run_hostile_av(tmp_path, 2_000, seed=0)["failures"] == []
