"""Progress as a function: whoever works says how far it is; whoever shows it decides how."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the stage's name, the units done and the units in all (None when unknown), and what else to show.

    Several stages may be under way at once, and several threads may call.
    """

    def __call__(self, stage: str, done: int, total: int | None, *, note: str = "") -> None: ...


def silent(stage: str, done: int, total: int | None, *, note: str = "") -> None:
    """Show nothing."""
