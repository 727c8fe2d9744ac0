"""Labels that flow along a graph of neighbours, by sparse matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.learners import Codes, Shares, Supervised
from goodsense.types import Embeddings, Vectors

Rule: TypeAlias = Literal["spreading", "propagation"]

AT_ONCE = 1_024  # rows whose similarities to all others are held at a time


def neighbours_of(rows: Vectors, among: Vectors, k: int, *, other_than_self: bool = False) -> Any:
    """The ``k`` nearest by inner product, as sparse CSR ``(n, m)`` of what is positive; the oracle, row against all.

    Parameters
    ----------
    rows, among
        ``(n, d)`` and ``(m, d)``, unit rows.
    k
        How many of each row, at most.
    other_than_self
        ``rows`` are ``among``, and none is its own neighbour.
    """
    from scipy.sparse import csr_matrix

    n, m = len(rows), len(among)
    k = min(k, m - int(other_than_self))
    if k < 1 or not n:
        return csr_matrix((n, m), dtype=np.float64)
    targets, weights = np.zeros((n, k), dtype=np.int64), np.zeros((n, k))
    for start in range(0, n, AT_ONCE):
        near = rows[start : start + AT_ONCE] @ among.T  # (b, m)
        if other_than_self:
            near[np.arange(len(near)), np.arange(start, start + len(near))] = -np.inf
        chosen = np.sort(np.argpartition(-near, k - 1, axis=1)[:, :k], axis=1)
        targets[start : start + len(near)] = chosen
        weights[start : start + len(near)] = np.take_along_axis(near, chosen, axis=1)
    graph = csr_matrix((np.maximum(weights.ravel(), 0.0), targets.ravel(), np.arange(0, n * k + 1, k)), shape=(n, m))
    graph.eliminate_zeros()
    return graph


def neighbour_graph(rows: Vectors, k: int) -> Any:
    """Two products are joined if either is among the other's ``k`` nearest: symmetric CSR ``(n, n)``, zero diagonal."""
    near = neighbours_of(rows, rows, k, other_than_self=True)
    return near.maximum(near.T).tocsr()


def spread_labels(
    graph: Any, labels: Codes, classes: Codes, *, alpha: float = 0.9, tolerance: float = 1e-6, most: int = 1_000
) -> NDArray[np.float64]:
    """Local and global consistency: ``F = alpha S F + (1 - alpha) Y`` with ``S = D^-1/2 W D^-1/2``, until it rests.

    Zhou, Bousquet, Lal, Weston and Schölkopf, "Learning with Local and Global Consistency", NIPS 2003.

    Parameters
    ----------
    graph
        Symmetric sparse CSR ``(n, n)`` without negative weights; its diagonal is passed over.
    labels
        ``(n,)``; -1 where there is none.
    classes
        ``(C,)`` ascending.
    alpha
        What a product takes from its neighbours, from 0 to below 1; the rest is its own label.
    tolerance, most
        Ends when no score moves further, or after so many rounds.

    Returns
    -------
    ``(n, C)`` scores from 0 up; zero where no label reaches.
    """
    if not 0 <= alpha < 1:
        raise UsageError(f"alpha is {alpha}; expected a number from 0 to below 1.")
    weights, degrees = _checked(graph, labels)
    from scipy.sparse import diags

    root = diags(np.divide(1.0, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0))
    step, own = (root @ weights @ root).tocsr(), _one_hot(labels, classes)
    scores = own.copy()
    for _ in range(most):
        before, scores = scores, alpha * (step @ scores) + (1 - alpha) * own
        if np.abs(scores - before).max(initial=0.0) < tolerance:
            break
    return scores


def propagate_labels(
    graph: Any, labels: Codes, classes: Codes, *, tolerance: float = 1e-6, most: int = 1_000
) -> NDArray[np.float64]:
    """Label propagation: products take the mean of their neighbours, and what is labelled keeps its label.

    Zhu and Ghahramani, "Learning from Labeled and Unlabeled Data with Label Propagation", CMU-CALD-02-107, 2002.
    Parameters and answer as in :func:`spread_labels`.
    """
    weights, degrees = _checked(graph, labels)
    from scipy.sparse import diags

    inverse = np.divide(1.0, degrees, out=np.zeros_like(degrees), where=degrees > 0)
    step, own, known = (diags(inverse) @ weights).tocsr(), _one_hot(labels, classes), labels >= 0
    scores = own.copy()
    for _ in range(most):
        before, scores = scores, step @ scores
        scores[known] = own[known]
        if np.abs(scores - before).max(initial=0.0) < tolerance:
            break
    return scores


class LabelGraph(Supervised):
    """Labels that flow over the products' nearest neighbours; a new product asks its own neighbours.

    Parameters
    ----------
    rule
        :func:`spread_labels` or :func:`propagate_labels`.
    k
        Neighbours of each product.
    alpha
        For spreading.
    """

    def __init__(self, rule: Rule = "spreading", *, k: int = 10, alpha: float = 0.9) -> None:
        super().__init__()
        if rule not in ("spreading", "propagation"):
            raise UsageError(f"rule is {rule!r}; expected 'spreading' or 'propagation'.")
        if k < 1:
            raise UsageError(f"k is {k}; expected at least one neighbour.")
        self._rule, self._k, self._alpha = rule, k, alpha
        self._seen: Vectors = np.zeros((0, 0), dtype=np.float32)
        self._scores: NDArray[np.float64] = np.zeros((0, 0))

    def fit(self, blocks: Mapping[str, Embeddings], labels: Codes, *, seed: int = 0) -> Self:
        """Let the labels flow over all products that have vectors.

        Raises
        ------
        UsageError
            If the labelled products that have vectors are of fewer than two classes.
        """
        self._begin(blocks, labels, seed, f"label {self._rule}")
        rows = self._rows(blocks)
        self._seen, known = rows.vectors[rows.present], labels[rows.present]
        graph = neighbour_graph(self._seen, self._k)
        if self._rule == "spreading":
            self._scores = spread_labels(graph, known, self._classes, alpha=self._alpha)
        else:
            self._scores = propagate_labels(graph, known, self._classes)
        return self

    def predict_proba(self, blocks: Mapping[str, Embeddings]) -> Shares:
        """Shares of the classes among the scores of each product's nearest; the labels' own shares where none has any.

        A product that was seen in the fit is its own nearest, and keeps most of its own scores.
        """
        if not len(self._scores):
            raise UsageError("this learner was not fitted yet.", fix="Call fit(blocks, labels) first.")
        rows = self._rows(blocks)
        found = np.tile(self._shares, (len(rows), 1))
        told = neighbours_of(rows.vectors[rows.present], self._seen, self._k) @ shares_of(self._scores)
        reached = told.sum(axis=1) > 0
        found[np.flatnonzero(rows.present)[reached]] = shares_of(told[reached])
        return found


def shares_of(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that sum to 1; zero rows stay zero."""
    totals = scores.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(scores, totals, out=np.zeros_like(scores), where=totals > 0)
    return shares


def _checked(graph: Any, labels: Codes) -> tuple[Any, NDArray[np.float64]]:
    """The weights without their diagonal, and how much stands at each product."""
    from scipy.sparse import csr_matrix

    weights = csr_matrix(graph, dtype=np.float64, copy=True)
    if weights.shape != (len(labels), len(labels)):
        raise UsageError(f"the graph is {weights.shape} for {len(labels)} labels; expected one row and column each.")
    if weights.nnz and weights.data.min() < 0:
        raise UsageError(f"an edge of the graph weighs {weights.data.min()}; expected weights from 0 up.")
    weights.setdiag(0)
    weights.eliminate_zeros()
    return weights, np.asarray(weights.sum(axis=1), dtype=np.float64).ravel()


def _one_hot(labels: Codes, classes: Codes) -> NDArray[np.float64]:
    own = np.zeros((len(labels), len(classes)))
    known = np.flatnonzero(labels >= 0)
    own[known, np.searchsorted(classes, labels[known])] = 1.0
    return own
