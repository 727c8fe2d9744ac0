"""A trained fusion at work without torch, where its network is a sum over towers: the same numbers, in numpy.

A search needs a query's vector and nothing else of a network, so it should not wait for torch, nor need it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.fusion.base import unit_sum
from goodsense.fusion.blocks import check_blocks, check_widths, prepared
from goodsense.fusion.gelu import gelu
from goodsense.fusion.registry import load_fusion
from goodsense.fusion.trained import TrainedFusion
from goodsense.types import Embeddings, Fusion, Vectors

SUMMING = ("mean", "weighted")  # networks that add their towers' tokens by weights that no product changes
CHUNK = 512  # products at a time; what lies between the layers of their towers stays in the cache
_CENTRE, _TOWER, _SCORES = "centre.", "network.towers.", "network.combining.scores"
_LAYERS = {"linear": (1,), "mlp": (1, 2, 5)}  # of a tower in goodsense.fusion.network, those with weights
_LAYER_NORM = 1e-5  # torch's own epsilon

Parts = dict[str, Vectors]


def open_fusion(name: str, directory: Path) -> Fusion:
    """Load a saved fusion; a trained one that can be had without torch comes as :class:`PlainFusion`."""
    plain = PlainFusion.load(directory) if name == TrainedFusion.kind else None
    return load_fusion(name, directory) if plain is None else plain


@dataclass(frozen=True, eq=False)
class PlainFusion:
    """A trained fusion of the network ``mean`` or ``weighted``, for use only.

    Parameters
    ----------
    dims
        Block -> columns, of all blocks that the fit was given.
    towers
        Block -> its centre and the layers of its tower, for those that were learned.
    weights
        Block -> what its token counts before the weights of a product's own blocks are brought to a sum of 1.
    activation
        Feature map of tokens.
    dim
        Length of fused vectors.
    fingerprint
        That of the trained fusion.
    """

    dims: Mapping[str, int]
    towers: Mapping[str, _Tower]
    weights: Mapping[str, float]
    activation: Callable[[Vectors], Vectors]
    dim: int
    fingerprint: str

    @property
    def unlearned(self) -> tuple[str, ...]:
        """Blocks that say nothing, because no product had them beside another one at the fit."""
        return tuple(name for name in self.dims if name not in self.towers)

    @classmethod
    def load(cls, directory: Path) -> Self | None:
        """What :class:`TrainedFusion` saved; None for a network that needs torch."""
        found = artefacts.read(directory, kind=TrainedFusion.kind, version=TrainedFusion.version)
        shape, arrays = found.settings["shape"], found.arrays
        if shape["combining"] not in SUMMING:
            return None
        dims = {name: int(found.settings["dims"][name]) for name in sorted(found.settings["dims"])}
        names = [name for name in dims if f"{_CENTRE}{name}" in arrays]
        layers = _LAYERS[shape["tower"]]
        if {name for name in arrays if name.startswith(_TOWER)} != set(_named(layers, range(len(names)))):
            return None
        towers = {
            name: _Tower(arrays[f"{_CENTRE}{name}"], tuple(arrays[own] for own in _named(layers, [place])))
            for place, name in enumerate(names)
        }
        scores = arrays.get(_SCORES, np.zeros(len(names), dtype=np.float32)).astype(np.float64)
        weights = dict(zip(names, np.exp(scores - scores.max(initial=-np.inf)).tolist(), strict=True))
        activation = _ACTIVATIONS[shape["options"].get("activation", "none")]
        return cls(dims, towers, weights, activation, int(shape["width"]), artefacts.fingerprint(found))

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One unit vector per product: ``(n, dim)``; products without any learned block are not present."""
        first = self._checked(blocks)
        fused = np.zeros((len(first), self.dim), dtype=np.float32)
        for rows in _chunks(len(first)):
            for part in self._parts(blocks, rows).values():
                fused[rows] += part
        return Embeddings(first.ids, first.owners, fused, np.asarray(fused.any(axis=1)))

    def parts(self, blocks: Mapping[str, Embeddings]) -> Mapping[str, Vectors]:
        """What each learned block adds to the fused vectors: block -> ``(n, dim)``; the parts sum to :meth:`fuse`."""
        first = self._checked(blocks)
        found = {name: np.zeros((len(first), self.dim), dtype=np.float32) for name in self.towers}
        for rows in _chunks(len(first)):
            for name, part in self._parts(blocks, rows).items():
                found[name][rows] = part
        return found

    def _checked(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        check_blocks(blocks, self.dims)
        check_widths(blocks, self.dims)
        return next(iter(blocks.values()))

    def _parts(self, blocks: Mapping[str, Embeddings], rows: slice) -> Parts:
        """Of some products, what each of their blocks adds."""
        weighed: Parts = {}
        for name, tower in self.towers.items():
            if name in blocks:
                tokens, there = tower.tokens(_part_of(blocks[name], rows))
                share = np.where(there, np.float32(self.weights[name]), np.float32(0))
                weighed[name] = share[:, None] * self.activation(tokens)
        return unit_sum(weighed) if weighed else {}


@dataclass(frozen=True, eq=False)
class _Tower:
    """A block's centre and its layers: one linear layer, or two with a layer norm and GELU between."""

    centre: NDArray[np.float32]
    layers: tuple[NDArray[np.float32], ...]  # weight, bias (, scale, shift, weight, bias)

    def tokens(self, block: Embeddings) -> tuple[Vectors, NDArray[np.bool_]]:
        """Rows ``(n, d)`` to tokens ``(n, dim)`` of mean square 1, and which are there ``(n,)``."""
        given = prepared(block, self.centre)
        weight, bias, *rest = self.layers
        rows = given.vectors @ weight.T + bias
        if rest:
            scale, shift, weight, bias = rest
            rows = gelu(_layer_norm(rows, scale, shift)) @ weight.T + bias
        lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        tokens: Vectors = (rows / lengths * math.sqrt(rows.shape[1])).astype(np.float32)
        return tokens, given.present


def _named(layers: Sequence[int], places: Iterable[int]) -> list[str]:
    """The arrays of towers, layer by layer."""
    return [f"{_TOWER}{place}.{layer}.{what}" for place in places for layer in layers for what in ("weight", "bias")]


def _layer_norm(x: Vectors, scale: NDArray[np.float32], shift: NDArray[np.float32]) -> Vectors:
    found: Vectors = x - x.mean(axis=1, keepdims=True)
    variance = np.einsum("nd,nd->n", found, found)[:, None] / np.float32(x.shape[1])
    found /= np.sqrt(variance + np.float32(_LAYER_NORM))
    found *= scale
    found += shift
    return found


def _sigmoid(x: Vectors) -> Vectors:
    from scipy.special import expit

    found: Vectors = expit(x)
    return found


_ACTIVATIONS: Mapping[str, Callable[[Vectors], Vectors]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
}


def _chunks(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def _part_of(block: Embeddings, rows: slice) -> Embeddings:
    return Embeddings(block.ids[rows], block.owners[rows], block.vectors[rows], block.present[rows])
