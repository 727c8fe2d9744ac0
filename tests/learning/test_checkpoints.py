"""Killed trainings go on and end with the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from goodsense.learning.checkpoints import kept_in  # noqa: E402
from goodsense.learning.history import History  # noqa: E402
from tests.learning.training import SCHEDULE, Killed, accuracy, made, same, trained  # noqa: E402

PATIENT = replace(SCHEDULE, epochs=12, patience=3)


def finished(folder: Path, deaths: Sequence[int], *, validated: bool = False, **options: Any) -> tuple[Any, History]:
    """Network and history of a training that is killed at these steps of its lives, and lives on to its end then."""
    for death in (*deaths, None):
        network = made()
        more = {"validate": accuracy(network)} if validated else {}
        with kept_in(folder, key="rows", every=2):
            try:
                return network, trained(network, dies_at=death, **options, **more)
            except Killed:
                continue
    raise AssertionError("nobody kills the last life")


@pytest.mark.parametrize("dies_in", [1, 3, 6])
def test_a_killed_training_ends_with_the_same_bytes(tmp_path: Path, dies_in: int) -> None:
    whole = made()
    history = trained(whole)
    for attempt in (dies_in, 99):
        network = made()
        with kept_in(tmp_path, key="rows", every=2):
            try:
                found = trained(network, epochs=attempt)
            except Killed:
                continue
        assert found == history
        assert same(network, whole)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schedule": replace(SCHEDULE, shape="cosine")},
        {"validated": True},
        {"validated": True, "schedule": PATIENT},
        {"precision": "bf16"},
        {"precision": "fp16", "altered": lambda value: value * 3_000},  # its first steps overflow: the scale moves
    ],
    ids=["plain", "cosine", "validated", "patient", "bf16", "fp16"],
)
def test_one_that_is_killed_twice_amid_an_epoch_ends_the_same(tmp_path: Path, options: dict[str, Any]) -> None:
    whole, expected = finished(tmp_path / "whole", [], **options)
    network, found = finished(tmp_path / "killed", [11, 10], **options)
    assert found == expected
    assert same(network, whole)


def test_the_patience_and_the_best_weights_outlive_a_death(tmp_path: Path) -> None:
    """Of the one killed at the first step of epoch 5 the best epoch is of one life, the end of patience of another."""
    found = []
    for name, deaths in (("whole", (None,)), ("killed", (17, None))):
        figures = iter([0.1, 0.2, 0.9, 0.3, 0.4, 0.5])
        for death in deaths:
            network = made()
            with kept_in(tmp_path / name, key="rows", every=2), suppress(Killed):
                history = trained(network, dies_at=death, schedule=PATIENT, validate=partial(next, figures))
                found.append((network, history))
    (whole, expected), (killed, history) = found
    assert (expected.stopped, expected.best_epoch, len(expected.losses)) == ("patience", 2, 5)
    assert history == expected
    assert same(killed, whole)


def test_seconds_of_all_lives_count(tmp_path: Path) -> None:
    _, history = finished(tmp_path, [11])
    assert len(history.epoch_seconds) == 7
    assert all(seconds > 0 for seconds in history.epoch_seconds)
    assert history.seconds == pytest.approx(sum(history.epoch_seconds))


@pytest.mark.parametrize("validated", [False, True])
def test_a_finished_training_is_only_read(tmp_path: Path, validated: bool) -> None:
    one, history = finished(tmp_path, [], validated=validated, schedule=PATIENT)
    two = made()
    with kept_in(tmp_path, key="rows"):
        # would be killed if it began
        options = {"validate": pytest.fail} if validated else {}
        assert trained(two, epochs=0, dies_at=1, schedule=PATIENT, **options) == history
    assert same(one, two)


@pytest.mark.parametrize("what", ["key", "seed", "schedule", "precision", "validated", "damaged"])
def test_another_training_begins_anew(tmp_path: Path, what: str) -> None:
    with kept_in(tmp_path, key="rows"):
        trained(made())
    if what == "damaged":
        (file,) = tmp_path.iterdir()
        file.write_bytes(file.read_bytes()[:200])
    schedule = replace(SCHEDULE, epochs=8) if what == "schedule" else SCHEDULE
    options: dict[str, Any] = {"precision": "bf16"} if what == "precision" else {}
    options |= {"validate": lambda: 1.0} if what == "validated" else {}
    with kept_in(tmp_path, key="others" if what == "key" else "rows"), pytest.raises(Killed):
        trained(made(), epochs=0, seed=int(what == "seed"), schedule=schedule, **options)


def test_nothing_is_kept_where_nobody_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained(made())
    assert list(tmp_path.iterdir()) == []
