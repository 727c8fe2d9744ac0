"""``logmel-cnn``: a small network on log-mel pictures that learns from the shop's own labels, in minutes on two cores.

It learns to tell apart what the shop's labels tell apart, every field at once. Without labels it learns that two sounds
of one product, or two altered hearings of one sound, belong together (SimCLR: Chen et al., ICML 2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts, networks
from goodsense.encoders.cnn_network import contrast, label_loss
from goodsense.encoders.logmel import PERTURBATIONS, LogMel, Perturbation, mixed, perturbed, sound_network
from goodsense.encoders.sound_options import checked_rate, checked_seconds
from goodsense.errors import UsageError
from goodsense.media.reading import SoundWish
from goodsense.progress import Progress, silent
from goodsense.types import Labels, Modality, Sound, Vectors, normalise

if TYPE_CHECKING:
    import torch

KIND = "logmel-cnn"
VERSION = 1
BATCH = 32
RATE = 3e-3
DECAY = 0.02
AT_ONCE = 64  # pictures encoded together
CENTRE_ROWS = 2_000  # sounds whose vectors give the centre


class LogMelCnnEncoder:
    """Sounds to the features of a network that was trained on the shop's own sounds.

    Parameters
    ----------
    rate
        Samples per second that sounds are brought to.
    seconds
        Of a picture: shorter sounds are padded, of longer ones up to four pictures are averaged.
    bands, frames
        Height and width of a picture.
    depth
        Decibels under the loudest point at which silence begins: less hides the noise of rooms and microphones.
    width
        Channels of the first stage; vectors have eight times as many numbers.
    epochs
        How often training hears every sound.
    augment
        ``sounds`` for things, ``voices`` for speech; see :data:`goodsense.encoders.logmel.PERTURBATIONS`.
    fields
        The labels to learn; None for all that are worth it.
    max_seconds
        How much of a sound is listened to.
    """

    learns_labels = True

    def __init__(
        self,
        *,
        rate: int = 16_000,
        seconds: float = 5.0,
        bands: int = 64,
        frames: int = 160,
        depth: float = 80.0,
        width: int = 16,
        epochs: int = 50,
        augment: str = "sounds",
        fields: Sequence[str] | None = None,
        max_seconds: float = 60.0,
    ) -> None:
        whole = (("bands", bands, 16), ("frames", frames, 16), ("width", width, 2), ("epochs", epochs, 1))
        for name, value, least in whole:
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise UsageError(f"{name} is {value!r}; expected a whole number from {least} up.")
        if not (math.isfinite(depth) and 10 <= depth <= 120):
            raise UsageError(f"depth is {depth!r}; expected decibels from 10 to 120.")
        if augment not in PERTURBATIONS:
            raise UsageError(f"augment is {augment!r}; expected {' or '.join(PERTURBATIONS)}.")
        seconds, max_seconds = checked_seconds(seconds, "seconds"), checked_seconds(max_seconds, "max_seconds")
        self._describe = LogMel(checked_rate(rate), seconds, bands, frames, float(depth))
        self._width, self._epochs, self._augment, self._max_seconds = width, epochs, augment, max_seconds
        self._fields = None if fields is None else [str(name) for name in fields]
        self._arrays: dict[str, NDArray[Any]] = {}
        self._sizes: dict[str, int] = {}
        self._network: Any = None
        self._fingerprint = ""

    @property
    def dim(self) -> int:
        return 8 * self._width

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"audio"})

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    @property
    def wish(self) -> SoundWish:
        return SoundWish(rate=self._describe.rate, max_seconds=self._max_seconds)

    @property
    def describe(self) -> LogMel:
        """One sound to the pictures that the network sees."""
        return self._describe

    def fit(self, values: Sequence[Sound], *, seed: int) -> Self:
        """Train without labels: to tell sounds apart, however they are altered."""
        return self.fit_described([self._describe(value) for value in values], seed=seed)

    def fit_described(
        self,
        raw: Sequence[NDArray[np.float16]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """Train on pictures as :attr:`describe` gives them, one mapping of labels per sound; silences teach nothing."""
        torch = networks.need_torch("the audio encoder 'logmel-cnn'")
        if len(labels) not in (0, len(raw)):
            raise UsageError(f"there are {len(labels)} labels for {len(raw)} sounds; expected one each or none.")
        heard = [row for row, pictures in enumerate(raw) if pictures.any()]
        lesson = _Lesson.of(
            [raw[row] for row in heard],
            [labels[row] for row in heard] if labels else (),
            self._fields,
            PERTURBATIONS[self._augment],
            self._describe,
        )
        with networks.seeded(seed):
            self._network = sound_network(self._width, lesson.targets.sizes)
            if len(heard) > 1:
                networks.train(
                    self._network,
                    lesson.batches,
                    lambda batch: lesson.loss(self._network, batch),
                    networks.Schedule(self._epochs, BATCH, RATE, DECAY),
                    steps=lesson.steps,
                    seed=seed,
                    progress=progress,
                    stage="train logmel-cnn",
                )
        self._network.eval()
        self._sizes = dict(lesson.targets.sizes)
        self._arrays = networks.weights_of(self._network, "network.")
        rows = np.sort(np.random.default_rng(seed).permutation(len(heard))[:CENTRE_ROWS])
        with torch.inference_mode():
            features = self._features([raw[heard[row]] for row in rows.tolist()])
        centre = features.mean(axis=0) if len(features) else np.zeros(self.dim, dtype=np.float32)
        self._arrays["centre"] = centre.astype(np.float32)
        self._fingerprint = ""
        return self

    def project(self, raw: Sequence[NDArray[np.float16]]) -> Vectors:
        """Pictures to unit vectors ``(n, dim)``, around the centre; silences are zero rows."""
        if not self._arrays:
            raise UsageError("this sound encoder was not fitted yet.", fix="Call fit(sounds, seed=...) first.")
        heard = np.array([bool(pictures.any()) for pictures in raw], dtype=bool).reshape(-1, 1)
        return normalise((self._features(raw) - self._arrays["centre"]) * heard)

    def encode(self, values: Sequence[Sound]) -> Vectors:
        """``n`` sounds to ``(n, dim)``."""
        return self.project([self._describe(value) for value in values])

    def encode_query(self, values: Sequence[Sound]) -> Vectors:
        """The same as :meth:`encode`."""
        return self.encode(values)

    def scores(self, raw: Sequence[NDArray[np.float16]]) -> dict[str, NDArray[np.float32]]:
        """What the network itself says of every field: logits ``(n, classes)``, classes in sorted order."""
        torch = networks.need_torch("the audio encoder 'logmel-cnn'")
        features = torch.from_numpy(self._features(raw))
        heads = zip(self._restored().heads, sorted(self._sizes), strict=True)
        with torch.inference_mode():
            return {name: head(features).numpy() for head, name in heads}

    def save(self, directory: Path) -> None:
        """Write settings and weights into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        encoder = cls(**{name: value for name, value in found.settings.items() if name != "sizes"})
        encoder._sizes, encoder._arrays = dict(found.settings["sizes"]), dict(found.arrays)
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings: dict[str, Any] = {
            **vars(self._describe),
            "width": self._width,
            "epochs": self._epochs,
            "augment": self._augment,
            "fields": self._fields,
            "max_seconds": self._max_seconds,
            "sizes": self._sizes,
        }
        return artefacts.Artefact(KIND, VERSION, settings, self._arrays)

    def _restored(self) -> Any:
        if self._network is None:
            self._network = sound_network(self._width, self._sizes)
            weights = {name: array for name, array in self._arrays.items() if name.startswith("network.")}
            networks.restore(self._network, weights, "network.")
        return self._network

    def _features(self, raw: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """Features ``(n, dim)``, the mean over each sound's pictures, not centred."""
        torch = networks.need_torch("the audio encoder 'logmel-cnn'")
        found = np.zeros((len(raw), self.dim), dtype=np.float32)
        if not len(raw):
            return found
        pictures = np.concatenate(raw)
        owners = np.repeat(np.arange(len(raw)), [len(own) for own in raw])
        parts = np.empty((len(pictures), self.dim), dtype=np.float32)
        network = self._restored()
        with torch.inference_mode():
            for start in range(0, len(pictures), AT_ONCE):
                batch = torch.from_numpy(pictures[start : start + AT_ONCE].astype(np.float32))[:, None]
                parts[start : start + AT_ONCE] = network(batch).numpy()
        np.add.at(found, owners, parts)
        found /= np.bincount(owners, minlength=len(raw))[:, None].astype(np.float32)
        return found


@dataclass(frozen=True, eq=False)
class _Batch:
    """Altered pictures ``(n, 1, bands, frames)``, which sounds they are ``(n,)``, and how they were mixed."""

    pictures: torch.Tensor
    rows: NDArray[np.int64]
    shares: torch.Tensor
    partner: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What there is to learn from, and the batches and the loss that teach it."""

    raw: Sequence[NDArray[np.float16]]
    targets: networks.Targets
    groups: NDArray[np.int64]  # (n,): sounds of one product have one number
    friends: Mapping[int, NDArray[np.int64]]  # product -> its sounds, where there are several
    how: Perturbation
    rate: int
    fast: bool

    @classmethod
    def of(
        cls,
        raw: Sequence[NDArray[np.float16]],
        labels: Sequence[Labels],
        fields: Sequence[str] | None,
        how: Perturbation,
        geometry: LogMel,
    ) -> _Lesson:
        names = [label.get("id") or f"\0{row}" for row, label in enumerate(labels or [{}] * len(raw))]
        groups = np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
        friends = {int(group): np.flatnonzero(groups == group) for group in np.flatnonzero(np.bincount(groups) > 1)}
        targets = networks.Targets.of(labels, fields=fields)
        return cls(raw, targets, groups, friends, how, geometry.rate, _has_bf16())

    @property
    def size(self) -> int:
        """Sounds in a batch, fewer of few; pairs count once, and need as many others as there are."""
        if not self.targets:
            return BATCH // 2
        return min(BATCH, max(BATCH // 4, len(self.raw) // 4))

    @property
    def steps(self) -> int:
        return max(1, len(self.raw) // self.size)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Batch]:
        order = rng.permutation(len(self.raw))
        for part in np.array_split(order, self.steps):
            rows = part if self.targets else np.concatenate([part, self._partners(part, rng)])
            seen = np.stack([self.raw[row][rng.integers(len(self.raw[row]))] for row in rows.tolist()])
            pictures = perturbed(seen, self.how, rng, rate=self.rate)
            if self.targets:
                pictures, shares, partner = mixed(pictures, self.how, rng)
            else:
                torch = networks.need_torch("the audio encoder 'logmel-cnn'")
                shares, partner = torch.ones(len(rows)), torch.arange(len(rows))
            yield _Batch(pictures, rows, shares, partner)

    def loss(self, network: Any, batch: _Batch) -> torch.Tensor:
        torch = networks.need_torch("the audio encoder 'logmel-cnn'")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.fast):
            features = network(batch.pictures)
        features = features.float()
        if not self.targets:
            return contrast(network.sketch(features), torch.from_numpy(self.groups[batch.rows]))
        codes = {name: torch.from_numpy(codes[batch.rows]) for name, codes in self.targets.codes.items()}
        return label_loss(network, features, codes, batch.shares, batch.partner)

    def _partners(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Another sound of the same product, where there is one, else the same sound, to be altered in its own way."""
        found: NDArray[np.int64] = rows.copy()
        for place, row in enumerate(rows.tolist()):
            others = self.friends.get(int(self.groups[row]))
            if others is not None:
                found[place] = rng.choice(others[others != row])
        return found


def _has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 itself; elsewhere it would only cost time and precision."""
    torch = networks.need_torch("the audio encoder 'logmel-cnn'")
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
