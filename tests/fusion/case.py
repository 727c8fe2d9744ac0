"""One fusion under the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from goodsense.fusion import FittedFusion, make_fusion
from goodsense.types import Embeddings
from tests.fusion.samples import lesson


@dataclass(frozen=True)
class Case:
    """``options`` are for all fits; ``changes`` has options with another value, each of which changes the vectors.

    ``refuses`` names what the fusion cannot learn from and says so: ``"one"`` product, products all ``"alike"``.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    refuses: tuple[str, ...] = ()
    tolerance: float = 2e-6  # between a product by itself and in a batch
    rare: bool = False  # left to the full counts of `make torture`

    @property
    def id(self) -> str:
        return "-".join([self.name, *(str(value) for value in self.options.values() if isinstance(value, str | int))])

    def made(self, **changed: Any) -> FittedFusion:
        return make_fusion(self.name, **{**self.options, **changed})

    def fitted(self, blocks: Mapping[str, Embeddings], *, seed: int = 0, **changed: Any) -> FittedFusion:
        count = len(next(iter(blocks.values())))
        return self.made(**changed).fit(blocks, lesson=lesson(count), seed=seed)
