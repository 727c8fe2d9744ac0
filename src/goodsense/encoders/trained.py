"""What the encoders of media that train a small network have in common: weights, files, the network's own answers."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.halves import TwoHalves
from goodsense.errors import UsageError
from goodsense.learning import networks
from goodsense.learning.trainer import Schedule, train
from goodsense.progress import Progress
from goodsense.types import Vectors

_NETWORK = "network."


class TrainedNetwork(TwoHalves):
    """A network with a trunk that gives features and one head per field of labels."""

    KIND: ClassVar[str]
    VERSION: ClassVar[int]
    NEEDED_FOR: ClassVar[str]
    learns_labels = True

    def __init__(self, fields: Sequence[str] | None) -> None:
        self._fields = None if fields is None else [str(name) for name in fields]
        self._arrays: dict[str, NDArray[Any]] = {}
        self._sizes: dict[str, int] = {}  # field -> classes
        self._network: Any = None

    @abstractmethod
    def _made(self, sizes: Mapping[str, int]) -> Any:
        """A fresh network with heads of these sizes."""

    @abstractmethod
    def _features(self, raw: Any) -> Vectors:
        """Descriptions to features ``(n, dim)``, not centred."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """The options by name."""

    def scores(self, raw: Sequence[NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """What the network itself says of every field: logits ``(n, classes)``, classes in sorted order."""
        torch = networks.need_torch(self.NEEDED_FOR)
        features = torch.from_numpy(self._features(raw))
        heads = zip(self._restored().heads, sorted(self._sizes), strict=True)
        with torch.inference_mode():
            return {name: head(features).numpy() for head, name in heads}

    def network(self) -> Any:
        """A copy of the fitted network, in evaluation mode."""
        self._check_fitted("values")
        return copy.deepcopy(self._restored())

    @property
    def centre(self) -> NDArray[np.float32]:
        """What features are told from, ``(dim,)``."""
        self._check_fitted("values")
        return self._arrays["centre"]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.KIND, version=cls.VERSION)
        encoder = cls(**{name: value for name, value in found.settings.items() if name != "sizes"})
        encoder._sizes, encoder._arrays = dict(found.settings["sizes"]), dict(found.arrays)
        return encoder

    def _train(
        self,
        lesson: Any,
        schedule: Schedule,
        *,
        enough: bool,
        seed: int,
        progress: Progress,
    ) -> None:
        """Make the network and, where there is enough, teach it a lesson: its targets, batches, steps and loss."""
        with networks.seeded(seed):
            self._network = self._made(lesson.targets.sizes)
            if enough:
                train(
                    self._network,
                    lesson.batches,
                    lambda batch: lesson.loss(self._network, batch),
                    schedule,
                    steps=lesson.steps,
                    seed=seed,
                    progress=progress,
                    stage=f"train {self.KIND}",
                )
        self._network.eval()
        self._sizes = dict(lesson.targets.sizes)
        self._arrays = networks.weights_of(self._network, _NETWORK)

    def _centre(self, features: Vectors) -> None:
        """Vectors are told from the mean of these features on."""
        centre = features.mean(axis=0) if len(features) else np.zeros(features.shape[1])
        self._arrays["centre"] = centre.astype(np.float32)
        self._fingerprint = ""

    def _centred(self, raw: Any, values: str) -> Vectors:
        self._check_fitted(values)
        found: Vectors = self._features(raw) - self._arrays["centre"]
        return found

    def _check_fitted(self, values: str) -> None:
        if not self._arrays:
            raise UsageError("this encoder was not fitted yet.", fix=f"Call fit({values}, seed=...) first.")

    def _restored(self) -> Any:
        if self._network is None:
            self._network = self._made(self._sizes)
            weights = {name: array for name, array in self._arrays.items() if name.startswith(_NETWORK)}
            networks.restore(self._network, weights, _NETWORK)
        return self._network

    def _artefact(self) -> artefacts.Artefact:
        settings = {**self._settings(), "fields": self._fields, "sizes": self._sizes}
        return artefacts.Artefact(self.KIND, self.VERSION, settings, self._arrays)
