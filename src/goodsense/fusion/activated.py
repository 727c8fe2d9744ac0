"""Feature maps of each block before they are summed, and the product of feature maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.options import check_choice, number
from goodsense.fusion.base import Arrays, BlockFusion, Parts, mapped, unit_sum
from goodsense.fusion.blocks import ALL_ALIKE, Given
from goodsense.fusion.simple import check_common
from goodsense.fusion.widths import Widths, common_maps
from goodsense.types import Vectors

Activation: TypeAlias = Literal["sigmoid", "relu", "tanh"]
INTERACTION = "interaction"  # the part of a product that no block makes by itself


class ActivatedFusion(BlockFusion):
    """Each block's row, brought to one width, goes through an activation; the centred activations are summed.

    Entries of a row are scaled to a mean square of 1 first, times ``gain``, so that the activation bends them. What an
    activation is on average over the training products is subtracted: sigmoid and ReLU are never negative, and without
    it all products would look alike, and those with more blocks the most. A block that is missing adds nothing.

    Parameters
    ----------
    activation
        ``sigmoid``, ``relu`` or ``tanh``.
    gain
        How far entries reach into the bend of the activation, above 0; ReLU bends at 0 whatever it is.
    dim, widths
        As of :class:`goodsense.fusion.simple.MeanFusion`.
    """

    kind: ClassVar[str] = "activated"

    def __init__(
        self,
        *,
        activation: Activation = "relu",
        gain: float = 1.0,
        dim: int | None = None,
        widths: Widths = "pca",
    ) -> None:
        check_common(dim, widths)
        check_choice(ACTIVATIONS, activation=activation)
        gain = number("gain", gain, least=0, above=True)
        super().__init__(activation=activation, gain=gain, dim=dim, widths=widths)

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        return _learned(given, self._options, seed)

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        return unit_sum(_activations(given, self._options, self._arrays["mean"]))


class ProductFusion(BlockFusion):
    """Hadamard product of activated projections, as in low-rank bilinear pooling (Kim and others, ICLR 2017).

    By default the factor of a block is 1 plus its centred activation (:class:`ActivatedFusion`), and 1 is subtracted
    from the product: a missing block is the factor 1 and changes nothing, so a product with a picture alone still
    compares with one that has text too. What remains is each block's own activation, which is its part, and all their
    interactions, which are the part ``"interaction"``. With ``plain`` the activations themselves are multiplied, and
    missing blocks are left out of the product; products with different sets of blocks then hardly compare.

    Parameters
    ----------
    activation, gain, dim, widths
        As of :class:`ActivatedFusion`.
    plain
        Multiply activations rather than 1 plus centred activations.
    """

    kind: ClassVar[str] = "product"

    def __init__(
        self,
        *,
        activation: Activation = "tanh",
        gain: float = 1.0,
        dim: int | None = None,
        widths: Widths = "pca",
        plain: bool = False,
    ) -> None:
        check_common(dim, widths)
        check_choice(ACTIVATIONS, activation=activation)
        gain = number("gain", gain, least=0, above=True)
        super().__init__(activation=activation, gain=gain, dim=dim, widths=widths, plain=bool(plain))

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        return _learned(given, self._options, seed)

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        if self._options["plain"]:
            return unit_sum(_plain_product(given, _activations(given, self._options, None)))
        own = _activations(given, self._options, self._arrays["mean"])
        whole = np.prod([1 + rows for rows in own.values()], axis=0) - 1
        return unit_sum({**own, INTERACTION: whole - sum(own.values())})


def _sigmoid(rows: Vectors) -> Vectors:
    found: Vectors = 0.5 * (1 + np.tanh(0.5 * rows))  # does not overflow
    return found


def _relu(rows: Vectors) -> Vectors:
    return np.maximum(rows, np.float32(0))


def _tanh(rows: Vectors) -> Vectors:
    found: Vectors = np.tanh(rows)
    return found


ACTIVATIONS: Mapping[str, Callable[[Vectors], Vectors]] = {"sigmoid": _sigmoid, "relu": _relu, "tanh": _tanh}
assert tuple(ACTIVATIONS) == get_args(Activation)


def _learned(given: Mapping[str, Given], options: Mapping[str, object], seed: int) -> Arrays:
    """The map of each block, and its mean activation over the products that have it."""
    maps = common_maps(given, dim=options["dim"], widths=options["widths"], seed=seed)  # type: ignore[arg-type]
    found = mapped(given, maps)
    raw = _activations(found, options, None)
    return {"map": maps, "mean": {name: _mean(rows[found[name].present]) for name, rows in raw.items()}}


def _activations(
    given: Mapping[str, Given], options: Mapping[str, object], means: Mapping[str, NDArray[np.float32]] | None
) -> Parts:
    """Activated rows, less their means if there are any; zero where the block is missing. Block -> ``(n, dim)``."""
    bend, found = ACTIVATIONS[str(options["activation"])], {}
    for name, rows in given.items():
        scale = np.float32(float(options["gain"]) * math.sqrt(rows.vectors.shape[1]))  # type: ignore[arg-type]
        bent = bend(rows.vectors * scale)
        found[name] = np.where(rows.present[:, None], bent if means is None else bent - means[name], np.float32(0))
    return found


def _mean(rows: Vectors) -> NDArray[np.float32]:
    """Of rows ``(n, dim)``; zero where nothing would remain of them, as with one product or many equal ones."""
    mean = rows.sum(axis=0, dtype=np.float64) / max(len(rows), 1)
    length = np.sqrt((rows.astype(np.float64) ** 2).sum() / max(len(rows), 1))
    if np.linalg.norm(mean) > ALL_ALIKE * length:
        mean[:] = 0
    found: NDArray[np.float32] = mean.astype(np.float32)
    return found


def _plain_product(given: Mapping[str, Given], bent: Mapping[str, Vectors]) -> Parts:
    """The product of the blocks there are; a block that stands alone makes the whole, else the interaction does."""
    counts = np.sum([rows.present for rows in given.values()], axis=0)[:, None]
    factors = [np.where(given[name].present[:, None], rows, np.float32(1)) for name, rows in bent.items()]
    parts = {name: np.where(counts == 1, rows, np.float32(0)) for name, rows in bent.items()}
    return {**parts, INTERACTION: np.where(counts > 1, np.prod(factors, axis=0), np.float32(0))}
