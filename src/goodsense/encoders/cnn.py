"""``cnn``: a small residual network that learns from the shop's own labels and pairs, in minutes on two cores.

It learns to tell apart what the shop's labels tell apart (every field at once), and that two photos of one product, or
two altered views of one photo, belong together. Without labels the views alone teach it. Training looks at crops, which
show things larger than whole pictures of the same size do; so pictures are encoded at the size at which things look as
large as they did (Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.cnn_augment import STRENGTHS, Strength, augmented, mixed, to_batch
from goodsense.encoders.cnn_network import contrast, label_loss, residual_network
from goodsense.encoders.networks import Products, Targets
from goodsense.encoders.options import check_choice, check_whole
from goodsense.encoders.trained import TrainedNetwork
from goodsense.errors import DataError, UsageError
from goodsense.learning import networks
from goodsense.learning.trainer import Schedule
from goodsense.media.reading import ImageWish
from goodsense.progress import Progress, silent
from goodsense.types import Image, Labels, Modality, Vectors, normalise

if TYPE_CHECKING:
    import torch

KIND = "cnn"
VERSION = 1
BATCH = 64
FEW = 16  # pictures: the least batch, for shops of few
VIEWS = 140_000  # pictures that a training sees, counting every time: some seven minutes on two cores
RATE = 3e-3
DECAY = 0.02
AT_ONCE = 128  # pictures encoded together
CENTRE_ROWS = 2_000  # pictures whose vectors give the centre


@dataclass(frozen=True)
class Letterbox:
    """A picture as a square of ``side`` pixels: shrunk to fit, what is left over in the mean colour of its border."""

    side: int

    def __call__(self, image: Image) -> NDArray[np.uint8]:
        """``(h, w, 3)`` uint8 to ``(side, side, 3)`` uint8."""
        import cv2

        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise DataError(f"a picture is {image.dtype} {image.shape}; expected uint8 (height, width, 3).")
        scale = self.side / max(image.shape[:2])
        height, width = (max(1, round(length * scale)) for length in image.shape[:2])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
        found = np.full((self.side, self.side, 3), np.round(border.mean(axis=0)).astype(np.uint8), dtype=np.uint8)
        top, left = (self.side - height) // 2, (self.side - width) // 2
        found[top : top + height, left : left + width] = small
        return found


class CnnEncoder(TrainedNetwork):
    """Pictures to the features of a network that was trained on the shop's own pictures.

    Parameters
    ----------
    side
        Pixels of the square that a picture is brought to; training looks at crops of it that are two thirds as large.
    width
        Channels of the first stage; vectors have eight times as many numbers.
    epochs
        How often training sees every picture; less often when there are so many that it would take longer than minutes.
    augment
        ``strong`` for photos of shoppers, ``mild`` for a shop's own pictures (:mod:`goodsense.encoders.cnn_augment`).
    fields
        The labels to learn; None for all that are worth it.
    """

    KIND, VERSION, NEEDED_FOR = KIND, VERSION, "the image encoder 'cnn'"

    def __init__(
        self,
        *,
        side: int = 96,
        width: int = 32,
        epochs: int = 50,
        augment: str = "strong",
        fields: Sequence[str] | None = None,
    ) -> None:
        check_whole(side=side, least=24)
        check_whole(width=width, least=4)
        check_whole(epochs=epochs)
        check_choice(STRENGTHS, augment=augment)
        self._side, self._width, self._epochs, self._augment = side, width, epochs, augment
        super().__init__(fields)

    @property
    def dim(self) -> int:
        return 8 * self._width

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"image"})

    @property
    def side(self) -> int:
        """Pixels of the square that a picture is brought to."""
        return self._side

    @property
    def wish(self) -> ImageWish:
        return ImageWish()

    @property
    def describe(self) -> Callable[[Image], NDArray[np.uint8]]:
        """One picture to the small square that the network sees."""
        return Letterbox(self._side)

    def fit_described(
        self,
        raw: Sequence[NDArray[np.uint8]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """Train on squares as :attr:`describe` gives them, one mapping of labels per picture."""
        pictures = self._stacked(raw)
        lesson = _Lesson.of(pictures, labels, self._fields, STRENGTHS[self._augment], self._side)
        epochs = min(self._epochs, max(1, VIEWS // max(1, len(pictures))))
        schedule = Schedule(epochs, lesson.batch, RATE, DECAY)
        self._train(lesson, schedule, enough=len(pictures) > 0, seed=seed, progress=progress)
        rows = np.random.default_rng(seed).permutation(len(pictures))[:CENTRE_ROWS]
        self._centre(self._features(pictures[np.sort(rows)]))
        return self

    def project(self, raw: Sequence[NDArray[np.uint8]]) -> Vectors:
        """Squares to unit vectors ``(n, dim)``: the mean of a picture and its mirror image, around the centre."""
        return normalise(self._centred(raw, "pictures"))

    def _settings(self) -> dict[str, Any]:
        return {"side": self._side, "width": self._width, "epochs": self._epochs, "augment": self._augment}

    def _made(self, sizes: Mapping[str, int]) -> Any:
        return residual_network(self._width, sizes)

    def _features(self, raw: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Vectors:
        """Squares ``(side, side, 3)`` to pooled features ``(n, dim)``, not centred."""
        torch, pictures = networks.need_torch(self.NEEDED_FOR), self._stacked(raw)
        network, found = self._restored(), np.zeros((len(pictures), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(pictures), AT_ONCE):
                batch = levelled(to_batch(shrunk(pictures[start : start + AT_ONCE], self.seen_side)))
                both = network(batch) + network(batch.flip(3))
                found[start : start + AT_ONCE] = (both / 2).numpy()
        return found

    @property
    def seen_side(self) -> int:
        """Pixels at which a whole picture shows things as large as the crops of training did, on average."""
        zoom = math.sqrt((1 + STRENGTHS[self._augment].least_area) / 2)
        return min(self._side, round(crop_of(self._side) / zoom / 8) * 8)

    def _stacked(self, raw: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.stack(list(raw)) if len(raw) else np.zeros((0, self._side, self._side, 3), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Altered pictures ``(n, 3, crop, crop)``, which ones they are ``(n,)``, and how they were mixed."""

    pictures: torch.Tensor
    rows: NDArray[np.int64]
    shares: torch.Tensor
    partner: torch.Tensor
    paired: bool


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What there is to learn from, and the batches and the loss that teach it.

    With labels alone every batch is mixed. With labels and several photos of one product, every other batch has two
    photos of each product instead, for the contrast; without labels every batch has two views of each picture.
    """

    pictures: NDArray[np.uint8]
    targets: Targets
    products: Products
    strength: Strength
    crop: int
    batch: int
    fast: bool

    @classmethod
    def of(
        cls,
        pictures: NDArray[np.uint8],
        labels: Sequence[Labels],
        fields: Sequence[str] | None,
        strength: Strength,
        side: int,
    ) -> _Lesson:
        if len(labels) not in (0, len(pictures)):
            raise UsageError(f"there are {len(labels)} labels for {len(pictures)} pictures; expected one each or none.")
        products = Products.of(labels, len(pictures))
        targets = Targets.of(labels, fields=fields)
        batch = min(BATCH, max(FEW, len(pictures) // 16))
        return cls(pictures, targets, products, strength, crop_of(side), batch, networks.has_bf16())

    @property
    def steps(self) -> int:
        return sum(1 for _ in self._plan(np.random.default_rng(0)))

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Batch]:
        for rows, paired in self._plan(rng):
            if paired:
                rows = np.concatenate([rows, self.products.partners(rows, rng)])
            seen = augmented(self.pictures[rows], self.strength, rng, side=self.crop)
            strength = replace(self.strength, mix=0.0) if paired else self.strength
            pictures, shares, partner = mixed(seen, strength, rng)
            yield _Batch(pictures, rows, shares, partner, paired)

    def loss(self, network: Any, batch: _Batch) -> torch.Tensor:
        torch = networks.need_torch("the image encoder 'cnn'")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.fast):
            features = network(levelled(batch.pictures))
        features = features.float()
        losses = []
        if self.targets:
            codes = {name: torch.from_numpy(codes[batch.rows]) for name, codes in self.targets.codes.items()}
            losses.append(label_loss(network, features, codes, batch.shares, batch.partner))
        if batch.paired:
            groups = torch.from_numpy(self.products.numbers[batch.rows])
            losses.append(contrast(network.sketch(features), groups) * (0.3 if self.targets else 1.0))
        return torch.stack(losses).sum()

    def _plan(self, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.int64], bool]]:
        """Rows of each batch, and whether it takes partners."""
        order, start, number = rng.permutation(len(self.pictures)), 0, 0
        while start < len(order):
            paired = not self.targets or (bool(self.products.several) and number % 2 == 1)
            stop = start + (self.batch // 2 if paired else self.batch)
            if stop + 1 == len(order):  # a batch of one picture has no spread to normalise by
                stop += 1
            yield order[start:stop], paired
            start, number = stop, number + 1


def crop_of(side: int) -> int:
    """Pixels of the crops in training."""
    return max(16, round(side * 2 / 3 / 8) * 8)


def shrunk(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """``(n, h, w, 3) -> (n, side, side, 3)``."""
    import cv2

    return np.stack([cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures])


def levelled(batch: torch.Tensor) -> torch.Tensor:
    """From 0..1 to about zero mean and unit deviation."""
    return (batch - 0.5) * 4.0
