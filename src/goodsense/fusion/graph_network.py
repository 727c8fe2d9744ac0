"""The network of a graph fusion: towers, and layers that pass messages along the links between nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.options import check_choice
from goodsense.errors import UsageError
from goodsense.fusion.graph_layers import AttentionLayer, GCNLayer, ModalityGraph, RelationalLayer, SageLayer
from goodsense.fusion.graph_sampler import Block, Edges, Nodes
from goodsense.fusion.network import FusionNetwork
from goodsense.fusion.product_graph import PRODUCT
from goodsense.fusion.teaching import Masks
from goodsense.learning.backend import nn, torch
from goodsense.types import Vectors

LAYERS: Mapping[str, Callable[[int, int], Any]] = {
    "sage": SageLayer,
    "sage-max": partial(SageLayer, pool="max"),
    "gcn": GCNLayer,
    "attention": AttentionLayer,
}
MODALITIES = "modality-graph"
Links: TypeAlias = Mapping[str, tuple[str, str]]  # link -> kinds of its receivers and senders
ITSELF = 0.5  # share of the pairs that are two sights of one product


class GraphNetwork(nn.Module):  # type: ignore[misc]
    """Towers give every product its first state, and each hop adds what its neighbours say (He et al., CVPR 2016).

    It begins as what graph networks owe most of their worth to (Wu et al., "Simplifying Graph Convolutional Networks",
    ICML 2019): towers keep angles, and a layer repeats the mean of the neighbours; training goes on from there.

    Parameters
    ----------
    features
        Towers and combining network.
    links
        Link -> kinds of its receivers and senders.
    layer
        A name in ``LAYERS``.
    hops
        How many layers.
    """

    def __init__(self, features: FusionNetwork, links: Links, *, layer: str, hops: int) -> None:
        super().__init__()
        check_choice(LAYERS, layer=layer)
        width = features.width
        self.features = features
        self.kinds = tuple(sorted({kind for ends in links.values() for kind in ends} - {PRODUCT}))
        self.starts = nn.ParameterList(torch.randn(width) / width**0.5 for _ in self.kinds)
        self.hops = nn.ModuleList(RelationalLayer(links, partial(LAYERS[layer], width, width)) for _ in range(hops))
        for tower in features.towers.modules():
            if isinstance(tower, nn.Linear):
                nn.init.orthogonal_(tower.weight)
        for place, module in self.hops.named_modules():
            if isinstance(module, nn.Linear):
                module.weight.data.copy_(torch.eye(width) * (not place.endswith(".own")))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def begin(self, rows: list[Any], present: Any, sources: Mapping[str, Nodes]) -> dict[str, Any]:
        """First states: of products what their rows ``(s, d)`` say, of other kinds one learned vector each."""
        others = {
            kind: start.expand(len(sources[kind]), -1) for kind, start in zip(self.kinds, self.starts, strict=True)
        }
        return {PRODUCT: self.features(rows, present), **others}

    def hop(self, place: int, states: Mapping[str, Any], targets: Mapping[str, int], edges: Mapping[str, Edges]) -> Any:
        """Kind -> ``(s, width)`` to kind -> ``(t, width)``, by one layer."""
        found = self.hops[place](states, edges)
        last = place + 1 == len(self.hops)
        told = {kind: sent if last else torch.tanh(sent) for kind, sent in found.items()}
        return {kind: own[: targets[kind]] + told.get(kind, 0) for kind, own in states.items()}

    def forward(self, rows: list[Any], present: Any, blocks: Sequence[Block]) -> Any:
        """Unit vectors ``(t, width)`` of the target products; ``rows`` are those of the products that they reach."""
        states = self.begin(rows, present, blocks[0].sources)
        for place, block in enumerate(blocks):
            states = self.hop(place, states, {kind: len(own) for kind, own in block.targets.items()}, block.edges)
        return nn.functional.normalize(states[PRODUCT], dim=1)

    def heard(
        self, rows: Sequence[Vectors], present: Masks, block: Block, others: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], Vectors]:
        """What target products say before each hop ``(hops, t, width)`` and after the last ``(t, width)``.

        Parameters
        ----------
        rows, present
            Of the targets: ``(t, d)`` for each of ``B`` blocks, and ``(t, B)``.
        block
            Serves every hop: its sources are the targets and, after them, products that only speak.
        others
            ``(hops, u, width)``: what these say before each hop.
        """
        targets, kept = {kind: len(nodes) for kind, nodes in block.targets.items()}, []
        with torch.inference_mode():
            states = self.begin([torch.from_numpy(own) for own in rows], torch.from_numpy(present), block.targets)
            for place in range(len(self.hops)):
                own = states[PRODUCT]
                kept.append(own.numpy())
                said = own if others is None else torch.cat([own, torch.from_numpy(others[place])])
                states = self.hop(place, {**states, PRODUCT: said}, targets, block.edges)
        return np.stack(kept), states[PRODUCT].numpy()


def first_states(dims: Mapping[str, int], *, network: str, options: Mapping[str, Any], **shape: Any) -> FusionNetwork:
    """Towers, and what makes one state of their tokens: ``modality-graph``, or a name in ``COMBINING``.

    Raises
    ------
    UsageError
        If there is no such network, or it does not take the options.
    """
    if network != MODALITIES:
        return FusionNetwork(dims, combining=network, options=options, **shape)
    towers = FusionNetwork(dims, combining="mean", options={}, **shape)
    try:
        towers.combining = ModalityGraph(len(dims), towers.width, **options)
    except TypeError as error:
        raise UsageError(f"the network {network!r} does not take these options: {error}.") from error
    return towers
