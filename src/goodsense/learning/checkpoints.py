"""Unfinished trainings on disk, so that a killed build goes on where it was.

Whoever builds says where they are kept, and :func:`goodsense.learning.trainer.train` looks there; what is trained knows
nothing of it. A training that went on ends with the same weights, bit for bit, as one that nothing disturbed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

EVERY = 5  # epochs


@dataclass(frozen=True)
class _Place:
    directory: Path
    key: str
    every: int


_PLACE: ContextVar[_Place | None] = ContextVar("checkpoints", default=None)


@contextmanager
def kept_in(directory: Path, *, key: str, every: int = EVERY) -> Iterator[None]:
    """Trainings inside leave a checkpoint in ``directory`` every few epochs, and begin with the one that they find.

    Parameters
    ----------
    directory
        Made when it does not exist. What is in it may be removed once what was trained is saved.
    key
        What is learned from: content hashes of the data, say. A checkpoint of another key is not looked at, nor one of
        another seed, schedule or network.
    every
        Epochs between two checkpoints; there is one at the end, too.
    """
    token = _PLACE.set(_Place(directory, key, every))
    try:
        yield
    finally:
        _PLACE.reset(token)


@dataclass
class Course:
    """How a training went so far: one number per epoch each, but for the validation, which has one before the first."""

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)  # empty where nothing is validated
    first: list[float] = field(default_factory=list)  # losses of the steps of the first epoch
    last: list[float] = field(default_factory=list)  # and of the latest


@dataclass(frozen=True, eq=False)
class Moving:
    """All that moves while a network learns, and that has to come back for it to go on alike."""

    network: torch.nn.Module
    optimiser: torch.optim.Optimizer
    rates: Any  # torch's scheduler
    scaler: Any  # torch's GradScaler, enabled or not
    best: dict[str, torch.Tensor] = field(default_factory=dict)  # the network's weights when it was validated best


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training."""

    path: Path
    every: int

    @classmethod
    def of(cls, network: torch.nn.Module, **facts: Any) -> Checkpoint | None:
        """The checkpoint of a training that begins with this network; None where none are kept."""
        place = _PLACE.get()
        if place is None:
            return None
        digest = hashlib.blake2b(json.dumps([place.key, facts], sort_keys=True, default=vars).encode(), digest_size=16)
        for name, value in network.state_dict().items():
            digest.update(f"\0{name}\0{tuple(value.shape)}\0".encode() + value.detach().cpu().numpy().tobytes())
        return cls(place.directory / f"{digest.hexdigest()}.safetensors", place.every)

    def restore(self, moving: Moving) -> Course:
        """Put a training back to where it was; returns how it went, an empty course if there is nothing to go on."""
        found = _read(self.path)
        if found is None:
            return Course()
        import torch

        arrays, facts = found
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        moving.network.load_state_dict(_below("network", tensors), strict=True)
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in _below("optimiser", tensors).items():
            number, _, what = name.partition(".")
            state.setdefault(int(number), {})[what] = tensor
        groups = [{**group, "betas": tuple(group["betas"])} for group in facts["groups"]]
        moving.optimiser.load_state_dict({"state": state, "param_groups": groups})
        moving.rates.last_epoch = facts["steps"]
        moving.scaler.load_state_dict(facts["scaler"])
        moving.best.update(_below("best", tensors))
        return Course(**facts["course"])

    def keep(self, moving: Moving, course: Course, *, last: bool) -> None:
        """Write where the training is, if it is time to; the file is complete or not there."""
        if len(course.losses) % self.every and not last:
            return
        from safetensors.numpy import save

        state = moving.optimiser.state_dict()
        arrays = {f"network.{name}": value for name, value in moving.network.state_dict().items()}
        arrays |= {f"best.{name}": value for name, value in moving.best.items()}
        for number, own in state["state"].items():
            arrays |= {f"optimiser.{number}.{what}": value for what, value in own.items()}
        facts = {
            "course": asdict(course),
            "steps": moving.rates.last_epoch,
            "groups": state["param_groups"],
            "scaler": moving.scaler.state_dict(),
        }
        data = save(
            {name: value.detach().cpu().numpy().copy() for name, value in arrays.items()},
            metadata={"training": json.dumps(facts)},
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(data)
        draft.replace(self.path)


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], Mapping[str, Any]] | None:
    """None for a file that is not there or damaged: then the training begins anew."""
    from safetensors import SafetensorError, safe_open

    with suppress(OSError, SafetensorError, ValueError, KeyError), safe_open(path, framework="np") as file:
        facts = json.loads(file.metadata()["training"])
        return {name: np.array(file.get_tensor(name)) for name in file.keys()}, facts  # noqa: SIM118
    return None


def _below(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
