"""What encoders of pictures, sounds and clips by pretrained models have in common."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.halves import TwoHalves
from goodsense.encoders.hub.families import Interface
from goodsense.encoders.hub.loading import find_model, load_network
from goodsense.encoders.hub.quantise import int8_tower
from goodsense.encoders.hub.text import check_same, identity
from goodsense.encoders.hub.text_side import TextSide
from goodsense.encoders.hub.towers import Inputs, OnnxTower, TorchTower, Tower
from goodsense.errors import UsageError
from goodsense.progress import Progress, silent
from goodsense.types import Labels, Modality, Vectors, normalise

VERSION = 1
BATCH = 16  # values per pass through the model


class HubMediaEncoder(TwoHalves):
    """One modality through the model of a folder, in two halves; nothing is learned from the shop.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    settings
        Every option.
    """

    kind: ClassVar[str]
    interface: ClassVar[Interface]
    takes: ClassVar[frozenset[Modality]]
    pretrained = True  # so that tuning starts from more weight

    def __init__(self, source: str, settings: dict[str, Any]) -> None:
        self._folder = find_model(source, self.interface)
        self._settings = {"source": source, **settings}
        self._saved: Path | None = None
        if settings.get("int8") and not self._folder.family.int8:
            raise UsageError(
                f"models of type {self._folder.model_type!r} do not run in 8 bits: it would make them no faster.",
                fix="Leave int8 off.",
            )

    @property
    def accepts(self) -> frozenset[Modality]:
        return self.takes

    @cached_property
    def dim(self) -> int:
        return int(self._vectors([self.describe(self._probe())]).shape[1])

    @abstractmethod
    def _probe(self) -> Any:
        """Some value that says something."""

    @abstractmethod
    def _vectors(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        """One batch of described values that say something, to ``(n, d)``."""

    @abstractmethod
    def _original(self) -> TorchTower:
        """The tower that sees or hears, in torch."""

    def fit(self, values: Sequence[Any], *, seed: int) -> Self:
        """Change nothing: the model was trained elsewhere."""
        return self

    def fit_described(
        self,
        raw: Sequence[NDArray[Any]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """Change nothing: the model was trained elsewhere."""
        return self

    def project(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        """Described values to ``(n, dim)`` unit rows, in batches of values of one size; zeros for what says nothing."""
        found = np.zeros((len(raw), self.dim), dtype=np.float32)
        filled = sorted((i for i, value in enumerate(raw) if value.size), key=lambda i: (raw[i].shape, i))
        for start in range(0, len(filled), BATCH):
            rows = filled[start : start + BATCH]
            found[rows] = normalise(self._vectors([raw[i] for i in rows]))
        return found

    def save(self, directory: Path) -> None:
        """Write the settings; the model stays where it is and is checked by its hash when it comes back."""
        artefacts.write(self._artefact(), directory)
        if self._settings.get("int8"):
            for name, tower in self._quantised().items():
                shutil.copyfile(tower.path, directory / f"int8-{name}.onnx")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`.

        Raises
        ------
        DependencyError
            If the model is another one now than that which was saved.
        """
        found = artefacts.read(directory, kind=cls.kind, version=VERSION)
        encoder = cls(**{name: value for name, value in found.settings.items() if name not in ("model", "recipe")})
        check_same(encoder._folder, str(found.settings["model"]), directory)
        encoder._saved = directory
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        return artefacts.Artefact(self.kind, VERSION, {**self._settings, **identity(self._folder)}, {})

    @cached_property
    def _network(self) -> Any:
        return load_network(self._folder)

    def _quantised(self) -> dict[str, OnnxTower]:
        """The towers that run in 8 bits, by name."""
        return {}

    def _tower(
        self, name: str, original: Callable[[], TorchTower], sample: Callable[[], Inputs], axes: dict[str, Any]
    ) -> Tower:
        """The tower as the options want it."""
        if not self._settings.get("int8"):
            return original()
        if self._saved is not None and (self._saved / f"int8-{name}.onnx").is_file():
            return OnnxTower(self._saved / f"int8-{name}.onnx")
        own = "-".join(str(value) for key, value in self._settings.items() if key not in ("source", "int8"))
        key = f"{name}-{self._folder.hash}-{abs(hash_text(own)):x}"
        return OnnxTower(int8_tower(key, original, sample(), axes))


class WithWords(HubMediaEncoder):
    """A model that has a text tower, too: queries may be texts."""

    def encode_query(self, values: Sequence[Any]) -> Vectors:
        """Media and texts (``str`` or ``TextFields``) to ``(n, dim)`` unit rows."""
        found = np.zeros((len(values), self.dim), dtype=np.float32)
        texts = [i for i, value in enumerate(values) if isinstance(value, str | Mapping)]
        media = [i for i, value in enumerate(values) if not isinstance(value, str | Mapping)]
        if media:
            found[media] = self.encode([values[i] for i in media])
        if texts:
            found[texts] = self._words.vectors([values[i] for i in texts], self._text_tower, dim=self.dim)
        return found

    @cached_property
    def _words(self) -> TextSide:
        return TextSide(self._folder, str(self._settings["template"]))

    @cached_property
    def _text_tower(self) -> Tower:
        words = self._words
        return self._tower("text", lambda: words.original(self._network), words.sample, words.axes())


def hash_text(text: str) -> int:
    """A number that a text always gives."""
    import hashlib

    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())


def sample_pictures(count: int = 6, side: int = 96) -> list[NDArray[np.uint8]]:
    """Coloured shapes on soft grounds, always the same: for comparing 8 bits with 32."""
    from PIL import Image as Pillow

    rng = np.random.default_rng(7)
    found = []
    for _ in range(count):
        coarse = rng.integers(40, 255, (4, 4, 3), dtype=np.uint8)
        picture = np.array(Pillow.fromarray(coarse).resize((side, side), Pillow.Resampling.BICUBIC))
        for _ in range(4):
            top, left = rng.integers(0, side * 3 // 4, 2)
            height, width = rng.integers(side // 8, side // 2, 2)
            picture[top : top + height, left : left + width] = rng.integers(0, 256, 3)
        found.append(picture)
    return found
