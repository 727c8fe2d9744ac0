"""A sample of the hostile files; ``python -m tests.torture --only hostile`` runs all of them."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import pytest

from .hostile_av import pointing
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


def test_the_same_files_reach_out_where_the_library_is_left_to_itself(tmp_path: Path) -> None:
    """Else the tests above would show nothing: concat scripts connect and open, aliases in QuickTime open."""
    import av

    watch = watched(tmp_path / "watched")
    loose = {"safe": "0", "enable_drefs": "1", "use_absolute_path": "1", "protocol_whitelist": "file,http,tcp"}
    reached = set()
    for name, data in pointing(watch.place, watch.url):
        before = len(watch.look())
        with suppress(Exception), av.open(io.BytesIO(data), options=loose, timeout=1.0) as container:
            next(container.demux(), None)
        reached |= {(name.split()[0].lstrip("0123456789"), seen.split()[0]) for seen in watch.look()[before:]}
    watch.close()
    assert {(".ffconcat", "connected"), (".ffconcat", "opened"), ("alias", "opened")} <= reached


@pytest.mark.torture
def test_all_hostile_files(tmp_path: Path) -> None:
    assert run_hostile_images(tmp_path, 2_000, seed=0)["failures"] == []
    assert run_hostile_av(tmp_path, 2_000, seed=0)["failures"] == []
