"""Towers in 8 bits: exported to ONNX, weights quantised per channel, activations on the fly, run by onnxruntime.

What a quantised tower gives is compared with the original on a sample first; one that departs too far is refused.
Files are kept in a cache of the user and copied into the encoder that is saved with a build.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.encoders.hub.towers import Inputs, OnnxTower, TorchTower
from goodsense.errors import DataError, DependencyError, UsageError, missing_extra
from goodsense.types import Vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRA = "int8"
RECIPE = 1  # version of how towers are exported and quantised
LEAST_COSINE = 0.98  # mean, between a tower and itself in 8 bits
_PRODUCTS = ("MatMul", "Gemm")


def int8_tower(key: str, tower: Callable[[], TorchTower], sample: Inputs, axes: Mapping[str, tuple[str, ...]]) -> Path:
    """The file of a tower in 8 bits, made if it was not made before.

    Parameters
    ----------
    key
        Names model and tower: equal keys, equal towers.
    tower
        Loads the original; called only if the file has to be made.
    sample
        Inputs to export with and to compare on, at least two rows.
    axes
        Of every input, the names of its axes whose length may differ from the sample's; ``""`` for fixed ones.

    Raises
    ------
    UsageError
        If the mean cosine on the sample is below :data:`LEAST_COSINE`.
    """
    _need()
    path = cache_directory() / f"{key}-{RECIPE}.onnx"
    if path.is_file():
        return path
    original = tower()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as name:
        exported, quantised = Path(name) / "float.onnx", Path(name) / "int8.onnx"
        try:
            _export(original, sample, axes, exported)
            _quantise(exported, quantised)
        except DependencyError:
            raise
        except Exception as error:  # exporter and quantiser have no common class of errors
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(f"this model cannot be brought to 8 bits: {reason}", fix="Leave int8 off.") from error
        cosine = mean_cosine(original(sample), OnnxTower(quantised)(sample))
        if not cosine >= LEAST_COSINE:
            raise UsageError(
                f"in 8 bits the vectors of this model have a mean cosine of {cosine:.4f} with the original ones; "
                f"expected at least {LEAST_COSINE}.",
                fix="Leave int8 off for this model.",
            )
        (Path(name) / "facts.json").write_text(json.dumps({"mean cosine": round(cosine, 6)}), "utf-8")
        os.replace(Path(name) / "facts.json", path.with_suffix(".json"))
        os.replace(quantised, path)
    return path


def cache_directory() -> Path:
    """Where quantised towers are kept between builds."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "goodsense" / "int8"


def mean_cosine(left: Vectors, right: Vectors) -> float:
    """Mean cosine between the rows of ``(n, d)`` and ``(n, d)``."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(np.mean((left * right).sum(axis=1) / np.maximum(lengths, 1e-12)))


def session_of(path: Path) -> Any:
    """An onnxruntime session on the processor.

    Raises
    ------
    DataError
        If the file is no network.
    """
    onnxruntime = _need()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common class of errors
        raise DataError(f"{path} cannot be opened: {error}.", fix="Build again with --refit.") from error


def threads() -> int:
    """Threads for one batch: ``OMP_NUM_THREADS``, or as many as this process may use."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdigit() and int(stated):
        return int(stated)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _need() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_extra("onnxruntime", EXTRA, needed_for="the option int8") from error
    return onnxruntime


def _export(tower: TorchTower, sample: Inputs, axes: Mapping[str, tuple[str, ...]], path: Path) -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise missing_extra(error.name or "onnxscript", EXTRA, needed_for="the option int8") from error
    import torch

    rows = tuple(torch.from_numpy(np.ascontiguousarray(sample[name])) for name in tower.inputs)
    shapes = [{i: torch.export.Dim.DYNAMIC for i, axis in enumerate(axes[name]) if axis} for name in tower.inputs]
    given: Any = tuple(shapes)
    if _takes_any_number(tower.network):
        given = (given,)
    with _silence(), torch.inference_mode():
        torch.onnx.export(
            tower.network,
            rows,
            str(path),
            input_names=list(tower.inputs),
            output_names=["vectors"],
            dynamic_shapes=given,
            external_data=False,
            verbose=False,
            dynamo=True,
        )


def _takes_any_number(network: Any) -> bool:
    import inspect

    kinds = [parameter.kind for parameter in inspect.signature(network.forward).parameters.values()]
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _quantise(source: Path, target: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(source)
    model.graph.ClearField("value_info")  # it states shapes of weights that the quantiser transposes
    with _silence():
        quantize_dynamic(
            model, str(target), per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=list(_PRODUCTS)
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Exporters talk much; what matters is compared afterwards."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
