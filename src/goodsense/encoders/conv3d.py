"""``conv3d``: a small network over space and time that learns from the shop's own labels and clips.

It learns what the labels tell apart, and that clips of one product, or two altered views of one clip, belong together.
Without labels the views alone teach it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.cnn_network import contrast
from goodsense.encoders.conv3d_network import KINDS, NEEDED_FOR, clip_network
from goodsense.encoders.frame_choice import even_frames, pictures_of, without_bars
from goodsense.encoders.networks import Products, Targets
from goodsense.encoders.options import check_choice, check_whole
from goodsense.encoders.trained import TrainedNetwork
from goodsense.learning import networks
from goodsense.learning.trainer import Schedule
from goodsense.media.reading import ClipWish
from goodsense.progress import Progress, silent
from goodsense.types import Clip, Labels, Modality, Vectors, normalise

KIND = "conv3d"
VERSION = 1
BATCH = 24  # clips, each in two views
RATE = 3e-3
DECAY = 0.02
AT_ONCE = 32  # clips encoded together
CROP = 0.8  # of the side and of the frames that training looks at
SMOOTHING = 0.1  # of the labels: some of a shop's are wrong


@dataclass(frozen=True)
class Cube:
    """A clip as ``(frames, side, side, 3)`` uint8, without black bars; one without frames as ``(0, side, side, 3)``.

    A clip with fewer frames shows each for longer.
    """

    frames: int
    side: int

    def __call__(self, clip: Clip) -> NDArray[np.uint8]:
        import cv2

        pictures = pictures_of(clip)
        if not len(pictures):
            return np.zeros((0, self.side, self.side, 3), dtype=np.uint8)
        places = even_frames(len(pictures), self.frames)
        if len(places) < self.frames:
            places = np.arange(self.frames) * len(pictures) // self.frames
        size = (self.side, self.side)
        shown = {i: cv2.resize(without_bars(pictures[i]), size, interpolation=cv2.INTER_AREA) for i in set(places)}
        return np.stack([shown[i] for i in places])


class Conv3dEncoder(TrainedNetwork):
    """Clips to the features of a network that was trained on the shop's own clips.

    Parameters
    ----------
    kind
        ``3d``: kernels over space and time; ``2+1d``: each as one over space and one over time (Tran & others, CVPR
        2018).
    frames, side
        What the network sees of a clip: so many frames, each a square of so many pixels.
    width
        Channels of the first stage; vectors have four times as many numbers.
    epochs
        How often training sees every clip.
    fields
        The labels to learn; None for all that are worth it.
    """

    KIND, VERSION, NEEDED_FOR = KIND, VERSION, NEEDED_FOR

    def __init__(
        self,
        *,
        kind: str = "2+1d",
        frames: int = 12,
        side: int = 48,
        width: int = 32,
        epochs: int = 30,
        fields: Sequence[str] | None = None,
    ) -> None:
        check_whole(frames=frames, least=2)
        check_whole(side=side, least=16)
        check_whole(width=width, least=4)
        check_whole(epochs=epochs)
        check_choice(KINDS, kind=kind)
        self._kind, self._frames, self._side, self._width, self._epochs = kind, frames, side, width, epochs
        super().__init__(fields)

    @property
    def dim(self) -> int:
        return 4 * self._width

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"video"})

    @property
    def wish(self) -> ClipWish:
        return ClipWish(fps=8.0, max_frames=self._frames, max_side=3 * self._side)

    @property
    def describe(self) -> Cube:
        """One clip to the few small frames that the network sees."""
        return Cube(self._frames, self._side)

    def fit_described(
        self,
        raw: Sequence[NDArray[np.uint8]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """Train on cubes as :attr:`describe` gives them, one mapping of labels per clip."""
        shown = [i for i, cube in enumerate(raw) if len(cube)]
        labels = [labels[i] if len(labels) else {} for i in shown]
        lesson = _Lesson.of(self._stacked([raw[i] for i in shown]), labels, self._fields)
        schedule = Schedule(self._epochs, BATCH, RATE, DECAY)
        self._train(lesson, schedule, enough=len(shown) > 1, seed=seed, progress=progress)
        features = self._features(lesson.cubes)
        self._centre(features if len(features) > 1 else features[:0])
        return self

    def project(self, raw: Sequence[NDArray[np.uint8]]) -> Vectors:
        """Cubes to unit vectors ``(n, dim)``; a clip without frames gives a zero row."""
        found = np.zeros((len(raw), self.dim), dtype=np.float32)
        shown = [i for i, cube in enumerate(raw) if len(cube)]
        found[shown] = normalise(self._centred(self._stacked([raw[i] for i in shown]), "clips"))
        return found

    def _features(self, cubes: NDArray[np.uint8]) -> Vectors:
        torch = networks.need_torch(NEEDED_FOR)
        network, starts = self._restored(), range(0, len(cubes), AT_ONCE)
        with torch.inference_mode():
            found = [network(_to_batch(cubes[start : start + AT_ONCE])).numpy() for start in starts]
        return np.concatenate([np.zeros((0, self.dim), dtype=np.float32), *found])

    def _stacked(self, raw: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        return np.stack(raw) if len(raw) else np.zeros((0, self._frames, self._side, self._side, 3), dtype=np.uint8)

    def _settings(self) -> dict[str, Any]:
        return {
            "kind": self._kind, "frames": self._frames, "side": self._side, "width": self._width,
            "epochs": self._epochs,
        }  # fmt: skip

    def _made(self, sizes: Mapping[str, int]) -> Any:
        return clip_network(self._kind, self._width, sizes)


@dataclass(frozen=True, eq=False)
class _Lesson:
    """Clips, what they are, and which are of one product."""

    cubes: NDArray[np.uint8]  # (n, t, s, s, 3)
    targets: Targets
    products: Products

    @classmethod
    def of(cls, cubes: NDArray[np.uint8], labels: Sequence[Labels], fields: Sequence[str] | None) -> _Lesson:
        products = Products.of(labels, len(cubes))
        return cls(cubes, Targets.of(labels, fields=fields), products)

    @property
    def steps(self) -> int:
        return max(1, math.ceil(len(self.cubes) / BATCH))

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[tuple[Any, NDArray[np.int64]]]:
        """Batches of two views of each clip ``(2 n, 3, t, s, s)``, and which clip each is of ``(2 n,)``."""
        del epoch
        order = rng.permutation(len(self.cubes))
        for rows in np.array_split(order, self.steps):
            twice = np.concatenate([rows, rows])
            yield _to_batch(np.stack([_altered(self.cubes[row], rng) for row in twice])), twice

    def loss(self, network: Any, batch: tuple[Any, NDArray[np.int64]]) -> Any:
        """Cross entropy of every field, and the contrast between products."""
        torch = networks.need_torch(NEEDED_FOR)
        clips, rows = batch
        features = network(clips)
        total = contrast(network.sketch(features), torch.from_numpy(self.products.numbers[rows]))
        kept = network.dropout(features)
        losses = []
        for head, name in zip(network.heads, sorted(self.targets.codes), strict=True):
            truth = torch.from_numpy(self.targets.codes[name][rows])
            if bool((truth >= 0).any()):
                losses.append(
                    torch.nn.functional.cross_entropy(head(kept), truth, ignore_index=-1, label_smoothing=SMOOTHING)
                )
        return total + torch.stack(losses).mean() if losses else total


def _altered(cube: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A view of a clip: a part in time and space, in other light. ``(t, s, s, 3)`` to a smaller one of its kind."""
    count, side = cube.shape[:2]
    few, small = max(2, round(CROP * count)), max(8, round(CROP * side))
    first, top, left = (int(rng.integers(room + 1)) for room in (count - few, side - small, side - small))
    part = cube[first : first + few, top : top + small, left : left + small].astype(np.float32)
    light = rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, size=3)
    found: NDArray[np.uint8] = np.clip(part * light.astype(np.float32) + rng.uniform(-12, 12), 0, 255).astype(np.uint8)
    return found


def _to_batch(cubes: NDArray[np.uint8]) -> Any:
    """``(n, t, h, w, 3)`` uint8 to ``(n, 3, t, h, w)`` float from -1 to 1, in the order that convolutions like."""
    torch = networks.need_torch(NEEDED_FOR)
    clips = torch.from_numpy(np.ascontiguousarray(cubes)).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    return clips.contiguous(memory_format=torch.channels_last_3d)
