"""What is asked of an ablation, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from goodsense.errors import UsageError
from goodsense.evaluate.ablation import Ablation
from goodsense.evaluate.controls import Control
from goodsense.evaluate.robustness import Robustness
from goodsense.shop.ablation.rivals import EFFORTS, Effort

GOALS = ("judged", "label", "classify", "next", "other")  # in the order in which people care for them


@dataclass(frozen=True)
class Plan:
    """What is asked of an ablation.

    Parameters
    ----------
    label
        The field that products share in "same label" and that is told in classification; None for the category, or
        the brand where categories tell nothing.
    goals
        Some of :data:`GOALS`; empty for all that the shop has data for.
    modalities
        Some of the build's; empty for all.
    effort
        ``quick``: closed forms only, and no classification; ``usual``: trained networks too; ``all``: rare ones, and
        graphs.
    missing
        Whether everything is measured again with modalities missing.
    mask
        Whether the words of all labels are taken out of all text.
    level, seed
        Of the intervals and of the gate; of everything that is drawn.

    Raises
    ------
    UsageError
        If a goal or the effort is unknown.
    """

    label: str | None = None
    goals: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    effort: Effort = "usual"
    missing: bool = False
    mask: bool = False
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        for goal in self.goals:
            if goal not in GOALS:
                raise UsageError(f"there is no goal {goal!r}; there are {', '.join(GOALS)}.")
        if self.effort not in EFFORTS:
            raise UsageError(f"the effort {self.effort!r}; expected {', '.join(EFFORTS)}.")

    def wants(self, goal: str) -> bool:
        """Whether a goal is asked for; where none is, a quick run leaves classification out."""
        return goal in self.goals if self.goals else not (goal == "classify" and self.effort == "quick")


@dataclass(frozen=True)
class Measured:
    """One goal: what was compared, what happens where modalities are missing, and whether rubbish was seen through.

    ``method`` is how sets of modalities were fused, ``fused`` what was measured with modalities missing. ``more`` has
    further figures of single cases on test, such as macro F1, or the metric by what was asked with.
    """

    name: str
    what: str
    ablation: Ablation
    method: str
    missing: Robustness | None = None
    fused: str = ""
    control: Control | None = None
    more: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "goal": self.name,
            "what": self.what,
            "method": self.method,
            "ablation": self.ablation.to_json(),
            "missing": None if self.missing is None else {"fusion": self.fused, **self.missing.to_json()},
            "control": None if self.control is None else self.control.to_json(),
            "more": {name: dict(found) for name, found in self.more.items()},
        }


@dataclass(frozen=True)
class ShopAblation:
    """Every goal that was measured; ``notes`` say what was left out, and why."""

    goals: tuple[Measured, ...]
    modalities: tuple[str, ...]
    products: Mapping[str, int]  # by part: train, val, test
    notes: tuple[str, ...]
    seconds: float

    @property
    def main(self) -> Measured:
        """The goal that people care for most, of those that were measured."""
        return self.goals[0]

    def __getitem__(self, name: str) -> Measured:
        return next(goal for goal in self.goals if goal.name == name)

    def to_json(self) -> dict[str, Any]:
        return {
            "modalities": list(self.modalities),
            "products": dict(self.products),
            "goals": [goal.to_json() for goal in self.goals],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }
