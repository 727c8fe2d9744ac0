"""Low-rank adapters for pretrained models of texts and pictures: trained on a shop's own pairs or words, kept beside
the model's hash, and merged into a folder of their own, which is a model like any other (``hub:FOLDER``).

Hu et al., "LoRA" (ICLR 2022). Texts learn by contrast from a catalog's own pairs, or by guessing hidden words
(Gururangan et al., "Don't Stop Pretraining", ACL 2020); pictures by contrast with another picture of the same product
or, in models that have both towers, with its text.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from goodsense.encoders import artefacts
from goodsense.encoders.hub.families import Interface
from goodsense.encoders.hub.loading import INDEX, ModelFolder, find_model, load_network
from goodsense.encoders.hub.sentence import read_layout
from goodsense.encoders.hub.text import check_same
from goodsense.errors import UsageError
from goodsense.learning.history import History

KIND = "hub-adapter"
VERSION = 1
ADAPTED: tuple[Interface, ...] = ("text", "image", "image+text")
# Queries and values, as the paper advises; in one layer with the keys where a model keeps them together.
ATTENTION = r"(^|\.)(query|value|query_proj|value_proj|[qv]_proj|[qv]_lin|[qv]|W?qkv|c_attn|query_key_value)$"
_OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "onnx", "openvino")


@dataclass(frozen=True)
class LowRank:
    """Which layers are adapted, and how much they may change.

    Parameters
    ----------
    rank
        Rank of what each layer learns; 0 learns nothing.
    alpha
        The scale of it, times the rank.
    layers
        Regular expression that is searched for in the names of linear layers.
    """

    rank: int = 8
    alpha: float = 16.0
    layers: str = ATTENTION


@dataclass(frozen=True, eq=False)
class Adapter:
    """What was learned beside a model.

    Parameters
    ----------
    source, model
        The model's name, and the hash of its files.
    settings
        Where the arrays belong.
    arrays
        Layer's name and ``.down`` ``(rank, inner)`` or ``.up`` ``(outer, rank)``.
    history
        How the training went; None for one that comes from disk.
    """

    source: str
    model: str
    settings: LowRank
    arrays: artefacts.Arrays
    history: History | None = None

    @property
    def fingerprint(self) -> str:
        """Of the model, the settings and all that was learned."""
        return artefacts.fingerprint(self._artefact())

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(array.size for array in self.arrays.values())

    def save(self, directory: Path) -> None:
        """Write what was learned, and the hash of the model that it belongs to."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        settings = dict(found.settings)
        source, model = settings.pop("source"), settings.pop("model")
        return cls(source, model, LowRank(**settings), found.arrays)

    def network(self, source: str | None = None) -> Any:
        """The model's network with what was learned merged into its weights.

        Parameters
        ----------
        source
            Where the model is now; None: where it was.

        Raises
        ------
        DependencyError
            If the model is not the one that was adapted.
        """
        from goodsense.learning.low_rank import merge, restore_thin

        folder = self._folder(source)
        network = load_network(folder)
        found = injected(network, self.settings, seed=0)
        restore_thin(found, self.arrays)
        merge(network, found)
        return network

    def merge(self, directory: Path, *, source: str | None = None) -> Path:
        """Write the adapted model into ``directory``, as a whole folder that ``hub:`` reads; says where it is.

        Weights are written in float32; tokenizer, settings and licence are copied.

        Raises
        ------
        UsageError
            If there is something in the directory already.
        DependencyError
            If the model is not the one that was adapted.
        """
        if directory.exists() and any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty.", fix="Name a folder that does not exist yet.")
        folder, network = self._folder(source), self.network(source)
        _copy_but_weights(folder, directory)
        core = directory / folder.core.relative_to(folder.path)
        network.save_pretrained(core)
        shutil.copyfile(folder.core / "config.json", core / "config.json")
        _state_prefixes(folder, directory)
        return directory

    def _folder(self, source: str | None) -> ModelFolder:
        folder = find_model(source or self.source, *ADAPTED)
        check_same(folder, self.model, Path(f"the adapter {self.fingerprint}"))
        return folder

    def _artefact(self) -> artefacts.Artefact:
        settings = {"rank": self.settings.rank, "alpha": self.settings.alpha, "layers": self.settings.layers}
        return artefacts.Artefact(KIND, VERSION, {**settings, "source": self.source, "model": self.model}, self.arrays)


def injected(network: Any, settings: LowRank, *, seed: int) -> dict[str, Any]:
    """Thin layers beside a network's linear ones (:func:`goodsense.learning.low_rank.inject`)."""
    import torch
    from transformers.pytorch_utils import Conv1D

    from goodsense.learning.low_rank import inject
    from goodsense.learning.networks import seeded

    kinds = (torch.nn.Linear, Conv1D)
    with seeded(seed):
        return inject(network, rank=settings.rank, alpha=settings.alpha, layers=settings.layers, kinds=kinds)


def _copy_but_weights(folder: ModelFolder, directory: Path) -> None:
    weights = {*folder.weights, folder.core / INDEX}
    others: Callable[[Any, list[str]], Iterable[str]] = shutil.ignore_patterns(*_OTHER_WEIGHTS)

    def ignored(place: str, names: list[str]) -> set[str]:
        return {*others(place, names), *(name for name in names if Path(place) / name in weights)}

    shutil.copytree(folder.path, directory, ignore=ignored, dirs_exist_ok=True)


def _state_prefixes(folder: ModelFolder, directory: Path) -> None:
    """What queries and passages begin with is known by the name of some models; the copy has another name."""
    if folder.family.interface != "text":
        return
    layout = read_layout(folder)
    again = read_layout(find_model(str(directory), "text"))
    if (layout.query, layout.passage) != (again.query, again.passage):
        path = directory / "config_sentence_transformers.json"
        stated = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        prompts = {**(stated.get("prompts") or {}), "query": layout.query, "passage": layout.passage}
        path.write_text(json.dumps({**stated, "prompts": prompts}, ensure_ascii=False, indent=1), "utf-8")
