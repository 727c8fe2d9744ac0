"""Unfinished trainings on disk, so that a killed build goes on where it was.

Whoever builds says where they are kept, and :func:`goodsense.encoders.networks.train` looks there; encoders know
nothing of it. A training that went on ends with the same weights, bit for bit, as one that nothing disturbed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
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
        Made when it does not exist. What is in it may be removed once the encoders are saved.
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

    def restore(self, network: torch.nn.Module, optimiser: torch.optim.Optimizer, cycle: Any) -> list[float]:
        """Put a training back to where it was; returns the mean losses of the epochs that are done."""
        found = _read(self.path)
        if found is None:
            return []
        import torch

        arrays, facts = found
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        network.load_state_dict(_below("network", tensors), strict=True)
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in _below("optimiser", tensors).items():
            number, _, what = name.partition(".")
            state.setdefault(int(number), {})[what] = tensor
        groups = [{**group, "betas": tuple(group["betas"])} for group in facts["groups"]]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
        cycle.last_epoch = facts["steps"]
        return [float(value) for value in facts["history"]]

    def keep(
        self,
        network: torch.nn.Module,
        optimiser: torch.optim.Optimizer,
        cycle: Any,
        history: list[float],
        *,
        last: bool,
    ) -> None:
        """Write where the training is, if it is time to; the file is complete or not there."""
        if len(history) % self.every and not last:
            return
        from safetensors.numpy import save

        state = optimiser.state_dict()
        arrays = {f"network.{name}": value for name, value in network.state_dict().items()}
        for number, own in state["state"].items():
            arrays |= {f"optimiser.{number}.{what}": value for what, value in own.items()}
        facts = {"history": history, "steps": cycle.last_epoch, "groups": state["param_groups"]}
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
