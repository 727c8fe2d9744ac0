"""The base of recommenders that are trained by gradient descent: options, held-out pairs, the course, weights on disk.

A family has options of its own and hands the common ones on. It writes

- ``_prepare(interactions, content)``: puts what the network is built from, and what answers need besides weights, into
  :attr:`NetworkModel.kept`, name -> array; both come back after loading.
- ``_built(whole)``: the network, or, where ``whole`` is False, only the part of it that answers need (the same names of
  weights; it may have none), from options, :attr:`items` and :attr:`kept`; the latter from them alone, for loading.
  Random numbers of torch are seeded.
- ``_batches(interactions)``: a :class:`Batches`, how many steps an epoch has, its batches, and the loss of one.
- ``_settle(interactions)``: turns the network as it is now into what :meth:`_scores` reads, mostly item vectors, and
  may put it into ``kept``. Called without gradients, before every validation and once more, with all interactions
  and the best weights, at the end.
- ``_scores(histories)``, as every model.

Every family is validated alike: nDCG@20 of the same held-out training pairs (:class:`HeldOut`, which depends on the
interactions and the seed alone), answered from histories as later shoppers are; the weights of the best epoch stay. The
held-out pairs are not learned from, but are part of the histories and graphs of the answers.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.learning.backend import nn, torch
from goodsense.learning.history import History
from goodsense.learning.networks import restore, seeded, weights_of
from goodsense.learning.schedules import Schedule
from goodsense.learning.trainer import train
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.held_out import HeldOut
from goodsense.recommend.model import Model
from goodsense.recommend.storage import Arrays

_WARM_UP = 0.05  # share of the steps


@dataclass(frozen=True, eq=False)
class Batches:
    """One training: so many ``steps`` an epoch, the ``batches`` of an epoch, and the ``loss`` of a batch."""

    steps: int
    batches: Callable[[int, np.random.Generator], Iterable[Any]]
    loss: Callable[[Any], torch.Tensor]


class Held(Protocol):
    """Interactions to learn from, and a figure of what was held out of them."""

    @property
    def train(self) -> Interactions: ...

    def __len__(self) -> int: ...

    def ndcg(self, scores: Callable[[Interactions], NDArray[np.float32]]) -> float: ...


class NetworkModel(Model):
    """A recommender made of a network. See the module for what a family writes.

    Parameters
    ----------
    dim
        Columns of the vectors of shoppers and items.
    epochs, batch, rate, decay
        The longest training, examples of a batch, the highest learning rate, and the weight decay of AdamW.
    patience
        Epochs without a better validation before training ends; None: all epochs are done.
    device
        Where it is trained; answers are always given by the CPU.

    Attributes
    ----------
    training
        How the last training went; None before, and after loading.
    """

    def __init__(
        self,
        *,
        dim: int,
        epochs: int,
        batch: int,
        rate: float,
        decay: float,
        patience: int | None,
        device: str,
    ) -> None:
        super().__init__()
        if dim < 1 or epochs < 1 or batch < 2 or not 0 < rate < math.inf or not 0 <= decay < math.inf:
            raise UsageError(
                f"dim {dim}, epochs {epochs}, batch {batch}, rate {rate} and decay {decay} make no sense.",
                fix="Give dim and epochs from 1, batch from 2, rate above 0 and decay from 0 up.",
            )
        self.dim, self.epochs, self.batch, self.rate, self.decay = dim, epochs, batch, rate, decay
        self.patience, self.device = patience, device
        self.schedule = Schedule(
            epochs, batch, rate, decay=decay, warm_up=_WARM_UP, shape="cosine", clip=math.inf, patience=patience
        )

    # ---- what a family writes

    @abstractmethod
    def _prepare(self, interactions: Interactions, content: Content) -> None:
        """Keep what the network is built from."""

    @abstractmethod
    def _built(self, *, whole: bool) -> nn.Module:
        """Build the network, or the part of it that answers need, from options, items and what is kept."""

    @abstractmethod
    def _batches(self, interactions: Interactions) -> Batches:
        """Say what is learned from."""

    @abstractmethod
    def _settle(self, interactions: Interactions) -> None:
        """Make ready to answer by the network as it is now."""

    # ---- what is the same for all

    def _forget(self) -> None:
        super()._forget()
        self.kept: dict[str, NDArray[Any]] = {}
        self.training: History | None = None
        self._network: Any = None

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        held = self._hold_out(interactions, seed)
        self._prepare(held.train, content)
        with seeded(seed):
            self._network = self._built(whole=True)
        own = self._batches(held.train)
        if own.steps:
            self._train(own, held, seed, progress)
        self._network.cpu().eval()
        self._prepare(interactions, content)
        with torch.no_grad():
            self._settle(interactions)

    def _hold_out(self, interactions: Interactions, seed: int) -> Held:
        """What tells when the network is at its best."""
        return HeldOut.of(interactions, seed=seed)

    def _train(self, own: Batches, held: Held, seed: int, progress: Progress) -> None:
        def validate() -> float:
            self._settle(held.train)
            return held.ndcg(self._scores)

        self.training = train(
            self._network,
            own.batches,
            own.loss,
            self.schedule,
            steps=own.steps,
            seed=seed,
            validate=validate if len(held) else None,
            precision="float32",
            device=self.device,
            progress=progress,
            stage=f"train {self.kind}",
        )

    @property
    def _place(self) -> torch.device:
        """Where the network is now."""
        found: torch.device = next(self._network.parameters()).device
        return found

    def _arrays(self) -> Arrays:
        needed = self._built(whole=False).state_dict()
        own = {name: array for name, array in weights_of(self._network).items() if name in needed}
        return {
            **{f"network.{name}": array for name, array in own.items()},
            **{f"kept.{name}": array for name, array in self.kept.items()},
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.kept = {name[5:]: np.asarray(own) for name, own in arrays.items() if name.startswith("kept.")}
        self._network = self._built(whole=False)
        restore(self._network, {name: own for name, own in arrays.items() if name.startswith("network.")}, "network.")


def in_batches(count: int, size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Split ``count`` examples, in random order, into batches of ``size`` or little more; a single one is no batch."""
    steps = steps_of(count, size)
    return np.array_split(rng.permutation(count), steps) if steps else []


def steps_of(count: int, size: int) -> int:
    """How many batches :func:`in_batches` makes."""
    return max(1, count // size) if count > 1 else 0
