"""What a catalog itself says belongs together: titles and the descriptions, categories and attributes they stand with.

From these pairs the encoders ``bag``, ``rnn`` and ``transformer`` learn, by contrast with the other pairs of a batch:
InfoNCE, van den Oord et al., "Representation Learning with Contrastive Predictive Coding" (2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.learning.networks import need_torch
from goodsense.types import TextFields

if TYPE_CHECKING:
    import torch

TITLE = "title"
PARTNERS = ("description", "category", "attributes", "bullets")  # fields that are paired with the title
LEAST_BATCH = 2  # pairs; one alone has nothing to be told apart from


@dataclass(frozen=True, eq=False)
class TextPairs:
    """Pairs of texts, as places in ``texts``; equal texts have one place.

    ``kind[i]`` says which field pair ``i`` was made of: a place in ``kinds``, in which ``"title"`` pairs the title with
    itself: two views of it, each with other words left out.
    """

    texts: tuple[str, ...]
    left: NDArray[np.int64]  # (n,)
    right: NDArray[np.int64]  # (n,)
    kind: NDArray[np.int64]  # (n,)
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.left)

    @classmethod
    def of(cls, values: Sequence[TextFields]) -> TextPairs:
        """The pairs of a catalog, in its order; a pair that comes twice is kept once.

        A product without a title is paired by its longest field instead.
        """
        places: dict[str, int] = {}
        kinds = (TITLE, *PARTNERS)
        found: dict[tuple[int, int, int], None] = {}
        for value in values:
            texts = {field: text for field, text in value.items() if text.strip()}
            if not texts:
                continue
            anchor = TITLE if TITLE in texts else max(sorted(texts), key=lambda field: len(texts[field]))
            own = places.setdefault(texts[anchor], len(places))
            found[own, own, 0] = None
            for kind, field in enumerate(kinds):
                if field in texts and field not in (anchor, TITLE):
                    found[own, places.setdefault(texts[field], len(places)), kind] = None
        rows = np.array(list(found), dtype=np.int64).reshape(-1, 3)
        return cls(tuple(places), rows[:, 0], rows[:, 1], rows[:, 2], kinds)

    def among(self, texts: Sequence[bool]) -> TextPairs:
        """The pairs whose texts are both among those that are true."""
        chosen = np.array(texts, dtype=bool)
        kept = chosen[self.left] & chosen[self.right] if len(self) else np.zeros(0, dtype=bool)
        return TextPairs(self.texts, self.left[kept], self.right[kept], self.kind[kept], self.kinds)

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """One epoch: every pair once, in batches of one kind, in random order; places of pairs."""
        made = []
        for kind in range(len(self.kinds)):
            own = rng.permutation(np.flatnonzero(self.kind == kind))
            parts = [own[start : start + size] for start in range(0, len(own), size)]
            made += [part for part in parts if len(part) >= LEAST_BATCH]
        for i in rng.permutation(len(made)).tolist():
            yield made[i]

    def steps(self, size: int) -> int:
        """How many batches an epoch has."""
        counts = np.bincount(self.kind, minlength=len(self.kinds)).tolist()
        return sum(count // size + (count % size >= LEAST_BATCH) for count in counts)

    def equal(self, batch: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which pairs of a batch share a text, ``(b, b)``: these are no contrast to each other."""
        left, right = self.left[batch], self.right[batch]
        found: NDArray[np.bool_] = (left[:, None] == left) | (right[:, None] == right)
        return found


def info_nce(left: torch.Tensor, right: torch.Tensor, equal: NDArray[Any], temperature: float) -> torch.Tensor:
    """How badly pairs find each other among all of a batch, in both directions; a scalar.

    ``left`` and ``right`` are unit rows ``(b, d)`` and row ``i`` of one belongs to row ``i`` of the other. Where
    ``equal`` ``(b, b)`` is true off the diagonal, the two pairs have the same target and are not told apart.
    """
    torch = need_torch("training")
    scores = left @ right.T / temperature  # (b, b)
    others = torch.from_numpy(np.asarray(equal) & ~np.eye(len(equal), dtype=bool))
    scores = scores.masked_fill(others, float("-inf"))
    own = torch.arange(len(scores))
    entropy = torch.nn.functional.cross_entropy
    return (entropy(scores, own) + entropy(scores.T, own)) / 2
