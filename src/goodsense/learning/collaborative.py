"""Content that learns from behaviour: few labels, and what shoppers do as a second thing to be told from content."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch
from goodsense.learning.block_networks import BlockEncoder, encoded, hide_blocks, take, tensors
from goodsense.learning.block_rows import BlockRows, BlockScales, check_blocks
from goodsense.learning.heads import cross_entropy
from goodsense.learning.history import History
from goodsense.learning.learners import Codes, Shares, check_labels, coded
from goodsense.learning.losses import info_nce
from goodsense.learning.networks import restore, seeded, weights_of
from goodsense.learning.reconstruction import reconstruction_loss
from goodsense.learning.schedules import Schedule
from goodsense.learning.trainer import train
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings

Target: TypeAlias = Literal["regression", "contrast", "none"]

_PURPOSE = "collaborative training"
_SCHEDULE = Schedule(epochs=40, batch=256, rate=3e-3)


class CollaborativeNetwork(nn.Module):  # type: ignore[misc]
    """A content tower with two heads on its vector: the class, and the behaviour.

    Parameters
    ----------
    dims
        Columns of each content block, in their order.
    behaviour, classes
        Columns of the behaviour block, and number of classes.
    hidden, dim
        Width between, and of the vector.
    dropout
        Share of the values of content that are left out while training.
    """

    def __init__(
        self, dims: list[int], *, behaviour: int, classes: int, hidden: int, dim: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.tower = BlockEncoder(dims, hidden=hidden, dim=dim, dropout=dropout)
        self.labels = nn.Linear(dim, classes)
        self.behaviour = nn.Linear(dim, behaviour)

    def forward(self, rows: list[torch.Tensor], seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Content ``(n, d_b)`` and what is seen ``(n, B)`` to logits ``(n, C)`` and told behaviour ``(n, d)``."""
        code = self.tower(rows, seen)
        return self.labels(code), self.behaviour(code)


def behaviour_loss(
    told: torch.Tensor, behaviour: torch.Tensor, known: torch.Tensor, *, target: Target, temperature: float = 0.1
) -> torch.Tensor:
    """How far told behaviour ``(n, d)`` is from what was seen ``(n, d)``, over the products ``(n,)`` that have any.

    ``regression`` is the mean squared error; ``contrast`` is InfoNCE: content finds its own behaviour among those of
    the batch. Without any behaviour, or with ``none``, the loss is 0.
    """
    assert told.ndim == 2, f"told behaviour is {tuple(told.shape)}; expected (n, d)"
    assert behaviour.shape == told.shape, f"behaviour is {tuple(behaviour.shape)}; expected {tuple(told.shape)}"
    assert known.shape == (len(told),), f"known is {tuple(known.shape)}; expected ({len(told)},)"
    assert known.dtype == torch.bool, f"known is {known.dtype}; expected bool"
    if target == "none" or not known.any():
        return told.sum() * 0.0
    if target == "contrast":
        return info_nce(told[known], behaviour[known], temperature=temperature)
    return reconstruction_loss([told], [behaviour], known[:, None])


class CollaborativeTower:
    """Vectors of products made from content alone, taught by a few labels and by all behaviour there is.

    Behaviour is privileged (Vapnik and Vashist, "A New Learning Paradigm: Learning Using Privileged Information",
    Neural Networks, 2009): it is a target of the fit and never looked at afterwards, so a product that nobody has
    bought yet profits as well. As in DropoutNet (Volkovs et al., NIPS 2017), content learns to stand for it.

    Parameters
    ----------
    behaviour
        Name of the block of behaviour.
    target
        ``regression`` to it, ``contrast`` with it, or ``none``: labels alone, the same network.
    weight
        Of behaviour beside the labels.
    hide
        Share of the content blocks that are hidden in training; one is always seen.
    dropout
        Share of the values of content that are left out in training.
    dim, hidden
        Widths of the vectors, and between.
    schedule
        How long and how fast.
    """

    def __init__(
        self,
        behaviour: str = "behaviour",
        *,
        target: Target = "regression",
        weight: float = 1.0,
        hide: float = 0.2,
        dropout: float = 0.3,
        dim: int = 64,
        hidden: int = 128,
        schedule: Schedule = _SCHEDULE,
    ) -> None:
        if target not in ("regression", "contrast", "none"):
            raise UsageError(f"target is {target!r}; expected 'regression', 'contrast' or 'none'.")
        if not (0 <= weight < math.inf and 0 <= hide < 1 and 0 <= dropout < 1):
            raise UsageError(
                f"weight, hide and dropout are {weight}, {hide} and {dropout}; expected from 0 up, and shares below 1."
            )
        self._behaviour, self._weight, self._hide, self._dropout = behaviour, weight, hide, dropout
        self._target: Target = target
        self._dim, self._hidden, self._schedule = dim, hidden, schedule
        self._classes: Codes = np.zeros(0, dtype=np.int64)
        self._shares: Shares = np.zeros(0)
        self._scales: BlockScales | None = None
        self._width = 0  # of behaviour
        self._network: Any = None
        self._history: History | None = None

    @property
    def history(self) -> History | None:
        """How the training went; None before :meth:`fit`."""
        return self._history

    @property
    def privileged(self) -> tuple[str, ...]:
        return (self._behaviour,)

    @property
    def classes(self) -> Codes:
        return self._classes

    @property
    def dim(self) -> int:
        return self._dim

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        labels: Codes,
        *,
        seed: int = 0,
        device: str = "cpu",
        progress: Progress = silent,
    ) -> Self:
        """Learn from content blocks, labels ``(n,)`` (-1 where there is none) and the behaviour block.

        Raises
        ------
        UsageError
            If no product has behaviour, or the labelled products that have content are of fewer than two classes.
        """
        check_labels(labels, check_blocks(blocks, purpose=_PURPOSE), purpose=_PURPOSE)
        content = {name: block for name, block in blocks.items() if name != self._behaviour}
        self._scales = BlockScales.fit(content, purpose=_PURPOSE)
        rows = self._scales.rows(content, purpose=_PURPOSE)
        codes, self._classes, self._shares = coded(labels, rows.known, purpose=_PURPOSE)
        told = self._told(blocks)
        self._width = told.values[self._behaviour].shape[1]
        with seeded(seed):
            self._network = self._made()
            self._history = self._trained(rows, codes, told, seed, device, progress)
        self._network.cpu()
        return self

    def encode(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """Vectors ``(n, dim)`` from content alone; products without any are not present, and zero."""
        rows, first = self._rows(blocks), next(iter(blocks.values()))
        return Embeddings(first.ids, first.owners, encoded(self._network.tower, rows), rows.known)

    def predict_proba(self, blocks: Mapping[str, Embeddings]) -> Shares:
        """``(n, C)`` from content alone."""
        found = self.encode(blocks)
        with torch.inference_mode():
            proba = self._network.labels(torch.from_numpy(found.vectors)).softmax(dim=1).double().numpy()
        return np.where(found.present[:, None], proba, self._shares)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for safetensors, to encode with later."""
        if self._scales is None:
            raise UsageError(f"{_PURPOSE} was not fitted yet.", fix="Call fit(blocks, labels) first.")
        scales, arrays = self._scales.to_parts()
        settings = {
            "behaviour": self._behaviour,
            "target": self._target,
            "dim": self._dim,
            "hidden": self._hidden,
            "width": self._width,
            "scales": scales,
        }
        own = {"classes": self._classes, "shares": self._shares}
        return settings, {**arrays, **own, **weights_of(self._network, "network.")}

    @classmethod
    def from_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Come back from :meth:`to_parts`."""
        found = cls(settings["behaviour"], target=settings["target"], dim=settings["dim"], hidden=settings["hidden"])
        found._scales, found._width = BlockScales.from_parts(settings["scales"], arrays), int(settings["width"])
        found._classes, found._shares = arrays["classes"], arrays["shares"]
        found._network = found._made()
        restore(found._network, {name: own for name, own in arrays.items() if name.startswith("network.")}, "network.")
        return found

    def _rows(self, blocks: Mapping[str, Embeddings]) -> BlockRows:
        if self._scales is None:
            raise UsageError(f"{_PURPOSE} was not fitted yet.", fix="Call fit(blocks, labels) first.")
        content = {name: block for name, block in blocks.items() if name != self._behaviour}
        return self._scales.rows(content, purpose=_PURPOSE)

    def _told(self, blocks: Mapping[str, Embeddings]) -> BlockRows:
        """Scaled behaviour of the products."""
        block = blocks.get(self._behaviour)
        if block is not None and block.present.any():
            own = {self._behaviour: block}
            return BlockScales.fit(own, purpose=_PURPOSE).rows(own, purpose=_PURPOSE)
        if self._target != "none":
            raise UsageError(
                f"no product has the block {self._behaviour!r}, so there is no behaviour to learn from.",
                fix="Give the name of a block that products have, or train with target='none'.",
            )
        n = len(next(iter(blocks.values())))
        return BlockRows({self._behaviour: np.zeros((n, 1), dtype=np.float32)}, np.zeros((n, 1), dtype=np.bool_))

    def _made(self) -> CollaborativeNetwork:
        assert self._scales is not None
        return CollaborativeNetwork(
            list(self._scales.dims.values()),
            behaviour=self._width,
            classes=len(self._classes),
            hidden=self._hidden,
            dim=self._dim,
            dropout=self._dropout,
        )

    def _trained(
        self, rows: BlockRows, codes: NDArray[np.int64], told: BlockRows, seed: int, device: str, progress: Progress
    ) -> History:
        """Half of every batch has labels, drawn with replacement; an epoch sees every product once."""
        content, present = tensors(rows)
        (behaviour,), known = tensors(told)
        truth, labelled = torch.from_numpy(codes), np.flatnonzero(codes >= 0)
        usable, half = np.flatnonzero(rows.known), max(1, self._schedule.batch // 2)

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
            order = rng.permutation(usable)
            for start in range(0, len(order), half):
                taught = torch.from_numpy(rng.choice(labelled, size=min(half, len(order))))
                others = torch.from_numpy(order[start : start + half])
                own = take(content, present, torch.cat([taught, others]))
                yield *own, truth[taught], behaviour[others], known[others, 0]

        return train(
            self._network,
            batches,
            lambda batch: self._loss(*batch),
            self._schedule,
            steps=math.ceil(len(usable) / half),
            seed=seed,
            device=device,
            progress=progress,
            stage="train collaborative",
        )

    def _loss(
        self,
        rows: list[torch.Tensor],
        present: torch.Tensor,
        truth: torch.Tensor,
        behaviour: torch.Tensor,
        known: torch.Tensor,
    ) -> torch.Tensor:
        """The first rows have labels ``truth``, the others perhaps ``behaviour``."""
        answers, told = self._network(rows, hide_blocks(present, self._hide))
        first = cross_entropy(answers[: len(truth)], truth, smoothing=0.0)
        return first + self._weight * behaviour_loss(told[len(truth) :], behaviour, known, target=self._target)
