"""Boosted trees as plain arrays: what scikit-learn has learned, kept without pickle and evaluated by numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError

_AT_ONCE = 2**21  # nodes that are visited together


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees of two-way splits; ``p`` nodes of all trees one after another.

    Parameters
    ----------
    roots
        ``(t,)`` the first node of every tree.
    feature, threshold
        ``(p,)`` a row goes left if its feature is at most the threshold.
    left, right
        ``(p,)`` nodes; a leaf has itself on both sides.
    unknown_left
        ``(p,)`` bool: where a row goes whose feature is not known.
    value
        ``(p,)`` what a leaf adds.
    base
        ``(1,)`` what every row begins with.
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    unknown_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    base: NDArray[np.float64]
    depth: NDArray[np.int64]  # (1,) splits on the longest way

    @classmethod
    def of(cls, model: Any, values: NDArray[np.float64]) -> Self:
        """From a fitted ``HistGradientBoostingClassifier`` of two classes and numeric features.

        Raises
        ------
        DataError
            If the arrays do not foretell the same for some rows ``(m, f)``: another version of scikit-learn may keep
            its trees in another way.
        """
        grown = [stage[0].nodes for stage in model._predictors]
        sizes = np.array([len(nodes) for nodes in grown], dtype=np.int64)
        roots = np.concatenate(([0], np.cumsum(sizes)))[:-1].astype(np.int64)
        nodes = np.concatenate(grown)
        own = np.arange(len(nodes))
        leaf, begin = nodes["is_leaf"].astype(np.bool_), np.repeat(roots, sizes)
        made = cls(
            roots,
            np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
            nodes["num_threshold"].astype(np.float64),
            np.where(leaf, own, begin + nodes["left"]).astype(np.int64),
            np.where(leaf, own, begin + nodes["right"]).astype(np.int64),
            nodes["missing_go_to_left"].astype(np.bool_),
            np.where(leaf, nodes["value"], 0.0),
            np.array(model._baseline_prediction, dtype=np.float64).reshape(1),
            np.array([int(nodes["depth"].max(initial=0))], dtype=np.int64),
        )
        if len(values) and not np.allclose(made.raw(values), model.decision_function(values), rtol=0, atol=1e-9):
            raise DataError(
                "the trees could not be taken out of this version of scikit-learn.",
                fix="Use logistic regression, or another version of scikit-learn.",
            )
        return made

    def __len__(self) -> int:
        return len(self.roots)

    def raw(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of rows ``(m, f)``, ``(m,)``."""
        found: NDArray[np.float64] = self.base[0] + self._added(values, np.sum)
        return found

    def staged(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds after none of the trees, after the first, and so on, ``(m, t + 1)``."""
        begun = np.full((len(values), 1), self.base[0])
        return np.cumsum(np.hstack([begun, self._added(values, None)]), axis=1)

    def first(self, count: int) -> Trees:
        """The first trees alone."""
        end = int(self.roots[count]) if count < len(self) else len(self.value)
        own = {each: getattr(self, each)[:end] for each in _PER_NODE}
        return replace(self, roots=self.roots[:count], **own)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {f"trees.{each.name}": getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(**{each.name: arrays[f"trees.{each.name}"] for each in fields(cls)})

    def _added(self, values: NDArray[np.float64], reduce: Any | None) -> NDArray[np.float64]:
        """What leaves add, ``(m, t)``, or reduced over the trees."""
        step = max(1, _AT_ONCE // max(1, len(self)))
        parts = []
        for begin in range(0, max(1, len(values)), step):
            found = self.value[self._leaves(values[begin : begin + step])]
            parts.append(found if reduce is None else reduce(found, axis=1))
        return np.concatenate(parts)

    def _leaves(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        at = np.broadcast_to(self.roots, (len(values), len(self))).copy()  # (m, t)
        rows = np.arange(len(values))[:, None]
        for _ in range(int(self.depth[0])):
            own = values[rows, self.feature[at]]
            left = np.where(np.isnan(own), self.unknown_left[at], own <= self.threshold[at])
            at = np.where(left, self.left[at], self.right[at])
        return at


_PER_NODE = ("feature", "threshold", "left", "right", "unknown_left", "value")
