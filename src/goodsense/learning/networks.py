"""What everything that trains a network needs: torch itself, seeds, devices, and weights as plain arrays.

torch is imported on use, so that whoever only names these functions does without it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError, missing_extra

if TYPE_CHECKING:
    import torch

EXTRA = "torch"


def need_torch(needed_for: str) -> Any:
    """The module torch.

    Raises
    ------
    DependencyError
        If it is not installed; names the extra.
    """
    try:
        import torch
    except ImportError as error:
        raise missing_extra("torch", EXTRA, needed_for=needed_for) from error
    return torch


_SEEDED = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of torch follow from ``seed`` inside, and go on outside as if nothing had happened.

    They belong to the whole process, so trainings in several threads wait for one another.
    """
    torch = need_torch("training")
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with _SEEDED, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 itself; elsewhere it would only cost time and precision."""
    found: dict[str, Any] = getattr(need_torch("training").cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def checked_device(device: str | torch.device) -> torch.device:
    """The device of this name.

    Raises
    ------
    UsageError
        If torch knows no such device, or this machine has none.
    """
    torch = need_torch("training")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise UsageError(
            f"the device {str(device)!r} cannot be used: {str(error).splitlines()[0]}.",
            fix="Train with device='cpu', or install a torch that is built for this device.",
        ) from error
    return found


def moved(batch: Any, device: torch.device) -> Any:
    """A batch with its tensors on ``device``, found in tuples, lists and mappings; all else stays as it is."""
    torch = need_torch("training")
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {name: moved(value, device) for name, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(moved(value, device) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(moved(value, device) for value in batch)
    return batch


def weights_of(network: torch.nn.Module, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Parameters and buffers by name, as arrays."""
    return {f"{prefix}{name}": value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


def restore(network: torch.nn.Module, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> None:
    """Put back what :func:`weights_of` took, and switch to evaluation mode."""
    torch = need_torch("a trained encoder")
    own = {name.removeprefix(prefix): torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    network.load_state_dict(own, strict=True)
    network.eval()
