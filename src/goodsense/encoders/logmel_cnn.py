"""``logmel-cnn``: a small network on log-mel pictures that learns from the shop's own labels, in minutes on two cores.

It learns to tell apart what the shop's labels tell apart, every field at once. Without labels it learns that two sounds
of one product, or two altered hearings of one sound, belong together (SimCLR: Chen et al., ICML 2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.cnn_network import contrast, label_loss
from goodsense.encoders.logmel import PERTURBATIONS, LogMel, Perturbation, mixed, perturbed, sound_network
from goodsense.encoders.networks import Products, Targets
from goodsense.encoders.options import check_choice, check_whole
from goodsense.encoders.sound_options import checked_rate, checked_seconds
from goodsense.encoders.trained import TrainedNetwork
from goodsense.errors import UsageError
from goodsense.learning import networks
from goodsense.learning.trainer import Schedule
from goodsense.media.reading import SoundWish
from goodsense.progress import Progress, silent
from goodsense.types import Labels, Modality, Vectors, normalise

if TYPE_CHECKING:
    import torch

KIND = "logmel-cnn"
VERSION = 1
BATCH = 32
RATE = 3e-3
DECAY = 0.02
AT_ONCE = 64  # pictures encoded together
CENTRE_ROWS = 2_000  # sounds whose vectors give the centre


class LogMelCnnEncoder(TrainedNetwork):
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

    KIND, VERSION, NEEDED_FOR = KIND, VERSION, "the audio encoder 'logmel-cnn'"

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
        check_whole(bands=bands, frames=frames, least=16)
        check_whole(width=width, least=2)
        check_whole(epochs=epochs)
        if not (math.isfinite(depth) and 10 <= depth <= 120):
            raise UsageError(f"depth is {depth!r}; expected decibels from 10 to 120.")
        check_choice(PERTURBATIONS, augment=augment)
        seconds, max_seconds = checked_seconds(seconds, "seconds"), checked_seconds(max_seconds, "max_seconds")
        self._describe = LogMel(checked_rate(rate), seconds, bands, frames, float(depth))
        self._width, self._epochs, self._augment, self._max_seconds = width, epochs, augment, max_seconds
        super().__init__(fields)

    @property
    def dim(self) -> int:
        return 8 * self._width

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"audio"})

    @property
    def wish(self) -> SoundWish:
        return SoundWish(rate=self._describe.rate, max_seconds=self._max_seconds)

    @property
    def describe(self) -> LogMel:
        """One sound to the pictures that the network sees."""
        return self._describe

    def fit_described(
        self,
        raw: Sequence[NDArray[np.float16]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """Train on pictures as :attr:`describe` gives them, one mapping of labels per sound; silences teach nothing."""
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
        schedule = Schedule(self._epochs, BATCH, RATE, DECAY)
        self._train(lesson, schedule, enough=len(heard) > 1, seed=seed, progress=progress)
        rows = np.sort(np.random.default_rng(seed).permutation(len(heard))[:CENTRE_ROWS])
        self._centre(self._features([raw[heard[row]] for row in rows.tolist()]))
        return self

    def project(self, raw: Sequence[NDArray[np.float16]]) -> Vectors:
        """Pictures to unit vectors ``(n, dim)``, around the centre; silences are zero rows."""
        heard = np.array([bool(pictures.any()) for pictures in raw], dtype=bool).reshape(-1, 1)
        return normalise(self._centred(raw, "sounds") * heard)

    def _settings(self) -> dict[str, Any]:
        return {
            **vars(self._describe),
            "width": self._width,
            "epochs": self._epochs,
            "augment": self._augment,
            "max_seconds": self._max_seconds,
        }

    def _made(self, sizes: Mapping[str, int]) -> Any:
        return sound_network(self._width, sizes)

    def _features(self, raw: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """Features ``(n, dim)``, the mean over each sound's pictures, not centred."""
        torch = networks.need_torch(self.NEEDED_FOR)
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
    targets: Targets
    products: Products
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
        products = Products.of(labels, len(raw))
        targets = Targets.of(labels, fields=fields)
        return cls(raw, targets, products, how, geometry.rate, networks.has_bf16())

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
            rows = part if self.targets else np.concatenate([part, self.products.partners(part, rng)])
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
            return contrast(network.sketch(features), torch.from_numpy(self.products.numbers[batch.rows]))
        codes = {name: torch.from_numpy(codes[batch.rows]) for name, codes in self.targets.codes.items()}
        return label_loss(network, features, codes, batch.shares, batch.partner)
