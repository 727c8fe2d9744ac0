"""What every cleaning step is: settings that stand in a plan, and a function from one product to what becomes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from goodsense.catalog import Product

Transform: TypeAlias = Callable[[Product], Sequence[Product]]
Read: TypeAlias = Callable[[], Iterable[Product]]


class Step(BaseModel, ABC):
    """One step of a plan; ``why`` says what it is for, ``on = false`` leaves it out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    do: str
    why: str = ""
    on: bool = True

    @abstractmethod
    def fit(self, read: Read) -> Transform:
        """Look at the catalog (as often as needed) and give the function that changes one product.

        The function returns what becomes of the product: itself where nothing changes, nothing to drop it, several
        to split it.
        """


class PureStep(Step):
    """A step that needs to know one product only."""

    def fit(self, read: Read) -> Transform:
        return lambda product: (self.change(product),)

    @abstractmethod
    def change(self, product: Product) -> Product:
        """The product as it should be; itself if nothing is to do."""


def fit_steps(steps: Iterable[Step], read: Read) -> list[Transform]:
    """Fit steps one after the other, each to the catalog as the ones before it leave it."""
    done: list[Transform] = []
    for step in steps:
        done.append(step.fit(lambda: run_steps(done, read())))
    return done


def run_steps(transforms: Sequence[Transform], products: Iterable[Product]) -> Iterator[Product]:
    """Stream a catalog through fitted steps."""
    for product in products:
        yield from (result for result, _ in trace_steps(transforms, product))


def trace_steps(transforms: Sequence[Transform], product: Product) -> list[tuple[Product, tuple[int, ...]]]:
    """What becomes of one product, each with the numbers of the steps that changed it (from 0)."""
    now: list[tuple[Product, tuple[int, ...]]] = [(product, ())]
    for place, transform in enumerate(transforms):
        then: list[tuple[Product, tuple[int, ...]]] = []
        for item, changed in now:
            results = transform(item)
            same = len(results) == 1 and results[0] == item
            then += [(result, changed if same else (*changed, place)) for result in results]
        now = then
    return now
