"""Graph fusion: a product is what its modalities say, and what is said of the products that it is linked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.options import check_choice, check_whole, number
from goodsense.errors import DataError
from goodsense.fusion.base import check_fitted
from goodsense.fusion.graph_links import completed, linked, positives
from goodsense.fusion.graph_sampler import NeighbourSampler
from goodsense.fusion.graph_store import Content, Stored
from goodsense.fusion.product_graph import LINKS, SIMILAR, Link, ProductGraph
from goodsense.learning.lesson import Lesson
from goodsense.learning.networks import need_torch, restore, seeded, weights_of
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors, normalise

if TYPE_CHECKING:
    from goodsense.fusion.graph_network import GraphNetwork
    from goodsense.learning.history import History

LAYERS = ("sage", "sage-max", "gcn", "attention")
NORMALISED = ("gcn",)  # their edges carry the normalised adjacency
LEAST_PRODUCTS = 2  # one alone has nothing to be told from
NEEDED_FOR = "a graph fusion"
_NETWORK, _CENTRE, _STORED = "network.", "centre.", "stored."
_AT_ONCE = 4_096  # new products that are fused at a time


class GraphFusion:
    """A graph network over the products of a shop, on typed edges: GraphSAGE, GCN or attention.

    Products are linked by content (the nearest by all their blocks, each centred and of equal weight), by the lesson's
    pairs, by shared labels, and by whatever relations ``fit`` is given, to users and attributes too. Towers give each
    product its first state, and every hop adds what its neighbours say, with layers of its own for every link. The
    network learns to foretell links (InfoNCE) between products of which some modalities are hidden and, if wished,
    labels; a link that is to be foretold carries no message meanwhile.

    Parameters
    ----------
    layer
        ``sage`` (mean), ``sage-max``, ``gcn`` or ``attention``; ``hops`` of them, one after the other.
    width
        Length of fused vectors.
    neighbours, link
        How many alike products each one names, and whether they are joined where ``either`` names the other, or where
        the naming is ``mutual``.
    shared
        Fields of the lesson's labels (brand, category) of which a common value joins products.
    network
        How the modalities of a product become its first state: as in
        :class:`goodsense.fusion.trained.TrainedFusion`, or ``modality-graph``, where they are nodes themselves
        (:class:`goodsense.fusion.graph_layers.ModalityGraph`); ``options`` are its own.
    tower, hidden, dropout
        As there.
    hide
        How often a product shows only some of its modalities in training.
    fan_out, full_below
        Neighbours drawn per link and hop in training; shops of at most ``full_below`` products take all.
    label_weight
        Of the loss on the lesson's labels; 0 learns from links alone.
    epochs, batch, rate
        How long and how fast.
    device
        Where to learn; fused vectors are made on the processor.

    Notes
    -----
    Fusion is inductive: a new product looks up its neighbours by content among the stored ones and hears them as they
    are; stored products never hear of it. A stored product with the content that it had keeps its stored vector; one
    that has changed is a new product, and does not hear what it was before.
    """

    kind: ClassVar[str] = "graph"
    version: ClassVar[int] = 1

    def __init__(
        self,
        layer: str = "sage",
        *,
        hops: int = 2,
        width: int = 128,
        neighbours: int = 10,
        link: Link = "either",
        shared: Sequence[str] = (),
        network: str = "mean",
        options: Mapping[str, Any] | None = None,
        tower: str = "linear",
        hidden: int = 512,
        dropout: float = 0.1,
        hide: float = 0.5,
        fan_out: int = 5,
        full_below: int = 2_000,
        label_weight: float = 0.0,
        epochs: int = 20,
        batch: int = 256,
        rate: float = 1e-3,
        device: str = "cpu",
    ) -> None:
        check_choice(LAYERS, layer=layer)
        check_choice(LINKS, link=link)
        check_whole(hops=hops, width=width, neighbours=neighbours, hidden=hidden, fan_out=fan_out)
        check_whole(full_below=full_below, epochs=epochs, least=0)
        check_whole(batch=batch, least=2)
        number("dropout", dropout, least=0, most=0.9)
        number("hide", hide, least=0, most=1)
        number("rate", rate, least=0, above=True)
        number("label_weight", label_weight, least=0)
        self._layers: dict[str, Any] = {"layer": layer, "hops": hops}
        self._linking: dict[str, Any] = {"neighbours": neighbours, "link": link, "shared": list(shared)}
        self._towers: dict[str, Any] = {
            "network": network,
            "width": width,
            "tower": tower,
            "hidden": hidden,
            "dropout": dropout,
        }
        self._towers["options"] = dict(options or {})
        self._drawing: dict[str, Any] = {
            "hide": hide,
            "fan_out": fan_out,
            "full_below": full_below,
            "label_weight": label_weight,
        }
        self._pace: dict[str, Any] = {"epochs": epochs, "batch": batch, "rate": rate}
        self._device = device
        self.history: History | None = None
        self._seed = 0
        self._learned = False
        self._beside = Content({})
        self._arrays: dict[str, NDArray[Any]] = {}  # weights of the network
        self._links: dict[str, tuple[str, str]] = {}
        self._network: GraphNetwork | None = None
        self._stored: Stored | None = None

    @property
    def options(self) -> dict[str, Any]:
        """All options by name."""
        return {**self._layers, **self._linking, **self._towers, **self._drawing, **self._pace}

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        return int(self._towers["width"]) if self._stored else 0

    @property
    def seed(self) -> int:
        """Of the last fit."""
        return self._seed

    @property
    def learned(self) -> bool:
        """Whether the training taught anything."""
        return self._learned

    @property
    def stored(self) -> Stored:
        """The products that the graph is made of."""
        check_fitted(self.kind, self._stored is not None)
        assert self._stored is not None
        return self._stored

    @property
    def fingerprint(self) -> str:
        """Names code version, options, the network and the stored products."""
        return artefacts.fingerprint(self._artefact())

    # ---- fit

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
        graph: ProductGraph | None = None,
    ) -> Self:
        """Link the products, train the network on the links, and store what it makes of every product.

        Parameters
        ----------
        blocks
            Of the products to be stored.
        lesson
            Pairs become links and are foretold; groups are foretold; labels become links (``shared``) or targets.
        graph
            Further relations of these products with one another, with users and with attributes.

        Raises
        ------
        UsageError
            If blocks, lesson and graph are not of the same products, or a shared field is not among the labels.
        DataError
            If no product has any block.
        DependencyError
            If torch is missing.
        """
        need_torch(NEEDED_FOR)
        beside = Content.of(blocks)
        content = beside.beside(blocks)
        if not content.present.any():
            raise DataError("no product has any block to be fused.", fix="Give at least one product a vector.")
        known = Lesson.of_products(len(content)) if lesson is None else lesson
        whole = linked(content, known, graph, seed=seed, **self._linking)
        self._seed, self.history, self._learned, self._beside = seed, None, False, beside
        self._links = {link.name: (link.head, link.tail) for link in whole.links}
        with seeded(seed):
            self._network = self._made()
            if content.present.sum() >= LEAST_PRODUCTS and self._pace["epochs"]:
                self.history = self._taught(content, whole, known, progress)
                self._learned = self.history.learned
        self._network.eval()
        self._arrays = weights_of(self._network)
        self._stored = self._propagated(content, whole)
        return self

    def propagated(
        self, blocks: Mapping[str, Embeddings], *, lesson: Lesson | None = None, graph: ProductGraph | None = None
    ) -> GraphFusion:
        """The same network with other products stored: a rebuild without training.

        What was given to the fit beside blocks (a lesson, a graph) is to be given of these products as well.
        """
        check_fitted(self.kind, self._stored is not None)
        content = self._beside.beside(blocks)
        known = Lesson.of_products(len(content)) if lesson is None else lesson
        linking = {**self._linking, "shared": self._linking["shared"] if lesson is not None else ()}
        whole = completed(linked(content, known, graph, seed=self._seed, **linking), self._links)
        other = GraphFusion(**self.options)
        other._seed, other._learned, other._beside = self._seed, self._learned, self._beside
        other._links, other._arrays = self._links, self._arrays
        other._stored = other._propagated(content, whole)
        return other

    def _taught(self, content: Embeddings, whole: ProductGraph, lesson: Lesson, progress: Progress) -> History:
        """Train the network in place."""
        from goodsense.fusion.graph_course import taught

        rows, present = self._beside.rows(content.vectors)
        small = len(content) <= self._drawing["full_below"]
        sizes = [None if small else self._drawing["fan_out"]] * self._layers["hops"]
        return taught(
            self._restored(),
            rows,
            present,
            NeighbourSampler(self._weighted(whole), sizes),
            positives(whole, lesson, content.present),
            lesson,
            hide=self._drawing["hide"],
            label_weight=self._drawing["label_weight"],
            pace=self._pace,
            device=self._device,
            seed=self._seed,
            progress=progress,
        )

    def _propagated(self, content: Embeddings, whole: ProductGraph) -> Stored:
        """Every node through every hop, with all its neighbours."""
        block = NeighbourSampler(self._weighted(whole), [None]).full()
        states, last = self._restored().heard(*self._beside.rows(content.vectors), block)
        vectors = normalise(np.where(content.present[:, None], last, np.float32(0)))
        similar = next(relation.matrix for relation in whole.relations if relation.name == SIMILAR)
        degrees = (1 + np.asarray(similar.sum(axis=1))).astype(np.float32)
        return Stored(content.ids, content.vectors, states, vectors, degrees)

    # ---- fuse

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One unit vector per product: ``(n, dim)``; products without any block are not present.

        Raises
        ------
        UsageError
            Before a fit, or if a block is unknown, has other ids than the rest, or another width than at the fit.
        """
        stored = self.stored
        content = self._beside.beside(blocks)
        places, same = stored.places(content)
        fused = np.zeros((len(content), self.dim), dtype=np.float32)
        fused[same] = stored.vectors[places[same]]
        new = np.flatnonzero(~same & content.present)
        for begin in range(0, len(new), _AT_ONCE):
            part = new[begin : begin + _AT_ONCE]
            fused[part] = self._fused(content.vectors[part], places[part])
        return Embeddings(content.ids, content.owners, fused, content.present)

    def _fused(self, content: Vectors, own: NDArray[np.int64]) -> Vectors:
        """New products ``(m, c)``, by what stored ones say before each hop; ``own`` as in :meth:`Stored.around`."""
        stored, normalised = self.stored, self._layers["layer"] in NORMALISED
        block, known = stored.around(content, own, self._links, self._linking["neighbours"], normalised=normalised)
        return normalise(self._restored().heard(*self._beside.rows(content), block, stored.states[:, known])[1])

    def _weighted(self, whole: ProductGraph) -> ProductGraph:
        """The graph with the weights that the layers expect."""
        return whole.normalised() if self._layers["layer"] in NORMALISED else whole

    # ---- the network, and files

    def _made(self) -> GraphNetwork:
        from goodsense.fusion.graph_network import GraphNetwork, first_states

        return GraphNetwork(first_states(self._beside.dims, **self._towers), self._links, **self._layers)

    def _restored(self) -> GraphNetwork:
        if self._network is None:
            self._network = self._made()
            restore(self._network, self._arrays)
        return self._network

    def save(self, directory: Path) -> None:
        """Write options, the network and the stored products into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        settings, arrays = found.settings, found.arrays
        fusion = cls(**settings["options"])
        fusion._seed, fusion._learned = int(settings["seed"]), bool(settings["learned"])
        fusion._links = {name: (ends[0], ends[1]) for name, ends in settings["links"].items()}
        fusion._beside = Content(_named(arrays, _CENTRE))
        fusion._arrays = _named(arrays, _NETWORK)
        if settings["ids"] is not None:
            fusion._stored = Stored(ids=tuple(settings["ids"]), **_named(arrays, _STORED))
        return fusion

    def _artefact(self) -> artefacts.Artefact:
        stored = {} if self._stored is None else dict(vars(self._stored))
        ids = stored.pop("ids", None)
        settings = {"options": self.options, "seed": self._seed, "learned": self._learned, "links": self._links}
        arrays = {_CENTRE: self._beside.centres, _NETWORK: self._arrays, _STORED: stored}
        flat = {f"{group}{name}": array for group, found in arrays.items() for name, array in found.items()}
        return artefacts.Artefact(
            self.kind, self.version, {**settings, "ids": None if ids is None else list(ids)}, flat
        )


def _named(arrays: Mapping[str, NDArray[Any]], group: str) -> dict[str, NDArray[Any]]:
    """The arrays of one group by their own names, sorted."""
    return {name.removeprefix(group): arrays[name] for name in sorted(arrays) if name.startswith(group)}
