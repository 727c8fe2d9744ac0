"""One encoder under the contract: what it reads, and what changes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goodsense.encoders import make_encoder
from goodsense.types import FittedEncoder, Labels, MediaEncoder, Modality


@dataclass(frozen=True)
class Case:
    """``changes`` has every option with a value other than its default; ``options`` are for all fits, to keep them
    small; ``labels`` for encoders that learn from them; ``fits`` is False for what was trained elsewhere."""

    modality: Modality
    name: str
    values: Sequence[Any]
    empty: Any  # a value that says nothing; None if every value says something
    changes: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    labels: Sequence[Labels] = ()
    fits: bool = True
    tolerance: float = 2e-6  # between a single value and a batch
    prepare: Callable[[], object] | None = None  # done once, before the encoder is first made

    @property
    def id(self) -> str:
        kind, _, model = self.name.partition(":")
        return f"{self.modality}-{kind}" + (f"-{Path(model).name}" if model else "")

    def made(self, **options: Any) -> FittedEncoder:
        return make_encoder(self.modality, self.name, {**self.options, **options})

    def fitted(self, *, count: int | None = None, **options: Any) -> FittedEncoder:
        """Fitted on the first ``count`` values."""
        encoder, values = self.made(**options), self.values[:count]
        if isinstance(encoder, MediaEncoder):
            raw = [encoder.describe(value) for value in values]
            return encoder.fit_described(raw, labels=self.labels[:count], seed=0)
        return encoder.fit(values, seed=0)
