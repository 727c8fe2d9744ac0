"""Encoders trained together with their head, end to end, against frozen encoders with the same head.

Pictures and texts of the same products find each other by InfoNCE across modalities (Radford et al., CLIP, ICML 2021).
Both ways begin with the same fitted encoders and the same head. Frozen, the encoders' vectors are made once and only
the head learns; end to end, gradients reach the picture network and the words' table, over augmented pictures and views
of the texts. What that costs in time and memory, and what it gains in retrieval, stands side by side.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.bag import BagEncoder
from goodsense.encoders.cnn import CnnEncoder, crop_of, levelled
from goodsense.encoders.cnn_augment import STRENGTHS, augmented
from goodsense.errors import DataError, UsageError
from goodsense.fusion.joint_network import JointNetwork
from goodsense.learning.backend import torch
from goodsense.learning.history import History
from goodsense.learning.losses import info_nce
from goodsense.learning.memory import peak_memory
from goodsense.learning.networks import checked_device, seeded
from goodsense.learning.schedules import Schedule
from goodsense.learning.stepping import Precision
from goodsense.learning.trainer import train
from goodsense.progress import Progress, silent
from goodsense.types import Vectors

HEAD = Schedule(epochs=30, batch=256, rate=2e-3)
JOINT = Schedule(epochs=10, batch=128, rate=5e-4)
_AT_ONCE = 512  # queries compared with all items at a time


@dataclass(frozen=True, eq=False)
class PicturesTexts:
    """Pairs of a picture and a text.

    Parameters
    ----------
    pictures
        ``(n, side, side, 3)`` uint8.
    texts
        ``n`` texts.
    groups
        ``(n,)``: pairs of one group have the same content; none is a wrong answer to another of its group.
    """

    pictures: NDArray[np.uint8]
    texts: tuple[str, ...]
    groups: NDArray[np.int64]

    @classmethod
    def of(
        cls, pictures: NDArray[np.uint8], texts: Sequence[str], groups: NDArray[np.int64] | None = None
    ) -> PicturesTexts:
        """Without groups, pairs with the same text (but for case and white space) are one."""
        count = len(texts)
        square = pictures.ndim == 4 and pictures.shape[1] == pictures.shape[2] and pictures.shape[3] == 3
        if not square or pictures.dtype != np.uint8 or len(pictures) != count:
            raise DataError(
                f"pictures are {pictures.dtype} {pictures.shape} for {count} texts; "
                f"expected uint8 ({count}, side, side, 3)."
            )
        if groups is None:
            plain = np.array([" ".join(text.casefold().split()) for text in texts], dtype=np.str_)
            groups = np.unique(plain, return_inverse=True)[1]
        if groups.shape != (count,):
            raise DataError(f"groups are {groups.shape}; expected ({count},).")
        return cls(pictures, tuple(texts), groups.astype(np.int64))

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Retrieval:
    """How well queries find an item of their group among all items.

    ``recall_1`` and ``recall_10`` are the shares of queries whose first right item is the first, or among the first
    ten; ``mrr`` is the mean of the reciprocal of its rank. ``queries`` are those that have a right item.
    """

    recall_1: float
    recall_10: float
    mrr: float
    queries: int


@dataclass(frozen=True, eq=False)
class Way:
    """One way of training, and what came of it.

    Parameters
    ----------
    network
        As trained; on the CPU.
    history
        Losses and times of its epochs.
    seconds
        Of the training, making the vectors that it needs included.
    peak_bytes
        The most memory that it held beyond what was held before (of the process, or of the GPU).
    parameters
        Numbers that learned.
    text_to_picture, picture_to_text
        On test pairs: every different text among all pictures, every picture among all different texts.
    """

    network: JointNetwork
    history: History
    seconds: float
    peak_bytes: int
    parameters: int
    text_to_picture: Retrieval
    picture_to_text: Retrieval


@dataclass(frozen=True, eq=False)
class EndToEnd:
    """Both ways, and how long the encoders took that both begin with (0 where they were given)."""

    frozen: Way
    joint: Way
    encoder_seconds: float


def compare_end_to_end(
    learned: PicturesTexts,
    tested: PicturesTexts,
    *,
    image: CnnEncoder | None = None,
    text: BagEncoder | None = None,
    dim: int = 128,
    head: Schedule = HEAD,
    joint: Schedule = JOINT,
    augment: str = "mild",
    seed: int = 0,
    precision: Precision | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> EndToEnd:
    """Train the same head over frozen encoders, and together with them, and compare on test pairs.

    Parameters
    ----------
    learned, tested
        Pairs to learn from, and pairs to be judged by. Pairs without a known word teach nothing and are left out.
    image, text
        Fitted encoders to begin with; those that are not given are fitted on the learned pairs, without labels.
    dim
        Columns of the common space.
    head, joint
        Schedules of the two ways.
    augment
        How far pictures are changed end to end (:data:`goodsense.encoders.cnn_augment.STRENGTHS`).
    seed, precision, device, progress
        As :func:`goodsense.learning.trainer.train` has them.

    Raises
    ------
    DataError
        If fewer than two learned pairs have a known word.
    UsageError
        If there is no such augmentation or device.
    """
    if augment not in STRENGTHS:
        raise UsageError(f"augment is {augment!r}; expected one of {', '.join(STRENGTHS)}.")
    place, started = checked_device(device), time.perf_counter()
    fitted = image is None or text is None
    image = image or CnnEncoder(side=learned.pictures.shape[1]).fit_described(
        list(learned.pictures), seed=seed, progress=progress
    )
    text = text or BagEncoder().fit([{"title": title} for title in learned.texts], seed=seed, progress=progress)
    encoder_seconds = time.perf_counter() - started if fitted else 0.0
    for pairs in (learned, tested):
        if pairs.pictures.shape[1] != image.side:
            raise DataError(f"pictures have a side of {pairs.pictures.shape[1]}; the encoder expects {image.side}.")
    lesson = _Lesson.of(learned, text, augment)
    with seeded(seed):
        network = JointNetwork(image, text, dim=dim)
    course = {"seed": seed, "precision": precision, "device": place, "progress": progress}
    frozen = _way(lesson.train_head, network, tested, head, course)
    return EndToEnd(frozen, _way(lesson.train_all, network, tested, joint, course), encoder_seconds)


def retrieval(
    queries: Vectors, items: Vectors, query_groups: NDArray[np.int64], item_groups: NDArray[np.int64]
) -> Retrieval:
    """Rank ``(m, d)`` items for ``(n, d)`` queries by inner product; the items of a query's group are right.

    A wrong item that scores as high as the best right one ranks before it.
    """
    ranks = []
    for start in range(0, len(queries), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        scores = queries[rows] @ items.T  # (b, m)
        right = query_groups[rows, None] == item_groups[None]
        best = np.where(right, scores, -np.inf).max(axis=1, initial=-np.inf)  # (b,)
        before = ((scores >= best[:, None]) & ~right).sum(axis=1)
        ranks.append(1 + before[right.any(axis=1)])
    found = np.concatenate([np.zeros(0, dtype=np.int64), *ranks])
    if not len(found):
        return Retrieval(0.0, 0.0, 0.0, 0)
    shares = (float((found <= 1).mean()), float((found <= 10).mean()), float((1 / found).mean()))
    return Retrieval(*shares, queries=len(found))


def judged(network: JointNetwork, tested: PicturesTexts) -> tuple[Retrieval, Retrieval]:
    """Text to picture, and picture to text; a text that comes several times asks, and is found, once."""
    groups, first = np.unique(tested.groups, return_index=True)
    pictures = network.encode_pictures(tested.pictures)
    texts = network.encode_texts([tested.texts[row] for row in first.tolist()])
    return retrieval(texts, pictures, groups, tested.groups), retrieval(pictures, texts, tested.groups, groups)


@dataclass(frozen=True, eq=False)
class _Lesson:
    """The learned pairs that have words: their pictures, words and groups."""

    pairs: PicturesTexts
    text: BagEncoder
    augment: str

    @classmethod
    def of(cls, learned: PicturesTexts, text: BagEncoder, augment: str) -> _Lesson:
        known = np.array([len(words) > 0 for words in text.corpus(learned.texts).texts], dtype=bool)
        if known.sum() < 2:
            raise DataError(f"of {len(learned)} pairs {known.sum()} have a known word; expected at least 2.")
        texts = tuple(one for one, kept in zip(learned.texts, known, strict=True) if kept)
        return cls(PicturesTexts(learned.pictures[known], texts, learned.groups[known]), text, augment)

    def train_head(self, network: JointNetwork, schedule: Schedule, course: dict[str, Any]) -> History:
        """Over the encoders' vectors, made once."""
        groups, head = torch.from_numpy(self.pairs.groups), network.head
        network.eval().requires_grad_(False)
        head.requires_grad_(True)
        with torch.no_grad():
            seen, read = network.picture_vectors(self.pairs.pictures), network.text_vectors(self.pairs.texts)

        def batches(_: int, rng: np.random.Generator) -> Iterator[Any]:
            for rows in _drawn(len(self.pairs), schedule.batch, rng):
                own = torch.from_numpy(rows)
                yield seen[own.to(seen.device)], read[own.to(read.device)], groups[own]

        def loss(batch: Any) -> torch.Tensor:
            left, right, same = batch
            return info_nce(head.of_pictures(left), head.of_texts(right), same, temperature=head.temperature())

        return train(head, batches, loss, schedule, steps=self._steps(schedule), stage="frozen encoders", **course)

    def train_all(self, network: JointNetwork, schedule: Schedule, course: dict[str, Any]) -> History:
        """Encoders and head, over augmented pictures and views of the texts."""
        corpus, strength = self.text.corpus(self.pairs.texts), STRENGTHS[self.augment]
        side = crop_of(self.pairs.pictures.shape[1])

        def batches(_: int, rng: np.random.Generator) -> Iterator[Any]:
            for rows in _drawn(len(self.pairs), schedule.batch, rng):
                pictures = levelled(augmented(self.pairs.pictures[rows], strength, rng, side=side))
                yield pictures, corpus.batch(rows.tolist(), rng), torch.from_numpy(self.pairs.groups[rows])

        def loss(batch: Any) -> torch.Tensor:
            pictures, texts, same = batch
            left, right = network(pictures, texts)
            return info_nce(left, right, same, temperature=network.head.temperature())

        return train(network, batches, loss, schedule, steps=self._steps(schedule), stage="end to end", **course)

    def _steps(self, schedule: Schedule) -> int:
        return len(_drawn(len(self.pairs), schedule.batch, np.random.default_rng(0)))


def _way(
    taught: Callable[[JointNetwork, Schedule, dict[str, Any]], History],
    network: JointNetwork,
    tested: PicturesTexts,
    schedule: Schedule,
    course: dict[str, Any],
) -> Way:
    """Train a copy of the network, watch time and memory, and judge it."""
    own, place = copy.deepcopy(network).to(course["device"]), str(course["device"])
    with peak_memory(place) as peak:
        started = time.perf_counter()
        history = taught(own, schedule, course)
        if own.device.type == "cuda":
            torch.cuda.synchronize(own.device)
        seconds = time.perf_counter() - started
    parameters = sum(value.numel() for value in own.parameters() if value.requires_grad)
    to_picture, to_text = judged(own, tested)
    return Way(own.cpu(), history, seconds, peak.bytes, parameters, to_picture, to_text)


def _drawn(count: int, size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """All rows once, in random order; a last batch of one has nothing to be told apart from and is left out."""
    order = rng.permutation(count)
    parts = [order[start : start + size] for start in range(0, count, size)]
    return [part for part in parts if len(part) > 1]
