"""EASE: what an item's neighbours say together, solved in one step.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019). Side information is stacked under the
interactions as in Jeunen, Van Balen and Goethals, "Closed-Form Models for Collaborative Filtering with
Side-Information" (RecSys 2020): every fact is one more shopper, who took to all items that have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.facts import facts_of
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.pruning import strongest
from goodsense.recommend.signals import Values, checked_values, positive, signals
from goodsense.recommend.storage import Arrays, packed, unpacked

Rows: TypeAlias = NDArray[np.int64]

LARGEST = 20_000  # items that are solved for together: 1.6 GB
_BLOCK = 512  # rows of a dense matrix that are made or changed at once
_SAY, _KEPT = 50, 100  # items that a rare item is told from, and weights that are kept of it


@dataclass(frozen=True, eq=False)
class Stack:
    """Several matrices of which every item has one row ``(n, p)``, dense or CSR; their inner products add up."""

    parts: tuple[Any, ...]

    def gram(self, rows: Rows, others: tuple[Any, ...]) -> NDArray[np.float32]:
        """Inner products ``(r, c)`` of some items with those of :meth:`columns`."""
        found = np.zeros((len(rows), others[0].shape[1]), dtype=np.float32)
        for part, other in zip(self.parts, others, strict=True):
            product = part[rows] @ other
            found += product.toarray() if hasattr(product, "toarray") else product
        return found

    def columns(self, count: int) -> tuple[Any, ...]:
        """The first ``count`` items as columns of each part, ``(p, count)``."""
        across = (part[:count].T for part in self.parts)
        return tuple(part.tocsr() if hasattr(part, "tocsr") else part for part in across)

    def own(self, count: int) -> NDArray[np.float32]:
        """All inner products of the first ``count`` items, ``(count, count)``."""
        gram, others = np.empty((count, count), dtype=np.float32), self.columns(count)
        for rows in _blocks(count):
            gram[rows[0] : rows[-1] + 1] = self.gram(rows, others)
        return gram

    def take(self, rows: Rows) -> Stack:
        """The same in another order."""
        return Stack(tuple(part[rows] for part in self.parts))


def inverse(gram: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of a symmetric positive definite matrix ``(n, n)``, in its own memory.

    Raises
    ------
    DataError
        If it is not positive definite.
    """
    from scipy.linalg.lapack import spotrf, spotri

    factor, failed = spotrf(gram.T, lower=0, clean=0, overwrite_a=1)
    if not failed:
        factor, failed = spotri(factor, lower=0, overwrite_c=1)
    if failed:
        raise DataError("the items' matrix cannot be inverted.", fix="Give a larger regularisation.")
    found: NDArray[np.float32] = factor.T  # the lower triangle is the inverse's
    for rows in _blocks(len(found)):
        begin, end = rows[0], rows[-1] + 1
        corner = np.tril(found[begin:end, begin:end])
        found[begin:end, begin:end] = corner + np.tril(corner, -1).T
        found[begin:end, end:] = found[end:, begin:end].T
    return found


def ease_weights(gram: NDArray[np.float32], regularisation: float) -> NDArray[np.float32]:
    """Steck's closed form ``(n, n)`` from inner products of items, in their memory: ``-P_ij / P_jj``, zero diagonal.

    Raises
    ------
    DataError
        If the matrix cannot be inverted.
    """
    gram[np.diag_indices(len(gram))] += regularisation
    return _weights(inverse(gram))


def _weights(precision: NDArray[np.float32]) -> NDArray[np.float32]:
    precision /= -np.diag(precision).copy()[None, :]
    precision[np.diag_indices(len(precision))] = 0.0
    return precision


class Ease(Model):
    """Items that a linear model of all others expects, with the shopper's history as what is known.

    Parameters
    ----------
    regularisation
        Of the ridge regression; larger on small and sparse data.
    largest
        So many items, those with most shoppers, explain each other exactly; time and memory grow with the cube and the
        square of it. Rarer items are told from these, and tell nothing themselves.
    values
        ``binary``, ``log`` or ``weights``: how much each pair counts.
    """

    kind: ClassVar[str] = "ease"

    def __init__(self, *, regularisation: float = 300.0, largest: int = LARGEST, values: Values = "binary") -> None:
        super().__init__()
        positive("regularisation", regularisation)
        positive("largest", largest, whole=True)
        self.regularisation, self.largest = regularisation, largest
        self.values: Values = checked_values(values)

    def _stack(self, interactions: Interactions, content: Content) -> Stack:
        return Stack((signals(interactions, self.values).T.tocsr(),))

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        count = min(self.largest, len(self.items))
        left = len(self.items) - count
        note = f"the {left:,} items with fewest shoppers are told from the others only" if left else ""
        progress(self.kind, 0, len(self.items), note=note)
        order = np.argsort(-self.popularity, kind="stable")
        self._head, self._rest = np.sort(order[:count]), np.sort(order[count:])
        stack = self._stack(interactions, content).take(np.concatenate([self._head, self._rest]))
        gram = stack.own(count)
        gram[np.diag_indices(count)] += self.regularisation
        precision = inverse(gram)
        self._others = _told(precision, stack, left, progress, self.kind)
        self._among = _weights(precision)
        progress(self.kind, len(self.items), len(self.items), note=note)

    def _scores(self, histories: Interactions) -> Scores:
        taken = signals(histories, self.values)
        if not len(self._rest):
            return np.asarray(taken @ self._among, dtype=np.float32)
        known = taken[:, self._head]
        found = np.zeros(taken.shape, dtype=np.float32)
        found[:, self._head] = known @ self._among
        found[:, self._rest] = (known @ self._others).toarray()
        return found

    def _arrays(self) -> Arrays:
        own: Arrays = {"head": self._head, "rest": self._rest, "among": self._among}
        return own | packed("others", self._others)

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._head, self._rest, self._among = arrays["head"], arrays["rest"], arrays["among"]
        self._others = unpacked(arrays, "others")


class EaseWithSide(Ease):
    """EASE that also explains items by what they are, so that items that nobody took to yet can be recommended.

    Parameters
    ----------
    regularisation, largest, values
        As in :class:`Ease`.
    side
        How much likeness of content counts: two items alike in all count as this many common shoppers.
    """

    kind: ClassVar[str] = "ease-side"

    def __init__(
        self,
        *,
        regularisation: float = 300.0,
        side: float = 10.0,
        largest: int = LARGEST,
        values: Values = "binary",
    ) -> None:
        super().__init__(regularisation=regularisation, largest=largest, values=values)
        positive("side", side, zero=True)
        self.side = side

    def _stack(self, interactions: Interactions, content: Content) -> Stack:
        facts = facts_of(content)
        if not facts:
            raise DataError(
                f"{self.kind} has no content to learn from.",
                fix="Give content with blocks, tags or categories; or ease.",
            )
        scale = np.float32(np.sqrt(self.side / len(facts)))
        return Stack((signals(interactions, self.values).T.tocsr(), *(part * scale for part in facts)))


def _told(precision: NDArray[np.float32], stack: Stack, count: int, progress: Progress, stage: str) -> Any:
    """Ridge weights ``(head, rest)`` of the last ``count`` items from the others, the strongest of each; CSR."""
    from scipy.sparse import csr_matrix, vstack

    head = len(precision)
    others = stack.columns(head)
    parts = [csr_matrix((0, head), dtype=np.float32)]
    for rows in _blocks(count):
        gram = strongest(csr_matrix(stack.gram(rows + head, others)), _SAY)
        parts.append(strongest(csr_matrix(gram @ precision), _KEPT, by_size=True))
        progress(stage, head + int(rows[-1]) + 1, head + count)
    return vstack(parts, format="csr").T.tocsr()


def _blocks(count: int) -> Iterator[Rows]:
    for begin in range(0, count, _BLOCK):
        yield np.arange(begin, min(begin + _BLOCK, count))
