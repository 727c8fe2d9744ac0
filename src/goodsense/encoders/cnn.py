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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts, networks
from goodsense.encoders.cnn_augment import STRENGTHS, Strength, augmented, mixed, to_batch
from goodsense.encoders.cnn_network import contrast, label_loss, residual_network
from goodsense.errors import DataError, UsageError
from goodsense.media.reading import ImageWish
from goodsense.progress import Progress, silent
from goodsense.types import Image, Labels, Modality, Vectors, normalise

if TYPE_CHECKING:
    import torch

KIND = "cnn"
VERSION = 1
BATCH = 64
FEW = 16  # pictures: the least batch, for shops of few
VIEWS = 180_000  # pictures that a training sees, counting every time: some seven minutes on two cores
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


class CnnEncoder:
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

    learns_labels = True

    def __init__(
        self,
        *,
        side: int = 96,
        width: int = 32,
        epochs: int = 50,
        augment: str = "strong",
        fields: Sequence[str] | None = None,
    ) -> None:
        for name, value, least in (("side", side, 24), ("width", width, 4), ("epochs", epochs, 1)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise UsageError(f"{name} is {value!r}; expected a whole number from {least} up.")
        if augment not in STRENGTHS:
            raise UsageError(f"augment is {augment!r}; expected {' or '.join(STRENGTHS)}.")
        self._side, self._width, self._epochs, self._augment = side, width, epochs, augment
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
        return frozenset({"image"})

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    @property
    def wish(self) -> ImageWish:
        return ImageWish()

    @property
    def describe(self) -> Callable[[Image], NDArray[np.uint8]]:
        """One picture to the small square that the network sees."""
        return Letterbox(self._side)

    def fit(self, values: Sequence[Image], *, seed: int) -> Self:
        """Train without labels: to tell pictures apart, however they are cropped and lit."""
        describe = self.describe
        return self.fit_described([describe(value) for value in values], seed=seed)

    def fit_described(
        self,
        raw: Sequence[NDArray[np.uint8]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """Train on squares as :attr:`describe` gives them, one mapping of labels per picture."""
        torch = networks.need_torch("the image encoder 'cnn'")
        pictures = self._stacked(raw)
        lesson = _Lesson.of(pictures, labels, self._fields, STRENGTHS[self._augment], self._side)
        with networks.seeded(seed):
            self._network = residual_network(self._width, lesson.targets.sizes)
            if len(pictures):
                epochs = min(self._epochs, max(1, VIEWS // len(pictures)))
                schedule = networks.Schedule(epochs, lesson.batch, RATE, DECAY)
                networks.train(
                    self._network,
                    lesson.batches,
                    lambda batch: lesson.loss(self._network, batch),
                    schedule,
                    steps=lesson.steps,
                    seed=seed,
                    progress=progress,
                    stage="train cnn",
                )
        self._network.eval()
        self._sizes = dict(lesson.targets.sizes)
        self._arrays = networks.weights_of(self._network, "network.")
        rows = np.random.default_rng(seed).permutation(len(pictures))[:CENTRE_ROWS]
        with torch.inference_mode():
            features = self._features(pictures[np.sort(rows)])
        centre = features.mean(axis=0) if len(features) else np.zeros(self.dim, dtype=np.float32)
        self._arrays["centre"] = centre.astype(np.float32)
        self._fingerprint = ""
        return self

    def project(self, raw: Sequence[NDArray[np.uint8]]) -> Vectors:
        """Squares to unit vectors ``(n, dim)``: the mean of a picture and its mirror image, around the centre."""
        if not self._arrays:
            raise UsageError("this picture encoder was not fitted yet.", fix="Call fit(pictures, seed=...) first.")
        return normalise(self._features(self._stacked(raw)) - self._arrays["centre"])

    def encode(self, values: Sequence[Image]) -> Vectors:
        """``n`` pictures to ``(n, dim)``."""
        describe = self.describe
        return self.project([describe(value) for value in values])

    def encode_query(self, values: Sequence[Image]) -> Vectors:
        """The same as :meth:`encode`."""
        return self.encode(values)

    def scores(self, raw: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        """What the network itself says of every field: squares to logits ``(n, classes)``, classes in sorted order."""
        torch = networks.need_torch("the image encoder 'cnn'")
        features = torch.from_numpy(self._features(self._stacked(raw)))
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
        settings = {name: value for name, value in found.settings.items() if name != "sizes"}
        encoder = cls(**settings)
        encoder._sizes, encoder._arrays = dict(found.settings["sizes"]), dict(found.arrays)
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings: dict[str, Any] = {
            "side": self._side,
            "width": self._width,
            "epochs": self._epochs,
            "augment": self._augment,
            "fields": self._fields,
            "sizes": self._sizes,
        }
        return artefacts.Artefact(KIND, VERSION, settings, self._arrays)

    def _restored(self) -> Any:
        if self._network is None:
            self._network = residual_network(self._width, self._sizes)
            weights = {name: array for name, array in self._arrays.items() if name.startswith("network.")}
            networks.restore(self._network, weights, "network.")
        return self._network

    def _features(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """``(n, side, side, 3)`` to pooled features ``(n, dim)``, not centred."""
        torch = networks.need_torch("the image encoder 'cnn'")
        network, found = self._restored(), np.zeros((len(pictures), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(pictures), AT_ONCE):
                batch = _levelled(to_batch(_shrunk(pictures[start : start + AT_ONCE], self._seen_side)))
                both = network(batch) + network(batch.flip(3))
                found[start : start + AT_ONCE] = (both / 2).numpy()
        return found

    @property
    def _seen_side(self) -> int:
        """Pixels at which a whole picture shows things as large as the crops of training did, on average."""
        zoom = math.sqrt((1 + STRENGTHS[self._augment].least_area) / 2)
        return min(self._side, round(_crop(self._side) / zoom / 8) * 8)

    def _stacked(self, raw: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        return np.stack(raw) if len(raw) else np.zeros((0, self._side, self._side, 3), dtype=np.uint8)


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
    targets: networks.Targets
    groups: NDArray[np.int64]  # (n,): pictures of one product have one number
    friends: Mapping[int, NDArray[np.int64]]  # group -> its pictures, where there are several
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
        own = [label.get("id") or f"\0{row}" for row, label in enumerate(labels)]
        names = own or [str(row) for row in range(len(pictures))]
        groups = np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
        order = np.argsort(groups, kind="stable")
        runs = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(order) else []
        friends = {int(groups[run[0]]): run for run in runs if len(run) > 1}
        targets = networks.Targets.of(labels, fields=fields)
        batch = min(BATCH, max(FEW, len(pictures) // 16))
        return cls(pictures, targets, groups, friends, strength, _crop(side), batch, _has_bf16())

    @property
    def steps(self) -> int:
        return sum(1 for _ in self._plan(np.random.default_rng(0)))

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Batch]:
        for rows, paired in self._plan(rng):
            if paired:
                rows = np.concatenate([rows, self._partners(rows, rng)])
            seen = augmented(self.pictures[rows], self.strength, rng, side=self.crop)
            strength = replace(self.strength, mix=0.0) if paired else self.strength
            pictures, shares, partner = mixed(seen, strength, rng)
            yield _Batch(pictures, rows, shares, partner, paired)

    def loss(self, network: Any, batch: _Batch) -> torch.Tensor:
        torch = networks.need_torch("the image encoder 'cnn'")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.fast):
            features = network(_levelled(batch.pictures))
        features = features.float()
        losses = []
        if self.targets:
            codes = {name: torch.from_numpy(codes[batch.rows]) for name, codes in self.targets.codes.items()}
            losses.append(label_loss(network, features, codes, batch.shares, batch.partner))
        if batch.paired:
            groups = torch.from_numpy(self.groups[batch.rows])
            losses.append(contrast(network.sketch(features), groups) * (0.3 if self.targets else 1.0))
        return torch.stack(losses).sum()

    def _plan(self, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.int64], bool]]:
        """Rows of each batch, and whether it takes partners."""
        order, start, number = rng.permutation(len(self.pictures)), 0, 0
        while start < len(order):
            paired = not self.targets or (bool(self.friends) and number % 2 == 1)
            stop = start + (self.batch // 2 if paired else self.batch)
            if stop + 1 == len(order):  # a batch of one picture has no spread to normalise by
                stop += 1
            yield order[start:stop], paired
            start, number = stop, number + 1

    def _partners(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Another photo of the same product, where there is one, else the same photo, to be altered in its own way."""
        found = rows.copy()
        for place, row in enumerate(rows.tolist()):
            others = self.friends.get(int(self.groups[row]))
            if others is not None:
                found[place] = rng.choice(others[others != row])
        return found


def _crop(side: int) -> int:
    """Pixels of the crops in training."""
    return max(16, round(side * 2 / 3 / 8) * 8)


def _shrunk(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """``(n, h, w, 3) -> (n, side, side, 3)``."""
    import cv2

    return np.stack([cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures])


def _levelled(batch: torch.Tensor) -> torch.Tensor:
    """From 0..1 to about zero mean and unit deviation."""
    return (batch - 0.5) * 4.0


def _has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 itself; elsewhere it would only cost time and precision."""
    torch = networks.need_torch("the image encoder 'cnn'")
    found: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
