"""The trainer that all small networks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from goodsense.encoders import networks  # noqa: E402
from goodsense.encoders.checkpoints import kept_in  # noqa: E402

ROWS = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
TRUTH = (ROWS @ np.arange(1, 7, dtype=np.float32) > 0).astype(np.int64)
SCHEDULE = networks.Schedule(epochs=7, batch=10, rate=0.02, decay=0.01)


class Killed(Exception):
    """Stands for the end of the process."""


def made() -> Any:
    with networks.seeded(3):
        nn = torch.nn
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


def trained(network: Any, *, epochs: int = 99, seed: int = 0, schedule: networks.Schedule = SCHEDULE) -> list[float]:
    """Trains, and is killed at the beginning of epoch ``epochs``."""

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Any]:
        if epoch == epochs:
            raise Killed
        order = rng.permutation(len(ROWS))
        return (torch.from_numpy(order[start : start + 10]) for start in range(0, len(ROWS), 10))

    def loss(rows: Any) -> Any:
        return torch.nn.functional.cross_entropy(network(torch.from_numpy(ROWS)[rows]), torch.from_numpy(TRUTH)[rows])

    return networks.train(network, batches, loss, schedule, steps=4, seed=seed)


def same(one: Any, other: Any) -> bool:
    left, right = networks.weights_of(one), networks.weights_of(other)
    return all(left[name].tobytes() == right[name].tobytes() for name in left)


def test_it_learns_and_a_seed_repeats_it() -> None:
    one, two, other = made(), made(), made()
    history = trained(one)
    assert len(history) == 7
    assert history[-1] < 0.7 * history[0]
    assert trained(two) == history
    assert same(one, two)
    trained(other, seed=1)
    assert not same(one, other)


def test_random_numbers_outside_go_on_as_if_nothing_had_happened() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(made())
    assert torch.equal(torch.rand(3), expected)


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


def test_a_finished_training_is_only_read(tmp_path: Path) -> None:
    one, two = made(), made()
    with kept_in(tmp_path, key="rows"):
        trained(one)
        trained(two, epochs=0)  # would be killed if it began
    assert same(one, two)


@pytest.mark.parametrize("what", ["key", "seed", "schedule", "damaged"])
def test_another_training_begins_anew(tmp_path: Path, what: str) -> None:
    with kept_in(tmp_path, key="rows"):
        trained(made())
    if what == "damaged":
        (file,) = tmp_path.iterdir()
        file.write_bytes(file.read_bytes()[:200])
    longer = networks.Schedule(epochs=8, batch=10, rate=0.02, decay=0.01)
    with kept_in(tmp_path, key="others" if what == "key" else "rows"), pytest.raises(Killed):
        trained(made(), epochs=0, seed=int(what == "seed"), schedule=longer if what == "schedule" else SCHEDULE)


def test_targets_are_fields_with_classes_worth_learning() -> None:
    labels = [{"id": str(i), "kind": "ab"[i % 2], "name": f"n{i}", "rare": "x" if i < 1 else ""} for i in range(12)]
    labels[3] = {"id": "3", "kind": "once"}
    found = networks.Targets.of(labels)
    assert dict(found.sizes) == {"kind": 2}
    assert found.codes["kind"].tolist() == [0, 1, 0, -1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert not networks.Targets.of(labels, fields=["name", "absent"])
    assert not networks.Targets.of([])
