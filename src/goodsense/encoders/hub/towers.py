"""Networks with one way in and one vector out, run by torch or, in 8 bits, by onnxruntime; both look the same.

A tower takes named arrays with one row per value and gives ``(n, d)`` float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.sentence import Dense
from goodsense.types import Vectors

if TYPE_CHECKING:
    import torch

Inputs: TypeAlias = Mapping[str, NDArray[Any]]


class Tower(Protocol):
    """Arrays to vectors."""

    def __call__(self, inputs: Inputs) -> Vectors: ...


class TorchTower:
    """A network of torch, in evaluation mode; ``network(**inputs)`` gives ``(n, d)``."""

    def __init__(self, network: torch.nn.Module, inputs: Sequence[str]) -> None:
        self.network = network.eval()
        self.inputs = tuple(inputs)

    def __call__(self, inputs: Inputs) -> Vectors:
        import torch

        with torch.inference_mode():
            given = [torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in self.inputs]
            found: Vectors = self.network(*given).float().numpy()
        return found


class OnnxTower:
    """A network in a file, run by onnxruntime with as many threads as torch would use."""

    def __init__(self, path: Path) -> None:
        from goodsense.encoders.hub.quantise import session_of

        self.path = path
        self._session = session_of(path)
        self._inputs = [given.name for given in self._session.get_inputs()]

    def __call__(self, inputs: Inputs) -> Vectors:
        given = {name: np.ascontiguousarray(inputs[name]) for name in self._inputs}
        found: Vectors = self._session.run(None, given)[0]
        return found


def text_network(model: Any, poolings: Sequence[str], dense: Sequence[Dense]) -> torch.nn.Module:
    """Tokens ``ids`` and ``mask`` ``(n, t)`` to pooled states, through the dense layers."""
    import torch

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.dense = torch.nn.ModuleList(_linear(layer) for layer in dense)

        def forward(self, ids: Any, mask: Any) -> Any:
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state  # (n, t, d)
            pooled = torch.cat([pooled_states(states, mask, kind) for kind in poolings], dim=1)
            for layer, settings in zip(self.dense, dense, strict=True):
                pooled = layer(pooled)
                if settings.activation:
                    pooled = getattr(torch.nn.functional, settings.activation)(pooled)
            return pooled

    return Network()


def _linear(layer: Dense) -> torch.nn.Module:
    import torch

    found = torch.nn.Linear(layer.weight.shape[1], layer.weight.shape[0], bias=layer.bias is not None)
    found.weight = torch.nn.Parameter(torch.from_numpy(layer.weight.copy()), requires_grad=False)
    if layer.bias is not None:
        found.bias = torch.nn.Parameter(torch.from_numpy(layer.bias.copy()), requires_grad=False)
    return found


def pooled_states(states: torch.Tensor, mask: torch.Tensor, kind: str) -> torch.Tensor:
    """States ``(n, t, d)`` of the tokens that ``mask`` ``(n, t)`` marks, filled up on the right, to ``(n, d)``."""
    import torch

    if kind == "cls":
        return states[:, 0]
    kept = mask[:, :, None].to(states.dtype)  # (n, t, 1)
    if kind == "max":
        return states.masked_fill(kept == 0, torch.finfo(states.dtype).min).amax(dim=1)
    if kind == "lasttoken":
        last = (mask.sum(dim=1) - 1).clamp(min=0)[:, None, None].expand(-1, 1, states.shape[2])
        return states.gather(1, last)[:, 0]
    if kind == "weightedmean":
        kept = kept * torch.arange(1, states.shape[1] + 1, dtype=states.dtype)[None, :, None]
    count = kept.sum(dim=1).clamp(min=1e-9)
    return (states * kept).sum(dim=1) / (count.sqrt() if kind == "mean_sqrt_len_tokens" else count)


def feature_network(model: Any, method: str, names: Sequence[str]) -> torch.nn.Module:
    """One tower of a model of two: ``get_image_features`` and its like, with inputs in the order of ``names``."""
    import torch

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: Any) -> Any:
            found = getattr(self.model, method)(**dict(zip(names, given, strict=True)))
            return getattr(found, "pooler_output", found)

    return Network()


def state_network(model: Any, pooling: str, name: str, *, layer: int | None = None) -> torch.nn.Module:
    """A model of pictures, sounds or clips with one input; states or what the model pools itself, as ``(n, d)``."""
    import torch

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, given: Any) -> Any:
            found = self.model(**{name: given}, **({} if layer is None else {"output_hidden_states": True}))
            if pooling == "pooler" and layer is None:
                return found.pooler_output.flatten(1)
            states = found.last_hidden_state if layer is None else found.hidden_states[layer]
            if states.ndim == 4:
                states = states.flatten(2).transpose(1, 2)  # (n, d, h, w) to (n, t, d)
            return states[:, 0] if pooling == "cls" else states.mean(dim=1)

    return Network()


def heard_network(encoder: Any, *, layer: int | None = None) -> torch.nn.Module:
    """The listening half of Whisper: the mean of as many states as there was sound, ``frames`` ``(n, 1)``."""
    import torch

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, features: Any, frames: Any) -> Any:
            found = self.encoder(features, **({} if layer is None else {"output_hidden_states": True}))
            states = found.last_hidden_state if layer is None else found.hidden_states[layer]  # (n, t, d)
            heard = torch.arange(states.shape[1])[None] < frames  # (n, t)
            return pooled_states(states, heard.long(), "mean")

    return Network()
