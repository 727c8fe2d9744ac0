"""The text tower of a model that has two: words to the space of pictures, sounds or clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from goodsense.encoders.hub.loading import ModelFolder
from goodsense.encoders.hub.tokens import Tokens, padded
from goodsense.encoders.hub.towers import Inputs, TorchTower, Tower, feature_network
from goodsense.errors import UsageError
from goodsense.types import TextFields, Vectors, normalise

BATCH = 32  # texts per pass through the model
_ROBERTA = ("clap", "altclip")  # their text towers count positions from the padding's number on
_MOST = 512  # tokens of a query
SAMPLE = (
    "a red cotton shirt",
    "儿童木制积木玩具",
    "a stainless steel water bottle on a white table",
    "gift",
    "running shoes for women",
    "不锈钢保温杯",
)


def checked_template(template: str) -> str:
    """A sentence with one ``{}``.

    Raises
    ------
    UsageError
        If it has none, or several.
    """
    if not isinstance(template, str) or template.count("{}") != 1:
        raise UsageError(
            f"template is {template!r}; expected a text with one {{}}, where the words of the query go.",
            fix='Write for instance: template = "a photo of {}"',
        )
    return template


class TextSide:
    """Texts as the model was trained to read them.

    Parameters
    ----------
    folder
        The model.
    template
        What a query is put into.
    """

    def __init__(self, folder: ModelFolder, template: str) -> None:
        self._family = folder.family
        self._template = template
        self._tokens = Tokens.of(folder)
        self._limit = self._family.text_length or _capacity(folder)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the tower reads; without a mask where padding is attended to."""
        return ("input_ids",) if self._family.text_length else ("input_ids", "attention_mask")

    def original(self, network: Any) -> TorchTower:
        """The tower in torch."""
        return TorchTower(feature_network(network, "get_text_features", self.inputs), self.inputs)

    def axes(self) -> dict[str, tuple[str, ...]]:
        """Which axes of the inputs have no fixed length."""
        return dict.fromkeys(self.inputs, ("rows", "" if self._family.text_length else "tokens"))

    def sample(self) -> Inputs:
        """Inputs to compare on."""
        return self._inputs(self._numbers(SAMPLE))

    def vectors(self, texts: Sequence[str | TextFields], tower: Tower, *, dim: int) -> Vectors:
        """``n`` texts to ``(n, dim)`` unit rows; a zero row for an empty one."""
        plain = [text if isinstance(text, str) else ". ".join(text.values()) for text in texts]
        plain = [" ".join(text.split()) for text in plain]
        found = np.zeros((len(plain), dim), dtype=np.float32)
        filled = [i for i, text in enumerate(plain) if text]
        numbers = self._numbers([plain[i] for i in filled])
        order = sorted(range(len(filled)), key=lambda i: (len(numbers[i]), i))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            found[[filled[i] for i in rows]] = normalise(tower(self._inputs([numbers[i] for i in rows])))
        return found

    def inputs_of(self, texts: Sequence[str]) -> Inputs:
        """What the tower reads of texts that say something."""
        return self._inputs(self._numbers([" ".join(text.split()) for text in texts]))

    def _numbers(self, texts: Sequence[str]) -> list[list[int]]:
        placed = [self._template.replace("{}", text) for text in texts]
        if self._family.lower:
            placed = [text.lower() for text in placed]
        return [row or [self._tokens.padding] for row in self._tokens.numbers(placed, limit=self._limit)]

    def _inputs(self, numbers: Sequence[Sequence[int]]) -> Inputs:
        ids, mask = padded(numbers, self._tokens.padding, length=self._family.text_length)
        return dict(zip(("input_ids", "attention_mask"), (ids, mask), strict=True))


def _capacity(folder: ModelFolder) -> int:
    """Tokens that the text tower can read; CLIP's 77 where the folder does not say."""
    stated = (folder.config.get("text_config") or {}).get("max_position_embeddings")
    roberta = folder.model_type in _ROBERTA
    positions = stated if isinstance(stated, int) else 514 if roberta else 77
    return max(2, min(positions - 2 if roberta else positions, _MOST))
