"""Fusions that a network learns from a shop's own products: towers, a combining network, cross-modal contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.options import check_choice, check_whole, number
from goodsense.errors import DataError, UsageError
from goodsense.fusion.base import check_fitted
from goodsense.fusion.blocks import Given, centre_of, check_blocks, check_widths, prepared
from goodsense.fusion.crossing import Outcome
from goodsense.learning.lesson import Lesson
from goodsense.learning.networks import need_torch, restore, seeded, weights_of
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings

if TYPE_CHECKING:
    from goodsense.fusion.inference import Inference
    from goodsense.fusion.network import FusionNetwork
    from goodsense.learning.history import History

NETWORKS = (
    "mean",
    "max",
    "weighted",
    "middle",
    "product",
    "gru",
    "lstm",
    "gated",
    "inter-attention",
    "intra-attention",
    "transformer",
)
OBJECTIVES = ("info-nce", "nt-xent", "siglip", "triplet", "triplet-soft")
TOWERS = ("linear", "mlp")
LEAST_PRODUCTS = 2  # with two blocks each
NOISE = 0.01  # of the mean variance: directions below it are lifted no further
NEEDED_FOR = "a trained fusion"
_CENTRE, _NETWORK = "centre.", "network."


class TrainedFusion:
    """One tower per block to a common width and a network that combines them, learned by cross-modal contrast.

    Two random disjoint subsets of a product's modalities must find each other among the products of a batch (InfoNCE
    with modality dropout), a subset must find the whole, and each single modality every other, so that words, pictures
    and sounds meet in one space; see :mod:`goodsense.fusion.teaching`. Products of one group are never told apart. A
    tenth of the groups, at most some two hundred, is held out by hash, to see whether anything was learned.

    Parameters
    ----------
    network
        How tokens are combined: ``mean``, ``max``, ``weighted``, ``middle``, ``product``, ``gru``, ``lstm``, ``gated``,
        ``inter-attention``, ``intra-attention`` or ``transformer``; ``options`` are its own.
    width
        Length of fused vectors.
    tower
        ``mlp`` (two layers, ``hidden`` between) or ``linear``; ``dropout`` of a layer's inputs in training.
    whiten
        Power of the deviations of a block's principal components that is divided out before its tower: 0 keeps the
        rows as they are, 1 lets all directions weigh alike.
    objective, coldest
        ``info-nce``, ``nt-xent``, ``siglip``, ``triplet`` or ``triplet-soft``; their temperature learns, but never
        falls below ``coldest``: a colder one fits the training products ever better and unseen ones worse.
    nested
        Lengths below ``width`` to which fused vectors may be cut (Matryoshka).
    epochs, batch, rate, decay
        How long and how fast (:class:`goodsense.learning.schedules.Schedule`). ``epochs`` None takes as many as suit
        the number of products; there are fewer where it would take longer than minutes, and a small shop has smaller
        batches.
    hard_negatives
        So many products of other groups that are most alike are mined for each, and one of them at a time stands in its
        batch (:mod:`goodsense.fusion.hard_batches`); 0 draws batches at random.
    patience
        End after so many epochs without a better search among the held-out products, and go back to the best; None: the
        weights of the last epoch. A few hundred products tell late epochs apart less well than chance does.
    label_weight, pair_weight
        What the lesson's labels and its pairs of products count beside the contrast of modalities.
    device
        Where to learn; fused vectors are made on the processor.

    Notes
    -----
    Fusion is inductive: any non-empty set of blocks works, and products that the fit did not see. A block that no
    product had beside another one cannot be learned; it is known, and ignored (:attr:`unlearned`).
    """

    kind: ClassVar[str] = "trained"
    version: ClassVar[int] = 1

    def __init__(
        self,
        network: str = "mean",
        *,
        width: int = 256,
        tower: str = "mlp",
        hidden: int = 2048,
        dropout: float = 0.2,
        whiten: float = 0.0,
        objective: str = "info-nce",
        coldest: float = 0.07,
        nested: Sequence[int] = (),
        epochs: int | None = None,
        batch: int = 512,
        rate: float = 1e-3,
        decay: float = 0.05,
        hard_negatives: int = 0,
        patience: int | None = None,
        label_weight: float = 0.5,
        pair_weight: float = 0.5,
        options: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        check_choice(NETWORKS, network=network)
        check_choice(TOWERS, tower=tower)
        check_choice(OBJECTIVES, objective=objective)
        check_whole(width=width, hidden=hidden)
        check_whole(
            **{name: value for name, value in (("epochs", epochs), ("patience", patience)) if value is not None}
        )
        check_whole(batch=batch, least=2)
        check_whole(hard_negatives=hard_negatives, least=0)
        number("dropout", dropout, least=0, most=0.9)
        number("rate", rate, least=0, above=True)
        number("decay", decay, least=0)
        number("label_weight", label_weight, least=0)
        number("pair_weight", pair_weight, least=0)
        shape = {"combining": network, "width": width, "tower": tower, "hidden": hidden, "dropout": dropout}
        number("coldest", coldest, least=0, most=1, above=True)
        goal = {"objective": objective, "coldest": coldest, "label_weight": label_weight, "pair_weight": pair_weight}
        self._shape: dict[str, Any] = {**shape, "options": dict(options or {})}
        self._goal: dict[str, Any] = {**goal, "nested": _nested(nested, width)}
        self._pace: dict[str, Any] = {
            "epochs": epochs,
            "batch": batch,
            "rate": rate,
            "decay": decay,
            "hard_negatives": hard_negatives,
            "patience": patience,
        }
        self._whiten = number("whiten", whiten, least=0, most=1)
        self._device = device
        self._dims: dict[str, int] = {}
        self._arrays: dict[str, NDArray[Any]] = {}
        self._network: FusionNetwork | None = None
        self._outcome: Outcome | None = None
        self.history: History | None = None

    @property
    def dims(self) -> Mapping[str, int]:
        """Block -> columns that it had at the fit; empty before."""
        return dict(self._dims)

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        return int(self._shape["width"]) if self._dims else 0

    @property
    def unlearned(self) -> tuple[str, ...]:
        """Blocks that were given at the fit and say nothing, because no product had them beside another block."""
        return tuple(name for name in self._dims if name not in self._learned_names)

    @property
    def outcome(self) -> Outcome:
        """Whether the training taught anything, with the figures."""
        if self._outcome is None:
            check_fitted(self.kind, False)
        assert self._outcome is not None
        return self._outcome

    @property
    def learned(self) -> bool:
        """Whether the training taught anything; :attr:`reason` says why that is said."""
        return self.outcome.learned

    @property
    def reason(self) -> str:
        """The figures behind :attr:`learned` in a sentence."""
        return self.outcome.reason

    @property
    def fingerprint(self) -> str:
        """Names code version, settings and all that was learned."""
        return artefacts.fingerprint(self._artefact())

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn from products that have at least two of the blocks; the same seed gives the same weights.

        Raises
        ------
        UsageError
            If there is no block, blocks are not of the same products, or the lesson is of another number of them.
        DataError
            If fewer than two products have two blocks.
        DependencyError
            If torch is missing.
        """
        need_torch(NEEDED_FOR)
        check_blocks(blocks, list(blocks))
        count = len(next(iter(blocks.values())))
        known = Lesson.of_products(count) if lesson is None else lesson
        if len(known.groups) != count:
            raise UsageError(f"the lesson is of {len(known.groups)} products; the blocks are of {count}.")
        from goodsense.fusion.course import Course

        centres = {name: centre_of(blocks[name]) for name in sorted(blocks)}
        rows = {name: prepared(blocks[name], centre) for name, centre in centres.items()}
        maps = {name: spread_out(given, self._whiten) for name, given in rows.items()}
        rows = {name: Given((given.vectors @ maps[name]), given.present) for name, given in rows.items()}
        course = Course.of(rows, known, seed=seed)
        if len(course.chosen) < LEAST_PRODUCTS:
            raise _too_few(len(course.chosen))
        dims = {name: blocks[name].dim for name in sorted(blocks)}
        with seeded(seed):
            network = self._made({name: dims[name] for name in course.names})
            self.history, self._outcome = course.teach(
                network, goal=self._goal, pace=self._pace, device=self._device, seed=seed, progress=progress
            )
            network.absorb([maps[name] for name in course.names])
        self._dims, self._network = dims, network
        self._arrays = {f"{_CENTRE}{name}": centres[name] for name in course.names}
        self._arrays |= weights_of(network, _NETWORK)
        return self

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One unit vector per product: ``(n, dim)``; products without any block are not present.

        Raises
        ------
        UsageError
            Before a fit, or if a block is unknown, has other ids than the rest, or another width than at the fit.
        """
        vectors, present = self._ready(blocks).vectors(blocks)
        first = next(iter(blocks.values()))
        return Embeddings(first.ids, first.owners, vectors, present)

    def fuse_query(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """Queries are products with most blocks missing: the same as :meth:`fuse`."""
        return self.fuse(blocks)

    def weights(self, blocks: Mapping[str, Embeddings]) -> Mapping[str, NDArray[np.float64]]:
        """How much each learned block counts in each product: block -> ``(n,)``, 0 where absent, of sum 1.

        These are the network's own weights, gates or attention. They say where it looks; what a block does for a score
        is told by :meth:`parts`.

        Raises
        ------
        UsageError
            As for :meth:`fuse`; also if the network does not weigh blocks.
        """
        shares = self._ready(blocks).shares(blocks)
        if shares is None:
            raise UsageError(
                f"the network {self._shape['combining']!r} does not weigh blocks against one another.",
                fix="Ask for parts, which all networks have.",
            )
        return {name: shares[:, place].astype(np.float64) for place, name in enumerate(self._learned_names)}

    def parts(self, blocks: Mapping[str, Embeddings]) -> Mapping[str, NDArray[np.float32]]:
        """What each learned block adds to the fused vectors: block -> ``(n, dim)``; the parts sum to :meth:`fuse`.

        Where the network sums over blocks (``mean``, ``weighted``, ``gated``, ``intra-attention``) these are what it
        sums. Elsewhere they are exact Shapley values of the vector itself over coalitions of blocks; as such values
        are linear (Shapley, 1953), their inner products with another vector are the Shapley values of the score.

        Raises
        ------
        UsageError
            As for :meth:`fuse`.
        """
        parts = self._ready(blocks).parts(blocks)
        return {name: parts[:, place] for place, name in enumerate(self._learned_names)}

    def save(self, directory: Path) -> None:
        """Write settings, the outcome and all that was learned into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        shape = dict(found.settings["shape"])
        whiten = found.settings["whiten"]
        fusion = cls(shape.pop("combining"), **shape, whiten=whiten, **found.settings["pace"], **found.settings["goal"])
        fusion._dims = {name: int(found.settings["dims"][name]) for name in sorted(found.settings["dims"])}
        fusion._arrays = dict(found.arrays)
        outcome = found.settings["outcome"]
        fusion._outcome = None if outcome is None else Outcome(**outcome)
        return fusion

    @property
    def _learned_names(self) -> tuple[str, ...]:
        return tuple(name for name in self._dims if f"{_CENTRE}{name}" in self._arrays)

    def _artefact(self) -> artefacts.Artefact:
        outcome = None if self._outcome is None else asdict(self._outcome)
        settings = {
            "shape": self._shape,
            "whiten": self._whiten,
            "pace": self._pace,
            "goal": self._goal,
            "dims": self._dims,
            "outcome": outcome,
        }
        return artefacts.Artefact(self.kind, self.version, settings, self._arrays)

    def _ready(self, blocks: Mapping[str, Embeddings]) -> Inference:
        """The network with its centres, once the blocks are known to fit."""
        check_fitted(self.kind, bool(self._dims))
        check_blocks(blocks, self._dims)
        check_widths(blocks, self._dims)
        need_torch(NEEDED_FOR)
        from goodsense.fusion.inference import Inference

        if self._network is None:
            self._network = self._made({name: self._dims[name] for name in self._learned_names})
            weights = {name: array for name, array in self._arrays.items() if name.startswith(_NETWORK)}
            restore(self._network, weights, _NETWORK)
        return Inference(self._network, {name: self._arrays[f"{_CENTRE}{name}"] for name in self._learned_names})

    def _made(self, dims: Mapping[str, int]) -> FusionNetwork:
        from goodsense.fusion.network import FusionNetwork

        return FusionNetwork(dims, **self._shape)


def spread_out(rows: Given, power: float) -> NDArray[np.float32]:
    """A map ``(d, d)`` after which columns have mean square 1, and directions of little variance have more of it.

    Each principal component is divided by its deviation to the ``power``; directions below a hundredth of the mean
    variance are taken to be noise, and lifted no further than that.
    """
    known = rows.vectors[rows.present].astype(np.float64)
    width = rows.vectors.shape[1]
    if not len(known):
        return np.eye(width, dtype=np.float32)
    values, axes = np.linalg.eigh(known.T @ known / len(known))
    least = max(NOISE * float(values.mean()), 1e-12)
    scales = np.maximum(values, least) ** (-power / 2)
    energy = float((np.maximum(values, 0) * scales**2).mean())
    return np.asarray((axes * scales) @ axes.T / np.sqrt(max(energy, 1e-12)), dtype=np.float32)


def _nested(nested: Sequence[int], width: int) -> list[int]:
    """The lengths and the whole width, ascending; empty when there are none."""
    if not nested:
        return []
    for length in nested:
        if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= width:
            raise UsageError(f"nested is {list(nested)}; expected whole numbers from 1 to the width, {width}.")
    return sorted({*nested, width})


def _too_few(count: int) -> DataError:
    return DataError(
        f"{count} {'product has' if count == 1 else 'products have'} two blocks or more; a trained fusion learns from "
        f"at least {LEAST_PRODUCTS}, and well from hundreds.",
        fix="Use a fusion that needs no training, such as AdditiveFusion, or give products more modalities.",
    )
