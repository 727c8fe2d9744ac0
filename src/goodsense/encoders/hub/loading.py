"""Where a pretrained model lies, whether its folder is whole, and how its network comes into memory.

A name is a local folder, or a repository of the Hugging Face hub (``owner/name``, with ``@revision`` where another
than the main one is meant) that lies in the hub's cache. Nothing is downloaded unless :func:`allow_downloads` is in
force. Only safetensors are read, and no code that comes with a model is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from goodsense.encoders.hub.families import FAMILIES, Family, Interface, names_of
from goodsense.errors import DataError, DependencyError, UsageError, missing_extra

EXTRA = "hub"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json")
TOKENIZERS = (
    "tokenizer.json vocab.txt vocab.json spiece.model sentencepiece.bpe.model tokenizer.model spm.model".split()
)
DOWNLOADED = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md", "LICENSE*")
NOT_DOWNLOADED = ("onnx/*", "openvino/*", "*.fp16.safetensors", "*.bf16.safetensors", "original/*")
_UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_NEEDS_TEXT: frozenset[Interface] = frozenset({"text", "image+text", "audio+text", "video+text"})

_downloads_allowed = False
_loading = threading.Lock()  # warnings' filters belong to the whole process


@contextmanager
def allow_downloads(allowed: bool = True) -> Iterator[None]:
    """Inside, models that are named but not here are downloaded (for the whole process, all its threads)."""
    global _downloads_allowed
    before, _downloads_allowed = _downloads_allowed, allowed
    try:
        yield
    finally:
        _downloads_allowed = before


@dataclass(frozen=True)
class ModelFolder:
    """A folder that is a whole model.

    Parameters
    ----------
    name
        As it was asked for.
    path
        The folder.
    core
        Where ``config.json`` and the weights are: the folder itself, or one within it.
    config
        What ``config.json`` says.
    model_type
        The row of :data:`~goodsense.encoders.hub.families.FAMILIES`.
    weights
        The files of weights, in order.
    """

    name: str
    path: Path
    core: Path
    config: Mapping[str, Any]
    model_type: str
    weights: tuple[Path, ...]

    @property
    def family(self) -> Family:
        return FAMILIES[self.model_type]

    def settings(self, *names: str) -> dict[str, Any]:
        """The first of these JSON files that is there; empty without any."""
        for name in names:
            for place in (self.core, self.path):
                if (place / name).is_file():
                    return dict(_json(place / name))
        return {}

    @property
    def hash(self) -> str:
        """Of all files that decide a vector: weights, settings, tokenizer."""
        kinds = (".json", ".safetensors", ".txt", ".model")
        files = {path for place in {self.path, self.core} for path in place.rglob("*") if path.suffix in kinds}
        digest = hashlib.blake2b(digest_size=16)
        for path in sorted(path for path in files if path.is_file() and path.suffix in kinds):
            digest.update(f"{path.relative_to(self.path).as_posix()}\0{hash_of_file(path)}\0".encode())
        return digest.hexdigest()


def find_model(name: str, *interfaces: Interface, types: Sequence[str] = ()) -> ModelFolder:
    """The folder of a model, checked to be whole.

    Parameters
    ----------
    name
        A local folder or a repository's id, without ``hub:``.
    interfaces
        Which the model has to serve one of; none means any.
    types
        Further values of ``model_type`` that are welcome, though the table has no row for them.

    Raises
    ------
    DependencyError
        If the model is not here, or its folder is not whole; says what is missing and what was found.
    UsageError
        If it is an architecture that is not supported, or one for something else.
    """
    path = _place(name)
    core = _core(path)
    missing = _missing(core)
    if "config.json" not in missing:
        config = _json(core / "config.json")
        model_type = _model_type(config)
        if model_type not in types:
            _check_type(name, model_type, interfaces)
            missing += _missing_companions(core, path, FAMILIES[model_type], model_type, config)
    if missing:
        raise _not_whole(path, missing)
    return ModelFolder(name, path, core, config, model_type, tuple(_weights(core)))


# ---- the place


def _place(name: str) -> Path:
    local = Path(name).expanduser()
    if local.is_dir():
        return local.resolve()
    repository, _, revision = name.partition("@")
    if name.startswith((".", "/", "~")) or not _REPOSITORY.fullmatch(repository):
        raise DependencyError(
            f"there is no model folder {name!r}.",
            fix="Name a folder with config.json and model.safetensors, or a repository of the hub as owner/name.",
        )
    found = _cached(repository, revision or None)
    if found is not None and (not _downloads_allowed or not _missing(_core(found))):
        return found
    if not _downloads_allowed:
        raise DependencyError(
            f"the model {name!r} is neither a local folder nor in the cache of the hub, and nothing is downloaded "
            f"unless it is wished for.",
            fix="Build once with --download, or copy the model's folder here and name it.",
        )
    return _download(repository, revision or None)


def _cached(repository: str, revision: str | None) -> Path | None:
    hub = _hub()
    try:
        return Path(hub.snapshot_download(repository, revision=revision, local_files_only=True))
    except (OSError, ValueError):  # LocalEntryNotFoundError is both
        return None


def _download(repository: str, revision: str | None) -> Path:
    hub = _hub()
    try:
        with quiet():
            found = hub.snapshot_download(
                repository, revision=revision, allow_patterns=list(DOWNLOADED), ignore_patterns=list(NOT_DOWNLOADED)
            )
    except Exception as error:  # the client lets through whatever its libraries raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DependencyError(
            f"the model {repository!r} could not be downloaded: {reason}",
            fix="Check the name and the connection, or copy the model's folder here and name it.",
        ) from error
    return Path(found)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise missing_extra("huggingface_hub", EXTRA, needed_for="a model of the hub") from error
    return huggingface_hub


# ---- the folder


def _core(path: Path) -> Path:
    """Where the transformer lies: old models of sentence-transformers keep it one folder deeper."""
    modules = path / "modules.json"
    if modules.is_file():
        for module in _json(modules, kind=list):
            if str(module.get("type", "")).endswith("Transformer") and module.get("path"):
                return path / str(module["path"])
    return path


def _weights(core: Path) -> list[Path]:
    if (core / WEIGHTS).is_file():
        return [core / WEIGHTS]
    if (core / INDEX).is_file():
        shards = sorted(set(_json(core / INDEX).get("weight_map", {}).values()))
        return [core / str(shard) for shard in shards]
    return []


def _missing(core: Path) -> list[str]:
    missing = [] if (core / "config.json").is_file() else ["config.json"]
    weights = _weights(core)
    missing += [shard.name for shard in weights if not shard.is_file()] if weights else [WEIGHTS]
    return missing


def _missing_companions(core: Path, path: Path, family: Family, kind: str, config: Mapping[str, Any]) -> list[str]:
    def has(names: Sequence[str]) -> bool:
        return any((place / name).is_file() for place in (core, path) for name in names)

    missing = []
    reads_words = family.interface in _NEEDS_TEXT or kind.startswith("owl")
    if reads_words and not has(TOKENIZERS):
        missing.append("a tokenizer (tokenizer.json)")
    if family.interface != "text" and "pretrained_cfg" not in config and not has(PROCESSORS):
        missing.append(PROCESSORS[0])
    return missing


def _not_whole(path: Path, missing: Sequence[str]) -> DependencyError:
    names = sorted(found.name for found in path.iterdir()) if path.is_dir() else []
    shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "") if names else "nothing"
    unsafe = [name for name in names if name.endswith(_UNSAFE)]
    if unsafe and WEIGHTS in missing:
        fix = (
            f"{unsafe[0]} can run code when it is opened, so it is not read: take a revision of the model that has "
            f"{WEIGHTS}, or convert it where you trust it: model.save_pretrained(folder)."
        )
    else:
        fix = "Copy what is missing from the model's repository, with the names that it has there."
    return DependencyError(
        f"the model folder {path} is not whole: it lacks {_listed(missing)}; found {shown}.", fix=fix
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _model_type(config: Mapping[str, Any]) -> str:
    named = str(config.get("model_type") or "")
    architecture = str(config.get("architecture") or "")  # where transformers has no name for it
    return "vgg" if not named and architecture.startswith("vgg") else named or architecture or "(none)"


def _check_type(name: str, model_type: str, interfaces: Sequence[Interface]) -> None:
    wanted = names_of(*interfaces) if interfaces else tuple(FAMILIES)
    if model_type in wanted:
        return
    where = f" for {' or '.join(interfaces)}" if interfaces else ""
    if model_type in FAMILIES:
        raise UsageError(
            f"the model {name!r} is of type {model_type!r}, which is for {FAMILIES[model_type].interface}; "
            f"expected one{where}.",
            fix=f"There are {', '.join(wanted)}.",
        )
    raise UsageError(
        f"the model {name!r} is of type {model_type!r}, which is not supported{where}.",
        fix=f"Supported are {', '.join(wanted)}.",
    )


def _json(path: Path, *, kind: type = dict) -> Any:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.", fix="Copy the file again.") from error
    if not isinstance(found, kind):
        raise DataError(f"{path} holds {type(found).__name__}; expected {kind.__name__}.", fix="Copy the file again.")
    return found


def hash_of_file(path: Path) -> str:
    """BLAKE2b of a file's bytes; read once per process, again if size or time of the file change."""
    facts = path.stat()
    return _hash(os.path.realpath(path), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=1024)
def _hash(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


# ---- the network


def need_transformers(needed_for: str) -> Any:
    """The module transformers.

    Raises
    ------
    DependencyError
        If it or torch is not installed; names the extra.
    """
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise missing_extra(error.name or "transformers", EXTRA, needed_for=needed_for) from error
    return transformers


def load_network(folder: ModelFolder, *, model: str | None = None, **arguments: Any) -> Any:
    """The network of a folder in float32 and evaluation mode.

    Parameters
    ----------
    folder
        From :func:`find_model`.
    model
        Class of transformers; None takes the one of the family.

    Raises
    ------
    DataError
        If the weights cannot be loaded, or do not fill the network.
    """
    transformers = need_transformers(f"the model {folder.name!r}")
    import torch

    family = FAMILIES.get(folder.model_type)
    kind = getattr(transformers, model or (family.model if family else "AutoModel"))
    given = {**(family.arguments if family and model is None else {}), **arguments}
    try:
        with quiet():
            network, report = kind.from_pretrained(
                folder.core,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
                **given,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"the model {folder.path} cannot be loaded: {reason}",
            fix="Copy the model's files again; config.json and the weights must be of one and the same model.",
        ) from error
    _check_filled(folder, report, family.absent if family else "")
    return network.eval().requires_grad_(False)


def _check_filled(folder: ModelFolder, report: Mapping[str, Any], absent: str) -> None:
    missing = sorted(key for key in report.get("missing_keys", ()) if not absent or not re.search(absent, key))
    if missing:
        shown = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise DataError(
            f"the weights in {folder.core} do not fill the network: {len(missing)} are missing ({shown}).",
            fix="Copy the model's files again; config.json and the weights must be of one and the same model.",
        )


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, no progress bars; what matters is checked and raised here."""
    with _loading, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from transformers.utils import logging
        except ImportError:
            yield
            return
        shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity(logging.CRITICAL)
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if shown:
                logging.enable_progress_bar()
