"""Steps that change a text a little, for training: see :mod:`goodsense.augmentation` for how they are put together.

Every step is a small frozen value and a function of a text and a random generator; the same generator gives the same
text. ``standard`` is what the built-in encoders and a shop without wishes of its own use.
"""

from __future__ import annotations

from goodsense.augmentation import Chain, chain
from goodsense.text.augment_forms import ChangeForm, ReorderSentences
from goodsense.text.augment_rewrite import Rewrite
from goodsense.text.augment_typos import KeyboardTypos, PinyinTypos
from goodsense.text.augment_words import DropWords, KnowsNeighbours, ReplaceByNeighbours, ReplaceSynonyms, SwapWords

__all__ = [
    "ChangeForm",
    "DropWords",
    "KeyboardTypos",
    "KnowsNeighbours",
    "PinyinTypos",
    "ReorderSentences",
    "ReplaceByNeighbours",
    "ReplaceSynonyms",
    "Rewrite",
    "SwapWords",
    "standard",
]


def standard(*, synonyms: tuple[tuple[str, ...], ...] = ()) -> Chain[str]:
    """A mild chain for texts of goods in Chinese and English; ``synonyms`` are the shop's own groups of words."""
    return chain(
        (ReorderSentences(), 0.2),
        (ChangeForm(kinds=("order", "voice", "material", "purpose")), 0.3),
        (ReplaceSynonyms(extra=synonyms), 0.5),
        (DropWords(), 0.5),
        (SwapWords(), 0.3),
        (KeyboardTypos(), 0.3),
        (PinyinTypos(), 0.3),
    )
